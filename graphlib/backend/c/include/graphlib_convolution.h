/* Convolution of images (n, c, h, w) with filters (f, c, kh, kw) to (n, f, oh, ow), and its gradients by either: patches of
   the images are copied tile by tile into a piece of memory that stays in the cache, and meet the filters in a matrix product.
   Parts are cut by the shapes only, so results do not depend on the number of threads. */
#ifndef GRAPHLIB_CONVOLUTION_H
#define GRAPHLIB_CONVOLUTION_H

#include "graphlib_runtime.h"

/* elements of a tile of patches */
#define GL_PATCHES 65536

typedef struct {
    const gl_runtime *rt;
    const void *left, *right;
    void *out, *parts;
    int64_t n, c, h, w, f, kh, kw, oh, ow, ph, pw, sh, sw, dh, dw, flip;
    int64_t rows, channels; /* of a tile: rows of the output, channels of the images */
    int64_t groups, chunks;
} gl_convolution;

/* How much of the output and of the channels is taken at once. */
static inline __attribute__((unused)) void gl_convolution_tiles(gl_convolution *j) {
    const int64_t channel = j->kh * j->kw * j->ow;
    j->rows = GL_PATCHES / (channel * j->c > 0 ? channel * j->c : 1);
    if (j->rows < 1) j->rows = 1;
    if (j->rows > j->oh) j->rows = j->oh;
    j->channels = GL_PATCHES / (channel > 0 ? channel : 1);
    if (j->channels < 1) j->channels = 1;
    if (j->channels > j->c) j->channels = j->c;
}

/* For the pixel (i, j) of the filter the places of a row that see the image: from the first to before the last. */
static inline __attribute__((always_inline)) void gl_inside(int64_t at, int64_t step, int64_t length, int64_t places,
                                                            int64_t *first, int64_t *last) {
    *first = at < 0 ? (-at + step - 1) / step : 0;
    *last = at >= length ? 0 : (length - 1 - at) / step + 1;
    if (*last > places) *last = places;
    if (*first > *last) *first = *last;
}

