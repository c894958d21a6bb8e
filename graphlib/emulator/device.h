// CUDA C's device side for a host C++ compiler: put in front of a kernel's source, it makes g++ accept the
// source and sends every barrier, warp operation and atomic to the emulated driver.
//
// It declares what generated kernels use and no more: an intrinsic that is missing here is a compile error,
// to be added below. g++ accepts some code that nvcc rejects, so a kernel must also go through NVRTC or nvcc.
#pragma once
#include <math.h>  // and not <cmath>: CUDA has the float overloads of exp, log, ... in the global namespace
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <limits>
#include <type_traits>
#include <utility>

#include "abi.h"

// ---- qualifiers ---------------------------------------------------------------------------------------
// Default visibility keeps a kernel's symbol in the module: the driver sees by it what is not extern "C".
#define __global__ __attribute__((visibility("default")))
#define __device__ __attribute__((visibility("default")))
#define __constant__ __attribute__((visibility("default")))
#define __host__
// One copy serves: blocks run one after the other. The section lets the driver find and poison the variables.
#define __shared__ static __attribute__((section("cuda_emulator_shared")))
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))
#define __launch_bounds__(...)  // read by compiler.py, which hands it to CUDA_EMULATOR_KERNEL
#define __align__(n) __attribute__((aligned(n)))
#ifndef __restrict__
#define __restrict__ __restrict
#endif
#ifdef CUDA_EMULATOR_CHECKED
#define CUDA_EMULATOR_UNCHECKED __attribute__((noinline, no_sanitize("thread")))
#else
#define CUDA_EMULATOR_UNCHECKED
#endif

// ---- vector types -------------------------------------------------------------------------------------
using uint3 = cuda_emulator::Index3;
static inline uint3 make_uint3(unsigned x, unsigned y, unsigned z) { return {x, y, z}; }
struct dim3 {
  unsigned x, y, z;
  dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};
#define CUDA_EMULATOR_VECTORS(NAME, TYPE, ALIGN2, ALIGN4)                 \
  struct NAME##1 { TYPE x; };                                             \
  struct alignas(ALIGN2) NAME##2 { TYPE x, y; };                          \
  struct alignas(ALIGN4) NAME##4 { TYPE x, y, z, w; };                    \
  static inline NAME##1 make_##NAME##1(TYPE x) { return {x}; }            \
  static inline NAME##2 make_##NAME##2(TYPE x, TYPE y) { return {x, y}; } \
  static inline NAME##4 make_##NAME##4(TYPE x, TYPE y, TYPE z, TYPE w) { return {x, y, z, w}; }
#define CUDA_EMULATOR_VECTOR3(NAME, TYPE) \
  struct NAME##3 { TYPE x, y, z; };       \
  static inline NAME##3 make_##NAME##3(TYPE x, TYPE y, TYPE z) { return {x, y, z}; }
CUDA_EMULATOR_VECTORS(char, signed char, 2, 4)
CUDA_EMULATOR_VECTORS(uchar, unsigned char, 2, 4)
CUDA_EMULATOR_VECTORS(short, short, 4, 8)
CUDA_EMULATOR_VECTORS(ushort, unsigned short, 4, 8)
CUDA_EMULATOR_VECTORS(int, int, 8, 16)
CUDA_EMULATOR_VECTORS(uint, unsigned, 8, 16)
CUDA_EMULATOR_VECTORS(longlong, long long, 16, 16)
CUDA_EMULATOR_VECTORS(ulonglong, unsigned long long, 16, 16)
CUDA_EMULATOR_VECTORS(float, float, 8, 16)
CUDA_EMULATOR_VECTORS(double, double, 16, 16)
CUDA_EMULATOR_VECTOR3(int, int)
CUDA_EMULATOR_VECTOR3(float, float)
CUDA_EMULATOR_VECTOR3(double, double)

// ---- thread indices and barriers ----------------------------------------------------------------------
#define threadIdx (cuda_emulator_state.thread)
#define blockIdx (cuda_emulator_state.block)
#define blockDim (cuda_emulator_state.block_size)
#define gridDim (cuda_emulator_state.grid_size)
enum { warpSize = 32 };

