/* Convolution of images (n, c, d, h, w) with filters (f, c / groups, kd, kh, kw) whose numbers fill vectors, and its gradients by
   either: without patches of the images.  Vectors of filters (of channels, for the gradient by the images) lie side by side, and
   some places of a row meet them while their sums stay in registers, for all pixels of the filters and many channels.  The
   gradient by the filters is the same: vectors of filters of what comes to the places meet some channels of the images, for all
   places.  Parts are cut by the shapes only, so results do not depend on the number of threads. */
#ifndef GRAPHLIB_DIRECT_H
#define GRAPHLIB_DIRECT_H

#include "graphlib_lanes.h"

/* Sums that are taken at once, of two vectors each: an even number, as many as there are registers. */
#if defined(__AVX512F__)
#define GL_MOST_SUMS 14
#define GL_SUMS(F) F(2) F(4) F(6) F(8) F(10) F(12) F(14)
#elif defined(__aarch64__)
#define GL_MOST_SUMS 12
#define GL_SUMS(F) F(2) F(4) F(6) F(8) F(10) F(12)
#else
#define GL_MOST_SUMS 6
#define GL_SUMS(F) F(2) F(4) F(6)
#endif
/* about how many bytes of the images are staged at once: half a second cache */
#define GL_STAGE_BYTES 524288
/* parts of the work from which on there are enough for threads */
#define GL_LEAST_UNITS 8

/* so many at a time that as few as possible are computed in vain */
static inline int64_t gl_sums_at_once(int64_t length) {
    const int64_t each = gl_even(length, GL_MOST_SUMS);
    return each + each % 2;
}

/* Tiles whose part of all channels stays in the second cache, and of few images so many that there is work for all threads. */
static inline __attribute__((unused)) void gl_direct_tiles(gl_convolution *j, int64_t item) {
    gl_convolution_tiles(j, 0);
    const int64_t units = j->n * j->groups, pieces = (GL_LEAST_UNITS + units - 1) / units, deep = (j->kd - 1) * j->dd;
    const int64_t row = j->each_c * j->wide * item, plane = ((j->oh - 1) * j->sh + (j->kh - 1) * j->dh + 1) * row;
    const int64_t planes = (GL_STAGE_BYTES / plane - deep) / j->sd;
    const int64_t rows = (GL_STAGE_BYTES / ((deep + 1) * row) - (j->kh - 1) * j->dh) / j->sh;
    j->channels = j->each_c;
    j->planes = gl_even(j->od, gl_between(1, planes, (j->od + pieces - 1) / pieces));
    j->rows = j->planes > 1 ? j->oh : gl_even(j->oh, gl_between(1, rows, (j->oh * j->od + pieces - 1) / pieces / j->od + 1));
    if (j->rows > j->oh) j->rows = j->oh;
    j->tiles = (j->od + j->planes - 1) / j->planes * ((j->oh + j->rows - 1) / j->rows) * ((j->ow + j->columns - 1) / j->columns);
}

/* `count` sums of `vectors` vectors each: what elements side by side from x on, and those `offsets` behind them, give with vectors
   of filters, `outer` times as many, `next` apart. */
#define GL_MEET(s, count, vectors)                                                                                               \
    static void gl_meet_##count##_##vectors##_##s(const gl_meeting_##s *m) {                                                     \
        gl_lanes_##s sum[count][vectors], *to = m->to;                                                                           \
        const gl_lanes_##s *filters = m->filters;                                                                                \
        const int64_t *const offsets = m->offsets, inner = m->inner, next = m->next;                                             \
        const __typeof__(*m->x) *x = m->x;                                                                                       \
        GL_UNROLL for (int i = 0; i < count; i++)                                                                                \
            GL_UNROLL for (int v = 0; v < vectors; v++) sum[i][v] = (gl_lanes_##s){0};                                           \
        for (int64_t k = m->outer; k > 0; k--, x += next)                                                                        \
            for (int64_t p = 0; p < inner; p++, filters += vectors) {                                                            \
                const __typeof__(*x) *const seen = x + offsets[p];                                                               \
                gl_lanes_##s w[vectors];                                                                                         \
                GL_UNROLL for (int v = 0; v < vectors; v++) w[v] = filters[v];                                                   \
                GL_UNROLL for (int i = 0; i < count; i++)                                                                        \
                    GL_UNROLL for (int v = 0; v < vectors; v++) sum[i][v] += seen[i] * w[v];                                     \
            }                                                                                                                    \
        if (m->more)                                                                                                             \
            GL_UNROLL for (int i = 0; i < count; i++)                                                                            \
                GL_UNROLL for (int v = 0; v < vectors; v++) sum[i][v] += to[i * vectors + v];                                    \
        GL_UNROLL for (int i = 0; i < count; i++)                                                                                \
            GL_UNROLL for (int v = 0; v < vectors; v++) to[i * vectors + v] = sum[i][v];                                         \
    }

