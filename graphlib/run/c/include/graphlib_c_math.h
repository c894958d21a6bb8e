/* C's mathematics, in double and in float, as graphlib_c.h has the rest: operations may be written by any of these. */
#ifndef GRAPHLIB_C_MATH_H
#define GRAPHLIB_C_MATH_H

#ifndef INFINITY
#define INFINITY __builtin_inff()
#define NAN __builtin_nanf("")
#define isnan(x) __builtin_isnan(x)
#define isinf(x) __builtin_isinf(x)
#define isfinite(x) __builtin_isfinite(x)
#define signbit(x) __builtin_signbit(x)
#endif

#define GL_OF_ONE(name) double name(double); float name##f(float);
#define GL_OF_TWO(name) double name(double, double); float name##f(float, float);

GL_OF_ONE(acos) GL_OF_ONE(acosh) GL_OF_ONE(asin) GL_OF_ONE(asinh) GL_OF_ONE(atan) GL_OF_ONE(atanh) GL_OF_ONE(cbrt)
GL_OF_ONE(ceil) GL_OF_ONE(cos) GL_OF_ONE(cosh) GL_OF_ONE(erf) GL_OF_ONE(erfc) GL_OF_ONE(exp) GL_OF_ONE(exp2) GL_OF_ONE(expm1)
GL_OF_ONE(fabs) GL_OF_ONE(floor) GL_OF_ONE(lgamma) GL_OF_ONE(log) GL_OF_ONE(log10) GL_OF_ONE(log1p) GL_OF_ONE(log2)
GL_OF_ONE(logb) GL_OF_ONE(nearbyint) GL_OF_ONE(rint) GL_OF_ONE(round) GL_OF_ONE(sin) GL_OF_ONE(sinh) GL_OF_ONE(sqrt)
GL_OF_ONE(tan) GL_OF_ONE(tanh) GL_OF_ONE(tgamma) GL_OF_ONE(trunc)
GL_OF_TWO(atan2) GL_OF_TWO(copysign) GL_OF_TWO(fdim) GL_OF_TWO(fmax) GL_OF_TWO(fmin) GL_OF_TWO(fmod) GL_OF_TWO(hypot)
GL_OF_TWO(nextafter) GL_OF_TWO(pow) GL_OF_TWO(remainder)
double fma(double, double, double);
float fmaf(float, float, float);
double ldexp(double, int);
float ldexpf(float, int);
double frexp(double, int *);
float frexpf(float, int *);
double modf(double, double *);
float modff(float, float *);
double lgamma_r(double, int *);
float lgammaf_r(float, int *);

#undef GL_OF_ONE
#undef GL_OF_TWO

#endif
