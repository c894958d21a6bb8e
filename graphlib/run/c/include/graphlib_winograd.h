/* Convolution of images (n, c, h, w) with filters (f, c / groups, 3, 3) or (…, 5, 5) in steps of one pixel, and its gradients by
   either, with fewer multiplications (Winograd 1980; Lavin and Gray 2015).

   A tile of 6 x 6 pixels and a filter, each taken as a polynomial's values at 36 points, are multiplied point by point, which
   gives 4 x 4 places (2 x 2 for filters of 5 x 5) in 36 multiplications where the sums have 144 (100).  At each point the channels
   are added up, for all tiles and filters: a matrix product.  The gradient by the filters is the same the other way round.

   The points are 0, 3/4, -3/4, 3/2, -3/2 and infinity, along each axis.  With these the error of a result is about twice that of
   the sum itself, where it is five times that with the 0, 1, -1, 2, -2 that are commonly taken, and all constants are exact.

   Where a result is not finite all are computed once more as sums, in which a pixel that is not finite meets only those places
   that see it.  Parts are cut by the shapes only, so results do not depend on the number of threads. */
#ifndef GRAPHLIB_WINOGRAD_H
#define GRAPHLIB_WINOGRAD_H

#include "graphlib_lanes.h"
#include "graphlib_patches.h"

/* tiles side by side that are taken at once, and the most of a product, which then needs no copy of its factors */
#define GL_STRIP 16
#define GL_TILES 60
#define GL_LEAST_TILES 15
/* bytes of what there is of a product's tiles at all points */
#define GL_POINTS_BYTES 8388608
/* bytes of the sums that chunks have of the filters' gradient */
#define GL_SUMS_BYTES 16777216

typedef struct {
    const gl_runtime *rt;
    const void *images, *places; /* what the images' tiles and those of the places are read from */
    const void *filters;
    void *out, *factors;         /* the filters at all points; of their gradient the chunks' parts */
    int64_t n, c, h, w, f, oh, ow, ph, pw, turned, groups;
    int64_t from, to;            /* of the filters: the step to the next of the channels that are added up, and of the others */
    int64_t side;                /* of the part of a tile that is new to it */
    int64_t tall, wide, strip;   /* tiles of an image, and of a strip, some of one row */
    int64_t pieces, strips;      /* strips of a row, and of all images */
    int64_t at_once, blocks;     /* strips of a product, and products */
    int64_t chunks, failed, odd;
} gl_winograd;

/* Some tiles of a row of an image. */
typedef struct {
    int64_t image, row, first, tiles;
} gl_strip;

static inline gl_strip gl_strip_at(const gl_winograd *j, int64_t strip) {
    const int64_t first = strip % j->pieces * j->strip, row = strip / j->pieces;
    return (gl_strip){row / j->tall, row % j->tall, first, j->wide - first < j->strip ? j->wide - first : j->strip};
}

/* How tiles are taken together for some parts of the work; `bytes`: of one tile at all points. */
static inline __attribute__((unused)) void gl_winograd_tiles(gl_winograd *j, int64_t bytes, int64_t parts) {
    j->tall = (j->oh + j->side - 1) / j->side;
    j->wide = (j->ow + j->side - 1) / j->side;
    j->strip = gl_even(j->wide, GL_STRIP);
    j->pieces = (j->wide + j->strip - 1) / j->strip;
    j->strips = j->n * j->tall * j->pieces;
    const int64_t part = j->n * j->tall * j->wide / parts, most = GL_POINTS_BYTES / bytes < part ? GL_POINTS_BYTES / bytes : part;
    j->at_once = gl_between(1, gl_between(GL_LEAST_TILES, most, GL_TILES) / j->strip, j->strips);
    j->blocks = (j->strips + j->at_once - 1) / j->at_once;
}

/* Whether products of patches are faster: there are few tiles, or much of them or of the vectors lies outside.  Of one image and
   channel, `others` are what the vectors have: multiplications are counted, of which a product of tiles takes its own and as many
   again for the way to the points and back as are seen here. */
