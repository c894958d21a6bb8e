/* Random draws by Philox4x32-10 (J. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011): one element.
 *
 * Element k of a draw is a function of (seed, stream, draw, k) alone. A float32 takes one word of the block k / 4, a
 * float64 two of the block k / 2.
 *
 * Both the C and the CUDA compiler read this file behind their own mathematics, which must have GL_INLINE, gl_log and
 * gl_cos, each as _f32 and _f64. */
#ifndef GRAPHLIB_PHILOX_H
#define GRAPHLIB_PHILOX_H

/* The four words of a block, in place of its counter. */
GL_INLINE void gl_philox(unsigned k0, unsigned k1, unsigned *w0, unsigned *w1, unsigned *w2, unsigned *w3) {
    unsigned c0 = *w0, c1 = *w1, c2 = *w2, c3 = *w3;
#ifdef __CUDACC__
#pragma unroll
#else
#pragma GCC unroll 10
#endif
    for (int round = 0; round < 10; round++) {
        unsigned long long p0 = (unsigned long long)c0 * 0xD2511F53u, p1 = (unsigned long long)c2 * 0xCD9E8D57u;
        c0 = (unsigned)(p1 >> 32) ^ c1 ^ k0;
        c1 = (unsigned)p1;
        c2 = (unsigned)(p0 >> 32) ^ c3 ^ k1;
        c3 = (unsigned)p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    *w0 = c0, *w1 = c1, *w2 = c2, *w3 = c3;
}

#define GL_BLOCK(block)                                                                                       \
    unsigned w0 = (unsigned)(block), w1 = (unsigned)((unsigned long long)(block) >> 32), w2 = (unsigned)draw, \
             w3 = (unsigned)((unsigned long long)draw >> 32);                                                 \
    gl_philox((unsigned)seed, (unsigned)stream, &w0, &w1, &w2, &w3)

/* ---- from words to numbers ---------------------------------------------------------------------------------------- */

GL_INLINE float gl_unit_f32(unsigned w) { return (float)(int)(w >> 8) * 0x1p-24f; }

GL_INLINE double gl_unit_f64(unsigned low, unsigned high) {
    return (double)(long long)(((unsigned long long)low | (unsigned long long)high << 32) >> 11) * 0x1p-53;
}

/* One of the two normal numbers of a pair (G. Box and M. Muller 1958): the second is the cosine a quarter turn before. */
GL_INLINE float gl_normal_pair_f32(unsigned a, unsigned b, float back) {
    float radius = ((float)a + 0.5f) * 0x1p-32f;
    return sqrtf(-2.0f * gl_log_f32(radius)) * gl_cos_f32(6.28318531f * (gl_unit_f32(b) - back));
}

GL_INLINE double gl_normal_pair_f64(double a, double b, double back) {
    return sqrt(-2.0 * gl_log_f64(a + 0x1p-54)) * gl_cos_f64(6.2831853071795865 * (b - back));
}

/* ---- one element --------------------------------------------------------------------------------------------------- */

GL_INLINE float gl_random_uniform_f32(long long seed, long long stream, long long draw, long long k) {
    GL_BLOCK(k >> 2);
    unsigned even = k & 2 ? w2 : w0, odd = k & 2 ? w3 : w1;
    return gl_unit_f32(k & 1 ? odd : even);
}

GL_INLINE double gl_random_uniform_f64(long long seed, long long stream, long long draw, long long k) {
    GL_BLOCK(k >> 1);
    return gl_unit_f64(k & 1 ? w2 : w0, k & 1 ? w3 : w1);
}

GL_INLINE float gl_random_normal_f32(long long seed, long long stream, long long draw, long long k) {
    GL_BLOCK(k >> 2);
    return gl_normal_pair_f32(k & 2 ? w2 : w0, k & 2 ? w3 : w1, k & 1 ? 0.25f : 0.0f);
}

GL_INLINE double gl_random_normal_f64(long long seed, long long stream, long long draw, long long k) {
    GL_BLOCK(k >> 1);
    return gl_normal_pair_f64(gl_unit_f64(w0, w1), gl_unit_f64(w2, w3), k & 1 ? 0.25 : 0.0);
}

#endif
