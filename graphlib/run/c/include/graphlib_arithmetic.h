/* Rounding, sign, extrema, and division of integers. See graphlib_math.h. */
#ifndef GRAPHLIB_ARITHMETIC_H
#define GRAPHLIB_ARITHMETIC_H

#include "graphlib_bits.h"

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

#endif
