/* Functions that the C and the CUDA backend share: Python's division, integer powers, the derivatives of log gamma.
 *
 * Both compilers read this file behind their own mathematics, which must have GL_INLINE (what stands in front of every
 * function), GL_NAN_F64, gl_log_f64, gl_sin_f64 and gl_tan_f64, and behind graphlib_half_turns.h. */
#ifndef GRAPHLIB_FUNCTIONS_H
#define GRAPHLIB_FUNCTIONS_H

/* ---- division ---------------------------------------------------------------------------------------------------- */

/* Python's: the remainder has the sign of the divisor, and quotient * b + remainder is a. Through the exact fmod, as
 * numpy does it; by zero gives the NaN or the infinity of fmod and of the division. */
#define GL_DEFINE_FLOAT_DIVISION(suffix, type, fmod, floor, copysign)                            \
    GL_INLINE type gl_mod_##suffix(type a, type b) {                                             \
        type m = fmod(a, b);                                                                     \
        type y = m != 0 ? ((b < 0) != (m < 0) ? m + b : m) : copysign((type)0, b);               \
        return b == 0 ? m : y;                                                                   \
    }                                                                                            \
    GL_INLINE type gl_floordiv_##suffix(type a, type b) {                                        \
        type m = fmod(a, b), q = (a - m) / b;                                                    \
        q = ((m != 0) & ((b < 0) != (m < 0))) ? q - 1 : q;                                       \
        type whole = floor(q), y = q - whole > (type)0.5 ? whole + 1 : whole;                    \
        y = q == 0 ? copysign((type)0, a / b) : y;                                               \
        return b == 0 ? a / b : y;                                                               \
    }

GL_DEFINE_FLOAT_DIVISION(f32, float, fmodf, floorf, copysignf)
GL_DEFINE_FLOAT_DIVISION(f64, double, fmod, floor, copysign)

/* x to the power n in wrapping arithmetic; 0 for a negative n, for which numpy raises. */
GL_INLINE long long gl_ipow_i64(long long x, long long n) {
    unsigned long long base = (unsigned long long)x, y = n < 0 ? 0 : 1;
    for (; n > 0; n >>= 1, base *= base) y = n & 1 ? y * base : y;
    return (long long)y;
}

/* ---- derivatives of log gamma ------------------------------------------------------------------------------------ */

/* psi(x), the derivative of log gamma. On [1, 2] a polynomial times the distance to the zero x0 = 1.46163...; from there
 * psi(x + 1) = psi(x) + 1/x up to 10, where the asymptotic series begins (Abramowitz & Stegun 6.3.18), and the reflection
 * psi(x) = psi(1 - x) - pi cot(pi x) for negative x. Its zeros there are met to 4 ulp of the larger of the terms that cancel. */
GL_INLINE double gl_digamma_positive(double x) {
    double y = 0.0;
    if (x >= 10.0) {
        double z = 1.0 / (x * x);
        double p = 1.0 / 240 - z * (1.0 / 132 - z * (691.0 / 32760 - z * (1.0 / 12)));
        p = 1.0 / 12 - z * (1.0 / 120 - z * (1.0 / 252 - z * p));
        return gl_log_f64(x) - (0.5 / x + z * p);
    }
    if (x < 1.0) {
        y = -1.0 / x;
        x += 1.0;
    }
    while (x > 2.0) {
        x -= 1.0;
        y += 1.0 / x;
    }
    double t = x - 1.5;
    /* psi(x) = (x - x0) p(x - 1.5) on [1, 2], 1.4e-16 */
    double p = 0x1.0dc52a14c86afp-12;
    p = -0x1.8d067a2fc0621p-12 + t * p;
    p = 0x1.e2dbe4b008466p-13 + t * p;
    p = -0x1.73b20f4c2bf9bp-12 + t * p;
    p = 0x1.7a64bb606dbbap-11 + t * p;
    p = -0x1.1a8becdc100a2p-10 + t * p;
    p = 0x1.982f4c28f40fbp-10 + t * p;
    p = -0x1.3261f06f7cc3ep-9 + t * p;
    p = 0x1.cd3b76f737811p-9 + t * p;
    p = -0x1.5a16f531fde53p-8 + t * p;
    p = 0x1.03c01ba97298ep-7 + t * p;
    p = -0x1.8634c49532af3p-7 + t * p;
    p = 0x1.2564753d818c2p-6 + t * p;
    p = -0x1.b9f8b4c400c2fp-6 + t * p;
    p = 0x1.4de9aa090d681p-5 + t * p;
    p = -0x1.fb44201e55997p-5 + t * p;
    p = 0x1.8512e590550bbp-4 + t * p;
    p = -0x1.2feeeb98b04a7p-3 + t * p;
    p = 0x1.eca189b8e6e1ep-3 + t * p;
    p = -0x1.b1cb63005ee5bp-2 + t * p;
    p = 0x1.e6f0cbb873616p-1 + t * p;
    return y + ((x - 0x1.762d86356be3fp+0) - 0x1.b86a722197829p-54) * p;
}

