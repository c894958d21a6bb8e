/* Operations along an axis, a macro each, instantiated per dtype: before, n and after are the lengths around the axis. */
#ifndef GRAPHLIB_LIBRARY_H
#define GRAPHLIB_LIBRARY_H

#include <graphlib_c.h>

/* Running sums and products; those of float32 are held in double, so that long ones do not drift. */
#define GL_CUMULATIVE(name, suffix, type, wide, op)                                                                   \
    static inline __attribute__((unused)) int name##_##suffix(const type *x, type *out, int64_t before, int64_t n,    \
                                                              int64_t after) {                                        \
        for (int64_t a = 0; a < before; a++)                                                                          \
            for (int64_t first = 0; first < after; first += 64) {                                                     \
                wide totals[64];                                                                                      \
                const int64_t begin = a * n * after + first, count = after - first < 64 ? after - first : 64;         \
                for (int64_t i = 0; i < n; i++)                                                                       \
                    for (int64_t c = 0; c < count; c++) {                                                             \
                        const type next = x[begin + i * after + c];                                                   \
                        totals[c] = i ? (wide)(totals[c] op next) : next;                                             \
                        out[begin + i * after + c] = (type)totals[c];                                                 \
                    }                                                                                                 \
            }                                                                                                         \
        return 0;                                                                                                     \
    }

/* A stable merge sort, bottom up, of (value, index) pairs; NaN is greater than everything. */
#define GL_SORT(suffix, type)                                                                                         \
    typedef struct {                                                                                                  \
        type value;                                                                                                   \
        int64_t index;                                                                                                \
    } gl_item_##suffix;                                                                                               \
    static inline int gl_before_##suffix(type a, type b) { return a < b || (b != b && a == a); }                      \
    static inline gl_item_##suffix *gl_merge_sort_##suffix(gl_item_##suffix *from, gl_item_##suffix *to, int64_t n) { \
        for (int64_t width = 1; width < n; width *= 2) {                                                              \
            for (int64_t low = 0; low < n; low += 2 * width) {                                                        \
                int64_t middle = low + width < n ? low + width : n, high = low + 2 * width < n ? low + 2 * width : n; \
                int64_t i = low, j = middle;                                                                          \
                for (int64_t k = low; k < high; k++)                                                                  \
                    to[k] = i < middle && (j >= high || !gl_before_##suffix(from[j].value, from[i].value))            \
                                ? from[i++]                                                                           \
                                : from[j++];                                                                          \
            }                                                                                                         \
            gl_item_##suffix *swap = from;                                                                            \
            from = to;                                                                                                \
            to = swap;                                                                                                \
        }                                                                                                             \
        return from;                                                                                                  \
    }                                                                                                                 \
    static inline __attribute__((unused)) int gl_sorted_##suffix(const type *x, type *values, int64_t *indices,       \
                                                                 int64_t before, int64_t n, int64_t after) {          \
        gl_item_##suffix *items = malloc((size_t)(2 * n + 1) * sizeof(gl_item_##suffix));                             \
        if (!items) return 1;                                                                                         \
        for (int64_t a = 0; a < before; a++)                                                                          \
            for (int64_t c = 0; c < after; c++) {                                                                     \
                int64_t start = a * n * after + c;                                                                    \
                for (int64_t i = 0; i < n; i++) items[i] = (gl_item_##suffix){x[start + i * after], i};               \
                gl_item_##suffix *sorted = gl_merge_sort_##suffix(items, items + n, n);                               \
                for (int64_t i = 0; i < n; i++) {                                                                     \
                    if (values) values[start + i * after] = sorted[i].value;                                          \
                    if (indices) indices[start + i * after] = sorted[i].index;                                        \
                }                                                                                                     \
            }                                                                                                         \
        free(items);                                                                                                  \
        return 0;                                                                                                     \
    }                                                                                                                 \
    static inline __attribute__((unused)) int gl_sort_##suffix(const type *x, type *out, int64_t before, int64_t n,   \
                                                               int64_t after) {                                       \
        return gl_sorted_##suffix(x, out, NULL, before, n, after);                                                    \
    }                                                                                                                 \
    static inline __attribute__((unused)) int gl_argsort_##suffix(const type *x, int64_t *out, int64_t before,        \
                                                                  int64_t n, int64_t after) {                         \
        return gl_sorted_##suffix(x, NULL, out, before, n, after);                                                    \
    }

/* y[i] = x[i] + a[i] * y[i - 1] along an axis; back: y[i] = x[i] + a[i + 1] * y[i + 1]. */
#define GL_RECURRENCE(suffix, type)                                                                                   \
    static inline __attribute__((unused)) int gl_recurrence_##suffix(                                                 \
        const type *x, const type *a, type *y, int64_t before, int64_t n, int64_t after) {                            \
        for (int64_t b = 0; b < before; b++)                                                                          \
            for (int64_t i = 0; i < n; i++)                                                                           \
                for (int64_t c = 0; c < after; c++) {                                                                 \
                    int64_t here = (b * n + i) * after + c;                                                           \
                    y[here] = i ? (type)(x[here] + a[here] * y[here - after]) : x[here];                              \
                }                                                                                                     \
        return 0;                                                                                                     \
    }                                                                                                                 \
    static inline __attribute__((unused)) int gl_recurrence_back_##suffix(                                            \
        const type *x, const type *a, type *y, int64_t before, int64_t n, int64_t after) {                            \
        for (int64_t b = 0; b < before; b++)                                                                          \
            for (int64_t i = n - 1; i >= 0; i--)                                                                      \
                for (int64_t c = 0; c < after; c++) {                                                                 \
                    int64_t here = (b * n + i) * after + c, next = here + after;                                      \
                    y[here] = i < n - 1 ? (type)(x[here] + a[next] * y[next]) : x[here];                              \
                }                                                                                                     \
        return 0;                                                                                                     \
    }

#define GL_LIBRARY(suffix, type, wide)                 \
    GL_CUMULATIVE(gl_cumsum, suffix, type, wide, +)    \
    GL_CUMULATIVE(gl_cumprod, suffix, type, wide, *)   \
    GL_SORT(suffix, type)

GL_LIBRARY(u8, uint8_t, uint8_t)
GL_LIBRARY(u16, uint16_t, uint16_t)
GL_LIBRARY(u32, uint32_t, uint32_t)
GL_LIBRARY(u64, uint64_t, uint64_t)
GL_LIBRARY(i8, int8_t, int8_t)
GL_LIBRARY(i16, int16_t, int16_t)
GL_LIBRARY(i32, int32_t, int32_t)
GL_LIBRARY(i64, int64_t, int64_t)
GL_LIBRARY(f32, float, double)
GL_LIBRARY(f64, double, double)
GL_RECURRENCE(f32, float)
GL_RECURRENCE(f64, double)

static inline __attribute__((unused)) int gl_nonzero_u8(const uint8_t *mask, int64_t *out, int64_t n) {
    for (int64_t i = 0; i < n; i++)
        if (mask[i]) *out++ = i;
    return 0;
}

#endif
