/* Convolution of images (n, c, d, h, w) with filters (f, c / groups, kd, kh, kw) to (n, f, od, oh, ow), and its gradients by either;
   two-dimensional images have a depth of 1.  Patches of the images are copied tile by tile into a piece of memory that stays in
   the nearest caches, and meet the filters in matrix products; where a group has hardly any filters, they slide over the images
   as they are.  Parts are cut by the shapes only, so results do not depend on the number of threads. */
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
/* filters of a group up to which there is no product, and the terms of their sums */
#define GL_FEW_FILTERS 2
#define GL_FEW_TERMS 128

/* what every call is given: lengths of the images, the filters and the output, padding before the first pixels, strides,
   dilation, whether filters are turned round, and groups */
#define GL_CONVOLUTION_NAMES n, c, d, h, w, f, kd, kh, kw, od, oh, ow, pd, ph, pw, sd, sh, sw, dd, dh, dw, flip, groups
#define GL_CONVOLUTION_LENGTHS                                                                                                   \
    int64_t n, int64_t c, int64_t d, int64_t h, int64_t w, int64_t f, int64_t kd, int64_t kh, int64_t kw, int64_t od,            \
        int64_t oh, int64_t ow, int64_t pd, int64_t ph, int64_t pw, int64_t sd, int64_t sh, int64_t sw, int64_t dd, int64_t dh,  \
        int64_t dw, int64_t flip, int64_t groups

typedef struct {
    const gl_runtime *rt;
    const void *left, *right;
    void *out, *parts;
    int64_t GL_CONVOLUTION_NAMES;
    int64_t each_c, each_f, pixels;     /* channels and filters of a group, pixels of a filter */
    int64_t planes, rows, channels;     /* of a tile: planes and rows of the output, channels of the images */
    int64_t seen, phase, wide;          /* a row of an image as far as it is seen; every sw-th of it; all of these */
    int64_t tiles, chunks, slides, failed;
} gl_convolution;

/* A part of the output, whole planes or some rows of one: its places, which lie side by side from `first` on, and the lengths of
   the part of the images that they see. */
typedef struct {
    int64_t plane, row, planes, rows, first, places, deep, tall;
} gl_conv_tile;

static inline int64_t gl_between(int64_t low, int64_t x, int64_t high) { return x < low ? low : x > high ? high : x; }

/* so many that all pieces are about as large as the largest, which has at most `most` */
static inline int64_t gl_even(int64_t length, int64_t most) {
    const int64_t pieces = (length + most - 1) / most;
    return (length + pieces - 1) / pieces;
}

/* An image of one column is one row: so its places, and what they see, lie side by side. */
static inline __attribute__((unused)) void gl_turn_column(gl_convolution *j) {
    if (j->w != 1 || j->kw != 1 || j->ow != 1 || j->pw) return;
#define GL_TURN(of_rows, of_columns) const int64_t of_##of_rows = j->of_rows; j->of_rows = j->of_columns; j->of_columns = of_##of_rows
    GL_TURN(h, w);
    GL_TURN(kh, kw);
    GL_TURN(oh, ow);
    GL_TURN(ph, pw);
    GL_TURN(sh, sw);
    GL_TURN(dh, dw);
#undef GL_TURN
}

/* How much of the output and of the channels is taken at once. */
static inline __attribute__((unused)) void gl_convolution_tiles(gl_convolution *j) {
    j->each_c = j->c / j->groups;
    j->each_f = j->f / j->groups;
    j->pixels = j->kd * j->kh * j->kw;
    j->slides = j->each_f <= GL_FEW_FILTERS && j->each_c * j->pixels <= GL_FEW_TERMS;
    gl_turn_column(j);
    const int64_t row = j->pixels * j->ow, plane = j->oh * j->ow;
    j->rows = gl_between(1, (GL_PLACES + j->ow - 1) / j->ow, j->oh);
    j->planes = j->rows == j->oh ? gl_between(1, (GL_PLACES + plane - 1) / plane, j->od) : 1;
    j->channels = gl_even(j->each_c, gl_between(1, GL_PATCHES / (row * j->rows * j->planes), j->each_c));
    if (j->slides) j->channels = j->each_c;
    if (j->channels == j->each_c) {
        if (j->planes == 1) j->rows = gl_between(j->rows, GL_PATCHES / (row * j->each_c), j->oh);
        if (j->rows == j->oh) j->planes = gl_between(j->planes, GL_PATCHES / (row * j->oh * j->each_c), j->od);
    }
    j->rows = gl_even(j->oh, j->rows);
    j->planes = gl_even(j->od, j->planes);
    j->seen = (j->ow - 1) * j->sw + (j->kw - 1) * j->dw + 1;
    j->phase = (j->seen + j->sw - 1) / j->sw;
    j->wide = j->phase * j->sw;
    j->tiles = (j->od + j->planes - 1) / j->planes * ((j->oh + j->rows - 1) / j->rows);
}