#define GL_MEET_2_f32(count) GL_MEET(f32, count, 1) GL_MEET(f32, count, 2)
#define GL_MEET_2_f64(count) GL_MEET(f64, count, 1) GL_MEET(f64, count, 2)
#define GL_MET_f32(count) [count / 2] = {gl_meet_##count##_1_f32, gl_meet_##count##_2_f32},
#define GL_MET_f64(count) [count / 2] = {gl_meet_##count##_1_f64, gl_meet_##count##_2_f64},

#define GL_DIRECT_KERNELS(s, T)                                                                                                  \
    typedef struct {                                                                                                             \
        const T *x;                                                                                                              \
        int64_t outer, next;                                                                                                     \
        const int64_t *offsets;                                                                                                  \
        int64_t inner;                                                                                                           \
        const gl_lanes_##s *filters;                                                                                             \
        gl_lanes_##s *to;                                                                                                        \
        int more;                                                                                                                \
    } gl_meeting_##s;                                                                                                            \
    GL_SUMS(GL_MEET_2_##s)                                                                                                       \
    static void (*const gl_met_##s[GL_MOST_SUMS / 2 + 1][2])(const gl_meeting_##s *) = {GL_SUMS(GL_MET_##s)};

#define GL_DIRECT(s, T)                                                                                                          \
    /* A matrix of `rows` rows of `n` elements turned, in panels of two vectors of rows, the last perhaps of one. */             \
    static void gl_panels_##s(const T *x, int64_t row, int64_t rows, int64_t n, T *to) {                                         \
        enum { L = GL_LANES_##s };                                                                                               \
        const T *end = x + (rows - 1) * row + n;                                                                                 \
        for (int64_t r = 0; r < rows; r += L, x += L * row) {                                                                    \
            const int64_t width = rows - r / (2 * L) * (2 * L) > L ? 2 * L : L;                                                  \
            T *panel = to + r / (2 * L) * (2 * L) * n + r % (2 * L);                                                             \
            for (int64_t k = 0; k < n; k += L) {                                                                                 \
                gl_lanes_##s block[L];                                                                                           \
                const int64_t count = n - k < L ? n - k : L;                                                                     \
                gl_gather_##s(x + k, row, rows - r < L ? rows - r : L, count, end, block, 0);                                    \
                for (int64_t l = 0; l < count; l++) *(gl_lanes_##s *)(panel + (k + l) * width) = block[l];                       \
            }                                                                                                                    \
        }                                                                                                                        \
    }                                                                                                                            \
    /* Memory in which vectors lie as they should; what is to be given back is `memory`. */                                      \
    static T *gl_vectors_##s(int64_t n, void **memory) {                                                                         \
        *memory = malloc((size_t)n * sizeof(T) + 64);                                                                            \
        return *memory ? (T *)(((uintptr_t)*memory + 63) / 64 * 64) : 0;                                                         \
    }                                                                                                                            \
    static void gl_chunk_direct_##s(void *context, int64_t chunk) {                                                              \
        enum { L = GL_LANES_##s };                                                                                               \
        gl_convolutions *all = context;                                                                                          \
        int64_t image = 0, places = 0, pixels = 0;                                                                               \
        for (const gl_convolution *j = all->part; j < all->part + all->parts; j++) {                                             \
            image = gl_between(image, gl_filled(gl_stage_size(j), 16), INT64_MAX);                                               \
            places = gl_between(places, gl_filled(gl_places(j), L) + GL_MOST_SUMS, INT64_MAX);                                   \
            pixels = gl_between(pixels, j->pixels, INT64_MAX);                                                                   \
        }                                                                                                                        \
        void *memory;                                                                                                            \
        T *sums = gl_vectors_##s(places * 3 * L + image + pixels * 2, &memory);                                                  \
        T *turned = sums + places * 2 * L, *stage = turned + places * L;                                                         \
        int64_t *offsets = (int64_t *)(stage + image);                                                                           \
        const gl_convolution *last = 0;                                                                                          \
        if (!sums) all->failed = 1;                                                                                              \
        GL_EACH_UNIT(u, all, chunk, sums) {                                                                                      \
            const gl_convolution *j = u.of;                                                                                      \
            const gl_conv_tile t = u.tile;                                                                                       \
            const int64_t n = u.n, group = u.group, terms = j->each_c * j->pixels, step = gl_sums_at_once(t.columns);            \
            const int whole = t.places == j->inside && j->beside == 1, cleared = gl_is_cleared_##s(j, &last, stage);             \
            gl_offsets_##s(j, &t, offsets);                                                                                      \
            gl_stage_##s(j, &t, (const T *)j->left + (n * j->c + group * j->each_c) * j->d * j->h * j->w, j->each_c, stage, cleared);\
            for (int64_t f = 0; f < j->each_f; f += 2 * L) {                                                                     \
                const int64_t vectors = j->each_f - f > L ? 2 : 1;                                                               \
                const T *filters = (const T *)j->right + (group * gl_filled(j->each_f, L) + f) * terms;                          \
                gl_meeting_##s m = {.outer = j->each_c, .next = t.deep * t.tall * j->wide, .offsets = offsets, .inner = j->pixels,\
                                    .filters = (const gl_lanes_##s *)filters, .to = (gl_lanes_##s *)sums};                       \
                for (int64_t z = 0; z < t.planes; z++)                                                                           \
                    for (int64_t y = 0; y < t.rows; y++)                                                                         \
                        for (int64_t x = 0, left; x < t.columns; x += step) {                                                    \
                            left = t.columns - x < step ? t.columns - x : step;                                                  \
                            m.x = stage + (z * j->sd * t.tall + y * j->sh) * j->wide + x;                                        \
                            /* one more of an odd number: the next one's place, which comes later */                             \
                            gl_met_##s[(left + 1) / 2][vectors - 1](&m);                                                         \
                            m.to += left * vectors;                                                                              \
                        }                                                                                                        \
                for (int64_t v = 0; v < vectors; v++) {                                                                          \
                    const int64_t first = f + v * L, filters_left = j->each_f - first < L ? j->each_f - first : L;               \
                    T *out = (T *)j->out + (n * j->f + group * j->each_f + first) * j->inside, *to = whole ? out : turned;       \
                    for (int64_t k = 0; k < t.places; k += L) {                                                                  \
                        gl_lanes_##s block[L];                                                                                   \
                        for (int64_t l = 0; l < L; l++) block[l] = ((const gl_lanes_##s *)sums)[(k + l) * vectors + v];          \
                        gl_scatter_##s(block, t.places - k, to + k, t.places, filters_left);                                     \
                    }                                                                                                            \
                    for (int64_t l = 0; !whole && l < filters_left; l++)                                                         \
                        gl_put_##s(j, &t, turned + l * t.places, out + l * j->inside);                                           \
                }                                                                                                                \
            }                                                                                                                    \
        }                                                                                                                        \
        free(memory);                                                                                                            \
    }                                                                                                                            \
    /* The channels' part that a tile sees, its channels side by side. */                                                        \
    static void gl_stage_channels_##s(const gl_convolution *j, const gl_conv_tile *t, const T *x, const T *end, T *to, int64_t filled) {\
        enum { L = GL_LANES_##s };                                                                                               \
        const int64_t front = t->plane * j->sd - j->pd, top = t->row * j->sh - j->ph, left = t->column * j->sw - j->pw;          \
        const int64_t low = gl_between(0, -left, j->wide), high = gl_between(low, j->w - left, j->wide), volume = j->d * j->h * j->w;\
        for (int64_t z = front; z < front + t->deep; z++)                                                                        \
            for (int64_t y = top; y < top + t->tall; y++, to += j->wide * filled) {                                              \
                if (z < 0 || z >= j->d || y < 0 || y >= j->h) continue;                                                          \
                for (int64_t k = low; k < high; k += L)                                                                          \
                    for (int64_t c = 0; c < j->each_c; c += L) {                                                                 \
                        gl_lanes_##s block[L];                                                                                   \
                        const int64_t count = high - k < L ? high - k : L;                                                       \
                        gl_gather_##s(x + c * volume + (z * j->h + y) * j->w + left + k, volume, j->each_c - c < L ? j->each_c - c : L,\
                                      count, end, block, 0);                                                                     \
                        for (int64_t l = 0; l < count; l++) *(gl_lanes_##s *)(to + (k + l) * filled + c) = block[l];             \
                    }                                                                                                            \
            }                                                                                                                    \
    }                                                                                                                            \
    /* Tiles of all images are cut into shares, whose sums are added at the end in their order. */                               \
    static void gl_by_filters_chunk_direct_##s(void *context, int64_t share) {                                                   \
        enum { L = GL_LANES_##s };                                                                                               \
        gl_convolution *j = context;                                                                                             \
        const int64_t plane = j->od * j->oh * j->ow, all = j->n * j->tiles, each = j->each_c * j->pixels;                        \
        const int64_t filled = gl_filled(j->each_c, L), others = gl_filled(j->each_f, L), step = gl_sums_at_once(j->each_c);     \
        const int64_t deep = (j->planes - 1) * j->sd + (j->kd - 1) * j->dd + 1, tall = (j->rows - 1) * j->sh + (j->kh - 1) * j->dh + 1;\
        const int64_t image = deep * tall * j->wide * filled, given = gl_places(j) * others, all_sums = j->pixels * filled * others;\
        void *memory;                                                                                                            \
        T *stage = gl_vectors_##s(image + given + j->groups * all_sums + 2 * (j->columns + j->pixels), &memory);                 \
        T *turned = stage + image, *sums = turned + given;                                                                       \
        int64_t *columns = (int64_t *)(sums + j->groups * all_sums), *offsets = columns + j->columns;                            \
        if (!stage) {                                                                                                            \
            j->failed = 1;                                                                                                       \
            return;                                                                                                              \
        }                                                                                                                        \
        for (int64_t x = 0; x < j->columns; x++) columns[x] = x * j->sw * filled;                                                \
        int more = 0;                                                                                                            \
        for (int64_t unit = all * share / j->chunks; unit < all * (share + 1) / j->chunks; unit++, more = 1) {                   \
            const gl_conv_tile t = gl_conv_tile_at(j, unit % j->tiles);                                                          \
            const int64_t n = unit / j->tiles;                                                                                   \
            if (!more || j->tiles > 1) memset(stage, 0, (size_t)image * sizeof(T));                                              \
            for (int64_t r = 0; r < j->pixels; r++) {                                                                            \
                const int64_t pixel = j->flip ? j->pixels - 1 - r : r, q = pixel / j->kw;                                        \
                offsets[r] = ((q / j->kh * j->dd * t.tall + q % j->kh * j->dh) * j->wide + pixel % j->kw * j->dw) * filled;      \
            }                                                                                                                    \
            for (int64_t group = 0; group < j->groups; group++) {                                                                \
                const int64_t channels = j->d * j->h * j->w;                                                                     \
                gl_stage_channels_##s(j, &t, (const T *)j->left + (n * j->c + group * j->each_c) * channels,                     \
                                      (const T *)j->left + j->n * j->c * channels, stage, filled);                               \
                gl_panels_##s((const T *)j->right + (n * j->f + group * j->each_f) * plane + t.first, plane, j->each_f, t.places,\
                              turned);                                                                                           \
                for (int64_t f = 0; f < j->each_f; f += 2 * L) {                                                                 \
                    const int64_t vectors = j->each_f - f > L ? 2 : 1, places = t.rows * t.columns * vectors;                    \
                    const gl_lanes_##s *g = (const gl_lanes_##s *)(turned + f * t.places);                                       \
                    gl_meeting_##s m = {.outer = t.rows, .next = j->sh * j->wide * filled, .offsets = columns, .inner = t.columns};\
                    for (int64_t r = 0; r < j->pixels; r++)                                                                      \
                        for (int64_t c = 0; c < j->each_c; c += step) {                                                          \
                            const int64_t left = j->each_c - c < step ? j->each_c - c : step;                                    \
                            m.to = (gl_lanes_##s *)(sums + group * all_sums + f * j->pixels * filled + (r * filled + c) * vectors * L);\
                            for (int64_t z = 0; z < t.planes; z++) {                                                             \
                                m.x = stage + offsets[r] + z * j->sd * t.tall * j->wide * filled + c;                            \
                                m.filters = g + z * places;                                                                      \
                                m.more = more || z;                                                                              \
                                gl_met_##s[(left + 1) / 2][vectors - 1](&m);                                                     \
                            }                                                                                                    \
                        }                                                                                                        \
                }                                                                                                                \
            }                                                                                                                    \
        }                                                                                                                        \
        T *to = (T *)j->parts + share * j->f * each;                                                                             \
        for (int64_t group = 0; group < j->groups; group++)                                                                      \
            for (int64_t f = 0; f < j->each_f; f++, to += each) {                                                                \
                const int64_t begin = f / (2 * L) * (2 * L), vectors = j->each_f - begin > L ? 2 : 1;                            \
                const T *from = sums + group * all_sums + begin * j->pixels * filled + f - begin;                                \
                for (int64_t c = 0; c < j->each_c; c++)                                                                          \
                    for (int64_t r = 0; r < j->pixels; r++) to[c * j->pixels + r] = from[(r * filled + c) * vectors * L];        \
            }                                                                                                                    \
        free(memory);                                                                                                            \
    }                                                                                                                            \
    /* The filters of all parts in panels, and the parts computed. */                                                            \
    static int gl_run_direct_##s(gl_convolutions *all) {                                                                         \
        enum { L = GL_LANES_##s };                                                                                               \
        int64_t filters = 0;                                                                                                     \
        for (const gl_convolution *j = all->part; j < all->part + all->parts; j++) filters += j->pixels;                         \
        void *memory;                                                                                                            \
        gl_convolution *const first = all->part;                                                                                 \
        const int64_t groups = first->groups, each_f = first->f / groups, each_c = first->c / groups;                            \
        T *next = gl_vectors_##s(groups * gl_filled(each_f, L) * each_c * filters, &memory);                                     \
        if (!next) return 1;                                                                                                     \
        for (gl_convolution *j = first; j < first + all->parts; j++) {                                                           \
            const int64_t terms = each_c * j->pixels;                                                                            \
            const T *w = j->right;                                                                                               \
            j->right = next;                                                                                                     \
            for (int64_t group = 0; group < groups; group++, next += gl_filled(each_f, L) * terms)                               \
                gl_panels_##s(w + group * each_f * terms, terms, each_f, terms, next);                                           \
        }                                                                                                                        \
        first->rt->parallel(gl_chunk_direct_##s, all, all->chunks);                                                              \
        free(memory);                                                                                                            \
        return all->failed != 0;                                                                                                 \
    }                                                                                                                            \
    static void gl_tiles_direct_##s(gl_convolution *j) { gl_direct_tiles(j, sizeof(T)); }

GL_DIRECT_KERNELS(f32, float)
GL_DIRECT_KERNELS(f64, double)
GL_DIRECT(f32, float)
GL_DIRECT(f64, double)
GL_CONVOLVED(f32, float, _direct)
GL_CONVOLVED(f64, double, _direct)

#endif
