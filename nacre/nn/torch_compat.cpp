#include "nacre/nn/torch_compat.hpp"

#include <dlfcn.h>
#include <malloc.h>
#include <torch/version.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <set>

#include "nacre/nn/torch_headers.hpp"
#include "nacre/nn/torch_types.hpp"

namespace nacre {
namespace {

std::string cpu_field(const std::string& key) {
  std::ifstream stream("/proc/cpuinfo");
  for (std::string line; std::getline(stream, line);) {
    if (!line.starts_with(key)) continue;
    const size_t colon = line.find(':');
    if (colon != std::string::npos && colon + 2 <= line.size()) return line.substr(colon + 2);
  }
  return "";
}

void call_if_loaded(const char* symbol, int argument) {
  if (void* function = dlsym(RTLD_DEFAULT, symbol)) reinterpret_cast<void (*)(int)>(function)(argument);
}

// The file that defines the product that libtorch calls.
std::string blas_library() {
  for (const char* symbol : {"mkl_blas_sgemm", "sgemm_"}) {
    void* function = dlsym(RTLD_DEFAULT, symbol);
    Dl_info info{};
    if (function == nullptr || dladdr(function, &info) == 0 || info.dli_fname == nullptr) continue;
    std::error_code error;
    const std::filesystem::path resolved = std::filesystem::canonical(info.dli_fname, error);
    return error ? info.dli_fname : resolved.string();
  }
  return "";
}

}  // namespace

std::string torch_version() { return TORCH_VERSION; }

bool device_available(Device device) { return device == Device::cpu || at::hasCUDA(); }

std::string device_description(Device device) {
  if (device == Device::cuda) return "CUDA device";
  const std::string name = cpu_field("model name");
  return name.empty() ? "CPU" : name;
}

bool has_fast_bf16(Device device) {
  if (device == Device::cuda) return true;
  const std::string flags = " " + cpu_field("flags") + " ";
  return flags.find(" avx512_bf16 ") != std::string::npos || flags.find(" amx_bf16 ") != std::string::npos;
}

void set_thread_count(int threads) {
  at::set_num_threads(threads);
  call_if_loaded("openblas_set_num_threads", threads);
  call_if_loaded("omp_set_num_threads", threads);
}

int thread_count() { return at::get_num_threads(); }

void use_deterministic_kernels() {
  at::globalContext().setBenchmarkCuDNN(false);
  at::globalContext().setDeterministicCuDNN(true);
}

void keep_freed_memory() {
  static std::once_flag once;
  std::call_once(once, [] {
    // No mappings of their own for large blocks (they return to the system when freed), and no trimming of the heap.
    mallopt(M_MMAP_MAX, 0);
    mallopt(M_TRIM_THRESHOLD, -1);
    mallopt(M_TOP_PAD, 64 << 20);
  });
}

void release_cached_memory() { malloc_trim(0); }

BlasReport check_blas() {
  constexpr int64_t kSize = 512;
  constexpr double kSlowGflops = 8;  // the reference BLAS reaches 1 to 3, OpenBLAS 30 and more on anything recent
  BlasReport report;
  report.library = blas_library();
  const at::NoGradGuard no_grad;
  const int threads = thread_count();
  set_thread_count(1);
  const at::Tensor a = at::ones({kSize, kSize}), b = at::ones({kSize, kSize});
  double best_s = 1e9;
  for (int i = 0; i < 3; ++i) {
    const auto start = std::chrono::steady_clock::now();
    const at::Tensor c = at::mm(a, b);
    best_s = std::min(best_s, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  set_thread_count(threads);
  report.gflops = 2.0 * kSize * kSize * kSize / best_s * 1e-9;
  report.slow = report.gflops < kSlowGflops;
  if (report.slow) {
    report.advice =
        "matrix products run at " + std::to_string(static_cast<int>(report.gflops)) + " GFLOP/s through " +
        (report.library.empty() ? "an unknown BLAS" : report.library) +
        "; install an optimized BLAS (apt-get install libopenblas0-pthread) and select it with update-alternatives";
  }
  return report;
}

std::string numerics_class(const Numerics& numerics) {
  return "libtorch " + torch_version() + ", " + device_description(numerics.device) + ", " +
         (numerics.device == Device::cpu ? std::filesystem::path(blas_library()).filename().string() + ", " : "") +
         numerics_text(numerics);
}

void prepare_process(const Numerics& numerics) {
  if (!device_available(numerics.device))
    throw UserError("device " + std::string(device_name(numerics.device)) + " is not available to this libtorch");
  keep_freed_memory();
  use_deterministic_kernels();
  if (numerics.device == Device::cpu && thread_count() != numerics.threads) set_thread_count(numerics.threads);
}

}  // namespace nacre
