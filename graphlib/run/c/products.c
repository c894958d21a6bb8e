/* Matrix products in one precision: compiled once with GL_DOUBLE 0 and once with 1, and first of all, with GL_FEW, with so few
   kernels that the compiler soon finishes; they give the same numbers, and take longer.

   Products of which a side is short ("skinny") need kernels of their own, because a BLAS packs both factors before it computes,
   which then costs as much as computing.  Three forms, all of one tile of registers per call, and all summing over p in an
   order that depends on the shape only, never on how a product was cut into parts:
     outer   rows of b are read as vectors, elements of a are broadcast: a tile of rows x vectors of c
     swapped the same for c' = b' a', where a is transposed and c has few columns
     dot     rows of both factors are read as vectors along p and summed across at the end
   A b whose rows cannot be read so, or that many rows of a meet, is copied panel by panel. */
#include "graphlib_runtime.h"

#define INLINE inline __attribute__((always_inline))
#define NOINLINE __attribute__((noinline))
#define SIMD _Pragma("omp simd")
#if defined(__clang__)
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 32")
#endif

#if defined(__AVX512F__)
#define VECTOR_BYTES 64
#elif defined(__AVX__)
#define VECTOR_BYTES 32
#else
#define VECTOR_BYTES 16
#endif

#if GL_DOUBLE
typedef double real;
typedef int64_t integer;
#else
typedef float real;
typedef int32_t integer;
#endif
typedef real vector __attribute__((vector_size(VECTOR_BYTES), may_alias));
typedef real unaligned __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(real)), may_alias));
typedef integer mask __attribute__((vector_size(VECTOR_BYTES), may_alias));
typedef void (*cblas_gemm)(int, int, int, int, int, int, real, const real *, int, const real *, int, real, real *, int);

/* For shuffles of LANES lanes: the first and the second halves of two vectors interleaved, and the lanes in the order of their
   indices with the bits reversed. */
#if VECTOR_BYTES / 4 >> GL_DOUBLE == 16
#define LANES 16
#define FIRST 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define SECOND 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#define REVERSED 0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15
#elif VECTOR_BYTES / 4 >> GL_DOUBLE == 8
#define LANES 8
#define FIRST 0, 8, 1, 9, 2, 10, 3, 11
#define SECOND 4, 12, 5, 13, 6, 14, 7, 15
#define REVERSED 0, 4, 2, 6, 1, 5, 3, 7
#elif VECTOR_BYTES / 4 >> GL_DOUBLE == 4
#define LANES 4
#define FIRST 0, 4, 1, 5
#define SECOND 2, 6, 3, 7
#define REVERSED 0, 2, 1, 3
#else
#define LANES 2
#define FIRST 0, 2
#define SECOND 1, 3
#define REVERSED 0, 1
#endif
#if defined(__clang__) || __GNUC__ >= 12
#define SHUFFLE(x, y, lanes) SHUFFLE_LANES(x, y, lanes)
#define SHUFFLE_LANES(x, y, ...) __builtin_shufflevector(x, y, __VA_ARGS__)
#else
#define SHUFFLE(x, y, lanes) __builtin_shuffle(x, y, (mask){lanes})
#endif

#define LOAD(address) ((vector) * (const unaligned *)(address))
#define STORE(address, value) (*(unaligned *)(address) = (value))
#define SELECT(condition, yes, no) ((vector)(((condition) & (mask)(yes)) | (~(condition) & (mask)(no))))
/* a step counted in bytes: GCC would compile the loop twice, once for steps of one element */
#define AFTER(address, bytes) ((const real *)((const char *)(address) + (bytes)))

/* has a value in a register, where GCC would read memory again at each use */
#if defined(__x86_64__)
#define KEEP(value) __asm__("" : "+v"(value))
#elif defined(__aarch64__)
#define KEEP(value) __asm__("" : "+w"(value))
#else
#define KEEP(value)
#endif

/* Tiles as large as the registers hold: rows by vectors of columns (outer), rows by columns (dot); so many rows meet a column that
   is alone. */
#define LOG2_1 0
#define LOG2_2 1
#define LOG2_4 2
#define LOG2_8 3
#define SMALL_TILES(F) \
    F(1, 1) F(1, 2) F(1, 4) F(1, 8) F(2, 1) F(2, 2) F(2, 4) F(3, 1) F(3, 2) F(3, 4) F(4, 1) F(4, 2) F(6, 1) F(6, 2)
#if GL_FEW
enum { MAX_TILE = 8, MAX_ROWS = 4, MAX_DOT_ROWS = 1, MAX_DOT_COLUMNS = 1, ALONE = 1 };
#define OUTER_TILES(F) F(1, 1) F(4, 1)
#define DOT_TILES(F) F(1, 1)
#elif defined(__AVX512F__) || defined(__aarch64__)
enum { MAX_TILE = 24, MAX_ROWS = 12, MAX_DOT_ROWS = 4, MAX_DOT_COLUMNS = 6, ALONE = 8 };
#define OUTER_TILES(F) \
    SMALL_TILES(F) F(4, 4) F(6, 4) F(8, 1) F(8, 2) F(10, 1) F(10, 2) F(12, 1) F(12, 2)
