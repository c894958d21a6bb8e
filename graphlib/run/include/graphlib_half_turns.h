/* Sine and cosine of up to half a turn, as reflection formulas take them; the C and the CUDA backend read this file behind
 * GL_INLINE. Taylor's series, 1e-17. */
#ifndef GRAPHLIB_HALF_TURNS_H
#define GRAPHLIB_HALF_TURNS_H

/* sin(pi f) / f for |f| <= 1/2, given g = f^2 */
GL_INLINE double gl_sine_of_half_turn(double g) {
    double p = 0x1.2877020d52cecp-31;
    p = -0x1.8a404211f9542p-26 + g * p;
    p = 0x1.aaec32af93355p-21 + g * p;
    p = -0x1.6fadb9f155740p-16 + g * p;
    p = 0x1.e8f434d018d5fp-12 + g * p;
    p = -0x1.e3074fde8871cp-8 + g * p;
    p = 0x1.50783487ee77fp-4 + g * p;
    p = -0x1.32d2cce62bd84p-1 + g * p;
    p = 0x1.466bc6775aae1p+1 + g * p;
    p = -0x1.4abbce625be52p+2 + g * p;
    return 0x1.921fb54442d18p+1 + g * p;
}

/* cos(pi f) for |f| <= 1/2, given g = f^2 */
GL_INLINE double gl_cosine_of_half_turn(double g) {
    double p = -0x1.52ae4120fde21p-34;
    p = 0x1.ef6e308d6d1bdp-29 + g * p;
    p = -0x1.2a0c591af8310p-23 + g * p;
    p = 0x1.20c62c2f2d7f1p-18 + g * p;
    p = -0x1.b6e24f44b128bp-14 + g * p;
    p = 0x1.f9d38a3763cbep-10 + g * p;
    p = -0x1.a6d1f2a204a89p-6 + g * p;
    p = 0x1.e1f506891bab8p-3 + g * p;
    p = -0x1.55d3c7e3cbff9p+0 + g * p;
    p = 0x1.03c1f081b5ac3p+2 + g * p;
    p = -0x1.3bd3cc9be45dep+2 + g * p;
    return 0x1.0000000000000p+0 + g * p;
}

#endif
