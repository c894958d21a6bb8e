/* Pooling over the last one to three axes, what is not an expression of one element: maxima and who gets their gradient, and windows
   that overlap.  Every function is given the number of volumes, their lengths d, h, w (d of images is 1), the windows' od, oh, ow,
   the window and the stride. */
#ifndef GRAPHLIB_POOL_H
#define GRAPHLIB_POOL_H

#include "graphlib_runtime.h"

#define GL_POOL_NAMES planes, d, h, w, od, oh, ow, kd, kh, kw, sd, sh, sw
#define GL_POOL_LENGTHS                                                                                                          \
    int64_t planes, int64_t d, int64_t h, int64_t w, int64_t od, int64_t oh, int64_t ow, int64_t kd, int64_t kh, int64_t kw,     \
        int64_t sd, int64_t sh, int64_t sw

typedef struct {
    const void *x, *g;
    void *out;
    int64_t GL_POOL_NAMES, chunks, failed;
} gl_pool_job;

/* elements of the blocks that windows of two by two are taken in */
#define GL_POOL_BLOCK 1024

/* whether v comes before best as a maximum: greater, or a NaN where best is none */
#define GL_BETTER(v, best) (!((v) <= (best)) & ((best) == (best)))

/* whether windows are two by two, side by side, in rows that fit a block */
static inline int gl_pool_in_pairs(const gl_pool_job *j) {
    return j->d == 1 && j->kh == 2 && j->kw == 2 && j->sh == 2 && j->sw == 2 && j->w <= GL_POOL_BLOCK && j->w > 1;
}

static inline int gl_pool_run(const gl_runtime *rt, gl_task task, gl_pool_job *j) {
    if (j->kd == 1 && j->sd == 1 && j->od == j->d) {
        /* each plane for itself */
        j->planes *= j->d;
        j->d = j->od = 1;
    }
    j->chunks = gl_chunks(j->planes, j->planes * j->d * j->h * j->w * 4);
    rt->parallel(task, j, j->chunks);
    return j->failed != 0;
}

