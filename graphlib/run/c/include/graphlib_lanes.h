/* Channels side by side in vectors, where they lie in planes in memory: the ways there and back. */
#ifndef GRAPHLIB_LANES_H
#define GRAPHLIB_LANES_H

#include "graphlib_tiles.h"

/* Of two vectors the lanes of the first and of the second halves, interleaved. */
#if defined(__AVX512F__)
#define GL_LANES_f32 16
#elif defined(__AVX__)
#define GL_LANES_f32 8
#else
#define GL_LANES_f32 4
#endif
#define GL_LANES_f64 (GL_LANES_f32 / 2)
#define GL_FIRST_2 0, 2
#define GL_SECOND_2 1, 3
#define GL_FIRST_4 0, 4, 1, 5
#define GL_SECOND_4 2, 6, 3, 7
#define GL_FIRST_8 0, 8, 1, 9, 2, 10, 3, 11
#define GL_SECOND_8 4, 12, 5, 13, 6, 14, 7, 15
#define GL_FIRST_16 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define GL_SECOND_16 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#if defined(__AVX512F__)
#define GL_FIRST_f32 GL_FIRST_16
#define GL_SECOND_f32 GL_SECOND_16
#define GL_FIRST_f64 GL_FIRST_8
#define GL_SECOND_f64 GL_SECOND_8
#elif defined(__AVX__)
#define GL_FIRST_f32 GL_FIRST_8
#define GL_SECOND_f32 GL_SECOND_8
#define GL_FIRST_f64 GL_FIRST_4
#define GL_SECOND_f64 GL_SECOND_4
#else
#define GL_FIRST_f32 GL_FIRST_4
#define GL_SECOND_f32 GL_SECOND_4
#define GL_FIRST_f64 GL_FIRST_2
#define GL_SECOND_f64 GL_SECOND_2
#endif

/* so many that they fill whole vectors */
static inline int64_t gl_filled(int64_t n, int64_t lanes) { return (n + lanes - 1) / lanes * lanes; }

#define GL_LANES(s, T, I)                                                                                                        \
    typedef T gl_lanes_##s __attribute__((vector_size(GL_LANES_##s * sizeof(T)), may_alias));                                    \
    typedef T gl_unaligned_##s __attribute__((vector_size(GL_LANES_##s * sizeof(T)), aligned(sizeof(T)), may_alias));            \
    typedef I gl_integers_##s __attribute__((vector_size(GL_LANES_##s * sizeof(T)), may_alias));                                 \
    /* Rows and columns of a block change places. */                                                                             \
    static inline __attribute__((always_inline)) void gl_exchange_##s(gl_lanes_##s *x) {                                         \
        enum { L = GL_LANES_##s };                                                                                               \
        gl_lanes_##s next[L];                                                                                                    \
        GL_UNROLL for (int stage = 1; stage < L; stage *= 2) {                                                                   \
            GL_UNROLL for (int i = 0; i < L / 2; i++) {                                                                          \
                next[2 * i] = GL_SHUFFLE(x[i], x[i + L / 2], gl_integers_##s, GL_FIRST_##s);                                     \
                next[2 * i + 1] = GL_SHUFFLE(x[i], x[i + L / 2], gl_integers_##s, GL_SECOND_##s);                                \
            }                                                                                                                    \
            GL_UNROLL for (int i = 0; i < L; i++) x[i] = next[i];                                                                \
        }                                                                                                                        \
    }                                                                                                                            \
    /* The pixels from x on of a row of `channels` planes, as many as a vector has: for each pixel a vector of channels.  Where  \
       there are not so many in memory only `count` are read. */                                                                 \
    static __attribute__((noinline)) void gl_gather_##s(const T *x, int64_t plane, int64_t channels, int64_t count,              \
                                                        const T *end, gl_lanes_##s *to, int64_t ahead) {                         \
        enum { L = GL_LANES_##s };                                                                                               \
        if (channels == L && x + (L - 1) * plane + L <= end) {                                                                   \
            GL_UNROLL for (int l = 0; l < L; l++) {                                                                              \
                to[l] = *(const gl_unaligned_##s *)(x + l * plane);                                                              \
                __builtin_prefetch(x + l * plane + ahead);                                                                       \
            }                                                                                                                    \
        } else                                                                                                                   \
            for (int64_t l = 0; l < L; l++) {                                                                                    \
                to[l] = (gl_lanes_##s){0};                                                                                       \
                if (l < channels) memcpy(&to[l], x + l * plane, (size_t)count * sizeof(T));                                      \
            }                                                                                                                    \
        gl_exchange_##s(to);                                                                                                     \
    }                                                                                                                            \
    /* And back: the first `count` of so many pixels into the rows of some planes. */                                            \
    static __attribute__((noinline)) void gl_scatter_##s(const gl_lanes_##s *from, int64_t count, T *to, int64_t plane,          \
                                                         int64_t channels) {                                                     \
        enum { L = GL_LANES_##s };                                                                                               \
        gl_lanes_##s x[L];                                                                                                       \
        GL_UNROLL for (int l = 0; l < L; l++) x[l] = from[l];                                                                    \
        gl_exchange_##s(x);                                                                                                      \
        if (channels == L && count >= L) {                                                                                       \
            GL_UNROLL for (int l = 0; l < L; l++) *(gl_unaligned_##s *)(to + l * plane) = x[l];                                  \
            return;                                                                                                              \
        }                                                                                                                        \
        for (int64_t l = 0; l < channels; l++, to += plane)                                                                      \
            if (count >= L)                                                                                                      \
                memcpy(to, &x[l], sizeof x[l]);                                                                                  \
            else if (2 * count >= L) {                                                                                           \
                memcpy(to, &x[l], sizeof x[l] / 2);                                                                              \
                memcpy(to + count - L / 2, (const T *)&x[l] + count - L / 2, sizeof x[l] / 2);                                   \
            } else                                                                                                               \
                for (int64_t k = 0; k < count; k++) to[k] = x[l][k];                                                             \
    }

GL_LANES(f32, float, int32_t)
GL_LANES(f64, double, int64_t)

#endif
