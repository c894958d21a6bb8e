/* Pooling over the last two axes, what is not an expression of one element: maxima and who gets their gradient, and windows that overlap.
   Every function is given the number of planes, their lengths h, w, the windows' oh, ow, the window and the stride. */
#ifndef GRAPHLIB_POOL_H
#define GRAPHLIB_POOL_H

#include "graphlib_runtime.h"

#define GL_POOL_NAMES planes, h, w, oh, ow, kh, kw, sh, sw
#define GL_POOL_LENGTHS                                                                                                          \
    int64_t planes, int64_t h, int64_t w, int64_t oh, int64_t ow, int64_t kh, int64_t kw, int64_t sh, int64_t sw

typedef struct {
    const void *x, *g;
    void *out;
    int64_t GL_POOL_NAMES, chunks;
} gl_pool_job;

/* elements of the blocks that windows of two by two are taken in */
#define GL_POOL_BLOCK 1024

/* whether v comes before best as a maximum: greater, or a NaN where best is none */
#define GL_BETTER(v, best) (!((v) <= (best)) & ((best) == (best)))

/* whether windows are two by two, side by side, in rows that fit a block */
static inline int gl_pool_in_pairs(const gl_pool_job *j) {
    return j->kh == 2 && j->kw == 2 && j->sh == 2 && j->sw == 2 && j->w <= GL_POOL_BLOCK && j->w > 1;
}

static inline int gl_pool_run(const gl_runtime *rt, gl_task task, gl_pool_job *j) {
    j->chunks = gl_chunks(j->planes, j->planes * j->h * j->w * 4);
    rt->parallel(task, j, j->chunks);
    return 0;
}

