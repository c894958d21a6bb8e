/* Convolution of images with groups of hardly any filters, and its gradients by either: these slide over the images as they are,
   whole vectors of places in several rows at once. */
#ifndef GRAPHLIB_SLIDING_H
#define GRAPHLIB_SLIDING_H

#include "graphlib_tiles.h"

/* filters of a group up to which there is no product, and the terms of their sums */
#define GL_FEW_FILTERS 2
#define GL_FEW_TERMS 128

#define GL_SLIDING(s, T)                                                                                                         \
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
    static void gl_chunk_sliding_##s(void *context, int64_t chunk) {                                                             \
        gl_convolutions *all = context;                                                                                          \
        int64_t image = 0, sums = 0, offsets[GL_FEW_TERMS], tall = 0;                                                            \
        for (const gl_convolution *j = all->part; j < all->part + all->parts; j++) {                                             \
            image = gl_between(image, gl_stage_size(j), INT64_MAX);                                                              \
            sums = gl_between(sums, gl_places(j) + GL_SLACK, INT64_MAX);                                                         \
        }                                                                                                                        \
        T *stage = malloc((size_t)(image + sums) * sizeof(T)), *packed = stage + image;                                          \
        const gl_convolution *last = 0;                                                                                          \
        if (!stage) all->failed = 1;                                                                                             \
        GL_EACH_UNIT(u, all, chunk, stage) {                                                                                     \
            const gl_convolution *j = u.of;                                                                                      \
            const int64_t each = j->each_c * j->pixels, places = u.tile.places;                                                  \
            const T *filters = (const T *)j->right + u.group * j->each_f * each;                                                 \
            T *out = (T *)j->out + (u.n * j->f + u.group * j->each_f) * j->inside;                                               \
            /* whether it is all that there is of each channel, in rows no shorter than vectors */                               \
            const int whole = places == j->inside && j->beside == 1 && u.tile.columns * (int64_t)sizeof(T) >= GL_SLIDE_BYTES;    \
            if (last != j || tall != u.tile.tall) gl_offsets_##s(j, &u.tile, offsets);                                           \
            tall = u.tile.tall;                                                                                                  \
            const int cleared = gl_is_cleared_##s(j, &last, stage);                                                              \
            gl_stage_##s(j, &u.tile, (const T *)j->left + (u.n * j->c + u.group * j->each_c) * j->d * j->h * j->w, j->each_c, stage,\
                         cleared);                                                                                               \
            for (int64_t f = 0; f < j->each_f; f++) {                                                                            \
                T *to = whole ? out + f * j->inside : packed;                                                                    \
                gl_slide_##s(j, &u.tile, stage, j->each_c, offsets, filters + f * each, to);                                     \
                if (!whole) gl_put_##s(j, &u.tile, packed, out + f * j->inside);                                                 \
            }                                                                                                                    \
        }                                                                                                                        \
        free(stage);                                                                                                             \
    }                                                                                                                            \
    /* Shares of the gradient by the filters, group by group, so that sums stay in the nearest cache. */                         \
    static void gl_by_filters_chunk_sliding_##s(void *context, int64_t share) {                                                  \
        gl_convolution *j = context;                                                                                             \
        const int64_t plane = j->od * j->oh * j->ow, all = j->n * j->tiles, each = j->each_f * j->each_c * j->pixels;            \
        const int64_t image = gl_stage_size(j), narrow = j->columns * (int64_t)sizeof(T) < GL_SLIDE_BYTES;                       \
        T *stage = malloc((size_t)(image + gl_places(j) + GL_SLACK) * sizeof(T)), *packed = stage + image;                       \
        const int64_t begin = all * share / j->chunks, end = all * (share + 1) / j->chunks;                                      \
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
            for (int64_t unit = begin, n = begin / j->tiles; unit < end; unit++, n += unit == (n + 1) * j->tiles) {              \
                const gl_conv_tile t = gl_conv_tile_at(j, unit - n * j->tiles);                                                  \
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
    static void gl_tiles_sliding_##s(gl_convolution *j) { gl_convolution_tiles(j, 1); }                                          \
    static int gl_run_sliding_##s(gl_convolutions *all) {                                                                        \
        all->part->rt->parallel(gl_chunk_sliding_##s, all, all->chunks);                                                         \
        return all->failed != 0;                                                                                                 \
    }

GL_SLIDING(f32, float)
GL_SLIDING(f64, double)
GL_CONVOLVED(f32, float, _sliding)
GL_CONVOLVED(f64, double, _sliding)

#endif
