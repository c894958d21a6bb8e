"""The CUDA emulator, seen through the real PyCUDA: right kernels give numpy's results, wrong ones are caught.

What a test runs on the emulated GPU is a function of this file, called in a worker process, as a process can
hold one CUDA driver only. There are two workers, a plain one and one in the checked mode; each call gets a
context of its own, so that one which a kernel's error has broken does not outlive the test.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import re
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graphlib import emulator as cuda_emulator
from graphlib.emulator.build import library_folder
from graphlib.emulator.build_pycuda import private_folder

ORDERS = [("forward", 0), ("reversed", 0), ("shuffled", 1), ("shuffled", 2)]


# ---- in the worker process -----------------------------------------------------------------------------
def start_worker(checked: bool) -> None:
    cuda_emulator.load(checked=checked)
    import pycuda.driver

    pycuda.driver.init()


def in_context(function, arguments, order):
    import pycuda.driver

    cuda_emulator.set_thread_order(*order)
    cuda_emulator.reset_statistics()
    context = pycuda.driver.Device(0).make_context()
    try:
        return function(*arguments)
    finally:
        context.pop()
        context.detach()


@dataclass
class Unwritten:
    """An argument: an array of float32 on the device that nothing has written."""

    size: int


def get_kernel(source: str, name: str):
    import pycuda.driver

    path = cuda_emulator.compile(f'extern "C" {{{source}}}')
    return pycuda.driver.module_from_file(str(path)).get_function(name)


def launch(source, name, arguments, block, grid=(1, 1), shared=0):
    """Launches a kernel and returns its arrays as they are afterwards, or the text of the error."""
    import pycuda.driver as driver

    on_device = []
    for argument in arguments:
        if isinstance(argument, np.ndarray):
            on_device.append(driver.to_device(argument))
        elif isinstance(argument, Unwritten):
            on_device.append(driver.mem_alloc(4 * argument.size))
        else:
            on_device.append(argument)
    try:
        get_kernel(source, name)(*on_device, block=block, grid=grid, shared=shared)
        results = [np.empty_like(host) for host in arguments if isinstance(host, np.ndarray)]
        places = [on_device[i] for i, host in enumerate(arguments) if isinstance(host, np.ndarray)]
        for result, place in zip(results, places, strict=True):
            driver.memcpy_dtoh(result, place)
        return results
    except driver.Error as error:
        return str(error)


# ---- in pytest's process -------------------------------------------------------------------------------
@contextmanager
def worker(checked: bool):
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, spawn, initializer=start_worker, initargs=(checked,)) as pool:

        def call(function, *arguments, order=ORDERS[0]):
            return pool.submit(in_context, function, arguments, order).result()

        yield call


@pytest.fixture(scope="session")
def built() -> None:
    """The driver and PyCUDA, so that no worker has to build them."""
    library_folder()
    try:
        import pycuda  # noqa: F401
    except ImportError:
        private_folder()


@pytest.fixture(scope="session")
def plain(built):
    with worker(checked=False) as call:
        yield call


@pytest.fixture(scope="session")
def checked(built):
    with worker(checked=True) as call:
        yield call


@pytest.fixture(params=["plain", "checked"])
def emulator(request):
    """Either worker, for kernels that are right: the checked mode must find nothing wrong with them."""
    return request.getfixturevalue(request.param)


def random_floats(seed, *shape, dtype=np.float32):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


# ---- right kernels -------------------------------------------------------------------------------------
VECTOR_ADD = """
__global__ void vector_add(int n, const float *__restrict__ a, const float *__restrict__ b, float *c) {
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x)
    c[i] = __ldg(&a[i]) + b[i];
}"""


@pytest.mark.parametrize("n", [1, 31, 1000, 4097])
def test_vector_add(emulator, n):
    a, b = random_floats(n, 2, n)
    *_, c = emulator(
        launch, VECTOR_ADD, "vector_add", (np.int32(n), a, b, np.zeros_like(a)), (64, 1, 1), (5, 1)
    )
    np.testing.assert_array_equal(c, a + b)


REDUCTIONS = """
__global__ void __launch_bounds__(256) shared_sum(int n, const float *a, float *sums) {
  __shared__ float part[256];
  int t = threadIdx.x, i = blockIdx.x * 256 + t;
  part[t] = i < n ? a[i] : 0.f;
  __syncthreads();
  for (int step = 128; step > 0; step >>= 1) {
    if (t < step) part[t] += part[t + step];
    __syncthreads();
  }
  if (t == 0) sums[blockIdx.x] = part[0];
}
__device__ __forceinline__ float warp_sum(float v) {
  for (int step = 16; step > 0; step >>= 1) v += __shfl_down_sync(0xffffffffu, v, step);
  return v;
}
__global__ void shuffle_sum(int n, const float *a, float *sums) {
  extern __shared__ float part[];  // one a warp
  int t = threadIdx.x, i = blockIdx.x * blockDim.x + t;
  float v = warp_sum(i < n ? a[i] : 0.f);
  if (t % 32 == 0) part[t / 32] = v;
  __syncthreads();
  if (t < 32) {
    v = warp_sum(t < blockDim.x / 32 ? part[t] : 0.f);
    if (t == 0) sums[blockIdx.x] = v;
  }
}
__global__ void last_block_sum(const float *a, float *part, unsigned *done, float *sum) {
  __shared__ bool is_last;
  if (threadIdx.x == 0) {
    part[blockIdx.x] = a[2 * blockIdx.x] + a[2 * blockIdx.x + 1];
    __threadfence();
    is_last = atomicInc(done, gridDim.x - 1) == gridDim.x - 1;
  }
  __syncthreads();
  if (!is_last) return;
  __threadfence();
  if (threadIdx.x == 0) {
    float total = 0.f;
    for (int block = 0; block < gridDim.x; block++) total += part[block];
    *sum = total;
  }
}
__global__ void neighbours(const float *a, float *out) {
  __shared__ float s[64];
  int t = threadIdx.x;
  s[t] = a[t];
  __syncwarp();
  float v = s[t ^ 1];
  __syncwarp();
  s[t] = v;
  __syncwarp(0xffffffffu);
  out[t] = s[t ^ 2];
}"""


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("name, shared", [("shared_sum", 0), ("shuffle_sum", 32)])
def test_reductions(emulator, name, shared, order):
    a = random_floats(3, 1000)
    arguments = (np.int32(a.size), a, np.zeros(4, np.float32))
    _, sums = emulator(launch, REDUCTIONS, name, arguments, (256, 1, 1), (4, 1), shared, order=order)
    expected = np.pad(a, (0, 24)).reshape(4, 256).sum(axis=1, dtype=np.float64)
    np.testing.assert_allclose(sums, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("order", ORDERS)
def test_the_last_block_adds_what_the_others_wrote(emulator, order):
    a = random_floats(4, 20)
    arguments = (a, np.zeros(10, np.float32), np.zeros(1, np.uint32), np.zeros(1, np.float32))
    _, _, done, total = emulator(
        launch, REDUCTIONS, "last_block_sum", arguments, (32, 1, 1), (10, 1), order=order
    )
    np.testing.assert_allclose(total, a.sum(), rtol=1e-5)
    assert done[0] == 0


@pytest.mark.parametrize("order", ORDERS)
def test_lanes_of_a_warp_exchange_through_shared_memory(emulator, order):
    a = random_floats(4, 64)
    _, out = emulator(launch, REDUCTIONS, "neighbours", (a, np.zeros_like(a)), (64, 1, 1), order=order)
    np.testing.assert_array_equal(out, a[np.arange(64) ^ 3])


SGEMM = """
#define T 16
__global__ void sgemm(int m, int n, int k, const float *a, const float *b, float *c) {
  __shared__ float a_tile[T][T], b_tile[T][T];
  int x = threadIdx.x, y = threadIdx.y, row = blockIdx.y * T + y, column = blockIdx.x * T + x;
  float sum = 0.f;
  for (int start = 0; start < k; start += T) {
    a_tile[y][x] = row < m && start + x < k ? a[row * k + start + x] : 0.f;
    b_tile[y][x] = start + y < k && column < n ? b[(start + y) * n + column] : 0.f;
    __syncthreads();
    #pragma unroll
    for (int j = 0; j < T; j++) sum = fmaf(a_tile[y][j], b_tile[j][x], sum);
    __syncthreads();
  }
  if (row < m && column < n) c[row * n + column] = sum;
}"""


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("m, n, k", [(1, 1, 1), (37, 53, 41), (64, 32, 48)])
def test_tiled_sgemm(emulator, m, n, k, order):
    a, b = random_floats(1, m, k), random_floats(2, k, n)
    arguments = (np.int32(m), np.int32(n), np.int32(k), a, b, np.zeros((m, n), np.float32))
    grid = (-(-n // 16), -(-m // 16))
    *_, c = emulator(launch, SGEMM, "sgemm", arguments, (16, 16, 1), grid, order=order)
    np.testing.assert_allclose(c, a @ b, rtol=1e-4, atol=1e-5)


ATOMICS = """
__global__ void atomics(int n, const int *bin, const float *x, int *count, float *sum, double *dsum,
                        int *most, unsigned long long *bits, float *largest) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  atomicAdd(&count[bin[i]], 1);
  atomicAdd(&sum[bin[i]], x[i]);
  atomicAdd(dsum, (double)x[i]);
  atomicMax(most, bin[i] * 1000 + i);
  atomicOr(bits, 1ull << (i % 40));
  int *cell = (int *)largest, old = *(volatile int *)cell, seen;   // the usual loop for what has no atomic
  do {
    seen = old;
    old = atomicCAS(cell, seen, __float_as_int(fmaxf(x[i], __int_as_float(seen))));
  } while (old != seen);
}"""


@pytest.mark.parametrize("order", ORDERS)
def test_atomics(plain, order):
    n = 500
    bins, x = np.random.default_rng(0).integers(0, 7, n).astype(np.int32), random_floats(5, n)
    targets = [np.zeros(7, np.int32), np.zeros(7, np.float32), np.zeros(1), np.zeros(1, np.int32)]
    targets += [np.zeros(1, np.uint64), np.zeros(1, np.float32)]
    results = plain(
        launch, ATOMICS, "atomics", (np.int32(n), bins, x, *targets), (64, 1, 1), (8, 1), order=order
    )
    _, _, count, total, double_total, most, bits, largest = results
    np.testing.assert_array_equal(count, np.bincount(bins))
    np.testing.assert_allclose(total, np.bincount(bins, x), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(double_total, x.sum(dtype=np.float64))
    assert most[0] == (bins * 1000 + np.arange(n)).max()
    assert bits[0] == 2**40 - 1
    assert largest[0] == x.max()


WARP = """
__global__ void shuffles(const float *a, float *up, float *down, float *across, float *from, double *wide) {
  int t = threadIdx.x;
  up[t] = __shfl_up_sync(0xffffffffu, a[t], 3, 16);
  down[t] = __shfl_down_sync(0xffffffffu, a[t], 5);
  across[t] = __shfl_xor_sync(0xffffffffu, a[t], 9);
  from[t] = __shfl_sync(0xffffffffu, a[t], 2, 8);
  wide[t] = __shfl_sync(0xffffffffu, (double)a[t], 31);
}
__global__ void votes(const int *a, unsigned *ballot, int *any, int *all, int *counted) {
  int t = threadIdx.x;
  ballot[t] = __ballot_sync(0xffffffffu, a[t] > 2);
  any[t] = __any_sync(0xffffffffu, a[t] > 6);
  all[t] = __all_sync(0xffffffffu, a[t] >= 0);
  counted[t] = __syncthreads_count(a[t] > 2);
}
__global__ void half_warps(const float *a, float *sums) {  // lanes 0 to 15 shuffle more often
  int t = threadIdx.x;
  float v = a[t];
  if (t < 16) for (int d = 8; d > 0; d >>= 1) v += __shfl_xor_sync(0x0000ffffu, v, d);
  sums[t] = __shfl_xor_sync(0xffffffffu, v, 1);
}"""


@pytest.mark.parametrize("order", ORDERS)
def test_shuffles(emulator, order):
    a, lanes = random_floats(6, 64), np.arange(64)
    outputs = [np.zeros(64, np.float32) for _ in range(4)] + [np.zeros(64)]
    _, up, down, across, source, wide = emulator(
        launch, WARP, "shuffles", (a, *outputs), (64, 1, 1), order=order
    )
    np.testing.assert_array_equal(up, np.where(lanes % 16 >= 3, a[lanes - 3], a))
    np.testing.assert_array_equal(down, np.where(lanes % 32 + 5 < 32, a[np.minimum(lanes + 5, 63)], a))
    np.testing.assert_array_equal(across, a[lanes ^ 9])
    np.testing.assert_array_equal(source, a[lanes // 8 * 8 + 2])
    np.testing.assert_array_equal(wide, a[lanes // 32 * 32 + 31].astype(np.float64))


@pytest.mark.parametrize("order", ORDERS)
def test_votes_and_counting_barriers(emulator, order):
    a = np.random.default_rng(8).integers(0, 7, 64).astype(np.int32)
    a[40] = 7
    outputs = [np.zeros(64, np.uint32)] + [np.zeros(64, np.int32) for _ in range(3)]
    _, ballot, some, every, counted = emulator(launch, WARP, "votes", (a, *outputs), (64, 1, 1), order=order)
    expected = [int(sum(1 << lane for lane in range(32) if a[start + lane] > 2)) for start in (0, 32)]
    np.testing.assert_array_equal(ballot, np.repeat(expected, 32))
    np.testing.assert_array_equal(some, np.repeat([0, 1], 32))
    np.testing.assert_array_equal(every, 1)
    np.testing.assert_array_equal(counted, (a > 2).sum())


def test_lanes_that_shuffle_more_often_than_others_meet_them_again(emulator):
    a = random_floats(9, 32)
    _, sums = emulator(launch, WARP, "half_warps", (a, np.zeros_like(a)), (32, 1, 1))
    half = np.full(16, a[:16].sum())
    np.testing.assert_allclose(sums, np.concatenate([half, a[16:]])[np.arange(32) ^ 1], rtol=1e-5)


LANGUAGE = """
__constant__ float scale[4];
__global__ void scaled(float4 *v, int2 *pairs) {
  int i = threadIdx.x;
  float4 x = v[i];
  v[i] = make_float4(x.x * scale[0], x.y * scale[1], x.z * scale[2], x.w * scale[3]);
  pairs[i] = make_int2(pairs[i].y, pairs[i].x);
}
__global__ void indices(int *out) {
  int block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
  int thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
  int i = block * blockDim.x * blockDim.y * blockDim.z + thread;
  out[i] = i;
}
__global__ void intrinsics(const float *x, const unsigned *u, int *rounded, unsigned *high, int *counted,
                           float *e, float *r) {
  int i = threadIdx.x;
  rounded[i] = __float2int_rn(x[i]);
  high[i] = __umulhi(u[i], 0xD2511F53u);
  counted[i] = __popc(u[i]) * 100 + __clz((int)u[i]);
  e[i] = __expf(min(x[i], 4.f));
  r[i] = rsqrtf(fabsf(x[i]));
}"""


def run_scaled(vectors, pairs, scale):
    import pycuda.driver as driver

    source = f'extern "C" {{{LANGUAGE}}}'
    module = driver.module_from_file(str(cuda_emulator.compile(source)))
    address, size = module.get_global("scale")
    assert size == scale.nbytes
    driver.memcpy_htod(address, scale)
    function = module.get_function("scaled")
    function(driver.InOut(vectors), driver.InOut(pairs), block=(len(vectors), 1, 1))
    return vectors, pairs


def test_vector_types_and_constant_memory(emulator):
    vectors, scale = random_floats(10, 8, 4), random_floats(11, 4)
    pairs = np.arange(16, dtype=np.int32).reshape(8, 2)
    scaled, swapped = emulator(run_scaled, vectors, pairs, scale)
    np.testing.assert_array_equal(scaled, vectors * scale)
    np.testing.assert_array_equal(swapped, pairs[:, ::-1])


@pytest.mark.parametrize("order", ORDERS)
def test_indices_in_three_dimensions(emulator, order):
    out = np.zeros(2 * 3 * 4 * 5 * 3 * 2, np.int32)
    (out,) = emulator(launch, LANGUAGE, "indices", (out,), (5, 3, 2), (2, 3, 4), order=order)
    np.testing.assert_array_equal(out, np.arange(out.size))


def test_intrinsics(emulator):
    x = np.concatenate([random_floats(12, 28) * 10, np.float32([0.5, 1.5, -2.5, 3e9])])
    u = np.random.default_rng(13).integers(0, 2**32, 32).astype(np.uint32)
    outputs = [np.zeros(32, t) for t in (np.int32, np.uint32, np.int32, np.float32, np.float32)]
    _, _, rounded, high, counted, e, r = emulator(
        launch, LANGUAGE, "intrinsics", (x, u, *outputs), (32, 1, 1)
    )
    np.testing.assert_array_equal(rounded, np.minimum(np.rint(x.astype(np.float64)), 2**31 - 1))
    np.testing.assert_array_equal(high, u.astype(np.uint64) * 0xD2511F53 >> 32)
    bits = [f"{value:032b}" for value in u]
    np.testing.assert_array_equal(counted, [b.count("1") * 100 + (b + "1").index("1") for b in bits])
    np.testing.assert_allclose(e, np.exp(np.minimum(x, 4)), rtol=1e-6)
    np.testing.assert_allclose(r, 1 / np.sqrt(np.abs(x)), rtol=1e-6)


# ---- PyCUDA's interface --------------------------------------------------------------------------------
def use_source_module(a):
    from pycuda.compiler import SourceModule
    from pycuda.driver import InOut

    source = "__global__ void twice(float *a) { a[threadIdx.x] *= FACTOR; }"
    module = SourceModule(
        source, nvcc=str(cuda_emulator.NVCC), options=["-DFACTOR=2"], arch="sm_80", cache_dir=False
    )
    module.get_function("twice")(InOut(a), block=(a.size, 1, 1))
    return a


def test_source_module_with_the_nvcc_stand_in(emulator):
    a = random_floats(14, 10)
    np.testing.assert_array_equal(emulator(use_source_module, a), 2 * a)


def use_streams_and_events(a):
    import pycuda.driver as driver

    stream, start, end = driver.Stream(), driver.Event(), driver.Event()
    host = driver.pagelocked_empty(a.shape, a.dtype)
    host[:] = a
    first, second = driver.mem_alloc(a.nbytes), driver.mem_alloc(a.nbytes)
    result = driver.pagelocked_empty(a.shape, a.dtype)
    start.record(stream)
    driver.memcpy_htod_async(first, host, stream)
    driver.memcpy_dtod_async(second, first, a.nbytes, stream)
    function = get_kernel(VECTOR_ADD, "vector_add").prepare("iPPP")
    function.prepared_async_call((1, 1), (64, 1, 1), stream, a.size, first, second, first)
    driver.memcpy_dtoh_async(result, first, stream)
    end.record(stream)
    end.synchronize()
    assert end.query()
    assert stream.is_done()
    other = driver.Stream()
    other.wait_for_event(end)
    other.synchronize()
    return np.array(result), end.time_since(start)


def test_streams_and_events(emulator):
    a = random_floats(15, 100)
    result, milliseconds = emulator(use_streams_and_events, a)
    np.testing.assert_array_equal(result, a + a)
    assert milliseconds >= 0


def use_memory_pool(a):
    import pycuda.driver as driver
    from pycuda.tools import DeviceMemoryPool

    pool = DeviceMemoryPool()
    before = cuda_emulator.statistics()
    first = pool.allocate(a.nbytes)
    driver.memcpy_htod(first, a)
    address = int(first)
    first.free()
    second = pool.allocate(a.nbytes)
    assert int(second) == address
    driver.memcpy_dtoh(a, second)
    used = cuda_emulator.statistics()
    second.free()
    pool.free_held()
    pool.stop_holding()
    after = cuda_emulator.statistics()
    return a, used["allocations"] - before["allocations"], after["live_bytes"] - before["live_bytes"]


def test_memory_pool(emulator):
    a = random_floats(16, 100)
    result, allocations, left = emulator(use_memory_pool, a.copy())
    np.testing.assert_array_equal(result, a)
    assert (allocations, left) == (1, 0)


def use_gpuarray(a):
    import pycuda.gpuarray

    array = pycuda.gpuarray.to_gpu(a)
    part = array[3:9, 2:7].get()  # a copy in two dimensions
    return array.get(), part


def test_gpuarray_and_copies_in_two_dimensions(emulator):
    a = random_floats(17, 12, 11)
    whole, part = emulator(use_gpuarray, a)
    np.testing.assert_array_equal(whole, a)
    np.testing.assert_array_equal(part, a[3:9, 2:7])


def count_what_happens(a):
    import pycuda.driver as driver

    device, copy = driver.to_device(a), driver.mem_alloc(a.nbytes)
    function = get_kernel(VECTOR_ADD, "vector_add")
    cuda_emulator.reset_statistics()
    for _ in range(3):
        function(np.int32(a.size), device, device, copy, block=(32, 1, 1))
    driver.memcpy_dtod(device, copy, a.nbytes)
    driver.memcpy_dtoh(a, device)
    driver.memset_d32(device, 0, a.size)
    driver.Context.synchronize()
    return cuda_emulator.statistics()


def test_statistics(emulator):
    counted = emulator(count_what_happens, random_floats(18, 50))
    expected = dict.fromkeys(cuda_emulator.STATISTICS, 0) | {
        "launches": 3,
        "kernels": 3,
        "device_to_host_copies": 1,
        "device_to_host_bytes": 200,
        "device_to_device_copies": 1,
        "device_to_device_bytes": 200,
        "memsets": 1,
        "synchronizations": 1,
        "live_bytes": 400,
        "peak_bytes": 400,
    }
    assert counted == expected


def read_fresh_memory(count):
    import pycuda.driver as driver

    result = np.zeros(count, np.float32)
    driver.memcpy_dtoh(result, driver.mem_alloc(result.nbytes))
    return result


def test_fresh_memory_is_nan(plain):
    assert np.isnan(plain(read_fresh_memory, 1000)).all()


# ---- cuBLAS --------------------------------------------------------------------------------------------
@contextmanager
def cublas(stream):
    library, handle = ctypes.CDLL("libcublas.so.13"), ctypes.c_void_p()
    assert library.cublasCreate_v2(ctypes.byref(handle)) == 0
    assert library.cublasSetStream_v2(handle, ctypes.c_void_p(stream.handle)) == 0
    yield library, handle
    assert library.cublasDestroy_v2(handle) == 0


def call_gemm(library, handle, transposed, shape, alpha, a, lda, b, ldb, beta, c, ldc, batch=None):
    """Calls cuBLAS's gemm on device addresses; ``batch`` is the three strides and the number of matrices."""
    letter, scalar = {4: ("S", ctypes.c_float), 8: ("D", ctypes.c_double)}[c.itemsize]
    address, integer = (lambda array: ctypes.c_void_p(int(array.gpudata))), ctypes.c_int
    strides = [[], [], []] if batch is None else [[ctypes.c_longlong(stride)] for stride in batch[:3]]
    arguments = [handle, *(integer(t) for t in transposed), *(integer(n) for n in shape)]
    arguments += [ctypes.byref(scalar(alpha)), address(a), integer(lda), *strides[0]]
    arguments += [address(b), integer(ldb), *strides[1], ctypes.byref(scalar(beta))]
    arguments += [address(c), integer(ldc), *strides[2]]
    suffix = "_v2" if batch is None else "StridedBatched"
    arguments += [] if batch is None else [integer(batch[3])]
    return getattr(library, f"cublas{letter}gemm{suffix}")(*arguments)


