// Device memory of the emulated driver: allocation between guard pages, poisoning, leaks, copies and fills.
//
// An allocation's end is pushed against unreadable pages, so that the first access past it faults; the bytes
// that alignment leaves between, and those between the pages in front and the data, hold a pattern that is
// compared after each kernel. Fresh memory is filled with 0xff: NaN as a float, -1 as an integer.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "driver.h"

namespace cuda_emulator {

static const unsigned char poison = 0xff;
static const size_t page = sysconf(_SC_PAGESIZE);
// On either side of an allocation. It takes address space only, and is wider than a row of most matrices.
static const size_t guard = 1 << 20;
// The widest load of CUDA C is 16 bytes. A real driver aligns to 256, which would hide short overruns.
static const size_t alignment = atoi(setting("CUDA_EMULATOR_ALIGNMENT", "16"));
static const size_t capacity = (size_t)atoi(setting("CUDA_EMULATOR_MEMORY_MB", "4096")) << 20;

static std::map<uintptr_t, Allocation> allocations;  // by base
static unsigned allocation_count = 0;

static size_t round_up(size_t size, size_t multiple) { return (size + multiple - 1) / multiple * multiple; }

// ---- allocations --------------------------------------------------------------------------------------
Allocation *find_allocation(uintptr_t address) {
  auto next = allocations.upper_bound(address);
  if (next == allocations.begin()) return nullptr;
  Allocation &candidate = std::prev(next)->second;
  // One past the end counts: it is what an empty array at the end of an allocation points to.
  return address <= candidate.base + candidate.size ? &candidate : nullptr;
}

bool is_device_range(CUdeviceptr address, size_t size) {
  Allocation *allocation = find_allocation(address);
  if (allocation) return address + size <= allocation->base + allocation->size;
  const Module *module = find_module(address);  // a __constant__ or __device__ variable
  return module && address + size <= module->end;
}

static const char *kind_of(const Allocation &allocation) {
  return allocation.on_device ? "device" : "page-locked host";
}

std::string describe_address(uintptr_t address) {
  char text[200];
  uintptr_t shared = (uintptr_t)running.dynamic_shared;
  if (running.launch && address >= shared && address < (uintptr_t)running.dynamic_shared_end + page) {
    snprintf(text, sizeof text, "byte %zu of dynamic shared memory, which has %u bytes",
             (size_t)(address - shared), running.launch->dynamic_shared);
    return text;
  }
  for (auto &[base, allocation] : allocations) {
    uintptr_t begin = allocation.mapping ? (uintptr_t)allocation.mapping : base;  // the guard pages included
    uintptr_t end = allocation.mapping ? begin + allocation.mapping_size : base + allocation.size;
    if (address < begin || address >= end) continue;
    snprintf(text, sizeof text, "byte %td of %s allocation #%u, which has %zu bytes",
             (ptrdiff_t)(address - base), kind_of(allocation), allocation.number, allocation.size);
    return text;
  }
  snprintf(text, sizeof text, "address 0x%zx, which is no device memory", (size_t)address);
  return text;
}

char *map_pages(size_t size) {
  void *memory =
      mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return memory == MAP_FAILED ? nullptr : (char *)memory;
}

static CUresult allocate(uintptr_t *base, size_t size, bool on_device) {
  Lock lock;
  if (CUresult error = usable_outside_capture("allocating memory")) return error;
  if (size == 0) return fail(CUDA_ERROR_INVALID_VALUE, "an allocation of 0 bytes");
  if (on_device && statistics.live_bytes + size > capacity)
    return fail(CUDA_ERROR_OUT_OF_MEMORY,
                "%zu bytes asked for, %zu of %zu in use (CUDA_EMULATOR_MEMORY_MB sets the limit)", size,
                (size_t)statistics.live_bytes, capacity);
  size_t padded = round_up(size, alignment), data_pages = round_up(padded, page);
  size_t mapping_size = data_pages + 2 * guard;
  char *mapping = map_pages(mapping_size);
  if (!mapping) return fail(CUDA_ERROR_OUT_OF_MEMORY, "the host has no %zu bytes", mapping_size);
  mprotect(mapping, guard, PROT_NONE);
  mprotect(mapping + guard + data_pages, guard, PROT_NONE);
  memset(mapping + guard, poison, data_pages);

  Allocation allocation = {};
  allocation.base = (uintptr_t)mapping + guard + data_pages - padded;
  allocation.size = size;
  allocation.number = ++allocation_count;
  allocation.context = current_context();
  allocation.on_device = on_device;
  allocation.mapping = mapping;
  allocation.mapping_size = mapping_size;
  if (checking) {
    allocation.initialised = (uint8_t *)map_pages(size);
    allocation.cells = new_cells(size);
  }
  allocations[allocation.base] = allocation;
  if (on_device) {
    statistics.allocations++;
    statistics.live_bytes += size;
    if (statistics.peak_bytes < statistics.live_bytes) statistics.peak_bytes = statistics.live_bytes;
  }
  *base = allocation.base;
  return CUDA_SUCCESS;
}

static void unmap(const Allocation &allocation) {
  if (allocation.on_device) statistics.live_bytes -= allocation.size;
  if (allocation.mapping) munmap(allocation.mapping, allocation.mapping_size);
  if (allocation.initialised) munmap(allocation.initialised, allocation.size);
  if (allocation.cells) free_cells(allocation.cells, allocation.size);
}

static CUresult release(uintptr_t base) {
  Lock lock;
  CUresult error = usable_outside_capture("freeing memory");
  bool is_broken = current_context() && current_context()->broken;  // which still lets its memory go
  if (error && !is_broken) return error;
  auto entry = allocations.find(base);
  if (entry == allocations.end())
    return fail(CUDA_ERROR_INVALID_VALUE, "freeing what is not the start of an allocation: %s",
                describe_address(base).c_str());
  unmap(entry->second);
  allocations.erase(entry);
  return CUDA_SUCCESS;
}

static bool all_poison(const char *from, const char *to) {  // both within one page
  static const std::vector<unsigned char> pattern(page, poison);
  return memcmp(from, pattern.data(), to - from) == 0;
}

bool slack_intact(const Allocation &allocation) {
  if (!allocation.mapping) return true;
  const char *base = (char *)allocation.base, *mapping_end = allocation.mapping + allocation.mapping_size;
  return all_poison(allocation.mapping + guard, base) &&
         all_poison(base + allocation.size, mapping_end - guard);
}

void mark_initialised(CUdeviceptr address, size_t size) {
  Allocation *allocation = find_allocation(address);
  if (allocation && allocation->initialised)
    memset(allocation->initialised + (address - allocation->base), 1, size);
}
void mark_initialised(Allocation &allocation) { mark_initialised(allocation.base, allocation.size); }

// ---- leaks --------------------------------------------------------------------------------------------
static const std::string leak_mode = setting("CUDA_EMULATOR_LEAKS", "report");
static bool leaked = false;

// Of one context, or of all. After a kernel's fatal error nobody can free in order, so that is no leak.
static void report_leaks(const Context *context) {
  size_t count = 0, bytes = 0;
  for (auto &[base, allocation] : allocations) {
    bool concerned = !context || allocation.context == context;
    if (leak_mode == "ignore" || !concerned || !allocation.mapping || allocation.context->broken) continue;
    if (count++ < 10)
      report("leak: %s allocation #%u, %zu bytes, was never freed", kind_of(allocation), allocation.number,
             allocation.size);
    bytes += allocation.size;
  }
  if (!count) return;
  leaked = true;
  report("%zu allocation%s leaked, %zu bytes in all", count, count == 1 ? "" : "s", bytes);
}

void free_allocations_of(Context *context) {
  report_leaks(context);
  for (auto entry = allocations.begin(); entry != allocations.end();)
    if (entry->second.context == context) {
      unmap(entry->second);
      entry = allocations.erase(entry);
    } else {
      ++entry;
    }
}

// When the process ends, before the map of allocations does. CUDA_EMULATOR_LEAKS=fail makes leaks its exit
// status.
static struct EndOfProcess {
  ~EndOfProcess() {
    report_leaks(nullptr);
    if (leak_mode != "fail" || !leaked) return;
    fflush(nullptr);
    _exit(86);
  }
} end_of_process;

// ---- allocating and freeing ---------------------------------------------------------------------------
API cuMemAlloc_v2(CUdeviceptr *address, size_t size) { return allocate((uintptr_t *)address, size, true); }
API cuMemAllocManaged(CUdeviceptr *address, size_t size, unsigned) {
  return allocate((uintptr_t *)address, size, true);
}
API cuMemAllocPitch_v2(CUdeviceptr *address, size_t *pitch, size_t width, size_t height, unsigned) {
  *pitch = round_up(width, 512);
  return allocate((uintptr_t *)address, *pitch * height, true);
}
API cuMemFree_v2(CUdeviceptr address) { return release(address); }
API cuMemHostAlloc(void **address, size_t size, unsigned) {
  return allocate((uintptr_t *)address, size, false);
}
API cuMemFreeHost(void *address) { return release((uintptr_t)address); }
API cuMemHostRegister_v2(void *address, size_t size, unsigned) {
  Lock lock;
  if (CUresult error = usable()) return error;
  Allocation allocation = {};  // the caller's own memory: no mapping, no guard pages, nothing to leak
  allocation.base = (uintptr_t)address;
  allocation.size = size;
  allocation.number = ++allocation_count;
  allocation.context = current_context();
  allocations[allocation.base] = allocation;
  return CUDA_SUCCESS;
}
API cuMemHostUnregister(void *address) { return release((uintptr_t)address); }
API cuMemHostGetDevicePointer_v2(CUdeviceptr *device, void *host, unsigned) {
  *device = (CUdeviceptr)host;
  return CUDA_SUCCESS;
}
API cuMemHostGetFlags(unsigned *flags, void *) {
  *flags = 0;
  return CUDA_SUCCESS;
}
API cuDeviceTotalMem_v2(size_t *total, CUdevice) {
  *total = capacity;
  return CUDA_SUCCESS;
}
API cuMemGetInfo_v2(size_t *available, size_t *total) {
  if (CUresult error = usable()) return error;
  *total = capacity;
  *available = capacity - statistics.live_bytes;
  return CUDA_SUCCESS;
}
API cuMemGetAddressRange_v2(CUdeviceptr *base, size_t *size, CUdeviceptr address) {
  Lock lock;
  Allocation *allocation = find_allocation(address);
  if (!allocation) return fail(CUDA_ERROR_NOT_FOUND, "%s", describe_address(address).c_str());
  if (base) *base = allocation->base;
  if (size) *size = allocation->size;
  return CUDA_SUCCESS;
}

// Makes device memory what it is fresh from the driver, written by nothing: for what a pool or an arena
// reuses.
CUDA_EMULATOR_EXPORT int cuda_emulator_poison(CUdeviceptr address, size_t size) {
  Lock lock;
  Allocation *allocation = find_allocation(address);
  if (!allocation || !is_device_range(address, size)) return -1;
  memset((char *)address, poison, size);
  if (allocation->initialised) memset(allocation->initialised + (address - allocation->base), 0, size);
  return 0;
}

// ---- copies -------------------------------------------------------------------------------------------
// A copy of `depth` planes of `height` rows of `width` bytes: every copy of the API is one.
struct Side {
  char *start;
  size_t row, plane;  // bytes from one row, or plane, to the next
  bool on_device;
};

static CUresult check_side(const Side &side, size_t width, size_t height, size_t depth, const char *what) {
  if (!side.on_device || !width || !height || !depth) return CUDA_SUCCESS;
  size_t extent = (depth - 1) * side.plane + (height - 1) * side.row + width;
  if (is_device_range((CUdeviceptr)side.start, extent)) return CUDA_SUCCESS;
  return fail(CUDA_ERROR_INVALID_VALUE, "a copy %s %zu bytes of device memory from %s on", what, extent,
              describe_address((uintptr_t)side.start).c_str());
}

static void copy_row(const Side &to, const Side &from, char *target, char *source, size_t width) {
  memmove(target, source, width);
  if (!checking || !to.on_device) return;
  Allocation *origin = from.on_device ? find_allocation((uintptr_t)source) : nullptr;
  Allocation *destination = find_allocation((uintptr_t)target);
  if (origin && destination && origin->initialised && destination->initialised)  // what was unset stays unset
    memmove(destination->initialised + ((uintptr_t)target - destination->base),
            origin->initialised + ((uintptr_t)source - origin->base), width);
  else
    mark_initialised((CUdeviceptr)target, width);
}

static void count_copy(const Side &to, const Side &from, size_t bytes) {
  if (to.on_device && from.on_device)
    statistics.device_to_device_copies++, statistics.device_to_device_bytes += bytes;
  else if (to.on_device)
    statistics.host_to_device_copies++, statistics.host_to_device_bytes += bytes;
  else if (from.on_device)
    statistics.device_to_host_copies++, statistics.device_to_host_bytes += bytes;
}

static CUresult copy(Side to, Side from, size_t width, size_t height = 1, size_t depth = 1) {
  if (CUresult error = check_side(to, width, height, depth, "writes")) return error;
  if (CUresult error = check_side(from, width, height, depth, "reads")) return error;
  for (size_t z = 0; z < depth; z++)
    for (size_t y = 0; y < height; y++)
      copy_row(to, from, to.start + z * to.plane + y * to.row, from.start + z * from.plane + y * from.row,
               width);
  count_copy(to, from, width * height * depth);
  return CUDA_SUCCESS;
}

static CUresult copy_now(const char *function, Side to, Side from, size_t width, size_t height = 1,
                         size_t depth = 1) {
  Lock lock;
  if (CUresult error = usable_outside_capture(function)) return error;
  return copy(to, from, width, height, depth);
}
static CUresult copy_on(CUstream stream, Side to, Side from, size_t width, size_t height = 1,
                        size_t depth = 1) {
  return submit(stream, [=] { return copy(to, from, width, height, depth); });
}

static Side on_device(CUdeviceptr address) { return {(char *)address, 0, 0, true}; }
static Side on_host(const void *address) { return {(char *)address, 0, 0, false}; }

API cuMemcpyHtoD_v2(CUdeviceptr to, const void *from, size_t size) {
  return copy_now(__func__, on_device(to), on_host(from), size);
}
API cuMemcpyDtoH_v2(void *to, CUdeviceptr from, size_t size) {
  return copy_now(__func__, on_host(to), on_device(from), size);
}
API cuMemcpyDtoD_v2(CUdeviceptr to, CUdeviceptr from, size_t size) {
  return copy_now(__func__, on_device(to), on_device(from), size);
}
API cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void *from, size_t size, CUstream stream) {
  return copy_on(stream, on_device(to), on_host(from), size);
}
API cuMemcpyDtoHAsync_v2(void *to, CUdeviceptr from, size_t size, CUstream stream) {
  return copy_on(stream, on_host(to), on_device(from), size);
}
API cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, size_t size, CUstream stream) {
  return copy_on(stream, on_device(to), on_device(from), size);
}

