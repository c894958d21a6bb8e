/* Random draws by Philox4x32-10 (J. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
 *
 * Element k of a draw is a function of (seed, stream, draw, k) alone. A float32 takes one word of the block k / 4, a
 * float64 two of the block k / 2. The functions of one element (gl_random_*) and those of a run of elements (gl_fill_*),
 * which use all the words of a block, give the same bits. */
#ifndef GRAPHLIB_RANDOM_H
#define GRAPHLIB_RANDOM_H

#include "graphlib_math.h"

/* The four words of a block, in place of its counter. */
GL_INLINE void gl_philox(uint32_t k0, uint32_t k1, uint32_t *w0, uint32_t *w1, uint32_t *w2, uint32_t *w3) {
    uint32_t c0 = *w0, c1 = *w1, c2 = *w2, c3 = *w3;
#pragma GCC unroll 10
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)c0 * 0xD2511F53u, p1 = (uint64_t)c2 * 0xCD9E8D57u;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)p1;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    *w0 = c0, *w1 = c1, *w2 = c2, *w3 = c3;
}

#define GL_BLOCK(block)                                                                                        \
    uint32_t w0 = (uint32_t)(block), w1 = (uint32_t)((uint64_t)(block) >> 32), w2 = (uint32_t)draw,            \
             w3 = (uint32_t)((uint64_t)draw >> 32);                                                            \
    gl_philox((uint32_t)seed, (uint32_t)stream, &w0, &w1, &w2, &w3)

/* ---- from words to numbers ---------------------------------------------------------------------------------------- */

GL_INLINE float gl_unit_f32(uint32_t w) { return (float)(int32_t)(w >> 8) * 0x1p-24f; }

GL_INLINE double gl_unit_f64(uint32_t low, uint32_t high) {
    return (double)(int64_t)(((uint64_t)low | (uint64_t)high << 32) >> 11) * 0x1p-53;
}

/* One of the two normal numbers of a pair (G. Box and M. Muller 1958): the second is the cosine a quarter turn before. */
GL_INLINE float gl_normal_pair_f32(uint32_t a, uint32_t b, float back) {
    float radius = ((float)a + 0.5f) * 0x1p-32f;
    return sqrtf(-2.0f * gl_log_f32(radius)) * gl_cos_f32(6.28318531f * (gl_unit_f32(b) - back));
}

GL_INLINE double gl_normal_pair_f64(double a, double b, double back) {
    return sqrt(-2.0 * gl_log_f64(a + 0x1p-54)) * gl_cos_f64(6.2831853071795865 * (b - back));
}

/* ---- one element --------------------------------------------------------------------------------------------------- */

GL_INLINE float gl_random_uniform_f32(int64_t seed, int64_t stream, int64_t draw, int64_t k) {
    GL_BLOCK(k >> 2);
    uint32_t even = k & 2 ? w2 : w0, odd = k & 2 ? w3 : w1;
    return gl_unit_f32(k & 1 ? odd : even);
}

GL_INLINE double gl_random_uniform_f64(int64_t seed, int64_t stream, int64_t draw, int64_t k) {
    GL_BLOCK(k >> 1);
    return gl_unit_f64(k & 1 ? w2 : w0, k & 1 ? w3 : w1);
}

GL_INLINE float gl_random_normal_f32(int64_t seed, int64_t stream, int64_t draw, int64_t k) {
    GL_BLOCK(k >> 2);
    return gl_normal_pair_f32(k & 2 ? w2 : w0, k & 2 ? w3 : w1, k & 1 ? 0.25f : 0.0f);
}

GL_INLINE double gl_random_normal_f64(int64_t seed, int64_t stream, int64_t draw, int64_t k) {
    GL_BLOCK(k >> 1);
    return gl_normal_pair_f64(gl_unit_f64(w0, w1), gl_unit_f64(w2, w3), k & 1 ? 0.25 : 0.0);
}

/* ---- a run of elements, k = start .. start + n - 1 ------------------------------------------------------------------ */

/* Sixteen blocks at a time: a vector of each of the four words. */
#define GL_BLOCKS 16

#define GL_FILL(name, type, each, convert)                                                                             \
    static __attribute__((unused, noinline)) void gl_fill_##name(type *restrict out, int64_t seed, int64_t stream,     \
                                                                 int64_t draw, int64_t start, int64_t n) {             \
        const int64_t size = each * GL_BLOCKS;                                                                         \
        type numbers[each * GL_BLOCKS];                                                                                \
        for (int64_t at = start - start % each; at < start + n; at += size) {                                          \
            int whole = at >= start && at + size <= start + n;                                                         \
            type *restrict to = whole ? out + (at - start) : numbers;                                                  \
            uint32_t words[4][GL_BLOCKS];                                                                              \
            _Pragma("omp simd") for (int b = 0; b < GL_BLOCKS; b++) {                                                  \
                GL_BLOCK(at / each + b);                                                                               \
                words[0][b] = w0, words[1][b] = w1, words[2][b] = w2, words[3][b] = w3;                                \
            }                                                                                                          \
            convert;                                                                                                   \
            if (!whole)                                                                                                \
                for (int64_t k = 0; k < size; k++)                                                                     \
                    if (at + k >= start && at + k < start + n) out[at + k - start] = numbers[k];                       \
        }                                                                                                              \
    }

GL_FILL(uniform_f32, float, 4, {
    for (int b = 0; b < GL_BLOCKS; b++)
        for (int w = 0; w < 4; w++) to[4 * b + w] = gl_unit_f32(words[w][b]);
})
GL_FILL(uniform_f64, double, 2, {
    for (int b = 0; b < GL_BLOCKS; b++)
        for (int w = 0; w < 2; w++) to[2 * b + w] = gl_unit_f64(words[2 * w][b], words[2 * w + 1][b]);
})
GL_FILL(normal_f32, float, 4, {
    float pairs[4][GL_BLOCKS];
    for (int w = 0; w < 4; w++)
        _Pragma("omp simd") for (int b = 0; b < GL_BLOCKS; b++) pairs[w][b] =
            gl_normal_pair_f32(words[w & 2][b], words[(w & 2) + 1][b], w & 1 ? 0.25f : 0.0f);
    for (int b = 0; b < GL_BLOCKS; b++)
        for (int w = 0; w < 4; w++) to[4 * b + w] = pairs[w][b];
})
GL_FILL(normal_f64, double, 2, {
    double pairs[2][GL_BLOCKS];
    for (int w = 0; w < 2; w++)
        _Pragma("omp simd") for (int b = 0; b < GL_BLOCKS; b++) pairs[w][b] =
            gl_normal_pair_f64(gl_unit_f64(words[0][b], words[1][b]), gl_unit_f64(words[2][b], words[3][b]),
                               w ? 0.25 : 0.0);
    for (int b = 0; b < GL_BLOCKS; b++)
        for (int w = 0; w < 2; w++) to[2 * b + w] = pairs[w][b];
})

#endif