#define DOT_TILES(F) F(1, 1) F(1, 2) F(1, 4) F(1, 6) F(2, 1) F(2, 2) F(2, 4) F(2, 6) F(4, 1) F(4, 2) F(4, 4) F(4, 6) F(8, 1)
#elif defined(__wasm__)
/* of 16 registers engines keep one, and without fused operations a product needs one before it is added */
enum { MAX_TILE = 8, MAX_ROWS = 4, MAX_DOT_ROWS = 2, MAX_DOT_COLUMNS = 4, ALONE = 2 };
#define OUTER_TILES(F) F(1, 1) F(1, 2) F(1, 4) F(1, 8) F(2, 1) F(2, 2) F(2, 4) F(3, 1) F(3, 2) F(4, 1) F(4, 2)
#define DOT_TILES(F) F(1, 1) F(1, 2) F(1, 4) F(2, 1) F(2, 2) F(2, 4)
#else
enum { MAX_TILE = 12, MAX_ROWS = 6, MAX_DOT_ROWS = 2, MAX_DOT_COLUMNS = 4, ALONE = 8 };
#define OUTER_TILES(F) SMALL_TILES(F) F(5, 1) F(5, 2)
#define DOT_TILES(F) F(1, 1) F(1, 2) F(1, 4) F(2, 1) F(2, 2) F(2, 4) F(8, 1)
#endif

/* up to so many rows there is a tile for each number of them, then for even ones */
enum { ALL_ROWS = MAX_ROWS == 6 ? 6 : 4 };

/* the most rows or columns, of those that are left, for which there is a tile */
static int64_t outer_rows(int64_t left) {
    if (GL_FEW) return left >= MAX_ROWS ? MAX_ROWS : 1;
    if (left >= MAX_ROWS) return MAX_ROWS;
    return left <= ALL_ROWS ? left : left < 6 ? 4 : left / 2 * 2;
}
/* the next of the fewest equal blocks */
static int64_t even_share(int64_t left) {
    const int64_t blocks = (left + MAX_ROWS - 1) / MAX_ROWS;
    return (left + blocks - 1) / blocks;
}
static int64_t dot_rows(int64_t left, int64_t columns) {
    if (columns == 1 && left >= ALONE) return ALONE;
    return left >= MAX_DOT_ROWS ? MAX_DOT_ROWS : left >= 2 ? 2 : 1;
}
static int64_t dot_columns(int64_t left) { return left >= MAX_DOT_COLUMNS ? MAX_DOT_COLUMNS : left >= 4 ? 4 : left >= 2 ? 2 : 1; }

/* By measurement (tests/benchmarks/products.py): where a side is shorter than LARGE our kernels of floats are at least as fast as a
   BLAS with the same vectors; b is copied where MANY_ROWS of a meet more than FEW_SUMS rows of it; rows of b are summed across where
   they are LONG_ROWS times as long as there are rows of a. */
enum { LARGE = 512, BLAS_PART = 256, SMALL_WORK = 1000000, NO_SHORT_SIDE = 32, MANY_ROWS = 64, FEW_SUMS = 64, LONG_ROWS = 12 };
/* where a copy of b costs nothing, rows of it are summed across for fewer rows of a than these */
enum { FEW_ROWS = 6 };
/* a b of so many elements is read faster from panels than from pieces of its rows */
enum { SCATTERED = 49152 };
enum { OUTER_DEPTH = 256, DOT_DEPTH = 1024, FIRST_CACHE = 32768 };
/* one row of a: more columns than a tile has, sums that are kept at a time, and rows of b that are walked along together */
enum { MAX_ROW_TILE = 8 * LANES, ROW_SUMS = 1024, ROW_STEP = 4 };
/* panels of b that are copied at a time: rows of a, which stay in the first cache, then meet all of them */
#if defined(__wasm__)
enum { PANELS = 1 };
#else
enum { PANELS = 4 };
#endif
/* multiplications for which another thread pays */
enum { PART_WORK = 200000 };
/* parts are cut at multiples of these */
enum { ROWS_UNIT = 4, COLUMNS_UNIT = 2 * LANES };
enum { ROW_MAJOR = 101, PLAIN = 111, TRANSPOSED = 112 };
enum form { OUTER, PACKED, SWAPPED, DOT, BLAS };

static const gl_runtime *team;
static int threads;
static cblas_gemm blas;

/* the lanes first, first + 1, ... of a vector */
static INLINE mask lanes_from(int64_t first) {
    mask lane;
    for (int l = 0; l < LANES; l++) lane[l] = l;
    return (mask)(lane >= (mask){0} + (integer)first);
}