// The two sides of a CUDA_MEMCPY2D or CUDA_MEMCPY3D, whose fields differ by their prefix only.
#define SIDE(description, PREFIX, skipped_planes, plane_rows)                                        \
  make_side(description->PREFIX##MemoryType, description->PREFIX##Device, description->PREFIX##Host, \
            description->PREFIX##Pitch, description->PREFIX##XInBytes, description->PREFIX##Y,       \
            skipped_planes, plane_rows)
static Side make_side(CUmemorytype type, CUdeviceptr device, const void *host, size_t pitch, size_t x,
                      size_t y, size_t z, size_t rows) {
  if (type == CU_MEMORYTYPE_UNIFIED)
    type = find_allocation(device) ? CU_MEMORYTYPE_DEVICE : CU_MEMORYTYPE_HOST;
  bool is_device = type == CU_MEMORYTYPE_DEVICE;
  char *start = is_device ? (char *)device : (char *)host;
  return {start + (z * rows + y) * pitch + x, pitch, pitch * rows, is_device};
}
static bool has_array(CUmemorytype a, CUmemorytype b) {
  return a == CU_MEMORYTYPE_ARRAY || b == CU_MEMORYTYPE_ARRAY;
}
#define REFUSE_ARRAYS(description)                                       \
  if (has_array(description->srcMemoryType, description->dstMemoryType)) \
    return fail(CUDA_ERROR_NOT_SUPPORTED, "the emulator has no CUDA arrays (textures)");

