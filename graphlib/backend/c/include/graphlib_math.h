/* Scalar mathematics of the generated C: every function is static, inlined, and meant to be called in inner loops. */
#ifndef GRAPHLIB_MATH_H
#define GRAPHLIB_MATH_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#define GL_INLINE static inline __attribute__((always_inline, unused))

GL_INLINE float gl_exp_f32(float x) { return expf(x); }
GL_INLINE float gl_exp2_f32(float x) { return exp2f(x); }
GL_INLINE float gl_expm1_f32(float x) { return expm1f(x); }
GL_INLINE float gl_log_f32(float x) { return logf(x); }
GL_INLINE float gl_log2_f32(float x) { return log2f(x); }
GL_INLINE float gl_log10_f32(float x) { return log10f(x); }
GL_INLINE float gl_log1p_f32(float x) { return log1pf(x); }
GL_INLINE float gl_tanh_f32(float x) { return tanhf(x); }
GL_INLINE float gl_sin_f32(float x) { return sinf(x); }
GL_INLINE float gl_cos_f32(float x) { return cosf(x); }
GL_INLINE float gl_tan_f32(float x) { return tanf(x); }
GL_INLINE float gl_sinh_f32(float x) { return sinhf(x); }
GL_INLINE float gl_cosh_f32(float x) { return coshf(x); }
GL_INLINE float gl_arcsin_f32(float x) { return asinf(x); }
GL_INLINE float gl_arccos_f32(float x) { return acosf(x); }
GL_INLINE float gl_arctan_f32(float x) { return atanf(x); }
GL_INLINE float gl_arcsinh_f32(float x) { return asinhf(x); }
GL_INLINE float gl_arccosh_f32(float x) { return acoshf(x); }
GL_INLINE float gl_arctanh_f32(float x) { return atanhf(x); }
GL_INLINE float gl_erf_f32(float x) { return erff(x); }
GL_INLINE float gl_erfc_f32(float x) { return erfcf(x); }
GL_INLINE float gl_lgamma_f32(float x) { return lgammaf(x); }
GL_INLINE float gl_round_half_even_f32(float x) { return rintf(x); }
GL_INLINE float gl_round_half_away_f32(float x) { return roundf(x); }
GL_INLINE float gl_arctan2_f32(float y, float x) { return atan2f(y, x); }
GL_INLINE float gl_pow_f32(float x, float y) { return powf(x, y); }
GL_INLINE float gl_sigmoid_f32(float x) { float e = expf(-fabsf(x)); return (x < 0 ? e : 1) / (1 + e); }
GL_INLINE float gl_softplus_f32(float x) { return (x > 0 ? x : 0 * x) + log1pf(expf(-fabsf(x))); }
GL_INLINE float gl_sgn_f32(float x) { return x > 0 ? 1 : x < 0 ? -1 : x; }
GL_INLINE float gl_max_f32(float a, float b) { return a >= b || a != a ? a : b; }
GL_INLINE float gl_min_f32(float a, float b) { return a <= b || a != a ? a : b; }
GL_INLINE float gl_logaddexp_f32(float a, float b) {
    float m = gl_max_f32(a, b), d = fabsf(a - b);
    return a == b ? a + (float)0.693147180559945309417 : m + log1pf(expf(-d));
}
GL_INLINE float gl_digamma_f32(float xf) {
    double x = xf, r = 0;
    if (x <= 0) {
        if (x == floor(x)) return x == 0 ? -copysign(INFINITY, x) : NAN;
        r = -3.14159265358979323846 / tan(3.14159265358979323846 * (x - rint(x)));
        x = 1 - x;
    }
    while (x < 10) { r -= 1 / x; x += 1; }
    double z = 1 / (x * x);
    return r + log(x) - 0.5 / x - z * (1. / 12 - z * (1. / 120 - z * (1. / 252 - z * (1. / 240 - z * (1. / 132)))));
}
GL_INLINE float gl_mod_f32(float a, float b) {
    float m = fmodf(a, b);
    if (b == 0) return m;
    return m != 0 ? ((b < 0) != (m < 0) ? m + b : m) : copysignf(0, b);
}
GL_INLINE float gl_floordiv_f32(float a, float b) {
    float m = fmodf(a, b);
    if (b == 0) return a / b;
    float d = (a - m) / b;
    if (m != 0 && (b < 0) != (m < 0)) d -= 1;
    float fl = floorf(d);
    return d != 0 ? (d - fl > (float)0.5 ? fl + 1 : fl) : copysignf(0, a / b);
}
GL_INLINE double gl_exp_f64(double x) { return exp(x); }
GL_INLINE double gl_exp2_f64(double x) { return exp2(x); }
GL_INLINE double gl_expm1_f64(double x) { return expm1(x); }
GL_INLINE double gl_log_f64(double x) { return log(x); }
GL_INLINE double gl_log2_f64(double x) { return log2(x); }
GL_INLINE double gl_log10_f64(double x) { return log10(x); }
GL_INLINE double gl_log1p_f64(double x) { return log1p(x); }
GL_INLINE double gl_tanh_f64(double x) { return tanh(x); }
GL_INLINE double gl_sin_f64(double x) { return sin(x); }
GL_INLINE double gl_cos_f64(double x) { return cos(x); }
GL_INLINE double gl_tan_f64(double x) { return tan(x); }
GL_INLINE double gl_sinh_f64(double x) { return sinh(x); }
GL_INLINE double gl_cosh_f64(double x) { return cosh(x); }
GL_INLINE double gl_arcsin_f64(double x) { return asin(x); }
GL_INLINE double gl_arccos_f64(double x) { return acos(x); }
GL_INLINE double gl_arctan_f64(double x) { return atan(x); }
GL_INLINE double gl_arcsinh_f64(double x) { return asinh(x); }
GL_INLINE double gl_arccosh_f64(double x) { return acosh(x); }
GL_INLINE double gl_arctanh_f64(double x) { return atanh(x); }
GL_INLINE double gl_erf_f64(double x) { return erf(x); }
GL_INLINE double gl_erfc_f64(double x) { return erfc(x); }
GL_INLINE double gl_lgamma_f64(double x) { return lgamma(x); }
GL_INLINE double gl_round_half_even_f64(double x) { return rint(x); }
GL_INLINE double gl_round_half_away_f64(double x) { return round(x); }
GL_INLINE double gl_arctan2_f64(double y, double x) { return atan2(y, x); }
GL_INLINE double gl_pow_f64(double x, double y) { return pow(x, y); }
GL_INLINE double gl_sigmoid_f64(double x) { double e = exp(-fabs(x)); return (x < 0 ? e : 1) / (1 + e); }
GL_INLINE double gl_softplus_f64(double x) { return (x > 0 ? x : 0 * x) + log1p(exp(-fabs(x))); }
GL_INLINE double gl_sgn_f64(double x) { return x > 0 ? 1 : x < 0 ? -1 : x; }
GL_INLINE double gl_max_f64(double a, double b) { return a >= b || a != a ? a : b; }
GL_INLINE double gl_min_f64(double a, double b) { return a <= b || a != a ? a : b; }
GL_INLINE double gl_logaddexp_f64(double a, double b) {
    double m = gl_max_f64(a, b), d = fabs(a - b);
    return a == b ? a + (double)0.693147180559945309417 : m + log1p(exp(-d));
}
GL_INLINE double gl_digamma_f64(double xf) {
    double x = xf, r = 0;
    if (x <= 0) {
        if (x == floor(x)) return x == 0 ? -copysign(INFINITY, x) : NAN;
        r = -3.14159265358979323846 / tan(3.14159265358979323846 * (x - rint(x)));
        x = 1 - x;
    }
    while (x < 10) { r -= 1 / x; x += 1; }
    double z = 1 / (x * x);
    return r + log(x) - 0.5 / x - z * (1. / 12 - z * (1. / 120 - z * (1. / 252 - z * (1. / 240 - z * (1. / 132)))));
}
GL_INLINE double gl_mod_f64(double a, double b) {
    double m = fmod(a, b);
    if (b == 0) return m;
    return m != 0 ? ((b < 0) != (m < 0) ? m + b : m) : copysign(0, b);
}
GL_INLINE double gl_floordiv_f64(double a, double b) {
    double m = fmod(a, b);
    if (b == 0) return a / b;
    double d = (a - m) / b;
    if (m != 0 && (b < 0) != (m < 0)) d -= 1;
    double fl = floor(d);
    return d != 0 ? (d - fl > (double)0.5 ? fl + 1 : fl) : copysign(0, a / b);
}
GL_INLINE int8_t gl_floordiv_i8(int8_t a, int8_t b) {
    int8_t d = b == 0 || b == -1 ? 1 : b, q = (int8_t)(a / d);
    q = (int8_t)(q - (a % d != 0 && (a < 0) != (d < 0)));
    return b == 0 ? 0 : b == -1 ? (int8_t)(0 - (uint8_t)a) : q;
}
GL_INLINE int8_t gl_mod_i8(int8_t a, int8_t b) {
    int8_t d = b == 0 || b == -1 ? 1 : b, m = (int8_t)(a % d);
    return m != 0 && (m < 0) != (d < 0) ? (int8_t)(m + d) : m;
}
GL_INLINE int16_t gl_floordiv_i16(int16_t a, int16_t b) {
    int16_t d = b == 0 || b == -1 ? 1 : b, q = (int16_t)(a / d);
    q = (int16_t)(q - (a % d != 0 && (a < 0) != (d < 0)));
    return b == 0 ? 0 : b == -1 ? (int16_t)(0 - (uint16_t)a) : q;
}
GL_INLINE int16_t gl_mod_i16(int16_t a, int16_t b) {
    int16_t d = b == 0 || b == -1 ? 1 : b, m = (int16_t)(a % d);
    return m != 0 && (m < 0) != (d < 0) ? (int16_t)(m + d) : m;
}
GL_INLINE int32_t gl_floordiv_i32(int32_t a, int32_t b) {
    int32_t d = b == 0 || b == -1 ? 1 : b, q = (int32_t)(a / d);
    q = (int32_t)(q - (a % d != 0 && (a < 0) != (d < 0)));
    return b == 0 ? 0 : b == -1 ? (int32_t)(0 - (uint32_t)a) : q;
}
GL_INLINE int32_t gl_mod_i32(int32_t a, int32_t b) {
    int32_t d = b == 0 || b == -1 ? 1 : b, m = (int32_t)(a % d);
    return m != 0 && (m < 0) != (d < 0) ? (int32_t)(m + d) : m;
}
GL_INLINE int64_t gl_floordiv_i64(int64_t a, int64_t b) {
    int64_t d = b == 0 || b == -1 ? 1 : b, q = (int64_t)(a / d);
    q = (int64_t)(q - (a % d != 0 && (a < 0) != (d < 0)));
    return b == 0 ? 0 : b == -1 ? (int64_t)(0 - (uint64_t)a) : q;
}
GL_INLINE int64_t gl_mod_i64(int64_t a, int64_t b) {
    int64_t d = b == 0 || b == -1 ? 1 : b, m = (int64_t)(a % d);
    return m != 0 && (m < 0) != (d < 0) ? (int64_t)(m + d) : m;
}
GL_INLINE uint8_t gl_floordiv_u8(uint8_t a, uint8_t b) { return b == 0 ? 0 : a / b; }
GL_INLINE uint8_t gl_mod_u8(uint8_t a, uint8_t b) { return b == 0 ? 0 : a % b; }
GL_INLINE int64_t gl_ipow_i64(int64_t x, int64_t n) {
    uint64_t b = (uint64_t)x, r = 1;
    if (n < 0) return 0;
    for (; n > 0; n >>= 1, b *= b) r = n & 1 ? r * b : r;
    return (int64_t)r;
}

#endif
