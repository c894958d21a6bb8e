// Runs a kernel's blocks one after the other, each thread of a block as a fiber that is left only at a
// barrier.
//
// The order of blocks, of the warps of a block and of the lanes of a warp is a setting: forward, reversed, or
// shuffled from a seed, anew for each block. A kernel that is right gives the same result in all; one that
// lacks a barrier does not. Barriers that threads reach in different places, or that some never reach, end
// the kernel with error 719; faults with error 700.
#include <sys/mman.h>
#include <unistd.h>
#include <csetjmp>
#include <csignal>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <random>

#include "driver.h"
#include "fiber.h"

cuda_emulator::ThreadState cuda_emulator_state;

namespace cuda_emulator {

static const size_t stack_size = 128 << 10;  // a guard page included
static const size_t shared_guard = 64 << 10;

Execution running;

// ---- the threads of the running block -----------------------------------------------------------------
// A thread in one of the first two can run.
enum class State : uint8_t { unstarted, ready, at_block_barrier, at_warp_operation, exited };

struct Thread {  // small, as the threads of a block should stay in the cache
  Fiber fiber;
  uint64_t value;  // the lane's own before a warp operation, its result after it
  unsigned mask, source;
  int predicate;  // the thread's own before a reduction, the block's after it
  int line;       // of the barrier or the warp operation where it waits
  int stack;
  State state;
  WarpOperation operation;
  Reduction reduction;
  bool reduces;  // __syncthreads_count and its like, not __syncthreads
};

static Thread threads[maximum_threads];
static Index3 thread_index[maximum_threads];
static int block_threads;
static Fiber scheduler;
static std::vector<int> free_stacks;

static CUresult failure;
static std::string failure_message;

std::string thread_name(int thread) {
  Index3 i = thread_index[thread];
  char text[60];
  snprintf(text, sizeof text, "(%u,%u,%u)", i.x, i.y, i.z);
  return text;
}

static CUresult record_failure(CUresult code, const std::string &message) {
  failure = code;
  failure_message = message;
  return code;
}

static std::string where(int thread) {
  Index3 block = cuda_emulator_state.block;
  char text[60];
  snprintf(text, sizeof text, "block (%u,%u,%u) thread ", block.x, block.y, block.z);
  return text + thread_name(thread);
}

void abandon_kernel(CUresult code, const std::string &message) {
  record_failure(code, where(running.thread) + " " + message);
  threads[running.thread].fiber.switch_to(scheduler);  // which never comes back
  abort();
}

// ---- stacks -------------------------------------------------------------------------------------------
// Taken when a thread starts and given back when it ends: kernels without barriers use a single one.
static bool make_stacks() {
  running.stacks = map_pages(stack_size * maximum_threads);
  if (!running.stacks) return false;
  running.stacks_end = running.stacks + stack_size * maximum_threads;
  for (int i = 0; i < maximum_threads; i++)
    mprotect(running.stacks + i * stack_size, sysconf(_SC_PAGESIZE), PROT_NONE);
  return true;
}

static std::vector<void *> argument_pointers;

static void thread_main() {
  running.launch->function->kernel->invoke(argument_pointers.data());
  threads[running.thread].state = State::exited;
  threads[running.thread].fiber.switch_to(scheduler);
  abort();
}

// Runs a thread until its next barrier or its end.
static void resume(int index) {
  Thread &thread = threads[index];
  if (thread.state == State::unstarted) {
    thread.stack = free_stacks.back();
    free_stacks.pop_back();
    char *bottom = running.stacks + thread.stack * stack_size;
    // Equal offsets in all stacks would fall into the same lines of the cache.
    thread.fiber.start(bottom, bottom + stack_size - (thread.stack % 21) * 192, thread_main);
    thread.state = State::ready;
  }
  running.thread = index;
  cuda_emulator_state.thread = thread_index[index];
  cuda_emulator_state.lane = index % warp_size;
  scheduler.switch_to(thread.fiber);
  if (thread.state == State::exited) free_stacks.push_back(thread.stack);
}

// ---- barriers, from the threads' side -----------------------------------------------------------------
static void wait_as(State state, int line) {
  Thread &thread = threads[running.thread];
  thread.state = state;
  thread.line = line;
  thread.fiber.switch_to(scheduler);
}

static int wait_for_block(bool reduces, Reduction reduction, int predicate, int line) {
  Thread &thread = threads[running.thread];
  thread.reduces = reduces;
  thread.reduction = reduction;
  thread.predicate = predicate;
  wait_as(State::at_block_barrier, line);
  return thread.predicate;
}

// ---- barriers, from the scheduler's side --------------------------------------------------------------
static std::string doing(int index) {
  const Thread &thread = threads[index];
  char text[100];
  if (thread.state == State::exited)
    snprintf(text, sizeof text, "has exited");
  else if (thread.state == State::at_block_barrier)
    snprintf(text, sizeof text, "waits at __syncthreads() in line %d", thread.line);
  else
    snprintf(text, sizeof text, "waits at a warp operation in line %d with mask 0x%08x", thread.line,
             thread.mask);
  return where(index) + " " + text;
}

static int find_thread(State state, int from = 0) {
  while (from < block_threads && threads[from].state != state) from++;
  return from;
}

static void divergence(int first, int second) {
  record_failure(CUDA_ERROR_LAUNCH_FAILED, "divergent barrier: " + doing(first) + ", " + doing(second));
}

static void finish_warp_operation(int warp, unsigned lanes) {
  const WarpOperation operation = threads[warp * warp_size + __builtin_ctz(lanes)].operation;
  uint64_t values[warp_size], votes = 0;
  for (int lane = 0; lane < warp_size; lane++) {
    bool takes_part = lanes >> lane & 1;
    // What a lane reads of one that takes no part is undefined: NaN, or -1.
    values[lane] = takes_part ? threads[warp * warp_size + lane].value : ~(uint64_t)0;
    if (takes_part && values[lane]) votes |= (uint64_t)1 << lane;
  }
  for (int lane = 0; lane < warp_size; lane++) {
    if (!(lanes >> lane & 1)) continue;
    Thread &thread = threads[warp * warp_size + lane];
    thread.value = operation == WarpOperation::ballot ? votes : values[thread.source % warp_size];
    thread.state = State::ready;
  }
  if (operation == WarpOperation::synchronize) checker_warp_barrier(warp);
}

// Lets go every group of a warp's lanes that has met. Returns whether there was one.
static bool release_warp(int warp) {
  Thread *lanes = threads + warp * warp_size;
  int count = std::min(warp_size, block_threads - warp * warp_size);
  unsigned existing = count == warp_size ? ~0u : (1u << count) - 1, waiting = 0, released = 0;
  for (int lane = 0; lane < count; lane++)
    waiting |= (unsigned)(lanes[lane].state == State::at_warp_operation) << lane;
  while (waiting) {
    int leader = __builtin_ctz(waiting);
    unsigned group = lanes[leader].mask & existing;
    bool complete = true;
    for (unsigned rest = group; rest; rest &= rest - 1) {
      const Thread &other = lanes[__builtin_ctz(rest)];
      if (other.state == State::exited) {
        divergence(warp * warp_size + leader, (int)(&other - threads));
        return false;
      }
      complete &= other.state == State::at_warp_operation && other.mask == lanes[leader].mask &&
                  other.operation == lanes[leader].operation;
    }
    if (complete) {
      finish_warp_operation(warp, group);
      released |= group;
    }
    waiting &= ~(group | 1u << leader);
  }
  return released;
}

// Lets the whole block go on where all of it waits at one barrier; else nobody can go on, which is an error.
static void release_block() {
  int first = find_thread(State::at_block_barrier), count = 0;
  if (first == block_threads) {  // lanes wait for each other with different masks
    first = find_thread(State::at_warp_operation);
    return divergence(first, std::min(find_thread(State::at_warp_operation, first + 1), block_threads - 1));
  }
  for (int i = 0; i < block_threads; i++) {
    const Thread &thread = threads[i];
    if (thread.state != State::at_block_barrier || thread.line != threads[first].line ||
        thread.reduces != threads[first].reduces)
      return divergence(first, i);
    count += thread.predicate != 0;
  }
  Reduction reduction = threads[first].reduction;
  int result = reduction == Reduction::count ? count
               : reduction == Reduction::all ? count == block_threads
                                             : count > 0;
  for (int i = 0; i < block_threads; i++) {
    threads[i].predicate = result;
    threads[i].state = State::ready;
  }
  checker_block_barrier();
}

// Runs a warp until none of its lanes can go on alone. Returns how many of them ended.
static int run_warp(int warp, const std::vector<int> &lane_order) {
  int ended = 0;
  do {
    for (int lane : lane_order) {
      int index = warp * warp_size + lane;
      if (index >= block_threads || threads[index].state > State::ready) continue;
      resume(index);
      if (failure) return ended;
      ended += threads[index].state == State::exited;
    }
  } while (release_warp(warp));
  return ended;
}

static bool run_block(const std::vector<int> &warp_order, const std::vector<int> &lane_order) {
  for (int i = 0; i < block_threads; i++) threads[i].state = State::unstarted;
  for (int alive = block_threads;;) {
    for (int warp : warp_order) {
      alive -= run_warp(warp, lane_order);
      if (failure) return false;
    }
    if (!alive) return true;
    release_block();
    if (failure) return false;
  }
}

// ---- the order of threads and blocks ------------------------------------------------------------------
enum class Order { forward, reversed, shuffled };
static Order order;
static uint64_t order_seed;

CUDA_EMULATOR_EXPORT int cuda_emulator_set_order(const char *name, uint64_t seed) {
  static const std::map<std::string, Order> orders = {
      {"forward", Order::forward}, {"reversed", Order::reversed}, {"shuffled", Order::shuffled}};
  auto entry = orders.find(name);
  if (entry == orders.end()) return -1;
  Lock lock;
  order = entry->second;
  order_seed = seed;
  return 0;
}

// A permutation of `count` numbers without a table: multiplication by a number with no divisor in common.
struct BlockOrder {
  uint64_t count, factor = 1, offset = 0;
  BlockOrder(uint64_t count, std::mt19937_64 &random) : count(count) {
    if (order != Order::shuffled) return;
    do factor = random() % count;
    while (std::gcd(factor, count) != 1);
    offset = random() % count;
  }
  uint64_t operator()(uint64_t i) const {
    if (order == Order::reversed) return count - 1 - i;
    return (uint64_t)(((unsigned __int128)factor * i + offset) % count);
  }
};

// ---- faults: a kernel's SIGSEGV, SIGBUS or SIGFPE comes back to the launch ----------------------------
static sigjmp_buf after_fault;
static volatile sig_atomic_t fault_signal;
static uintptr_t fault_address, fault_code;
static const int fault_signals[] = {SIGSEGV, SIGBUS, SIGFPE};

static void on_fault(int signal, siginfo_t *information, void *context) {
  fault_signal = signal;
  fault_address = (uintptr_t)information->si_addr;
#if defined(__x86_64__)
  fault_code = ((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
  fault_code = ((ucontext_t *)context)->uc_mcontext.pc;
#endif
  siglongjmp(after_fault, 1);
}

// The handlers stand only while a kernel runs: else the process's own, as Python's faulthandler, are in
// force.
struct FaultHandlers {
  struct sigaction former[3];
  stack_t former_stack;
  FaultHandlers() {
    static char handler_stack[1 << 16];  // a fiber that overflowed has none left for a handler
    stack_t stack = {};
    stack.ss_sp = handler_stack;
    stack.ss_size = sizeof handler_stack;
    sigaltstack(&stack, &former_stack);
    struct sigaction action = {};
    action.sa_sigaction = on_fault;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    for (int i = 0; i < 3; i++) sigaction(fault_signals[i], &action, &former[i]);
  }
  ~FaultHandlers() {
    for (int i = 0; i < 3; i++) sigaction(fault_signals[i], &former[i], nullptr);
    sigaltstack(&former_stack, nullptr);
  }
};

static void record_fault() {
  std::string thread = where(running.thread), line = source_line(fault_code);
  if (fault_signal == SIGFPE)
    record_failure(CUDA_ERROR_LAUNCH_FAILED, thread + " divides an integer by zero" + line);
  else if (fault_address >= (uintptr_t)running.stacks && fault_address < (uintptr_t)running.stacks_end)
    record_failure(CUDA_ERROR_LAUNCH_FAILED,
                   thread + " uses more stack than the emulator gives a thread" + line);
  else
    record_failure(CUDA_ERROR_ILLEGAL_ADDRESS,
                   thread + " accesses " + describe_address(fault_address) + line);
}

// ---- the launch ---------------------------------------------------------------------------------------
static bool make_dynamic_shared_memory() {
  static const size_t size = (shared_memory_opt_in + 0xffff) / 0x10000 * 0x10000;  // whole pages of any size
  char *memory = map_pages(size + shared_guard);
  if (!memory) return false;
  running.dynamic_shared_end = memory + size;
  return mprotect(running.dynamic_shared_end, shared_guard, PROT_NONE) == 0;
}

static void poison_static_shared_memory(const Function &function) {
  for (const SharedVariable &variable : function.shared) memset(variable.address, 0xff, variable.size);
}

// Between launches all of a module's shared memory is poison: what is not, once the kernel's own variables
// are poisoned again, the kernel has written beside them.
static bool wrote_beside_shared_variables(const Function &function) {
  poison_static_shared_memory(function);
  const Module &module = *function.module;
  std::string poison(module.shared_end - module.shared_begin, '\xff');
  if (memcmp(module.shared_begin, poison.data(), poison.size()) == 0) return false;
  memcpy(module.shared_begin, poison.data(), poison.size());
  return true;
}

static void poison_shared_memory(const Launch &launch) {
  poison_static_shared_memory(*launch.function);
  memset(running.dynamic_shared, 0xff, running.dynamic_shared_end - running.dynamic_shared);
}

static void run_grid(const Launch &launch) {
  auto [gx, gy, gz] = launch.grid;
  std::mt19937_64 random(order_seed);
  BlockOrder block_order((uint64_t)gx * gy * gz, random);
  std::vector<int> warp_order((block_threads + warp_size - 1) / warp_size), lane_order(warp_size);
  for (std::vector<int> *list : {&warp_order, &lane_order}) {
    std::iota(list->begin(), list->end(), 0);
    if (order == Order::reversed) std::reverse(list->begin(), list->end());
  }
  for (uint64_t i = 0; i < block_order.count; i++) {
    uint64_t block = block_order(i);
    cuda_emulator_state.block = {(unsigned)(block % gx), (unsigned)(block / gx % gy),
                                 (unsigned)(block / gx / gy)};
    if (order == Order::shuffled) {
      std::shuffle(warp_order.begin(), warp_order.end(), random);
      std::shuffle(lane_order.begin(), lane_order.end(), random);
    }
    poison_shared_memory(launch);
    checker_begin_block();
    if (!run_block(warp_order, lane_order)) return;
  }
}

CUresult execute(const Launch &launch) {
  if (!running.stacks && !(make_dynamic_shared_memory() && make_stacks()))
    return fail(CUDA_ERROR_OUT_OF_MEMORY, "the host has no memory for the emulated threads");
  running.launch = &launch;
  // Its end, to the alignment of the widest load, against the guard pages.
  running.dynamic_shared = running.dynamic_shared_end - (launch.dynamic_shared + 15) / 16 * 16;
  const auto [bx, by, bz] = launch.block;
  block_threads = (int)(bx * by * bz);
  for (int i = 0; i < block_threads; i++) thread_index[i] = {i % bx, i / bx % by, i / bx / by};
  cuda_emulator_state.block_size = launch.block;
  cuda_emulator_state.grid_size = launch.grid;
  cuda_emulator_state.dynamic_shared = running.dynamic_shared;
  argument_pointers.clear();
  for (size_t offset : launch.offsets) argument_pointers.push_back((char *)launch.arguments.data() + offset);
  free_stacks.resize(maximum_threads);
  std::iota(free_stacks.rbegin(), free_stacks.rend(), 0);  // the last one taken is the first one given back
  failure = CUDA_SUCCESS;
  checker_begin_launch(launch);
  {
    FaultHandlers handlers;
    if (sigsetjmp(after_fault, 1) == 0)
      run_grid(launch);
    else
      record_fault();
  }
  checker_end_launch();
  if (wrote_beside_shared_variables(*launch.function) && !failure)
    record_failure(CUDA_ERROR_ILLEGAL_ADDRESS,
                   "a thread wrote outside its static shared memory; the checked mode says which");
  running.launch = nullptr;
  if (!failure) return CUDA_SUCCESS;
  return fail(failure, "kernel %s, %s", launch.function->name.c_str(), failure_message.c_str());
}

__attribute__((constructor)) static void read_settings() {
  std::string value = setting("CUDA_EMULATOR_ORDER", "forward"), name = value.substr(0, value.find(':'));
  uint64_t seed = value.size() > name.size() ? strtoull(value.c_str() + name.size() + 1, nullptr, 10) : 0;
  if (cuda_emulator_set_order(name.c_str(), seed) == 0) return;
  report("CUDA_EMULATOR_ORDER=%s: it must be forward, reversed or shuffled, or shuffled:SEED", value.c_str());
  exit(2);
}

}  // namespace cuda_emulator

// ---- what kernels call --------------------------------------------------------------------------------
using namespace cuda_emulator;

void cuda_emulator_block_barrier(int line) { wait_for_block(false, Reduction::count, 0, line); }

int cuda_emulator_block_reduce(Reduction reduction, int predicate, int line) {
  return wait_for_block(true, reduction, predicate, line);
}

uint64_t cuda_emulator_warp(WarpOperation operation, unsigned mask, uint64_t value, unsigned source,
                            int line) {
  Thread &thread = threads[running.thread];
  if (!(mask >> cuda_emulator_state.lane & 1))
    abandon_kernel(CUDA_ERROR_LAUNCH_FAILED, "calls a warp operation in line " + std::to_string(line) +
                                                 " with a mask that lacks its own lane");
  thread.operation = operation;
  thread.mask = mask;
  thread.source = source;
  thread.value = value;
  wait_as(State::at_warp_operation, line);
  return thread.value;
}
