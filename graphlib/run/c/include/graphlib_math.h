/* Mathematics of the generated C: elementary functions for inner loops, in float (_f32) and double (_f64).
 *
 * Every function is a straight line of arithmetic and selects, so that a loop that calls it is vectorised by the
 * compiler; only gl_lgamma, the 64-bit integer division and most of graphlib_functions.h, which is included at the end,
 * are scalar. Compile with -fno-math-errno -fno-trapping-math (without them the results are the same, but gcc leaves
 * many of the loops scalar); -ffast-math is neither needed nor allowed: NaN, infinities, signed zeros and subnormal
 * numbers, as arguments and as results, keep their meaning. Results are within 4 ulp of the exact value, most within 2;
 * where a float function is computed in double, it is all but correctly rounded.
 *
 * Polynomials are minimax approximations found by a Remez exchange in 45-digit arithmetic; the comment beside each says
 * on what interval, and the largest relative error of the *function* (not of the polynomial) after the coefficients were
 * rounded. For the reductions see J.-M. Muller, Elementary Functions: Algorithms and Implementation, 3rd ed. (2016).
 */
#ifndef GRAPHLIB_MATH_H
#define GRAPHLIB_MATH_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#define GL_INLINE static inline __attribute__((always_inline, unused))

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

/* ---- exponentials ----------------------------------------------------------------------------------------------- */

/* x = n ln 2 + r with |r| <= ln(2)/2; q = exp(r) - 1, so that exp(x) = 2^n (1 + q). ln 2 is split so that n times its
 * leading part is exact. */
typedef struct {
    float n, q; /* n with the shift still added */
} gl_exp_parts_f32;

typedef struct {
    double n, q;
} gl_exp_parts_f64;

GL_INLINE gl_exp_parts_f32 gl_exp_reduce_f32(float x) {
    float shifted = x * 0x1.715476p+0f + GL_SHIFT_F32, n = shifted - GL_SHIFT_F32;
    float r = (x - n * 0x1.62e4p-1f) - n * 0x1.7f7d1cp-20f;
    /* expm1(r) = r + r^2 p(r) on [-0.3467, 0.3467], 1.4e-8 */
    float p = 0x1.6ac050p-10f;
    p = 0x1.122c38p-7f + r * p;
    p = 0x1.55579ap-5f + r * p;
    p = 0x1.5554aap-3f + r * p;
    p = 0x1.fffffep-2f + r * p;
    return (gl_exp_parts_f32){shifted, r + r * r * p};
}

GL_INLINE gl_exp_parts_f64 gl_exp_reduce_f64(double x) {
    double shifted = x * 0x1.71547652b82fep+0 + GL_SHIFT_F64, n = shifted - GL_SHIFT_F64;
    double r = (x - n * 0x1.62e42fefa3p-1) - n * 0x1.3de6af278ece6p-42;
    /* expm1(r) = r + r^2 p(r) on [-0.3467, 0.3467], 2.5e-17 */
    double p = 0x1.ae49008f50f5ep-26;
    p = 0x1.289786bae146ep-22 + r * p;
    p = 0x1.71de979d7ae94p-19 + r * p;
    p = 0x1.a019b3804d692p-16 + r * p;
    p = 0x1.a01a01718d985p-13 + r * p;
    p = 0x1.6c16c17a064bap-10 + r * p;
    p = 0x1.1111111118d82p-7 + r * p;
    p = 0x1.5555555553afbp-5 + r * p;
    p = 0x1.555555555553ep-3 + r * p;
    p = 0x1p-1 + r * p;
    return (gl_exp_parts_f64){shifted, r + r * r * p};
}

/* The arguments are clamped where the result is beyond doubt; a NaN fails both comparisons and stays. */
GL_INLINE float gl_exp_f32(float x) {
    x = x > 89.0f ? 89.0f : x;
    x = x < -104.0f ? -104.0f : x;
    gl_exp_parts_f32 e = gl_exp_reduce_f32(x);
    return gl_scale_f32(1.0f + e.q, e.n);
}

GL_INLINE double gl_exp_f64(double x) {
    x = x > 710.0 ? 710.0 : x;
    x = x < -746.0 ? -746.0 : x;
    gl_exp_parts_f64 e = gl_exp_reduce_f64(x);
    return gl_scale_f64(1.0 + e.q, e.n);
}

GL_INLINE float gl_exp2_f32(float x) {
    x = x > 129.0f ? 129.0f : x;
    x = x < -151.0f ? -151.0f : x;
    float n = x + GL_SHIFT_F32, r = x - (n - GL_SHIFT_F32);
    /* 2^r = 1 + r p(r) on [-0.5, 0.5], 1.3e-8 */
    float p = 0x1.17a77ep-13f;
    p = 0x1.5ef4aap-10f + r * p;
    p = 0x1.3b6808p-7f + r * p;
    p = 0x1.c6af9ep-5f + r * p;
    p = 0x1.ebfb94p-3f + r * p;
    p = 0x1.62e430p-1f + r * p;
    return gl_scale_f32(1.0f + r * p, n);
}

/* 2^(x + lo) for |lo| no larger than the rounding error of x. */
GL_INLINE double gl_exp2_dd(double x, double lo) {
    x = x > 1025.0 ? 1025.0 : x;
    x = x < -1077.0 ? -1077.0 : x;
    double n = x + GL_SHIFT_F64, r = (x - (n - GL_SHIFT_F64)) + lo;
    /* 2^r = 1 + r p(r) on [-0.5, 0.5], 9.9e-18 */
    double p = 0x1.f0c4576079bc9p-32;
    p = 0x1.e63ae22226c27p-28 + r * p;
    p = 0x1.b52092a308d09p-24 + r * p;
    p = 0x1.62bfb4e05b4a5p-20 + r * p;
    p = 0x1.ffcbfe617044bp-17 + r * p;
    p = 0x1.430913166da1fp-13 + r * p;
    p = 0x1.5d87fe78460d2p-10 + r * p;
    p = 0x1.3b2ab6fb9dae1p-7 + r * p;
    p = 0x1.c6b08d704a26ep-5 + r * p;
    p = 0x1.ebfbdff82c5b3p-3 + r * p;
    p = 0x1.62e42fefa39efp-1 + r * p;
    return gl_scale_f64(1.0 + r * p, n);
}

GL_INLINE double gl_exp2_f64(double x) { return gl_exp2_dd(x, 0.0); }

/* exp(x) - 1 = 2^n q + (2^n - 1), computed at half its size because 2^n itself may overflow. */
GL_INLINE float gl_expm1_f32(float x) {
    float c = x > 89.0f ? 89.0f : x;
    c = c < -18.0f ? -18.0f : c;
    gl_exp_parts_f32 e = gl_exp_reduce_f32(c);
    float s = gl_pow2_f32(e.n - 1.0f), half = s * e.q + (s - 0.5f);
    return __builtin_fabsf(x) < 0x1p-25f ? x : half + half;
}

