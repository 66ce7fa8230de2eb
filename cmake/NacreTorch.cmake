# libtorch, for the modules that run networks. Found at the top, because its targets must be visible to tests and programs.
# Debian's package and PyTorch's own archives (through CMAKE_PREFIX_PATH) carry the same configuration file.
find_package(Torch REQUIRED)
if(TORCH_CXX_FLAGS MATCHES "_GLIBCXX_USE_CXX11_ABI=0")
  message(FATAL_ERROR "this libtorch (${TORCH_INSTALL_PREFIX}) was built with the old C++ ABI of libstdc++ and cannot be linked "
                      "with other C++ libraries; use the cxx11-ABI archive, Debian's libtorch-dev, or -DNACRE_TORCH=OFF")
endif()
