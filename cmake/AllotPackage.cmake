# Read by cpack for each kind of package: a .deb depends on other packages, a tarball brings its libraries along.
if(CPACK_GENERATOR STREQUAL "DEB")
  set(CPACK_COMPONENTS_ALL core)
else()
  set(CPACK_COMPONENTS_ALL core bundled)
  set(CPACK_COMPONENT_INCLUDE_TOPLEVEL_DIRECTORY ON)
endif()