GL_INLINE double gl_expm1_f64(double x) {
    double c = x > 710.0 ? 710.0 : x;
    c = c < -38.0 ? -38.0 : c;
    gl_exp_parts_f64 e = gl_exp_reduce_f64(c);
    double s = gl_pow2_f64(e.n - 1.0), half = s * e.q + (s - 0.5);
    return __builtin_fabs(x) < 0x1p-54 ? x : half + half;
}

/* tanh(a) = -t / (2 + t) with t = expm1(-2a) */
GL_INLINE float gl_tanh_f32(float x) {
    float a = __builtin_fabsf(x);
    a = a > 9.5f ? 9.5f : a;
    gl_exp_parts_f32 e = gl_exp_reduce_f32(-2.0f * a);
    float s = gl_pow2_f32(e.n), t = s * e.q + (s - 1.0f);
    return __builtin_copysignf(t / (2.0f + t), x);
}

GL_INLINE double gl_tanh_f64(double x) {
    double a = __builtin_fabs(x);
    a = a > 20.0 ? 20.0 : a;
    gl_exp_parts_f64 e = gl_exp_reduce_f64(-2.0 * a);
    double s = gl_pow2_f64(e.n), t = s * e.q + (s - 1.0);
    return __builtin_copysign(t / (2.0 + t), x);
}

GL_INLINE float gl_sigmoid_f32(float x) {
    float e = gl_exp_f32(-__builtin_fabsf(x));
    return (x < 0.0f ? e : 1.0f) / (1.0f + e);
}

GL_INLINE double gl_sigmoid_f64(double x) {
    double e = gl_exp_f64(-__builtin_fabs(x));
    return (x < 0.0 ? e : 1.0) / (1.0 + e);
}

/* With exp(+-a) = 2^+-n (C +- S), C = cosh r and S = sinh r, neither sum below cancels. A quarter of 2^n is used
 * because 2^n itself may overflow. */
typedef struct {
    double plus, minus, sinh, coshm1; /* 2^(n-2) +- 2^(-n-2), S, C - 1 */
} gl_sinh_parts;

GL_INLINE gl_sinh_parts gl_sinh_reduce(double a) {
    a = a > 710.6 ? 710.6 : a;
    double shifted = a * 0x1.71547652b82fep+0 + GL_SHIFT_F64, n = shifted - GL_SHIFT_F64;
    double r = (a - n * 0x1.62e42fefa3p-1) - n * 0x1.3de6af278ece6p-42, z = r * r;
    double up = gl_pow2_f64(shifted - 2.0), down = 0.0625 / up;
    /* sinh r = r + r^3 p(r^2), cosh r = 1 + r^2/2 + r^4 q(r^2) on [-0.3467, 0.3467], 5.6e-19 and 6.5e-21 */
    double p = 0x1.af5ebefc1586bp-26;
    p = 0x1.71ddf856a9060p-19 + z * p;
    p = 0x1.a01a01afe2b43p-13 + z * p;
    p = 0x1.111111110f6b8p-7 + z * p;
    p = 0x1.5555555555559p-3 + z * p;
    double q = 0x1.1f8b4cafaf91bp-29;
    q = 0x1.27e4cc6e56752p-22 + z * q;
    q = 0x1.a01a01ad54076p-16 + z * q;
    q = 0x1.6c16c16c1507fp-10 + z * q;
    q = 0x1.5555555555558p-5 + z * q;
    return (gl_sinh_parts){up + down, up - down, r + r * z * p, 0.5 * z + z * z * q};
}

GL_INLINE double gl_sinh_f64(double x) {
    gl_sinh_parts e = gl_sinh_reduce(__builtin_fabs(x));
    double half = e.minus + (e.minus * e.coshm1 + e.plus * e.sinh);
    return __builtin_fabs(x) < 0x1p-28 ? x : __builtin_copysign(half + half, x);
}

GL_INLINE double gl_cosh_f64(double x) {
    gl_sinh_parts e = gl_sinh_reduce(__builtin_fabs(x));
    double half = e.plus + (e.plus * e.coshm1 + e.minus * e.sinh);
    return half + half;
}

GL_INLINE float gl_sinh_f32(float x) { return (float)gl_sinh_f64(x); }

GL_INLINE float gl_cosh_f32(float x) { return (float)gl_cosh_f64(x); }

/* ---- logarithms ------------------------------------------------------------------------------------------------- */

/* x = 2^k (1 + f) with 1 + f in [sqrt(1/2), sqrt(2)), for a normal x > 0. */
typedef struct {
    float k, f;
} gl_log_parts_f32;

typedef struct {
    double k, f;
} gl_log_parts_f64;

GL_INLINE gl_log_parts_f32 gl_log_reduce_f32(float x) {
    uint32_t u = gl_bits_f32(x) + (0x3f800000u - 0x3f3504f3u);
    float f = gl_from_bits_f32((u & 0x007fffffu) + 0x3f3504f3u) - 1.0f;
    return (gl_log_parts_f32){(float)((int32_t)(u >> 23) - 127), f};
}

GL_INLINE gl_log_parts_f64 gl_log_reduce_f64(double x) {
    uint64_t u = gl_bits_f64(x) + (0x3ff0000000000000u - 0x3fe6a09e667f3bcdu);
    double f = gl_from_bits_f64((u & 0x000fffffffffffffu) + 0x3fe6a09e667f3bcdu) - 1.0;
    /* The exponent becomes a double by standing in the low bits of 2^52: no vector unit before AVX-512 converts int64. */
    return (gl_log_parts_f64){gl_from_bits_f64((u >> 52) | 0x4330000000000000u) - (0x1p52 + 1023.0), f};
}

/* The same for any x > 0: subnormal numbers are made normal first. */
GL_INLINE gl_log_parts_f32 gl_log_reduce_any_f32(float x) {
    gl_log_parts_f32 l = gl_log_reduce_f32(x < 0x1p-126f ? x * 0x1p23f : x);
    l.k = x < 0x1p-126f ? l.k - 23.0f : l.k;
    return l;
}

GL_INLINE gl_log_parts_f64 gl_log_reduce_any_f64(double x) {
    gl_log_parts_f64 l = gl_log_reduce_f64(x < 0x1p-1022 ? x * 0x1p52 : x);
    l.k = x < 0x1p-1022 ? l.k - 52.0 : l.k;
    return l;
}

/* k ln 2 + log(1 + f) */
GL_INLINE float gl_log_value_f32(gl_log_parts_f32 l) {
    float f = l.f, z = f * f;
    /* log(1+f) = f - f^2/2 + f^3 p(f) on [-0.2929, 0.4143], 6.2e-9 */
    float p = -0x1.39022ep-4f;
    p = 0x1.0576c8p-3f + f * p;
    p = -0x1.0d82c2p-3f + f * p;
    p = 0x1.22d5cap-3f + f * p;
    p = -0x1.547214p-3f + f * p;
    p = 0x1.99a036p-3f + f * p;
    p = -0x1.000228p-2f + f * p;
    p = 0x1.555554p-2f + f * p;
    return l.k * 0x1.62e4p-1f + (f - (0.5f * z - (z * (f * p) + l.k * 0x1.7f7d1cp-20f)));
}

