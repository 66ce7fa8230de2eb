# Warnings, sanitizers, ccache and the linker: what every target of nacre shares.
find_program(NACRE_CCACHE ccache)
if(NACRE_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${NACRE_CCACHE})
endif()

add_library(nacre_options INTERFACE)
set_target_properties(nacre_options PROPERTIES EXPORT_NAME options)
target_compile_features(nacre_options INTERFACE cxx_std_20)
target_include_directories(nacre_options INTERFACE $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>
                           $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_compile_options(nacre_options INTERFACE $<BUILD_INTERFACE:-Wall;-Wextra;-Wno-unknown-pragmas>
                       # GCC 12 reports false overlaps in std::string
                       $<BUILD_INTERFACE:$<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>>)
if(NACRE_SANITIZE)
  target_compile_options(nacre_options INTERFACE -fsanitize=${NACRE_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(nacre_options INTERFACE -fsanitize=${NACRE_SANITIZE})
endif()
