/* Draws of generators whose numbers come one after the other, for C: see graphlib_streams.h. */
#ifndef GRAPHLIB_GENERATORS_H
#define GRAPHLIB_GENERATORS_H

#include <math.h>

#include "graphlib_math.h"

#define GL_STREAMS_IN_C
#include "graphlib_streams.h"

/* n numbers of MRG31k3p from as many streams, number k by stream k % streams: some streams at a time, side by side. */
#define GL_MRG_BLOCK 16
#define GL_MRG(dtype, type)                                                                                            \
    GL_FUNCTION int gl_mrg_##dtype##_i32(const int32_t *from, int32_t *to, type *out, int64_t streams, int64_t n) {    \
        for (int64_t first = 0; first < streams; first += GL_MRG_BLOCK) {                                              \
            const int64_t width = streams - first < GL_MRG_BLOCK ? streams - first : GL_MRG_BLOCK;                     \
            uint32_t w[6][GL_MRG_BLOCK] = {{0}};                                                                       \
            type made[GL_MRG_BLOCK];                                                                                   \
            for (int64_t s = 0; s < width; s++)                                                                        \
                for (int c = 0; c < 6; c++) w[c][s] = (uint32_t)from[6 * (first + s) + c];                             \
            int64_t at = first;                                                                                        \
            for (; at + GL_MRG_BLOCK <= n && width == GL_MRG_BLOCK; at += streams) {                                   \
                type *restrict row = out + at;                                                                         \
                _Pragma("omp simd") for (int s = 0; s < GL_MRG_BLOCK; s++) {                                           \
                    uint32_t x1 = w[0][s], x2 = w[1][s], x3 = w[2][s], y1 = w[3][s], y2 = w[4][s], y3 = w[5][s];       \
                    GL_MRG_STEP(x1, x2, x3, y1, y2, y3);                                                               \
                    row[s] = GL_MRG_##dtype(GL_MRG_NUMBER(x1, y1));                                                    \
                    w[0][s] = x1, w[1][s] = x2, w[2][s] = x3, w[3][s] = y1, w[4][s] = y2, w[5][s] = y3;                \
                }                                                                                                      \
            }                                                                                                          \
            for (; at < n; at += streams)                                                                              \
                for (int64_t s = 0; s < width && at + s < n; s++) {                                                    \
                    GL_MRG_STEP(w[0][s], w[1][s], w[2][s], w[3][s], w[4][s], w[5][s]);                                 \
                    made[s] = GL_MRG_##dtype(GL_MRG_NUMBER(w[0][s], w[3][s]));                                         \
                    out[at + s] = made[s];                                                                             \
                }                                                                                                      \
            for (int64_t s = 0; s < width; s++)                                                                        \
                for (int c = 0; c < 6; c++) to[6 * (first + s) + c] = (int32_t)w[c][s];                                \
        }                                                                                                              \
        return 0;                                                                                                      \
    }

GL_MRG(float32, float)
GL_MRG(float64, double)

#endif
