# Installation, the CMake package (find_package(nacre)) and the Debian package (cpack -G DEB).
# Two components: "program" (what a user of the command line needs; the Debian package) and "development" (headers, static
# libraries, nacreConfig.cmake).
include(CMakePackageConfigHelpers)

get_property(nacre_modules GLOBAL PROPERTY NACRE_MODULES)
set(NACRE_PACKAGE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/nacre)

install(TARGETS nacre_options ${nacre_modules} EXPORT nacreTargets
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT development)
install(DIRECTORY nacre/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/nacre COMPONENT development
        FILES_MATCHING PATTERN "*.hpp")
install(EXPORT nacreTargets NAMESPACE nacre:: DESTINATION ${NACRE_PACKAGE_DIR} COMPONENT development)

list(TRANSFORM nacre_modules REPLACE "^nacre_" "" OUTPUT_VARIABLE NACRE_MODULE_NAMES)
configure_package_config_file(cmake/nacreConfig.cmake.in ${PROJECT_BINARY_DIR}/cmake/nacreConfig.cmake
                              INSTALL_DESTINATION ${NACRE_PACKAGE_DIR})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/cmake/nacreConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/cmake/nacreConfig.cmake ${PROJECT_BINARY_DIR}/cmake/nacreConfigVersion.cmake
        DESTINATION ${NACRE_PACKAGE_DIR} COMPONENT development)

if(TARGET nacre)
  install(TARGETS nacre RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT program)
endif()
# Examples name their data relative to themselves (../data/digits), so both keep their places beside each other.
foreach(folder examples data docs repro)
  if(EXISTS ${PROJECT_SOURCE_DIR}/${folder})
    install(DIRECTORY ${folder} DESTINATION ${CMAKE_INSTALL_DATADIR}/nacre COMPONENT program)
  endif()
endforeach()
install(DIRECTORY benchmarks/suites DESTINATION ${CMAKE_INSTALL_DATADIR}/nacre/benchmarks COMPONENT program)
install(FILES README.md CAPABILITIES.md CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT program)
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} RENAME copyright COMPONENT program)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME nacre)
set(CPACK_PACKAGE_VENDOR nacre)
set(CPACK_PACKAGE_CONTACT "the nacre developers <nacre@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "hardware-aware neural architecture search")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_COMPONENTS_ALL program)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_PROGRAM_PACKAGE_NAME nacre)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PROGRAM_DESCRIPTION
    "hardware-aware neural architecture search\n From a data set, a device and limits to trained ONNX models, a Pareto front and a report:\n nacre search /usr/share/nacre/examples/digits.yaml")
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
# libtorch is content with any BLAS; the reference BLAS is about 30 times slower.
set(CPACK_DEBIAN_PACKAGE_DEPENDS "libopenblas0-pthread | libopenblas0")
include(CPack)
