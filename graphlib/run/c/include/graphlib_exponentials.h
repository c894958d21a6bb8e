/* Exponentials and the functions made of them: exp, exp2, expm1, tanh, sigmoid, sinh, cosh. See graphlib_math.h. */
#ifndef GRAPHLIB_EXPONENTIALS_H
#define GRAPHLIB_EXPONENTIALS_H

#include "graphlib_bits.h"

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

/* exp of numbers up to 0; what would be subnormal is 0. */
GL_INLINE float gl_exp_up_to_0_f32(float x) {
    gl_exp_parts_f32 e = gl_exp_reduce_f32(x);
    float y = (1.0f + e.q) * gl_pow2_f32(e.n);
    return x < -87.33654f ? 0.0f : y;
}

GL_INLINE double gl_exp_up_to_0_f64(double x) {
    gl_exp_parts_f64 e = gl_exp_reduce_f64(x);
    double y = (1.0 + e.q) * gl_pow2_f64(e.n);
    return x < -708.39641 ? 0.0 : y;
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

#endif