GL_INLINE double gl_log_value_f64(gl_log_parts_f64 l) {
    double f = l.f, half = 0.5 * f * f, s = f / (2.0 + f), z = s * s;
    /* log(1+f) = 2 atanh(s) = 2 s + s z p(z), |s| <= 0.1716, 1.3e-18; 2 s = f - f^2/2 + s f^2/2 is rounded less */
    double p = 0x1.2f04ecb62a11ap-3;
    p = 0x1.39a1cd3ee9c69p-3 + z * p;
    p = 0x1.74663dde9563ap-3 + z * p;
    p = 0x1.c71c52106f1d1p-3 + z * p;
    p = 0x1.24924941e50a9p-2 + z * p;
    p = 0x1.999999997fef0p-2 + z * p;
    p = 0x1.5555555555592p-1 + z * p;
    return l.k * 0x1.62e42fefa3p-1 + (f - (half - (s * (half + z * p) + l.k * 0x1.3de6af278ece6p-42)));
}

/* What every logarithm does outside (0, inf): infinity and NaN stay, 0 gives -inf, a negative number NaN. */
GL_INLINE float gl_log_edges_f32(float x, float y) {
    y = x < INFINITY ? y : x;
    y = x == 0.0f ? -INFINITY : y;
    return x < 0.0f ? NAN : y;
}

GL_INLINE double gl_log_edges_f64(double x, double y) {
    y = x < (double)INFINITY ? y : x;
    y = x == 0.0 ? -(double)INFINITY : y;
    return x < 0.0 ? (double)NAN : y;
}

GL_INLINE float gl_log_f32(float x) {
    return gl_log_edges_f32(x, gl_log_value_f32(gl_log_reduce_any_f32(x)));
}

GL_INLINE double gl_log_f64(double x) {
    return gl_log_edges_f64(x, gl_log_value_f64(gl_log_reduce_any_f64(x)));
}

GL_INLINE double gl_log2_f64(double x) {
    gl_log_parts_f64 l = gl_log_reduce_any_f64(x);
    double y = gl_log_value_f64((gl_log_parts_f64){0.0, l.f});
    return gl_log_edges_f64(x, l.k + y * 0x1.71547652b82fep+0);
}

GL_INLINE double gl_log10_f64(double x) {
    gl_log_parts_f64 l = gl_log_reduce_any_f64(x);
    double y = gl_log_value_f64((gl_log_parts_f64){0.0, l.f});
    return gl_log_edges_f64(x, l.k * 0x1.34413509f7p-2 + (y * 0x1.bcb7b1526e50ep-2 + l.k * 0x1.3fde623e2566bp-43));
}

/* log2 of a float in double, in which no float is subnormal. */
GL_INLINE double gl_log2_wide(float x) {
    double d = x;
    gl_log_parts_f64 l = gl_log_reduce_f64(d);
    double s = l.f / (2.0 + l.f), z = s * s;
    /* log2(1+f) = s p(s^2), |s| <= 0.1716, 4.2e-12 */
    double p = 0x1.5ce8dfd047cd4p-2;
    p = 0x1.a58d81b0b6332p-2 + z * p;
    p = 0x1.27777ff6a89eep-1 + z * p;
    p = 0x1.ec709d12bdd25p-1 + z * p;
    p = 0x1.71547652bee00p+1 + z * p;
    return gl_log_edges_f64(d, l.k + s * p);
}

GL_INLINE float gl_log2_f32(float x) { return (float)gl_log2_wide(x); }

GL_INLINE float gl_log10_f32(float x) { return (float)(gl_log2_wide(x) * 0x1.34413509f79fep-2); }

/* 1 + x is rounded; what it lost, scaled by 2^-k, goes into f, which is small enough to hold it. */
GL_INLINE float gl_log1p_f32(float x) {
    float u = 1.0f + x, t = u - 1.0f, lost = (1.0f - (u - t)) + (x - t);
    gl_log_parts_f32 l = gl_log_reduce_f32(u);
    float k = l.k > 100.0f ? 100.0f : l.k;
    l.f += lost * gl_pow2_f32(GL_SHIFT_F32 - k);
    float y = gl_log_edges_f32(u, gl_log_value_f32(l));
    return __builtin_fabsf(x) < 0x1p-25f ? x : y;
}

GL_INLINE double gl_log1p_f64(double x) {
    double u = 1.0 + x, t = u - 1.0, lost = (1.0 - (u - t)) + (x - t);
    gl_log_parts_f64 l = gl_log_reduce_f64(u);
    double k = l.k > 1000.0 ? 1000.0 : l.k;
    l.f += lost * gl_pow2_f64(GL_SHIFT_F64 - k);
    double y = gl_log_edges_f64(u, gl_log_value_f64(l));
    return __builtin_fabs(x) < 0x1p-54 ? x : y;
}

/* log(1 + e) for e in [0, 1] */
GL_INLINE float gl_log1p_unit_f32(float e) {
    /* e p(e) on [0, 1], 5.3e-9 */
    float p = -0x1.af49cep-9f;
    p = 0x1.4917cep-6f + e * p;
    p = -0x1.d6b08cp-5f + e * p;
    p = 0x1.b4ae08p-4f + e * p;
    p = -0x1.3a435ep-3f + e * p;
    p = 0x1.934b54p-3f + e * p;
    p = -0x1.ff23e6p-3f + e * p;
    p = 0x1.554dd0p-2f + e * p;
    p = -0x1.ffffd2p-2f + e * p;
    p = 1.0f + e * p;
    return e * p;
}

GL_INLINE double gl_log1p_unit_f64(double e) {
    double u = 1.0 + e;
    gl_log_parts_f64 l = gl_log_reduce_f64(u);
    l.f += (e - (u - 1.0)) * (1.0 - 0.5 * l.k);
    return e < 0x1p-54 ? e : gl_log_value_f64(l);
}

/* log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|)) */
GL_INLINE float gl_softplus_f32(float x) {
    return (x < 0.0f ? 0.0f : x) + gl_log1p_unit_f32(gl_exp_f32(-__builtin_fabsf(x)));
}

GL_INLINE double gl_softplus_f64(double x) {
    return (x < 0.0 ? 0.0 : x) + gl_log1p_unit_f64(gl_exp_f64(-__builtin_fabs(x)));
}

/* log(exp(a) + exp(b)) = max(a, b) + log(1 + exp(-d)), d = |a - b|; the rounding error of d corrects the exponential.
 * Where the two terms cancel, the error is within 4 ulp of the larger of the two. */