#define GL_POOL(s, T)                                                                                                            \
    /* The greatest element of each window of a row of windows: first of each column, over neighbours, into `columns`, then of   \
       the columns of each window. */                                                                                            \
    static void gl_pool_tops_##s(const gl_pool_job *j, const T *x, T *columns, T *tops) {                                        \
        for (int64_t o = 0; o < j->kd; o++)                                                                                      \
            for (int64_t p = 0; p < j->kh; p++) {                                                                                \
                const T *row = x + (o * j->h + p) * j->w;                                                                        \
                if (o == 0 && p == 0)                                                                                            \
                    memcpy(columns, row, (size_t)j->w * sizeof(T));                                                              \
                else                                                                                                             \
                    _Pragma("omp simd") for (int64_t k = 0; k < j->w; k++)                                                       \
                        columns[k] = GL_BETTER(row[k], columns[k]) ? row[k] : columns[k];                                        \
            }                                                                                                                    \
        for (int64_t b = 0; b < j->ow; b++) tops[b] = columns[b * j->sw];                                                        \
        for (int64_t q = 1; q < j->kw; q++)                                                                                      \
            for (int64_t b = 0; b < j->ow; b++) {                                                                                \
                const T v = columns[b * j->sw + q];                                                                              \
                tops[b] = GL_BETTER(v, tops[b]) ? v : tops[b];                                                                   \
            }                                                                                                                    \
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
    static inline __attribute__((always_inline)) void gl_pool_max_part_##s(void *context, int64_t chunk, int pairs) {            \
        gl_pool_job *const shared = context;                                                                                     \
        const gl_pool_job j = *shared;                                                                                           \
        T *columns = malloc((size_t)(j.w + 1) * sizeof(T));                                                                      \
        if (!columns) shared->failed = 1;                                                                                        \
        for (int64_t n = j.planes * chunk / j.chunks; columns && n < j.planes * (chunk + 1) / j.chunks; n++) {                   \
            const T *x = (const T *)j.x + n * j.d * j.h * j.w;                                                                   \
            T *out = (T *)j.out + n * j.od * j.oh * j.ow;                                                                        \
            if (pairs)                                                                                                           \
                gl_pool_pairs_##s(x, out, j.w, j.oh);                                                                            \
            else                                                                                                                 \
                for (int64_t z = 0; z < j.od; z++)                                                                               \
                    for (int64_t a = 0; a < j.oh; a++, out += j.ow)                                                              \
                        gl_pool_tops_##s(&j, x + (z * j.sd * j.h + a * j.sh) * j.w, columns, out);                               \
        }                                                                                                                        \
        free(columns);                                                                                                           \
    }                                                                                                                            \
    static void gl_pool_pick_chunk_##s(void *context, int64_t chunk) {                                                           \
        gl_pool_job *const shared = context;                                                                                     \
        const gl_pool_job j = *shared;                                                                                           \
        T *columns = malloc((size_t)(j.w + j.ow + 1) * sizeof(T)), *tops = columns + j.w;                                        \
        if (!columns) shared->failed = 1;                                                                                        \
        for (int64_t n = j.planes * chunk / j.chunks; columns && n < j.planes * (chunk + 1) / j.chunks; n++) {                   \
            const T *x = (const T *)j.x + n * j.d * j.h * j.w, *t = (const T *)j.g + n * j.d * j.h * j.w;                        \
            T *out = (T *)j.out + n * j.od * j.oh * j.ow;                                                                        \
            for (int64_t z = 0; z < j.od; z++)                                                                                   \
                for (int64_t a = 0; a < j.oh; a++, out += j.ow) {                                                                \
                    const int64_t corner = (z * j.sd * j.h + a * j.sh) * j.w;                                                    \
                    gl_pool_tops_##s(&j, x + corner, columns, tops);                                                             \
                    memset(out, 0, (size_t)j.ow * sizeof(T));                                                                    \
                    for (int64_t o = 0; o < j.kd; o++)                                                                           \
                        for (int64_t p = 0; p < j.kh; p++)                                                                       \
                            for (int64_t q = 0; q < j.kw; q++) {                                                                 \
                                const int64_t from = corner + (o * j.h + p) * j.w + q;                                           \
                                for (int64_t b = 0; b < j.ow; b++)                                                               \
                                    out[b] += x[from + b * j.sw] == tops[b] ? t[from + b * j.sw] : 0;                            \
                            }                                                                                                    \
                }                                                                                                                \
        }                                                                                                                        \
        free(columns);                                                                                                           \
    }                                                                                                                            \
    static inline __attribute__((always_inline)) void gl_pool_scatter_part_##s(void *context, int64_t chunk, int pairs) {        \
        gl_pool_job *const shared = context;                                                                                     \
        const gl_pool_job j = *shared;                                                                                           \
        T *columns = malloc((size_t)(j.w + j.ow + 1) * sizeof(T)), *tops = columns + j.w;                                        \
        if (!columns) shared->failed = 1;                                                                                        \
        for (int64_t n = j.planes * chunk / j.chunks; columns && n < j.planes * (chunk + 1) / j.chunks; n++) {                   \
            const T *x = (const T *)j.x + n * j.d * j.h * j.w, *g = (const T *)j.g + n * j.od * j.oh * j.ow;                     \
            T *out = (T *)j.out + n * j.d * j.h * j.w;                                                                           \
            if (pairs) {                                                                                                         \
                gl_pool_scatter_pairs_##s(x, g, out, j.h, j.w, j.oh);                                                            \
                continue;                                                                                                        \
            }                                                                                                                    \
            memset(out, 0, (size_t)(j.d * j.h * j.w) * sizeof(T));                                                               \
            for (int64_t z = 0; z < j.od; z++)                                                                                   \
                for (int64_t a = 0; a < j.oh; a++, g += j.ow) {                                                                  \
                    const int64_t corner = (z * j.sd * j.h + a * j.sh) * j.w;                                                    \
                    gl_pool_tops_##s(&j, x + corner, columns, tops);                                                             \
                    for (int64_t o = 0; o < j.kd; o++)                                                                           \
                        for (int64_t p = 0; p < j.kh; p++)                                                                       \
                            for (int64_t q = 0; q < j.kw; q++) {                                                                 \
                                const int64_t from = corner + (o * j.h + p) * j.w + q;                                           \
                                for (int64_t b = 0; b < j.ow; b++)                                                               \
                                    out[from + b * j.sw] += x[from + b * j.sw] == tops[b] ? g[b] : 0;                            \
                            }                                                                                                    \
                }                                                                                                                \
        }                                                                                                                        \
        free(columns);                                                                                                           \
    }                                                                                                                            \
    static void gl_pool_spread_chunk_##s(void *context, int64_t chunk) {                                                         \
        const gl_pool_job j = *(const gl_pool_job *)context;                                                                     \
        for (int64_t n = j.planes * chunk / j.chunks; n < j.planes * (chunk + 1) / j.chunks; n++) {                              \
            const T *g = (const T *)j.x + n * j.od * j.oh * j.ow;                                                                \
            T *out = (T *)j.out + n * j.d * j.h * j.w;                                                                           \
            memset(out, 0, (size_t)(j.d * j.h * j.w) * sizeof(T));                                                               \
            for (int64_t z = 0; z < j.od; z++)                                                                                   \
                for (int64_t a = 0; a < j.oh; a++, g += j.ow)                                                                    \
                    for (int64_t o = 0; o < j.kd; o++)                                                                           \
                        for (int64_t p = 0; p < j.kh; p++)                                                                       \
                            for (int64_t q = 0; q < j.kw; q++) {                                                                 \
                                T *to = out + ((z * j.sd + o) * j.h + a * j.sh + p) * j.w + q;                                   \
                                for (int64_t b = 0; b < j.ow; b++) to[b * j.sw] += g[b];                                         \
                            }                                                                                                    \
        }                                                                                                                        \
    }                                                                                                                            \
    static inline __attribute__((unused)) int gl_pool_pick_##s(                                                                  \
        const gl_runtime *rt, const T *x, const T *t, T *out, GL_POOL_LENGTHS) {                                                 \
        return gl_pool_run(rt, gl_pool_pick_chunk_##s, &(gl_pool_job){x, t, out, GL_POOL_NAMES, 1, 0});                          \
    }                                                                                                                            \
    static inline __attribute__((unused)) int gl_pool_spread_##s(const gl_runtime *rt, const T *g, T *out, GL_POOL_LENGTHS) {    \
        return gl_pool_run(rt, gl_pool_spread_chunk_##s, &(gl_pool_job){g, 0, out, GL_POOL_NAMES, 1, 0});                        \
    }

/* With what they can do: windows of any size, or where that is known before they are compiled only those of two by two side by
   side, or only others. */
#define GL_POOL_FORM(s, T, form, whether)                                                                                        \
    static void gl_pool_max_chunk##form##_##s(void *context, int64_t chunk) {                                                    \
        gl_pool_max_part_##s(context, chunk, whether);                                                                           \
    }                                                                                                                            \
    static void gl_pool_scatter_chunk##form##_##s(void *context, int64_t chunk) {                                                \
        gl_pool_scatter_part_##s(context, chunk, whether);                                                                       \
    }                                                                                                                            \
    static inline __attribute__((unused)) int gl_pool_max##form##_##s(const gl_runtime *rt, const T *x, T *out, GL_POOL_LENGTHS) {\
        return gl_pool_run(rt, gl_pool_max_chunk##form##_##s, &(gl_pool_job){x, 0, out, GL_POOL_NAMES, 1, 0});                   \
    }                                                                                                                            \
    static inline __attribute__((unused)) int gl_pool_scatter##form##_##s(                                                       \
        const gl_runtime *rt, const T *x, const T *g, T *out, GL_POOL_LENGTHS) {                                                 \
        return gl_pool_run(rt, gl_pool_scatter_chunk##form##_##s, &(gl_pool_job){x, g, out, GL_POOL_NAMES, 1, 0});               \
    }

GL_POOL(f32, float)
GL_POOL(f64, double)
GL_POOL_FORM(f32, float, , gl_pool_in_pairs(context))
GL_POOL_FORM(f64, double, , gl_pool_in_pairs(context))
GL_POOL_FORM(f32, float, _in_pairs, 1)
GL_POOL_FORM(f64, double, _in_pairs, 1)
GL_POOL_FORM(f32, float, _windows, 0)
GL_POOL_FORM(f64, double, _windows, 0)

#endif