#define __syncthreads() cuda_emulator_block_barrier(__LINE__)
#define __syncthreads_count(p) cuda_emulator_block_reduce(cuda_emulator::Reduction::count, (p) != 0, __LINE__)
#define __syncthreads_and(p) cuda_emulator_block_reduce(cuda_emulator::Reduction::all, (p) != 0, __LINE__)
#define __syncthreads_or(p) cuda_emulator_block_reduce(cuda_emulator::Reduction::any, (p) != 0, __LINE__)
#ifdef CUDA_EMULATOR_CHECKED
#define __threadfence() cuda_emulator_fence()
#else
#define __threadfence() ((void)0)  // one thread runs at a time: memory is always consistent
#endif
#define __threadfence_block() ((void)0)
#define __threadfence_system() __threadfence()

// ---- warps --------------------------------------------------------------------------------------------
namespace cuda_emulator {

constexpr unsigned full_mask = 0xffffffffu;

static inline void synchronize_warp(int line, unsigned mask = full_mask) {
  cuda_emulator_warp(WarpOperation::synchronize, mask, 0, 0, line);
}

static inline unsigned ballot(int line, unsigned mask, bool predicate) {
  return (unsigned)cuda_emulator_warp(WarpOperation::ballot, mask, predicate, 0, line);
}
static inline int any(int line, unsigned mask, bool predicate) { return ballot(line, mask, predicate) != 0; }
// Counted by its opposite: lanes past the end of a partial warp vote for nothing.
static inline int all(int line, unsigned mask, bool predicate) { return ballot(line, mask, !predicate) == 0; }

// A lane whose source lies outside its group of `width` lanes keeps its own value, yet meets the others all
// the same.
template <class T>
static inline T shuffle_from(int line, unsigned mask, T value, unsigned source, bool inside) {
  static_assert(sizeof(T) <= sizeof(uint64_t), "a shuffle moves values of 1, 2, 4 or 8 bytes");
  uint64_t bits = 0;
  memcpy(&bits, &value, sizeof(T));
  bits = cuda_emulator_warp(WarpOperation::shuffle, mask, bits, inside ? source : cuda_emulator_state.lane,
                            line);
  memcpy(&value, &bits, sizeof(T));
  return value;
}
template <class T>
static inline T shuffle(int line, unsigned mask, T value, int source, int width = 32) {
  unsigned lane = cuda_emulator_state.lane;
  return shuffle_from(line, mask, value, (lane & ~(width - 1u)) | (source & (width - 1u)), true);
}
template <class T>
static inline T shuffle_up(int line, unsigned mask, T value, unsigned delta, int width = 32) {
  unsigned lane = cuda_emulator_state.lane;
  return shuffle_from(line, mask, value, lane - delta, (lane & (width - 1u)) >= delta);
}
template <class T>
static inline T shuffle_down(int line, unsigned mask, T value, unsigned delta, int width = 32) {
  unsigned lane = cuda_emulator_state.lane;
  return shuffle_from(line, mask, value, lane + delta, (lane & (width - 1u)) + delta < (unsigned)width);
}
template <class T>
static inline T shuffle_xor(int line, unsigned mask, T value, int bits, int width = 32) {
  unsigned lane = cuda_emulator_state.lane, source = lane ^ bits;
  return shuffle_from(line, mask, value, source, source <= (lane | (width - 1u)));
}

}  // namespace cuda_emulator

#define __syncwarp(...) cuda_emulator::synchronize_warp(__LINE__ __VA_OPT__(, ) __VA_ARGS__)
#define __ballot_sync(...) cuda_emulator::ballot(__LINE__, __VA_ARGS__)
#define __any_sync(...) cuda_emulator::any(__LINE__, __VA_ARGS__)
#define __all_sync(...) cuda_emulator::all(__LINE__, __VA_ARGS__)
#define __shfl_sync(...) cuda_emulator::shuffle(__LINE__, __VA_ARGS__)
#define __shfl_up_sync(...) cuda_emulator::shuffle_up(__LINE__, __VA_ARGS__)
#define __shfl_down_sync(...) cuda_emulator::shuffle_down(__LINE__, __VA_ARGS__)
#define __shfl_xor_sync(...) cuda_emulator::shuffle_xor(__LINE__, __VA_ARGS__)

