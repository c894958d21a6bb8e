/* Convolution of images (n, c, d, h, w) with filters (f, c / groups, kd, kh, kw) to (n, f, od, oh, ow), and its gradients by either;
   two-dimensional images have a depth of 1.  Patches of the images are copied tile by tile into a piece of memory that stays in
   the nearest caches, and meet the filters in matrix products; where a group has hardly any filters, they slide over the images
   as they are.  The gradient by the images is a convolution, too, or several: of the places in steps of s each pixel meets only
   every s-th of the filters' pixels, one set of them at every s-th pixel.  Parts are cut by the shapes only, so results do not
   depend on the number of threads. */
#ifndef GRAPHLIB_CONVOLUTION_H
#define GRAPHLIB_CONVOLUTION_H

#include <graphlib_vectors.h>

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
/* channels of a group below which their gradient is added up pixel by pixel */
#define GL_FEW_CHANNELS 8

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
    int64_t planes, rows, columns, channels; /* of a tile: of the output, and channels of the images */
    int64_t seen, phase, wide;          /* a row of an image as far as it is seen; every sw-th of it; all of these */
    int64_t tiles, chunks, slides, failed;
    int64_t inside, first;              /* elements of a channel of what is computed, and where its first place is */
    int64_t back, down, beside;         /* the steps from plane to plane, row to row, and place to place */
} gl_convolution;

/* Convolutions of the same images whose places lie between each other's, with as many filters in each. */
typedef struct {
    gl_convolution *part;
    int64_t parts, tiles, chunks, failed; /* the most tiles of one of them */
} gl_convolutions;

/* A part of the output, whole planes or some rows of one, or of a single row some columns: its places, which lie side by side
   from `first` on, and the lengths of the part of the images that they see. */
typedef struct {
    int64_t plane, row, column, planes, rows, columns, first, places, deep, tall;
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
    GL_TURN(down, beside);
#undef GL_TURN
}

/* How much of the output and of the channels is taken at once; whether filters slide. */
static inline __attribute__((unused)) void gl_convolution_tiles(gl_convolution *j, int slides) {
    j->each_c = j->c / j->groups;
    j->each_f = j->f / j->groups;
    j->pixels = j->kd * j->kh * j->kw;
    j->slides = slides;
    gl_turn_column(j);
    j->columns = j->od * j->oh == 1 ? gl_even(j->ow, 2 * GL_PLACES) : j->ow;
    const int64_t row = j->pixels * j->columns, plane = j->oh * j->columns;
    j->rows = gl_between(1, (GL_PLACES + j->columns - 1) / j->columns, j->oh);
    j->planes = j->rows == j->oh ? gl_between(1, (GL_PLACES + plane - 1) / plane, j->od) : 1;
    j->channels = gl_even(j->each_c, gl_between(1, GL_PATCHES / (row * j->rows * j->planes), j->each_c));
    if (j->slides) j->channels = j->each_c;
    if (j->channels == j->each_c) {
        if (j->planes == 1) j->rows = gl_between(j->rows, GL_PATCHES / (row * j->each_c), j->oh);
        if (j->rows == j->oh) j->planes = gl_between(j->planes, GL_PATCHES / (row * j->oh * j->each_c), j->od);
    }
    j->rows = gl_even(j->oh, j->rows);
    j->planes = gl_even(j->od, j->planes);
    j->seen = (j->columns - 1) * j->sw + (j->kw - 1) * j->dw + 1;
    j->phase = (j->seen + j->sw - 1) / j->sw;
    j->wide = j->phase * j->sw;
    j->tiles = (j->od + j->planes - 1) / j->planes * ((j->oh + j->rows - 1) / j->rows) * ((j->ow + j->columns - 1) / j->columns);
}

static inline int64_t gl_places(const gl_convolution *j) { return j->planes * j->rows * j->columns; }