static inline int64_t gl_places(const gl_convolution *j) { return j->planes * j->rows * j->ow; }

static inline __attribute__((unused)) gl_conv_tile gl_conv_tile_at(const gl_convolution *j, int64_t tile) {
    const int64_t by_rows = (j->oh + j->rows - 1) / j->rows, z = tile / by_rows * j->planes, y = tile % by_rows * j->rows;
    const int64_t planes = z + j->planes < j->od ? j->planes : j->od - z, rows = y + j->rows < j->oh ? j->rows : j->oh - y;
    return (gl_conv_tile){z, y, planes, rows, (z * j->oh + y) * j->ow, planes * rows * j->ow,
                          (planes - 1) * j->sd + (j->kd - 1) * j->dd + 1, (rows - 1) * j->sh + (j->kh - 1) * j->dh + 1};
}

/* Elements of the buffers for what a tile sees of the images, and for its patches. */
static inline int64_t gl_stage_size(const gl_convolution *j) {
    const int64_t deep = (j->planes - 1) * j->sd + (j->kd - 1) * j->dd + 1, tall = (j->rows - 1) * j->sh + (j->kh - 1) * j->dh + 1;
    return j->channels * deep * tall * j->wide + GL_SLACK;
}
static inline int64_t gl_patches_size(const gl_convolution *j) {
    return (j->slides ? 0 : j->channels * j->pixels * gl_places(j)) + GL_SLACK;
}

/* Where a column of the filters looks, from the first place, in a row by phases (see gl_stage_row). */
static inline int64_t gl_column_offset(const gl_convolution *j, int64_t column) {
    const int64_t k = column * j->dw;
    return j->sw == 1 ? k : k % j->sw * j->phase + k / j->sw;
}

/* Where a pixel of the filters looks, from the corner, in an image with planes of `tall` rows of `wide`. */
static inline int64_t gl_pixel_offset(const gl_convolution *j, int64_t r, int64_t tall, int64_t wide) {
    const int64_t pixel = j->flip ? j->pixels - 1 - r : r, q = pixel / j->kw;
    return (q / j->kh * j->dd * tall + q % j->kh * j->dh) * wide + gl_column_offset(j, pixel % j->kw);
}

/* A pixel of the filters, which are gone through one after the other: divisions for each would take as long as copying. */
typedef struct {
    int64_t plane, row, column;
} gl_pixel;

static inline gl_pixel gl_first_pixel(const gl_convolution *j) {
    return j->flip ? (gl_pixel){j->kd - 1, j->kh - 1, j->kw - 1} : (gl_pixel){0, 0, 0};
}

/* The offset of a pixel; it becomes the next one. */
static inline int64_t gl_next_offset(const gl_convolution *j, gl_pixel *at, int64_t tall, int64_t wide) {
    const int64_t offset = (at->plane * j->dd * tall + at->row * j->dh) * wide + gl_column_offset(j, at->column);
    const int64_t step = j->flip ? -1 : 1;
    at->column += step;
    if (at->column < 0 || at->column == j->kw) {
        at->column -= step * j->kw;
        at->row += step;
        if (at->row < 0 || at->row == j->kh) {
            at->row -= step * j->kh;
            at->plane += step;
        }
    }
    return offset;
}

/* Whether the gradient by the images is itself a convolution that slides: of what comes to the places, which then see pixels side by
   side, with the filters turned round. */
