/* The compiler.  Loops are made for `-O3 -fopenmp-simd -ffp-contract=fast -fno-math-errno -fno-trapping-math` and the processor's
   own flags, with which results are those of graphlib; they are the same numbers but for their last bits without any. */
#if defined(__GNUC__)
#pragma GCC diagnostic ignored "-Wunknown-pragmas"
/* what some numbers need is written for all: whether one is a NaN, the larger of a truth and 0 */
#pragma GCC diagnostic ignored "-Wtautological-compare"
#if defined(__clang__)
#pragma clang diagnostic ignored "-Wpass-failed"
#else
#pragma GCC diagnostic ignored "-Wbool-compare"
#endif
#if defined(__has_attribute) && !defined(__clang__)
/* what gcc says of conversions of its own vector types */
#pragma GCC diagnostic ignored "-Wpsabi"
#endif
#define GL_INLINE static inline __attribute__((always_inline, unused))
#define GL_OUTLINE static __attribute__((noinline, unused))
#else
#define GL_INLINE static inline
#define GL_OUTLINE static
#define __attribute__(list)
#define __builtin_fabs fabs
#define __builtin_fabsf fabsf
#define __builtin_copysign copysign
#define __builtin_copysignf copysignf
#define __builtin_sqrt sqrt
#define __builtin_rint rint
#define __builtin_rintf rintf
#define __builtin_trunc trunc
#define __builtin_truncf truncf
#endif
