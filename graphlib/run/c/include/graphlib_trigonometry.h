/* Sine, cosine and tangent of any argument, and their inverses. See graphlib_math.h. */
#ifndef GRAPHLIB_TRIGONOMETRY_H
#define GRAPHLIB_TRIGONOMETRY_H

#include "graphlib_bits.h"

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

/* sqrt(x^2 + y^2) by the ratio of the smaller to the greater; infinite if either is, whatever the other */
GL_INLINE double gl_hypot_f64(double x, double y) {
    double a = fabs(x), b = fabs(y), m = a > b ? a : b, r = (a > b ? b : a) / m;
    double h = m == 0 ? 0 : m * sqrt(1 + r * r);
    return (a == INFINITY) | (b == INFINITY) ? INFINITY : (x != x) | (y != y) ? x + y : h;
}

GL_INLINE float gl_hypot_f32(float x, float y) {
    double a = x, b = y;
    float h = (float)sqrt(a * a + b * b);
    return (fabsf(x) == INFINITY) | (fabsf(y) == INFINITY) ? INFINITY : h;
}

GL_INLINE float gl_arcsin_f32(float x) { return (float)gl_arcsin_f64(x); }

GL_INLINE float gl_arccos_f32(float x) { return (float)gl_arccos_f64(x); }

#endif