/* What a call of a kernel computes: rows x columns of c, from a[i * ai + p * ap] and b. */
typedef struct {
    int64_t k;
    const real *a;
    int64_t ai, ap;
    const real *b;
    int64_t bp;   /* outer: the step between rows of b; dot: between its columns */
    int64_t last; /* outer: where the last vector of a row of b begins; it may overlap the one before */
    int64_t columns;
    real alpha, beta;
    real *c;
    int64_t ci, cj;
} tile;

/* Adds a tile's sums, of `step` to a row, to its part of c.  A row narrower than a vector that is no whole row of c has sums
   before its first, of the columns before, which are in c already. */
static NOINLINE void put(const tile *t, int64_t rows, const real *sums, int64_t step) {
    const real alpha = t->alpha, beta = t->beta;
    const int64_t columns = t->columns, last = t->last, cj = t->cj;
    real *c = t->c;
    if (!GL_FEW && cj == 1 && last + LANES == columns) {
        const int64_t whole = last > 0 ? (last + LANES - 1) / LANES * LANES : 0;
        const mask fresh = lanes_from(whole - last);
        for (int64_t i = 0; i < rows; i++, sums += step, c += t->ci) {
            if (beta == 0) {
                for (int64_t j = 0; j < whole; j += LANES) STORE(c + j, alpha * LOAD(sums + j));
                STORE(c + last, alpha * LOAD(sums + last));
            } else {
                for (int64_t j = 0; j < whole; j += LANES) STORE(c + j, alpha * LOAD(sums + j) + beta * LOAD(c + j));
                const vector before = LOAD(c + last);
                STORE(c + last, SELECT(fresh, alpha * LOAD(sums + last) + beta * before, before));
            }
        }
        return;
    }
    for (int64_t i = 0; i < rows; i++, sums += step, c += t->ci)
        if (beta == 0)
            for (int64_t j = 0; j < columns; j++) c[j * cj] = alpha * sums[j];
        else if (cj == 1)
            SIMD for (int64_t j = 0; j < columns; j++) c[j] = alpha * sums[j] + beta * c[j];
        else
            for (int64_t j = 0; j < columns; j++) c[j * cj] = alpha * sums[j] + beta * c[j * cj];
}

/* The same where all sums are their own, from registers. */
static INLINE void whole(const int R, const int V, const tile *t, const vector *sum) {
    const real alpha = t->alpha, beta = t->beta;
    const int64_t ci = t->ci;
    real *c = t->c;
    if (beta == 0) {
        vector scale = (vector){0} + alpha;
        KEEP(scale); /* no product that both branches have: the other's is a part of a fused operation, as in put */
        UNROLL for (int r = 0; r < R; r++, c += ci)
            UNROLL for (int v = 0; v < V; v++) STORE(c + v * LANES, scale * sum[r * V + v]);
    } else {
        UNROLL for (int r = 0; r < R; r++, c += ci)
            UNROLL for (int v = 0; v < V; v++) STORE(c + v * LANES, alpha * sum[r * V + v] + beta * LOAD(c + v * LANES));
    }
}

static INLINE void outer(const int R, const int V, const tile *t) {
    vector sum[MAX_TILE];
    const real *a = t->a, *b = t->b;
    const int64_t ai = t->ai, ap = t->ap * (int64_t)sizeof(real), bp = t->bp, last = t->last;
    UNROLL for (int s = 0; s < R * V; s++) sum[s] = (vector){0};
    if (!GL_FEW && t->k >= FEW_SUMS) /* they will have come by then */
        UNROLL for (int r = 0; r < R; r++)
            UNROLL for (int v = 0; v < V; v++) __builtin_prefetch(t->c + r * t->ci + v * LANES, 1);
    for (int64_t p = t->k; p > 0; p--, a = AFTER(a, ap), b += bp) {
        vector y[8];
        UNROLL for (int v = 0; v < V - 1; v++) y[v] = LOAD(b + v * LANES);
        y[V - 1] = LOAD(b + last);
        UNROLL for (int r = 0; r < R; r++) {
            real x = a[r * ai];
            UNROLL for (int v = 0; v < V; v++) sum[r * V + v] += x * y[v];
        }
    }
    if (!GL_FEW && t->cj == 1 && last == (V - 1) * LANES && last + LANES == t->columns) {
        whole(R, V, t, sum);
        return;
    }
    real sums[(MAX_TILE + 1) * LANES] __attribute__((aligned(64))), *to = sums + LANES;
    UNROLL for (int r = 0; r < R; r++) {
        UNROLL for (int v = 0; v < V - 1; v++) STORE(to + (r * V + v) * LANES, sum[r * V + v]);
        STORE(to + r * V * LANES + last, sum[r * V + V - 1]);
    }
    put(t, R, to, V * LANES);
}

#define OUTER(R, V) \
    static void outer_##R##_##V(const tile *t) { outer(R, V, t); }
