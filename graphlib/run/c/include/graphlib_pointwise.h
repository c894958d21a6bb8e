/* Convolution with filters of one pixel (1 x 1 and its like), without padding, in steps or not, and its gradients: products of the
   channels' planes as they lie in memory.  Copied are pixels where steps leave some out, and images of few places, which several
   together make a matrix wide enough.  Parts are cut by the shapes only, so results do not depend on the number of threads. */
#ifndef GRAPHLIB_POINTWISE_H
#define GRAPHLIB_POINTWISE_H

#include "graphlib_tiles.h"

/* places of an image below which several are taken together */
#define GL_FEW_PLACES 128

typedef struct {
    const gl_runtime *rt;
    const void *left, *right;
    void *out, *parts;
    int64_t n, groups, each_c, each_f;       /* images, groups, the channels and the filters of one */
    int64_t h, w, od, oh, ow, sd, sh, sw;    /* of an image, of the places, steps */
    int64_t inside, places, strided;         /* pixels of an image, places of the output, whether some pixel is not seen */
    int64_t together, blocks, units, chunks; /* images taken together; parts of the places of one; all of these */
    int failed;
} gl_pointwise;

/* Some images of a group, and a part of their places. */
typedef struct {
    int64_t group, first, count, block;
} gl_some;

static inline gl_some gl_some_at(const gl_pointwise *j, int64_t unit) {
    const int64_t group = unit / j->blocks % j->groups, first = unit / (j->blocks * j->groups) * j->together;
    return (gl_some){group, first, j->n - first < j->together ? j->n - first : j->together, unit % j->blocks};
}

static inline __attribute__((unused)) gl_pointwise gl_pointwise_of(const gl_runtime *rt, const void *left, const void *right, void *out,
                                                                   int cut, GL_CONVOLUTION_LENGTHS) {
    gl_pointwise j = {.rt = rt, .left = left, .right = right, .out = out, .n = n, .groups = groups, .each_c = c / groups,
                      .each_f = f / groups, .h = h, .w = w, .od = od, .oh = oh, .ow = ow, .sd = sd, .sh = sh, .sw = sw,
                      .inside = d * h * w, .places = od * oh * ow, .strided = sd * sh * sw > 1, .blocks = 1};
    const int64_t most = j.places && j.places < GL_FEW_PLACES ? GL_PLACES / j.places : 1;
    j.together = n ? gl_even(n, most) : 1;
    /* few images are cut, unless something is to be copied for the whole of one */
    if (cut && most == 1 && !j.strided && n * groups < GL_MAX_CHUNKS)
        j.blocks = gl_between(1, GL_MAX_CHUNKS, 1 + j.places / GL_PLACES);
    j.units = (n + j.together - 1) / j.together * groups * j.blocks;
    j.chunks = gl_chunks(j.units, j.places * n * f * j.each_c / 4);
    return j;
}