// ---- atomics ------------------------------------------------------------------------------------------
// Emulated threads switch only at barriers, so a plain read-modify-write is atomic. The overloads are CUDA's
// own: atomicMax of a float does not exist there, and must not compile here.
#ifdef CUDA_EMULATOR_CHECKED
#define CUDA_EMULATOR_TOUCH(address) cuda_emulator_atomic_access(address, sizeof *(address));
#else
#define CUDA_EMULATOR_TOUCH(address)
#endif
#define CUDA_EMULATOR_ATOMIC(NAME, TYPE, EXPRESSION)                           \
  CUDA_EMULATOR_UNCHECKED static inline TYPE NAME(TYPE *address, TYPE value) { \
    CUDA_EMULATOR_TOUCH(address)                                               \
    TYPE old = *address;                                                       \
    *address = (EXPRESSION);                                                   \
    return old;                                                                \
  }
#define CUDA_EMULATOR_ATOMIC_INTEGERS(NAME, EXPRESSION) \
  CUDA_EMULATOR_ATOMIC(NAME, int, EXPRESSION)           \
  CUDA_EMULATOR_ATOMIC(NAME, unsigned, EXPRESSION)      \
  CUDA_EMULATOR_ATOMIC(NAME, unsigned long long, EXPRESSION)
CUDA_EMULATOR_ATOMIC_INTEGERS(atomicAdd, old + value)
CUDA_EMULATOR_ATOMIC(atomicAdd, float, old + value)
CUDA_EMULATOR_ATOMIC(atomicAdd, double, old + value)
CUDA_EMULATOR_ATOMIC(atomicSub, int, old - value)
CUDA_EMULATOR_ATOMIC(atomicSub, unsigned, old - value)
CUDA_EMULATOR_ATOMIC_INTEGERS(atomicExch, value)
CUDA_EMULATOR_ATOMIC(atomicExch, float, value)
CUDA_EMULATOR_ATOMIC_INTEGERS(atomicMin, old < value ? old : value)
CUDA_EMULATOR_ATOMIC_INTEGERS(atomicMax, old > value ? old : value)
CUDA_EMULATOR_ATOMIC(atomicMin, long long, old < value ? old : value)
CUDA_EMULATOR_ATOMIC(atomicMax, long long, old > value ? old : value)
CUDA_EMULATOR_ATOMIC_INTEGERS(atomicAnd, old &value)
CUDA_EMULATOR_ATOMIC_INTEGERS(atomicOr, old | value)
CUDA_EMULATOR_ATOMIC_INTEGERS(atomicXor, old ^ value)
CUDA_EMULATOR_ATOMIC(atomicInc, unsigned, old >= value ? 0 : old + 1)
CUDA_EMULATOR_ATOMIC(atomicDec, unsigned, old == 0 || old > value ? value : old - 1)
#define CUDA_EMULATOR_COMPARE_AND_SWAP(TYPE)                                                       \
  CUDA_EMULATOR_UNCHECKED static inline TYPE atomicCAS(TYPE *address, TYPE expected, TYPE value) { \
    CUDA_EMULATOR_TOUCH(address)                                                                   \
    TYPE old = *address;                                                                           \
    if (old == expected) *address = value;                                                         \
    return old;                                                                                    \
  }
CUDA_EMULATOR_COMPARE_AND_SWAP(int)
CUDA_EMULATOR_COMPARE_AND_SWAP(unsigned)
CUDA_EMULATOR_COMPARE_AND_SWAP(unsigned long long)

// ---- loads, bits and conversions ----------------------------------------------------------------------
template <class T>
static inline T __ldg(const T *address) {
  return *address;
}
template <class T>
static inline T __ldcs(const T *address) {
  return *address;
}
template <class T>
static inline T __ldcg(const T *address) {
  return *address;
}
template <class T>
static inline void __stcs(T *address, T value) {
  *address = value;
}
template <class T>
static inline void __stcg(T *address, T value) {
  *address = value;
}

#define CUDA_EMULATOR_REINTERPRET(NAME, TO, FROM) \
  static inline TO NAME(FROM value) {             \
    TO result;                                    \
    memcpy(&result, &value, sizeof result);       \
    return result;                                \
  }
CUDA_EMULATOR_REINTERPRET(__float_as_int, int, float)
CUDA_EMULATOR_REINTERPRET(__int_as_float, float, int)
CUDA_EMULATOR_REINTERPRET(__float_as_uint, unsigned, float)
CUDA_EMULATOR_REINTERPRET(__uint_as_float, float, unsigned)
CUDA_EMULATOR_REINTERPRET(__double_as_longlong, long long, double)
CUDA_EMULATOR_REINTERPRET(__longlong_as_double, double, long long)