OUTER_TILES(OUTER)
#undef OUTER

#define OUTER(R, V) [R][LOG2_##V] = outer_##R##_##V,
static void (*const outer_tiles[MAX_ROWS + 1][4])(const tile *) = {OUTER_TILES(OUTER)};
#undef OUTER

/* Adds x and y across once: lane 2l of the result is x[l] + x[l + LANES / 2], lane 2l + 1 the same of y. */
static INLINE vector fold(vector x, vector y) {
    return SHUFFLE(x, y, FIRST) + SHUFFLE(x, y, SECOND);
}

static INLINE void dot(const int R, const int N, const tile *t) {
    vector sum[MAX_TILE];
    const real *a = t->a, *b = t->b;
    const int64_t ai = t->ai, bj = t->bp, rest = t->k % LANES;
    UNROLL for (int s = 0; s < R * N; s++) sum[s] = (vector){0};
    vector y[8];
    for (int64_t p = t->k / LANES; p > 0; p--, a += LANES, b += LANES) {
        UNROLL for (int n = 0; n < N; n++) {
            y[n] = LOAD(b + n * bj);
            KEEP(y[n]);
        }
        UNROLL for (int r = 0; r < R; r++) {
            const vector x = LOAD(a + r * ai);
            if (R < ALONE) __builtin_prefetch(a + (r + R) * ai); /* the rows of the next tile: the processor foresees no jump so long */
            UNROLL for (int n = 0; n < N; n++) sum[r * N + n] += x * y[n];
        }
    }
    if (rest) {
        const int64_t back = LANES - rest;
        const mask fresh = lanes_from(back);
        UNROLL for (int n = 0; n < N; n++) y[n] = (vector)(fresh & (mask)LOAD(b + n * bj - back));
        UNROLL for (int r = 0; r < R; r++) {
            const vector x = (vector)(fresh & (mask)LOAD(a + r * ai - back));
            UNROLL for (int n = 0; n < N; n++) sum[r * N + n] += x * y[n];
        }
    }
    /* a tree folds LANES vectors to the vector of their sums, which come out with the bits of their indices reversed */
    real sums[MAX_TILE + LANES];
    UNROLL for (int first = 0; first < R * N; first += LANES) {
        int count = R * N - first < LANES ? R * N - first : LANES;
        UNROLL for (int half = LANES / 2; half > 0; half /= 2) {
            UNROLL for (int s = 0; s < (count + 1) / 2; s++)
                sum[first + s] = fold(sum[first + 2 * s], sum[first + (2 * s + 1 < count ? 2 * s + 1 : 2 * s)]);
            count = (count + 1) / 2;
        }
        STORE(sums + first, SHUFFLE(sum[first], sum[first], REVERSED));
    }
    put(t, R, sums, N);
}

#define DOT(R, N) \
    static void dot_##R##_##N(const tile *t) { dot(R, N, t); }
DOT_TILES(DOT)
#undef DOT

#define DOT(R, N) [R][N] = dot_##R##_##N,
static void (*const dot_tiles[ALONE + 1][MAX_DOT_COLUMNS + 1])(const tile *) = {DOT_TILES(DOT)};
#undef DOT

/* c = alpha a b + beta c for matrices of arbitrary steps */
typedef struct {
    int64_t m, n, k;
    const real *a;
    int64_t ai, ap;
    const real *b;
    int64_t bp, bj;
    real alpha, beta;
    real *c;
    int64_t ci, cj;
    int64_t row_parts, column_parts;
    enum form form;
    const real *ready; /* of OUTER and PACKED, if b was laid out before: all of it, panel by panel, and how wide that is */
    int64_t width;
    int64_t first; /* of the columns of b, which a part begins with */
} product;

/* to[p * after + i] = from[i * before + p] for a block of LANES x LANES */
static NOINLINE void transpose(const real *from, int64_t before, real *to, int64_t after) {
    vector row[LANES], next[LANES];
    UNROLL for (int i = 0; i < LANES; i++) row[i] = LOAD(from + i * before);
    UNROLL for (int stage = 1; stage < LANES; stage *= 2) {
        UNROLL for (int i = 0; i < LANES / 2; i++) {
            next[2 * i] = SHUFFLE(row[i], row[i + LANES / 2], FIRST);
            next[2 * i + 1] = SHUFFLE(row[i], row[i + LANES / 2], SECOND);
        }
        UNROLL for (int i = 0; i < LANES; i++) row[i] = next[i];
    }
    UNROLL for (int i = 0; i < LANES; i++) STORE(to + i * after, row[i]);
}

