// What the compiler's instrumentation of a kernel calls, in place of the sanitizers' own libraries.
//
// Every kernel carries GCC's -fsanitize=alignment,bounds, which finds misaligned accesses (error 716) and
// indices outside an array whose size is declared (error 700). In the checked mode it carries
// -fsanitize=thread too, which calls __tsan_read4 or the like before each access to memory that is not a
// local variable. Each is judged before it happens; in any order of threads that finds
//   - accesses outside an allocation or a shared variable (error 700),
//   - reads of global or shared memory that nothing has written (error 719),
//   - races: two threads of a launch touch the same word, one writes, and no barrier orders them (error 719).
// Races are judged by the 4-byte word, accesses to bytes and halves excepted.
#include <sys/mman.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "driver.h"

namespace cuda_emulator {

bool checking = atoi(setting("CUDA_EMULATOR_CHECK", "0")) != 0;

// ---- when something happened --------------------------------------------------------------------------
// Time is counted in segments: a new one at each launch, block and block barrier. Within a segment the
// threads of one warp are ordered by the warp's count of __syncwarp.
static uint32_t segment = 0, first_of_launch = 0, first_of_block = 0;
static uint16_t warp_epoch[32];
static bool judging = false;  // a checked kernel runs
static bool
    block_has_fenced;  // __threadfence: what other blocks wrote may be read (a last block's final sum)

struct AccessCell {
  uint32_t write_segment, read_segment;  // 0 is never
  uint16_t write_thread, read_thread;
  uint16_t write_epoch, read_epoch;
  bool atomic_write;
  bool read_by_lanes, read_by_warps,
      read_by_blocks;  // several of them, in the segment or launch of the last read
};

AccessCell *new_cells(size_t bytes) { return (AccessCell *)map_pages((bytes / 4 + 1) * sizeof(AccessCell)); }
void free_cells(AccessCell *cells, size_t bytes) { munmap(cells, (bytes / 4 + 1) * sizeof(AccessCell)); }

void checker_begin_block() {
  first_of_block = ++segment;
  memset(warp_epoch, 0, sizeof warp_epoch);
  block_has_fenced = false;
}
void checker_block_barrier() { segment++; }
void checker_warp_barrier(int warp) { warp_epoch[warp]++; }

// ---- races --------------------------------------------------------------------------------------------
enum class Access { read, write, atomic };

static bool same_warp(int a, int b) { return a / 32 == b / 32; }

// Whether the running thread is not ordered after what `thread` did then.
static bool concurrent(uint32_t then, int thread, uint16_t epoch) {
  if (then < first_of_launch) return false;
  if (then < first_of_block) return !block_has_fenced;  // another block of this launch
  if (then < segment || thread == running.thread) return false;
  return !same_warp(thread, running.thread) || epoch == warp_epoch[thread / 32];
}

static bool concurrent_read(const AccessCell &cell) {
  if (cell.read_segment < first_of_launch) return false;
  if (cell.read_by_blocks && !block_has_fenced) return true;
  if (cell.read_segment == segment) {
    if (cell.read_by_warps) return true;
    if (cell.read_by_lanes && same_warp(cell.read_thread, running.thread) &&
        cell.read_epoch == warp_epoch[running.thread / 32])
      return true;
  }
  return concurrent(cell.read_segment, cell.read_thread, cell.read_epoch);
}

static void note_read(AccessCell &cell) {
  uint16_t epoch = warp_epoch[running.thread / 32];
  bool this_launch = cell.read_segment >= first_of_launch, this_segment = cell.read_segment == segment;
  bool other_thread = cell.read_thread != running.thread,
       in_warp = same_warp(cell.read_thread, running.thread);
  cell.read_by_blocks = this_launch && (cell.read_by_blocks || cell.read_segment < first_of_block);
  cell.read_by_warps = this_segment && (cell.read_by_warps || !in_warp);
  cell.read_by_lanes =
      this_segment && in_warp && cell.read_epoch == epoch && (cell.read_by_lanes || other_thread);
  cell.read_segment = segment;
  cell.read_thread = (uint16_t)running.thread;
  cell.read_epoch = epoch;
}

// The other access that this one races with, as words for a message, or null.
static const char *judge_race(AccessCell &cell, Access access, size_t size, int *other) {
  bool whole_word = size >= 4;  // the other bytes of the word may be another thread's
  if (whole_word && concurrent(cell.write_segment, cell.write_thread, cell.write_epoch) &&
      !(access == Access::atomic && cell.atomic_write)) {
    *other = cell.write_segment < first_of_block ? -1 : cell.write_thread;
    return "wrote";
  }
  if (access == Access::read) {
    if (whole_word) note_read(cell);
    return nullptr;
  }
  if (whole_word && concurrent_read(cell)) {
    bool in_block = cell.read_segment >= first_of_block && cell.read_thread != running.thread;
    *other = in_block ? cell.read_thread : -1;
    return "read";
  }
  cell.write_segment = segment;
  cell.write_thread = (uint16_t)running.thread;
  cell.write_epoch = warp_epoch[running.thread / 32];
  cell.atomic_write = access == Access::atomic;
  return nullptr;
}

// ---- messages -----------------------------------------------------------------------------------------
static const char *const verbs[] = {"reads", "writes", "updates"};

[[noreturn]] static void refuse_access(CUresult code, Access access, size_t size, const std::string &place,
                                       const std::string &why, uintptr_t caller) {
  judging = false;
  abandon_kernel(code, verbs[(int)access] + (" " + std::to_string(size)) + " bytes at " + place + why +
                           source_line(caller));
}

static std::string race_message(const char *did, int other) {
  std::string who = other >= 0 ? "thread " + thread_name(other) : "another thread or block";
  return ", a race: " + who + " " + did + " it, and no barrier lies between";
}

// ---- the two memories ---------------------------------------------------------------------------------
struct SharedRegion {
  std::string name;
  uintptr_t begin, end;
  std::vector<AccessCell> cells;  // one a 4-byte word
};
static std::vector<SharedRegion> shared_regions;  // of the running kernel

void checker_end_launch() { judging = false; }

void checker_begin_launch(const Launch &launch) {
  judging = launch.function->kernel->checked;
  first_of_launch = ++segment;
  if (!judging) {  // a kernel that is not instrumented may write whatever it was given
    for (size_t i = 0; checking && i < launch.offsets.size(); i++)
      if (launch.function->kernel->parameters[i].is_pointer)
        if (Allocation *target = find_allocation(*(uintptr_t *)&launch.arguments[launch.offsets[i]]))
          mark_initialised(*target);
    return;
  }
  shared_regions.clear();
  for (const SharedVariable &variable : launch.function->shared)
    shared_regions.push_back({"shared " + variable.name, (uintptr_t)variable.address,
                              (uintptr_t)variable.address + variable.size,
                              std::vector<AccessCell>(variable.size / 4 + 1)});
  if (launch.dynamic_shared)
    shared_regions.push_back({"dynamic shared memory", (uintptr_t)running.dynamic_shared,
                              (uintptr_t)running.dynamic_shared + launch.dynamic_shared,
                              std::vector<AccessCell>(launch.dynamic_shared / 4 + 1)});
}

static void judge_shared(SharedRegion &region, uintptr_t address, size_t size, Access access,
                         uintptr_t caller) {
  size_t offset = address - region.begin;
  auto place = [&] { return region.name + " + " + std::to_string(offset); };
  if (address + size > region.end)
    refuse_access(CUDA_ERROR_ILLEGAL_ADDRESS, access, size, place(), ", past its end", caller);
  for (size_t word = offset / 4; word * 4 < offset + size; word++) {
    AccessCell &cell = region.cells[word];
    if (cell.write_segment < first_of_block && cell.read_segment < first_of_block)
      cell = {};  // left by a former block
    if (access != Access::write && cell.write_segment < first_of_block)
      refuse_access(CUDA_ERROR_LAUNCH_FAILED, access, size, place(),
                    ", which no thread of the block has written", caller);
    int other;
    if (const char *did = judge_race(cell, access, size, &other))
      refuse_access(CUDA_ERROR_LAUNCH_FAILED, access, size, place(), race_message(did, other), caller);
  }
}

static void judge_global(Allocation &allocation, uintptr_t address, size_t size, Access access,
                         uintptr_t caller) {
  size_t offset = address - allocation.base;
  if (offset + size > allocation.size)
    refuse_access(CUDA_ERROR_ILLEGAL_ADDRESS, access, size, describe_address(address), "", caller);
  if (!allocation.initialised || !allocation.cells) return;
  if (access == Access::write)
    memset(allocation.initialised + offset, 1, size);
  else if (memchr(allocation.initialised + offset, 0, size))
    refuse_access(CUDA_ERROR_LAUNCH_FAILED, access, size, describe_address(address),
                  ", which nothing has written", caller);
  for (size_t word = offset / 4; word * 4 < offset + size; word++) {
    int other;
    if (const char *did = judge_race(allocation.cells[word], access, size, &other))
      refuse_access(CUDA_ERROR_LAUNCH_FAILED, access, size, describe_address(address),
                    race_message(did, other), caller);
  }
}

static void judge(uintptr_t address, size_t size, Access access, uintptr_t caller) {
  if (!judging) return;
  auto inside = [&](uintptr_t begin, uintptr_t end) { return address >= begin && address < end; };
  if (inside((uintptr_t)&cuda_emulator_state, (uintptr_t)(&cuda_emulator_state + 1))) return;
  if (inside((uintptr_t)running.stacks, (uintptr_t)running.stacks_end)) return;  // a thread's local variables
  for (SharedRegion &region : shared_regions)
    if (inside(region.begin, region.end)) return judge_shared(region, address, size, access, caller);
  const Module &module = *running.launch->function->module;
  if (inside((uintptr_t)module.shared_begin, (uintptr_t)module.shared_end))
    refuse_access(CUDA_ERROR_ILLEGAL_ADDRESS, access, size, "shared memory",
                  ", outside the kernel's variables", caller);
  if (inside(module.base, module.end)) return;  // __constant__ and __device__ variables
  static Allocation *last = nullptr;
  static uint32_t last_launch = 0;  // allocations come and go between launches only
  if (last_launch != first_of_launch || !last || !inside(last->base, last->base + last->size)) {
    last = find_allocation(address);
    last_launch = first_of_launch;
  }
  if (!last) refuse_access(CUDA_ERROR_ILLEGAL_ADDRESS, access, size, describe_address(address), "", caller);
  judge_global(*last, address, size, access, caller);
}

}  // namespace cuda_emulator