def on_gpu(*arrays):
    import pycuda.gpuarray

    return [pycuda.gpuarray.to_gpu(array) for array in arrays]


def run_gemm(transposed, shape, alpha, a, lda, b, ldb, beta, c, ldc, batch=None):
    import pycuda.driver

    stream, (a, b, c) = pycuda.driver.Stream(), on_gpu(a, b, c)
    with cublas(stream) as (library, handle):
        status = call_gemm(library, handle, transposed, shape, alpha, a, lda, b, ldb, beta, c, ldc, batch)
    return status, c.get()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    transposed=st.tuples(st.booleans(), st.booleans()),
    shape=st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(0, 9)),
    padding=st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 3)),
    alpha=st.sampled_from([1.0, -0.5, 0.0]),
    beta=st.sampled_from([0.0, 1.0, 0.25]),
    dtype=st.sampled_from([np.float32, np.float64]),
    batch=st.integers(1, 3),
)
def test_cublas_gemm(plain, transposed, shape, padding, alpha, beta, dtype, batch):
    """op(A) op(B) of column-major matrices inside larger ones, by the formula of cuBLAS's documentation."""
    m, n, k = shape
    rng = np.random.default_rng(m * 100 + n * 10 + k)
    sizes = [(k, m) if transposed[0] else (m, k), (n, k) if transposed[1] else (k, n), (m, n)]
    # A row-major array of (batch, columns, leading dimension) is a batch of column-major matrices.
    a, b, c = (
        rng.standard_normal((batch, columns, rows + pad)).astype(dtype)
        for (rows, columns), pad in zip(sizes, padding, strict=True)
    )
    if beta == 0:
        c[:] = np.nan  # which must not be read
    strides = [matrix[0].size for matrix in (a, b, c)]
    lda, ldb, ldc = (max(1, matrix.shape[2]) for matrix in (a, b, c))
    some = [matrix if matrix.size else np.zeros(1, dtype) for matrix in (a, b)]  # k = 0: nothing is read
    status, result = plain(
        run_gemm, transposed, shape, alpha, some[0], lda, some[1], ldb, beta, c, ldc, (*strides, batch)
    )
    assert status == 0
    left, right, before = (
        matrix.swapaxes(1, 2)[:, :rows].astype(np.float64)
        for matrix, (rows, _) in zip((a, b, c), sizes, strict=True)
    )
    left = left.swapaxes(1, 2) if transposed[0] else left
    right = right.swapaxes(1, 2) if transposed[1] else right
    expected = alpha * (left @ right) + (beta * before if beta else 0)
    np.testing.assert_allclose(result.swapaxes(1, 2)[:, :m], expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(result[:, :, m:], c[:, :, m:])


def test_cublas_single_gemm(emulator):
    a, b = random_floats(19, 6, 5), random_floats(20, 5, 7)
    # Row-major a @ b is column-major b' a'.
    status, c = emulator(run_gemm, (0, 0), (7, 6, 5), 2.0, b, 7, a, 5, 0.0, np.zeros((6, 7), np.float32), 7)
    assert status == 0
    np.testing.assert_allclose(c, 2 * (a @ b), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("lda, status", [(4, 7), (8, 13)], ids=["too small", "past the end"])
def test_cublas_refuses_a_wrong_leading_dimension(plain, lda, status):
    a = random_floats(21, 5, 5)
    answer, _ = plain(run_gemm, (0, 0), (5, 5, 5), 1.0, a, lda, a, 5, 0.0, np.zeros_like(a), 5)
    assert answer == status


# ---- CUDA graphs ---------------------------------------------------------------------------------------
class Graphs:
    """The functions of CUDA graphs, which PyCUDA does not have, on a stream of PyCUDA's."""

    def __init__(self, stream):
        self.driver, self.stream = ctypes.CDLL("libcuda.so.1"), ctypes.c_void_p(stream.handle)
        self.graph, self.executable = ctypes.c_void_p(), ctypes.c_void_p()

    def begin(self, mode=0):
        return self.driver.cuStreamBeginCapture_v2(self.stream, ctypes.c_int(mode))

    def end(self):
        return self.driver.cuStreamEndCapture(self.stream, ctypes.byref(self.graph))

    def instantiate(self):
        flags = ctypes.c_ulonglong(0)
        return self.driver.cuGraphInstantiateWithFlags(ctypes.byref(self.executable), self.graph, flags)

    def launch(self):
        return self.driver.cuGraphLaunch(self.executable, self.stream)

    def count(self):
        number = ctypes.c_size_t()
        assert self.driver.cuGraphGetNodes(self.graph, None, ctypes.byref(number)) == 0
        return number.value

    def destroy(self):
        return self.driver.cuGraphExecDestroy(self.executable), self.driver.cuGraphDestroy(self.graph)


def capture_and_replay(weights, x, replays):
    """Each replay: weights += x x' by cuBLAS, then weights = weights + weights by a kernel of our own."""
    import pycuda.driver as driver

    stream = driver.Stream()
    n, graphs = len(x), Graphs(stream)
    host_x = driver.pagelocked_empty(x.shape, x.dtype)
    weights_on_gpu, x_on_gpu = on_gpu(weights, np.zeros_like(x))
    add = get_kernel(VECTOR_ADD, "vector_add").prepare("iPPP")
    with cublas(stream) as (library, handle):
        assert graphs.begin() == 0
        driver.memcpy_htod_async(x_on_gpu.gpudata, host_x, stream)
        shape = (n, n, 1)
        call_gemm(library, handle, (0, 1), shape, 1.0, x_on_gpu, n, x_on_gpu, n, 1.0, weights_on_gpu, n)
        pointers = [weights_on_gpu.gpudata] * 3
        add.prepared_async_call((1, 1), (64, 1, 1), stream, weights.size, *pointers)
        assert graphs.end() == 0
    captured_only = weights_on_gpu.get()
    assert graphs.instantiate() == 0
    cuda_emulator.reset_statistics()
    for i in range(replays):
        host_x[:] = x * (i + 1)  # a captured copy reads the host's memory anew
        assert graphs.launch() == 0
    stream.synchronize()
    counted, nodes = cuda_emulator.statistics(), graphs.count()
    assert graphs.destroy() == (0, 0)
    return captured_only, weights_on_gpu.get(), nodes, counted


def test_a_captured_graph_is_replayed(emulator):
    weights, x = random_floats(22, 6, 6), random_floats(23, 6)
    captured_only, result, nodes, counted = emulator(capture_and_replay, weights, x, 3)
    np.testing.assert_array_equal(captured_only, weights)
    expected = weights.astype(np.float64)
    for i in range(3):
        expected = 2 * (expected + np.outer(x, x) * (i + 1) ** 2)
    np.testing.assert_allclose(result, expected, rtol=1e-4)
    assert nodes == 3
    assert (counted["graph_launches"], counted["launches"], counted["kernels"]) == (3, 0, 3)
    assert (counted["library_calls"], counted["host_to_device_copies"]) == (3, 3)


def call_during_capture(call):
    """Returns the code of the end of a capture during which ``call`` was made, and the call's error."""
    import pycuda.driver as driver

    stream, memory = driver.Stream(), driver.mem_alloc(64)
    graphs, message = Graphs(stream), None
    assert graphs.begin() == 0
    try:
        {
            "allocate": lambda: driver.mem_alloc(64),
            "copy": lambda: driver.memcpy_htod(memory, np.zeros(16, np.float32)),
            "synchronize": stream.synchronize,
            "synchronize all": driver.Context.synchronize,
            "default stream": lambda: driver.memset_d32_async(memory, 0, 16),
            "own stream": lambda: driver.memset_d32_async(memory, 0, 16, stream),
        }[call]()
    except driver.Error as error:
        message = str(error)
    return graphs.end(), message


@pytest.mark.parametrize("call", ["allocate", "copy", "synchronize", "synchronize all"])
def test_what_a_capture_forbids_ends_it(plain, call):
    code, message = plain(call_during_capture, call)
    assert code == 901
    assert "not permitted when stream is capturing" in message


def test_work_on_the_default_stream_ends_a_capture(plain):
    code, message = plain(call_during_capture, "default stream")
    assert code == 901
    assert "legacy stream" in message


def test_work_on_the_capturing_stream_is_captured(plain):
    assert plain(call_during_capture, "own stream") == (0, None)


# ---- wrong kernels -------------------------------------------------------------------------------------
BUGS = """
__global__ void no_barrier(const float *a, float *out) {
  __shared__ float s[64];
  int t = threadIdx.x;
  s[t] = a[t];
  out[t] = s[63 - t];
}
__global__ void no_second_barrier(const float *a, float *out) {
  __shared__ float s[64];
  int t = threadIdx.x;
  float sum = 0.f;
  for (int k = 1; k <= 3; k++) {
    s[t] = k * a[t];
    __syncthreads();
    sum += s[63 - t];
  }
  out[t] = sum;
}
__global__ void no_warp_barrier(const float *a, float *out) {
  __shared__ float s[64];
  int t = threadIdx.x;
  s[t] = a[t];
  out[t] = s[t ^ 1];
}
__global__ void racing_blocks(float *out) {
  if (threadIdx.x == 0) out[blockIdx.x / 2] = (float)blockIdx.x;
}
__global__ void writes_past_the_end(int n, float *out) {
  if (threadIdx.x <= n) out[threadIdx.x] = 1.f;
}
__global__ void reads_past_the_end(int n, const float *a, float *out) {
  if (threadIdx.x < n) out[threadIdx.x] = a[threadIdx.x + 1];
}
__global__ void writes_before_the_start(float *out) { out[(int)threadIdx.x - 1] = 1.f; }
__global__ void writes_far_away(float *out) {
  if (blockIdx.x == 1 && threadIdx.x == 7)
    out[100 + 1024] = 1.f;
}
__global__ void past_static_shared(float *out) {
  __shared__ float s[64];
  float *p = s + threadIdx.x;
  p[1] = 1.f;
  __syncthreads();
  out[threadIdx.x] = s[threadIdx.x];
}
__global__ void past_dynamic_shared(float *out) {
  extern __shared__ float s[];
  s[threadIdx.x + 1] = 1.f;
  __syncthreads();
  out[threadIdx.x] = s[threadIdx.x + 1];
}
__global__ void unwritten_shared(float *out) {
  __shared__ float s[64];
  if (threadIdx.x != 5) s[threadIdx.x] = 1.f;
  __syncthreads();
  out[threadIdx.x] = s[threadIdx.x];
}
__global__ void unwritten_global(const float *a, float *out) { out[threadIdx.x] = a[threadIdx.x]; }
__global__ void divergent(float *out) {
  if (threadIdx.x < 5) __syncthreads();
  out[threadIdx.x] = 1.f;
}
__global__ void divergent_branches(float *out) {
  if (threadIdx.x < 5)
    __syncthreads();
  else
    __syncthreads();
  out[threadIdx.x] = 1.f;
}
__global__ void divergent_warp(float *out) {
  float v = 1.f;
  if (threadIdx.x % 32 < 5) v = __shfl_down_sync(0xffffffffu, v, 1);
  out[threadIdx.x] = v;
}
__global__ void mask_without_itself(float *out) { out[threadIdx.x] = __shfl_sync(0x0000ffffu, 1.f, 0); }
__global__ void divides(const int *a, int *out) { out[threadIdx.x] = 7 / a[threadIdx.x]; }
__global__ void takes(int n, float factor, float *out, int m, double *wide) { out[n] = factor; }
__global__ void __launch_bounds__(128) bounded(float *out) { out[threadIdx.x] = 1.f; }
__global__ void past_an_array(const int *a, float *out) {
  float local[4] = {1.f, 2.f, 3.f, 4.f};
  out[threadIdx.x] = local[a[threadIdx.x] + 3];
}
__global__ void misaligned(const float *a, float *out) {
  float4 v = *(const float4 *)(a + 2);
  out[threadIdx.x] = v.x + v.y + v.z + v.w;
}
__global__ void divergent_kinds(float *out) {
  if (threadIdx.x < 16) __syncwarp(0x0000ffffu);
  if (threadIdx.x < 16) __syncwarp(0xffffffffu); else __syncthreads();
  out[threadIdx.x] = 1.f;
}
__global__ void divergent_masks(float *out) {
  if (threadIdx.x % 32 < 16) __syncwarp(0xffffffffu); else __syncwarp(0xffff0002u);
  out[threadIdx.x] = 1.f;
}
__global__ void big_shared(float *out) {
  extern __shared__ float s[];
  s[threadIdx.x] = 1.f;
  out[threadIdx.x] = s[threadIdx.x];
}"""


def outputs(size=64):
    return np.zeros(size, np.float32)


RAMP = np.arange(1, 65, dtype=np.float32)
# name: the arguments, the shared memory, and the plain and the checked mode's messages; no message where the
# plain mode shows the bug by the result
CAUGHT = {
    "no_barrier": ((RAMP, outputs()), 0, None, "no thread of the block has written"),
    "no_second_barrier": ((RAMP, outputs()), 0, None, r"a race: thread \(\d+,0,0\) (wrote|read) it"),
    "no_warp_barrier": ((RAMP, outputs()), 0, None, "no thread of the block has written|a race"),
    "racing_blocks": ((outputs(),), 0, None, "block .* a race: another thread or block wrote it"),
    "writes_past_the_end": (
        (np.int32(13), outputs(13)),
        0,
        "a thread wrote just outside argument 1, allocation #[0-9]+ of 52 bytes",
        r"thread \(13,0,0\) writes 4 bytes at byte 52 of device allocation #\d+, which has 52 bytes",
    ),
    "reads_past_the_end": (
        (np.int32(13), outputs(13), outputs(13)),
        0,
        None,
        r"thread \(12,0,0\) reads 4 bytes at byte 52 of device allocation #\d+, which has 52 bytes",
    ),
    "writes_before_the_start": (
        (outputs(),),
        0,
        "a thread wrote just outside argument 0|byte -4 of device allocation",
        r"thread \(0,0,0\) writes 4 bytes at byte -4 of device allocation",
    ),
    "writes_far_away": (
        (outputs(100),),
        0,
        r"block \(1,0,0\) thread \(7,0,0\) accesses byte 4496 of device .*\(kernel.cu:37\)",
        r"block \(1,0,0\) thread \(7,0,0\) writes 4 bytes at byte 4496 of device .*\(kernel.cu:37\)",
    ),
    "past_static_shared": (
        (outputs(),),
        0,
        "wrote outside its static shared memory",
        r"thread \(63,0,0\) writes 4 bytes at shared memory, outside the kernel's variables",
    ),
    "past_dynamic_shared": (
        (outputs(),),
        256,
        r"thread \(63,0,0\) accesses byte 256 of dynamic shared memory",
        r"thread \(63,0,0\) writes 4 bytes at byte 256 of dynamic shared memory",
    ),
    "unwritten_shared": (
        (outputs(),),
        0,
        None,
        r"thread \(5,0,0\) reads 4 bytes at shared s \+ 20, which no",
    ),
    "unwritten_global": ((Unwritten(64), outputs()), 0, None, "which nothing has written"),
    "divergent": ((outputs(),), 0, *["divergent barrier: .*waits at __syncthreads.*has exited"] * 2),
    "divergent_branches": ((outputs(),), 0, *[r"divergent barrier: .*line \d+, .*line \d+"] * 2),
    "divergent_warp": ((outputs(),), 0, *["divergent barrier: .*warp operation .*has exited"] * 2),
    "divergent_kinds": ((outputs(),), 0, *["waits at __syncthreads.*, .* waits at a warp operation"] * 2),
    "divergent_masks": (
        (outputs(),),
        0,
        *["warp operation .* mask 0xffffffff, .* waits at a warp operation"] * 2,
    ),
    "past_an_array": (
        ((RAMP == 8).astype(np.int32), outputs()),
        0,
        *[r"thread \(7,0,0\) takes element 4 of an array 'float \[4\]' \(kernel.cu:\d+\)"] * 2,
    ),
    "misaligned": (
        (RAMP, outputs()),
        0,
        *["misaligned address.* 'const struct float4' at byte 8 of .*, not aligned to 16 bytes"] * 2,
    ),
    "mask_without_itself": ((outputs(),), 0, *["a mask that lacks its own lane"] * 2),
    "divides": (
        ((RAMP != 9).astype(np.int32), np.zeros(64, np.int32)),
        0,
        *[r"thread \(8,0,0\) divides an integer by zero \(kernel.cu:\d+\)"] * 2,
    ),
}


@pytest.mark.parametrize("name", CAUGHT)
def test_a_bug_is_caught_in_the_checked_mode(checked, name):
    arguments, shared, _, message = CAUGHT[name]
    answer = checked(launch, BUGS, name, arguments, (64, 1, 1), (2, 1), shared)
    assert isinstance(answer, str), "the kernel ran"
    assert re.search(message, answer), answer


@pytest.mark.parametrize("name", [name for name, (_, _, message, _) in CAUGHT.items() if message])
def test_a_bug_is_caught_in_the_plain_mode(plain, name):
    arguments, shared, message, _ = CAUGHT[name]
    answer = plain(launch, BUGS, name, arguments, (64, 1, 1), (2, 1), shared)
    assert isinstance(answer, str), "the kernel ran"
    assert re.search(message, answer), answer


@pytest.mark.parametrize(
    "name, right",
    [
        ("no_barrier", RAMP[::-1]),
        ("no_second_barrier", 6 * RAMP[::-1]),
        ("no_warp_barrier", RAMP.reshape(32, 2)[:, ::-1].ravel()),
    ],
)
def test_a_missing_barrier_gives_wrong_results_in_the_plain_mode(plain, name, right):
    results = [plain(launch, BUGS, name, (RAMP, outputs()), (64, 1, 1), order=order)[1] for order in ORDERS]
    assert not all(np.array_equal(result, right) for result in results)


def test_racing_blocks_give_results_that_depend_on_the_order(plain):
    results = [
        plain(launch, BUGS, "racing_blocks", (outputs(4),), (1, 1, 1), (8, 1), order=o) for o in ORDERS
    ]
    assert len({result[0].tobytes() for result in results}) > 1


@pytest.mark.parametrize(
    "name, arguments, place",
    [
        ("reads_past_the_end", (np.int32(13), outputs(13), outputs(13)), 12),
        ("unwritten_shared", (outputs(),), 5),
        ("unwritten_global", (Unwritten(64), outputs()), 63),
    ],
)
def test_what_was_never_written_reads_as_nan_in_the_plain_mode(plain, name, arguments, place):
    result = plain(launch, BUGS, name, arguments, (64, 1, 1))[-1]
    assert np.isnan(result[place])


def launch_on_memory_used_before():
    import pycuda.driver as driver

    a, out = driver.to_device(RAMP), driver.to_device(outputs())
    cuda_emulator.poison(int(a) + 16, 4)
    try:
        get_kernel(BUGS, "unwritten_global")(a, out, block=(64, 1, 1))
        return driver.from_device_like(out, RAMP)
    except driver.Error as error:
        return str(error)


def test_memory_can_be_made_unwritten_again(plain, checked):
    expected = RAMP.copy()
    expected[4] = np.nan
    np.testing.assert_array_equal(plain(launch_on_memory_used_before), expected)
    message = r"thread \(4,0,0\) reads 4 bytes at byte 16 of .*, which nothing has written"
    assert re.search(message, checked(launch_on_memory_used_before))


def poison_past_the_end():
    import pycuda.driver as driver

    memory = driver.mem_alloc(64)
    with pytest.raises(ValueError, match=r"65 bytes at .* are no device memory"):
        cuda_emulator.poison(int(memory), 65)


def test_only_device_memory_can_be_made_unwritten(plain):
    plain(poison_past_the_end)


# ---- wrong launches ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "name, arguments, block, grid, shared, message",
    [
        ("bounded", (outputs(),), (2048, 1, 1), (1, 1), 0, "1 to 1024"),
        ("bounded", (outputs(),), (1, 1, 65), (1, 1), 0, "1 to 1024"),
        ("bounded", (outputs(),), (0, 1, 1), (1, 1), 0, "1 to 1024"),
        ("bounded", (outputs(),), (64, 1, 1), (1, 65536), 0, r"grid of \(1,65536,1\)"),
        ("bounded", (outputs(),), (64, 1, 1), (0, 1), 0, r"grid of \(0,1,1\)"),
        ("bounded", (outputs(),), (256, 1, 1), (1, 1), 0, "__launch_bounds__ allow 128"),
        ("big_shared", (outputs(),), (64, 1, 1), (1, 1), 49156, "the limit is 49152"),
        ("bounded", (), (64, 1, 1), (1, 1), 0, "take 0 bytes, the kernel's 1 parameters 8"),
        ("bounded", (outputs(), np.int32(1)), (64, 1, 1), (1, 1), 0, "take 12 bytes"),
        ("bounded", (np.uint64(0x1234567),), (64, 1, 1), (1, 1), 0, "argument 0 points to address 0x1234567"),
        (
            "takes",
            (np.int32(0), np.float64(0.1), outputs(), np.int32(0), np.zeros(1)),
            *((1, 1, 1), (1, 1), 0),
            "the arguments take 40 bytes, the kernel's 5 parameters 32",
        ),
        (
            "takes",
            (np.int32(0), np.float32(0.1), outputs(), np.float64(0.1), np.zeros(1)),
            *((1, 1, 1), (1, 1), 0),
            "argument 3 is wider than the kernel's parameter of 4 bytes",
        ),
        ("missing", (), (1, 1, 1), (1, 1), 0, "the module has no kernel missing"),
    ],
)
def test_a_wrong_launch_is_refused(plain, name, arguments, block, grid, shared, message):
    answer = plain(launch, BUGS, name, arguments, block, grid, shared)
    assert isinstance(answer, str), "the kernel ran"
    assert re.search(message, answer), answer


def opt_in_to_shared_memory(size):
    import pycuda.driver as driver

    function, out = get_kernel(BUGS, "big_shared"), outputs()
    try:
        function.set_attribute(driver.function_attribute.MAX_DYNAMIC_SHARED_SIZE_BYTES, size)
        function(driver.Out(out), block=(64, 1, 1), shared=size)
    except driver.Error as error:
        return str(error)
    return out


def test_more_shared_memory_by_opting_in(plain):
    np.testing.assert_array_equal(plain(opt_in_to_shared_memory, 160 << 10), 1)
    assert "the limit is 166912" in plain(opt_in_to_shared_memory, 164 << 10)


def load_a_kernel_with_a_mangled_name():
    import pycuda.driver as driver

    module = driver.module_from_file(str(cuda_emulator.compile("__global__ void f(int *a) { a[0] = 1; }")))
    try:
        module.get_function("f")
    except driver.Error as error:
        return str(error)


def test_a_kernel_must_be_extern_c(plain):
    assert 'not extern "C"' in plain(load_a_kernel_with_a_mangled_name)


def go_on_after_an_error():
    import pycuda.driver as driver

    memory, errors = driver.mem_alloc(256), []
    function = get_kernel(BUGS, "divergent")
    for call in [
        lambda: function(memory, block=(64, 1, 1)),
        driver.Context.synchronize,
        lambda: driver.memcpy_dtoh(outputs(), memory),
    ]:
        try:
            call()
        except driver.Error as error:
            errors.append(type(error).__name__)
    return errors


def test_a_kernel_that_fails_ends_its_context(plain):
    assert plain(go_on_after_an_error) == ["LaunchError"] * 3


def ask_for_the_impossible(what):
    import pycuda.driver as driver

    try:
        {
            "memory": lambda: driver.mem_alloc(1 << 40),
            "texture": lambda: driver.Array(driver.ArrayDescriptor()),
            "copy": lambda: driver.memcpy_htod(driver.mem_alloc(16), np.zeros(5, np.float32)),
        }[what]()
    except driver.Error as error:
        return type(error).__name__, str(error)


@pytest.mark.parametrize(
    "what, error, message",
    [
        ("memory", "MemoryError", "1099511627776 bytes asked for"),
        ("texture", "LogicError", "the emulator has no cuArrayCreate_v2"),
        ("copy", "LogicError", "a copy writes 20 bytes of device memory from byte 0 of .* 16 bytes"),
    ],
)
def test_what_the_driver_refuses(plain, what, error, message):
    name, text = plain(ask_for_the_impossible, what)
    assert name == error
    assert re.search(message, text), text


def test_what_the_compiler_refuses(built):
    with pytest.raises(cuda_emulator.CompileError, match=r"kernel.cu:2:.*nonsense"):
        cuda_emulator.compile('extern "C" {\n__global__ void f(int *a) { nonsense(a); }\n}')
    with pytest.raises(cuda_emulator.CompileError, match=r"no matching function.*atomicMax"):
        cuda_emulator.compile("__global__ void f(float *a) { atomicMax(a, 1.f); }")  # CUDA has none either


LATE_LOAD = """
import ctypes
from graphlib import emulator as cuda_emulator
from graphlib.emulator.build import library_folder
ctypes.CDLL(str(library_folder() / "libcuda.so.1"))  # as importing pycuda would load the machine's driver
try:
    cuda_emulator.load()
except RuntimeError as error:
    print(error)
"""


def test_the_emulator_must_be_loaded_before_another_driver(built):
    root = Path(__file__).resolve().parents[1]
    process = subprocess.run(
        [sys.executable, "-c", LATE_LOAD], capture_output=True, text=True, check=True, cwd=root
    )
    assert "load the emulator before importing pycuda" in process.stdout


def set_unknown_order():
    try:
        cuda_emulator.set_thread_order("sideways")
    except ValueError as error:
        return str(error)


def test_an_unknown_thread_order_is_refused(plain):
    assert "'forward', 'reversed' or 'shuffled'" in plain(set_unknown_order)


# ---- whole processes -----------------------------------------------------------------------------------
USES_MEMORY = """
import ctypes, sys
import pycuda.driver as driver
driver.init()
context = driver.Device(0).retain_primary_context()
context.push()
freed = driver.mem_alloc(1000)
if "leak" in sys.argv:
    address, size = ctypes.c_void_p(), ctypes.c_size_t(24)
    assert ctypes.CDLL("libcuda.so.1").cuMemAlloc_v2(ctypes.byref(address), size) == 0
context.pop()
"""


@pytest.fixture
def run_script(built, tmp_path):
    def run(text, *arguments, options=(), **environment):
        script = tmp_path / "script.py"
        script.write_text(text)
        return subprocess.run(
            [sys.executable, "-m", "graphlib.emulator", *options, str(script), *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd=Path(__file__).resolve().parents[1],
            env={**os.environ, **environment},
        )

    return run


@pytest.mark.parametrize("mode, status", [("report", 0), ("fail", 86)])
def test_a_leak_is_reported(run_script, mode, status):
    process = run_script(USES_MEMORY, "leak", CUDA_EMULATOR_LEAKS=mode)
    assert process.returncode == status, process.stderr
    assert re.search(r"leak: device allocation #\d+, 24 bytes, was never freed", process.stderr)
    assert "1 allocation leaked, 24 bytes in all" in process.stderr


def test_a_leak_is_reported_where_nothing_is_ever_released(run_script):
    text = """
import ctypes
driver, context, memory = ctypes.CDLL("libcuda.so.1"), ctypes.c_void_p(), ctypes.c_void_p()
assert driver.cuInit(0) == 0
assert driver.cuDevicePrimaryCtxRetain(ctypes.byref(context), 0) == 0
assert driver.cuCtxPushCurrent_v2(context) == 0
assert driver.cuMemAlloc_v2(ctypes.byref(memory), ctypes.c_size_t(24)) == 0
"""
    process = run_script(text, CUDA_EMULATOR_LEAKS="fail")
    assert process.returncode == 86, process.stderr
    assert "1 allocation leaked, 24 bytes in all" in process.stderr


def test_memory_that_is_freed_is_no_leak(run_script):
    process = run_script(USES_MEMORY, CUDA_EMULATOR_LEAKS="fail")
    assert process.returncode == 0, process.stderr
    assert "leak" not in process.stderr


def test_a_script_is_run_with_its_arguments_and_the_settings(run_script):
    text = (
        "import os, sys\nprint(sys.argv[1:], *(os.environ[f'CUDA_EMULATOR_{s}'] for s in ('ORDER', 'CHECK')))"
    )
    process = run_script(text, "--own", "1", options=["--checked", "--order", "shuffled:4"])
    assert process.stdout == "['--own', '1'] shuffled:4 1\n", process.stderr


def test_an_unknown_order_ends_the_process(run_script):
    process = run_script("", options=["--order", "sideways"])
    assert process.returncode == 2
    assert "CUDA_EMULATOR_ORDER=sideways: it must be" in process.stderr


def test_the_nvcc_stand_in_refuses_what_it_does_not_know(built, tmp_path):
    source = tmp_path / "kernel.cu"
    source.write_text("__global__ void f() {}")
    process = subprocess.run(
        [str(cuda_emulator.NVCC), "--ptx", str(source)], capture_output=True, text=True, check=False
    )
    assert process.returncode == 1
    assert "unknown option --ptx" in process.stderr
