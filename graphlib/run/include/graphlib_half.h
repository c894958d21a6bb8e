/* float16, which is kept in memory and computed with in float: conversions, to the nearest and ties to even, as numpy's.
 *
 * The C and the CUDA backend read this file behind their own bits of floats (gl_bits_f32, gl_from_bits_f32), which, like
 * GL_INLINE (what stands in front of every function), they must have. Straight lines of integer arithmetic: compilers
 * vectorise loops of them, whatever processor and compiler there is. */
#ifndef GRAPHLIB_HALF_H
#define GRAPHLIB_HALF_H

typedef unsigned short gl_half;

GL_INLINE float gl_f32_of_half(gl_half h) {
#if defined(__CUDA_ARCH__)
    float x;
    asm("cvt.f32.f16 %0, %1;" : "=f"(x) : "h"(h));
    return x;
#else
    unsigned sign = (h & 0x8000u) << 16, bits = (h & 0x7fffu) << 13;
    /* the exponents differ by 112, also those of subnormal numbers, which are brought into form by the product */
    unsigned finite = gl_bits_f32(gl_from_bits_f32(bits) * 0x1p112f);
    return gl_from_bits_f32(sign | (bits >= 0x0f800000u ? bits | 0x7f800000u : finite));
#endif
}

GL_INLINE gl_half gl_half_of_f32(float x) {
#if defined(__CUDA_ARCH__)
    gl_half h;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(h) : "f"(x));
    return h;
#else
    unsigned bits = gl_bits_f32(x), a = bits & 0x7fffffffu;
    /* 0.5 has the last place of the subnormal numbers of float16 */
    unsigned small = gl_bits_f32(gl_from_bits_f32(a) + 0.5f) - 0x3f000000u;
    unsigned normal = (a - 0x38000000u + 0xfffu + ((a >> 13) & 1u)) >> 13;
    unsigned h = a < 0x38800000u ? small : normal;
    h = a >= 0x477ff000u ? 0x7c00u : h;
    h = a > 0x7f800000u ? 0x7e00u : h;
    return (gl_half)(((bits >> 16) & 0x8000u) | h);
#endif
}

/* By the float toward zero, with its last bit set if it is not exact: so nothing is rounded twice. */
GL_INLINE gl_half gl_half_of_f64(double x) {
    float f = (float)x;
    unsigned bits = gl_bits_f32(f);
    bits -= fabs((double)f) > fabs(x);
    return gl_half_of_f32(gl_from_bits_f32(bits | (unsigned)((double)f != x)));
}

#endif