API cuMemcpy2D_v2(const CUDA_MEMCPY2D *d) {
  REFUSE_ARRAYS(d)
  return copy_now(__func__, SIDE(d, dst, 0, 0), SIDE(d, src, 0, 0), d->WidthInBytes, d->Height);
}
API cuMemcpy2DUnaligned_v2(const CUDA_MEMCPY2D *d) { return cuMemcpy2D_v2(d); }
API cuMemcpy2DAsync_v2(const CUDA_MEMCPY2D *d, CUstream stream) {
  REFUSE_ARRAYS(d)
  return copy_on(stream, SIDE(d, dst, 0, 0), SIDE(d, src, 0, 0), d->WidthInBytes, d->Height);
}
API cuMemcpy3D_v2(const CUDA_MEMCPY3D *d) {
  REFUSE_ARRAYS(d)
  return copy_now(__func__, SIDE(d, dst, d->dstZ, d->dstHeight), SIDE(d, src, d->srcZ, d->srcHeight),
                  d->WidthInBytes, d->Height, d->Depth);
}
API cuMemcpy3DAsync_v2(const CUDA_MEMCPY3D *d, CUstream stream) {
  REFUSE_ARRAYS(d)
  return copy_on(stream, SIDE(d, dst, d->dstZ, d->dstHeight), SIDE(d, src, d->srcZ, d->srcHeight),
                 d->WidthInBytes, d->Height, d->Depth);
}