static inline int gl_is_mirrored(const gl_convolution *j) {
    return j->sd * j->sh * j->sw == 1 && j->each_c <= GL_FEW_FILTERS && j->each_f * j->pixels <= GL_FEW_TERMS;
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
    /* A row of an image, with its padding, by phases: what lies `sw` apart, as places see it, lies side by side. */             \
    static inline void gl_stage_row_##s(const gl_convolution *j, const T *x, T *to) {                                            \
        typedef T vector __attribute__((vector_size(8 * sizeof(T)), aligned(sizeof(T)), may_alias));                            \
        const int64_t before = gl_between(0, j->pw, j->phase), behind = gl_between(before, j->pw + j->w, j->phase);             \
        if (j->sw == 1 && behind - before >= 8 && before <= 8 && j->phase - behind <= 8) {                                      \
            /* whole vectors, for rows are short: the zeros first, of which too many are written */                             \
            const int64_t n = behind - before;                                                                                  \
            *(vector *)to = *(vector *)(to + j->phase - 8) = (vector){0};                                                       \
            to += before;                                                                                                       \
            x += before - j->pw;                                                                                                \
            *(vector *)(to + n - 8) = *(const vector *)(x + n - 8);                                                             \
            for (int64_t k = 0; k + 8 <= n; k += 8) *(vector *)(to + k) = *(const vector *)(x + k);                             \
            return;                                                                                                             \
        }                                                                                                                       \
        for (int64_t q = 0; q < j->sw; q++, to += j->phase) {                                                                    \
            const int64_t low = gl_between(0, (j->pw - q + j->sw - 1) / j->sw, j->phase);                                        \
            const int64_t high = gl_between(low, j->pw + j->w - q <= 0 ? 0 : (j->pw + j->w - q - 1) / j->sw + 1, j->phase);      \
            const T *from = x + q - j->pw;                                                                                       \
            for (int64_t k = 0; k < low; k++) to[k] = 0;                                                                         \
            if (j->sw == 1)                                                                                                      \
                memcpy(to + low, from + low, (size_t)(high - low) * sizeof(T));                                                  \
            else                                                                                                                 \
                for (int64_t k = low; k < high; k++) to[k] = from[k * j->sw];                                                    \
            for (int64_t k = high; k < j->phase; k++) to[k] = 0;                                                                 \
        }                                                                                                                        \
    }                                                                                                                            \
    /* and back, into a row of an image */                                                                                       \
    static inline void gl_unstage_row_##s(const gl_convolution *j, const T *from, T *x) {                                        \
        const int64_t seen = gl_between(0, j->seen - j->pw, j->w);                                                               \
        if (j->sw == 1)                                                                                                          \
            memcpy(x, from + j->pw, (size_t)seen * sizeof(T));                                                                   \
        else                                                                                                                     \
            for (int64_t q = 0; q < j->sw; q++, from += j->phase) {                                                              \
                const int64_t low = (gl_between(0, j->pw - q, j->pw) + j->sw - 1) / j->sw;                                       \
                T *to = x + q - j->pw;                                                                                           \
                for (int64_t k = low; k * j->sw + q - j->pw < seen; k++) to[k * j->sw] = from[k];                                \
            }                                                                                                                    \
        memset(x + seen, 0, (size_t)(j->w - seen) * sizeof(T));                                                                  \
    }                                                                                                                            \
    /* the channels' part that a tile of the output sees, with its padding */                                                    \
    static void gl_stage_##s(const gl_convolution *j, const gl_conv_tile *t, const T *x, int64_t channels, T *to) {              \
        const int64_t front = t->plane * j->sd - j->pd, top = t->row * j->sh - j->ph;                                            \
        for (int64_t c = 0; c < channels; c++, x += j->d * j->h * j->w)                                                          \
            for (int64_t z = front; z < front + t->deep; z++)                                                                    \
                for (int64_t y = top; y < top + t->tall; y++, to += j->wide)                                                     \
                    if (z < 0 || z >= j->d || y < 0 || y >= j->h)                                                                \
                        memset(to, 0, (size_t)j->wide * sizeof(T));                                                              \
                    else                                                                                                         \
                        gl_stage_row_##s(j, x + (z * j->h + y) * j->w, to);                                                      \
    }                                                                                                                            \
    /* patches as columns: for each channel and each pixel of a filter a row of what all places see of it */                     \
    static void gl_columns_##s(const gl_convolution *j, const gl_conv_tile *t, const T *x, int64_t channels, T *to) {           \
        const int64_t volume = t->deep * t->tall * j->wide;                                                                     \
        const int64_t ow = j->ow, down = j->sh * j->wide, back = j->sd * t->tall * j->wide;                                     \
        for (int64_t c = 0; c < channels; c++, x += volume) {                                                                   \
            gl_pixel pixel = gl_first_pixel(j);                                                                                 \
            for (int64_t r = 0; r < j->pixels; r++) {                                                                           \
                const T *from = x + gl_next_offset(j, &pixel, t->tall, j->wide);                                                \
                for (int64_t z = 0; z < t->planes; z++, from += back, to += t->rows * ow)                                       \
                    gl_copy_rows_##s(to, ow, from, down, ow, t->rows);                                                          \
            }                                                                                                                   \
        }                                                                                                                       \
    }                                                                                                                           \
    /* adds `factor` times what lies in rows of `ow` to what a pixel of the filters sees of an image */                          \
    static inline __attribute__((always_inline)) void gl_add_rows_##s(T *to, int64_t down, const T *from, int64_t ow, int64_t rows,\
                                                                      T factor) {                                                \
        typedef T vector __attribute__((vector_size(8 * sizeof(T)), aligned(sizeof(T)), may_alias));                             \
        typedef T half __attribute__((vector_size(4 * sizeof(T)), aligned(sizeof(T)), may_alias));                               \
        int64_t k = 0;                                                                                                           \
        for (; k + 8 <= ow; k += 8)                                                                                              \
            for (int64_t i = 0; i < rows; i++)                                                                                   \
                *(vector *)(to + i * down + k) += *(const vector *)(from + i * ow + k) * factor;                                 \
        for (; k + 4 <= ow; k += 4)                                                                                              \
            for (int64_t i = 0; i < rows; i++)                                                                                   \
                *(half *)(to + i * down + k) += *(const half *)(from + i * ow + k) * factor;                                     \
        for (int64_t i = 0; i < rows; i++)                                                                                       \
            for (int64_t l = k; l < ow; l++) to[i * down + l] += from[i * ow + l] * factor;                                      \
    }                                                                                                                            \
    /* the other way: what the columns hold is added to the image, rows of which are `wide` and planes `tall` */                 \
    static void gl_add_columns_##s(const gl_convolution *j, const gl_conv_tile *t, T *x, int64_t volume, int64_t tall, int64_t wide,\
                                   int64_t channels, const T *from) {                                                           \
        const int64_t down = j->sh * wide, back = j->sd * tall * wide;                                                          \
        for (int64_t c = 0; c < channels; c++, x += volume) {                                                                   \
            gl_pixel pixel = gl_first_pixel(j);                                                                                 \
            for (int64_t r = 0; r < j->pixels; r++) {                                                                           \
                T *to = x + gl_next_offset(j, &pixel, tall, wide);                                                              \
                for (int64_t z = 0; z < t->planes; z++, to += back, from += t->rows * j->ow)                                    \
                    gl_add_rows_##s(to, down, from, j->ow, t->rows, 1);                                                         \
            }                                                                                                                   \
        }                                                                                                                       \
    }                                                                                                                           \
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
        const int64_t rows = m < 64 ? m : gl_even(m, GL_FACTOR_ROWS);                                                                 \
        for (int64_t i = 0; i < m; i += rows)                                                                                    \
            rt->gemm(ta, 0, m - i < rows ? m - i : rows, n, k, 1, a + i * (ta ? 1 : lda), lda, b, ldb, beta, c + i * ldc, ldc);  \
    }                                                                                                                            \
    /* One filter over `rows` rows of a tile: a vector of places in each at a time, in registers. */                             \
    static inline __attribute__((always_inline)) void gl_slide_rows_##s(const gl_convolution *j, const gl_conv_tile *t,          \
                                                                        const T *corner, int64_t channels, const T *filter,      \
                                                                        T *out, const int64_t rows) {                            \
        typedef T vector __attribute__((vector_size(8 * sizeof(T)), aligned(sizeof(T)), may_alias));                             \
        const int64_t volume = t->deep * t->tall * j->wide, ow = j->ow, step = j->flip ? -1 : 1, down = j->sh * j->wide;         \
        /* the last vector of a row begins inside the one before it */                                                          \
        for (int64_t k = 0; k < ow; k = k + 16 <= ow || k + 8 >= ow ? k + 8 : ow - 8) {                                         \
            vector sum[4] = {{0}, {0}, {0}, {0}};                                                                                \
            const T *weight = filter + (j->flip ? j->pixels - 1 : 0), *image = corner + k;                                       \
            for (int64_t c = 0; c < channels; c++, image += volume, weight += j->pixels - step * j->pixels)                      \
                for (int64_t p = 0; p < j->kd; p++)                                                                              \
                    for (int64_t q = 0; q < j->kh; q++) {                                                                        \
                        const T *from = image + (p * j->dd * t->tall + q * j->dh) * j->wide;                                     \
                        for (int64_t r = 0; r < j->kw; r++, weight += step) {                                                    \
                            const T *seen = from + gl_column_offset(j, r);                                                       \
                            for (int64_t i = 0; i < rows; i++) sum[i] += *(const vector *)(seen + i * down) * *weight;           \
                        }                                                                                                        \
                    }                                                                                                            \
            for (int64_t i = 0; i < rows; i++)                                                                                   \
                if (k + 8 <= ow)                                                                                                 \
                    *(vector *)(out + i * ow + k) = sum[i];                                                                      \
                else                                                                                                             \
                    for (int64_t l = 0; k + l < ow; l++) out[i * ow + k + l] = sum[i][l];                                        \
        }                                                                                                                        \
    }                                                                                                                            \
    /* One filter over all places of a tile, without patches: where there are too few filters for a product. */                  \
    static void gl_slide_##s(const gl_convolution *j, const gl_conv_tile *t, const T *x, int64_t channels, const T *filter, T *out) {\
        for (int64_t z = 0; z < t->planes; z++)                                                                                  \
            for (int64_t i = 0; i < t->rows;) {                                                                                  \
                const T *corner = x + (z * j->sd * t->tall + i * j->sh) * j->wide;                                               \
                const int64_t rows = i + 4 <= t->rows ? 4 : 1;                                                                   \
                if (rows == 4)                                                                                                   \
                    gl_slide_rows_##s(j, t, corner, channels, filter, out, 4);                                                   \
                else                                                                                                             \
                    gl_slide_rows_##s(j, t, corner, channels, filter, out, 1);                                                   \
                i += rows;                                                                                                       \
                out += rows * j->ow;                                                                                             \
            }                                                                                                                    \
    }                                                                                                                            \
    /* What `count` of one filter's pixels get from what comes to its places, likewise: their sums side by side. */             \
    static inline __attribute__((always_inline)) void gl_slide_pixels_##s(const gl_convolution *j, const gl_conv_tile *t, const T *x, \
                                                                          int64_t first, const T *g, T *sums, const int64_t count) { \
        typedef T vector __attribute__((vector_size(8 * sizeof(T)), aligned(sizeof(T)), may_alias));                            \
        const int64_t ow = j->ow, down = j->sh * j->wide, back = j->sd * t->tall * j->wide;                                     \
        const T *from[3];                                                                                                       \
        vector sum[3] = {{0}, {0}, {0}};                                                                                        \
        T rest[3] = {0, 0, 0};                                                                                                  \
        /* of the last vector of a row, which ends where the row does, what the one before it has not */                        \
        __typeof__(sum[0] == sum[0]) fresh;                                                                                     \
        for (int64_t l = 0; l < 8; l++) fresh[l] = l >= 8 - ow % 8 ? -1 : 0;                                                    \
        for (int64_t u = 0; u < count; u++) from[u] = x + gl_pixel_offset(j, first + u, t->tall, j->wide);                      \
        for (int64_t z = 0; z < t->planes; z++)                                                                                 \
            for (int64_t i = 0; i < t->rows; i++, g += ow) {                                                                    \
                const int64_t row = z * back + i * down;                                                                        \
                int64_t k = 0;                                                                                                  \
                for (; k + 8 <= ow; k += 8)                                                                                     \
                    for (int64_t u = 0; u < count; u++)                                                                         \
                        sum[u] += *(const vector *)(from[u] + row + k) * *(const vector *)(g + k);                              \
                if (k == ow) continue;                                                                                          \
                if (ow < 8)                                                                                                     \
                    for (; k < ow; k++)                                                                                         \
                        for (int64_t u = 0; u < count; u++) rest[u] += from[u][row + k] * g[k];                                 \
                else                                                                                                            \
                    for (int64_t u = 0; u < count; u++) {                                                                       \
                        const vector seen = *(const vector *)(from[u] + row + ow - 8), given = *(const vector *)(g + ow - 8);   \
                        sum[u] += (vector)((__typeof__(fresh))seen & fresh) * (vector)((__typeof__(fresh))given & fresh);       \
                    }                                                                                                           \
            }                                                                                                                   \
        for (int64_t u = 0; u < count; u++) {                                                                                   \
            for (int64_t l = 0; l < 8; l++) rest[u] += sum[u][l];                                                               \
            sums[u] += rest[u];                                                                                                 \
        }                                                                                                                       \
    }                                                                                                                           \
    static void gl_slide_by_filter_##s(const gl_convolution *j, const gl_conv_tile *t, const T *x, int64_t channels, const T *g, \
                                       T *sums) {                                                                               \
        const int64_t volume = t->deep * t->tall * j->wide;                                                                     \
        for (int64_t c = 0; c < channels; c++, x += volume, sums += j->pixels) {                                                \
            int64_t r = 0;                                                                                                      \
            for (; r + 3 <= j->pixels; r += 3) gl_slide_pixels_##s(j, t, x, r, g, sums + r, 3);                                 \
            for (; r < j->pixels; r++) gl_slide_pixels_##s(j, t, x, r, g, sums + r, 1);                                         \
        }                                                                                                                       \
    }                                                                                                                           \
    /* the filters of each group with channels and filters exchanged, which are given back by free() unless they are the same */ \
    static const T *gl_exchanged_##s(const gl_convolution *j, const T *filters) {                                               \
        const int64_t each = j->each_f * j->each_c;                                                                             \
        if (each == 1) return filters;                                                                                          \
        T *made = malloc((size_t)(j->groups * each * j->pixels) * sizeof(T));                                                   \
        for (int64_t k = 0; made && k < j->groups * each; k++) {                                                                \
            const int64_t group = k / each, f = k % each / j->each_c, c = k % j->each_c;                                        \
            memcpy(made + ((group * j->each_c + c) * j->each_f + f) * j->pixels, filters + k * j->pixels,                       \
                   (size_t)j->pixels * sizeof(T));                                                                              \
        }                                                                                                                       \
        return made;                                                                                                            \
    }                                                                                                                           \
    static inline __attribute__((always_inline)) void gl_convolve_part_##s(void *context, int64_t chunk, const int slides) {     \
        gl_convolution *j = context;                                                                                             \
        const int64_t pixels = j->pixels, plane = j->od * j->oh * j->ow, all = j->n * j->groups * j->tiles;                      \
        const int64_t image = gl_stage_size(j), size = gl_patches_size(j);                                                       \
        const int whole = j->tiles == 1;                                                                                         \
        T *stage = malloc((size_t)(image + size + (whole ? 0 : j->each_f * gl_places(j))) * sizeof(T));                          \
        T *patches = stage + image, *packed = patches + size;                                                                    \
        if (!stage) {                                                                                                            \
            j->failed = 1;                                                                                                       \
            return;                                                                                                              \
        }                                                                                                                        \
        for (int64_t unit = all * chunk / j->chunks; unit < all * (chunk + 1) / j->chunks; unit++) {                             \
            const gl_conv_tile t = gl_conv_tile_at(j, unit % j->tiles);                                                          \
            const int64_t n = unit / (j->tiles * j->groups), group = unit / j->tiles % j->groups;                                \
            const T *filters = (const T *)j->right + group * j->each_f * j->each_c * pixels;                                     \
            T *out = (T *)j->out + (n * j->f + group * j->each_f) * plane + t.first, *sums = whole ? out : packed;               \
            for (int64_t c = 0; c < j->each_c; c += j->channels) {                                                               \
                const int64_t channels = c + j->channels < j->each_c ? j->channels : j->each_c - c;                              \
                const int64_t channel = n * j->c + group * j->each_c + c;                                                        \
                gl_stage_##s(j, &t, (const T *)j->left + channel * j->d * j->h * j->w, channels, stage);                         \
                if (slides)                                                                                                      \
                    for (int64_t f = 0; f < j->each_f; f++)                                                                      \
                        gl_slide_##s(j, &t, stage, channels, filters + f * j->each_c * pixels, sums + f * t.places);             \
                else {                                                                                                           \
                    gl_columns_##s(j, &t, stage, channels, patches);                                                             \
                    gl_multiply_##s(j->rt, 0, j->each_f, t.places, channels * pixels, filters + c * pixels, j->each_c * pixels,  \
                                    patches, t.places, c > 0, sums, t.places);                                                   \
                }                                                                                                                \
            }                                                                                                                    \
            for (int64_t f = 0; !whole && f < j->each_f; f++)                                                                    \
                memcpy(out + f * plane, packed + f * t.places, (size_t)t.places * sizeof(T));                                    \
        }                                                                                                                        \
        free(stage);                                                                                                             \
    }                                                                                                                            \
    static inline __attribute__((always_inline)) void gl_convolve_by_images_part_##s(void *context, int64_t chunk, const int slides) {\
        gl_convolution *j = context;                                                                                             \
        const int64_t pixels = j->pixels, plane = j->od * j->oh * j->ow, blocks = (j->each_c + j->channels - 1) / j->channels;   \
        const int64_t all = j->n * j->groups * blocks, inside = j->d * j->h * j->w;                                              \
        const int64_t deep = (j->od - 1) * j->sd + (j->kd - 1) * j->dd + 1, tall = (j->oh - 1) * j->sh + (j->kh - 1) * j->dh + 1;\
        /* whether no place sees anything but the image */                                                                       \
        const int direct = !j->pd && !j->ph && !j->pw && j->sw == 1 && deep <= j->d && tall <= j->h && j->wide <= j->w;          \
        const int64_t rows = direct ? j->h : tall, wide = direct ? j->w : j->wide, volume = direct ? inside : deep * tall * wide;\
        const int64_t image = direct ? 0 : j->channels * volume, size = slides ? 0 : j->channels * pixels * gl_places(j);        \
        T *stage = malloc((size_t)(image + size + j->each_f * gl_places(j)) * sizeof(T));                                        \
        T *patches = stage + image, *packed = patches + size;                                                                    \
        if (!stage) {                                                                                                            \
            j->failed = 1;                                                                                                       \
            return;                                                                                                              \
        }                                                                                                                        \
        for (int64_t unit = all * chunk / j->chunks; unit < all * (chunk + 1) / j->chunks; unit++) {                             \
            const int64_t n = unit / (blocks * j->groups), group = unit / blocks % j->groups, c = unit % blocks * j->channels;   \
            const int64_t channels = c + j->channels < j->each_c ? j->channels : j->each_c - c;                                  \
            const T *filters = (const T *)j->right + (group * j->each_f * j->each_c + c) * pixels;                               \
            T *out = (T *)j->out + (n * j->c + group * j->each_c + c) * inside, *sums = direct ? out : stage;                    \
            memset(sums, 0, (size_t)(channels * volume) * sizeof(T));                                                            \
            for (int64_t tile = 0; tile < j->tiles; tile++) {                                                                    \
                const gl_conv_tile t = gl_conv_tile_at(j, tile);                                                                 \
                const T *g = (const T *)j->left + (n * j->f + group * j->each_f) * plane + t.first;                              \
                T *corner = sums + (t.plane * j->sd * rows + t.row * j->sh) * wide;                                              \
                if (!slides) {                                                                                                   \
                    g = gl_pack_##s(g, plane, packed, t.places, j->each_f);                                                      \
                    gl_multiply_##s(j->rt, 1, channels * pixels, t.places, j->each_f, filters, j->each_c * pixels, g, t.places, 0,\
                                    patches, t.places);                                                                          \
                    gl_add_columns_##s(j, &t, corner, volume, rows, wide, channels, patches);                                    \
                    continue;                                                                                                    \
                }                                                                                                                \
                for (int64_t f = 0; f < j->each_f; f++)                                                                          \
                    for (int64_t k = 0; k < channels * pixels; k++) {                                                            \
                        T *to = corner + k / pixels * volume + gl_pixel_offset(j, k % pixels, rows, wide);                       \
                        const T *from = g + f * plane, weight = filters[f * j->each_c * pixels + k];                             \
                        for (int64_t z = 0; z < t.planes; z++, to += j->sd * rows * wide, from += t.rows * j->ow)                \
                            gl_add_rows_##s(to, j->sh * wide, from, j->ow, t.rows, weight);                                      \
                    }                                                                                                            \
            }                                                                                                                    \
            if (direct) continue;                                                                                                \
            for (int64_t y = 0; y < channels * j->d * j->h; y++, out += j->w) {                                                  \
                const int64_t row = y % j->h + j->ph, slice = y / j->h % j->d + j->pd;                                           \
                if (row < tall && slice < deep)                                                                                  \
                    gl_unstage_row_##s(j, stage + ((y / (j->d * j->h) * deep + slice) * tall + row) * wide, out);                \
                else                                                                                                             \
                    memset(out, 0, (size_t)j->w * sizeof(T));                                                                    \
            }                                                                                                                    \
        }                                                                                                                        \
        free(stage);                                                                                                             \
    }                                                                                                                            \
    /* tiles of all images are cut into shares, whose sums are added at the end in their order */                                \
    static inline __attribute__((always_inline)) void gl_convolve_by_filters_part_##s(void *context, int64_t share, const int slides) {\
        gl_convolution *j = context;                                                                                             \
        const int64_t pixels = j->pixels, plane = j->od * j->oh * j->ow, all = j->n * j->tiles, each = j->each_c * pixels;       \
        const int64_t image = gl_stage_size(j), size = gl_patches_size(j);                                                       \
        T *stage = malloc((size_t)(image + size + j->each_f * gl_places(j)) * sizeof(T));                                        \
        T *patches = stage + image, *packed = patches + size, *sums = (T *)j->parts + share * j->f * each;                       \
        if (!stage) {                                                                                                            \
            j->failed = 1;                                                                                                       \
            return;                                                                                                              \
        }                                                                                                                        \
        int more = 0;                                                                                                            \
        if (slides) memset(sums, 0, (size_t)(j->f * each) * sizeof(T));                                                          \
        for (int64_t unit = all * share / j->chunks; unit < all * (share + 1) / j->chunks; unit++, more = 1) {                   \
            const gl_conv_tile t = gl_conv_tile_at(j, unit % j->tiles);                                                          \
            const int64_t n = unit / j->tiles;                                                                                   \
            for (int64_t group = 0; group < j->groups; group++) {                                                                \
                const T *g = (const T *)j->right + (n * j->f + group * j->each_f) * plane + t.first;                             \
                T *to = sums + group * j->each_f * each;                                                                         \
                if (!slides) g = gl_pack_##s(g, plane, packed, t.places, j->each_f);                                             \
                for (int64_t c = 0; c < j->each_c; c += j->channels) {                                                           \
                    const int64_t channels = c + j->channels < j->each_c ? j->channels : j->each_c - c;                          \
                    const int64_t channel = n * j->c + group * j->each_c + c;                                                    \
                    gl_stage_##s(j, &t, (const T *)j->left + channel * j->d * j->h * j->w, channels, stage);                     \
                    if (slides) {                                                                                                \
                        for (int64_t f = 0; f < j->each_f; f++)                                                                  \
                            gl_slide_by_filter_##s(j, &t, stage, channels, g + f * plane, to + f * each + c * pixels);           \
                        continue;                                                                                                \
                    }                                                                                                            \
                    gl_columns_##s(j, &t, stage, channels, patches);                                                             \
                    j->rt->gemm(0, 1, j->each_f, channels * pixels, t.places, 1, g, t.places, patches, t.places, more,           \
                                to + c * pixels, each);                                                                          \
                }                                                                                                                \
            }                                                                                                                    \
        }                                                                                                                        \
        free(stage);                                                                                                             \
    }