/* to[p * step + j] = b[p * bp + j * bj], with zeros up to a whole vector */
static void pack(int64_t k, int64_t n, const real *b, int64_t bp, int64_t bj, real *to, int64_t step) {
    const int64_t whole = n / LANES * LANES;
    int64_t p1 = 0;
    if (bj == 1 && !GL_FEW)
        for (; p1 < k && n >= LANES; p1++, b += bp, to += step) {
            for (int64_t j = 0; j < whole; j += LANES) STORE(to + j, LOAD(b + j));
            STORE(to + n - LANES, LOAD(b + n - LANES));
        }
    else if (bp == 1 && !GL_FEW)
        for (; p1 + LANES <= k; p1 += LANES, b += LANES, to += LANES * step) {
            for (int64_t j = 0; j < whole; j += LANES) transpose(b + j * bj, bj, to + j, step);
            for (int64_t j = whole; j < n; j++)
                for (int64_t p = 0; p < LANES; p++) to[p * step + j] = b[p + j * bj];
        }
    for (; p1 < k; p1++, b += bp, to += step) {
        if (n < LANES) STORE(to, (vector){0});
        for (int64_t j = 0; j < n; j++) to[j] = b[j * bj];
    }
}

/* Copies rows of a for a tile that meets several panels: those that lie in steps of 4096 bytes share a few places of the first
   cache. */
static void copy_rows(const real *a, int64_t ai, int64_t rows, int64_t k, real *to) {
    for (int64_t r = 0; r < rows; r++, a += ai, to += OUTER_DEPTH + LANES) {
        int64_t p = 0;
        for (; p + LANES <= k; p += LANES) STORE(to + p, LOAD(a + p));
        for (; p < k; p++) to[p] = a[p];
    }
}

/* columns up to whole panels */
static int64_t padded(int64_t n) { return (n + 2 * LANES - 1) / (2 * LANES) * (2 * LANES); }

/* how many rows of a laid out b a panel has: all of them where sums are not cut, either */
static int64_t deep(enum form form, int64_t k) { return form == OUTER ? k : OUTER_DEPTH; }

/* rows of b as vectors; `packed`: from copies of a few panels of it at a time */
static void outer_form(const product *j, int packed) {
    real panels[PANELS * OUTER_DEPTH * 2 * LANES] __attribute__((aligned(64)));
    real own_rows[MAX_ROWS * (OUTER_DEPTH + LANES)] __attribute__((aligned(64)));
    const int64_t blocks = (j->m + MAX_ROWS - 1) / MAX_ROWS, share = even_share(j->m);
    /* whether all tiles can have the most rows or one less: few rows leave few sums, which wait for one another */
    const int even = ALL_ROWS > 4 && j->m >= (MAX_ROWS - 1) * blocks;
    const int64_t most = GL_FEW ? outer_rows(share) : share > ALL_ROWS ? (share + 1) / 2 * 2 : share;
    int64_t widest = MAX_TILE / most;
    widest = most == 1 ? 8 : widest >= 4 ? 4 : 2;
    if (GL_FEW) widest = 1;
    else if (packed) widest = 2;
    const int64_t depth = deep(j->form, j->k), panel = 2 * LANES;
    /* as many columns at a time as stay in the caches, so that c is walked row by row where the sums are short */
    int64_t stride = widest * LANES;
    if (packed) stride = PANELS * panel;
    else stride *= 1 + FIRST_CACHE / ((j->k + 1) * stride * (int64_t)sizeof(real));
    const int copies = !GL_FEW && packed && j->ap == 1 && j->n > panel && j->ai * (int64_t)sizeof(real) % 4096 == 0;
    tile t = {.ai = j->ai, .ap = j->ap, .alpha = j->alpha, .ci = j->ci, .cj = j->cj, .bp = packed ? panel : j->bp};
    int64_t p0 = 0;
    do {
        t.k = j->k - p0 < depth ? j->k - p0 : depth;
        t.beta = p0 ? 1 : j->beta;
        for (int64_t j0 = 0; j0 < j->n; j0 += stride) {
            const int64_t j1 = j0 + stride < j->n ? j0 + stride : j->n;
            /* a panel narrower than a vector, which is the last one, begins with columns before it */
            const int64_t tail = (j1 - j0) % panel, before = packed && !j->ready && tail > 0 && tail < LANES && j1 > tail ? LANES - tail : 0;
            const real *b = j->b + p0 * j->bp + j0 * j->bj;
            for (int64_t column = j0; packed && !j->ready && column < j1; column += panel) {
                const int64_t count = j1 - column < panel ? j1 - column : panel, more = count == tail ? before : 0;
                pack(t.k, count + more, b + (column - j0 - more) * j->bj, j->bp, j->bj, panels + (column - j0) * OUTER_DEPTH, panel);
            }
            for (int64_t i = 0, rows; i < j->m; i += rows) {
                rows = j->m - i < most ? outer_rows(j->m - i) : most;
                if (even) rows = even_share(j->m - i);
                t.a = j->a + i * j->ai + p0 * j->ap;
                if (copies) {
                    copy_rows(t.a, j->ai, rows, t.k, own_rows);
                    t.a = own_rows;
                    t.ai = OUTER_DEPTH + LANES;
                }
                for (int64_t column = j0; column < j1; column += t.columns) {
                    int64_t left = j1 - column, vectors = (left + LANES - 1) / LANES, log2 = 3;
                    while ((1 << log2) > vectors || (1 << log2) > widest) log2--;
                    t.columns = left < (LANES << log2) ? left : LANES << log2;
                    t.last = column + t.columns < LANES ? 0 : t.columns - LANES;
                    t.b = b + (column - j0);
                    const int64_t within = packed ? (column - j0) % panel : 0;
                    if (j->ready) {
                        t.b = j->ready + p0 * j->width + (j->first + column - within) * t.k + within;
                        t.last = t.columns < LANES ? 0 : t.columns - LANES;
                    } else if (packed) {
                        t.b = panels + (column - j0 - within) * OUTER_DEPTH + within + (left == tail ? before : 0);
                    }
                    t.c = j->c + i * j->ci + column * j->cj;
                    outer_tiles[rows][log2](&t);
                }
            }
        }
        p0 += t.k;
    } while (p0 < j->k);
}