GL_INLINE float gl_logaddexp_f32(float a, float b) {
    float m = a > b ? a : b, n = a > b ? b : a, d = m - n;
    float t = m - d, lost = (m - (d + t)) + (t - n);
    float e = gl_exp_f32(-d);
    e = d < 100.0f ? e - e * lost : e;
    return d > 0.0f ? m + gl_log1p_unit_f32(e) : a == b ? a + 0x1.62e43p-1f : a + b;
}

GL_INLINE double gl_logaddexp_f64(double a, double b) {
    double m = a > b ? a : b, n = a > b ? b : a, d = m - n;
    double t = m - d, lost = (m - (d + t)) + (t - n);
    double e = gl_exp_f64(-d);
    e = d < 740.0 ? e - e * lost : e;
    return d > 0.0 ? m + gl_log1p_unit_f64(e) : a == b ? a + 0x1.62e42fefa39efp-1 : a + b;
}

GL_INLINE double gl_arcsinh_f64(double x) {
    double a = __builtin_fabs(x), z = a * a;
    double t = a > 0x1p500 ? a : a + z / (1.0 + __builtin_sqrt(1.0 + z));
    double y = gl_log1p_f64(t) + (a > 0x1p500 ? 0x1.62e42fefa39efp-1 : 0.0);
    return __builtin_copysign(y, x);
}

GL_INLINE double gl_arccosh_f64(double x) {
    double t = x - 1.0;
    t = x > 0x1p500 ? t : t + __builtin_sqrt(t + t + t * t);
    double y = gl_log1p_f64(t) + (x > 0x1p500 ? 0x1.62e42fefa39efp-1 : 0.0);
    return x < 1.0 ? (double)NAN : y;
}

GL_INLINE double gl_arctanh_f64(double x) {
    double a = __builtin_fabs(x);
    return __builtin_copysign(0.5 * gl_log1p_f64((a + a) / (1.0 - a)), x);
}

GL_INLINE float gl_arcsinh_f32(float x) { return (float)gl_arcsinh_f64(x); }

GL_INLINE float gl_arccosh_f32(float x) { return (float)gl_arccosh_f64(x); }

GL_INLINE float gl_arctanh_f32(float x) { return (float)gl_arctanh_f64(x); }

/* ---- powers ----------------------------------------------------------------------------------------------------- */

/* The edges of C99's pow (Annex F), given p = 2^(y log2 |x|), which has the right magnitude wherever it is no NaN. */
GL_INLINE float gl_pow_edges_f32(float x, float y, float p) {
    float h = 0.5f * y;
    int whole = __builtin_rintf(y) == y, even = __builtin_rintf(h) == h;
    uint32_t sign = gl_bits_f32(x) & 0x80000000u;
    sign = even ? 0u : sign;
    sign = whole ? sign : 0u;
    p = gl_from_bits_f32(gl_bits_f32(p) ^ sign);
    p = ((x < 0.0f) & (x > -INFINITY)) ? (whole ? p : NAN) : p;
    p = x == -1.0f ? (__builtin_fabsf(y) == INFINITY ? 1.0f : p) : p;
    p = x == 1.0f ? 1.0f : p;
    return y == 0.0f ? 1.0f : p;
}

GL_INLINE double gl_pow_edges_f64(double x, double y, double p) {
    double h = 0.5 * y;
    int whole = __builtin_rint(y) == y, even = __builtin_rint(h) == h;
    uint64_t sign = gl_bits_f64(x) & 0x8000000000000000u;
    sign = even ? 0u : sign;
    sign = whole ? sign : 0u;
    p = gl_from_bits_f64(gl_bits_f64(p) ^ sign);
    p = ((x < 0.0) & (x > -(double)INFINITY)) ? (whole ? p : (double)NAN) : p;
    p = x == -1.0 ? (__builtin_fabs(y) == (double)INFINITY ? 1.0 : p) : p;
    p = x == 1.0 ? 1.0 : p;
    return y == 0.0 ? 1.0 : p;
}

GL_INLINE float gl_pow_f32(float x, float y) {
    double t = y * gl_log2_wide(__builtin_fabsf(x));
    t = t > 129.0 ? 129.0 : t;
    t = t < -151.0 ? -151.0 : t;
    double n = t + GL_SHIFT_F64, r = t - (n - GL_SHIFT_F64);
    /* 2^r = 1 + r p(r) on [-0.5, 0.5], 2e-9 */
    double p = 0x1.41fb2efa02882p-13;
    p = 0x1.5f3f30df131eap-10 + r * p;
    p = 0x1.3b2d4f9ae689dp-7 + r * p;
    p = 0x1.c6aee6e5e9aeep-5 + r * p;
    p = 0x1.ebfbdc3671160p-3 + r * p;
    p = 0x1.62e430b046af7p-1 + r * p;
    return gl_pow_edges_f32(x, y, (float)((1.0 + r * p) * gl_pow2_f64(n)));
}

/* y log2|x| may be as large as 1074 and its absolute error is the relative error of the result, so the logarithm is
 * computed to 64 bits: log2(m) = s (c1 + z (c3 + z q(z))), s = (m-1)/(m+1), z = s^2, all but q in double-double. */
GL_INLINE double gl_pow_f64(double x, double y) {
    double a = __builtin_fabs(x);
    gl_log_parts_f64 l = gl_log_reduce_any_f64(a);
    gl_dd d = gl_fast_two_sum(2.0, l.f), s, w;
    s.hi = l.f / d.hi;
    w = gl_two_prod(s.hi, d.hi);
    s.lo = (((l.f - w.hi) - w.lo) - s.hi * d.lo) / d.hi;
    gl_dd z = gl_dd_mul(s, s);
    /* |s| <= 0.1716, 1.3e-20 */
    double p = 0x1.85e5cc2ded69fp-3;
    p = 0x1.87b1203dfbf01p-3 + z.hi * p;
    p = 0x1.c69f87e436268p-3 + z.hi * p;
    p = 0x1.0c9a63e2d51e1p-2 + z.hi * p;
    p = 0x1.484b1421746bfp-2 + z.hi * p;
    p = 0x1.a61762a759baap-2 + z.hi * p;
    p = 0x1.2776c50ef9d23p-1 + z.hi * p;
    w = gl_fast_two_sum(0x1.ec709dc3a03fdp-1, z.hi * p);
    w.lo += 0x1.d27f05548af0cp-55;
    z = gl_dd_mul(z, w);
    w = gl_fast_two_sum(0x1.71547652b82fep+1, z.hi);
    w.lo += z.lo + 0x1.777d0ffda0d24p-55;
    s = gl_dd_mul(s, w);
    w = gl_two_sum(l.k, s.hi);
    w.lo += s.lo;
    /* Beyond 2^64 any y takes any x but 1 to 0 or infinity. */
    double c = y > 0x1p64 ? 0x1p64 : y;
    c = y < -0x1p64 ? -0x1p64 : c;
    s = gl_two_prod(c, w.hi);
    s.lo += c * w.lo;
    s.hi = a == 0.0 ? -y * (double)INFINITY : s.hi;
    s.hi = a == (double)INFINITY ? y * (double)INFINITY : s.hi;
    s.lo = __builtin_fabs(s.hi) < 1100.0 ? s.lo : 0.0;
    p = gl_exp2_dd(s.hi, s.lo);
    p = a == a ? p : a;
    return gl_pow_edges_f64(x, y, p);
}