GL_INLINE double gl_digamma_f64(double x) {
    if (x > 0.0) return gl_digamma_positive(x);
    if (x == 0.0) return -1.0 / x;
    double f = x - rint(x), a = fabs(f), pi = 3.14159265358979312;
    if (f == 0.0 || x != x || x < -1.7976931348623157e308) return GL_NAN_F64;
    double cotangent = a < 0.25 ? 1.0 / gl_tan_f64(pi * a) : gl_tan_f64(pi * (0.5 - a));
    /* 1 - x is rounded; what it lost times the derivative of psi, for which the start of its series will do */
    double u = 1.0 - x, lost = (1.0 - u) - x, slope = 1.0 / u * (1.0 + 1.0 / u * (0.5 + 1.0 / (6.0 * u)));
    return gl_digamma_positive(u) + lost * slope - pi * copysign(cotangent, f);
}

/* That of a float is computed in double, without branches, so that loops of it are vectors: the asymptotic series from 8 on, to
 * which arguments below are moved by the recurrence, whose eight reciprocals are one quotient, and the reflection. */
GL_INLINE float gl_digamma_f32(float x) {
    double a = x, z = a > 0.0 ? a : 1.0 - a, f = a - rint(a), g = f * f;
    double sine = f * gl_sine_of_half_turn(g), cosine = gl_cosine_of_half_turn(g);
    double above = 1.0, below = z;
    for (int k = 1; k < 8; k++) {
        above = above * (z + k) + below;
        below *= z + k;
    }
    double y = z < 8.0 ? z + 8.0 : z, w = 1.0 / y, v = w * w;
    double p = 1.0 / 12 - v * (3617.0 / 8160);
    p = 691.0 / 32760 - v * p;
    p = 1.0 / 132 - v * p;
    p = 1.0 / 240 - v * p;
    p = 1.0 / 252 - v * p;
    p = 1.0 / 120 - v * p;
    p = 1.0 / 12 - v * p;
    double value = gl_log_f64(y) - (0.5 * w + v * p) - (z < 8.0 ? above / below : 0.0);
    value = a > 0.0 ? value : f == 0.0 ? GL_NAN_F64 : value - 3.14159265358979312 * cosine / sine;
    return (float)(a == 0.0 ? -1.0 / a : value);
}

/* The derivative of psi: trigamma(x) = trigamma(x + 1) + 1/x^2 up to 10, then the asymptotic series (Abramowitz & Stegun
 * 6.4.12); the reflection 6.4.7 for negative x. */
GL_INLINE double gl_trigamma_f64(double x) {
    double y = 0.0, sign = 1.0, pi = 3.14159265358979312;
    if (x != x || (x <= 0.0 && x == floor(x))) return GL_NAN_F64;
    if (x < 0.0) {
        double s = gl_sin_f64(pi * (x - 2.0 * rint(0.5 * x)));
        y = pi * pi / (s * s);
        sign = -1.0;
        x = 1.0 - x;
    }
    double t = 0.0;
    for (; x < 10.0; x += 1.0) t += 1.0 / (x * x);
    double z = 1.0 / (x * x);
    double p = 1.0 / 30 - z * (5.0 / 66 - z * (691.0 / 2730 - z * (7.0 / 6)));
    p = 1.0 / 6 - z * (1.0 / 30 - z * (1.0 / 42 - z * p));
    return y + sign * (t + (1.0 / x + 0.5 * z + z / x * p));
}

GL_INLINE float gl_trigamma_f32(float x) { return (float)gl_trigamma_f64(x); }

#endif
