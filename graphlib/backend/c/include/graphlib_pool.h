/* Pooling over the last two axes, what is not an expression of one element: the places of maxima, and windows that overlap.
   Every function is given the number of planes, their lengths h, w, the windows' oh, ow, the window and the stride. */
#ifndef GRAPHLIB_POOL_H
#define GRAPHLIB_POOL_H

#include "graphlib_runtime.h"

typedef struct {
    const void *x, *g;
    void *out;
    int64_t planes, h, w, oh, ow, kh, kw, sh, sw, chunks;
} gl_pool_job;

/* whether v comes before best as a maximum: greater, or a NaN where best is none */
#define GL_BETTER(v, best) (!((v) <= (best)) & ((best) == (best)))

#define GL_POOL(s, T)                                                                                                             \
    /* where the first maximum of a window lies */                                                                                \
    static inline int64_t gl_pool_place_##s(const T *x, int64_t w, int64_t kh, int64_t kw) {                                      \
        int64_t place = 0;                                                                                                        \
        T best = x[0];                                                                                                            \
        for (int64_t p = 0; p < kh; p++)                                                                                          \
            for (int64_t q = 0; q < kw; q++) {                                                                                    \
                const T v = x[p * w + q];                                                                                         \
                if (GL_BETTER(v, best)) best = v, place = p * w + q;                                                              \
            }                                                                                                                     \
        return place;                                                                                                             \
    }                                                                                                                             \
    static void gl_pool_pick_chunk_##s(void *context, int64_t chunk) {                                                            \
        const gl_pool_job j = *(const gl_pool_job *)context;                                                                      \
        for (int64_t n = j.planes * chunk / j.chunks; n < j.planes * (chunk + 1) / j.chunks; n++) {                               \
            const T *x = (const T *)j.x + n * j.h * j.w, *t = (const T *)j.g + n * j.h * j.w;                                     \
            T *out = (T *)j.out + n * j.oh * j.ow;                                                                                \
            for (int64_t a = 0; a < j.oh; a++)                                                                                    \
                for (int64_t b = 0; b < j.ow; b++) {                                                                              \
                    const int64_t corner = a * j.sh * j.w + b * j.sw;                                                             \
                    out[a * j.ow + b] = t[corner + gl_pool_place_##s(x + corner, j.w, j.kh, j.kw)];                               \
                }                                                                                                                 \
        }                                                                                                                         \
    }                                                                                                                             \
    /* windows of two by two side by side: without branches, and each element is written once */                                  \
    static inline void gl_pool_scatter_pairs_##s(const T *x, const T *g, T *out, int64_t h, int64_t w, int64_t oh, int64_t ow) {  \
        for (int64_t a = 0; a < oh; a++, g += ow) {                                                                               \
            const T *restrict above = x + 2 * a * w, *restrict below = above + w;                                                 \
            T *restrict to = out + 2 * a * w, *restrict under = to + w;                                                           \
            _Pragma("omp simd") for (int64_t b = 0; b < ow; b++) {                                                                \
                const T p = above[2 * b], q = above[2 * b + 1], r = below[2 * b], s = below[2 * b + 1], v = g[b];                 \
                const int right = GL_BETTER(q, p), lower_right = GL_BETTER(s, r);                                                 \
                const T top = right ? q : p, bottom = lower_right ? s : r;                                                        \
                const int low = GL_BETTER(bottom, top);                                                                           \
                to[2 * b] = low | right ? 0 : v;                                                                                  \
                to[2 * b + 1] = !low & right ? v : 0;                                                                             \
                under[2 * b] = low & !lower_right ? v : 0;                                                                        \
                under[2 * b + 1] = low & lower_right ? v : 0;                                                                     \
            }                                                                                                                     \
            if (2 * ow < w) to[w - 1] = under[w - 1] = 0;                                                                         \
        }                                                                                                                         \
        memset(out + 2 * oh * w, 0, (size_t)((h - 2 * oh) * w) * sizeof(T));                                                      \
    }                                                                                                                             \
    static void gl_pool_scatter_chunk_##s(void *context, int64_t chunk) {                                                         \
        const gl_pool_job j = *(const gl_pool_job *)context;                                                                      \
        const int pairs = j.kh == 2 && j.kw == 2 && j.sh == 2 && j.sw == 2 && j.h / 2 == j.oh && j.w / 2 == j.ow;                 \
        for (int64_t n = j.planes * chunk / j.chunks; n < j.planes * (chunk + 1) / j.chunks; n++) {                               \
            const T *x = (const T *)j.x + n * j.h * j.w, *g = (const T *)j.g + n * j.oh * j.ow;                                   \
            T *out = (T *)j.out + n * j.h * j.w;                                                                                  \
            if (pairs) {                                                                                                          \
                gl_pool_scatter_pairs_##s(x, g, out, j.h, j.w, j.oh, j.ow);                                                       \
                continue;                                                                                                         \
            }                                                                                                                     \
            memset(out, 0, (size_t)(j.h * j.w) * sizeof(T));                                                                      \
            for (int64_t a = 0; a < j.oh; a++)                                                                                    \
                for (int64_t b = 0; b < j.ow; b++) {                                                                              \
                    const int64_t corner = a * j.sh * j.w + b * j.sw;                                                             \
                    out[corner + gl_pool_place_##s(x + corner, j.w, j.kh, j.kw)] += g[a * j.ow + b];                              \
                }                                                                                                                 \
        }                                                                                                                         \
    }                                                                                                                             \
    static void gl_pool_spread_chunk_##s(void *context, int64_t chunk) {                                                          \
        const gl_pool_job j = *(const gl_pool_job *)context;                                                                      \
        for (int64_t n = j.planes * chunk / j.chunks; n < j.planes * (chunk + 1) / j.chunks; n++) {                               \
            const T *g = (const T *)j.x + n * j.oh * j.ow;                                                                        \
            T *out = (T *)j.out + n * j.h * j.w;                                                                                  \
            memset(out, 0, (size_t)(j.h * j.w) * sizeof(T));                                                                      \
            for (int64_t a = 0; a < j.oh; a++)                                                                                    \
                for (int64_t p = 0; p < j.kh; p++)                                                                                \
                    for (int64_t q = 0; q < j.kw; q++) {                                                                          \
                        T *to = out + (a * j.sh + p) * j.w + q;                                                                   \
                        for (int64_t b = 0; b < j.ow; b++) to[b * j.sw] += g[a * j.ow + b];                                       \
                    }                                                                                                             \
        }                                                                                                                         \
    }                                                                                                                             \
    static inline int gl_pool_run_##s(const gl_runtime *rt, gl_task task, gl_pool_job *j) {                                       \
        j->chunks = gl_chunks(j->planes, j->planes * j->h * j->w * 4);                                                            \
        rt->parallel(task, j, j->chunks);                                                                                         \
        return 0;                                                                                                                 \
    }                                                                                                                             \
    static inline __attribute__((unused)) int gl_pool_pick_##s(                                                                   \
        const gl_runtime *rt, const T *x, const T *t, T *out, int64_t planes, int64_t h, int64_t w, int64_t oh, int64_t ow,       \
        int64_t kh, int64_t kw, int64_t sh, int64_t sw) {                                                                         \
        return gl_pool_run_##s(rt, gl_pool_pick_chunk_##s,                                                                        \
                               &(gl_pool_job){x, t, out, planes, h, w, oh, ow, kh, kw, sh, sw, 1});                               \
    }                                                                                                                             \
    static inline __attribute__((unused)) int gl_pool_scatter_##s(                                                                \
        const gl_runtime *rt, const T *x, const T *g, T *out, int64_t planes, int64_t h, int64_t w, int64_t oh, int64_t ow,       \
        int64_t kh, int64_t kw, int64_t sh, int64_t sw) {                                                                         \
        return gl_pool_run_##s(rt, gl_pool_scatter_chunk_##s,                                                                     \
                               &(gl_pool_job){x, g, out, planes, h, w, oh, ow, kh, kw, sh, sw, 1});                               \
    }                                                                                                                             \
    static inline __attribute__((unused)) int gl_pool_spread_##s(                                                                 \
        const gl_runtime *rt, const T *g, T *out, int64_t planes, int64_t h, int64_t w, int64_t oh, int64_t ow, int64_t kh,       \
        int64_t kw, int64_t sh, int64_t sw) {                                                                                     \
        return gl_pool_run_##s(rt, gl_pool_spread_chunk_##s,                                                                      \
                               &(gl_pool_job){g, 0, out, planes, h, w, oh, ow, kh, kw, sh, sw, 1});                               \
    }

GL_POOL(f32, float)
GL_POOL(f64, double)

#endif
