/* Runs of random draws: the elements that graphlib_philox.h defines, many at once.
 *
 * The functions of a run of elements (gl_fill_*) use all the words of a block; those of one element (gl_random_*) give the
 * same bits. */
#ifndef GRAPHLIB_RANDOM_H
#define GRAPHLIB_RANDOM_H

#include "graphlib_math.h"
#include "graphlib_philox.h"

/* k = start .. start + n - 1, sixteen blocks at a time: a vector of each of the four words. */
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