/* sums += a vector of each of N rows of b times its element of a */
static INLINE void add_rows(const int N, const real *a, int64_t ap, const real *b, int64_t bp, real *sums) {
    vector sum = LOAD(sums);
    UNROLL for (int q = 0; q < N; q++) sum += a[q * ap] * LOAD(b + q * bp);
    STORE(sums, sum);
}

/* One row of a and many columns: rows of b are walked along, a few together, as memory gives them soonest, while the sums of
   some columns stay in the first cache. */
static void row_form(const product *j) {
    real sums[ROW_SUMS + 2 * LANES] __attribute__((aligned(64)));
    const int64_t ap = j->ap, bp = j->bp;
    tile t = {.alpha = j->alpha, .beta = j->beta, .ci = j->ci, .cj = j->cj};
    for (int64_t j0 = 0; j0 < j->n; j0 += t.columns) {
        /* no rest that is narrower than a vector; the last one may overlap the one before, and has its own place until then */
        t.columns = j->n - j0 < ROW_SUMS + LANES ? j->n - j0 : ROW_SUMS;
        t.last = t.columns - LANES;
        const int64_t whole = (t.last + LANES - 1) / LANES * LANES;
        const real *a = j->a, *b = j->b + j0;
        for (int64_t v = 0; v <= whole; v += LANES) STORE(sums + v, (vector){0});
        int64_t p = 0;
        for (; p + ROW_STEP <= j->k; p += ROW_STEP, a += ROW_STEP * ap, b += ROW_STEP * bp) {
            for (int64_t v = 0; v < whole; v += LANES) add_rows(ROW_STEP, a, ap, b + v, bp, sums + v);
            add_rows(ROW_STEP, a, ap, b + t.last, bp, sums + whole);
        }
        for (; p < j->k; p++, a += ap, b += bp) {
            for (int64_t v = 0; v < whole; v += LANES) add_rows(1, a, ap, b + v, bp, sums + v);
            add_rows(1, a, ap, b + t.last, bp, sums + whole);
        }
        STORE(sums + t.last, LOAD(sums + whole));
        t.c = j->c + j0 * j->cj;
        put(&t, 1, sums, 0);
    }
}

/* rows of a and columns of b as vectors along p; b is copied where its columns are not contiguous */
static void dot_form(const product *j) {
    real columns[LANES * DOT_DEPTH] __attribute__((aligned(64)));
    const int64_t blocks = (j->k + DOT_DEPTH - 1) / DOT_DEPTH;
    tile t = {.ai = j->ai, .ap = 1, .alpha = j->alpha, .ci = j->ci, .cj = j->cj};
    for (int64_t block = 0, p0 = 0; block < blocks; block++, p0 += t.k) {
        t.k = j->k * (block + 1) / blocks - p0;
        t.beta = p0 ? 1 : j->beta;
        const real *b = j->b + p0;
        t.bp = j->bj;
        if (j->bp != 1) {
            for (int64_t p = 0; p < t.k; p++)
                for (int64_t n = 0; n < j->n; n++) columns[n * DOT_DEPTH + p] = j->b[(p0 + p) * j->bp + n * j->bj];
            b = columns;
            t.bp = DOT_DEPTH;
        }
        /* the longer side outside: the rows of the shorter one stay in the cache */
        const int tall = j->m >= j->n;
        const int64_t outer = tall ? j->m : j->n, inner = tall ? j->n : j->m;
        for (int64_t x = 0, dx; x < outer; x += dx) {
            dx = tall ? dot_rows(outer - x, inner) : dot_columns(outer - x);
            for (int64_t y = 0, dy; y < inner; y += dy) {
                dy = tall ? dot_columns(inner - y) : dot_rows(inner - y, outer - x);
                const int64_t row = tall ? x : y, column = tall ? y : x;
                t.a = j->a + row * j->ai + p0;
                t.b = b + column * t.bp;
                t.c = j->c + row * j->ci + column * j->cj;
                t.columns = tall ? dy : dx;
                dot_tiles[tall ? dx : dy][t.columns](&t);
            }
        }
    }
}

