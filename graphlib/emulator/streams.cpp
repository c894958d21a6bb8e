// Streams, events and CUDA graphs of the emulated driver.
//
// Streams are synchronous: an operation is over when the call that enqueues it returns, so races between
// streams are not found. While a stream captures, its operations are kept in a graph instead, which a launch
// then replays. What CUDA forbids during a capture fails here with the same codes.
#include <ctime>
#include <memory>
#include <set>

#include "driver.h"

namespace cuda_emulator {

struct Graph { std::vector<Operation> operations; };
struct Stream {
  std::unique_ptr<Graph> capture;  // null where the stream does not capture
  CUstreamCaptureMode mode;
  bool capture_failed;
};
struct Event {
  bool recorded, captured;
  timespec time;
};

static std::set<Stream *> streams;
static std::set<Event *> events;

// Null and the two reserved handles are the default stream, which never captures.
static bool is_default(CUstream stream) {
  return !stream || stream == CU_STREAM_LEGACY || stream == CU_STREAM_PER_THREAD;
}

static Stream *find_stream(CUstream handle) {
  auto entry = streams.find((Stream *)handle);
  return entry == streams.end() ? nullptr : *entry;
}

static bool end_captures(bool (*concerned)(const Stream &)) {
  bool any = false;
  for (Stream *stream : streams)
    if (stream->capture && concerned(*stream)) any = stream->capture_failed = true;
  return any;
}

CUresult usable_outside_capture(const char *function) {
  if (end_captures([](const Stream &stream) { return stream.mode != CU_STREAM_CAPTURE_MODE_RELAXED; }))
    return fail(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, "%s while a stream captures a graph", function);
  return usable();
}

CUresult submit(CUstream handle, Operation operation) {
  Lock lock;
  if (CUresult error = usable()) return error;
  if (is_default(handle)) {
    if (end_captures([](const Stream &) { return true; }))
      return fail(CUDA_ERROR_STREAM_CAPTURE_IMPLICIT,
                  "work on the default stream while another stream captures a graph");
    return operation();
  }
  Stream *stream = find_stream(handle);
  if (!stream) return fail(CUDA_ERROR_INVALID_HANDLE, "no such stream");
  if (!stream->capture) return operation();
  if (stream->capture_failed)
    return fail(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, "an earlier call ended this stream's capture");
  stream->capture->operations.push_back(std::move(operation));
  return CUDA_SUCCESS;
}

// ---- streams ------------------------------------------------------------------------------------------
API cuStreamCreate(CUstream *stream, unsigned) {
  Lock lock;
  if (CUresult error = usable()) return error;
  *stream = (CUstream)*streams.insert(new Stream()).first;
  return CUDA_SUCCESS;
}
API cuStreamDestroy_v2(CUstream handle) {
  Lock lock;
  Stream *stream = find_stream(handle);
  if (!stream) return fail(CUDA_ERROR_INVALID_HANDLE, "no such stream");
  streams.erase(stream);
  delete stream;
  return CUDA_SUCCESS;
}

static CUresult meet(CUstream handle, const char *function) {
  Lock lock;
  Stream *stream = find_stream(handle);
  if (!stream && !is_default(handle)) return fail(CUDA_ERROR_INVALID_HANDLE, "no such stream");
  if (stream && stream->capture) {
    stream->capture_failed = true;
    return fail(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, "%s of a stream that captures a graph", function);
  }
  return usable();
}
API cuStreamSynchronize(CUstream stream) {
  statistics.synchronizations++;
  return meet(stream, __func__);
}
API cuStreamQuery(CUstream stream) { return meet(stream, __func__); }

// ---- events -------------------------------------------------------------------------------------------
static Event *find_event(CUevent handle) {
  auto entry = events.find((Event *)handle);
  return entry == events.end() ? nullptr : *entry;
}

API cuEventCreate(CUevent *event, unsigned) {
  Lock lock;
  if (CUresult error = usable()) return error;
  *event = (CUevent)*events.insert(new Event()).first;
  return CUDA_SUCCESS;
}
API cuEventDestroy_v2(CUevent handle) {
  Lock lock;
  Event *event = find_event(handle);
  if (!event) return fail(CUDA_ERROR_INVALID_HANDLE, "no such event");
  events.erase(event);
  delete event;
  return CUDA_SUCCESS;
}
API cuEventRecord(CUevent handle, CUstream stream) {
  Lock lock;
  Event *event = find_event(handle);
  if (!event) return fail(CUDA_ERROR_INVALID_HANDLE, "no such event");
  Stream *target = find_stream(stream);
  event->recorded = true;
  event->captured = target && target->capture;
  if (event->captured) return CUDA_SUCCESS;  // a mark inside the graph: no time of its own
  clock_gettime(CLOCK_MONOTONIC, &event->time);
  return meet(stream, __func__);
}

static CUresult check_event(CUevent handle) {
  Event *event = find_event(handle);
  if (!event) return fail(CUDA_ERROR_INVALID_HANDLE, "no such event");
  if (event->captured)
    return fail(CUDA_ERROR_CAPTURED_EVENT, "the event was last recorded in a capturing stream");
  return usable();
}
API cuEventQuery(CUevent event) {
  Lock lock;
  return check_event(event);
}
API cuEventSynchronize(CUevent event) {
  Lock lock;
  statistics.synchronizations++;
  return check_event(event);
}
API cuEventElapsedTime_v2(float *milliseconds, CUevent first, CUevent second) {
  Lock lock;
  if (CUresult error = check_event(first)) return error;
  if (CUresult error = check_event(second)) return error;
  Event *from = find_event(first), *to = find_event(second);
  if (!from->recorded || !to->recorded)
    return fail(CUDA_ERROR_INVALID_HANDLE, "an event that was never recorded");
  *milliseconds =
      (to->time.tv_sec - from->time.tv_sec) * 1e3f + (to->time.tv_nsec - from->time.tv_nsec) * 1e-6f;
  return CUDA_SUCCESS;
}
API cuStreamWaitEvent(CUstream stream, CUevent handle, unsigned) {
  Lock lock;
  Event *event = find_event(handle);
  if (!event) return fail(CUDA_ERROR_INVALID_HANDLE, "no such event");
  Stream *waiting = find_stream(stream);
  if (event->captured && !(waiting && waiting->capture))
    return fail(CUDA_ERROR_NOT_SUPPORTED,
                "the emulator captures one stream: another cannot join by an event");
  return waiting || is_default(stream) ? usable() : fail(CUDA_ERROR_INVALID_HANDLE, "no such stream");
}

// ---- graphs -------------------------------------------------------------------------------------------
API cuStreamBeginCapture_v2(CUstream handle, CUstreamCaptureMode mode) {
  Lock lock;
  if (CUresult error = usable()) return error;
  if (is_default(handle))
    return fail(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, "the default stream cannot capture: make a stream");
  Stream *stream = find_stream(handle);
  if (!stream) return fail(CUDA_ERROR_INVALID_HANDLE, "no such stream");
  if (stream->capture) return fail(CUDA_ERROR_ILLEGAL_STATE, "the stream captures already");
  stream->capture = std::make_unique<Graph>();
  stream->mode = mode;
  stream->capture_failed = false;
  return CUDA_SUCCESS;
}
API cuStreamEndCapture(CUstream handle, CUgraph *graph) {
  Lock lock;
  Stream *stream = find_stream(handle);
  if (!stream) return fail(CUDA_ERROR_INVALID_HANDLE, "no such stream");
  if (!stream->capture) return fail(CUDA_ERROR_ILLEGAL_STATE, "the stream does not capture");
  std::unique_ptr<Graph> captured = std::move(stream->capture);
  *graph = nullptr;
  if (stream->capture_failed)
    return fail(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED,
                "a call that is not permitted ended this stream's capture");
  *graph = (CUgraph)captured.release();
  return CUDA_SUCCESS;
}
API cuStreamIsCapturing(CUstream handle, CUstreamCaptureStatus *status) {
  Lock lock;
  Stream *stream = find_stream(handle);
  *status = !stream || !stream->capture ? CU_STREAM_CAPTURE_STATUS_NONE
            : stream->capture_failed    ? CU_STREAM_CAPTURE_STATUS_INVALIDATED
                                        : CU_STREAM_CAPTURE_STATUS_ACTIVE;
  return CUDA_SUCCESS;
}
// The number of nodes only: the nodes themselves are not handed out.
API cuGraphGetNodes(CUgraph graph, CUgraphNode *nodes, size_t *count) {
  if (nodes) return fail(CUDA_ERROR_NOT_SUPPORTED, "the emulator counts a graph's nodes and hands none out");
  *count = ((Graph *)graph)->operations.size();
  return CUDA_SUCCESS;
}
API cuGraphInstantiateWithFlags(CUgraphExec *executable, CUgraph graph, unsigned long long) {
  *executable = (CUgraphExec) new Graph(*(Graph *)graph);
  return CUDA_SUCCESS;
}
API cuGraphLaunch(CUgraphExec executable, CUstream stream) {
  Lock lock;
  statistics.graph_launches++;
  return submit(stream, [operations = ((Graph *)executable)->operations] {
    for (const Operation &operation : operations)
      if (CUresult error = operation()) return error;
    return CUDA_SUCCESS;
  });
}
API cuGraphExecDestroy(CUgraphExec executable) {
  delete (Graph *)executable;
  return CUDA_SUCCESS;
}
API cuGraphDestroy(CUgraph graph) {
  delete (Graph *)graph;
  return CUDA_SUCCESS;
}

}  // namespace cuda_emulator
