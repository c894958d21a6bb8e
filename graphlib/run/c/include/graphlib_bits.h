/* The bits of floating numbers, powers of two, double-double arithmetic. See graphlib_math.h. */
#ifndef GRAPHLIB_BITS_H
#define GRAPHLIB_BITS_H

#include <graphlib_c.h>
#include <graphlib_c_math.h>

#define GL_INLINE static inline __attribute__((always_inline, unused))
#define GL_OUTLINE static __attribute__((noinline, unused))

/* ---- bits ------------------------------------------------------------------------------------------------------- */

GL_INLINE uint32_t gl_bits_f32(float x) {
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    return u;
}

GL_INLINE uint64_t gl_bits_f64(double x) {
    uint64_t u;
    memcpy(&u, &x, sizeof u);
    return u;
}

GL_INLINE float gl_from_bits_f32(uint32_t u) {
    float x;
    memcpy(&x, &u, sizeof x);
    return x;
}

GL_INLINE double gl_from_bits_f64(uint64_t u) {
    double x;
    memcpy(&x, &u, sizeof x);
    return x;
}

/* Adding this rounds a small number to the nearest integer, which then stands in the low bits of the sum. */
#define GL_SHIFT_F32 0x1.8p23f
#define GL_SHIFT_F64 0x1.8p52

/* 2^n for an n that was rounded by adding the shift; n must be the exponent of a normal number. */
GL_INLINE float gl_pow2_f32(float shifted) { return gl_from_bits_f32((gl_bits_f32(shifted) << 23) + 0x3f800000u); }

GL_INLINE double gl_pow2_f64(double shifted) {
    return gl_from_bits_f64((gl_bits_f64(shifted) << 52) + 0x3ff0000000000000u);
}

/* y * 2^n, n as above but of up to twice the exponent range: two factors, so that the result overflows to infinity
 * and rounds to a subnormal number as it should. */
GL_INLINE float gl_scale_f32(float y, float shifted) {
    uint32_t n = gl_bits_f32(shifted) - gl_bits_f32(GL_SHIFT_F32) + 512u, half = n >> 1;
    return y * gl_from_bits_f32((half - 256u + 127u) << 23) * gl_from_bits_f32((n - half - 256u + 127u) << 23);
}

GL_INLINE double gl_scale_f64(double y, double shifted) {
    uint64_t n = gl_bits_f64(shifted) - gl_bits_f64(GL_SHIFT_F64) + 4096u, half = n >> 1;
    return y * gl_from_bits_f64((half - 2048u + 1023u) << 52) * gl_from_bits_f64((n - half - 2048u + 1023u) << 52);
}

/* ---- double-double arithmetic: hi + lo, unevaluated (Dekker 1971, Knuth) ---------------------------------------- */

typedef struct {
    double hi, lo;
} gl_dd;

GL_INLINE gl_dd gl_two_sum(double a, double b) {
    double s = a + b, t = s - a;
    return (gl_dd){s, (a - (s - t)) + (b - t)};
}

GL_INLINE gl_dd gl_fast_two_sum(double a, double b) { /* |a| >= |b| */
    double s = a + b;
    return (gl_dd){s, b - (s - a)};
}

GL_INLINE gl_dd gl_two_prod(double a, double b) {
    double p = a * b;
#if defined(__FMA__) || defined(__FP_FAST_FMA) || defined(__aarch64__)
    return (gl_dd){p, __builtin_fma(a, b, -p)};
#else
    double s = a * 0x1.000002p27, t = b * 0x1.000002p27;
    double ah = s - (s - a), al = a - ah, bh = t - (t - b), bl = b - bh;
    return (gl_dd){p, ((ah * bh - p) + ah * bl + al * bh) + al * bl};
#endif
}

GL_INLINE gl_dd gl_dd_mul(gl_dd a, gl_dd b) {
    gl_dd p = gl_two_prod(a.hi, b.hi);
    return gl_fast_two_sum(p.hi, p.lo + (a.hi * b.lo + a.lo * b.hi));
}

#endif
