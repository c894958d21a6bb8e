// The contract between the emulated driver (libcuda.so.1) and the kernels that run on it.
//
// A "cubin" of the emulator is a host shared object: one CUDA C file compiled by g++ with device.h in front.
// It imports the functions and the thread state below from the driver, and exports one
// cuda_emulator_kernel_NAME record a kernel.
#pragma once
#include <cstddef>
#include <cstdint>

#define CUDA_EMULATOR_EXPORT extern "C" __attribute__((visibility("default")))

namespace cuda_emulator {

struct Index3 { unsigned x, y, z; };

// What a kernel sees of the thread that it runs as. Only one emulated thread runs at any moment, so one
// record serves: the executor rewrites it at each switch.
struct ThreadState {
  Index3 thread, block;
  Index3 block_size, grid_size;
  unsigned lane;
  char *dynamic_shared;
};

struct Parameter {
  uint16_t size, alignment;
  bool is_pointer;
};

struct Kernel {
  void (*invoke)(void **arguments);  // calls the kernel with one pointer to each argument
  int parameter_count;
  const Parameter *parameters;
  int max_threads;  // from __launch_bounds__, 1024 without
  bool checked;     // compiled with every memory access instrumented (see checker.cpp)
};

enum class Reduction : uint8_t { count, all, any };
enum class WarpOperation : uint8_t { synchronize, shuffle, ballot };

}  // namespace cuda_emulator

CUDA_EMULATOR_EXPORT cuda_emulator::ThreadState cuda_emulator_state;

// __syncthreads() and its reducing forms; `line` is where the kernel calls it.
CUDA_EMULATOR_EXPORT void cuda_emulator_block_barrier(int line);
CUDA_EMULATOR_EXPORT int cuda_emulator_block_reduce(cuda_emulator::Reduction reduction, int predicate,
                                                    int line);

// Every warp-wide operation: the lanes of `mask` meet; a shuffle returns the `value` of lane `source`, a
// ballot the mask of the lanes whose value is not zero.
CUDA_EMULATOR_EXPORT uint64_t cuda_emulator_warp(cuda_emulator::WarpOperation operation, unsigned mask,
                                                 uint64_t value, unsigned source, int line);

// Tell the checker of accesses that its instrumentation cannot judge: atomics and fences. No-ops in an
// unchecked run.
CUDA_EMULATOR_EXPORT void cuda_emulator_atomic_access(const void *address, size_t size);
CUDA_EMULATOR_EXPORT void cuda_emulator_fence();