#define GL_POOL(s, T)                                                                                                            \
    /* the greatest element of a window */                                                                                       \
    static inline T gl_pool_top_##s(const T *x, int64_t w, int64_t kh, int64_t kw) {                                             \
        T best = x[0];                                                                                                           \
        for (int64_t p = 0; p < kh; p++)                                                                                         \
            for (int64_t q = 0; q < kw; q++) {                                                                                   \
                const T v = x[p * w + q];                                                                                        \
                best = GL_BETTER(v, best) ? v : best;                                                                            \
            }                                                                                                                    \
        return best;                                                                                                             \
    }                                                                                                                            \
    static void gl_pool_pick_chunk_##s(void *context, int64_t chunk) {                                                           \
        const gl_pool_job j = *(const gl_pool_job *)context;                                                                     \
        for (int64_t n = j.planes * chunk / j.chunks; n < j.planes * (chunk + 1) / j.chunks; n++) {                              \
            const T *x = (const T *)j.x + n * j.h * j.w, *t = (const T *)j.g + n * j.h * j.w;                                    \
            T *out = (T *)j.out + n * j.oh * j.ow;                                                                               \
            for (int64_t a = 0; a < j.oh; a++)                                                                                   \
                for (int64_t b = 0; b < j.ow; b++) {                                                                             \
                    const int64_t corner = a * j.sh * j.w + b * j.sw;                                                            \
                    const T top = gl_pool_top_##s(x + corner, j.w, j.kh, j.kw);                                                  \
                    T sum = 0;                                                                                                   \
                    for (int64_t p = 0; p < j.kh; p++)                                                                           \
                        for (int64_t q = 0; q < j.kw; q++) {                                                                     \
                            const int64_t k = corner + p * j.w + q;                                                              \
                            sum += x[k] == top ? t[k] : 0;                                                                       \
                        }                                                                                                        \
                    out[a * j.ow + b] = sum;                                                                                     \
                }                                                                                                                \
        }                                                                                                                        \
    }                                                                                                                            \
    /* The greatest of windows of two by two side by side, in rows of `w`: first the greater of each column's two, then of       \
       two columns, so that all loops but the outermost are long and over neighbours. */                                         \
    static void gl_pool_pairs_##s(const T *x, T *out, int64_t w, int64_t oh) {                                                   \
        const int64_t most = GL_POOL_BLOCK / w, ow = w / 2;                                                                      \
        T greater[GL_POOL_BLOCK];                                                                                                \
        for (int64_t a = 0; a < oh; a += most) {                                                                                 \
            const int64_t rows = oh - a < most ? oh - a : most;                                                                  \
            for (int64_t r = 0; r < rows; r++) {                                                                                 \
                const T *above = x + 2 * (a + r) * w, *below = above + w;                                                        \
                T *to = greater + r * 2 * ow;                                                                                    \
                _Pragma("omp simd") for (int64_t k = 0; k < 2 * ow; k++) {                                                       \
                    const T p = above[k], q = below[k];                                                                          \
                    to[k] = GL_BETTER(q, p) ? q : p;                                                                             \
                }                                                                                                                \
            }                                                                                                                    \
            T *to = out + a * ow;                                                                                                \
            _Pragma("omp simd") for (int64_t k = 0; k < rows * ow; k++) {                                                        \
                const T p = greater[2 * k], q = greater[2 * k + 1];                                                              \
                to[k] = GL_BETTER(q, p) ? q : p;                                                                                 \
            }                                                                                                                    \
        }                                                                                                                        \
    }                                                                                                                            \
    /* The same way, and back: each element that is its window's greatest gets what comes to the window. */                      \
    static void gl_pool_scatter_pairs_##s(const T *x, const T *g, T *out, int64_t h, int64_t w, int64_t oh) {                    \
        const int64_t most = GL_POOL_BLOCK / w, ow = w / 2;                                                                      \
        T greatest[GL_POOL_BLOCK], given[GL_POOL_BLOCK];                                                                         \
        for (int64_t a = 0; a < oh; a += most) {                                                                                 \
            const int64_t rows = oh - a < most ? oh - a : most;                                                                  \
            for (int64_t r = 0; r < rows; r++) {                                                                                 \
                const T *above = x + 2 * (a + r) * w, *below = above + w;                                                        \
                T *to = greatest + r * 2 * ow;                                                                                   \
                _Pragma("omp simd") for (int64_t k = 0; k < 2 * ow; k++) {                                                       \
                    const T p = above[k], q = below[k];                                                                          \
                    to[k] = GL_BETTER(q, p) ? q : p;                                                                             \
                }                                                                                                                \
            }                                                                                                                    \
            const T *from = g + a * ow;                                                                                          \
            _Pragma("omp simd") for (int64_t k = 0; k < rows * ow; k++) {                                                        \
                const T p = greatest[2 * k], q = greatest[2 * k + 1];                                                            \
                greatest[2 * k] = greatest[2 * k + 1] = GL_BETTER(q, p) ? q : p;                                                 \
                given[2 * k] = given[2 * k + 1] = from[k];                                                                       \
            }                                                                                                                    \
            for (int64_t r = 0; r < rows; r++) {                                                                                 \
                const T *above = x + 2 * (a + r) * w, *below = above + w;                                                        \
                const T *top = greatest + r * 2 * ow, *value = given + r * 2 * ow;                                               \
                T *to = out + 2 * (a + r) * w, *under = to + w;                                                                  \
                _Pragma("omp simd") for (int64_t k = 0; k < 2 * ow; k++) {                                                       \
                    to[k] = above[k] == top[k] ? value[k] : 0;                                                                   \
                    under[k] = below[k] == top[k] ? value[k] : 0;                                                                \
                }                                                                                                                \
                if (2 * ow < w) to[w - 1] = under[w - 1] = 0;                                                                    \
            }                                                                                                                    \
        }                                                                                                                        \
        memset(out + 2 * oh * w, 0, (size_t)((h - 2 * oh) * w) * sizeof(T));                                                     \
    }                                                                                                                            \
    static void gl_pool_max_chunk_##s(void *context, int64_t chunk) {                                                            \
        const gl_pool_job j = *(const gl_pool_job *)context;                                                                     \
        const int pairs = gl_pool_in_pairs(&j);                                                                                  \
        for (int64_t n = j.planes * chunk / j.chunks; n < j.planes * (chunk + 1) / j.chunks; n++) {                              \
            const T *x = (const T *)j.x + n * j.h * j.w;                                                                         \
            T *out = (T *)j.out + n * j.oh * j.ow;                                                                               \
            if (pairs) {                                                                                                         \
                gl_pool_pairs_##s(x, out, j.w, j.oh);                                                                            \
                continue;                                                                                                        \
            }                                                                                                                    \
            for (int64_t a = 0; a < j.oh; a++)                                                                                   \
                for (int64_t b = 0; b < j.ow; b++) {                                                                             \
                    const T *corner = x + a * j.sh * j.w + b * j.sw;                                                             \
                    out[a * j.ow + b] = gl_pool_top_##s(corner, j.w, j.kh, j.kw);                                                \
                }                                                                                                                \
        }                                                                                                                        \
    }                                                                                                                            \
    static void gl_pool_scatter_chunk_##s(void *context, int64_t chunk) {                                                        \
        const gl_pool_job j = *(const gl_pool_job *)context;                                                                     \
        const int pairs = gl_pool_in_pairs(&j);                                                                                  \
        for (int64_t n = j.planes * chunk / j.chunks; n < j.planes * (chunk + 1) / j.chunks; n++) {                              \
            const T *x = (const T *)j.x + n * j.h * j.w, *g = (const T *)j.g + n * j.oh * j.ow;                                  \
            T *out = (T *)j.out + n * j.h * j.w;                                                                                 \
            if (pairs) {                                                                                                         \
                gl_pool_scatter_pairs_##s(x, g, out, j.h, j.w, j.oh);                                                            \
                continue;                                                                                                        \
            }                                                                                                                    \
            memset(out, 0, (size_t)(j.h * j.w) * sizeof(T));                                                                     \
            for (int64_t a = 0; a < j.oh; a++)                                                                                   \
                for (int64_t b = 0; b < j.ow; b++) {                                                                             \
                    const int64_t corner = a * j.sh * j.w + b * j.sw;                                                            \
                    const T top = gl_pool_top_##s(x + corner, j.w, j.kh, j.kw), v = g[a * j.ow + b];                             \
                    for (int64_t p = 0; p < j.kh; p++)                                                                           \
                        for (int64_t q = 0; q < j.kw; q++) {                                                                     \
                            const int64_t k = corner + p * j.w + q;                                                              \
                            out[k] += x[k] == top ? v : 0;                                                                       \
                        }                                                                                                        \
                }                                                                                                                \
        }                                                                                                                        \
    }                                                                                                                            \
    static void gl_pool_spread_chunk_##s(void *context, int64_t chunk) {                                                         \
        const gl_pool_job j = *(const gl_pool_job *)context;                                                                     \
        for (int64_t n = j.planes * chunk / j.chunks; n < j.planes * (chunk + 1) / j.chunks; n++) {                              \
            const T *g = (const T *)j.x + n * j.oh * j.ow;                                                                       \
            T *out = (T *)j.out + n * j.h * j.w;                                                                                 \
            memset(out, 0, (size_t)(j.h * j.w) * sizeof(T));                                                                     \
            for (int64_t a = 0; a < j.oh; a++)                                                                                   \
                for (int64_t p = 0; p < j.kh; p++)                                                                               \
                    for (int64_t q = 0; q < j.kw; q++) {                                                                         \
                        T *to = out + (a * j.sh + p) * j.w + q;                                                                  \
                        for (int64_t b = 0; b < j.ow; b++) to[b * j.sw] += g[a * j.ow + b];                                      \
                    }                                                                                                            \
        }                                                                                                                        \
    }                                                                                                                            \
    static inline __attribute__((unused)) int gl_pool_max_##s(const gl_runtime *rt, const T *x, T *out, GL_POOL_LENGTHS) {       \
        return gl_pool_run(rt, gl_pool_max_chunk_##s, &(gl_pool_job){x, 0, out, GL_POOL_NAMES, 1});                              \
    }                                                                                                                            \
    static inline __attribute__((unused)) int gl_pool_pick_##s(                                                                  \
        const gl_runtime *rt, const T *x, const T *t, T *out, GL_POOL_LENGTHS) {                                                 \
        return gl_pool_run(rt, gl_pool_pick_chunk_##s, &(gl_pool_job){x, t, out, GL_POOL_NAMES, 1});                             \
    }                                                                                                                            \
    static inline __attribute__((unused)) int gl_pool_scatter_##s(                                                               \
        const gl_runtime *rt, const T *x, const T *g, T *out, GL_POOL_LENGTHS) {                                                 \
        return gl_pool_run(rt, gl_pool_scatter_chunk_##s, &(gl_pool_job){x, g, out, GL_POOL_NAMES, 1});                          \
    }                                                                                                                            \
    static inline __attribute__((unused)) int gl_pool_spread_##s(const gl_runtime *rt, const T *g, T *out, GL_POOL_LENGTHS) {    \
        return gl_pool_run(rt, gl_pool_spread_chunk_##s, &(gl_pool_job){g, 0, out, GL_POOL_NAMES, 1});                           \
    }

GL_POOL(f32, float)
GL_POOL(f64, double)

#endif