#define GL_CONVOLUTION(s, T, gemm)                                                                                                \
    /* patches of `channels` channels for rows a to b of the output: a row for each pixel of a filter */                          \
    static void gl_patches_##s(const gl_convolution *j, const T *x, int64_t channels, int64_t a, int64_t b, T *to) {              \
        const int64_t size = (b - a) * j->ow;                                                                                     \
        for (int64_t c = 0; c < channels; c++, x += j->h * j->w, to += j->kh * j->kw * size)                                      \
            for (int64_t p = 0; p < j->kh; p++)                                                                                   \
                for (int64_t q = 0; q < j->kw; q++) {                                                                             \
                    T *row = to + (j->flip ? (j->kh - 1 - p) * j->kw + j->kw - 1 - q : p * j->kw + q) * size;                     \
                    const int64_t left = q * j->dw - j->pw;                                                                       \
                    int64_t first, last;                                                                                          \
                    gl_inside(left, j->sw, j->w, j->ow, &first, &last);                                                           \
                    for (int64_t i = a; i < b; i++, row += j->ow) {                                                               \
                        const int64_t y = i * j->sh + p * j->dh - j->ph;                                                          \
                        if (y < 0 || y >= j->h) {                                                                                 \
                            memset(row, 0, (size_t)j->ow * sizeof(T));                                                            \
                            continue;                                                                                             \
                        }                                                                                                         \
                        const T *from = x + y * j->w + left;                                                                      \
                        for (int64_t k = 0; k < first; k++) row[k] = 0;                                                           \
                        if (j->sw == 1)                                                                                           \
                            for (int64_t k = first; k < last; k++) row[k] = from[k];                                              \
                        else                                                                                                      \
                            for (int64_t k = first; k < last; k++) row[k] = from[k * j->sw];                                      \
                        for (int64_t k = last; k < j->ow; k++) row[k] = 0;                                                        \
                    }                                                                                                             \
                }                                                                                                                 \
    }                                                                                                                             \
    /* the other way: what the patches hold is added to the image */                                                              \
    static void gl_unpatch_##s(const gl_convolution *j, T *x, int64_t channels, int64_t a, int64_t b, const T *from) {            \
        const int64_t size = (b - a) * j->ow;                                                                                     \
        for (int64_t c = 0; c < channels; c++, x += j->h * j->w, from += j->kh * j->kw * size)                                    \
            for (int64_t p = 0; p < j->kh; p++)                                                                                   \
                for (int64_t q = 0; q < j->kw; q++) {                                                                             \
                    const T *row = from + (j->flip ? (j->kh - 1 - p) * j->kw + j->kw - 1 - q : p * j->kw + q) * size;             \
                    const int64_t left = q * j->dw - j->pw;                                                                       \
                    int64_t first, last;                                                                                          \
                    gl_inside(left, j->sw, j->w, j->ow, &first, &last);                                                           \
                    for (int64_t i = a; i < b; i++, row += j->ow) {                                                               \
                        const int64_t y = i * j->sh + p * j->dh - j->ph;                                                          \
                        if (y < 0 || y >= j->h) continue;                                                                         \
                        T *to = x + y * j->w + left;                                                                              \
                        if (j->sw == 1)                                                                                           \
                            for (int64_t k = first; k < last; k++) to[k] += row[k];                                               \
                        else                                                                                                      \
                            for (int64_t k = first; k < last; k++) to[k * j->sw] += row[k];                                       \
                    }                                                                                                             \
                }                                                                                                                 \
    }                                                                                                                             \
    static void gl_convolve_chunk_##s(void *context, int64_t chunk) {                                                             \
        const gl_convolution *j = context;                                                                                        \
        const int64_t pixels = j->kh * j->kw, tiles = (j->oh + j->rows - 1) / j->rows, all = j->n * tiles;                        \
        T *patches = malloc((size_t)(j->channels * pixels * j->rows * j->ow) * sizeof(T));                                        \
        for (int64_t unit = all * chunk / j->chunks; unit < all * (chunk + 1) / j->chunks; unit++) {                              \
            const int64_t n = unit / tiles, a = unit % tiles * j->rows, b = a + j->rows < j->oh ? a + j->rows : j->oh;            \
            T *out = (T *)j->out + (n * j->f * j->oh + a) * j->ow;                                                                \
            for (int64_t c = 0; c < j->c; c += j->channels) {                                                                     \
                const int64_t channels = c + j->channels < j->c ? j->channels : j->c - c;                                         \
                gl_patches_##s(j, (const T *)j->left + (n * j->c + c) * j->h * j->w, channels, a, b, patches);                    \
                j->rt->gemm(0, 0, j->f, (b - a) * j->ow, channels * pixels, 1, (const T *)j->right + c * pixels, j->c * pixels,   \
                            patches, (b - a) * j->ow, c > 0, out, j->oh * j->ow);                                                 \
            }                                                                                                                     \
        }                                                                                                                         \
        free(patches);                                                                                                            \
    }                                                                                                                             \
    static void gl_convolve_by_images_chunk_##s(void *context, int64_t chunk) {                                                   \
        const gl_convolution *j = context;                                                                                        \
        const int64_t pixels = j->kh * j->kw, blocks = (j->c + j->channels - 1) / j->channels, all = j->n * blocks;               \
        T *patches = malloc((size_t)(j->channels * pixels * j->rows * j->ow) * sizeof(T));                                        \
        for (int64_t unit = all * chunk / j->chunks; unit < all * (chunk + 1) / j->chunks; unit++) {                              \
            const int64_t n = unit / blocks, c = unit % blocks * j->channels;                                                     \
            const int64_t channels = c + j->channels < j->c ? j->channels : j->c - c;                                             \
            T *out = (T *)j->out + (n * j->c + c) * j->h * j->w;                                                                  \
            memset(out, 0, (size_t)(channels * j->h * j->w) * sizeof(T));                                                         \
            for (int64_t a = 0; a < j->oh; a += j->rows) {                                                                        \
                const int64_t b = a + j->rows < j->oh ? a + j->rows : j->oh;                                                      \
                const T *g = (const T *)j->left + (n * j->f * j->oh + a) * j->ow;                                                 \
                j->rt->gemm(1, 0, channels * pixels, (b - a) * j->ow, j->f, 1, (const T *)j->right + c * pixels, j->c * pixels,   \
                            g, j->oh * j->ow, 0, patches, (b - a) * j->ow);                                                       \
                gl_unpatch_##s(j, out, channels, a, b, patches);                                                                  \
            }                                                                                                                     \
        }                                                                                                                         \
        free(patches);                                                                                                            \
    }                                                                                                                             \
    /* images are cut into groups, whose sums are added at the end in their order */                                              \
    static void gl_convolve_by_filters_chunk_##s(void *context, int64_t group) {                                                  \
        const gl_convolution *j = context;                                                                                        \
        const int64_t pixels = j->kh * j->kw, size = j->f * j->c * pixels;                                                        \
        T *patches = malloc((size_t)(j->channels * pixels * j->rows * j->ow) * sizeof(T));                                        \
        T *sums = group ? (T *)j->parts + (group - 1) * size : (T *)j->out;                                                       \
        int more = 0;                                                                                                             \
        for (int64_t n = j->n * group / j->groups; n < j->n * (group + 1) / j->groups; n++)                                       \
            for (int64_t a = 0; a < j->oh; a += j->rows, more = 1) {                                                              \
                const int64_t b = a + j->rows < j->oh ? a + j->rows : j->oh;                                                      \
                const T *g = (const T *)j->right + (n * j->f * j->oh + a) * j->ow;                                                \
                for (int64_t c = 0; c < j->c; c += j->channels) {                                                                 \
                    const int64_t channels = c + j->channels < j->c ? j->channels : j->c - c;                                     \
                    gl_patches_##s(j, (const T *)j->left + (n * j->c + c) * j->h * j->w, channels, a, b, patches);                \
                    j->rt->gemm(0, 1, j->f, channels * pixels, (b - a) * j->ow, 1, g, j->oh * j->ow, patches, (b - a) * j->ow,    \
                                more, sums + c * pixels, j->c * pixels);                                                          \
                }                                                                                                                 \
            }                                                                                                                     \
        free(patches);                                                                                                            \
    }                                                                                                                             \
    static inline __attribute__((unused)) int gl_convolve_##s(                                                                    \
        const gl_runtime *rt, const T *x, const T *filters, T *out, int64_t n, int64_t c, int64_t h, int64_t w, int64_t f,        \
        int64_t kh, int64_t kw, int64_t oh, int64_t ow, int64_t ph, int64_t pw, int64_t sh, int64_t sw, int64_t dh, int64_t dw,   \
        int64_t flip) {                                                                                                           \
        gl_convolution j = {rt, x, filters, out, 0, n, c, h, w, f, kh, kw, oh, ow, ph, pw, sh, sw, dh, dw, flip, 1, 1, 1, 1};     \
        if (n * f * oh * ow == 0) return 0;                                                                                       \
        if (c * kh * kw == 0) {                                                                                                   \
            memset(out, 0, (size_t)(n * f * oh * ow) * sizeof(T));                                                                \
            return 0;                                                                                                             \
        }                                                                                                                         \
        gl_convolution_tiles(&j);                                                                                                 \
        j.chunks = gl_chunks(n * ((oh + j.rows - 1) / j.rows), n * f * oh * ow * c * kh * kw / 4);                                \
        rt->parallel(gl_convolve_chunk_##s, &j, j.chunks);                                                                        \
        return 0;                                                                                                                 \
    }                                                                                                                             \
    static inline __attribute__((unused)) int gl_convolve_by_images_##s(                                                          \
        const gl_runtime *rt, const T *g, const T *filters, T *out, int64_t n, int64_t c, int64_t h, int64_t w, int64_t f,        \
        int64_t kh, int64_t kw, int64_t oh, int64_t ow, int64_t ph, int64_t pw, int64_t sh, int64_t sw, int64_t dh, int64_t dw,   \
        int64_t flip) {                                                                                                           \
        gl_convolution j = {rt, g, filters, out, 0, n, c, h, w, f, kh, kw, oh, ow, ph, pw, sh, sw, dh, dw, flip, 1, 1, 1, 1};     \
        if (n * c * h * w == 0) return 0;                                                                                         \
        if (f * kh * kw * oh * ow == 0) {                                                                                         \
            memset(out, 0, (size_t)(n * c * h * w) * sizeof(T));                                                                  \
            return 0;                                                                                                             \
        }                                                                                                                         \
        gl_convolution_tiles(&j);                                                                                                 \
        j.chunks = gl_chunks(n * ((c + j.channels - 1) / j.channels), n * f * oh * ow * c * kh * kw / 4);                         \
        rt->parallel(gl_convolve_by_images_chunk_##s, &j, j.chunks);                                                              \
        return 0;                                                                                                                 \
    }                                                                                                                             \
    static inline __attribute__((unused)) int gl_convolve_by_filters_##s(                                                         \
        const gl_runtime *rt, const T *x, const T *g, T *out, int64_t n, int64_t c, int64_t h, int64_t w, int64_t f, int64_t kh,  \
        int64_t kw, int64_t oh, int64_t ow, int64_t ph, int64_t pw, int64_t sh, int64_t sw, int64_t dh, int64_t dw,               \
        int64_t flip) {                                                                                                           \
        gl_convolution j = {rt, x, g, out, 0, n, c, h, w, f, kh, kw, oh, ow, ph, pw, sh, sw, dh, dw, flip, 1, 1, 1, 1};           \
        const int64_t size = f * c * kh * kw;                                                                                     \
        if (size == 0) return 0;                                                                                                  \
        if (n * oh * ow == 0) {                                                                                                   \
            memset(out, 0, (size_t)size * sizeof(T));                                                                             \
            return 0;                                                                                                             \
        }                                                                                                                         \
        gl_convolution_tiles(&j);                                                                                                 \
        j.groups = gl_chunks(n < 8 ? n : 8, n * oh * ow * size / 4);                                                              \
        if (j.groups > 1 && !(j.parts = malloc((size_t)((j.groups - 1) * size) * sizeof(T)))) return 1;                           \
        rt->parallel(gl_convolve_by_filters_chunk_##s, &j, j.groups);                                                             \
        for (int64_t group = 1; group < j.groups; group++)                                                                        \
            for (int64_t k = 0; k < size; k++) out[k] += ((T *)j.parts)[(group - 1) * size + k];                                  \
        free(j.parts);                                                                                                            \
        return 0;                                                                                                                 \
    }

GL_CONVOLUTION(f32, float, sgemm)
GL_CONVOLUTION(f64, double, dgemm)

#endif