static inline __attribute__((unused)) gl_conv_tile gl_conv_tile_at(const gl_convolution *j, int64_t tile) {
    const int64_t by_columns = (j->ow + j->columns - 1) / j->columns, by_rows = (j->oh + j->rows - 1) / j->rows;
    const int64_t x = tile % by_columns * j->columns, y = tile / by_columns % by_rows * j->rows;
    const int64_t z = tile / by_columns / by_rows * j->planes;
    const int64_t planes = z + j->planes < j->od ? j->planes : j->od - z, rows = y + j->rows < j->oh ? j->rows : j->oh - y;
    const int64_t columns = x + j->columns < j->ow ? j->columns : j->ow - x;
    return (gl_conv_tile){z, y, x, planes, rows, columns, (z * j->oh + y) * j->ow + x, planes * rows * columns,
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

/* One axis of what every step-th pixel of the images, from `at` on, gets from the places: so many of them, and which pixels of the
   filters they meet, one `apart` from the next; then a convolution of the places, whose filters are turned round. */
typedef struct {
    int64_t at, pixels, first, apart, taps, dilation, padding;
} gl_interleaved;

static inline gl_interleaved gl_interleaved_at(int64_t phase, int64_t length, int64_t kernel, int64_t padding, int64_t step,
                                               int64_t dilation) {
    gl_interleaved a = {.apart = step, .dilation = dilation};
    for (int64_t p = 2; p <= a.apart && p <= a.dilation; p++)
        for (; a.apart % p == 0 && a.dilation % p == 0; a.dilation /= p) a.apart /= p;
    while (a.first < kernel && a.first * dilation % step != phase) a.first++;
    a.taps = (kernel - a.first + a.apart - 1) / a.apart;
    const int64_t low = gl_between(0, padding - phase + step - 1, padding + step) / step;
    const int64_t high = (gl_between(0, length + padding - phase, length + padding) + step - 1) / step;
    a.at = low * step + phase - padding;
    a.pixels = high > low ? high - low : 0;
    a.padding = (a.first * dilation - phase) / step + (a.taps - 1) * a.dilation - low;
    return a;
}

/* How many products such an axis has, of all phases; whether what each place gives to the pixels that it sees is rather added to
   these, for there are so many products otherwise, or so few channels that products have no rows. */
static inline double gl_products_of_axis(int64_t length, int64_t kernel, int64_t padding, int64_t step, int64_t dilation) {
    double products = 0;
    for (int64_t phase = 0; phase < step; phase++) {
        const gl_interleaved a = gl_interleaved_at(phase, length, kernel, padding, step, dilation);
        products += (double)a.pixels * (double)a.taps;
    }
    return products;
}
static inline __attribute__((unused)) int gl_is_spread(const gl_convolution *j) {
    if (j->c / j->groups < GL_FEW_CHANNELS) return 1;
    const double products = gl_products_of_axis(j->d, j->kd, j->pd, j->sd, j->dd) *
                            gl_products_of_axis(j->h, j->kh, j->ph, j->sh, j->dh) *
                            gl_products_of_axis(j->w, j->kw, j->pw, j->sw, j->dw);
    return products > 1.5 * (double)(j->kd * j->kh * j->kw) * (double)(j->od * j->oh * j->ow);
}

/* Whether there is nothing to compute: no elements, or each is a sum of no terms, and 0. */
static inline int gl_convolution_is_empty(void *out, int64_t elements, int64_t terms, size_t item) {
    if (!terms) memset(out, 0, (size_t)elements * item);
    return !elements || !terms;
}

#define GL_CONVOLUTION(s, T, I, gemm)                                                                                            \
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
    /* copies a row of `n` elements and nothing else, in vectors of which the last begins inside the one before */               \
    static inline void gl_copy_row_##s(T *to, const T *from, int64_t n) {                                                        \
        if (n >= 16) {                                                                                                           \
            for (int64_t k = 0; k + 16 <= n; k += 16) memcpy(to + k, from + k, 16 * sizeof(T));                                  \
            memcpy(to + n - 16, from + n - 16, 16 * sizeof(T));                                                                  \
        } else if (n >= 8) {                                                                                                     \
            memcpy(to, from, 8 * sizeof(T));                                                                                     \
            memcpy(to + n - 8, from + n - 8, 8 * sizeof(T));                                                                     \
        } else if (n >= 4) {                                                                                                     \
            memcpy(to, from, 4 * sizeof(T));                                                                                     \
            memcpy(to + n - 4, from + n - 4, 4 * sizeof(T));                                                                     \
        } else                                                                                                                   \
            for (int64_t k = 0; k < n; k++) to[k] = from[k];                                                                     \
    }                                                                                                                            \
    /* What lies `step` apart, side by side. */                                                                                  \
    static inline void gl_copy_every_##s(T *to, const T *from, int64_t n, int64_t step) {                                        \
        typedef T vector __attribute__((vector_size(8 * sizeof(T)), aligned(sizeof(T)), may_alias));                             \
        int64_t k = 0;                                                                                                           \
        if (step == 2)                                                                                                           \
            /* of two vectors, which end where the last one of them does */                                                      \
            for (; k + 8 <= n; k += 8, from += 16)                                                                               \
                *(vector *)(to + k) = GL_SHUFFLE(*(const vector *)from, *(const vector *)(from + 7), I, GL_EVERY_SECOND);        \
        for (; k < n; k++, from += step) to[k] = *from;                                                                          \
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
    /* The channels' part that a tile of the output sees, with its padding, each row by phases: what lies `sw` apart, as places see\
       it, lies side by side.  `cleared`: the padding is there already. */                                                       \
    static void gl_stage_##s(const gl_convolution *j, const gl_conv_tile *t, const T *x, int64_t channels, T *to, int cleared) { \
        const int64_t front = t->plane * j->sd - j->pd, top = t->row * j->sh - j->ph, pw = j->pw - t->column * j->sw;            \
        const int64_t last = j->sw - 1, phase = j->phase, wide = j->wide, w = j->w;                                              \
        for (int64_t q = 0; q <= last; q++, to += phase) {                                                                       \
            const int64_t low = gl_between(0, (pw - q + last) / j->sw, phase);                                                   \
            const int64_t high = gl_between(low, pw + w - q <= 0 ? 0 : (pw + w - q + last) / j->sw, phase), seen = high - low;   \
            const T *image = x + q - pw + low * j->sw;                                                                           \
            T *row = to;                                                                                                         \
            for (int64_t c = 0; c < channels; c++, image += j->d * j->h * w)                                                     \
                for (int64_t z = front; z < front + t->deep; z++)                                                                \
                    for (int64_t y = top; y < top + t->tall; y++, row += wide) {                                                 \
                        const int inside = z >= 0 && z < j->d && y >= 0 && y < j->h;                                             \
                        if (!cleared) {                                                                                          \
                            for (int64_t k = 0; k < (inside ? low : phase); k++) row[k] = 0;                                     \
                            for (int64_t k = high; inside && k < phase; k++) row[k] = 0;                                         \
                        }                                                                                                        \
                        if (!inside) continue;                                                                                   \
                        if (last)                                                                                                \
                            gl_copy_every_##s(row + low, image + (z * j->h + y) * w, seen, j->sw);                               \
                        else                                                                                                     \
                            gl_copy_row_##s(row + low, image + (z * j->h + y) * w, seen);                                        \
                    }                                                                                                            \
        }                                                                                                                        \
    }                                                                                                                            \
    /* Whether the padding lies in the stage: it does from the second time on that the same whole planes are put there. */       \
    static inline int gl_is_cleared_##s(const gl_convolution *j, const gl_convolution **last, T *stage) {                        \
        if (j->tiles > 1) {                                                                                                      \
            *last = 0;                                                                                                           \
            return 0;                                                                                                            \
        }                                                                                                                        \
        if (*last != j) memset(stage, 0, (size_t)gl_stage_size(j) * sizeof(T));                                                  \
        *last = j;                                                                                                               \
        return 1;                                                                                                                \
    }                                                                                                                            \
    /* patches as columns: for each channel and each pixel of a filter a row of what all places see of it */                     \
    static void gl_columns_##s(const gl_convolution *j, const gl_conv_tile *t, const T *x, int64_t channels, T *to) {            \
        const int64_t volume = t->deep * t->tall * j->wide;                                                                      \
        const int64_t ow = t->columns, down = j->sh * j->wide, back = j->sd * t->tall * j->wide;                                 \
        for (int64_t c = 0; c < channels; c++, x += volume) {                                                                    \
            gl_pixel pixel = gl_first_pixel(j);                                                                                  \
            for (int64_t r = 0; r < j->pixels; r++) {                                                                            \
                const T *from = x + gl_next_offset(j, &pixel, t->tall, j->wide);                                                 \
                for (int64_t z = 0; z < t->planes; z++, from += back, to += t->rows * ow)                                        \
                    gl_copy_rows_##s(to, ow, from, down, ow, t->rows);                                                           \
            }                                                                                                                    \
        }                                                                                                                        \
    }                                                                                                                            \
    /* adds what lies in rows of `ow` to what a pixel of the filters sees of an image */                                         \
    static inline __attribute__((always_inline)) void gl_add_rows_##s(T *to, int64_t down, const T *from, int64_t ow, int64_t rows) {\
        typedef T vector __attribute__((vector_size(8 * sizeof(T)), aligned(sizeof(T)), may_alias));                             \
        typedef T half __attribute__((vector_size(4 * sizeof(T)), aligned(sizeof(T)), may_alias));                               \
        int64_t k = 0;                                                                                                           \
        for (; k + 8 <= ow; k += 8)                                                                                              \
            for (int64_t i = 0; i < rows; i++)                                                                                   \
                *(vector *)(to + i * down + k) += *(const vector *)(from + i * ow + k);                                          \
        for (; k + 4 <= ow; k += 4)                                                                                              \
            for (int64_t i = 0; i < rows; i++)                                                                                   \
                *(half *)(to + i * down + k) += *(const half *)(from + i * ow + k);                                              \
        for (int64_t i = 0; i < rows; i++)                                                                                       \
            for (int64_t l = k; l < ow; l++) to[i * down + l] += from[i * ow + l];                                               \
    }                                                                                                                            \
    /* the other way: what the columns hold is added to the image, rows of which are `wide` and planes `tall` */                 \
    static void gl_add_columns_##s(const gl_convolution *j, const gl_conv_tile *t, T *x, int64_t volume, int64_t tall, int64_t wide,\
                                   int64_t channels, const T *from) {                                                            \
        const int64_t down = j->sh * wide, back = j->sd * tall * wide;                                                           \
        for (int64_t c = 0; c < channels; c++, x += volume) {                                                                    \
            gl_pixel pixel = gl_first_pixel(j);                                                                                  \
            for (int64_t r = 0; r < j->pixels; r++) {                                                                            \
                T *to = x + gl_next_offset(j, &pixel, tall, wide);                                                               \
                for (int64_t z = 0; z < t->planes; z++, to += back, from += t->rows * t->columns)                                \
                    gl_add_rows_##s(to, down, from, t->columns, t->rows);                                                        \
            }                                                                                                                    \
        }                                                                                                                        \
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
    /* Where the filters' pixels look, from the corner of a tile, in their order. */                                             \
    static void gl_offsets_##s(const gl_convolution *j, const gl_conv_tile *t, int64_t *offsets) {                               \
        gl_pixel pixel = gl_first_pixel(j);                                                                                      \
        for (int64_t r = 0; r < j->pixels; r++) offsets[r] = gl_next_offset(j, &pixel, t->tall, j->wide);                        \
    }                                                                                                                            \
    /* One filter over `rows` rows of a tile: a vector of places in each at a time, in registers.  The last vector of a row begins\
       inside the one before it; one that is wider than the row goes on in the next row, which is written after it. */           \
    static inline __attribute__((always_inline)) void gl_slide_rows_##s(const gl_convolution *j, const gl_conv_tile *t,          \
                                                                        const T *corner, int64_t channels, const int64_t *offsets,\
                                                                        const T *filter, T *out, const int64_t rows) {           \
        typedef T vector __attribute__((vector_size(GL_SLIDE_BYTES), aligned(sizeof(T)), may_alias));                            \
        enum { L = GL_SLIDE_BYTES / sizeof(T) };                                                                                 \
        const int64_t volume = t->deep * t->tall * j->wide, ow = t->columns, down = j->sh * j->wide, pixels = j->pixels;         \
        for (int64_t k = 0; k < ow; k = k + 2 * L <= ow || k + L >= ow ? k + L : ow - L) {                                       \
            vector sum[8];                                                                                                       \
            GL_UNROLL for (int64_t i = 0; i < rows; i++) sum[i] = (vector){0};                                                   \
            const T *image = corner + k, *weight = filter;                                                                       \
            for (int64_t c = 0; c < channels; c++, image += volume)                                                              \
                for (int64_t r = 0; r < pixels; r++, weight++) {                                                                 \
                    const T *seen = image + offsets[r], w = *weight;                                                             \
                    GL_UNROLL for (int64_t i = 0; i < rows; i++) sum[i] += *(const vector *)(seen + i * down) * w;               \
                }                                                                                                                \
            GL_UNROLL for (int64_t i = 0; i < rows; i++) *(vector *)(out + i * ow + k) = sum[i];                                 \
        }                                                                                                                        \
    }                                                                                                                            \
    /* One filter over all places of a tile, without patches: where there are too few filters for a product.  Behind `out` there is\
       room for a vector, if rows are shorter than one.  The last rows may be computed twice. */                                 \
    static void gl_slide_##s(const gl_convolution *j, const gl_conv_tile *t, const T *x, int64_t channels, const int64_t *offsets,\
                             const T *filter, T *out) {                                                                          \
        for (int64_t z = 0; z < t->planes; z++, out += t->rows * t->columns)                                                     \
            for (int64_t i = 0, next; i < t->rows; i = next) {                                                                   \
                const int64_t left = t->rows - i, rows = left >= 8 ? 8 : t->rows >= 4 ? 4 : 1;                                   \
                if (left < rows) i = t->rows - rows;                                                                             \
                next = i + rows;                                                                                                 \
                const T *corner = x + (z * j->sd * t->tall + i * j->sh) * j->wide;                                               \
                T *to = out + i * t->columns;                                                                                    \
                if (rows == 8)                                                                                                   \
                    gl_slide_rows_##s(j, t, corner, channels, offsets, filter, to, 8);                                           \
                else if (rows == 4)                                                                                              \
                    gl_slide_rows_##s(j, t, corner, channels, offsets, filter, to, 4);                                           \
                else                                                                                                             \
                    gl_slide_rows_##s(j, t, corner, channels, offsets, filter, to, 1);                                           \
            }                                                                                                                    \
    }                                                                                                                            \
    typedef T gl_slid_##s __attribute__((vector_size(GL_SLIDE_BYTES), may_alias));                                               \
    /* What `count` of one filter's pixels get from what comes to its places, likewise: their sums lane by lane. */              \
    static inline __attribute__((always_inline)) void gl_slide_pixels_##s(const gl_convolution *j, const gl_conv_tile *t, const T *x,\
                                                                          const int64_t *offsets, const T *g, gl_slid_##s *sums, \
                                                                          const int64_t count) {                                 \
        typedef T vector __attribute__((vector_size(GL_SLIDE_BYTES), aligned(sizeof(T)), may_alias));                            \
        enum { L = GL_SLIDE_BYTES / sizeof(T) };                                                                                 \
        const int64_t ow = t->columns, down = j->sh * j->wide, back = j->sd * t->tall * j->wide;                                 \
        gl_slid_##s sum[9];                                                                                                      \
        GL_UNROLL for (int64_t u = 0; u < count; u++) sum[u] = sums[u];                                                          \
        /* of a row's last vector what belongs to it and not to the vector before */                                             \
        const int64_t whole = ow / L * L, last = ow < L ? 0 : ow - L;                                                            \
        __typeof__(sum[0] == sum[0]) fresh;                                                                                      \
        for (int64_t l = 0; l < L; l++) fresh[l] = ow < L ? (l < ow ? -1 : 0) : (l >= L - ow % L ? -1 : 0);                      \
        for (int64_t z = 0; z < t->planes; z++)                                                                                  \
            for (int64_t i = 0; i < t->rows; i++, g += ow) {                                                                     \
                const T *row = x + z * back + i * down;                                                                          \
                for (int64_t k = 0; k < whole; k += L) {                                                                         \
                    const gl_slid_##s given = *(const vector *)(g + k);                                                          \
                    GL_UNROLL for (int64_t u = 0; u < count; u++) sum[u] += *(const vector *)(row + offsets[u] + k) * given;     \
                }                                                                                                                \
                if (whole == ow) continue;                                                                                       \
                const gl_slid_##s given = (gl_slid_##s)((__typeof__(fresh)) * (const vector *)(g + last) & fresh);               \
                GL_UNROLL for (int64_t u = 0; u < count; u++)                                                                    \
                    sum[u] += (gl_slid_##s)((__typeof__(fresh)) * (const vector *)(row + offsets[u] + last) & fresh) * given;    \
            }                                                                                                                    \
        GL_UNROLL for (int64_t u = 0; u < count; u++) sums[u] = sum[u];                                                          \
    }                                                                                                                            \
    static void gl_slide_by_filter_##s(const gl_convolution *j, const gl_conv_tile *t, const T *x, int64_t channels,             \
                                       const int64_t *offsets, const T *g, gl_slid_##s *sums) {                                  \
        for (int64_t c = 0; c < channels; c++, x += t->deep * t->tall * j->wide, sums += j->pixels) {                            \
            int64_t r = 0;                                                                                                       \
            for (; r + 9 <= j->pixels; r += 9) gl_slide_pixels_##s(j, t, x, offsets + r, g, sums + r, 9);                        \
            for (; r + 3 <= j->pixels; r += 3) gl_slide_pixels_##s(j, t, x, offsets + r, g, sums + r, 3);                        \
            for (; r < j->pixels; r++) gl_slide_pixels_##s(j, t, x, offsets + r, g, sums + r, 1);                                \
        }                                                                                                                        \
    }                                                                                                                            \
    /* What is computed of a tile, where it does not lie side by side. */                                                        \
    static void gl_put_##s(const gl_convolution *j, const gl_conv_tile *t, const T *from, T *out) {                              \
        out += j->first + t->plane * j->back + t->row * j->down + t->column * j->beside;                                         \
        if (j->beside == 1 && j->down == t->columns && (t->planes == 1 || j->back == t->rows * j->down)) {                       \
            memcpy(out, from, (size_t)t->places * sizeof(T));                                                                    \
            return;                                                                                                              \
        }                                                                                                                        \
        for (int64_t z = 0; z < t->planes; z++)                                                                                  \
            for (int64_t y = 0; y < t->rows; y++, from += t->columns) {                                                          \
                T *to = out + z * j->back + y * j->down;                                                                         \
                if (j->beside == 1)                                                                                              \
                    memcpy(to, from, (size_t)t->columns * sizeof(T));                                                            \
                else                                                                                                             \
                    for (int64_t x = 0; x < t->columns; x++) to[x * j->beside] = from[x];                                        \
            }                                                                                                                    \
    }                                                                                                                            \
    static inline __attribute__((always_inline)) void gl_convolve_part_##s(void *context, int64_t chunk, const int known) {      \
        gl_convolutions *all = context;                                                                                          \
        const int slides = known < 0 ? all->part->slides != 0 : known;                                                           \
        const int64_t units = all->part->n * all->part->groups * all->tiles;                                                     \
        int64_t image = 0, size = 0, sums = 0;                                                                                   \
        for (const gl_convolution *j = all->part; j < all->part + all->parts; j++) {                                             \
            image = gl_between(image, gl_stage_size(j), INT64_MAX);                                                              \
            size = gl_between(size, gl_patches_size(j), INT64_MAX);                                                              \
            sums = gl_between(sums, j->each_f * gl_places(j) + GL_SLACK, INT64_MAX);                                             \
        }                                                                                                                        \
        T *stage = malloc((size_t)(image + size + sums) * sizeof(T));                                                            \
        T *patches = stage + image, *packed = patches + size;                                                                    \
        const gl_convolution *last = 0;                                                                                          \
        int64_t offsets[GL_FEW_TERMS], tall = 0;                                                                                 \
        if (!stage) {                                                                                                            \
            all->failed = 1;                                                                                                     \
            return;                                                                                                              \
        }                                                                                                                        \
        for (int64_t part = units * all->parts * chunk / all->chunks; part < units * all->parts * (chunk + 1) / all->chunks; part++) {\
            const gl_convolution *j = all->part + part % all->parts;                                                             \
            const int64_t unit = part / all->parts, tile = unit % all->tiles;                                                    \
            if (tile >= j->tiles) continue;                                                                                      \
            const gl_conv_tile t = gl_conv_tile_at(j, tile);                                                                     \
            const int64_t n = unit / (all->tiles * j->groups), group = unit / all->tiles % j->groups, pixels = j->pixels;        \
            const T *filters = (const T *)j->right + group * j->each_f * j->each_c * pixels;                                     \
            T *out = (T *)j->out + (n * j->f + group * j->each_f) * j->inside;                                                   \
            /* whether it is all that there is of each channel */                                                                \
            const int whole = t.places == j->inside && j->beside == 1 && !(slides && t.columns * (int64_t)sizeof(T) < GL_SLIDE_BYTES);\
            T *to = whole ? out : packed;                                                                                        \
            if (slides && (last != j || tall != t.tall)) gl_offsets_##s(j, &t, offsets);                                         \
            tall = t.tall;                                                                                                       \
            const int cleared = gl_is_cleared_##s(j, &last, stage);                                                              \
            for (int64_t c = 0; c < j->each_c; c += j->channels) {                                                               \
                const int64_t channels = c + j->channels < j->each_c ? j->channels : j->each_c - c;                              \
                const int64_t channel = n * j->c + group * j->each_c + c;                                                        \
                gl_stage_##s(j, &t, (const T *)j->left + channel * j->d * j->h * j->w, channels, stage, cleared);                \
                if (slides)                                                                                                      \
                    for (int64_t f = 0; f < j->each_f; f++)                                                                      \
                        gl_slide_##s(j, &t, stage, channels, offsets, filters + f * j->each_c * pixels, to + f * t.places);      \
                else {                                                                                                           \
                    gl_columns_##s(j, &t, stage, channels, patches);                                                             \
                    gl_multiply_##s(j->rt, 0, j->each_f, t.places, channels * pixels, filters + c * pixels, j->each_c * pixels,  \
                                    patches, t.places, c > 0, to, t.places);                                                     \
                }                                                                                                                \
            }                                                                                                                    \
            for (int64_t f = 0; !whole && f < j->each_f; f++) gl_put_##s(j, &t, packed + f * t.places, out + f * j->inside);     \
        }                                                                                                                        \
        free(stage);                                                                                                             \
    }                                                                                                                            \
    /* The filters of each group with channels and filters exchanged, of each the pixels that one of the parts meets, from the last\
       to the first; gives back what lies behind them. */                                                                        \
    static T *gl_exchanged_##s(const gl_convolution *j, const gl_interleaved *axes, T *to) {                                     \
        const T *w = j->right;                                                                                                   \
        const int64_t step = j->flip ? -1 : 1, pixels = j->kd * j->kh * j->kw, each_c = j->c / j->groups, each_f = j->f / j->groups;\
        for (int64_t group = 0; group < j->groups; group++)                                                                      \
            for (int64_t c = 0; c < each_c; c++)                                                                                 \
                for (int64_t f = 0; f < each_f; f++) {                                                                           \
                    const T *from = w + ((group * each_f + f) * each_c + c) * pixels + (j->flip ? pixels - 1 : 0);               \
                    for (int64_t z = axes[0].taps - 1; z >= 0; z--)                                                              \
                        for (int64_t y = axes[1].taps - 1; y >= 0; y--)                                                          \
                            for (int64_t x = axes[2].taps - 1; x >= 0; x--)                                                      \
                                *to++ = from[step * (((axes[0].first + z * axes[0].apart) * j->kh + axes[1].first +              \
                                                      y * axes[1].apart) * j->kw + axes[2].first + x * axes[2].apart)];          \
                }                                                                                                                \
        return to;                                                                                                               \
    }                                                                                                                            \
    /* The convolutions that the gradient by the images is, with their filters, in memory that is to be given back; pixels that no\
       place sees become 0. */                                                                                                   \
    static __attribute__((unused)) gl_convolutions gl_interleaved_parts_##s(const gl_convolution *j, void **memory) {            \
        const int64_t many = j->sd * j->sh * j->sw, filters = j->f * (j->c / j->groups) * j->kd * j->kh * j->kw;                 \
        gl_convolutions all = {*memory = malloc((size_t)many * sizeof(gl_convolution) + (size_t)filters * sizeof(T)), 0, 0, 0, 0};\
        T *next = (T *)(all.part + many);                                                                                        \
        for (int64_t k = 0; all.part && k < many; k++) {                                                                         \
            const gl_interleaved axes[] = {gl_interleaved_at(k / (j->sh * j->sw), j->d, j->kd, j->pd, j->sd, j->dd),             \
                                           gl_interleaved_at(k / j->sw % j->sh, j->h, j->kh, j->ph, j->sh, j->dh),               \
                                           gl_interleaved_at(k % j->sw, j->w, j->kw, j->pw, j->sw, j->dw)};                      \
            if (!axes[0].pixels || !axes[1].pixels || !axes[2].pixels) continue;                                                 \
            if (!axes[0].taps || !axes[1].taps || !axes[2].taps) {                                                               \
                memset(j->out, 0, (size_t)(j->n * j->c * j->d * j->h * j->w) * sizeof(T));                                       \
                continue;                                                                                                        \
            }                                                                                                                    \
            all.part[all.parts++] = (gl_convolution){                                                                            \
                .rt = j->rt, .left = j->left, .right = next, .out = j->out, .n = j->n, .c = j->f, .d = j->od, .h = j->oh, .w = j->ow,\
                .f = j->c, .kd = axes[0].taps, .kh = axes[1].taps, .kw = axes[2].taps, .od = axes[0].pixels, .oh = axes[1].pixels,\
                .ow = axes[2].pixels, .pd = axes[0].padding, .ph = axes[1].padding, .pw = axes[2].padding, .sd = 1, .sh = 1, .sw = 1,\
                .dd = axes[0].dilation, .dh = axes[1].dilation, .dw = axes[2].dilation, .groups = j->groups,                     \
                .inside = j->d * j->h * j->w, .first = (axes[0].at * j->h + axes[1].at) * j->w + axes[2].at,                     \
                .back = j->sd * j->h * j->w, .down = j->sh * j->w, .beside = j->sw};                                             \
            next = gl_exchanged_##s(j, axes, next);                                                                              \
        }                                                                                                                        \
        return all;                                                                                                              \
    }                                                                                                                            \
    /* What the places get is added to the pixels that they see: where they are far fewer than the pixels. */                    \
    static void gl_spread_chunk_##s(void *context, int64_t chunk) {                                                              \
        gl_convolution *j = context;                                                                                             \
        const int64_t pixels = j->pixels, plane = j->od * j->oh * j->ow, blocks = (j->each_c + j->channels - 1) / j->channels;   \
        const int64_t all = j->n * j->groups * blocks, inside = j->d * j->h * j->w;                                              \
        const int64_t deep = (j->od - 1) * j->sd + (j->kd - 1) * j->dd + 1, tall = (j->oh - 1) * j->sh + (j->kh - 1) * j->dh + 1;\
        const int64_t seen = (j->ow - 1) * j->sw + (j->kw - 1) * j->dw + 1;                                                      \
        /* whether no place sees anything but the image */                                                                       \
        const int direct = !j->pd && !j->ph && !j->pw && j->sw == 1 && deep <= j->d && tall <= j->h && seen <= j->w;             \
        const int64_t phase = (seen + j->sw - 1) / j->sw;                                                                        \
        const int64_t rows = direct ? j->h : tall, wide = direct ? j->w : phase * j->sw, volume = direct ? inside : deep * tall * wide;\
        const int64_t image = direct ? 0 : j->channels * volume, size = j->channels * pixels * gl_places(j);                     \
        T *stage = malloc((size_t)(image + size + j->each_f * gl_places(j)) * sizeof(T));                                        \
        T *patches = stage + image, *packed = patches + size;                                                                    \
        gl_convolution whole = *j;                                                                                               \
        whole.seen = seen, whole.phase = phase, whole.wide = phase * j->sw;                                                      \
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
                g = gl_pack_##s(g, plane, packed, t.places, j->each_f);                                                          \
                gl_multiply_##s(j->rt, 1, channels * pixels, t.places, j->each_f, filters, j->each_c * pixels, g, t.places, 0, patches,\
                                t.places);                                                                                       \
                gl_add_columns_##s(&whole, &t, sums + (t.plane * j->sd * rows + t.row * j->sh) * wide + t.column, volume, rows, wide,\
                                   channels, patches);                                                                           \
            }                                                                                                                    \
            if (direct) continue;                                                                                                \
            for (int64_t y = 0; y < channels * j->d * j->h; y++, out += j->w) {                                                  \
                const int64_t row = y % j->h + j->ph, slice = y / j->h % j->d + j->pd;                                           \
                if (row < tall && slice < deep)                                                                                  \
                    gl_unstage_row_##s(&whole, stage + ((y / (j->d * j->h) * deep + slice) * tall + row) * wide, out);           \
                else                                                                                                             \
                    memset(out, 0, (size_t)j->w * sizeof(T));                                                                    \
            }                                                                                                                    \
        }                                                                                                                        \
        free(stage);                                                                                                             \
    }                                                                                                                            \
    static inline __attribute__((unused)) int gl_convolve_by_images_spread_##s(                                                  \
        const gl_runtime *rt, const T *g, const T *filters, T *out, GL_CONVOLUTION_LENGTHS) {                                    \
        gl_convolution j = {.rt = rt, .left = g, .right = filters, .out = out, .parts = 0, GL_CONVOLUTION_NAMES};                \
        const int64_t terms = f / groups * kd * kh * kw * od * oh * ow;                                                          \
        if (gl_convolution_is_empty(out, n * c * d * h * w, terms, sizeof(T))) return 0;                                         \
        gl_convolution_tiles(&j, 0);                                                                                             \
        j.chunks = gl_chunks(n * groups * ((j.each_c + j.channels - 1) / j.channels), n * c * terms / 4);                        \
        rt->parallel(gl_spread_chunk_##s, &j, j.chunks);                                                                         \
        return j.failed != 0;                                                                                                    \
    }                                                                                                                            \
    /* tiles of all images are cut into shares, whose sums are added at the end in their order */                                \
    static void gl_convolve_by_filters_chunk_##s(void *context, int64_t share) {                                                 \
        gl_convolution *j = context;                                                                                             \
        const int64_t pixels = j->pixels, plane = j->od * j->oh * j->ow, all = j->n * j->tiles, each = j->each_c * pixels;       \
        const int64_t image = gl_stage_size(j), size = gl_patches_size(j);                                                       \
        T *stage = malloc((size_t)(image + size + j->each_f * gl_places(j)) * sizeof(T));                                        \
        T *patches = stage + image, *packed = patches + size, *sums = (T *)j->parts + share * j->f * each;                       \
        const gl_convolution *last = 0;                                                                                          \
        if (!stage) {                                                                                                            \
            j->failed = 1;                                                                                                       \
            return;                                                                                                              \
        }                                                                                                                        \
        int more = 0;                                                                                                            \
        for (int64_t unit = all * share / j->chunks; unit < all * (share + 1) / j->chunks; unit++, more = 1) {                   \
            const gl_conv_tile t = gl_conv_tile_at(j, unit % j->tiles);                                                          \
            const int64_t n = unit / j->tiles;                                                                                   \
            const int cleared = gl_is_cleared_##s(j, &last, stage);                                                              \
            for (int64_t group = 0; group < j->groups; group++) {                                                                \
                const T *g = (const T *)j->right + (n * j->f + group * j->each_f) * plane + t.first;                             \
                g = gl_pack_##s(g, plane, packed, t.places, j->each_f);                                                          \
                for (int64_t c = 0; c < j->each_c; c += j->channels) {                                                           \
                    const int64_t channels = c + j->channels < j->each_c ? j->channels : j->each_c - c;                          \
                    const int64_t channel = n * j->c + group * j->each_c + c;                                                    \
                    gl_stage_##s(j, &t, (const T *)j->left + channel * j->d * j->h * j->w, channels, stage, cleared);            \
                    gl_columns_##s(j, &t, stage, channels, patches);                                                             \
                    j->rt->gemm(0, 1, j->each_f, channels * pixels, t.places, 1, g, t.places, patches, t.places, more,           \
                                sums + group * j->each_f * each + c * pixels, each);                                             \
                }                                                                                                                \
            }                                                                                                                    \
        }                                                                                                                        \
        free(stage);                                                                                                             \
    }                                                                                                                            \
    /* The same where filters slide: group by group, so that sums stay in the nearest cache. */                                  \
    static void gl_slide_by_filters_chunk_##s(void *context, int64_t share) {                                                    \
        gl_convolution *j = context;                                                                                             \
        const int64_t plane = j->od * j->oh * j->ow, all = j->n * j->tiles, each = j->each_f * j->each_c * j->pixels;            \
        const int64_t image = gl_stage_size(j), narrow = j->columns * (int64_t)sizeof(T) < GL_SLIDE_BYTES;                       \
        T *stage = malloc((size_t)(image + gl_places(j) + GL_SLACK) * sizeof(T)), *packed = stage + image;                       \
        T *to = (T *)j->parts + share * j->groups * each;                                                                        \
        const gl_convolution *last = 0;                                                                                          \
        int64_t offsets[GL_FEW_TERMS], tall = 0;                                                                                 \
        gl_slid_##s sums[GL_FEW_FILTERS * GL_FEW_TERMS];                                                                         \
        if (!stage) {                                                                                                            \
            j->failed = 1;                                                                                                       \
            return;                                                                                                              \
        }                                                                                                                        \
        for (int64_t group = 0; group < j->groups; group++, to += each) {                                                        \
            for (int64_t k = 0; k < each; k++) sums[k] = (gl_slid_##s){0};                                                       \
            for (int64_t unit = all * share / j->chunks; unit < all * (share + 1) / j->chunks; unit++) {                         \
                const gl_conv_tile t = gl_conv_tile_at(j, unit % j->tiles);                                                      \
                const int64_t n = unit / j->tiles;                                                                               \
                if (tall != t.tall) gl_offsets_##s(j, &t, offsets);                                                              \
                tall = t.tall;                                                                                                   \
                gl_stage_##s(j, &t, (const T *)j->left + (n * j->c + group * j->each_c) * j->d * j->h * j->w, j->each_c, stage,  \
                             gl_is_cleared_##s(j, &last, stage));                                                                \
                for (int64_t f = 0; f < j->each_f; f++) {                                                                        \
                    const T *g = (const T *)j->right + (n * j->f + group * j->each_f + f) * plane + t.first;                     \
                    /* whole vectors are read, of the last row, too */                                                           \
                    if (narrow) g = memcpy(packed, g, (size_t)t.places * sizeof(T));                                             \
                    gl_slide_by_filter_##s(j, &t, stage, j->each_c, offsets, g, sums + f * j->each_c * j->pixels);               \
                }                                                                                                                \
            }                                                                                                                    \
            for (int64_t k = 0; k < each; k++) {                                                                                 \
                T sum = 0;                                                                                                       \
                for (uint64_t l = 0; l < GL_SLIDE_BYTES / sizeof(T); l++) sum += sums[k][l];                                     \
                to[k] = sum;                                                                                                     \
            }                                                                                                                    \
        }                                                                                                                        \
        free(stage);                                                                                                             \
    }                                                                                                                            \
    /* The filters' gradient: the sums of shares, which come to be in memory of their own, added in their order. */              \
    static int gl_in_shares_##s(gl_convolution *j, gl_task task, int64_t size, int64_t terms) {                                  \
        const int64_t units = j->n * j->tiles;                                                                                   \
        j->chunks = gl_chunks(units < 8 ? units : 8, terms * size / 4);                                                          \
        T *parts = malloc((size_t)(j->chunks * size) * sizeof(T)), *out = j->out;                                                \
        if (!parts) return 1;                                                                                                    \
        j->parts = parts;                                                                                                        \
        j->rt->parallel(task, j, j->chunks);                                                                                     \
        for (int64_t k = 0; k < size; k++) {                                                                                     \
            T sum = parts[k];                                                                                                    \
            for (int64_t share = 1; share < j->chunks; share++) sum += parts[share * size + k];                                  \
            out[k] = sum;                                                                                                        \
        }                                                                                                                        \
        free(parts);                                                                                                             \
        return j->failed != 0;                                                                                                   \
    }