using namespace cuda_emulator;

void cuda_emulator_atomic_access(const void *address, size_t size) {
  judge((uintptr_t)address, size, Access::atomic, (uintptr_t)__builtin_return_address(0));
}
void cuda_emulator_fence() { block_has_fenced = true; }

// ---- what the instrumentation of the checked mode calls -----------------------------------------------
#define CALLER ((uintptr_t)__builtin_return_address(0) - 1)
#define INSTRUMENTED(SIZE)                                                                                  \
  CUDA_EMULATOR_EXPORT void __tsan_read##SIZE(void *a) { judge((uintptr_t)a, SIZE, Access::read, CALLER); } \
  CUDA_EMULATOR_EXPORT void __tsan_write##SIZE(void *a) {                                                   \
    judge((uintptr_t)a, SIZE, Access::write, CALLER);                                                       \
  }                                                                                                         \
  CUDA_EMULATOR_EXPORT void __tsan_unaligned_read##SIZE(void *a) {                                          \
    judge((uintptr_t)a, SIZE, Access::read, CALLER);                                                        \
  }                                                                                                         \
  CUDA_EMULATOR_EXPORT void __tsan_unaligned_write##SIZE(void *a) {                                         \
    judge((uintptr_t)a, SIZE, Access::write, CALLER);                                                       \
  }                                                                                                         \
  CUDA_EMULATOR_EXPORT void __tsan_volatile_read##SIZE(void *a) {                                           \
    judge((uintptr_t)a, SIZE, Access::read, CALLER);                                                        \
  }                                                                                                         \
  CUDA_EMULATOR_EXPORT void __tsan_volatile_write##SIZE(void *a) {                                          \
    judge((uintptr_t)a, SIZE, Access::write, CALLER);                                                       \
  }
