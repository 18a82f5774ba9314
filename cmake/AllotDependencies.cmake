# Finds what Allot is built from, or says which package brings what is missing.

function(allot_require name package)
  if(NOT TARGET ${name})
    message(FATAL_ERROR "Allot: ${name} was not found. Install ${package}, or run scripts/setup.sh.")
  endif()
endfunction()

find_package(Threads REQUIRED)
find_package(fmt QUIET)
allot_require(fmt::fmt libfmt-dev)
find_package(nlohmann_json QUIET)
allot_require(nlohmann_json::nlohmann_json nlohmann-json3-dev)
find_package(CLI11 QUIET)
allot_require(CLI11::CLI11 libcli11-dev)
find_package(yaml-cpp QUIET)
if(TARGET yaml-cpp AND NOT TARGET yaml-cpp::yaml-cpp)
  add_library(yaml-cpp::yaml-cpp ALIAS yaml-cpp)  # namespaced only from 0.8
endif()
allot_require(yaml-cpp::yaml-cpp libyaml-cpp-dev)

# Protobuf comes before anything of torch or ONNX: both would otherwise bring one of their own.
find_package(Protobuf QUIET)
allot_require(protobuf::libprotobuf "libprotobuf-dev protobuf-compiler")

set(ALLOT_ONNX_DIR "$ENV{ALLOT_ONNX_DIR}" CACHE PATH "Install prefix of ONNX's C++ library")
find_package(ONNX QUIET CONFIG PATHS "${ALLOT_ONNX_DIR}" NO_DEFAULT_PATH)
allot_require(ONNX::onnx "ONNX 1.22.0 with namespace allot_onnx")

# Libraries that one placement method each can use; all else works without them.
function(allot_optional option header library target package)
  if(${option})
    find_path(${option}_INCLUDE ${header} PATH_SUFFIXES coin)
    find_library(${option}_LIBRARY ${library})
    if(${option}_INCLUDE AND ${option}_LIBRARY)
      add_library(${target} UNKNOWN IMPORTED)
      set_target_properties(${target} PROPERTIES IMPORTED_LOCATION "${${option}_LIBRARY}"
                            INTERFACE_INCLUDE_DIRECTORIES "${${option}_INCLUDE}"
                            INTERFACE_COMPILE_DEFINITIONS ${option})
    else()
      message(STATUS "Allot: ${library} was not found (${package}); the placement methods that need it are left out")
    endif()
  endif()
endfunction()
allot_optional(ALLOT_METIS metis.h metis METIS::metis libmetis-dev)
allot_optional(ALLOT_CLP Clp_C_Interface.h Clp COIN::Clp coinor-libclp-dev)
foreach(target METIS::metis COIN::Clp)
  if(TARGET ${target})
    list(APPEND ALLOT_SOLVERS ${target})
  endif()
endforeach()

if(ALLOT_LEARN)
  find_package(TorchWheel QUIET)
  if(NOT TARGET torch::wheel)
    message(FATAL_ERROR "Allot: LibTorch was not found. Run scripts/setup.sh test, name a folder with "
                        "-DTORCH_DIR=<...>/site-packages/torch, or build without it: -DALLOT_LEARN=OFF.")
  endif()
  set(MPI_CXX_SKIP_MPICXX ON)
  find_package(MPI QUIET COMPONENTS CXX)
  if(TARGET MPI::MPI_CXX)
    set(ALLOT_MPI MPI::MPI_CXX)
  else()
    message(STATUS "Allot: MPI was not found (libopenmpi-dev); a placed model cannot be run by mpirun")
  endif()
endif()

if(ALLOT_TESTS)
  find_package(Catch2 QUIET)
  allot_require(Catch2::Catch2 catch2)
  find_path(RAPIDCHECK_INCLUDE rapidcheck.h)
  find_library(RAPIDCHECK_LIBRARY rapidcheck)
  if(RAPIDCHECK_INCLUDE AND RAPIDCHECK_LIBRARY AND NOT TARGET rapidcheck)
    add_library(rapidcheck UNKNOWN IMPORTED)
    set_target_properties(rapidcheck PROPERTIES IMPORTED_LOCATION "${RAPIDCHECK_LIBRARY}"
                                                INTERFACE_INCLUDE_DIRECTORIES "${RAPIDCHECK_INCLUDE}")
  endif()
  allot_require(rapidcheck librapidcheck-dev)
endif()