/* where part number `part` of a side begins */
static int64_t cut(int64_t side, int64_t unit, int64_t part, int64_t parts) {
    const int64_t at = (side + unit - 1) / unit * part / parts * unit;
    return at < side ? at : side;
}

/* By measurement, what a BLAS computes faster: small products without a short side, for which it has kernels that copy nothing,
   and large ones; of those it walks long sums of doubles, and of a transposed a, better. */
static int suits_blas(int ta, int tb, int64_t m, int64_t n, int64_t k) {
    if (m * n * k <= SMALL_WORK) return m >= NO_SHORT_SIDE && n >= NO_SHORT_SIDE && k >= NO_SHORT_SIDE && (ta || !tb);
    if (k < LARGE || n < LARGE / 2) return 0;
    return GL_DOUBLE ? m >= (tb ? LARGE / 2 : LARGE / 8) : m >= LARGE && (ta || n >= LARGE);
}

static enum form choose(int ta, int tb, int64_t m, int64_t n, int64_t k) {
    if (blas && suits_blas(ta, tb, m, n, k)) return BLAS;
    if (!ta && tb && k >= 2 * LANES && k >= LONG_ROWS * m) return DOT;
    if (!ta && n < LANES && k >= 4 * LANES && (tb || m >= MANY_ROWS)) return DOT;
    if (!tb && n >= LANES && (m < MANY_ROWS || k <= FEW_SUMS)) return OUTER;
    if (ta && n < LANES && m >= LANES && k > FEW_SUMS) return SWAPPED;
    return PACKED;
}

static void run_part(void *context, int64_t part) {
    product j = *(const product *)context;
    const int64_t row = part % j.row_parts, column = part / j.row_parts;
    const int64_t i0 = cut(j.m, ROWS_UNIT, row, j.row_parts), j0 = cut(j.n, COLUMNS_UNIT, column, j.column_parts);
    j.m = cut(j.m, ROWS_UNIT, row + 1, j.row_parts) - i0;
    j.n = cut(j.n, COLUMNS_UNIT, column + 1, j.column_parts) - j0;
    j.a += i0 * j.ai;
    j.b += j0 * j.bj;
    j.c += i0 * j.ci + j0 * j.cj;
    j.first = j0;
    if (j.form == BLAS)
        blas(ROW_MAJOR, j.ap == 1 ? PLAIN : TRANSPOSED, j.bj == 1 ? PLAIN : TRANSPOSED, (int)j.m, (int)j.n, (int)j.k, j.alpha, j.a,
             (int)(j.ap == 1 ? j.ai : j.ap), j.b, (int)(j.bj == 1 ? j.bp : j.bj), j.beta, j.c, (int)j.ci);
    else if (j.form == DOT)
        dot_form(&j);
    else if (!GL_FEW && j.form == OUTER && j.m == 1 && j.n > MAX_ROW_TILE)
        row_form(&j);
    else
        outer_form(&j, j.form == PACKED || j.ready != NULL);
}

static int64_t least(int64_t x, int64_t y) { return x < y ? x : y; }

/* About so many parts, a power of two: of three, one thread of two would wait for the other. */
static int64_t evenly(int64_t parts, int64_t most) {
    int64_t even = 1;
    while (even < parts && even < most) even *= 2;
    return even;
}

static void multiply(int ta, int tb, int64_t m, int64_t n, int64_t k, real alpha, const real *a, int64_t lda, const real *b,
                     int64_t ldb, real beta, real *c, int64_t ldc, const real *ready) {
    if (m == 0 || n == 0) return;
    /* a vector is a row and a column: what suits the forms */
    if (ta && m == 1 && lda == 1) ta = 0, lda = k;
    if (tb && k == 1 && ldb == 1) tb = 0, ldb = n;
    if (!tb && n == 1 && ldb == 1) tb = 1, ldb = k;
    product j = {m, n, k, a, ta ? 1 : lda, ta ? lda : 1, b, tb ? 1 : ldb, tb ? ldb : 1, alpha, beta, c, ldc, 1, 1, 1,
                 choose(ta, tb, m, n, k), ready, padded(n), 0};
    if (ready && j.form != OUTER) j.form = PACKED;
    if (j.form == SWAPPED) j = (product){n, m, k, b, j.bj, j.bp, a, j.ap, j.ai, alpha, beta, c, 1, ldc, 1, 1, SWAPPED, NULL, 0, 0};
    const double work = (double)m * (double)n * (double)k;
    if (j.form == BLAS) {
        /* a BLAS may add in another order in a part of another size: the parts depend on the shape only */
        if (m >= BLAS_PART) j.row_parts = evenly(m / BLAS_PART, 4);
        if (GL_DOUBLE && m >= LARGE) /* its kernels of doubles are slower with few columns */
            j.row_parts = evenly(2 * m / BLAS_PART, 16);
        else j.column_parts = n >= BLAS_PART ? evenly(n / BLAS_PART, 4) : work >= 2 * PART_WORK && n >= 2 * COLUMNS_UNIT ? 2 : 1;
    } else if (work >= 2 * PART_WORK) {
        /* columns where there are enough: then a thread meets the same part of a matrix of weights in both directions */
        const int64_t worth = work < PART_WORK * (double)threads ? (int64_t)(work / PART_WORK) : threads;
        if (j.n >= 4 * COLUMNS_UNIT)
            j.column_parts = least(worth, j.n / COLUMNS_UNIT);
        else if (j.m >= 2 * ROWS_UNIT)
            j.row_parts = least(worth, j.m / ROWS_UNIT);
    }
    team->parallel(run_part, &j, j.row_parts * j.column_parts);
}

