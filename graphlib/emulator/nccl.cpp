// A stand-in for the few functions of NCCL that the project calls, with its names and ABI: point-to-point
// messages between the emulated devices of processes on one machine.
//
// Each pair of ranks has a ring of bytes in memory that all ranks of a communicator share, named by the unique
// id. A group's messages go on side by side, as they do there: none waits for another but for earlier ones of
// the same pair and direction. Each begins with how long it is and of what type, and where these are not what
// the receiver expects, which NCCL leaves undefined, both get an error. A peer that does not come is waited
// for until another thread aborts the communicator.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <set>
#include <vector>

#include "driver.h"

namespace {

enum Result {  // ncclResult_t
  success = 0, unhandled_cuda_error = 1, system_error = 2, internal_error = 3, invalid_argument = 4,
  invalid_usage = 5, remote_error = 6,
};
constexpr size_t type_bytes[] = {1, 1, 4, 4, 8, 8, 2, 4, 8, 2, 1, 1};  // ncclDataType_t: int8 to float8e5m2
constexpr int types = sizeof type_bytes / sizeof *type_bytes;
constexpr size_t ring_bytes = 64 << 10;
constexpr useconds_t nap_microseconds = 50;

struct UniqueId { char internal[128]; };

struct Ring {  // from one rank to another; both numbers only grow
  alignas(64) std::atomic<uint64_t> written;
  alignas(64) std::atomic<uint64_t> read;
  char bytes[ring_bytes];
};
struct Shared {
  std::atomic<int> arrived, failed;  // failed: the result that ends it for all ranks
  Ring rings[];
};
struct Communicator {
  int rank, size;
  Shared *shared;
  size_t shared_size;
  std::atomic<bool> aborted{false};
  std::atomic<int> busy{0}, failed{success};
};
struct Header { uint64_t bytes, type; };
struct Message {
  Communicator *communicator;
  bool sends;
  int peer;
  char *data;
  Header header;
  CUstream stream;
  uint64_t done;  // bytes of the header and of the data
};

std::mutex communicators_mutex;
std::set<Communicator *> communicators;
thread_local int open_groups = 0;
thread_local std::vector<Message> group;
thread_local char last_error[512] = "";

Result fail(Result result, const char *format, ...) __attribute__((format(printf, 2, 3)));
Result fail(Result result, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(last_error, sizeof last_error, format, arguments);
  va_end(arguments);
  return result;
}

bool known(Communicator *communicator) {
  std::lock_guard<std::mutex> lock(communicators_mutex);
  return communicators.count(communicator);
}

Ring &ring(Communicator &c, int from, int to) { return c.shared->rings[from * c.size + to]; }

// Copies up to `size` bytes into a ring, or out of it; returns how many.
size_t put(Ring &ring, const char *from, size_t size) {
  uint64_t written = ring.written.load(std::memory_order_relaxed);
  size = std::min<size_t>(size, ring_bytes - (written - ring.read.load(std::memory_order_acquire)));
  size_t place = written % ring_bytes, first = std::min(size, ring_bytes - place);
  memcpy(ring.bytes + place, from, first);
  memcpy(ring.bytes, from + first, size - first);
  ring.written.store(written + size, std::memory_order_release);
  return size;
}
size_t take(Ring &ring, char *to, size_t size) {
  uint64_t read = ring.read.load(std::memory_order_relaxed);
  size = std::min<size_t>(size, ring.written.load(std::memory_order_acquire) - read);
  size_t place = read % ring_bytes, first = std::min(size, ring_bytes - place);
  memcpy(to, ring.bytes + place, first);
  memcpy(to + first, ring.bytes, size - first);
  ring.read.store(read + size, std::memory_order_release);
  return size;
}

// Sends or receives what there is room for, or what has come.
Result move(Message &m, bool &moved) {
  Communicator &c = *m.communicator;
  Ring &way = m.sends ? ring(c, c.rank, m.peer) : ring(c, m.peer, c.rank);
  constexpr size_t head = sizeof(Header);
  uint64_t before = m.done, total = head + m.header.bytes;
  if (m.sends) {
    if (m.done < head) m.done += put(way, (char *)&m.header + m.done, head - m.done);
    if (m.done >= head) m.done += put(way, m.data + (m.done - head), total - m.done);
  } else {
    if (m.done == 0 && way.written.load(std::memory_order_acquire) - way.read.load() >= head) {
      Header sent;
      m.done += take(way, (char *)&sent, head);
      if (sent.bytes != m.header.bytes || sent.type != m.header.type)
        return fail(invalid_usage,
                    "rank %d sends %llu bytes of type %llu, and rank %d receives %llu of type %llu", m.peer,
                    (unsigned long long)sent.bytes, (unsigned long long)sent.type, c.rank,
                    (unsigned long long)m.header.bytes, (unsigned long long)m.header.type);
    }
    if (m.done >= head) m.done += take(way, m.data + (m.done - head), total - m.done);
  }
  moved |= m.done != before;
  return success;
}

bool is_over(const Message &m) { return m.done == sizeof(Header) + m.header.bytes; }

// Whether an earlier message of the group goes the same way and is not over.
bool comes_later(const std::vector<Message> &messages, size_t k) {
  for (size_t j = 0; j < k; j++) {
    const Message &a = messages[j], &b = messages[k];
    if (a.communicator == b.communicator && a.peer == b.peer && a.sends == b.sends && !is_over(a)) return true;
  }
  return false;
}

Result check(const Message &m) {
  if (!known(m.communicator)) return fail(invalid_argument, "no such communicator");
  if (m.communicator->aborted) return fail(invalid_usage, "the communicator has been aborted");
  CUstreamCaptureStatus capture = CU_STREAM_CAPTURE_STATUS_NONE;
  cuStreamIsCapturing(m.stream, &capture);
  if (capture != CU_STREAM_CAPTURE_STATUS_NONE)
    return fail(invalid_usage, "the emulator's NCCL does nothing in a stream that captures a graph");
  // the stream is one, and the context is usable
  if (cuda_emulator::submit(m.stream, [] { return CUDA_SUCCESS; }) != CUDA_SUCCESS)
    return fail(unhandled_cuda_error, "the stream is none of the current context's");
  if (m.header.bytes && !cuda_emulator::is_device_range((CUdeviceptr)m.data, m.header.bytes))
    return fail(invalid_argument, "%s: %llu bytes reach outside device memory", m.sends ? "ncclSend" : "ncclRecv",
                (unsigned long long)m.header.bytes);
  return success;
}

Result exchange(std::vector<Message> &messages) {
  for (const Message &m : messages)
    if (Result result = check(m)) return result;
  for (size_t left = messages.size(); left;) {
    bool moved = false;
    left = 0;
    for (size_t k = 0; k < messages.size(); k++) {
      Message &m = messages[k];
      Communicator &c = *m.communicator;
      if (c.aborted) return fail(internal_error, "the communicator was aborted");
      if (int failed = c.shared->failed) {
        c.failed = failed;
        return fail(remote_error, "another rank has met an error");
      }
      if (is_over(m)) continue;
      left++;
      if (comes_later(messages, k)) continue;
      if (Result result = move(m, moved)) {
        c.failed = result;
        c.shared->failed = remote_error;
        return result;
      }
    }
    if (left && !moved) usleep(nap_microseconds);
  }
  for (const Message &m : messages)
    if (!m.sends && m.header.bytes) cuda_emulator::mark_initialised((CUdeviceptr)m.data, m.header.bytes);
  cuda_emulator::statistics.library_calls++;
  return success;
}

Result finish_group() {
  std::vector<Message> messages;
  messages.swap(group);
  std::set<Communicator *> concerned;
  {
    std::lock_guard<std::mutex> lock(communicators_mutex);
    for (const Message &m : messages)
      if (communicators.count(m.communicator) && concerned.insert(m.communicator).second) m.communicator->busy++;
  }
  Result result = messages.empty() ? success : exchange(messages);
  for (Communicator *c : concerned) c->busy--;
  return result;
}

Result message(bool sends, void *data, size_t count, int type, int peer, void *communicator, CUstream stream) {
  const char *name = sends ? "ncclSend" : "ncclRecv";
  auto *c = (Communicator *)communicator;
  if (!known(c)) return fail(invalid_argument, "%s: no such communicator", name);
  if (type < 0 || type >= types) return fail(invalid_argument, "%s: %d is no data type", name, type);
  if (peer < 0 || peer >= c->size)
    return fail(invalid_argument, "%s: rank %d of a communicator of %d", name, peer, c->size);
  group.push_back({c, sends, peer, (char *)data, {count * type_bytes[type], (uint64_t)type}, stream, 0});
  return open_groups ? success : finish_group();
}

Result leave(Communicator *c, const char *name, bool aborts) {
  if (!known(c)) return fail(invalid_argument, "%s: no such communicator", name);
  if (!aborts && open_groups) return fail(invalid_usage, "%s: a group is open: ncclGroupEnd first", name);
  if (aborts) c->aborted = true;
  while (c->busy) usleep(nap_microseconds);  // of another thread, which sees that it is aborted
  std::lock_guard<std::mutex> lock(communicators_mutex);
  communicators.erase(c);
  munmap(c->shared, c->shared_size);
  delete c;
  return success;
}

}  // namespace

