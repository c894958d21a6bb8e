/* What is used of C's mathematics (see graphlib_c.h). */
#ifndef GRAPHLIB_C_MATH_H
#define GRAPHLIB_C_MATH_H

#ifndef INFINITY
#define INFINITY __builtin_inff()
#define NAN __builtin_nanf("")
#endif

double sqrt(double);
double cbrt(double);
double fabs(double);
double floor(double);
double ceil(double);
double rint(double);
double exp(double);
double expm1(double);
double log(double);
double log1p(double);
double log2(double);
double sin(double);
double cos(double);
double tan(double);
double tanh(double);
double atanh(double);
double erfc(double);
double tgamma(double);
double lgamma(double);
double pow(double, double);
double fmod(double, double);
double copysign(double, double);
double ldexp(double, int);
double lgamma_r(double, int *);
float sqrtf(float);
float floorf(float);
float fmodf(float, float);
float copysignf(float, float);
float fabsf(float);

#endif
