/* The error function's and gamma's families. See graphlib_math.h. */
#ifndef GRAPHLIB_SPECIAL_H
#define GRAPHLIB_SPECIAL_H

#include "graphlib_logarithms.h"

#include "graphlib_half_turns.h"

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

/* That of a float is computed in double, without branches: Stirling's series from 8 on, to which arguments below are moved by the
   recurrence, and the reflection formula for those below 0, whose two logarithms are one. */
GL_INLINE float gl_lgamma_f32(float x) {
    double a = x, z = a > 0.0 ? a : 1.0 - a, f = a - __builtin_rint(a), g = f * f;
    double product = z < 8.0 ? z * (z + 1) * (z + 2) * (z + 3) * (z + 4) * (z + 5) * (z + 6) * (z + 7) : 1.0;
    double y = z < 8.0 ? z + 8.0 : z, w = 1.0 / y, v = w * w, sine = f * gl_sine_of_half_turn(g);
    double series = 1.0 / 156.0;
    series = -691.0 / 360360.0 + v * series;
    series = 1.0 / 1188.0 + v * series;
    series = -1.0 / 1680.0 + v * series;
    series = 1.0 / 1260.0 + v * series;
    series = -1.0 / 360.0 + v * series;
    series = 1.0 / 12.0 + v * series;
    double far = (y - 0.5) * gl_log_f64(y) - y + 0x1.d67f1c864beb5p-1 + w * series;
    double near = gl_log_f64(a > 0.0 ? product : __builtin_fabs(0x1.921fb54442d18p+1 * product / sine));
    double value = (a - 1.0) * (a - 2.0) == 0.0 ? 0.0 : a > 0.0 ? far - near : near - far;
    return (float)(__builtin_fabs(a) == __builtin_inf() ? __builtin_inf() : value);
}

#endif