static inline int gl_is_too_small(int64_t n, int64_t side, int64_t oh, int64_t ow, int64_t places, int64_t others, int64_t lanes) {
    const int64_t tiles = ((oh + side - 1) / side) * ((ow + side - 1) / side), pixels = (7 - side) * (7 - side);
    return n * tiles < 16 || 56 * tiles * gl_filled(others, lanes) > pixels * places * others;
}

#define GL_WINOGRAD(s, T, gemm)                                                                                                  \
    /* The values of a polynomial of `count` coefficients at the six points; `scaled`: over the products of the differences      \
       between a point and the others. */                                                                                        \
    static inline __attribute__((always_inline)) void gl_at_points_##s(const gl_lanes_##s *x, int64_t step, gl_lanes_##s *y,     \
                                                                       int64_t to, const int count, const int scaled) {          \
        const T p = (T)0.75, q = (T)1.5, pp = p * p, qq = q * q;                                                                 \
        const T zero = scaled ? 1 / (pp * qq) : 1, by_p = scaled ? 1 / (2 * pp * (pp - qq)) : 1;                                 \
        const T by_q = scaled ? 1 / (2 * qq * (qq - pp)) : 1;                                                                    \
        gl_lanes_##s even_p = x[0] * by_p, even_q = x[0] * by_q, odd_p = x[step] * (p * by_p), odd_q = x[step] * (q * by_q);     \
        if (count > 2) even_p += x[2 * step] * (pp * by_p), even_q += x[2 * step] * (qq * by_q);                                 \
        if (count > 3) odd_p += x[3 * step] * (p * pp * by_p), odd_q += x[3 * step] * (q * qq * by_q);                           \
        if (count > 4) even_p += x[4 * step] * (pp * pp * by_p), even_q += x[4 * step] * (qq * qq * by_q);                       \
        y[0] = x[0] * zero;                                                                                                      \
        y[to] = even_p + odd_p;                                                                                                  \
        y[2 * to] = even_p - odd_p;                                                                                              \
        y[3 * to] = even_q + odd_q;                                                                                              \
        y[4 * to] = even_q - odd_q;                                                                                              \
        y[5 * to] = x[(count - 1) * step];                                                                                       \
    }                                                                                                                            \
    /* Its transpose: from six points to `count` coefficients. */                                                                \
    static inline __attribute__((always_inline)) void gl_from_points_##s(const gl_lanes_##s *x, int64_t step, gl_lanes_##s *y,   \
                                                                         int64_t to, const int count, const int scaled) {        \
        const T p = (T)0.75, q = (T)1.5, pp = p * p, qq = q * q;                                                                 \
        const T zero = scaled ? 1 / (pp * qq) : 1, by_p = scaled ? 1 / (2 * pp * (pp - qq)) : 1;                                 \
        const T by_q = scaled ? 1 / (2 * qq * (qq - pp)) : 1;                                                                    \
        const gl_lanes_##s even_p = x[step] + x[2 * step], odd_p = x[step] - x[2 * step];                                        \
        const gl_lanes_##s even_q = x[3 * step] + x[4 * step], odd_q = x[3 * step] - x[4 * step], last = x[5 * step];            \
        y[0] = x[0] * zero + even_p * by_p + even_q * by_q;                                                                      \
        y[to] = odd_p * (p * by_p) + odd_q * (q * by_q);                                                                         \
        if (count > 2) y[2 * to] = even_p * (pp * by_p) + even_q * (qq * by_q);                                                  \
        if (count > 3) y[3 * to] = odd_p * (p * pp * by_p) + odd_q * (q * qq * by_q);                                            \
        if (count > 4) y[4 * to] = even_p * (pp * pp * by_p) + even_q * (qq * qq * by_q);                                        \
        y[(count - 1) * to] += last;                                                                                             \
    }                                                                                                                            \
    /* Six pixels of the images as they meet those: the transpose of an interpolation. */                                        \
    static inline __attribute__((always_inline)) void gl_to_points_##s(const gl_lanes_##s *x, int64_t step, gl_lanes_##s *y,     \
                                                                       int64_t to) {                                             \
        const T p = (T)0.75, q = (T)1.5, pp = p * p, qq = q * q;                                                                 \
        const gl_lanes_##s a = x[0], b = x[step], c = x[2 * step], d = x[3 * step], e = x[4 * step], f = x[5 * step];            \
        const gl_lanes_##s even_p = e - qq * c, odd_p = (d - qq * b) * p, even_q = e - pp * c, odd_q = (d - pp * b) * q;         \
        y[0] = pp * qq * a - (pp + qq) * c + e;                                                                                  \
        y[to] = even_p + odd_p;                                                                                                  \
        y[2 * to] = even_p - odd_p;                                                                                              \
        y[3 * to] = even_q + odd_q;                                                                                              \
        y[4 * to] = even_q - odd_q;                                                                                              \
        y[5 * to] = pp * qq * b - (pp + qq) * d + f;                                                                             \
    }                                                                                                                            \
    /* The tiles of a strip at all points: of a vector of channels of x, in planes of h x w, tiles of `seen` pixels a side,      \
       `side` apart, the first of which begins at (top, left).  Each tile has a row of `row` elements at each point, which has   \
       `point` elements. */                                                                                                      \
    static inline __attribute__((always_inline)) void gl_strip_to_points_##s(                                                    \
        const gl_strip *t, const T *x, const T *end, int64_t channels, int64_t h, int64_t w, int64_t top, int64_t left,          \
        const int side, const int seen, T *to, int64_t row, int64_t point) {                                                     \
        enum { L = GL_LANES_##s };                                                                                               \
        gl_lanes_##s columns[6][4 * GL_STRIP + 2 + L];                                                                           \
        const int64_t wide = side * (t->tiles - 1) + seen;                                                                       \
        const int64_t low = gl_between(0, -left, wide), high = gl_between(low, w - left, wide);                                  \
        for (int a = 0; a < 6; a++) {                                                                                            \
            for (int64_t k = 0; k < low; k++) columns[a][k] = (gl_lanes_##s){0};                                                 \
            for (int64_t k = high; k < wide; k++) columns[a][k] = (gl_lanes_##s){0};                                             \
        }                                                                                                                        \
        for (int64_t k = low; k < high; k += L) {                                                                                \
            gl_lanes_##s pixels[6][L];                                                                                           \
            const int64_t count = high - k < L ? high - k : L;                                                                   \
            for (int i = 0; i < seen; i++)                                                                                       \
                if (top + i < 0 || top + i >= h)                                                                                 \
                    for (int l = 0; l < L; l++) pixels[i][l] = (gl_lanes_##s){0};                                                \
                else                                                                                                             \
                    gl_gather_##s(x + (top + i) * w + left + k, h * w, channels, count, end, pixels[i], side * w);               \
            for (int64_t l = 0; l < count; l++)                                                                                  \
                if (seen == 6)                                                                                                   \
                    gl_to_points_##s(&pixels[0][l], L, &columns[0][k + l], 4 * GL_STRIP + 2 + L);                                \
                else                                                                                                             \
                    gl_at_points_##s(&pixels[0][l], L, &columns[0][k + l], 4 * GL_STRIP + 2 + L, seen, 0);                       \
        }                                                                                                                        \
        for (int64_t k = 0; k < t->tiles; k++, to += row)                                                                        \
            for (int a = 0; a < 6; a++) {                                                                                        \
                gl_lanes_##s found[6];                                                                                           \
                if (seen == 6)                                                                                                   \
                    gl_to_points_##s(&columns[a][side * k], 1, found, 1);                                                        \
                else                                                                                                             \
                    gl_at_points_##s(&columns[a][side * k], 1, found, 1, seen, 0);                                               \
                GL_UNROLL for (int b = 0; b < 6; b++) *(gl_unaligned_##s *)(to + (6 * a + b) * point) = found[b];                \
            }                                                                                                                    \
    }                                                                                                                            \
    /* And back, a vector of filters: the places of a strip. */                                                                  \
    static inline __attribute__((always_inline)) gl_lanes_##s gl_strip_from_points_##s(                                          \
        const gl_winograd *j, const gl_strip *t, const T *from, int64_t row, int64_t point, T *out, int64_t filters,             \
        const int side) {                                                                                                        \
        enum { L = GL_LANES_##s };                                                                                               \
        gl_lanes_##s places[4][4 * GL_STRIP + L], odd = {0};                                                                     \
        for (int64_t k = 0; k < t->tiles; k++, from += row) {                                                                    \
            gl_lanes_##s columns[4][6];                                                                                          \
            GL_UNROLL for (int b = 0; b < 6; b++) {                                                                              \
                gl_lanes_##s x[6];                                                                                               \
                GL_UNROLL for (int a = 0; a < 6; a++) x[a] = *(const gl_unaligned_##s *)(from + (6 * a + b) * point);            \
                gl_from_points_##s(x, 1, &columns[0][b], 6, side, 0);                                                            \
            }                                                                                                                    \
            GL_UNROLL for (int y = 0; y < side; y++) {                                                                           \
                gl_from_points_##s(columns[y], 1, &places[y][side * k], 1, side, 0);                                             \
                GL_UNROLL for (int i = 0; i < side; i++) odd += places[y][side * k + i] * 0;                                     \
            }                                                                                                                    \
        }                                                                                                                        \
        const int64_t left = side * t->first, wide = gl_between(0, j->ow - left, side * t->tiles), plane = j->oh * j->ow;        \
        for (int64_t y = 0; y < side && side * t->row + y < j->oh; y++)                                                          \
            for (int64_t k = 0; k < wide; k += L)                                                                                \
                gl_scatter_##s(&places[y][k], wide - k, out + (side * t->row + y) * j->ow + left + k, plane, filters);           \
        return odd;                                                                                                              \
    }                                                                                                                            \
    static inline int gl_is_odd_##s(gl_lanes_##s x) {                                                                            \
        int odd = 0;                                                                                                             \
        for (int l = 0; l < GL_LANES_##s; l++) odd |= x[l] != 0;                                                                 \
        return odd;                                                                                                              \
    }                                                                                                                            \
    /* The filters at all points: for each pair of vectors of filters, at each point a matrix with a row for each channel. */    \
    static inline __attribute__((always_inline)) void gl_filters_to_points_##s(void *context, int64_t chunk, const int side) {   \
        enum { L = GL_LANES_##s };                                                                                               \
        const gl_winograd *j = context;                                                                                          \
        const int count = 7 - side;                                                                                              \
        const int64_t pixels = count * count, each_c = j->c / j->groups, each_f = j->f / j->groups;                              \
        const int64_t filled = gl_filled(each_f, L), vectors = filled / L, all = j->groups * vectors;                            \
        for (int64_t unit = all * chunk / j->chunks; unit < all * (chunk + 1) / j->chunks; unit++) {                             \
            const int64_t group = unit / vectors, f = unit % vectors * L, begin = f / (2 * L) * (2 * L);                         \
            const int64_t row = filled - begin < 2 * L ? L : 2 * L, filters = each_f - f < L ? each_f - f : L;                   \
            const T *w = (const T *)j->filters + group * each_f * each_c * pixels + f * j->to;                                   \
            T *to = (T *)j->factors + 36 * each_c * (group * filled + begin) + f - begin;                                        \
            for (int64_t c = 0; c < each_c; c++, w += j->from, to += row) {                                                      \
                T turned[25][L];                                                                                                 \
                gl_lanes_##s x[5][5], y[6][5], z[6];                                                                             \
                memset(turned, 0, sizeof turned);                                                                                \
                for (int64_t l = 0; l < filters; l++)                                                                            \
                    for (int64_t k = 0; k < pixels; k++) turned[j->turned ? pixels - 1 - k : k][l] = w[l * j->to + k];           \
                for (int a = 0; a < count; a++)                                                                                  \
                    for (int b = 0; b < count; b++) memcpy(&x[a][b], turned[a * count + b], sizeof x[a][b]);                     \
                for (int b = 0; b < count; b++) gl_at_points_##s(&x[0][b], 5, &y[0][b], 5, count, 1);                            \
                for (int a = 0; a < 6; a++) {                                                                                    \
                    gl_at_points_##s(y[a], 1, z, 1, count, 1);                                                                   \
                    for (int b = 0; b < 6; b++) *(gl_unaligned_##s *)(to + (6 * a + b) * each_c * row) = z[b];                   \
                }                                                                                                                \
            }                                                                                                                    \
        }                                                                                                                        \
    }                                                                                                                            \
    static inline __attribute__((always_inline)) void gl_winograd_part_##s(void *context, int64_t chunk, const int side) {       \
        enum { L = GL_LANES_##s };                                                                                               \
        gl_winograd *j = context;                                                                                                \
        const int64_t each_c = j->c / j->groups, each_f = j->f / j->groups, wide = gl_filled(each_c, L);                         \
        const int64_t filled = gl_filled(each_f, L), tiles = j->at_once * j->strip, all = j->groups * j->blocks;                 \
        const int64_t point = tiles * wide + L, to = tiles * 2 * L + L, plane = j->h * j->w;                                     \
        const T *end = (const T *)j->images + j->n * j->c * plane;                                                               \
        T *points = malloc((size_t)(36 * (point + to)) * sizeof(T)), *sums = points + 36 * point;                                \
        gl_lanes_##s odd = {0};                                                                                                  \
        if (!points) {                                                                                                           \
            j->failed = 1;                                                                                                       \
            return;                                                                                                              \
        }                                                                                                                        \
        for (int64_t unit = all * chunk / j->chunks; unit < all * (chunk + 1) / j->chunks; unit++) {                             \
            const int64_t group = unit / j->blocks, begin = unit % j->blocks * j->at_once;                                       \
            const int64_t stop = begin + j->at_once < j->strips ? begin + j->at_once : j->strips;                                \
            int64_t count = 0;                                                                                                   \
            for (int64_t k = begin; k < stop; k++) {                                                                             \
                const gl_strip t = gl_strip_at(j, k);                                                                            \
                for (int64_t c = 0; c < each_c; c += L)                                                                          \
                    gl_strip_to_points_##s(&t, (const T *)j->images + (t.image * j->c + group * each_c + c) * plane, end,        \
                                           each_c - c < L ? each_c - c : L, j->h, j->w, side * t.row - j->ph,                    \
                                           side * t.first - j->pw, side, 6, points + count * wide + c, wide, point);             \
                count += t.tiles;                                                                                                \
            }                                                                                                                    \
            for (int64_t f = 0; f < filled; f += 2 * L) {                                                                        \
                const int64_t row = filled - f < 2 * L ? L : 2 * L;                                                              \
                const T *factors = (const T *)j->factors + 36 * each_c * (group * filled + f);                                   \
                for (int64_t q = 0; q < 36; q++)                                                                                 \
                    j->rt->gemm(0, 0, count, row, each_c, 1, points + q * point, wide, factors + q * each_c * row, row, 0,       \
                                sums + q * to, row);                                                                             \
                for (int64_t g = f; g < f + row; g += L) {                                                                       \
                    const T *from = sums + g - f;                                                                                \
                    for (int64_t k = begin; k < stop; k++) {                                                                     \
                        const gl_strip t = gl_strip_at(j, k);                                                                    \
                        odd += gl_strip_from_points_##s(                                                                         \
                            j, &t, from, row, to, (T *)j->out + (t.image * j->f + group * each_f + g) * j->oh * j->ow,           \
                            each_f - g < L ? each_f - g : L, side);                                                              \
                        from += t.tiles * row;                                                                                   \
                    }                                                                                                            \
                }                                                                                                                \
            }                                                                                                                    \
        }                                                                                                                        \
        if (gl_is_odd_##s(odd)) j->odd = 1;                                                                                      \
        free(points);                                                                                                            \
    }                                                                                                                            \
    /* The filters' gradient: the blocks are cut into shares, whose sums are added at the end in their order. */                 \
    static inline __attribute__((always_inline)) void gl_winograd_by_filters_part_##s(void *context, int64_t share,              \
                                                                                      const int side) {                          \
        enum { L = GL_LANES_##s };                                                                                               \
        gl_winograd *j = context;                                                                                                \
        const int count = 7 - side;                                                                                              \
        const int64_t each_c = j->c / j->groups, each_f = j->f / j->groups, wide = gl_filled(each_c, L);                         \
        const int64_t filled = gl_filled(each_f, L), tiles = j->at_once * j->strip, pixels = count * count;                      \
        const int64_t point = tiles * wide + L, other = tiles * filled + L, all = each_f * wide;                                 \
        const int64_t plane = j->h * j->w, place = j->oh * j->ow;                                                                \
        const T *end = (const T *)j->images + j->n * j->c * plane, *last = (const T *)j->places + j->n * j->f * place;           \
        T *points = malloc((size_t)(36 * (point + other + all)) * sizeof(T));                                                    \
        T *others = points + 36 * point, *sums = others + 36 * other;                                                            \
        if (!points) {                                                                                                           \
            j->failed = 1;                                                                                                       \
            return;                                                                                                              \
        }                                                                                                                        \
        const int64_t begin = j->blocks * share / j->chunks, stop = j->blocks * (share + 1) / j->chunks;                         \
        for (int64_t group = 0; group < j->groups; group++) {                                                                    \
            for (int64_t block = begin; block < stop; block++) {                                                                 \
                int64_t taken = 0;                                                                                               \
                for (int64_t k = block * j->at_once; k < (block + 1) * j->at_once && k < j->strips; k++) {                       \
                    const gl_strip t = gl_strip_at(j, k);                                                                        \
                    for (int64_t c = 0; c < each_c; c += L)                                                                      \
                        gl_strip_to_points_##s(&t, (const T *)j->images + (t.image * j->c + group * each_c + c) * plane, end,    \
                                               each_c - c < L ? each_c - c : L, j->h, j->w, side * t.row - j->ph,                \
                                               side * t.first - j->pw, side, 6, points + taken * wide + c, wide, point);         \
                    for (int64_t f = 0; f < each_f; f += L)                                                                      \
                        gl_strip_to_points_##s(&t, (const T *)j->places + (t.image * j->f + group * each_f + f) * place, last,   \
                                               each_f - f < L ? each_f - f : L, j->oh, j->ow, side * t.row, side * t.first,      \
                                               side, side, others + taken * filled + f, filled, other);                          \
                    taken += t.tiles;                                                                                            \
                }                                                                                                                \
                for (int64_t q = 0; q < 36; q++)                                                                                 \
                    j->rt->gemm(1, 0, each_f, wide, taken, 1, others + q * other, filled, points + q * point, wide,              \
                                block > begin, sums + q * all, wide);                                                            \
            }                                                                                                                    \
            T *to = (T *)j->factors + ((share * j->groups + group) * each_f) * each_c * pixels;                                  \
            for (int64_t f = 0; f < each_f; f++)                                                                                 \
                for (int64_t c = 0; c < each_c; c += L, to += (each_c - c + L < L ? each_c - c + L : L) * pixels) {              \
                    gl_lanes_##s x[6], y[5][6], z[5];                                                                            \
                    T turned[25][L];                                                                                             \
                    for (int b = 0; b < 6; b++) {                                                                                \
                        for (int a = 0; a < 6; a++)                                                                              \
                            x[a] = *(const gl_unaligned_##s *)(sums + (6 * a + b) * all + f * wide + c);                         \
                        gl_from_points_##s(x, 1, &y[0][b], 6, count, 1);                                                         \
                    }                                                                                                            \
                    for (int a = 0; a < count; a++) {                                                                            \
                        gl_from_points_##s(y[a], 1, z, 1, count, 1);                                                             \
                        for (int b = 0; b < count; b++) memcpy(turned[a * count + b], &z[b], sizeof z[b]);                       \
                    }                                                                                                            \
                    for (int64_t l = 0; l < L && c + l < each_c; l++)                                                            \
                        for (int64_t k = 0; k < pixels; k++) to[l * pixels + k] = turned[j->turned ? pixels - 1 - k : k][l];     \
                }                                                                                                                \
        }                                                                                                                        \
        free(points);                                                                                                            \
    }                                                                                                                            \
    /* A convolution of x with the filters at hand: 2 where a result is not finite, 1 where there is no memory. */               \
    static inline __attribute__((always_inline)) int gl_winograd_##s(gl_winograd *j, gl_task filters, gl_task part) {            \
        enum { L = GL_LANES_##s };                                                                                               \
        const int64_t each_c = j->c / j->groups, filled = j->groups * gl_filled(j->f / j->groups, L);                            \
        T *factors = malloc((size_t)(36 * each_c * filled) * sizeof(T));                                                         \
        if (!factors) return 1;                                                                                                  \
        j->factors = factors;                                                                                                    \
        j->chunks = gl_chunks(filled / L, 36 * each_c * filled);                                                                 \
        j->rt->parallel(filters, j, j->chunks);                                                                                  \
        gl_winograd_tiles(j, 36 * gl_filled(each_c, L) * (int64_t)sizeof(T), GL_MAX_CHUNKS);                                     \
        j->chunks = gl_chunks(j->groups * j->blocks, 9 * each_c * filled * j->strips * j->strip);                                \
        j->rt->parallel(part, j, j->chunks);                                                                                     \
        free(factors);                                                                                                           \
        return j->failed ? 1 : j->odd ? 2 : 0;                                                                                   \
    }

/* The functions that are called, for filters of 3 x 3 and of 5 x 5. */
#define GL_WINOGRAD_FORM(s, T, form, side_of_tile)                                                                               \
    static void gl_filters_to_points##form##_##s(void *context, int64_t chunk) {                                                 \
        gl_filters_to_points_##s(context, chunk, side_of_tile);                                                                  \
    }                                                                                                                            \
    static void gl_winograd_chunk##form##_##s(void *context, int64_t chunk) {                                                    \
        gl_winograd_part_##s(context, chunk, side_of_tile);                                                                      \
    }                                                                                                                            \
    static void gl_winograd_by_filters_chunk##form##_##s(void *context, int64_t share) {                                         \
        gl_winograd_by_filters_part_##s(context, share, side_of_tile);                                                           \
    }                                                                                                                            \
    static inline __attribute__((unused)) int gl_convolve##form##_##s(                                                           \
        const gl_runtime *rt, const T *x, const T *filters, T *out, GL_CONVOLUTION_LENGTHS) {                                    \
        const int64_t pixels = kh * kw;                                                                                          \
        int code = 2;                                                                                                            \
        if (!gl_is_too_small(n, side_of_tile, oh, ow, oh * ow, f / groups, GL_LANES_##s)) {                                      \
            gl_winograd j = {.rt = rt, .images = x, .filters = filters, .out = out, .n = n, .c = c, .h = h, .w = w, .f = f,      \
                             .oh = oh, .ow = ow, .ph = ph, .pw = pw, .turned = flip, .groups = groups, .from = pixels,           \
                             .to = c / groups * pixels, .side = side_of_tile};                                                   \
            code = gl_winograd_##s(&j, gl_filters_to_points##form##_##s, gl_winograd_chunk##form##_##s);                         \
        }                                                                                                                        \
        return code == 2 ? gl_convolve_by_products_##s(rt, x, filters, out, GL_CONVOLUTION_NAMES) : code;                        \
    }                                                                                                                            \
    static inline __attribute__((unused)) int gl_convolve_by_images##form##_##s(                                                 \
        const gl_runtime *rt, const T *g, const T *filters, T *out, GL_CONVOLUTION_LENGTHS) {                                    \
        const int64_t pixels = kh * kw;                                                                                          \
        int code = 2;                                                                                                            \
        if (!gl_is_too_small(n, side_of_tile, h, w, oh * ow, c / groups, GL_LANES_##s)) {                                        \
            gl_winograd j = {.rt = rt, .images = g, .filters = filters, .out = out, .n = n, .c = f, .h = oh, .w = ow, .f = c,    \
                             .oh = h, .ow = w, .ph = kh - 1 - ph, .pw = kw - 1 - pw, .turned = !flip, .groups = groups,          \
                             .from = c / groups * pixels, .to = pixels, .side = side_of_tile};                                   \
            code = gl_winograd_##s(&j, gl_filters_to_points##form##_##s, gl_winograd_chunk##form##_##s);                         \
        }                                                                                                                        \
        return code == 2 ? gl_convolve_by_images_spread_##s(rt, g, filters, out, GL_CONVOLUTION_NAMES) : code;                   \
    }                                                                                                                            \
    static inline __attribute__((unused)) int gl_convolve_by_filters##form##_##s(                                                \
        const gl_runtime *rt, const T *x, const T *g, T *out, GL_CONVOLUTION_LENGTHS) {                                          \
        if (gl_is_too_small(n, side_of_tile, oh, ow, oh * ow, c / groups, GL_LANES_##s))                                         \
            return gl_convolve_by_filters_by_products_##s(rt, x, g, out, GL_CONVOLUTION_NAMES);                                  \
        const int64_t size = f * (c / groups) * kh * kw, bytes = 36 * (int64_t)sizeof(T);                                        \
        gl_winograd j = {.rt = rt, .images = x, .places = g, .n = n, .c = c, .h = h, .w = w, .f = f, .oh = oh, .ow = ow,         \
                         .ph = ph, .pw = pw, .turned = flip, .groups = groups, .side = side_of_tile};                            \
        const int64_t most = gl_between(2, GL_SUMS_BYTES / (bytes * f * (c / groups)), 8);                                       \
        gl_winograd_tiles(&j, bytes * (gl_filled(c / groups, GL_LANES_##s) + gl_filled(f / groups, GL_LANES_##s)), most);        \
        j.chunks = gl_chunks(j.blocks < most ? j.blocks : most, 9 * f * (c / groups) * j.strips * j.strip);                      \
        T *parts = malloc((size_t)(j.chunks * size) * sizeof(T));                                                                \
        if (!parts) return 1;                                                                                                    \
        j.factors = parts;                                                                                                       \
        rt->parallel(gl_winograd_by_filters_chunk##form##_##s, &j, j.chunks);                                                    \
        T odd = 0;                                                                                                               \
        for (int64_t k = 0; k < size; k++) {                                                                                     \
            T sum = parts[k];                                                                                                    \
            for (int64_t share = 1; share < j.chunks; share++) sum += parts[share * size + k];                                   \
            out[k] = sum;                                                                                                        \
            odd += sum * 0;                                                                                                      \
        }                                                                                                                        \
        free(parts);                                                                                                             \
        if (j.failed) return 1;                                                                                                  \
        return odd != 0 ? gl_convolve_by_filters_by_products_##s(rt, x, g, out, GL_CONVOLUTION_NAMES) : 0;                       \
    }

GL_WINOGRAD(f32, float, sgemm)
GL_WINOGRAD(f64, double, dgemm)
GL_WINOGRAD_FORM(f32, float, _of_3, 4)
GL_WINOGRAD_FORM(f64, double, _of_3, 4)
GL_WINOGRAD_FORM(f32, float, _of_5, 2)
GL_WINOGRAD_FORM(f64, double, _of_5, 2)

#endif