// ---- fills --------------------------------------------------------------------------------------------
template <class T>
static CUresult fill(CUdeviceptr address, size_t pitch, T value, size_t width, size_t height) {
  if (!width || !height) return CUDA_SUCCESS;
  if (!is_device_range(address, (height - 1) * pitch + width * sizeof(T)))
    return fail(CUDA_ERROR_INVALID_VALUE, "a fill of %zu bytes from %s on",
                (height - 1) * pitch + width * sizeof(T), describe_address(address).c_str());
  for (size_t y = 0; y < height; y++) {
    T *row = (T *)(address + y * pitch);
    for (size_t x = 0; x < width; x++) row[x] = value;
    mark_initialised((CUdeviceptr)row, width * sizeof(T));
  }
  statistics.memsets++;
  return CUDA_SUCCESS;
}

#define MEMSET(BITS, TYPE)                                                                                 \
  API cuMemsetD##BITS##Async(CUdeviceptr address, TYPE value, size_t count, CUstream stream) {             \
    return submit(stream, [=] { return fill<TYPE>(address, 0, value, count, 1); });                        \
  }                                                                                                        \
  API cuMemsetD##BITS##_v2(CUdeviceptr address, TYPE value, size_t count) {                                \
    return cuMemsetD##BITS##Async(address, value, count, nullptr);                                         \
  }                                                                                                        \
  API cuMemsetD2D##BITS##Async(CUdeviceptr address, size_t pitch, TYPE value, size_t width, size_t height, \
                               CUstream stream) {                                                          \
    return submit(stream, [=] { return fill<TYPE>(address, pitch, value, width, height); });               \
  }                                                                                                        \
  API cuMemsetD2D##BITS##_v2(CUdeviceptr address, size_t pitch, TYPE value, size_t width, size_t height) { \
    return cuMemsetD2D##BITS##Async(address, pitch, value, width, height, nullptr);                        \
  }
MEMSET(8, unsigned char)
MEMSET(16, unsigned short)
MEMSET(32, unsigned int)

}  // namespace cuda_emulator
