/* Convolution of images with filters, and its gradients by either, as matrix products: patches of the images are copied tile by
   tile into a piece of memory that stays in the nearest caches, and meet the filters.  The gradient by the images is that, too, or is added up in
   columns like patches, which are then added to the pixels that they were to come from. */
#ifndef GRAPHLIB_PATCHES_H
#define GRAPHLIB_PATCHES_H

#include "graphlib_tiles.h"

/* rows of a product whose other factor is not copied once more */
#define GL_FACTOR_ROWS 48

/* Elements of the buffer for the patches of a tile. */
static inline int64_t gl_patches_size(const gl_convolution *j) {
    return j->channels * j->pixels * gl_places(j) + GL_SLACK;
}

#define GL_PRODUCTS(s, T, gemm)                                                                                                  \
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
    /* A row of an image from where it lies by phases (see gl_stage). */                                                         \
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
    static void gl_chunk_by_products_##s(void *context, int64_t chunk) {                                                         \
        gl_convolutions *all = context;                                                                                          \
        int64_t image = 0, size = 0, sums = 0;                                                                                   \
        for (const gl_convolution *j = all->part; j < all->part + all->parts; j++) {                                             \
            image = gl_between(image, gl_stage_size(j), INT64_MAX);                                                              \
            size = gl_between(size, gl_patches_size(j), INT64_MAX);                                                              \
            sums = gl_between(sums, j->each_f * gl_places(j) + GL_SLACK, INT64_MAX);                                             \
        }                                                                                                                        \
        T *stage = malloc((size_t)(image + size + sums) * sizeof(T));                                                            \
        T *patches = stage + image, *packed = patches + size;                                                                    \
        const gl_convolution *last = 0;                                                                                          \
        if (!stage) all->failed = 1;                                                                                             \
        GL_EACH_UNIT(u, all, chunk, stage) {                                                                                     \
            const gl_convolution *j = u.of;                                                                                      \
            const int64_t pixels = j->pixels, places = u.tile.places;                                                            \
            const T *filters = (const T *)j->right + u.group * j->each_f * j->each_c * pixels;                                   \
            T *out = (T *)j->out + (u.n * j->f + u.group * j->each_f) * j->inside;                                               \
            /* whether it is all that there is of each channel */                                                                \
            const int whole = places == j->inside && j->beside == 1, cleared = gl_is_cleared_##s(j, &last, stage);               \
            T *to = whole ? out : packed;                                                                                        \
            for (int64_t c = 0; c < j->each_c; c += j->channels) {                                                               \
                const int64_t channels = c + j->channels < j->each_c ? j->channels : j->each_c - c;                              \
                const int64_t channel = u.n * j->c + u.group * j->each_c + c;                                                    \
                gl_stage_##s(j, &u.tile, (const T *)j->left + channel * j->d * j->h * j->w, channels, stage, cleared);           \
                gl_columns_##s(j, &u.tile, stage, channels, patches);                                                            \
                gl_multiply_##s(j->rt, 0, j->each_f, places, channels * pixels, filters + c * pixels, j->each_c * pixels, patches,\
                                places, c > 0, to, places);                                                                      \
            }                                                                                                                    \
            for (int64_t f = 0; !whole && f < j->each_f; f++) gl_put_##s(j, &u.tile, packed + f * places, out + f * j->inside);  \
        }                                                                                                                        \
        free(stage);                                                                                                             \
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
    static void gl_by_filters_chunk_by_products_##s(void *context, int64_t share) {                                              \
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
    static void gl_tiles_by_products_##s(gl_convolution *j) { gl_convolution_tiles(j, 0); }                                      \
    static int gl_run_by_products_##s(gl_convolutions *all) {                                                                    \
        all->part->rt->parallel(gl_chunk_by_products_##s, all, all->chunks);                                                     \
        return all->failed != 0;                                                                                                 \
    }

GL_PRODUCTS(f32, float, sgemm)
GL_PRODUCTS(f64, double, dgemm)
GL_CONVOLVED(f32, float, _by_products)
GL_CONVOLVED(f64, double, _by_products)

#endif
