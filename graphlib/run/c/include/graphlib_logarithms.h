/* Logarithms and the functions made of them: log1p, softplus, logaddexp, the inverse hyperbolic functions, powers. See graphlib_math.h. */
#ifndef GRAPHLIB_LOGARITHMS_H
#define GRAPHLIB_LOGARITHMS_H

#include "graphlib_exponentials.h"

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

#endif