#define GL_POINTWISE(s, T, gemm)                                                                                                \
    /* What the places see of one channel, side by side; and back, into an image that has nothing else. */                      \
    static void gl_seen_##s(const gl_pointwise *j, const T *x, T *to) {                                                         \
        for (int64_t z = 0; z < j->od; z++)                                                                                     \
            for (int64_t y = 0; y < j->oh; y++, to += j->ow) {                                                                  \
                const T *row = x + (z * j->sd * j->h + y * j->sh) * j->w;                                                       \
                for (int64_t k = 0; k < j->ow; k++) to[k] = row[k * j->sw];                                                     \
            }                                                                                                                   \
    }                                                                                                                           \
    static void gl_unseen_##s(const gl_pointwise *j, const T *from, T *x) {                                                     \
        memset(x, 0, (size_t)j->inside * sizeof(T));                                                                            \
        for (int64_t z = 0; z < j->od; z++)                                                                                     \
            for (int64_t y = 0; y < j->oh; y++, from += j->ow) {                                                                \
                T *row = x + (z * j->sd * j->h + y * j->sh) * j->w;                                                             \
                for (int64_t k = 0; k < j->ow; k++) row[k * j->sw] = from[k];                                                   \
            }                                                                                                                   \
    }                                                                                                                           \
    /* A group of some images as a matrix, a row a channel, of what the places see; where it lies so already it is not copied.  \
       `steps`: whether there are pixels that no place sees. */                                                                 \
    static const T *gl_gathered_##s(const gl_pointwise *j, const T *x, const gl_some *t, int64_t channels, int steps, T *buffer) {\
        const int64_t P = j->places, inside = steps ? j->inside : P, next = j->groups * channels * inside;                      \
        x += (t->first * j->groups + t->group) * channels * inside;                                                             \
        if (t->count == 1 && !steps) return x;                                                                                  \
        for (int64_t c = 0; c < channels; c++, x += inside)                                                                     \
            for (int64_t k = 0; k < t->count; k++)                                                                              \
                if (steps)                                                                                                      \
                    gl_seen_##s(j, x + k * next, buffer + (c * t->count + k) * P);                                              \
                else                                                                                                            \
                    memcpy(buffer + (c * t->count + k) * P, x + k * next, (size_t)P * sizeof(T));                               \
        return buffer;                                                                                                          \
    }                                                                                                                           \
    /* where such a matrix is computed, and its way into the images */                                                          \
    static T *gl_place_##s(const gl_pointwise *j, T *x, const gl_some *t, int64_t channels, int steps, T *buffer) {             \
        const int64_t inside = steps ? j->inside : j->places;                                                                   \
        return t->count == 1 && !steps ? x + (t->first * j->groups + t->group) * channels * inside : buffer;                    \
    }                                                                                                                           \
    static void gl_scattered_##s(const gl_pointwise *j, const T *from, T *x, const gl_some *t, int64_t channels, int steps) {   \
        const int64_t P = j->places, inside = steps ? j->inside : P, next = j->groups * channels * inside;                      \
        x += (t->first * j->groups + t->group) * channels * inside;                                                             \
        if (from == x) return;                                                                                                  \
        for (int64_t c = 0; c < channels; c++, x += inside)                                                                     \
            for (int64_t k = 0; k < t->count; k++, from += P)                                                                   \
                if (steps)                                                                                                      \
                    gl_unseen_##s(j, from, x + k * next);                                                                       \
                else                                                                                                            \
                    memcpy(x + k * next, from, (size_t)P * sizeof(T));                                                          \
    }                                                                                                                           \
    static T *gl_pointwise_buffer_##s(gl_pointwise *j) {                                                                        \
        T *made = malloc((size_t)((j->together > 1 || j->strided) * (j->each_c + j->each_f) * j->together * j->places) * sizeof(T));\
        if (!made) j->failed = 1;                                                                                               \
        return made;                                                                                                            \
    }                                                                                                                           \
    static void gl_convolve_chunk_of_1_##s(void *context, int64_t chunk) {                                                      \
        gl_pointwise *j = context;                                                                                              \
        T *buffer = gl_pointwise_buffer_##s(j);                                                                                 \
        for (int64_t unit = j->units * chunk / j->chunks; buffer && unit < j->units * (chunk + 1) / j->chunks; unit++) {        \
            const gl_some t = gl_some_at(j, unit);                                                                              \
            const int64_t P = t.count * j->places, from = P * t.block / j->blocks, to = P * (t.block + 1) / j->blocks;          \
            const T *x = gl_gathered_##s(j, j->left, &t, j->each_c, j->strided, buffer);                                        \
            T *out = gl_place_##s(j, j->out, &t, j->each_f, 0, buffer + j->each_c * P);                                         \
            j->rt->gemm(0, 0, j->each_f, to - from, j->each_c, 1, (const T *)j->right + t.group * j->each_f * j->each_c, j->each_c,\
                        x + from, P, 0, out + from, P);                                                                         \
            gl_scattered_##s(j, out, j->out, &t, j->each_f, 0);                                                                 \
        }                                                                                                                       \
        free(buffer);                                                                                                           \
    }                                                                                                                           \
    static void gl_convolve_by_images_chunk_of_1_##s(void *context, int64_t chunk) {                                            \
        gl_pointwise *j = context;                                                                                              \
        T *buffer = gl_pointwise_buffer_##s(j);                                                                                 \
        for (int64_t unit = j->units * chunk / j->chunks; buffer && unit < j->units * (chunk + 1) / j->chunks; unit++) {        \
            const gl_some t = gl_some_at(j, unit);                                                                              \
            const int64_t P = t.count * j->places, from = P * t.block / j->blocks, to = P * (t.block + 1) / j->blocks;          \
            const T *g = gl_gathered_##s(j, j->left, &t, j->each_f, 0, buffer + j->each_c * P);                                 \
            T *out = gl_place_##s(j, j->out, &t, j->each_c, j->strided, buffer);                                                \
            j->rt->gemm(1, 0, j->each_c, to - from, j->each_f, 1, (const T *)j->right + t.group * j->each_f * j->each_c, j->each_c,\
                        g + from, P, 0, out + from, P);                                                                         \
            gl_scattered_##s(j, out, j->out, &t, j->each_c, j->strided);                                                        \
        }                                                                                                                       \
        free(buffer);                                                                                                           \
    }                                                                                                                           \
    /* images are cut into shares, whose sums are added at the end in their order */                                            \
    static void gl_convolve_by_filters_chunk_of_1_##s(void *context, int64_t share) {                                           \
        gl_pointwise *j = context;                                                                                              \
        const int64_t size = j->each_f * j->each_c, each = j->units / j->groups, begin = each * share / j->chunks;              \
        T *buffer = gl_pointwise_buffer_##s(j);                                                                                 \
        for (int64_t unit = begin; buffer && unit < each * (share + 1) / j->chunks; unit++)                                     \
            for (int64_t group = 0; group < j->groups; group++) {                                                               \
                const gl_some t = gl_some_at(j, unit * j->groups + group);                                                      \
                const int64_t P = t.count * j->places;                                                                          \
                const T *x = gl_gathered_##s(j, j->left, &t, j->each_c, j->strided, buffer);                                    \
                const T *g = gl_gathered_##s(j, j->right, &t, j->each_f, 0, buffer + j->each_c * P);                            \
                j->rt->gemm(0, 1, j->each_f, j->each_c, P, 1, g, P, x, P, unit > begin,                                         \
                            (T *)j->parts + (share * j->groups + group) * size, j->each_c);                                     \
            }                                                                                                                   \
        free(buffer);                                                                                                           \
    }                                                                                                                           \
    static inline __attribute__((unused)) int gl_convolve_of_1_##s(const gl_runtime *rt, const T *x, const T *filters, T *out,  \
                                                                   GL_CONVOLUTION_LENGTHS) {                                    \
        gl_pointwise j = gl_pointwise_of(rt, x, filters, out, 1, GL_CONVOLUTION_NAMES);                                         \
        if (gl_convolution_is_empty(out, n * f * j.places, j.each_c, sizeof(T))) return 0;                                      \
        rt->parallel(gl_convolve_chunk_of_1_##s, &j, j.chunks);                                                                 \
        return j.failed;                                                                                                        \
    }                                                                                                                           \
    static inline __attribute__((unused)) int gl_convolve_by_images_of_1_##s(const gl_runtime *rt, const T *g, const T *filters, T *out,\
                                                                             GL_CONVOLUTION_LENGTHS) {                          \
        gl_pointwise j = gl_pointwise_of(rt, g, filters, out, 1, GL_CONVOLUTION_NAMES);                                         \
        if (gl_convolution_is_empty(out, n * c * j.inside, j.each_f * j.places, sizeof(T))) return 0;                           \
        rt->parallel(gl_convolve_by_images_chunk_of_1_##s, &j, j.chunks);                                                       \
        return j.failed;                                                                                                        \
    }                                                                                                                           \
    static inline __attribute__((unused)) int gl_convolve_by_filters_of_1_##s(const gl_runtime *rt, const T *x, const T *g, T *out,\
                                                                              GL_CONVOLUTION_LENGTHS) {                         \
        gl_pointwise j = gl_pointwise_of(rt, x, g, out, 0, GL_CONVOLUTION_NAMES);                                               \
        const int64_t size = f * j.each_c, units = j.units / groups;                                                            \
        if (gl_convolution_is_empty(out, size, n * j.places, sizeof(T))) return 0;                                              \
        j.chunks = gl_chunks(units < 8 ? units : 8, size * n * j.places / 4);                                                   \
        T *parts = j.chunks == 1 ? out : malloc((size_t)(j.chunks * size) * sizeof(T));                                         \
        if (!parts) return 1;                                                                                                   \
        j.parts = parts;                                                                                                        \
        rt->parallel(gl_convolve_by_filters_chunk_of_1_##s, &j, j.chunks);                                                      \
        if (parts == out) return j.failed;                                                                                      \
        for (int64_t k = 0; k < size; k++) {                                                                                    \
            T sum = parts[k];                                                                                                   \
            for (int64_t share = 1; share < j.chunks; share++) sum += parts[share * size + k];                                  \
            out[k] = sum;                                                                                                       \
        }                                                                                                                       \
        free(parts);                                                                                                            \
        return j.failed;                                                                                                        \
    }

GL_POINTWISE(f32, float, sgemm)
GL_POINTWISE(f64, double, dgemm)

#endif