// CUDA saturates a conversion that does not fit and turns NaN into 0; plain C++ leaves both undefined.
template <class Integer, class Real>
static inline Integer cuda_emulator_saturate(Real value, Real lowest, Real past) {
  if (value != value) return 0;
  if (value < lowest) return std::numeric_limits<Integer>::min();
  return value >= past ? std::numeric_limits<Integer>::max() : (Integer)value;
}
static inline int __float2int_rn(float v) {
  return cuda_emulator_saturate<int>(nearbyintf(v), -0x1p31f, 0x1p31f);
}
static inline int __float2int_rz(float v) {
  return cuda_emulator_saturate<int>(truncf(v), -0x1p31f, 0x1p31f);
}
static inline int __float2int_rd(float v) {
  return cuda_emulator_saturate<int>(floorf(v), -0x1p31f, 0x1p31f);
}
static inline int __float2int_ru(float v) { return cuda_emulator_saturate<int>(ceilf(v), -0x1p31f, 0x1p31f); }
static inline unsigned __float2uint_rn(float v) {
  return cuda_emulator_saturate<unsigned>(nearbyintf(v), 0.f, 0x1p32f);
}
static inline unsigned __float2uint_rz(float v) {
  return cuda_emulator_saturate<unsigned>(truncf(v), 0.f, 0x1p32f);
}
static inline int __double2int_rn(double v) {
  return cuda_emulator_saturate<int>(nearbyint(v), -0x1p31, 0x1p31);
}
static inline int __double2int_rz(double v) { return cuda_emulator_saturate<int>(trunc(v), -0x1p31, 0x1p31); }
static inline float __int2float_rn(int v) { return (float)v; }
static inline float __uint2float_rn(unsigned v) { return (float)v; }
static inline float __double2float_rn(double v) { return (float)v; }

static inline int __mulhi(int a, int b) { return (int)((int64_t)a * b >> 32); }
static inline unsigned __umulhi(unsigned a, unsigned b) { return (unsigned)((uint64_t)a * b >> 32); }
static inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
  return (unsigned long long)((unsigned __int128)a * b >> 64);
}
static inline int __popc(unsigned v) { return __builtin_popcount(v); }
static inline int __popcll(unsigned long long v) { return __builtin_popcountll(v); }
static inline int __clz(int v) { return v ? __builtin_clz(v) : 32; }
static inline int __clzll(long long v) { return v ? __builtin_clzll(v) : 64; }
static inline int __ffs(int v) { return __builtin_ffs(v); }
static inline int __ffsll(long long v) { return __builtin_ffsll(v); }

// ---- floating point -----------------------------------------------------------------------------------
// The fast intrinsics are macros because glibc has functions of some of these names. They are exact here:
// differences of fast math are seen on a real GPU only.
#define __expf(x) expf(x)
#define __exp10f(x) powf(10.f, x)
#define __logf(x) logf(x)
#define __log2f(x) log2f(x)
#define __log10f(x) log10f(x)
#define __sinf(x) sinf(x)
#define __cosf(x) cosf(x)
#define __tanf(x) tanf(x)
#define __powf(x, y) powf(x, y)
#define __sincosf(x, s, c) sincosf(x, s, c)
static inline float __fdividef(float a, float b) { return a / b; }
static inline float fdividef(float a, float b) { return a / b; }
static inline float __saturatef(float a) { return a > 0.f ? (a < 1.f ? a : 1.f) : 0.f; }  // NaN gives 0
static inline float __fadd_rn(float a, float b) { return a + b; }
static inline float __fsub_rn(float a, float b) { return a - b; }
static inline float __fmul_rn(float a, float b) { return a * b; }
static inline float __fdiv_rn(float a, float b) { return a / b; }
static inline float __fmaf_rn(float a, float b, float c) { return fmaf(a, b, c); }
static inline float __frcp_rn(float a) { return 1.f / a; }
static inline float __fsqrt_rn(float a) { return sqrtf(a); }
static inline float __frsqrt_rn(float a) { return (float)(1. / sqrt((double)a)); }
static inline double __dadd_rn(double a, double b) { return a + b; }
static inline double __dsub_rn(double a, double b) { return a - b; }
static inline double __dmul_rn(double a, double b) { return a * b; }
static inline double __ddiv_rn(double a, double b) { return a / b; }
static inline double __fma_rn(double a, double b, double c) { return fma(a, b, c); }
static inline float rsqrtf(float a) { return (float)(1. / sqrt((double)a)); }
static inline double rsqrt(double a) { return 1. / sqrt(a); }
static inline float rsqrt(float a) { return rsqrtf(a); }
static inline void sincos(float x, float *sine, float *cosine) { sincosf(x, sine, cosine); }
static inline float rcbrtf(float a) { return 1.f / cbrtf(a); }
static inline double erfcx(double x) {
  if (x < 25.) return exp(x * x) * erfc(x);
  double w = .5 / (x * x), y = 1.;
  for (int k = 13; k > 0; k -= 2) y = 1. - k * w * y;
  return y / (x * sqrt(M_PI));
}
static inline float erfcxf(float a) { return (float)erfcx((double)a); }
static inline double normcdf(double a) { return 0.5 * erfc(-a * M_SQRT1_2); }
static inline float normcdff(float a) { return (float)normcdf((double)a); }