/* The functions that are called, with what they can do: anything, or where it is known before they are compiled whether filters
   slide, only that, which the compiler is done with in half the time. */
#define GL_CONVOLUTION_FORM(s, T, form, whether)                                                                                 \
    static void gl_convolve_chunk##form##_##s(void *context, int64_t chunk) {                                                    \
        gl_convolve_part_##s(context, chunk, whether);                                                                           \
    }                                                                                                                            \
    static void gl_convolve_by_images_chunk##form##_##s(void *context, int64_t chunk) {                                          \
        gl_convolve_by_images_part_##s(context, chunk, whether);                                                                 \
    }                                                                                                                            \
    static void gl_convolve_by_filters_chunk##form##_##s(void *context, int64_t share) {                                         \
        gl_convolve_by_filters_part_##s(context, share, whether);                                                                \
    }                                                                                                                            \
    static inline __attribute__((unused)) int gl_convolve##form##_##s(                                                           \
        const gl_runtime *rt, const T *x, const T *filters, T *out, GL_CONVOLUTION_LENGTHS) {                                    \
        gl_convolution j = {.rt = rt, .left = x, .right = filters, .out = out, .parts = 0, GL_CONVOLUTION_NAMES};                \
        const int64_t terms = c / groups * kd * kh * kw, places = n * f * od * oh * ow;                                          \
        if (gl_convolution_is_empty(out, places, terms, sizeof(T))) return 0;                                                    \
        gl_convolution_tiles(&j);                                                                                                \
        j.chunks = gl_chunks(n * groups * j.tiles, places * terms / 4);                                                          \
        rt->parallel(gl_convolve_chunk##form##_##s, &j, j.chunks);                                                               \
        return j.failed != 0;                                                                                                    \
    }                                                                                                                            \
    static inline __attribute__((unused)) int gl_convolve_by_images##form##_##s(                                                 \
        const gl_runtime *rt, const T *g, const T *filters, T *out, GL_CONVOLUTION_LENGTHS) {                                    \
        gl_convolution j = {.rt = rt, .left = g, .right = filters, .out = out, .parts = 0, GL_CONVOLUTION_NAMES};                \
        const int64_t terms = f / groups * kd * kh * kw * od * oh * ow;                                                          \
        if (gl_convolution_is_empty(out, n * c * d * h * w, terms, sizeof(T))) return 0;                                         \
        gl_convolution_tiles(&j);                                                                                                \
        void *context = &j;                                                                                                     \
        if ((whether) && gl_is_mirrored(context)) {                                                                             \
            const T *exchanged = gl_exchanged_##s(&j, filters);                                                                 \
            if (!exchanged) return 1;                                                                                           \
            const int failed = gl_convolve##form##_##s(rt, g, exchanged, out, n, f, od, oh, ow, c, kd, kh, kw, d, h, w,         \
                                                       (kd - 1) * dd - pd, (kh - 1) * dh - ph, (kw - 1) * dw - pw, 1, 1, 1, dd, dh, \
                                                       dw, !flip, groups);                                                      \
            if (exchanged != filters) free((void *)exchanged);                                                                  \
            return failed;                                                                                                      \
        }                                                                                                                       \
        j.chunks = gl_chunks(n * groups * ((j.each_c + j.channels - 1) / j.channels), n * c * terms / 4);                        \
        rt->parallel(gl_convolve_by_images_chunk##form##_##s, &j, j.chunks);                                                     \
        return j.failed != 0;                                                                                                    \
    }                                                                                                                            \
    static inline __attribute__((unused)) int gl_convolve_by_filters##form##_##s(                                                \
        const gl_runtime *rt, const T *x, const T *g, T *out, GL_CONVOLUTION_LENGTHS) {                                          \
        gl_convolution j = {.rt = rt, .left = x, .right = g, .out = out, .parts = 0, GL_CONVOLUTION_NAMES};                      \
        const int64_t size = f * (c / groups) * kd * kh * kw, terms = n * od * oh * ow;                                          \
        if (gl_convolution_is_empty(out, size, terms, sizeof(T))) return 0;                                                      \
        gl_convolution_tiles(&j);                                                                                                \
        const int64_t units = n * j.tiles;                                                                                       \
        j.chunks = gl_chunks(units < 8 ? units : 8, terms * size / 4);                                                           \
        T *parts = malloc((size_t)(j.chunks * size) * sizeof(T));                                                                \
        if (!parts) return 1;                                                                                                    \
        j.parts = parts;                                                                                                         \
        rt->parallel(gl_convolve_by_filters_chunk##form##_##s, &j, j.chunks);                                                    \
        for (int64_t k = 0; k < size; k++) {                                                                                     \
            T sum = parts[k];                                                                                                    \
            for (int64_t share = 1; share < j.chunks; share++) sum += parts[share * size + k];                                   \
            out[k] = sum;                                                                                                        \
        }                                                                                                                        \
        free(parts);                                                                                                             \
        return j.failed != 0;                                                                                                    \
    }

GL_CONVOLUTION(f32, float, sgemm)
GL_CONVOLUTION(f64, double, dgemm)
GL_CONVOLUTION_FORM(f32, float, , ((gl_convolution *)context)->slides)
GL_CONVOLUTION_FORM(f64, double, , ((gl_convolution *)context)->slides)
GL_CONVOLUTION_FORM(f32, float, _by_products, 0)
GL_CONVOLUTION_FORM(f64, double, _by_products, 0)
GL_CONVOLUTION_FORM(f32, float, _sliding, 1)
GL_CONVOLUTION_FORM(f64, double, _sliding, 1)

#endif
