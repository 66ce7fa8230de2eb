// What differs between libtorch's versions and builds, and between machines: the only file that asks. Free of libtorch.
#pragma once

#include <cstdint>
#include <string>

#include "nacre/nn/arithmetic.hpp"

namespace nacre {

std::string torch_version();  // "1.13.0"
bool device_available(Device device);
std::string device_description(Device device);  // the CPU's or GPU's name, for provenance
bool has_fast_bf16(Device device);  // the device multiplies bfloat16 natively (AVX512-BF16, AMX, a recent GPU)

// Threads of one operation in this process: libtorch's, OpenMP's and OpenBLAS's, which libtorch forgets.
void set_thread_count(int threads);
int thread_count();

// What a process does before it trains with these numerics: memory is kept, kernels are repeatable, threads are set. UserError
// when libtorch has not that device.
void prepare_process(const Numerics& numerics);

// Makes libtorch choose kernels that give the same result each time, where it has a choice.
void use_deterministic_kernels();

// libtorch allocates and frees large buffers at each step; by default each goes back to the system and costs a page fault
// per 4 KiB when it returns. Once per process: buffers are kept for the next step instead. Memory is given back by
// release_cached_memory(), e.g. between trials.
void keep_freed_memory();
void release_cached_memory();

struct BlasReport {
  std::string library;  // file that was loaded, "" when not found
  double gflops = 0;    // of a 512 x 512 x 512 product in float, one thread
  bool slow = false;
  std::string advice;  // what to do when slow, "" otherwise
};
// Which BLAS this process multiplies matrices with, and how fast it is (takes some 10 ms, seconds with the reference BLAS).
BlasReport check_blas();

// Names whatever may change the last bit of a result: version, device, capability, BLAS. Part of an evaluator's identity.
std::string numerics_class(const Numerics& numerics);

}  // namespace nacre
