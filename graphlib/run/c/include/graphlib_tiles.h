/* What convolutions that go through the output tile by tile have in common: the lengths that they are given, the tiles, the part of
   the images that a tile sees, the gradient by the images as convolutions, the gradient by the filters as sums of shares.  Images
   (n, c, d, h, w) meet filters (f, c / groups, kd, kh, kw) and give (n, f, od, oh, ow); two-dimensional images have a depth of 1.
   The gradient by the images is a convolution, too, or several: of the places in steps of s each pixel meets only every s-th of the
   filters' pixels, one set of them at every s-th pixel.  Parts are cut by the shapes only, so results do not depend on the number
   of threads. */
#ifndef GRAPHLIB_TILES_H
#define GRAPHLIB_TILES_H

#include <graphlib_vectors.h>

#include "graphlib_runtime.h"

/* elements of a tile of patches, and the least of its places if there are so many */
#define GL_PATCHES 16384
#define GL_PLACES 256
/* elements behind a buffer that copies of whole vectors may touch */
#define GL_SLACK 16

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
    int64_t tiles, chunks, failed;
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

/* How much of the output and of the channels is taken at once; `all`: whether all channels are. */
static inline __attribute__((unused)) void gl_convolution_tiles(gl_convolution *j, int all) {
    j->each_c = j->c / j->groups;
    j->each_f = j->f / j->groups;
    j->pixels = j->kd * j->kh * j->kw;
    gl_turn_column(j);
    j->columns = j->od * j->oh == 1 ? gl_even(j->ow, 2 * GL_PLACES) : j->ow;
    const int64_t row = j->pixels * j->columns, plane = j->oh * j->columns;
    j->rows = gl_between(1, (GL_PLACES + j->columns - 1) / j->columns, j->oh);
    j->planes = j->rows == j->oh ? gl_between(1, (GL_PLACES + plane - 1) / plane, j->od) : 1;
    j->channels = gl_even(j->each_c, gl_between(1, GL_PATCHES / (row * j->rows * j->planes), j->each_c));
    if (all) j->channels = j->each_c;
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
    if (j->tiles == 1)
        return (gl_conv_tile){0, 0, 0, j->od, j->oh, j->ow, 0, j->od * j->oh * j->ow, (j->od - 1) * j->sd + (j->kd - 1) * j->dd + 1,
                              (j->oh - 1) * j->sh + (j->kh - 1) * j->dh + 1};
    const int64_t by_columns = (j->ow + j->columns - 1) / j->columns, by_rows = (j->oh + j->rows - 1) / j->rows;
    const int64_t x = tile % by_columns * j->columns, y = tile / by_columns % by_rows * j->rows;
    const int64_t z = tile / by_columns / by_rows * j->planes;
    const int64_t planes = z + j->planes < j->od ? j->planes : j->od - z, rows = y + j->rows < j->oh ? j->rows : j->oh - y;
    const int64_t columns = x + j->columns < j->ow ? j->columns : j->ow - x;
    return (gl_conv_tile){z, y, x, planes, rows, columns, (z * j->oh + y) * j->ow + x, planes * rows * columns,
                          (planes - 1) * j->sd + (j->kd - 1) * j->dd + 1, (rows - 1) * j->sh + (j->kh - 1) * j->dh + 1};
}

/* A tile of one of several convolutions, of the channels of a group of an image.  They are gone through one after the other, the
   convolutions first, then tiles, groups and images: divisions for each would take as long as to compute a small one. */
typedef struct {
    int64_t part, number, group, n;
    const gl_convolution *of;
    gl_conv_tile tile;
} gl_unit;

static inline __attribute__((unused)) int64_t gl_units(const gl_convolutions *all) {
    return all->part->n * all->part->groups * all->tiles * all->parts;
}

/* The unit before one of these. */
static inline __attribute__((unused)) gl_unit gl_unit_before(const gl_convolutions *all, int64_t k) {
    const int64_t tiles = k / all->parts, groups = tiles / all->tiles;
    return (gl_unit){k % all->parts - 1, tiles % all->tiles, groups % all->part->groups, groups / all->part->groups, 0, {0}};
}

/* The next one; whether there is one, for some of the convolutions have fewer tiles. */
static inline __attribute__((unused)) int gl_next_unit(const gl_convolutions *all, gl_unit *unit) {
    if (++unit->part == all->parts) {
        unit->part = 0;
        if (++unit->number == all->tiles) {
            unit->number = 0;
            if (++unit->group == all->part->groups) {
                unit->group = 0;
                unit->n++;
            }
        }
    }
    unit->of = all->part + unit->part;
    if (unit->number >= unit->of->tiles) return 0;
    unit->tile = gl_conv_tile_at(unit->of, unit->number);
    return 1;
}

/* Does what follows for each unit ``u`` of a chunk, one after the other, or nothing where there is no memory. */
#define GL_EACH_UNIT(u, all, chunk, memory)                                                                        \
    gl_unit u = gl_unit_before(all, gl_units(all) * (chunk) / (all)->chunks);                                      \
    for (int64_t k = gl_units(all) * (chunk) / (all)->chunks, end = gl_units(all) * ((chunk) + 1) / (all)->chunks; \
         (memory) && k < end; k++)                                                                                 \
        if (gl_next_unit(all, &u))

