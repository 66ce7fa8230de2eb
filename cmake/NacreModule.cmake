# nacre_module(NAME [DEPENDS module...] [LINK library...] [PRIVATE library...])
# One static library nacre_NAME from all sources in nacre/NAME. DEPENDS are other modules, LINK are libraries whose headers
# the module's headers include, PRIVATE those that stay behind its sources.
function(nacre_module name)
  cmake_parse_arguments(ARG "" "" "DEPENDS;LINK;PRIVATE" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/nacre/${name}/*.cpp ${PROJECT_SOURCE_DIR}/nacre/${name}/*/*.cpp)
  list(FILTER sources EXCLUDE REGEX "/main\\.cpp$")
  if(NOT sources)
    message(STATUS "module ${name} is left out: no sources")
    return()
  endif()
  foreach(module ${ARG_DEPENDS})
    if(NOT TARGET nacre_${module})  # e.g. nn without libtorch
      message(STATUS "module ${name} is left out: it needs ${module}")
      return()
    endif()
  endforeach()
  add_library(nacre_${name} STATIC ${sources})
  add_library(nacre::${name} ALIAS nacre_${name})
  set(modules ${ARG_DEPENDS})
  list(TRANSFORM modules PREPEND nacre_)
  target_link_libraries(nacre_${name} PUBLIC nacre_options ${modules} ${ARG_LINK} PRIVATE ${ARG_PRIVATE})
  set_target_properties(nacre_${name} PROPERTIES EXPORT_NAME ${name})
  if(NOT name MATCHES "^(nn|supernet)$")  # libtorch's headers are theirs to precompile
    nacre_precompile(nacre_${name} nacre_base)
  endif()
  set_property(GLOBAL APPEND PROPERTY NACRE_MODULES nacre_${name})
endfunction()

# What nearly every file includes is compiled once: the modules share the precompiled header of base, the test programs that of
# the first one. nn has its own (libtorch), its tests none.
set(NACRE_COMMON_HEADERS <algorithm> <array> <cmath> <cstdint> <filesystem> <functional> <map> <memory> <optional> <span> <string>
    <string_view> <unordered_map> <utility> <vector> <fmt/format.h> <nlohmann/json.hpp>)

function(nacre_precompile target owner)
  if(target STREQUAL owner)
    target_precompile_headers(${target} PRIVATE ${NACRE_COMMON_HEADERS} ${ARGN})
  elseif(TARGET ${owner})
    target_precompile_headers(${target} REUSE_FROM ${owner})
  endif()
endfunction()

# nacre_tests(NAME [LINK target...]): one test program from tests/NAME/*_test.cpp, each test known to ctest by its name.
# A file named *_slow_test.cpp goes into a program of its own whose tests carry the label "slow".
function(nacre_tests name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  # Rooms of a module mirror too; those of predict are programs of their own.
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/${name}/*_test.cpp ${PROJECT_SOURCE_DIR}/tests/${name}/*/*_test.cpp)
  list(FILTER sources EXCLUDE REGEX "/predict/proxies/")
  set(slow ${sources})
  list(FILTER sources EXCLUDE REGEX "_slow_test\\.cpp$")
  list(FILTER slow INCLUDE REGEX "_slow_test\\.cpp$")
  if(sources)
    nacre_test_program(nacre_${name}_tests "${sources}" "${ARG_LINK}" "")
  endif()
  if(slow)
    nacre_test_program(nacre_${name}_slow_tests "${slow}" "${ARG_LINK}" "LABELS;slow;TIMEOUT;1200")
  endif()
endfunction()

function(nacre_test_program program sources libraries properties)
  add_executable(${program} ${sources})
  target_link_libraries(${program} PRIVATE ${libraries} GTest::gtest GTest::gmock GTest::gtest_main)
  if(NOT program MATCHES "^nacre_(nn|supernet)_")
    nacre_precompile(${program} nacre_base_tests <gtest/gtest.h> <gmock/gmock.h>)
  endif()
  # Tests compile twice as fast with little optimization; what they call is optimized in full.
  target_compile_options(${program} PRIVATE $<$<CONFIG:Release>:-O1>)
  set_target_properties(${program} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
  gtest_discover_tests(${program} DISCOVERY_MODE PRE_TEST WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}
                       PROPERTIES ${properties} ENVIRONMENT "NACRE_SOURCE_DIR=${PROJECT_SOURCE_DIR};NACRE_BUILD_DIR=${PROJECT_BINARY_DIR}")
endfunction()
