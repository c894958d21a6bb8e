/* Convolution of images (n, c, h, w) with filters (f, c, kh, kw) to (n, f, oh, ow), and its gradients by either: patches of
   the images are copied tile by tile into a piece of memory that stays in the nearest caches, and meet the filters in matrix
   products.  Parts are cut by the shapes only, so results do not depend on the number of threads. */
#ifndef GRAPHLIB_CONVOLUTION_H
#define GRAPHLIB_CONVOLUTION_H

#include "graphlib_runtime.h"

/* elements of a tile of patches, and the least of its places if there are so many */
#define GL_PATCHES 16384
#define GL_PLACES 256
/* rows of a product whose other factor is not copied once more */
#define GL_FACTOR_ROWS 48
/* elements behind a buffer that copies of whole vectors may touch */
#define GL_SLACK 16

/* what every call is given: lengths of the images, the filters and the output, padding, strides, dilation, and whether filters
   are turned round */
#define GL_CONVOLUTION_NAMES n, c, h, w, f, kh, kw, oh, ow, ph, pw, sh, sw, dh, dw, flip
#define GL_CONVOLUTION_LENGTHS                                                                                                   \
    int64_t n, int64_t c, int64_t h, int64_t w, int64_t f, int64_t kh, int64_t kw, int64_t oh, int64_t ow, int64_t ph,           \
        int64_t pw, int64_t sh, int64_t sw, int64_t dh, int64_t dw, int64_t flip

typedef struct {
    const gl_runtime *rt;
    const void *left, *right;
    void *out, *parts;
    int64_t GL_CONVOLUTION_NAMES;
    int64_t rows, channels;       /* of a tile: rows of the output, channels of the images */
    int64_t wide, tall;           /* of a tile's part of the image, with its padding */
    int64_t groups, chunks, failed;
} gl_convolution;

static inline int64_t gl_between(int64_t low, int64_t x, int64_t high) { return x < low ? low : x > high ? high : x; }

/* so many that all pieces are about as large as the largest, which has at most `most` */
static inline int64_t gl_even(int64_t length, int64_t most) {
    const int64_t pieces = (length + most - 1) / most;
    return (length + pieces - 1) / pieces;
}

/* How much of the output and of the channels is taken at once. */
static inline __attribute__((unused)) void gl_convolution_tiles(gl_convolution *j) {
    const int64_t row = j->kh * j->kw * j->ow;
    j->rows = gl_between(1, (GL_PLACES + j->ow - 1) / j->ow, j->oh);
    j->channels = gl_even(j->c, gl_between(1, GL_PATCHES / (row * j->rows), j->c));
    if (j->channels == j->c) j->rows = gl_between(j->rows, GL_PATCHES / (row * j->c), j->oh);
    j->rows = gl_even(j->oh, j->rows);
    j->wide = (j->ow - 1) * j->sw + (j->kw - 1) * j->dw + 1;
    j->tall = (j->rows - 1) * j->sh + (j->kh - 1) * j->dh + 1;
}

/* Whether there is nothing to compute: no elements, or each is a sum of no terms, and 0. */
static inline int gl_convolution_is_empty(void *out, int64_t elements, int64_t terms, size_t item) {
    if (!terms) memset(out, 0, (size_t)elements * item);
    return !elements || !terms;
}