/* Elements of the buffer for what a tile sees of the images. */
static inline int64_t gl_stage_size(const gl_convolution *j) {
    const int64_t deep = (j->planes - 1) * j->sd + (j->kd - 1) * j->dd + 1, tall = (j->rows - 1) * j->sh + (j->kh - 1) * j->dh + 1;
    return j->channels * deep * tall * j->wide + GL_SLACK;
}
/* Where a column of the filters looks, from the first place, in a row by phases (see gl_stage). */
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

/* Whether there is nothing to compute: no elements, or each is a sum of no terms, and 0. */
static inline int gl_convolution_is_empty(void *out, int64_t elements, int64_t terms, size_t item) {
    if (!terms) memset(out, 0, (size_t)elements * item);
    return !elements || !terms;
}

#define GL_BY_TILES(s, T, I)                                                                                                     \
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
    /* Where the filters' pixels look, from the corner of a tile, in their order. */                                             \
    static void gl_offsets_##s(const gl_convolution *j, const gl_conv_tile *t, int64_t *offsets) {                               \
        gl_pixel pixel = gl_first_pixel(j);                                                                                      \
        for (int64_t r = 0; r < j->pixels; r++) offsets[r] = gl_next_offset(j, &pixel, t->tall, j->wide);                        \
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

/* The functions that are called, of a `form` for which there are: gl_tiles, which cuts a convolution into tiles; gl_run, which
   computes several whose tiles are cut; and gl_by_filters_chunk, a share of the gradient by the filters. */
#define GL_CONVOLVED(s, T, form)                                                                                                 \
    static inline __attribute__((unused)) int gl_convolve##form##_##s(                                                           \
        const gl_runtime *rt, const T *x, const T *filters, T *out, GL_CONVOLUTION_LENGTHS) {                                    \
        gl_convolution j = {.rt = rt, .left = x, .right = filters, .out = out, .parts = 0, GL_CONVOLUTION_NAMES,                 \
                            .inside = od * oh * ow, .back = oh * ow, .down = ow, .beside = 1};                                   \
        const int64_t terms = c / groups * kd * kh * kw, places = n * f * od * oh * ow;                                          \
        if (gl_convolution_is_empty(out, places, terms, sizeof(T))) return 0;                                                    \
        gl_tiles##form##_##s(&j);                                                                                                \
        gl_convolutions all = {&j, 1, j.tiles, gl_chunks(n * groups * j.tiles, places * terms / 4), 0};                          \
        return gl_run##form##_##s(&all);                                                                                         \
    }                                                                                                                            \
    static inline __attribute__((unused)) int gl_convolve_by_images##form##_##s(                                                 \
        const gl_runtime *rt, const T *g, const T *filters, T *out, GL_CONVOLUTION_LENGTHS) {                                    \
        const gl_convolution j = {.rt = rt, .left = g, .right = filters, .out = out, .parts = 0, GL_CONVOLUTION_NAMES};          \
        const int64_t terms = f / groups * kd * kh * kw * od * oh * ow;                                                          \
        if (gl_convolution_is_empty(out, n * c * d * h * w, terms, sizeof(T))) return 0;                                         \
        void *memory;                                                                                                            \
        gl_convolutions all = gl_interleaved_parts_##s(&j, &memory);                                                             \
        if (!memory) return 1;                                                                                                   \
        for (int64_t k = 0; k < all.parts; k++) {                                                                                \
            gl_tiles##form##_##s(all.part + k);                                                                                  \
            all.tiles = gl_between(all.tiles, all.part[k].tiles, INT64_MAX);                                                     \
        }                                                                                                                        \
        all.chunks = gl_chunks(n * groups * all.tiles * all.parts, n * c * terms / 4);                                           \
        const int failed = all.parts ? gl_run##form##_##s(&all) : 0;                                                             \
        free(memory);                                                                                                            \
        return failed;                                                                                                           \
    }                                                                                                                            \
    static inline __attribute__((unused)) int gl_convolve_by_filters##form##_##s(                                                \
        const gl_runtime *rt, const T *x, const T *g, T *out, GL_CONVOLUTION_LENGTHS) {                                          \
        gl_convolution j = {.rt = rt, .left = x, .right = g, .out = out, .parts = 0, GL_CONVOLUTION_NAMES};                      \
        const int64_t size = f * (c / groups) * kd * kh * kw, terms = n * od * oh * ow;                                          \
        if (gl_convolution_is_empty(out, size, terms, sizeof(T))) return 0;                                                      \
        gl_tiles##form##_##s(&j);                                                                                                \
        return gl_in_shares_##s(&j, gl_by_filters_chunk##form##_##s, size, terms);                                               \
    }

GL_BY_TILES(f32, float, gl_eight_of_32)
GL_BY_TILES(f64, double, gl_eight_of_64)

#endif