/* ---- sine, cosine, tangent -------------------------------------------------------------------------------------- */

/* sin and cos of hi + lo, |hi| <= pi/4 */
GL_INLINE double gl_sin_kernel(double hi, double lo) {
    double z = hi * hi;
    /* sin r = r + r^3 p(r^2) on [0, 0.7862], 8.1e-18 */
    double p = 0x1.5d8dfd0cba042p-33;
    p = -0x1.ae5e546e64382p-26 + z * p;
    p = 0x1.71de35603a29ep-19 + z * p;
    p = -0x1.a01a019bf577ep-13 + z * p;
    p = 0x1.111111110f78fp-7 + z * p;
    p = -0x1.5555555555548p-3 + z * p;
    return hi + (hi * z * p + (lo - 0.5 * z * lo));
}

GL_INLINE double gl_cos_kernel(double hi, double lo) {
    double z = hi * hi, half = 0.5 * z, w = 1.0 - half;
    /* cos r = 1 - r^2/2 + r^4 p(r^2) on [0, 0.7862], 1.6e-18 */
    double p = -0x1.8fa29148b74c8p-37;
    p = 0x1.1ee9d3dd4fec5p-29 + z * p;
    p = -0x1.27e4f7e53f7e9p-22 + z * p;
    p = 0x1.a01a019c7cdbap-16 + z * p;
    p = -0x1.6c16c16c14f47p-10 + z * p;
    p = 0x1.555555555554bp-5 + z * p;
    return w + (((1.0 - w) - half) + (z * z * p - hi * lo));
}

GL_INLINE float gl_sin_kernel_f32(float r) {
    float z = r * r;
    /* on [0, 0.7862], 4.1e-9 */
    float p = -0x1.9951eap-13f;
    p = 0x1.110774p-7f + z * p;
    p = -0x1.555546p-3f + z * p;
    return r + r * z * p;
}

GL_INLINE float gl_cos_kernel_f32(float r) {
    float z = r * r;
    /* on [0, 0.7862], 1.2e-10 */
    float p = 0x1.99e80cp-16f;
    p = -0x1.6c0c28p-10f + z * p;
    p = 0x1.55554ap-5f + z * p;
    return 1.0f - (0.5f * z - z * z * p);
}

/* |x| = n pi/2 + r with |r| <= pi/4; only n mod 4 matters. */
typedef struct {
    int32_t n;
    double r;
} gl_turn_f32;

/* Payne and Hanek's reduction (1983) for every float: 1/(2 pi) in pieces of 29 bits, whose products with x are exact in
 * double, and of whose products whole turns are dropped. */
GL_INLINE gl_turn_f32 gl_turn_reduce_f32(float x) {
    double a = __builtin_fabsf(x);
    double t0 = a * 0x1.45f306dp-3, t1 = a * 0x1.9391054p-32, t2 = a * 0x1.4fe13abp-61, t3 = a * 0x1.d1f534dp-90;
    double t4 = a * 0x1.b81b6c5p-119, t5 = a * 0x1.5993c4p-150, t6 = a * 0x1.c820ff2p-177;
    t0 -= __builtin_rint(t0), t1 -= __builtin_rint(t1), t2 -= __builtin_rint(t2), t3 -= __builtin_rint(t3);
    t4 -= __builtin_rint(t4), t5 -= __builtin_rint(t5), t6 -= __builtin_rint(t6);
    double n = __builtin_rint(4.0 * (t0 + t1 + t2 + t3 + t4 + t5 + t6));
    double r = (t0 - 0.25 * n) + t1 + t2 + t3 + t4 + t5 + t6;
    return (gl_turn_f32){(int32_t)n, r * 0x1.921fb54442d18p+2};
}

GL_INLINE float gl_sin_f32(float x) {
    gl_turn_f32 t = gl_turn_reduce_f32(x);
    float r = (float)t.r, y = t.n & 1 ? gl_cos_kernel_f32(r) : gl_sin_kernel_f32(r);
    return gl_from_bits_f32(gl_bits_f32(y) ^ ((uint32_t)(t.n & 2) << 30) ^ (gl_bits_f32(x) & 0x80000000u));
}

GL_INLINE float gl_cos_f32(float x) {
    gl_turn_f32 t = gl_turn_reduce_f32(x);
    float r = (float)t.r, y = t.n & 1 ? gl_sin_kernel_f32(r) : gl_cos_kernel_f32(r);
    return gl_from_bits_f32(gl_bits_f32(y) ^ ((uint32_t)((t.n + 1) & 2) << 30));
}

GL_INLINE float gl_tan_f32(float x) {
    gl_turn_f32 t = gl_turn_reduce_f32(x);
    double s = gl_sin_kernel(t.r, 0.0), c = gl_cos_kernel(t.r, 0.0);
    float y = (float)((t.n & 1 ? -c : s) / (t.n & 1 ? s : c));
    return gl_from_bits_f32(gl_bits_f32(y) ^ (gl_bits_f32(x) & 0x80000000u));
}

typedef struct {
    uint64_t n;
    double hi, lo;
} gl_turn_f64;

/* 1/(2 pi), 53 bits a word. */
static const double gl_inverse_turn[] __attribute__((unused)) = {
    0x1.45f306dc9c880p-3, 0x1.529fc2757d1f5p-1, 0x1.a6ee06db14accp-3, 0x1.3c439041fe514p-3,
    0x1.1d5ef5de2b0dbp-1, 0x1.246e3a424dd2ep-1, 0x1.924bba8274600p-10, 0x1.21cfe1deb1cb0p-3,
    0x1.29a73ee88235ep-2, 0x1.52ebb4484e99cp-1, 0x1.c09ad17df904ep-2, 0x1.91d639835339cp-3,
    0x1.a4e422fc5defcp-1, 0x1.283b1ff897ffdp-1, 0x1.c0b301fde5e23p-1, 0x1.6b414da3eda68p-4,
    0x1.3f6793e584dbap-1, 0x1.e8c7ecd3cbfd4p-2, 0x1.6ba93dd63f5f0p-3, 0x1.7c5ecf41ce7dep-1,
    0x1.4a525d4d7f6bcp-3, 0x1.b11f8d5d08560p-1};

