# LibTorch out of a pip wheel: the imported target torch::wheel.
#
# Not find_package(Torch): the wheel's own files insist on a CUDA toolkit when CUDA libraries are there, bring a dummy
# protobuf target and look for MKL. Headers and libraries are all that is needed.
#
#   TORCH_DIR            <...>/site-packages/torch; from the environment: ALLOT_TORCH_DIR, set by scripts/env.sh
#   TorchWheel_VERSION   of the headers
#
# What every user of the target gets:
#   - the wheel's folders as system includes. They also hold google/protobuf 3.13 and fmt 12: no unit includes both
#     torch and protobuf, and fmt is header-only there (FMT_HEADER_ONLY), since the system's libfmt is another version;
#   - the library's folder in the build RPATH (CMake adds it for imported libraries);
#   - the C++ library ABI that the wheel was built with, found by linking against it.

set(TORCH_DIR "$ENV{ALLOT_TORCH_DIR}" CACHE PATH "Folder of the torch Python package")

find_path(TorchWheel_INCLUDE ATen/core/Tensor.h PATHS "${TORCH_DIR}/include" NO_DEFAULT_PATH NO_CACHE)
foreach(library c10 torch_cpu torch)
  find_library(TorchWheel_${library} ${library} PATHS "${TORCH_DIR}/lib" NO_DEFAULT_PATH NO_CACHE)
endforeach()
if(TorchWheel_INCLUDE)
  file(STRINGS "${TorchWheel_INCLUDE}/torch/headeronly/version.h" TorchWheel_VERSION
       REGEX "#define TORCH_VERSION_(MAJOR|MINOR|PATCH) [0-9]+")
  list(TRANSFORM TorchWheel_VERSION REPLACE ".* " "")
  list(JOIN TorchWheel_VERSION "." TorchWheel_VERSION)
endif()

# Sets TorchWheel_ABI to the first value of _GLIBCXX_USE_CXX11_ABI with which a program links against the wheel.
function(torch_wheel_probe_abi)
  if(TorchWheel_PROBED STREQUAL "${TORCH_DIR} ${TorchWheel_VERSION}")
    return()
  endif()
  file(WRITE "${CMAKE_BINARY_DIR}/torch_wheel_probe.cpp"
       "#include <c10/util/Exception.h>\nint main(int argc, char** argv) { TORCH_CHECK(argc > 0, argv[0]); }\n")
  foreach(abi 1 0)
    try_compile(TorchWheel_LINKS "${CMAKE_BINARY_DIR}/torch_wheel_probe" "${CMAKE_BINARY_DIR}/torch_wheel_probe.cpp"
                COMPILE_DEFINITIONS -D_GLIBCXX_USE_CXX11_ABI=${abi} -DFMT_HEADER_ONLY
                CMAKE_FLAGS "-DINCLUDE_DIRECTORIES=${TorchWheel_INCLUDE}"
                LINK_LIBRARIES "${TorchWheel_c10}" "${TorchWheel_torch_cpu}"
                CXX_STANDARD 20 CXX_STANDARD_REQUIRED ON OUTPUT_VARIABLE output NO_CACHE)
    if(TorchWheel_LINKS)
      set(TorchWheel_ABI ${abi} CACHE INTERNAL "")
      set(TorchWheel_PROBED "${TORCH_DIR} ${TorchWheel_VERSION}" CACHE INTERNAL "")
      return()
    endif()
  endforeach()
  unset(TorchWheel_ABI CACHE)
  message(WARNING "Allot: a small program does not build against the torch wheel in ${TORCH_DIR}:\n${output}")
endfunction()

if(TorchWheel_INCLUDE AND TorchWheel_torch_cpu)
  torch_wheel_probe_abi()
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(TorchWheel
  REQUIRED_VARS TorchWheel_torch_cpu TorchWheel_c10 TorchWheel_torch TorchWheel_INCLUDE TorchWheel_ABI
  VERSION_VAR TorchWheel_VERSION)

if(TorchWheel_FOUND AND NOT TARGET torch::wheel)
  add_library(torch::wheel INTERFACE IMPORTED)
  target_include_directories(torch::wheel INTERFACE "${TorchWheel_INCLUDE}"
                                                    "${TorchWheel_INCLUDE}/torch/csrc/api/include")
  target_compile_definitions(torch::wheel INTERFACE FMT_HEADER_ONLY _GLIBCXX_USE_CXX11_ABI=${TorchWheel_ABI})
  target_link_libraries(torch::wheel INTERFACE "${TorchWheel_torch}" "${TorchWheel_torch_cpu}" "${TorchWheel_c10}")
  # CUDA kernels register themselves when their library is loaded, although nothing refers to it by name.
  find_library(TorchWheel_torch_cuda torch_cuda PATHS "${TORCH_DIR}/lib" NO_DEFAULT_PATH NO_CACHE)
  if(TorchWheel_torch_cuda)
    target_link_libraries(torch::wheel INTERFACE
      "-Wl,--push-state,--no-as-needed" "${TorchWheel_torch_cuda}" "-Wl,--pop-state")
  endif()
endif()
