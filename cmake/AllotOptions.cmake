# The build's few switches; each that differs from its default is printed at configure time.

option(ALLOT_LEARN "Build the parts that need LibTorch" ON)
option(ALLOT_TESTS "Build the tests" ON)
option(ALLOT_CLP "Place by linear programming (--method m-sct) where COIN-OR Clp is installed" ON)
option(ALLOT_METIS "Place by METIS (--method metis) where it is installed" ON)
option(ALLOT_WERROR "Turn warnings into errors" OFF)
option(ALLOT_ASSERTIONS "Check the standard library's preconditions" OFF)
option(ALLOT_FUZZ "Build the fuzz targets for libFuzzer; needs Clang" OFF)
set(ALLOT_SANITIZE "" CACHE STRING "Sanitizers for all code, e.g. address,undefined")

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/lib")
set(CMAKE_BUILD_RPATH_USE_ORIGIN ON)
set(CMAKE_INSTALL_RPATH "$ORIGIN/../lib")

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${CCACHE}")
endif()

# Every target of ours takes its warnings, checks and include root from here.
add_library(allot_flags INTERFACE)
target_include_directories(allot_flags INTERFACE "${PROJECT_SOURCE_DIR}/lib")
target_compile_options(allot_flags INTERFACE -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # It takes "literal" + std::string for an overlapping copy when optimising (GCC bug 105651).
  target_compile_options(allot_flags INTERFACE -Wno-restrict)
endif()
if(ALLOT_WERROR)
  target_compile_options(allot_flags INTERFACE -Werror)
endif()
if(ALLOT_ASSERTIONS)
  target_compile_definitions(allot_flags INTERFACE _GLIBCXX_ASSERTIONS)
endif()
if(ALLOT_SANITIZE)
  target_compile_options(allot_flags INTERFACE -fsanitize=${ALLOT_SANITIZE} -fno-sanitize-recover=all
                                               -fno-omit-frame-pointer)
  target_link_options(allot_flags INTERFACE -fsanitize=${ALLOT_SANITIZE})
endif()

if(ALLOT_FUZZ)
  target_compile_options(allot_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

foreach(option_default "ALLOT_LEARN=ON" "ALLOT_TESTS=ON" "ALLOT_WERROR=OFF" "ALLOT_ASSERTIONS=OFF" "ALLOT_FUZZ=OFF"
        "ALLOT_SANITIZE=")
  string(REGEX MATCH "([^=]+)=(.*)" _ "${option_default}")
  if(NOT "${${CMAKE_MATCH_1}}" STREQUAL "${CMAKE_MATCH_2}")
    message(STATUS "Allot: ${CMAKE_MATCH_1} = ${${CMAKE_MATCH_1}} (default: '${CMAKE_MATCH_2}')")
  endif()
endforeach()