/* Payne and Hanek's reduction for every double. The leading j words of 1/(2 pi) only give whole turns and are skipped;
 * the products of x with the next four are summed in double-double, whole turns dropped. */
GL_INLINE gl_turn_f64 gl_turn_reduce_f64(double x) {
    double tiny = __builtin_fabs(x), a = tiny;
    double exponent = gl_from_bits_f64((gl_bits_f64(a) >> 52) | 0x4330000000000000u) - (0x1p52 + 1075.0);
    exponent = exponent > 0.0 ? exponent : 0.0;
    double shifted = (exponent * (1.0 / 53.0) - 0.495) + GL_SHIFT_F64;
    a *= gl_pow2_f64(GL_SHIFT_F64 - 53.0 * (shifted - GL_SHIFT_F64));
    const double *word = gl_inverse_turn + (gl_bits_f64(shifted) & 31);
    gl_dd p0 = gl_two_prod(a, word[0]), p1 = gl_two_prod(a * 0x1p-53, word[1]);
    gl_dd p2 = gl_two_prod(a * 0x1p-106, word[2]);
    double p3 = a * 0x1p-159 * word[3];
    gl_dd s = gl_fast_two_sum(p0.hi - __builtin_rint(p0.hi), p0.lo - __builtin_rint(p0.lo));
    gl_dd t = gl_two_sum(s.hi, p1.hi - __builtin_rint(p1.hi)), u = gl_two_sum(p1.lo, p2.hi);
    gl_dd v = gl_two_sum(t.hi, u.hi);
    double lo = v.lo + (t.lo + (s.lo + (u.lo + (p2.lo + p3))));
    double n = 4.0 * v.hi + GL_SHIFT_F64;
    gl_dd r = gl_fast_two_sum(v.hi - 0.25 * (n - GL_SHIFT_F64), lo);
    r = gl_dd_mul(r, (gl_dd){0x1.921fb54442d18p+2, 0x1.1a62633145c07p-52});
    r.lo = tiny < 0x1p-500 ? 0.0 : r.lo;
    return (gl_turn_f64){gl_bits_f64(n), tiny < 0x1p-500 ? tiny : r.hi, r.lo};
}

GL_INLINE double gl_sin_f64(double x) {
    gl_turn_f64 t = gl_turn_reduce_f64(x);
    double y = t.n & 1 ? gl_cos_kernel(t.hi, t.lo) : gl_sin_kernel(t.hi, t.lo);
    return gl_from_bits_f64(gl_bits_f64(y) ^ ((t.n & 2) << 62) ^ (gl_bits_f64(x) & 0x8000000000000000u));
}

GL_INLINE double gl_cos_f64(double x) {
    gl_turn_f64 t = gl_turn_reduce_f64(x);
    double y = t.n & 1 ? gl_sin_kernel(t.hi, t.lo) : gl_cos_kernel(t.hi, t.lo);
    return gl_from_bits_f64(gl_bits_f64(y) ^ (((t.n + 1) & 2) << 62));
}

GL_INLINE double gl_tan_f64(double x) {
    gl_turn_f64 t = gl_turn_reduce_f64(x);
    double s = gl_sin_kernel(t.hi, t.lo), c = gl_cos_kernel(t.hi, t.lo);
    double y = (t.n & 1 ? -c : s) / (t.n & 1 ? s : c);
    return gl_from_bits_f64(gl_bits_f64(y) ^ (gl_bits_f64(x) & 0x8000000000000000u));
}

/* ---- inverse trigonometric functions ---------------------------------------------------------------------------- */

#define GL_PI_2_HI 0x1.921fb54442d18p+0
#define GL_PI_2_LO 0x1.1a62633145c07p-54

/* arctan(low / high) for 0 <= low <= high: above tan(pi/8) the quotient is turned back by pi/4. */
GL_INLINE double gl_arctan_octant(double low, double high) {
    int turned = low > 0x1.a827999fcef32p-2 * high;
    double t = (turned ? low - high : low) / (turned ? low + high : high), z = t * t;
    /* arctan t = t + t^3 p(t^2) on [0, 0.4143], 5.4e-18 */
    double p = -0x1.254eadb99e55bp-6;
    p = 0x1.37c87edd5780ep-5 + z * p;
    p = -0x1.9ccd536516556p-5 + z * p;
    p = 0x1.df0e07a6a5798p-5 + z * p;
    p = -0x1.10eba0b5366b2p-4 + z * p;
    p = 0x1.3b1116e45f592p-4 + z * p;
    p = -0x1.745cf8b9d50f2p-4 + z * p;
    p = 0x1.c71c70e4bbc69p-4 + z * p;
    p = -0x1.24924922a9842p-3 + z * p;
    p = 0x1.99999999957afp-3 + z * p;
    p = -0x1.555555555553dp-2 + z * p;
    return (turned ? 0.5 * GL_PI_2_HI : 0.0) + (t + (t * z * p + (turned ? 0.5 * GL_PI_2_LO : 0.0)));
}

GL_INLINE double gl_arctan_f64(double x) {
    double a = __builtin_fabs(x), inverse = 1.0 / a;
    double y = gl_arctan_octant(a > 1.0 ? inverse : a, 1.0);
    return __builtin_copysign(a > 1.0 ? GL_PI_2_HI - (y - GL_PI_2_LO) : y, x);
}

GL_INLINE double gl_arctan2_f64(double y, double x) {
    double ay = __builtin_fabs(y), ax = __builtin_fabs(x);
    double high = ay > ax ? ay : ax, low = ay > ax ? ax : ay;
    /* Two infinities make the quotient 1, two zeros 0; the scale keeps sums finite and products exact. */
    double scale = high > 0x1p900 ? 0x1p-100 : 0x1p100, both = low;
    low = both < (double)INFINITY ? low * scale : 1.0;
    high = both < (double)INFINITY ? high * scale : 1.0;
    high = high == 0.0 ? 1.0 : high;
    double t = gl_arctan_octant(low, high);
    t = ay > ax ? GL_PI_2_HI - (t - GL_PI_2_LO) : t;
    t = (int64_t)gl_bits_f64(x) < 0 ? 2.0 * GL_PI_2_HI - (t - 2.0 * GL_PI_2_LO) : t;
    t = __builtin_copysign(t, y);
    return ((x != x) | (y != y)) ? x + y : t;
}

/* arcsin s = s + s^3 p(s^2) on [0, 0.5], given z = s^2 */
GL_INLINE double gl_arcsin_kernel(double s, double z) {
    /* 1.6e-17 */
    double p = 0x1.05cc553febd7bp-5;
    p = -0x1.0ae348aa91b07p-6 + z * p;
    p = 0x1.409ee32b8ece7p-6 + z * p;
    p = 0x1.aadb730d440f9p-8 + z * p;
    p = 0x1.8ede968ec0414p-7 + z * p;
    p = 0x1.c6f9a64cfe47cp-7 + z * p;
    p = 0x1.1c6c15850902ap-6 + z * p;
    p = 0x1.6e89f0e896912p-6 + z * p;
    p = 0x1.f1c72c5b819e7p-6 + z * p;
    p = 0x1.6db6db4213304p-5 + z * p;
    p = 0x1.333333336f199p-4 + z * p;
    p = 0x1.555555555538bp-3 + z * p;
    return s + s * z * p;
}