#define NCCL CUDA_EMULATOR_EXPORT int

NCCL ncclGetVersion(int *version) {
  *version = 22700;
  return success;
}
NCCL ncclGetUniqueId(UniqueId *id) {
  static std::atomic<int> count{0};
  memset(id, 0, sizeof *id);
  timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  snprintf(id->internal, sizeof id->internal, "/graphlib_nccl_%d_%d_%llx", (int)getpid(), count++,
           (unsigned long long)now.tv_sec * 1000000000ull + now.tv_nsec);
  return success;
}
NCCL ncclCommInitRank(void **communicator, int size, UniqueId id, int rank) {
  if (open_groups) return fail(invalid_usage, "ncclCommInitRank in a group, which the emulator's NCCL lacks");
  if (size < 1 || rank < 0 || rank >= size) return fail(invalid_argument, "rank %d of %d", rank, size);
  CUcontext context = nullptr;
  cuCtxGetCurrent(&context);
  if (!context) return fail(unhandled_cuda_error, "ncclCommInitRank without a current context");
  if (id.internal[0] != '/' || !memchr(id.internal, 0, sizeof id.internal))
    return fail(invalid_argument, "the unique id is none of ncclGetUniqueId's");
  size_t bytes = sizeof(Shared) + sizeof(Ring) * size * size;
  int file = shm_open(id.internal, O_RDWR | O_CREAT, 0600);
  void *memory = MAP_FAILED;
  if (file >= 0 && !ftruncate(file, bytes))
    memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (file >= 0) close(file);
  if (memory == MAP_FAILED) return fail(system_error, "no shared memory %s", id.internal);
  auto *shared = (Shared *)memory;
  shared->arrived++;
  while (shared->arrived < size) usleep(nap_microseconds);
  shm_unlink(id.internal);  // all have it: the first one takes the name away
  auto *made = new Communicator{rank, size, shared, bytes};
  std::lock_guard<std::mutex> lock(communicators_mutex);
  communicators.insert(made);
  *communicator = made;
  return success;
}
NCCL ncclGroupStart() {
  open_groups++;
  return success;
}
NCCL ncclGroupEnd() {
  if (!open_groups) return fail(invalid_usage, "ncclGroupEnd without ncclGroupStart");
  return --open_groups ? success : finish_group();
}
NCCL ncclSend(const void *data, size_t count, int type, int peer, void *communicator, CUstream stream) {
  return message(true, (void *)data, count, type, peer, communicator, stream);
}
NCCL ncclRecv(void *data, size_t count, int type, int peer, void *communicator, CUstream stream) {
  return message(false, data, count, type, peer, communicator, stream);
}
NCCL ncclCommGetAsyncError(void *communicator, int *result) {
  auto *c = (Communicator *)communicator;
  if (!known(c)) return fail(invalid_argument, "ncclCommGetAsyncError: no such communicator");
  *result = c->failed ? (int)c->failed : (int)c->shared->failed;
  return success;
}
NCCL ncclCommAbort(void *communicator) { return leave((Communicator *)communicator, __func__, true); }
NCCL ncclCommDestroy(void *communicator) { return leave((Communicator *)communicator, __func__, false); }
CUDA_EMULATOR_EXPORT const char *ncclGetErrorString(int result) {
  static const char *const texts[] = {
      "no error", "unhandled cuda error", "unhandled system error", "internal error", "invalid argument",
      "invalid usage", "remote process exited or there was a network error",
  };
  return result >= 0 && result <= remote_error ? texts[result] : "unknown result code";
}
CUDA_EMULATOR_EXPORT const char *ncclGetLastError(void *) { return last_error; }
