// A stand-in for libcuda.so.1 that runs kernels on the host's CPU, as far as PyCUDA and this project need it.
// Here: errors, settings, devices and contexts.
#include "driver.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <unistd.h>

namespace cuda_emulator {

std::recursive_mutex driver_mutex;
Statistics statistics;

// ---- errors -------------------------------------------------------------------------------------------
static thread_local CUresult last_code = CUDA_SUCCESS;
static thread_local std::string last_message;

CUresult fail(CUresult code, const char *format, ...) {
  char text[1024];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  last_code = code;
  last_message = text;
  return code;
}

void report(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fputs("[cuda emulator] ", stderr);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  va_end(arguments);
}

const char *setting(const char *name, const char *otherwise) {
  const char *value = getenv(name);
  return value && *value ? value : otherwise;
}

static const struct {
  CUresult code;
  const char *name, *text;
} error_table[] = {
    {CUDA_SUCCESS, "CUDA_SUCCESS", "no error"},
    {CUDA_ERROR_INVALID_VALUE, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
    {CUDA_ERROR_OUT_OF_MEMORY, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
    {CUDA_ERROR_NOT_INITIALIZED, "CUDA_ERROR_NOT_INITIALIZED", "initialization error"},
    {CUDA_ERROR_INVALID_DEVICE, "CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"},
    {CUDA_ERROR_INVALID_IMAGE, "CUDA_ERROR_INVALID_IMAGE", "device kernel image is invalid"},
    {CUDA_ERROR_INVALID_CONTEXT, "CUDA_ERROR_INVALID_CONTEXT", "invalid device context"},
    {CUDA_ERROR_NO_BINARY_FOR_GPU, "CUDA_ERROR_NO_BINARY_FOR_GPU", "no kernel image for this device"},
    {CUDA_ERROR_INVALID_PTX, "CUDA_ERROR_INVALID_PTX", "a PTX JIT compilation failed"},
    {CUDA_ERROR_FILE_NOT_FOUND, "CUDA_ERROR_FILE_NOT_FOUND", "file not found"},
    {CUDA_ERROR_OPERATING_SYSTEM, "CUDA_ERROR_OPERATING_SYSTEM", "OS call failed"},
    {CUDA_ERROR_ILLEGAL_STATE, "CUDA_ERROR_ILLEGAL_STATE",
     "the operation cannot be performed in the present state"},
    {CUDA_ERROR_INVALID_HANDLE, "CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"},
    {CUDA_ERROR_NOT_FOUND, "CUDA_ERROR_NOT_FOUND", "named symbol not found"},
    {CUDA_ERROR_ILLEGAL_ADDRESS, "CUDA_ERROR_ILLEGAL_ADDRESS", "an illegal memory access was encountered"},
    {CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES, "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES",
     "too many resources requested for launch"},
    {CUDA_ERROR_LAUNCH_FAILED, "CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure"},
    {CUDA_ERROR_MISALIGNED_ADDRESS, "CUDA_ERROR_MISALIGNED_ADDRESS", "misaligned address"},
    {CUDA_ERROR_NOT_SUPPORTED, "CUDA_ERROR_NOT_SUPPORTED", "operation not supported"},
    {CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED",
     "operation not permitted when stream is capturing"},
    {CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED",
     "operation failed due to a previous error during capture"},
    {CUDA_ERROR_STREAM_CAPTURE_IMPLICIT, "CUDA_ERROR_STREAM_CAPTURE_IMPLICIT",
     "operation would make the legacy stream depend on a capturing blocking stream"},
    {CUDA_ERROR_CAPTURED_EVENT, "CUDA_ERROR_CAPTURED_EVENT",
     "operation not permitted on an event last recorded in a capturing stream"},
};

static auto *find_error(CUresult code) {
  for (auto &entry : error_table)
    if (entry.code == code) return &entry;
  return decltype(&error_table[0]){nullptr};
}

API cuGetErrorString(CUresult code, const char **text) {
  static thread_local std::string answer;  // must outlive the call
  auto *entry = find_error(code);
  answer = entry ? entry->text : "CUDA error " + std::to_string((int)code);
  if (code == last_code && !last_message.empty()) answer += ": " + last_message;
  *text = answer.c_str();
  return CUDA_SUCCESS;
}

API cuGetErrorName(CUresult code, const char **name) {
  auto *entry = find_error(code);
  *name = entry ? entry->name : nullptr;
  return entry ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

int refuse(const char *function) {
  return fail(CUDA_ERROR_NOT_SUPPORTED, "the emulator has no %s", function);
}

// ---- the one device: what an A100 (compute capability 8.0) answers ------------------------------------
static bool initialised = false;

API cuInit(unsigned) {
  initialised = true;
  return CUDA_SUCCESS;
}
API cuDriverGetVersion(int *version) {
  *version = CUDA_VERSION;
  return CUDA_SUCCESS;
}
API cuDeviceGetCount(int *count) {
  if (!initialised) return fail(CUDA_ERROR_NOT_INITIALIZED, "cuInit was not called");
  *count = 1;
  return CUDA_SUCCESS;
}
API cuDeviceGet(CUdevice *device, int ordinal) {
  if (!initialised) return fail(CUDA_ERROR_NOT_INITIALIZED, "cuInit was not called");
  if (ordinal != 0)
    return fail(CUDA_ERROR_INVALID_DEVICE, "there is no device %d: the emulator has one", ordinal);
  *device = 0;
  return CUDA_SUCCESS;
}
API cuDeviceGetName(char *name, int size, CUdevice) {
  snprintf(name, size, "CUDA emulator (host CPU)");
  return CUDA_SUCCESS;
}
API cuDeviceComputeCapability(int *major, int *minor, CUdevice) {
  *major = 8;
  *minor = 0;
  return CUDA_SUCCESS;
}
API cuDeviceGetPCIBusId(char *id, int size, CUdevice) {
  snprintf(id, size, "0000:00:00.0");
  return CUDA_SUCCESS;
}
// Of each process's device another one, unless the setting says which: ranks of a run have one each.
API cuDeviceGetUuid_v2(CUuuid *uuid, CUdevice) {
  std::string text = setting("CUDA_EMULATOR_UUID", ("process " + std::to_string(getpid())).c_str());
  memset(uuid, 0, sizeof *uuid);
  memcpy(uuid->bytes, text.data(), std::min(text.size(), sizeof uuid->bytes));
  return CUDA_SUCCESS;
}
API cuDeviceCanAccessPeer(int *possible, CUdevice, CUdevice) {
  *possible = 0;
  return CUDA_SUCCESS;
}
API cuDeviceGetAttribute(int *value, CUdevice_attribute attribute, CUdevice) {
  static const std::map<int, int> attributes = {
      {CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK, maximum_threads},
      {CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_X, maximum_threads},
      {CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Y, maximum_threads},
      {CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Z, maximum_block_z},
      {CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X, maximum_grid_x},
      {CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Y, maximum_grid_yz},
      {CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Z, maximum_grid_yz},
      {CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK, shared_memory_limit},
      {CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN, shared_memory_opt_in},
      {CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR, 167936},
      {CU_DEVICE_ATTRIBUTE_TOTAL_CONSTANT_MEMORY, 65536},
      {CU_DEVICE_ATTRIBUTE_WARP_SIZE, warp_size},
      {CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_BLOCK, 65536},
      {CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_MULTIPROCESSOR, 65536},
      {CU_DEVICE_ATTRIBUTE_CLOCK_RATE, 1410000},
      {CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, 108},
      {CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR, 2048},
      {CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, 8},
      {CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, 0},
      {CU_DEVICE_ATTRIBUTE_UNIFIED_ADDRESSING, 1},
      {CU_DEVICE_ATTRIBUTE_CAN_MAP_HOST_MEMORY, 1},
      {CU_DEVICE_ATTRIBUTE_CONCURRENT_KERNELS, 1},
  };
  auto entry = attributes.find(attribute);
  *value = entry == attributes.end() ? 0 : entry->second;
  return CUDA_SUCCESS;
}

// ---- contexts: a stack a host thread ------------------------------------------------------------------
static thread_local std::vector<Context *> context_stack;
static Context primary_context = {0, 0, CUDA_SUCCESS};

Context *current_context() { return context_stack.empty() ? nullptr : context_stack.back(); }

CUresult usable() {
  Context *context = current_context();
  if (!context) return fail(CUDA_ERROR_INVALID_CONTEXT, "no context is current on this thread");
  return context->broken;
}

// Ends a context: memory that it still holds is a leak.
static void destroy(Context *context) {
  free_allocations_of(context);
  context_stack.erase(std::remove(context_stack.begin(), context_stack.end(), context), context_stack.end());
  if (context == &primary_context)
    context->broken = CUDA_SUCCESS;
  else
    delete context;
}

API cuCtxCreate_v2(CUcontext *context, unsigned, CUdevice device) {
  context_stack.push_back(new Context{device, 1, CUDA_SUCCESS});
  *context = (CUcontext)context_stack.back();
  return CUDA_SUCCESS;
}
API cuCtxCreate_v4(CUcontext *context, CUctxCreateParams *, unsigned flags, CUdevice device) {
  return cuCtxCreate_v2(context, flags, device);
}
API cuCtxDestroy_v2(CUcontext context) {
  Lock lock;
  destroy((Context *)context);
  return CUDA_SUCCESS;
}
API cuCtxAttach(CUcontext *context, unsigned) {
  if (CUresult error = usable()) return error;
  current_context()->references++;
  *context = (CUcontext)current_context();
  return CUDA_SUCCESS;
}
API cuCtxDetach(CUcontext context) {
  Lock lock;
  if (--((Context *)context)->references == 0) destroy((Context *)context);
  return CUDA_SUCCESS;
}
API cuDevicePrimaryCtxRetain(CUcontext *context, CUdevice) {
  Lock lock;
  primary_context.references++;
  *context = (CUcontext)&primary_context;
  return CUDA_SUCCESS;
}
API cuDevicePrimaryCtxRelease_v2(CUdevice) {
  Lock lock;
  if (primary_context.references == 0)
    return fail(CUDA_ERROR_INVALID_CONTEXT, "the primary context was released more often than retained");
  if (--primary_context.references == 0) destroy(&primary_context);
  return CUDA_SUCCESS;
}
API cuCtxPushCurrent_v2(CUcontext context) {
  if (!context) return fail(CUDA_ERROR_INVALID_CONTEXT, "cuCtxPushCurrent of no context");
  context_stack.push_back((Context *)context);
  return CUDA_SUCCESS;
}
API cuCtxPopCurrent_v2(CUcontext *context) {
  if (context_stack.empty())
    return fail(CUDA_ERROR_INVALID_CONTEXT, "cuCtxPopCurrent with no context current");
  if (context) *context = (CUcontext)context_stack.back();
  context_stack.pop_back();
  return CUDA_SUCCESS;
}
API cuCtxGetCurrent(CUcontext *context) {
  *context = (CUcontext)current_context();
  return CUDA_SUCCESS;
}
API cuCtxSetCurrent(CUcontext context) {
  if (!context_stack.empty()) context_stack.pop_back();
  if (context) context_stack.push_back((Context *)context);
  return CUDA_SUCCESS;
}
API cuCtxGetDevice(CUdevice *device) {
  if (!current_context()) return usable();
  *device = current_context()->device;
  return CUDA_SUCCESS;
}
API cuCtxGetApiVersion(CUcontext, unsigned *version) {
  *version = 3020;
  return CUDA_SUCCESS;
}
API cuCtxSynchronize() {
  Lock lock;
  statistics.synchronizations++;
  return usable_outside_capture("cuCtxSynchronize");
}

// ---- for the emulator's Python side -------------------------------------------------------------------
CUDA_EMULATOR_EXPORT void cuda_emulator_get_statistics(Statistics *copy) {
  Lock lock;
  *copy = statistics;
}
CUDA_EMULATOR_EXPORT void cuda_emulator_reset_statistics() {
  Lock lock;
  uint64_t live = statistics.live_bytes;
  statistics = {};
  statistics.live_bytes = statistics.peak_bytes = live;
}

}  // namespace cuda_emulator