#define CUDA_EMULATOR_MIN_MAX(RESULT, A, B)                                                    \
  static inline RESULT min(A a, B b) { return (RESULT)b < (RESULT)a ? (RESULT)b : (RESULT)a; } \
  static inline RESULT max(A a, B b) { return (RESULT)a < (RESULT)b ? (RESULT)b : (RESULT)a; }
CUDA_EMULATOR_MIN_MAX(int, int, int)
CUDA_EMULATOR_MIN_MAX(unsigned, unsigned, unsigned)
CUDA_EMULATOR_MIN_MAX(unsigned, int, unsigned)
CUDA_EMULATOR_MIN_MAX(unsigned, unsigned, int)
CUDA_EMULATOR_MIN_MAX(long, long, long)
CUDA_EMULATOR_MIN_MAX(unsigned long, unsigned long, unsigned long)
CUDA_EMULATOR_MIN_MAX(long long, long long, long long)
CUDA_EMULATOR_MIN_MAX(unsigned long long, unsigned long long, unsigned long long)
static inline float min(float a, float b) { return fminf(a, b); }
static inline float max(float a, float b) { return fmaxf(a, b); }
static inline double min(double a, double b) { return fmin(a, b); }
static inline double max(double a, double b) { return fmax(a, b); }
static inline double min(float a, double b) { return fmin(a, b); }
static inline double min(double a, float b) { return fmin(a, b); }
static inline double max(float a, double b) { return fmax(a, b); }
static inline double max(double a, float b) { return fmax(a, b); }

// ---- what the driver reads of a module ----------------------------------------------------------------
namespace cuda_emulator {

// Records a kernel's parameters and calls it from an array of pointers to its arguments.
template <class Signature>
struct Invoker;
template <class... A>
struct Invoker<void(A...)> {
  static constexpr int count = sizeof...(A);
  static constexpr Parameter parameters[] = {
      {(uint16_t)sizeof(A), (uint16_t)alignof(A), std::is_pointer<A>::value}..., {0, 0, false}};
  template <void (*kernel)(A...), size_t... I>
  CUDA_EMULATOR_UNCHECKED static void spread(void **arguments, std::index_sequence<I...>) {
    kernel(*(A *)arguments[I]...);
  }
  template <void (*kernel)(A...)>
  CUDA_EMULATOR_UNCHECKED static void invoke(void **arguments) {
    spread<kernel>(arguments, std::index_sequence_for<A...>());
  }
};
constexpr int first(int value, ...) { return value; }

}  // namespace cuda_emulator

#ifdef CUDA_EMULATOR_CHECKED
#define CUDA_EMULATOR_IS_CHECKED true
#else
#define CUDA_EMULATOR_IS_CHECKED false
#endif
#define CUDA_EMULATOR_KERNEL(NAME, ...)                                                                      \
  CUDA_EMULATOR_EXPORT const cuda_emulator::Kernel cuda_emulator_kernel_##NAME = {                           \
      &cuda_emulator::Invoker<decltype(NAME)>::invoke<&NAME>, cuda_emulator::Invoker<decltype(NAME)>::count, \
      cuda_emulator::Invoker<decltype(NAME)>::parameters, cuda_emulator::first(__VA_ARGS__),                 \
      CUDA_EMULATOR_IS_CHECKED};