/* Above 1/2: arcsin a = pi/2 - 2 arcsin(sqrt((1 - a)/2)). */
GL_INLINE double gl_arcsin_f64(double x) {
    double a = __builtin_fabs(x);
    int large = a > 0.5;
    double z = large ? 0.5 - 0.5 * a : a * a, s = __builtin_sqrt(z);
    double y = gl_arcsin_kernel(large ? s : a, z);
    return __builtin_copysign(large ? GL_PI_2_HI - (2.0 * y - GL_PI_2_LO) : y, x);
}

GL_INLINE double gl_arccos_f64(double x) {
    double a = __builtin_fabs(x);
    int large = a > 0.5;
    double z = large ? 0.5 - 0.5 * a : a * a, s = __builtin_sqrt(z);
    double y = gl_arcsin_kernel(large ? s : x, z);
    double far = x < 0.0 ? 2.0 * GL_PI_2_HI - (2.0 * y - 2.0 * GL_PI_2_LO) : 2.0 * y;
    return large ? far : GL_PI_2_HI - (y - GL_PI_2_LO);
}

GL_INLINE float gl_arctan_f32(float x) { return (float)gl_arctan_f64(x); }

GL_INLINE float gl_arctan2_f32(float y, float x) { return (float)gl_arctan2_f64(y, x); }

GL_INLINE float gl_arcsin_f32(float x) { return (float)gl_arcsin_f64(x); }

GL_INLINE float gl_arccos_f32(float x) { return (float)gl_arccos_f64(x); }

/* ---- error function --------------------------------------------------------------------------------------------- */

/* Below 1 a polynomial of its own, above 1 - exp(log(erfc)). */
GL_INLINE float gl_erf_f32(float x) {
    float a = __builtin_fabsf(x), z = a * a;
    a = a > 3.95f ? 3.95f : a;
    /* erf a = a + a p(a^2) on [0, 1], 1.5e-9 */
    float p = 0x1.4771fep-14f;
    p = -0x1.a3515ep-11f + z * p;
    p = 0x1.53f224p-8f + z * p;
    p = -0x1.b7f71ap-6f + z * p;
    p = 0x1.ce2ce6p-4f + z * p;
    p = -0x1.81273ep-2f + z * p;
    p = 0x1.06eba8p-3f + z * p;
    /* log(erfc(a)) = q(a) on [1, 3.95], 1.1e-9 */
    float q = 0x1.86dbb2p-13f;
    q = -0x1.825a52p-9f + a * q;
    q = 0x1.65cb44p-6f + a * q;
    q = -0x1.a65330p-4f + a * q;
    q = -0x1.46baeep-1f + a * q;
    q = -0x1.2088eap+0f + a * q;
    q = -0x1.66204ep-12f + a * q;
    gl_exp_parts_f32 e = gl_exp_reduce_f32(q);
    float far = 1.0f - (1.0f + e.q) * gl_pow2_f32(e.n);
    return __builtin_copysignf(a < 1.0f ? a + a * p : far, x);
}

GL_INLINE double gl_erf_unit(double x) {
    double z = x * x;
    /* erf x = x + x p(x^2) on [0, 1], 2.8e-17 */
    double p = -0x1.abae55c81bc63p-31;
    p = 0x1.d71b132c1c9d5p-27 + z * p;
    p = -0x1.5c07277f060dap-23 + z * p;
    p = 0x1.b97fd3ef55905p-20 + z * p;
    p = -0x1.f4ca4d71406f5p-17 + z * p;
    p = 0x1.f9a2baa91c0b5p-14 + z * p;
    p = -0x1.c02db03dd8166p-11 + z * p;
    p = 0x1.565bccf92b33ap-8 + z * p;
    p = -0x1.b82ce311fa93ep-6 + z * p;
    p = 0x1.ce2f21a040d16p-4 + z * p;
    p = -0x1.812746b0379bdp-2 + z * p;
    p = 0x1.06eba8214db68p-3 + z * p;
    return x + x * p;
}

/* exp(a^2) erfc(a) for a in [0, 28] = g(t) / (1 + 2a), t = (a - 4)/(a + 4), after Schonfelder (1978). */
GL_INLINE double gl_erfcx_near(double a) {
    double t = (a - 4.0) / (a + 4.0);
    /* g on a in [0, 27.4], 6.1e-17 */
    double g = -0x1.eb886d417f1eap-30;
    g = -0x1.d3af35048ced6p-27 + t * g;
    g = -0x1.0d195cc47a91fp-27 + t * g;
    g = 0x1.ee3d19bb1aa14p-24 + t * g;
    g = 0x1.0dc8cf5bdd980p-24 + t * g;
    g = -0x1.c01f2fea2d330p-21 + t * g;
    g = 0x1.4398d7816bcddp-22 + t * g;
    g = 0x1.7fb1689da833dp-18 + t * g;
    g = -0x1.78a50e42ae604p-17 + t * g;
    g = -0x1.9969e2da33188p-16 + t * g;
    g = 0x1.3be0bd7f3f14ep-13 + t * g;
    g = -0x1.a1de85e9da22dp-13 + t * g;
    g = -0x1.8d4a9ea6f766dp-11 + t * g;
    g = 0x1.49c6719836f62p-8 + t * g;
    g = -0x1.09623881f4629p-6 + t * g;
    g = 0x1.3079edf9d740ap-5 + t * g;
    g = -0x1.0fb06dfe50d70p-4 + t * g;
    g = 0x1.7fee004df807cp-4 + t * g;
    g = -0x1.9ddb23c3e8fbdp-4 + t * g;
    g = 0x1.16ecefcfa5f88p-4 + t * g;
    g = 0x1.f7f5df66fd7d9p-7 + t * g;
    g = -0x1.1df1ad154a29bp-3 + t * g;
    g = 0x1.3ba5916e9fd7fp+0 + t * g;
    return g / (1.0 + 2.0 * a);
}

/* erfc(a) for a >= 0 */
GL_INLINE double gl_erfc_positive(double a) {
    a = a > 28.0 ? 28.0 : a;
    gl_dd z = gl_two_prod(a, a);
    double g = gl_erfcx_near(a);
    return gl_exp_f64(-z.hi) * (g - g * z.lo);
}

