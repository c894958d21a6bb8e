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

#include "graphlib_arithmetic.h"
#include "graphlib_bits.h"
#include "graphlib_exponentials.h"
#include "graphlib_logarithms.h"
#include "graphlib_special.h"
#include "graphlib_trigonometry.h"

/* what CUDA has in the same words, of the functions above */
#define GL_NAN_F64 ((double)NAN)
#include "graphlib_bessel.h"
#include "graphlib_functions.h"
#include "graphlib_half.h"

#endif