/* The functions that are called, with what they can do: anything, or where it is known before they are compiled whether filters
   slide, only that, which the compiler is done with in half the time. */
#define GL_CONVOLUTION_FORM(s, T, form, slides, known)                                                                           \
    static void gl_convolve_chunk##form##_##s(void *context, int64_t chunk) {                                                    \
        gl_convolve_part_##s(context, chunk, known);                                                                             \
    }                                                                                                                            \
    static inline __attribute__((unused)) int gl_convolve##form##_##s(                                                           \
        const gl_runtime *rt, const T *x, const T *filters, T *out, GL_CONVOLUTION_LENGTHS) {                                    \
        gl_convolution j = {.rt = rt, .left = x, .right = filters, .out = out, .parts = 0, GL_CONVOLUTION_NAMES,                 \
                            .inside = od * oh * ow, .back = oh * ow, .down = ow, .beside = 1};                                   \
        const int64_t terms = c / groups * kd * kh * kw, places = n * f * od * oh * ow;                                          \
        if (gl_convolution_is_empty(out, places, terms, sizeof(T))) return 0;                                                    \
        gl_convolution_tiles(&j, slides);                                                                                        \
        gl_convolutions all = {&j, 1, j.tiles, gl_chunks(n * groups * j.tiles, places * terms / 4), 0};                          \
        rt->parallel(gl_convolve_chunk##form##_##s, &all, all.chunks);                                                           \
        return all.failed != 0;                                                                                                  \
    }                                                                                                                            \
    static inline __attribute__((unused)) int gl_convolve_by_images##form##_##s(                                                 \
        const gl_runtime *rt, const T *g, const T *filters, T *out, GL_CONVOLUTION_LENGTHS) {                                    \
        const gl_convolution j = {.rt = rt, .left = g, .right = filters, .out = out, .parts = 0, GL_CONVOLUTION_NAMES};          \
        const int64_t terms = f / groups * kd * kh * kw * od * oh * ow;                                                          \
        if (gl_convolution_is_empty(out, n * c * d * h * w, terms, sizeof(T))) return 0;                                         \
        if ((known) < 0 && !(slides) && gl_is_spread(&j))                                                                        \
            return gl_convolve_by_images_spread_##s(rt, g, filters, out, GL_CONVOLUTION_NAMES);                                  \
        void *memory;                                                                                                            \
        gl_convolutions all = gl_interleaved_parts_##s(&j, &memory);                                                             \
        if (!memory) return 1;                                                                                                   \
        for (int64_t k = 0; k < all.parts; k++) {                                                                                \
            gl_convolution_tiles(all.part + k, slides);                                                                          \
            all.tiles = gl_between(all.tiles, all.part[k].tiles, INT64_MAX);                                                     \
        }                                                                                                                        \
        all.chunks = gl_chunks(n * groups * all.tiles * all.parts, n * c * terms / 4);                                           \
        if (all.parts) rt->parallel(gl_convolve_chunk##form##_##s, &all, all.chunks);                                            \
        free(memory);                                                                                                            \
        return all.failed != 0;                                                                                                  \
    }                                                                                                                            \
    static inline __attribute__((unused)) int gl_convolve_by_filters##form##_##s(                                                \
        const gl_runtime *rt, const T *x, const T *g, T *out, GL_CONVOLUTION_LENGTHS) {                                          \
        gl_convolution j = {.rt = rt, .left = x, .right = g, .out = out, .parts = 0, GL_CONVOLUTION_NAMES};                      \
        const int64_t size = f * (c / groups) * kd * kh * kw, terms = n * od * oh * ow;                                          \
        if (gl_convolution_is_empty(out, size, terms, sizeof(T))) return 0;                                                      \
        gl_convolution_tiles(&j, slides);                                                                                        \
        return gl_in_shares_##s(&j, (slides) ? gl_slide_by_filters_chunk_##s : gl_convolve_by_filters_chunk_##s, size, terms);   \
    }

GL_CONVOLUTION(f32, float, gl_eight_of_32, sgemm)
GL_CONVOLUTION(f64, double, gl_eight_of_64, dgemm)
#define GL_SLIDES (f / groups <= GL_FEW_FILTERS && c / groups * kd * kh * kw <= GL_FEW_TERMS)
GL_CONVOLUTION_FORM(f32, float, , GL_SLIDES, -1)
GL_CONVOLUTION_FORM(f64, double, , GL_SLIDES, -1)
GL_CONVOLUTION_FORM(f32, float, _by_products, 0, 0)
GL_CONVOLUTION_FORM(f64, double, _by_products, 0, 0)
GL_CONVOLUTION_FORM(f32, float, _sliding, 1, 1)
GL_CONVOLUTION_FORM(f64, double, _sliding, 1, 1)

#endif