/* exp(x^2) erfc(x): far out the asymptotic series (Abramowitz & Stegun 7.1.23), and 2 exp(x^2) - that of -x below 0. */
GL_INLINE double gl_erfcx_f64(double x) {
    double a = __builtin_fabs(x), b = a > 28.0 ? 28.0 : a, w = a > 28.0 ? 0.5 / (a * a) : 0.0;
    double series = 1.0 - 9.0 * w * (1.0 - 11.0 * w * (1.0 - 13.0 * w));
    series = 1.0 - w * (1.0 - 3.0 * w * (1.0 - 5.0 * w * (1.0 - 7.0 * w * series)));
    double far = 0x1.20dd750429b6dp-1 / a * series, y = a > 28.0 ? far : gl_erfcx_near(b);
    gl_dd z = gl_two_prod(b, b);
    double e = gl_exp_f64(z.hi), near = e * (1.0 - gl_erf_unit(x));
    y = x < 0.0 ? 2.0 * e * (1.0 + z.lo) - y : y;
    return a < 0.5 ? near : y;
}

GL_INLINE float gl_erfcx_f32(float x) { return (float)gl_erfcx_f64(x); }

GL_INLINE double gl_erf_f64(double x) {
    double a = __builtin_fabs(x), y = gl_erf_unit(a), far = 1.0 - gl_erfc_positive(a);
    return __builtin_copysign(a < 1.0 ? y : far, x);
}

GL_INLINE double gl_erfc_f64(double x) {
    double y = gl_erfc_positive(__builtin_fabs(x)), near = 1.0 - gl_erf_unit(x);
    y = x < 0.0 ? 2.0 - y : y;
    return __builtin_fabs(x) < 0.5 ? near : y;
}

GL_INLINE float gl_erfc_f32(float x) { return (float)gl_erfc_f64(x); }

GL_INLINE double gl_log_erfc_f64(double x) {
    return x < 0.5 ? gl_log1p_f64(-gl_erf_f64(x)) : gl_log_f64(gl_erfcx_f64(x)) - x * x;
}

GL_INLINE float gl_log_erfc_f32(float x) { return (float)gl_log_erfc_f64(x); }

/* ---- gamma ------------------------------------------------------------------------------------------------------ */

/* log|gamma(x)|: the C library's, in the form that does not write the global signgam (threads), which some C libraries
 * have but do not declare. Near its negative zeros glibc's is up to 5 ulp off. */
double lgamma_r(double, int *);

GL_INLINE double gl_lgamma_f64(double x) {
    int sign;
    return lgamma_r(x, &sign);
}

GL_INLINE float gl_lgamma_f32(float x) { return (float)gl_lgamma_f64(x); }

/* ---- rounding, sign, extrema ------------------------------------------------------------------------------------ */

GL_INLINE float gl_round_half_even_f32(float x) { return __builtin_rintf(x); }

GL_INLINE double gl_round_half_even_f64(double x) { return __builtin_rint(x); }

GL_INLINE float gl_round_half_away_f32(float x) {
    float a = __builtin_fabsf(x), t = __builtin_truncf(a);
    return __builtin_copysignf(a - t >= 0.5f ? t + 1.0f : t, x);
}

GL_INLINE double gl_round_half_away_f64(double x) {
    double a = __builtin_fabs(x), t = __builtin_trunc(a);
    return __builtin_copysign(a - t >= 0.5 ? t + 1.0 : t, x);
}

/* numpy.sign: both zeros give +0. */
GL_INLINE float gl_sgn_f32(float x) {
    float y = x > 0.0f ? 1.0f : 0.0f;
    y = x < 0.0f ? -1.0f : y;
    return x == x ? y : x;
}

GL_INLINE double gl_sgn_f64(double x) {
    double y = x > 0.0 ? 1.0 : 0.0;
    y = x < 0.0 ? -1.0 : y;
    return x == x ? y : x;
}

/* numpy.maximum and numpy.minimum: a NaN on either side is the result. */
GL_INLINE float gl_max_f32(float a, float b) { return ((a >= b) | (a != a)) ? a : b; }

GL_INLINE double gl_max_f64(double a, double b) { return ((a >= b) | (a != a)) ? a : b; }

GL_INLINE float gl_min_f32(float a, float b) { return ((a <= b) | (a != a)) ? a : b; }

GL_INLINE double gl_min_f64(double a, double b) { return ((a <= b) | (a != a)) ? a : b; }

/* ---- division ---------------------------------------------------------------------------------------------------- */

/* Division by zero gives 0; the most negative number by -1 wraps around. Vector units have no integer division: the
 * quotient of the narrower types is taken in a floating type wide enough to truncate to the right integer. */
#define GL_DEFINE_INTEGER_DIVISION(suffix, type, unsigned_type, real)                            \
    GL_INLINE type gl_floordiv_##suffix(type a, type b) {                                        \
        type d = ((b == 0) | (b == (type)-1)) ? 1 : b;                                           \
        type q = (type)((real)a / (real)d), m = (type)(a - q * d);                               \
        q = ((m != 0) & ((m < 0) != (d < 0))) ? (type)(q - 1) : q;                               \
        q = b == (type)-1 ? (type)((unsigned_type)0 - (unsigned_type)a) : q;                     \
        return b == 0 ? 0 : q;                                                                   \
    }                                                                                            \
    GL_INLINE type gl_mod_##suffix(type a, type b) {                                             \
        type d = ((b == 0) | (b == (type)-1)) ? 1 : b;                                           \
        type m = (type)(a - (type)((real)a / (real)d) * d);                                      \
        return ((m != 0) & ((m < 0) != (d < 0))) ? (type)(m + d) : m;                            \
    }

GL_DEFINE_INTEGER_DIVISION(i8, int8_t, uint8_t, float)
GL_DEFINE_INTEGER_DIVISION(i16, int16_t, uint16_t, float)
GL_DEFINE_INTEGER_DIVISION(i32, int32_t, uint32_t, double)
GL_DEFINE_INTEGER_DIVISION(i64, int64_t, uint64_t, int64_t)

#define GL_DEFINE_UNSIGNED_DIVISION(suffix, type, real)                                          \
    GL_INLINE type gl_floordiv_##suffix(type a, type b) {                                        \
        return b == 0 ? 0 : (type)((real)a / (real)(b == 0 ? 1 : b));                            \
    }                                                                                            \
    GL_INLINE type gl_mod_##suffix(type a, type b) {                                             \
        return b == 0 ? 0 : (type)(a - b * (type)((real)a / (real)(b == 0 ? 1 : b)));            \
    }

GL_DEFINE_UNSIGNED_DIVISION(u8, uint8_t, float)
GL_DEFINE_UNSIGNED_DIVISION(u16, uint16_t, float)
GL_DEFINE_UNSIGNED_DIVISION(u32, uint32_t, double)
GL_DEFINE_UNSIGNED_DIVISION(u64, uint64_t, uint64_t)

/* ---- what CUDA has in the same words, of the functions above ------------------------------------------------------ */

#define GL_NAN_F64 ((double)NAN)
#include "graphlib_functions.h"

#endif
