// What the parts of the emulated driver share: errors, contexts, memory, streams, modules and the executor.
#pragma once
#include <cuda.h>

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "abi.h"

#define API CUDA_EMULATOR_EXPORT CUresult
// Not of CUDA's interface, but for the stand-ins for cuBLAS and NCCL, which are libraries of their own.
#define EMULATOR_INTERNAL __attribute__((visibility("default")))

namespace cuda_emulator {

// ---- errors and settings (driver.cpp) -----------------------------------------------------------------
// Remembers the message, which cuGetErrorString then adds to the code's name, and returns the code.
EMULATOR_INTERNAL CUresult fail(CUresult code, const char *format, ...) __attribute__((format(printf, 2, 3)));
// Prints one line on standard error, marked as the emulator's.
void report(const char *format, ...) __attribute__((format(printf, 1, 2)));
// The value of an environment variable; settings are read when the library is loaded.
const char *setting(const char *name, const char *otherwise);

// Every entry point that reads or writes the driver's state holds it: PyCUDA launches without the GIL.
extern std::recursive_mutex driver_mutex;
struct Lock : std::lock_guard<std::recursive_mutex> {
  Lock() : std::lock_guard<std::recursive_mutex>(driver_mutex) {}
};

// Counters since the process started or the last reset; the order is that of STATISTICS in __init__.py.
struct Statistics {
  uint64_t launches, graph_launches, kernels, library_calls;
  uint64_t host_to_device_copies, host_to_device_bytes;
  uint64_t device_to_host_copies, device_to_host_bytes;
  uint64_t device_to_device_copies, device_to_device_bytes;
  uint64_t memsets, synchronizations, allocations, live_bytes, peak_bytes;
};
EMULATOR_INTERNAL extern Statistics statistics;

// ---- the device's limits, those of an A100 ------------------------------------------------------------
constexpr int warp_size = 32, maximum_threads = 1024, maximum_block_z = 64;      // of a block
constexpr int maximum_grid_x = 2147483647, maximum_grid_yz = 65535;              // in blocks
constexpr int shared_memory_limit = 48 << 10, shared_memory_opt_in = 163 << 10;  // bytes a block

// ---- contexts (driver.cpp) ----------------------------------------------------------------------------
struct Context {
  int device;
  int references;
  CUresult broken;  // a kernel's 700 or 719 ends the context: every later call returns it
};
Context *current_context();
CUresult usable();  // success where a context is current and not broken

// ---- memory (memory.cpp) ------------------------------------------------------------------------------
struct AccessCell;  // who touched a word last (checker.cpp)

struct Allocation {
  uintptr_t base;
  size_t size;
  unsigned number;  // counts the process's allocations, for messages
  Context *context;
  bool on_device;  // else page-locked host memory
  char *mapping;   // the pages with a guard page at either end; null where the memory is the caller's
  size_t mapping_size;
  uint8_t *initialised;  // one byte a byte, null where nothing is checked
  AccessCell *cells;     // one a 4-byte word, null where nothing is checked
};
char *map_pages(size_t size);  // zeros, that take memory only where they are touched; null where it fails
Allocation *find_allocation(uintptr_t address);
std::string describe_address(uintptr_t address);
EMULATOR_INTERNAL bool is_device_range(CUdeviceptr address, size_t size);
void mark_initialised(Allocation &allocation);
EMULATOR_INTERNAL void mark_initialised(CUdeviceptr address, size_t size);
bool slack_intact(const Allocation &allocation);  // nothing wrote between the data and its guard pages
void free_allocations_of(Context *context);       // reports them as leaks

// ---- streams and graphs (streams.cpp) -----------------------------------------------------------------
using Operation = std::function<CUresult()>;
// Does the operation now, as all streams are synchronous, or adds it to the graph that the stream captures.
EMULATOR_INTERNAL CUresult submit(CUstream stream, Operation operation);
// For calls that CUDA forbids while a stream captures: usable(), or error 900, which ends the capture.
CUresult usable_outside_capture(const char *function);

// ---- modules (modules.cpp) ----------------------------------------------------------------------------
struct SharedVariable {
  std::string name;
  char *address;
  size_t size;
};

struct Module {
  void *handle;
  uintptr_t base, end;              // where the host shared object lies
  char *shared_begin, *shared_end;  // the __shared__ variables of all kernels, and a tail that nobody owns
  std::string image;                // its file, to find a line of source by
  std::vector<std::string> kernels;
  std::vector<SharedVariable> shared;  // under their symbols
  std::map<std::string, struct Function *> functions;
};
struct Function {
  Module *module;
  const Kernel *kernel;
  std::string name;
  std::vector<SharedVariable> shared;
  unsigned static_shared;    // bytes
  int dynamic_shared_limit;  // raised by cuFuncSetAttribute past what needs no opt-in
};
const Module *find_module(uintptr_t address);
std::string source_line(uintptr_t code_address);  // " (kernel.cu:12)", or nothing where it is not known

// ---- the executor (executor.cpp) ----------------------------------------------------------------------
struct Launch {
  Function *function;
  Index3 grid, block;
  unsigned dynamic_shared;
  std::vector<char> arguments;  // as in the kernel's parameter space
  std::vector<size_t> offsets;
};
CUresult execute(const Launch &launch);
// Ends the running kernel from inside one of its threads.
[[noreturn]] void abandon_kernel(CUresult code, const std::string &message);

struct Execution {  // of the kernel that runs now
  const Launch *launch;
  int thread;  // linear index in its block
  char *stacks, *stacks_end;
  char *dynamic_shared, *dynamic_shared_end;
};
extern Execution running;
std::string thread_name(int thread);  // "(x,y,z)"

// ---- the checker (checker.cpp) ------------------------------------------------------------------------
extern bool checking;  // record what is initialised; set before the first allocation
void checker_begin_launch(const Launch &launch);
void checker_end_launch();
void checker_begin_block();
void checker_block_barrier();
void checker_warp_barrier(int warp);
AccessCell *new_cells(size_t bytes);
void free_cells(AccessCell *cells, size_t bytes);

}  // namespace cuda_emulator
