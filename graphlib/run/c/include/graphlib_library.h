/* Operations along an axis, a macro each, instantiated per dtype: before, n and after are the lengths around the axis. */
#ifndef GRAPHLIB_LIBRARY_H
#define GRAPHLIB_LIBRARY_H

#include <graphlib_c.h>
#include <string.h>

/* Running sums and products; those of float32 are held in double, so that long ones do not drift. */
#define GL_CUMULATIVE(name, suffix, type, wide, op)                                                                   \
    static inline __attribute__((unused)) int name##_##suffix(const type *x, type *out, int64_t before, int64_t n,    \
                                                              int64_t after) {                                        \
        int64_t a = 0;                                                                                                \
        /* a few rows at a time: each sum waits for the one before it, but not for those of other rows */             \
        for (; after == 1 && a + 8 <= before && n; a += 8) {                                                          \
            wide totals[8];                                                                                           \
            for (int64_t r = 0; r < 8; r++) out[(a + r) * n] = (type)(totals[r] = x[(a + r) * n]);                    \
            for (int64_t i = 1; i < n; i++)                                                                           \
                for (int64_t r = 0; r < 8; r++)                                                                       \
                    out[(a + r) * n + i] = (type)(totals[r] = (wide)(totals[r] op x[(a + r) * n + i]));               \
        }                                                                                                             \
        for (; a < before; a++)                                                                                       \
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

/* elements of an axis up to which each gets its place by being compared with all others at once */
#define GL_RANKED_TO 64
/* of sorting the most that are looked for alone */
#define GL_SOME 64

/* Sorting keeps equals in order, and NaN is greater than everything: by keys, whole numbers that are in the same order. Of few
   elements the place is how many go before, counted in lanes for all of them together, without a branch; more are sorted by the
   bytes of their keys, the lowest byte first; more than 32 bits can count by a merge sort, bottom up, of (value, index) pairs. */
#define GL_SORT(suffix, type, bits)                                                                                      \
    typedef struct {                                                                                                  \
        type value;                                                                                                   \
        int64_t index;                                                                                                \
    } gl_item_##suffix;                                                                                               \
    static inline int gl_before_##suffix(type a, type b) { return (a < b) | ((b != b) & (a == a)); }                      \
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
    typedef struct {                                                                                                  \
        bits key;                                                                                                     \
        uint32_t index;                                                                                               \
    } gl_keyed_##suffix;                                                                                              \
    static inline gl_keyed_##suffix *gl_sort_digits_##suffix(gl_keyed_##suffix *from, gl_keyed_##suffix *to, int64_t n) {\
        for (int shift = 0; shift < (int)(8 * sizeof(bits)); shift += 8) {                                            \
            uint32_t places[256] = {0}, total = 0;                                                                    \
            for (int64_t i = 0; i < n; i++) places[from[i].key >> shift & 255]++;                                     \
            if (places[from[0].key >> shift & 255] == n) continue;                                                    \
            for (int k = 0; k < 256; k++) {                                                                           \
                const uint32_t count = places[k];                                                                     \
                places[k] = total;                                                                                    \
                total += count;                                                                                       \
            }                                                                                                         \
            for (int64_t i = 0; i < n; i++) to[places[from[i].key >> shift & 255]++] = from[i];                       \
            gl_keyed_##suffix *swap = from;                                                                           \
            from = to;                                                                                                \
            to = swap;                                                                                                \
        }                                                                                                             \
        return from;                                                                                                  \
    }                                                                                                                 \
    static inline void gl_ranks_##suffix(const bits *key, bits *rank, int n, int lanes) {                             \
        for (int j = 0; j < n; j++) {                                                                                 \
            const bits one = key[j];                                                                                  \
            _Pragma("omp simd") for (int i = 0; i < lanes; i++)                                                       \
                rank[i] = (bits)(rank[i] + ((one < key[i]) | ((one == key[i]) & (j < i))));                           \
        }                                                                                                             \
    }                                                                                                                 \
    static inline void gl_rank_sort_##suffix(const type *x, type *values, int64_t *indices, int n, int64_t after) {   \
        bits key[GL_RANKED_TO] = {0}, rank[GL_RANKED_TO] = {0};                                                       \
        for (int i = 0; i < n; i++) key[i] = gl_key_##suffix(x[i * after]);                                           \
        /* loops of a known length each */                                                                            \
        if (n <= 4)                                                                                                   \
            gl_ranks_##suffix(key, rank, n, 4);                                                                       \
        else if (n <= 16)                                                                                             \
            gl_ranks_##suffix(key, rank, n, 16);                                                                      \
        else if (n <= 32)                                                                                             \
            gl_ranks_##suffix(key, rank, n, 32);                                                                      \
        else                                                                                                          \
            gl_ranks_##suffix(key, rank, n, GL_RANKED_TO);                                                            \
        for (int i = 0; values && i < n; i++) values[(int64_t)rank[i] * after] = x[i * after];                        \
        for (int i = 0; indices && i < n; i++) indices[(int64_t)rank[i] * after] = i;                                 \
    }                                                                                                                 \
    static inline __attribute__((unused)) int gl_sorted_##suffix(const type *x, type *values, int64_t *indices,       \
                                                                 int64_t before, int64_t n, int64_t after) {          \
        const int by_digits = n <= INT32_MAX;                                                                         \
        for (int64_t line = 0; n <= GL_RANKED_TO && line < before * after; line++) {                                  \
            const int64_t start = line / after * n * after + line % after;                                            \
            gl_rank_sort_##suffix(x + start, values ? values + start : NULL, indices ? indices + start : NULL,        \
                                  (int)n, after);                                                                     \
        }                                                                                                             \
        if (n <= GL_RANKED_TO) return 0;                                                                              \
        void *const memory = malloc((size_t)(2 * n + 1) * sizeof(gl_item_##suffix));                                  \
        if (!memory) return 1;                                                                                        \
        gl_item_##suffix *const items = memory;                                                                       \
        gl_keyed_##suffix *const keyed = memory;                                                                      \
        for (int64_t a = 0; a < before; a++)                                                                          \
            for (int64_t c = 0; c < after; c++) {                                                                     \
                const int64_t start = a * n * after + c;                                                              \
                if (by_digits) {                                                                                      \
                    for (int64_t i = 0; i < n; i++)                                                                   \
                        keyed[i] = (gl_keyed_##suffix){gl_key_##suffix(x[start + i * after]), (uint32_t)i};           \
                    const gl_keyed_##suffix *const sorted = gl_sort_digits_##suffix(keyed, keyed + n, n);             \
                    for (int64_t i = 0; values && i < n; i++)                                                         \
                        values[start + i * after] = x[start + (int64_t)sorted[i].index * after];                      \
                    for (int64_t i = 0; indices && i < n; i++) indices[start + i * after] = sorted[i].index;          \
                    continue;                                                                                         \
                }                                                                                                     \
                for (int64_t i = 0; i < n; i++) items[i] = (gl_item_##suffix){x[start + i * after], i};               \
                const gl_item_##suffix *const sorted = gl_merge_sort_##suffix(items, items + n, n);                   \
                for (int64_t i = 0; i < n; i++) {                                                                     \
                    if (values) values[start + i * after] = sorted[i].value;                                          \
                    if (indices) indices[start + i * after] = sorted[i].index;                                        \
                }                                                                                                     \
            }                                                                                                         \
        free(memory);                                                                                                 \
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

/* The first of what sorting would give, or the last (`count` below 0), `kept` of each line: they are held in order, and whole
   vectors of elements that are none of them are passed by. */
#define GL_SORT_SOME(suffix, type)                                                                                            \
    static inline __attribute__((unused)) int gl_some_##suffix(const type *x, type *values, int64_t *indices,                 \
                                                               int64_t before, int64_t n, int64_t after,                      \
                                                               int64_t count, int64_t kept) {                                 \
        type best[GL_SOME];                                                                                                   \
        int64_t at[GL_SOME];                                                                                                  \
        for (int64_t line = 0; kept && line < before * after; line++) {                                                       \
            const int64_t start = line / after * n * after + line % after, put = line / after * kept * after + line % after;  \
            int64_t have = 0;                                                                                                 \
            for (int64_t first = 0; first < n; first += 16) {                                                                 \
                const int64_t turns = first + 16 < n ? 16 : n - first;                                                        \
                const type *const from = x + start + (count > 0 ? first : n - first - turns) * after;                         \
                if (have == kept) {                                                                                           \
                    const type bound = count > 0 ? best[kept - 1] : best[0];                                                  \
                    int any = turns < 16 || after != 1;                                                                       \
                    if (!any && count > 0)                                                                                    \
                        _Pragma("omp simd reduction(|:any)") for (int64_t k = 0; k < 16; k++)                                 \
                            any |= gl_before_##suffix(from[k], bound);                                                        \
                    else if (!any)                                                                                            \
                        _Pragma("omp simd reduction(|:any)") for (int64_t k = 0; k < 16; k++)                                 \
                            any |= gl_before_##suffix(bound, from[k]);                                                        \
                    if (!any) continue;                                                                                       \
                }                                                                                                             \
                for (int64_t k = 0; k < turns; k++) {                                                                         \
                    const int64_t turn = count > 0 ? k : turns - 1 - k;                                                       \
                    const type one = from[turn * after];                                                                      \
                    const int64_t place = count > 0 ? first + k : n - 1 - first - k;                                          \
                    if (count > 0) {                                                                                          \
                        if (have == kept && !gl_before_##suffix(one, best[kept - 1])) continue;                               \
                        int64_t i = have < kept ? have++ : kept - 1;                                                          \
                        for (; i && gl_before_##suffix(one, best[i - 1]); i--) best[i] = best[i - 1], at[i] = at[i - 1];      \
                        best[i] = one, at[i] = place;                                                                         \
                        continue;                                                                                             \
                    }                                                                                                         \
                    if (have == kept && !gl_before_##suffix(best[0], one)) continue;                                          \
                    int64_t i = 0;                                                                                            \
                    if (have < kept) {                                                                                        \
                        for (i = have++; i && !gl_before_##suffix(best[i - 1], one); i--)                                     \
                            best[i] = best[i - 1], at[i] = at[i - 1];                                                         \
                    } else {                                                                                                  \
                        for (; i + 1 < kept && gl_before_##suffix(best[i + 1], one); i++)                                     \
                            best[i] = best[i + 1], at[i] = at[i + 1];                                                         \
                    }                                                                                                         \
                    best[i] = one, at[i] = place;                                                                             \
                }                                                                                                             \
            }                                                                                                                 \
            for (int64_t k = 0; values && k < kept; k++) values[put + k * after] = best[k];                                   \
            for (int64_t k = 0; indices && k < kept; k++) indices[put + k * after] = at[k];                                   \
        }                                                                                                                     \
        return 0;                                                                                                             \
    }                                                                                                                         \
    static inline __attribute__((unused)) int gl_sort_some_##suffix(const type *x, type *out, int64_t before, int64_t n,      \
                                                                    int64_t after, int64_t count, int64_t kept) {             \
        return gl_some_##suffix(x, out, NULL, before, n, after, count, kept);                                                 \
    }                                                                                                                         \
    static inline __attribute__((unused)) int gl_argsort_some_##suffix(const type *x, int64_t *out, int64_t before, int64_t n,\
                                                                       int64_t after, int64_t count, int64_t kept) {          \
        return gl_some_##suffix(x, NULL, out, before, n, after, count, kept);                                                 \
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

/* Keys of sorting: whole numbers with their sign turned round; of floats that of the sign and magnitude, 0 and -0 being equal, as
   are all NaN. */
#define GL_KEY(suffix, type, bits, first)                                                                             \
    static inline bits gl_key_##suffix(type x) { return (bits)((bits)x ^ (bits)(first)); }
#define GL_FLOAT_KEY(suffix, type, bits, first)                                                                       \
    static inline bits gl_key_##suffix(type x) {                                                                      \
        bits whole;                                                                                                   \
        if (x != x) return (bits)-1;                                                                                  \
        if (x == 0) return first;                                                                                     \
        memcpy(&whole, &x, sizeof whole);                                                                             \
        return whole & (first) ? (bits)~whole : (bits)(whole | (first));                                              \
    }

#define GL_LIBRARY(suffix, type, wide, bits)           \
    GL_CUMULATIVE(gl_cumsum, suffix, type, wide, +)    \
    GL_CUMULATIVE(gl_cumprod, suffix, type, wide, *)   \
    GL_SORT(suffix, type, bits)                        \
    GL_SORT_SOME(suffix, type)

GL_KEY(u8, uint8_t, uint8_t, 0)
GL_KEY(u16, uint16_t, uint16_t, 0)
GL_KEY(u32, uint32_t, uint32_t, 0)
GL_KEY(u64, uint64_t, uint64_t, 0)
GL_KEY(i8, int8_t, uint8_t, 1u << 7)
GL_KEY(i16, int16_t, uint16_t, 1u << 15)
GL_KEY(i32, int32_t, uint32_t, 1u << 31)
GL_KEY(i64, int64_t, uint64_t, (uint64_t)1 << 63)
GL_FLOAT_KEY(f32, float, uint32_t, 1u << 31)
GL_FLOAT_KEY(f64, double, uint64_t, (uint64_t)1 << 63)
GL_LIBRARY(u8, uint8_t, uint8_t, uint8_t)
GL_LIBRARY(u16, uint16_t, uint16_t, uint16_t)
GL_LIBRARY(u32, uint32_t, uint32_t, uint32_t)
GL_LIBRARY(u64, uint64_t, uint64_t, uint64_t)
GL_LIBRARY(i8, int8_t, int8_t, uint8_t)
GL_LIBRARY(i16, int16_t, int16_t, uint16_t)
GL_LIBRARY(i32, int32_t, int32_t, uint32_t)
GL_LIBRARY(i64, int64_t, int64_t, uint64_t)
GL_LIBRARY(f32, float, double, uint32_t)
GL_LIBRARY(f64, double, double, uint64_t)
GL_RECURRENCE(f32, float)
GL_RECURRENCE(f64, double)

/* The places of the elements that are not 0, as many as there is room for. */
static inline __attribute__((unused)) int gl_nonzero_u8(const uint8_t *mask, int64_t *out, int64_t n, int64_t most) {
    for (int64_t i = 0, found = 0; i < n && found < most; i++)
        if (mask[i]) out[found++] = i;
    return 0;
}

#endif