INSTRUMENTED(1)
INSTRUMENTED(2)
INSTRUMENTED(4)
INSTRUMENTED(8)
INSTRUMENTED(16)
CUDA_EMULATOR_EXPORT void __tsan_read_range(void *a, size_t size) {
  judge((uintptr_t)a, size, Access::read, CALLER);
}
CUDA_EMULATOR_EXPORT void __tsan_write_range(void *a, size_t size) {
  judge((uintptr_t)a, size, Access::write, CALLER);
}
CUDA_EMULATOR_EXPORT void __tsan_init() {}
CUDA_EMULATOR_EXPORT void __tsan_func_entry(void *) {}
CUDA_EMULATOR_EXPORT void __tsan_func_exit() {}

// ---- what the instrumentation of every kernel calls ---------------------------------------------------
struct SourceLocation {  // these three as the compiler lays them out
  const char *file;
  uint32_t line, column;
};
struct TypeDescriptor {
  uint16_t kind, information;
  char name[1];
};
struct TypeMismatch {
  SourceLocation location;
  TypeDescriptor *type;
  uint8_t log_alignment, kind;
};
struct OutOfBounds {
  SourceLocation location;
  TypeDescriptor *array, *index;
};

CUDA_EMULATOR_EXPORT void __ubsan_handle_type_mismatch_v1(TypeMismatch *mismatch, uintptr_t address) {
  abandon_kernel(CUDA_ERROR_MISALIGNED_ADDRESS, std::string("accesses ") + mismatch->type->name + " at " +
                                                    describe_address(address) + ", not aligned to " +
                                                    std::to_string(1 << mismatch->log_alignment) + " bytes" +
                                                    source_line(CALLER));
}
CUDA_EMULATOR_EXPORT void __ubsan_handle_out_of_bounds(OutOfBounds *bounds, uintptr_t index) {
  abandon_kernel(CUDA_ERROR_ILLEGAL_ADDRESS, "takes element " + std::to_string((intptr_t)index) +
                                                 " of an array " + bounds->array->name + source_line(CALLER));
}