#define GL_CONVOLUTION(s, T, gemm)                                                                                               \
    /* copies `rows` rows of `n` elements in whole vectors; what these write beyond a row is written again, for the last vectors \
       come first */                                                                                                             \
    static inline __attribute__((always_inline)) void gl_copy_rows_##s(T *to, int64_t step, const T *from, int64_t down, int64_t n,\
                                                                       int64_t rows) {                                           \
        int64_t k = (n - 1) / 16 * 16;                                                                                           \
        if (n - k <= 4)                                                                                                          \
            for (int64_t i = 0; i < rows; i++) memcpy(to + i * step + k, from + i * down + k, 4 * sizeof(T));                    \
        else if (n - k <= 8)                                                                                                     \
            for (int64_t i = 0; i < rows; i++) memcpy(to + i * step + k, from + i * down + k, 8 * sizeof(T));                    \
        else                                                                                                                     \
            k += 16;                                                                                                             \
        for (k -= 16; k >= 0; k -= 16)                                                                                           \
            for (int64_t i = 0; i < rows; i++) memcpy(to + i * step + k, from + i * down + k, 16 * sizeof(T));                   \
    }                                                                                                                            \
    /* the channels' part that rows a to b of the output see, with its padding */                                                \
    static void gl_stage_##s(const gl_convolution *j, const T *x, int64_t channels, int64_t a, int64_t b, T *to) {               \
        const int64_t top = a * j->sh - j->ph, tall = (b - 1 - a) * j->sh + (j->kh - 1) * j->dh + 1;                             \
        const int64_t left = j->pw < j->wide ? j->pw : j->wide, right = gl_between(left, j->pw + j->w, j->wide);                 \
        for (int64_t c = 0; c < channels; c++, x += j->h * j->w)                                                                 \
            for (int64_t y = top; y < top + tall; y++, to += j->wide) {                                                          \
                if (y < 0 || y >= j->h) {                                                                                        \
                    memset(to, 0, (size_t)j->wide * sizeof(T));                                                                  \
                    continue;                                                                                                    \
                }                                                                                                                \
                for (int64_t k = 0; k < left; k++) to[k] = 0;                                                                    \
                memcpy(to + left, x + y * j->w + left - j->pw, (size_t)(right - left) * sizeof(T));                              \
                for (int64_t k = right; k < j->wide; k++) to[k] = 0;                                                             \
            }                                                                                                                    \
    }                                                                                                                            \
    /* patches as columns: for each channel and each pixel of a filter a row of what all places see of it */                     \
    static void gl_columns_##s(const gl_convolution *j, const T *x, int64_t channels, int64_t rows, T *to) {                     \
        const int64_t pixels = j->kh * j->kw, plane = ((rows - 1) * j->sh + (j->kh - 1) * j->dh + 1) * j->wide;                  \
        const int64_t ow = j->ow, sw = j->sw, down = j->sh * j->wide;                                                            \
        for (int64_t c = 0; c < channels; c++, x += plane)                                                                       \
            for (int64_t r = 0; r < pixels; r++) {                                                                               \
                const int64_t pixel = j->flip ? pixels - 1 - r : r;                                                              \
                const T *from = x + pixel / j->kw * j->dh * j->wide + pixel % j->kw * j->dw;                                     \
                if (sw == 1)                                                                                                     \
                    gl_copy_rows_##s(to, ow, from, down, ow, rows);                                                              \
                else                                                                                                             \
                    for (int64_t i = 0; i < rows; i++)                                                                           \
                        for (int64_t k = 0; k < ow; k++) to[i * ow + k] = from[i * down + k * sw];                               \
                to += rows * ow;                                                                                                 \
            }                                                                                                                    \
    }                                                                                                                            \
    /* the other way: what the columns hold is added to the image, rows of which are `wide` */                                   \
    static void gl_add_columns_##s(const gl_convolution *j, T *x, int64_t tall, int64_t wide, int64_t channels, int64_t rows,    \
                                   const T *from) {                                                                              \
        typedef T vector __attribute__((vector_size(8 * sizeof(T)), aligned(sizeof(T)), may_alias));                             \
        const int64_t pixels = j->kh * j->kw, ow = j->ow, sw = j->sw, down = j->sh * wide;                                       \
        for (int64_t c = 0; c < channels; c++, x += tall * wide)                                                                 \
            for (int64_t r = 0; r < pixels; r++) {                                                                               \
                const int64_t pixel = j->flip ? pixels - 1 - r : r;                                                              \
                T *to = x + pixel / j->kw * j->dh * wide + pixel % j->kw * j->dw;                                                \
                int64_t k = 0;                                                                                                   \
                if (sw == 1)                                                                                                     \
                    for (; k + 8 <= ow; k += 8)                                                                                  \
                        for (int64_t i = 0; i < rows; i++) *(vector *)(to + i * down + k) += *(const vector *)(from + i * ow + k);\
                for (int64_t i = 0; i < rows; i++)                                                                               \
                    for (int64_t l = k; l < ow; l++) to[i * down + l * sw] += from[i * ow + l];                                  \
                from += rows * ow;                                                                                               \
            }                                                                                                                    \
    }                                                                                                                            \
    /* What lies in rows of `from` elements is put into rows of `to`: one channel after the other of a tile of the output, which \
       would otherwise lie in memory at steps that are often powers of two, all in the same sets of the cache. */                \
    static const T *gl_pack_##s(const T *x, int64_t from, T *packed, int64_t to, int64_t rows) {                                 \
        if (from == to) return x;                                                                                                \
        for (int64_t f = 0; f < rows; f++) memcpy(packed + f * to, x + f * from, (size_t)to * sizeof(T));                        \
        return packed;                                                                                                           \
    }                                                                                                                            \
    /* c = op(a) b + beta c for an a of `m` rows, some at a time */                                                              \
    static void gl_multiply_##s(const gl_runtime *rt, int ta, int64_t m, int64_t n, int64_t k, const T *a, int64_t lda, const T *b,\
                                int64_t ldb, T beta, T *c, int64_t ldc) {                                                        \
        const int64_t rows = m < 64 ? m : gl_even(m, GL_FACTOR_ROWS);                                                            \
        for (int64_t i = 0; i < m; i += rows)                                                                                    \
            rt->gemm(ta, 0, m - i < rows ? m - i : rows, n, k, 1, a + i * (ta ? 1 : lda), lda, b, ldb, beta, c + i * ldc, ldc);  \
    }                                                                                                                            \
    static void gl_convolve_chunk_##s(void *context, int64_t chunk) {                                                            \
        gl_convolution *j = context;                                                                                             \
        const int64_t pixels = j->kh * j->kw, tiles = (j->oh + j->rows - 1) / j->rows, all = j->n * tiles;                       \
        const int64_t image = j->channels * j->tall * j->wide + GL_SLACK, size = j->channels * pixels * j->rows * j->ow + GL_SLACK;\
        const int whole = j->rows == j->oh;                                                                                      \
        T *stage = malloc((size_t)(image + size + (whole ? 0 : j->f * j->rows * j->ow)) * sizeof(T));                            \
        T *patches = stage + image, *packed = patches + size;                                                                    \
        if (!stage) {                                                                                                            \
            j->failed = 1;                                                                                                       \
            return;                                                                                                              \
        }                                                                                                                        \
        for (int64_t unit = all * chunk / j->chunks; unit < all * (chunk + 1) / j->chunks; unit++) {                             \
            const int64_t n = unit / tiles, a = unit % tiles * j->rows, b = a + j->rows < j->oh ? a + j->rows : j->oh;           \
            const int64_t places = (b - a) * j->ow;                                                                              \
            T *out = (T *)j->out + (n * j->f * j->oh + a) * j->ow, *sums = whole ? out : packed;                                 \
            for (int64_t c = 0; c < j->c; c += j->channels) {                                                                    \
                const int64_t channels = c + j->channels < j->c ? j->channels : j->c - c;                                        \
                gl_stage_##s(j, (const T *)j->left + (n * j->c + c) * j->h * j->w, channels, a, b, stage);                       \
                gl_columns_##s(j, stage, channels, b - a, patches);                                                              \
                gl_multiply_##s(j->rt, 0, j->f, places, channels * pixels, (const T *)j->right + c * pixels, j->c * pixels, patches,\
                                places, c > 0, sums, places);                                                                    \
            }                                                                                                                    \
            for (int64_t f = 0; !whole && f < j->f; f++)                                                                         \
                memcpy(out + f * j->oh * j->ow, packed + f * places, (size_t)places * sizeof(T));                                \
        }                                                                                                                        \
        free(stage);                                                                                                             \
    }                                                                                                                            \
    static void gl_convolve_by_images_chunk_##s(void *context, int64_t chunk) {                                                  \
        gl_convolution *j = context;                                                                                             \
        const int64_t pixels = j->kh * j->kw, blocks = (j->c + j->channels - 1) / j->channels, all = j->n * blocks;              \
        const int direct = j->ph == 0 && j->pw == 0;                                                                             \
        const int64_t tall = direct ? j->h : (j->oh - 1) * j->sh + (j->kh - 1) * j->dh + 1, wide = direct ? j->w : j->wide;      \
        const int64_t image = direct ? 0 : j->channels * tall * wide, size = j->channels * pixels * j->rows * j->ow;             \
        T *stage = malloc((size_t)(image + size + j->f * j->rows * j->ow) * sizeof(T));                                          \
        T *patches = stage + image, *packed = patches + size;                                                                    \
        if (!stage) {                                                                                                            \
            j->failed = 1;                                                                                                       \
            return;                                                                                                              \
        }                                                                                                                        \
        for (int64_t unit = all * chunk / j->chunks; unit < all * (chunk + 1) / j->chunks; unit++) {                             \
            const int64_t n = unit / blocks, c = unit % blocks * j->channels;                                                    \
            const int64_t channels = c + j->channels < j->c ? j->channels : j->c - c;                                            \
            T *out = (T *)j->out + (n * j->c + c) * j->h * j->w, *sums = direct ? out : stage;                                   \
            memset(sums, 0, (size_t)(channels * tall * wide) * sizeof(T));                                                       \
            for (int64_t a = 0; a < j->oh; a += j->rows) {                                                                       \
                const int64_t b = a + j->rows < j->oh ? a + j->rows : j->oh;                                                     \
                const int64_t places = (b - a) * j->ow;                                                                          \
                const T *g = (const T *)j->left + (n * j->f * j->oh + a) * j->ow;                                                \
                g = gl_pack_##s(g, j->oh * j->ow, packed, places, j->f);                                                         \
                gl_multiply_##s(j->rt, 1, channels * pixels, places, j->f, (const T *)j->right + c * pixels, j->c * pixels, g, places,\
                                0, patches, places);                                                                             \
                gl_add_columns_##s(j, sums + a * j->sh * wide, tall, wide, channels, b - a, patches);                            \
            }                                                                                                                    \
            if (direct) continue;                                                                                                \
            const int64_t last = gl_between(0, wide - j->pw, j->w);                                                              \
            for (int64_t y = 0; y < channels * j->h; y++, out += j->w) {                                                         \
                const int64_t row = y % j->h + j->ph, seen = row < tall ? last : 0;                                              \
                memcpy(out, stage + (y / j->h * tall + row) * wide + j->pw, (size_t)seen * sizeof(T));                           \
                memset(out + seen, 0, (size_t)(j->w - seen) * sizeof(T));                                                        \
            }                                                                                                                    \
        }                                                                                                                        \
        free(stage);                                                                                                             \
    }                                                                                                                            \
    /* images are cut into groups, whose sums are added at the end in their order */                                             \
    static void gl_convolve_by_filters_chunk_##s(void *context, int64_t group) {                                                 \
        gl_convolution *j = context;                                                                                             \
        const int64_t pixels = j->kh * j->kw, image = j->channels * j->tall * j->wide + GL_SLACK;                                \
        const int64_t size = j->channels * pixels * j->rows * j->ow + GL_SLACK;                                                  \
        T *stage = malloc((size_t)(image + size + j->f * j->rows * j->ow) * sizeof(T));                                          \
        T *patches = stage + image, *packed = patches + size;                                                                    \
        if (!stage) {                                                                                                            \
            j->failed = 1;                                                                                                       \
            return;                                                                                                              \
        }                                                                                                                        \
        T *sums = (T *)j->parts + group * j->f * j->c * pixels;                                                                  \
        int more = 0;                                                                                                            \
        for (int64_t n = j->n * group / j->groups; n < j->n * (group + 1) / j->groups; n++)                                      \
            for (int64_t a = 0; a < j->oh; a += j->rows, more = 1) {                                                             \
                const int64_t b = a + j->rows < j->oh ? a + j->rows : j->oh;                                                     \
                const int64_t places = (b - a) * j->ow;                                                                          \
                const T *g = (const T *)j->right + (n * j->f * j->oh + a) * j->ow;                                               \
                g = gl_pack_##s(g, j->oh * j->ow, packed, places, j->f);                                                         \
                for (int64_t c = 0; c < j->c; c += j->channels) {                                                                \
                    const int64_t channels = c + j->channels < j->c ? j->channels : j->c - c;                                    \
                    gl_stage_##s(j, (const T *)j->left + (n * j->c + c) * j->h * j->w, channels, a, b, stage);                   \
                    gl_columns_##s(j, stage, channels, b - a, patches);                                                          \
                    j->rt->gemm(0, 1, j->f, channels * pixels, places, 1, g, places, patches, places, more, sums + c * pixels,   \
                                j->c * pixels);                                                                                  \
                }                                                                                                                \
            }                                                                                                                    \
        free(stage);                                                                                                             \
    }                                                                                                                            \
    static inline __attribute__((unused)) int gl_convolve_##s(                                                                   \
        const gl_runtime *rt, const T *x, const T *filters, T *out, GL_CONVOLUTION_LENGTHS) {                                    \
        gl_convolution j = {rt, x, filters, out, 0, GL_CONVOLUTION_NAMES};                                                       \
        if (gl_convolution_is_empty(out, n * f * oh * ow, c * kh * kw, sizeof(T))) return 0;                                     \
        gl_convolution_tiles(&j);                                                                                                \
        j.chunks = gl_chunks(n * ((oh + j.rows - 1) / j.rows), n * f * oh * ow * c * kh * kw / 4);                               \
        rt->parallel(gl_convolve_chunk_##s, &j, j.chunks);                                                                       \
        return j.failed != 0;                                                                                                    \
    }                                                                                                                            \
    static inline __attribute__((unused)) int gl_convolve_by_images_##s(                                                         \
        const gl_runtime *rt, const T *g, const T *filters, T *out, GL_CONVOLUTION_LENGTHS) {                                    \
        gl_convolution j = {rt, g, filters, out, 0, GL_CONVOLUTION_NAMES};                                                       \
        if (gl_convolution_is_empty(out, n * c * h * w, f * kh * kw * oh * ow, sizeof(T))) return 0;                             \
        gl_convolution_tiles(&j);                                                                                                \
        j.chunks = gl_chunks(n * ((c + j.channels - 1) / j.channels), n * f * oh * ow * c * kh * kw / 4);                        \
        rt->parallel(gl_convolve_by_images_chunk_##s, &j, j.chunks);                                                             \
        return j.failed != 0;                                                                                                    \
    }                                                                                                                            \
    static inline __attribute__((unused)) int gl_convolve_by_filters_##s(                                                        \
        const gl_runtime *rt, const T *x, const T *g, T *out, GL_CONVOLUTION_LENGTHS) {                                          \
        gl_convolution j = {rt, x, g, out, 0, GL_CONVOLUTION_NAMES};                                                             \
        const int64_t size = f * c * kh * kw;                                                                                    \
        if (gl_convolution_is_empty(out, size, n * oh * ow, sizeof(T))) return 0;                                                \
        gl_convolution_tiles(&j);                                                                                                \
        j.groups = gl_chunks(n < 8 ? n : 8, n * oh * ow * size / 4);                                                             \
        T *parts = malloc((size_t)(j.groups * size) * sizeof(T));                                                                \
        if (!parts) return 1;                                                                                                    \
        j.parts = parts;                                                                                                         \
        rt->parallel(gl_convolve_by_filters_chunk_##s, &j, j.groups);                                                            \
        for (int64_t k = 0; k < size; k++) {                                                                                     \
            T sum = parts[k];                                                                                                    \
            for (int64_t group = 1; group < j.groups; group++) sum += parts[group * size + k];                                   \
            out[k] = sum;                                                                                                        \
        }                                                                                                                        \
        free(parts);                                                                                                             \
        return j.failed != 0;                                                                                                    \
    }

GL_CONVOLUTION(f32, float, sgemm)
GL_CONVOLUTION(f64, double, dgemm)

#endif
