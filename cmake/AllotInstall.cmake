# What leaves the build tree: the core tools with their library, configurations, documents and shell completions.
#
#   cmake --install build/release --prefix DIR     a tree that works wherever it is moved
#   cpack --config build/release/CPackConfig.cmake -G TGZ    the same, with the libraries a bare machine lacks in lib/allot
#   cpack --config build/release/CPackConfig.cmake -G DEB    the same, with those libraries as package dependencies

set(ALLOT_CORE_TOOLS placer-embed placer-apply)

foreach(tool ${ALLOT_CORE_TOOLS})
  foreach(shell_file "bash|share/bash-completion/completions/${tool}" "zsh|share/zsh/site-functions/_${tool}")
    string(REPLACE "|" ";" shell_file "${shell_file}")
    list(GET shell_file 0 shell)
    list(GET shell_file 1 file)
    get_filename_component(folder "${file}" DIRECTORY)
    file(MAKE_DIRECTORY "${CMAKE_BINARY_DIR}/${folder}")
    add_custom_command(OUTPUT "${CMAKE_BINARY_DIR}/${file}"
                       COMMAND ${tool} --completion ${shell} > "${CMAKE_BINARY_DIR}/${file}"
                       DEPENDS ${tool} VERBATIM)
    list(APPEND completions "${CMAKE_BINARY_DIR}/${file}")
    install(FILES "${CMAKE_BINARY_DIR}/${file}" DESTINATION ${folder} COMPONENT core)
  endforeach()
endforeach()
add_custom_target(completions ALL DEPENDS ${completions})

set_target_properties(allot_core ${ALLOT_CORE_TOOLS} PROPERTIES INSTALL_RPATH "$ORIGIN/../lib;$ORIGIN/../lib/allot")
foreach(target allot_core ${ALLOT_CORE_TOOLS})
  # An old-style path also finds what the bundled libraries need themselves.
  target_link_options(${target} PRIVATE LINKER:--disable-new-dtags)
endforeach()
install(TARGETS allot_core ${ALLOT_CORE_TOOLS} RUNTIME_DEPENDENCY_SET allot_runtime
        RUNTIME DESTINATION bin COMPONENT core
        LIBRARY DESTINATION lib COMPONENT core NAMELINK_SKIP)
install(DIRECTORY configs DESTINATION share/allot COMPONENT core)
install(DIRECTORY docs/ DESTINATION share/doc/allot COMPONENT core)
install(FILES README.md CHANGELOG.md LICENSE DESTINATION share/doc/allot COMPONENT core)

# Protobuf, yaml-cpp, fmt and the solvers beside the core. What every Linux has stays the system's: the C and C++ libraries, zlib.
install(RUNTIME_DEPENDENCY_SET allot_runtime
        PRE_EXCLUDE_REGEXES "^ld-linux" "^lib(c|m|dl|rt|pthread|gcc_s|stdc\\+\\+|z)\\.so"
        LIBRARY DESTINATION lib/allot COMPONENT bundled EXCLUDE_FROM_ALL)

set(CPACK_PACKAGE_NAME allot)
set(CPACK_PACKAGE_VENDOR "The Allot developers")
set(CPACK_PACKAGE_CONTACT "The Allot developers")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_PACKAGE_DIRECTORY "${CMAKE_BINARY_DIR}/packages")
set(CPACK_PACKAGE_FILE_NAME "allot-${PROJECT_VERSION}-linux-${CMAKE_SYSTEM_PROCESSOR}")
set(CPACK_RESOURCE_FILE_LICENSE "${PROJECT_SOURCE_DIR}/LICENSE")
set(CPACK_STRIP_FILES ON)
set(CPACK_GENERATOR TGZ DEB)
set(CPACK_COMPONENTS_GROUPING ALL_COMPONENTS_IN_ONE)
set(CPACK_ARCHIVE_COMPONENT_INSTALL ON)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS "${CMAKE_LIBRARY_OUTPUT_DIRECTORY}")
set(CPACK_PROJECT_CONFIG_FILE "${PROJECT_SOURCE_DIR}/cmake/AllotPackage.cmake")
include(CPack)