static void gemm(int ta, int tb, int64_t m, int64_t n, int64_t k, real alpha, const real *a, int64_t lda, const real *b, int64_t ldb,
                 real beta, real *c, int64_t ldc) {
    multiply(ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc, NULL);
}

/* Products of a batch: what each of them is, and in how many chunks they are taken. */
typedef struct {
    int ta, tb;
    int64_t m, n, k, count, chunks;
    real alpha;
    const real *a;
    int64_t lda, after_a;
    const real *b;
    int64_t ldb, after_b;
    real beta;
    real *c;
    int64_t ldc, after_c;
} batch;

static void run_batch(void *context, int64_t chunk) {
    const batch *const t = context;
    for (int64_t i = t->count * chunk / t->chunks; i < t->count * (chunk + 1) / t->chunks; i++)
        gemm(t->ta, t->tb, t->m, t->n, t->k, t->alpha, t->a + i * t->after_a, t->lda, t->b + i * t->after_b, t->ldb, t->beta,
             t->c + i * t->after_c, t->ldc);
}

static void gemm_batch(int ta, int tb, int64_t m, int64_t n, int64_t k, real alpha, const real *a, int64_t lda, int64_t after_a,
                       const real *b, int64_t ldb, int64_t after_b, real beta, real *c, int64_t ldc, int64_t after_c, int64_t count) {
    const double work = (double)m * (double)n * (double)k * (double)count;
    batch t = {ta, tb, m, n, k, count, 1, alpha, a, lda, after_a, b, ldb, after_b, beta, c, ldc, after_c};
    /* a thread has several of them, or all threads have each */
    if (count >= threads && work >= 2 * PART_WORK) t.chunks = least(count, work < 4 * PART_WORK * (double)threads ? threads : 4 * threads);
    team->parallel(run_batch, &t, t.chunks);
}

/* A copy of b as products of one shape read it, for many of them; NULL where they need none, or there is no memory. */
static const real *pack_once(int ta, int tb, int64_t m, int64_t n, int64_t k, const real *b, int64_t ldb, char **memory,
                             int64_t *capacity) {
    if (m <= 1 || n <= 1 || k <= 1) return NULL;
    const enum form form = choose(ta, tb, m, n, k);
    if (form == OUTER ? k * n < SCATTERED : form != PACKED && !(form == DOT && m >= FEW_ROWS && n >= LANES)) return NULL;
    int64_t bytes;
    if (__builtin_mul_overflow(k, padded(n), &bytes) || __builtin_mul_overflow(bytes, (int64_t)sizeof(real), &bytes)) return NULL;
    real *const to = (real *)gl_grow(memory, capacity, bytes);
    const int64_t bp = tb ? 1 : ldb, bj = tb ? ldb : 1, panel = 2 * LANES;
    for (int64_t p0 = 0; to && p0 < k; p0 += deep(form, k)) {
        const int64_t depth = least(k - p0, deep(form, k));
        for (int64_t j = 0; j < n; j += panel)
            pack(depth, n - j < panel ? n - j : panel, b + p0 * bp + j * bj, bp, bj, to + p0 * padded(n) + j * depth, panel);
    }
    return to;
}

/* Puts the product into the table.  Large ones go to the BLAS, if one is given and its vectors, of `blas_vector` bytes, are as
   wide as ours. */
void gl_products(gl_runtime *table, int thread_count, void *blas_gemm, int blas_vector) {
    team = table;
    threads = thread_count;
    blas = blas_vector >= VECTOR_BYTES ? (cblas_gemm)blas_gemm : NULL;
#if GL_DOUBLE
    table->dgemm = gemm;
    table->dgemm_batch = gemm_batch;
    table->dpack = pack_once;
    table->dgemm_ready = multiply;
#else
    table->sgemm = gemm;
    table->sgemm_batch = gemm_batch;
    table->spack = pack_once;
    table->sgemm_ready = multiply;
#endif
}
