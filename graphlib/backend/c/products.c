/* Matrix products in one precision; the runtime library contains this file twice, with REAL float and double.

   Products of which a side is short ("skinny") run in kernels of our own, because a BLAS packs both factors before it computes,
   which then costs as much as computing.  Three forms, all of one register tile per call, all summing over p in an order that
   depends on the shape only and never on how a product was cut into parts:
     outer   rows of b are read as vectors, elements of a are broadcast: a tile of rows x vectors of c
     swapped the same for c' = b' a', where a is transposed and c has few columns
     dot     rows of both factors are read as vectors along p and summed across at the end
   A b whose rows cannot be read so is copied panel by panel. */

typedef REAL NAME(vector) __attribute__((vector_size(GL_VECTOR), may_alias));
typedef REAL NAME(memory) __attribute__((vector_size(GL_VECTOR), aligned(sizeof(REAL)), may_alias));
typedef INTEGER NAME(mask) __attribute__((vector_size(GL_VECTOR), may_alias));

#define VECTOR NAME(vector)
#define MASK NAME(mask)
#define LOAD(address) ((VECTOR) * (const NAME(memory) *)(address))
#define STORE(address, value) (*(NAME(memory) *)(address) = (value))
/* a step counted in bytes: GCC would compile the loop twice, once for steps of one element */
#define AFTER(address, bytes) ((const REAL *)((const char *)(address) + (bytes)))
#define SELECT(mask, yes, no) ((VECTOR)(((mask) & (MASK)(yes)) | (~(mask) & (MASK)(no))))

/* the lanes first, first + 1, ... of a vector */
static INLINE MASK NAME(lanes_from)(int64_t first) {
    MASK lane;
    for (int l = 0; l < LANES; l++) lane[l] = l;
    return (MASK)(lane >= (MASK){0} + (INTEGER)first);
}

/* What a call of a kernel computes: rows x columns of c, from a[i * ai + p * ap] and b. */
typedef struct {
    int64_t k;
    const REAL *a;
    int64_t ai, ap;
    const REAL *b;
    int64_t bp;   /* outer: the step between rows of b; dot: between its columns */
    int64_t last; /* outer: where the last vector of a row of b begins; it may overlap the one before */
    int64_t columns;
    REAL alpha, beta;
    REAL *c;
    int64_t ci, cj;
} NAME(tile);

/* Adds a tile's sums, of `step` to a row, to its part of c.  A row narrower than a vector that is no whole row of c has sums
   before its first, of the columns before, which are in c already. */
static NOINLINE void NAME(put)(const NAME(tile) *t, int64_t rows, const REAL *sums, int64_t step) {
    const REAL alpha = t->alpha, beta = t->beta;
    const int64_t columns = t->columns, last = t->last, cj = t->cj;
    REAL *c = t->c;
    if (cj == 1 && last + LANES == columns) {
        const int64_t whole = last > 0 ? (last + LANES - 1) / LANES * LANES : 0;
        const MASK fresh = NAME(lanes_from)(whole - last);
        for (int64_t i = 0; i < rows; i++, sums += step, c += t->ci) {
            if (beta == 0) {
                for (int64_t j = 0; j < whole; j += LANES) STORE(c + j, alpha * LOAD(sums + j));
                STORE(c + last, alpha * LOAD(sums + last));
            } else {
                for (int64_t j = 0; j < whole; j += LANES) STORE(c + j, alpha * LOAD(sums + j) + beta * LOAD(c + j));
                const VECTOR before = LOAD(c + last);
                STORE(c + last, SELECT(fresh, alpha * LOAD(sums + last) + beta * before, before));
            }
        }
        return;
    }
    for (int64_t i = 0; i < rows; i++, sums += step, c += t->ci) {
        if (beta == 0)
            for (int64_t j = 0; j < columns; j++) c[j * cj] = alpha * sums[j];
        else
            for (int64_t j = 0; j < columns; j++) c[j * cj] = alpha * sums[j] + beta * c[j * cj];
    }
}

static INLINE void NAME(outer)(const int R, const int V, const NAME(tile) *t) {
    VECTOR sum[MAX_TILE];
    const REAL *a = t->a, *b = t->b;
    const int64_t ai = t->ai, ap = t->ap * (int64_t)sizeof(REAL), bp = t->bp, last = t->last;
    UNROLL for (int s = 0; s < R * V; s++) sum[s] = (VECTOR){0};
    for (int64_t p = t->k; p > 0; p--, a = AFTER(a, ap), b += bp) {
        VECTOR y[8];
        UNROLL for (int v = 0; v < V - 1; v++) y[v] = LOAD(b + v * LANES);
        y[V - 1] = LOAD(b + last);
        UNROLL for (int r = 0; r < R; r++) {
            REAL x = a[r * ai];
            UNROLL for (int v = 0; v < V; v++) sum[r * V + v] += x * y[v];
        }
    }
    REAL sums[(MAX_TILE + 1) * LANES] __attribute__((aligned(64))), *to = sums + LANES;
    UNROLL for (int r = 0; r < R; r++) {
        UNROLL for (int v = 0; v < V - 1; v++) STORE(to + (r * V + v) * LANES, sum[r * V + v]);
        STORE(to + r * V * LANES + last, sum[r * V + V - 1]);
    }
    NAME(put)(t, R, to, V * LANES);
}

#define OUTER(R, V) \
    static void NAME(outer_##R##_##V)(const NAME(tile) *t) { NAME(outer)(R, V, t); }
OUTER_TILES(OUTER)
#undef OUTER

#define OUTER(R, V) [R][LOG2_##V] = NAME(outer_##R##_##V),
static void (*const NAME(outer_tiles)[MAX_ROWS + 1][4])(const NAME(tile) *) = {OUTER_TILES(OUTER)};
#undef OUTER

/* Adds x and y across once: lane 2l of the result is x[l] + x[l + LANES / 2], lane 2l + 1 the same of y. */
static INLINE VECTOR NAME(fold)(VECTOR x, VECTOR y) {
    return SHUFFLE(x, y, PASTE(FIRST_, LANES)) + SHUFFLE(x, y, PASTE(SECOND_, LANES));
}

static INLINE void NAME(dot)(const int R, const int N, const NAME(tile) *t) {
    VECTOR sum[MAX_TILE];
    const REAL *a = t->a, *b = t->b;
    const int64_t ai = t->ai, bj = t->bp, rest = t->k % LANES;
    UNROLL for (int s = 0; s < R * N; s++) sum[s] = (VECTOR){0};
    VECTOR y[8];
    for (int64_t p = t->k / LANES; p > 0; p--, a += LANES, b += LANES) {
        UNROLL for (int n = 0; n < N; n++) {
            y[n] = LOAD(b + n * bj);
            KEEP(y[n]);
        }
        UNROLL for (int r = 0; r < R; r++) {
            const VECTOR x = LOAD(a + r * ai);
            UNROLL for (int n = 0; n < N; n++) sum[r * N + n] += x * y[n];
        }
    }
    if (rest) {
        const int64_t back = LANES - rest;
        const MASK fresh = NAME(lanes_from)(back);
        UNROLL for (int n = 0; n < N; n++) y[n] = (VECTOR)(fresh & (MASK)LOAD(b + n * bj - back));
        UNROLL for (int r = 0; r < R; r++) {
            const VECTOR x = (VECTOR)(fresh & (MASK)LOAD(a + r * ai - back));
            UNROLL for (int n = 0; n < N; n++) sum[r * N + n] += x * y[n];
        }
    }
    /* a tree folds LANES vectors to the vector of their sums, which come out with the bits of their indices reversed */
    REAL sums[MAX_TILE + LANES];
    UNROLL for (int first = 0; first < R * N; first += LANES) {
        int count = R * N - first < LANES ? R * N - first : LANES;
        UNROLL for (int half = LANES / 2; half > 0; half /= 2) {
            UNROLL for (int s = 0; s < (count + 1) / 2; s++)
                sum[first + s] = NAME(fold)(sum[first + 2 * s], sum[first + (2 * s + 1 < count ? 2 * s + 1 : 2 * s)]);
            count = (count + 1) / 2;
        }
        STORE(sums + first, SHUFFLE(sum[first], sum[first], PASTE(REVERSED_, LANES)));
    }
    NAME(put)(t, R, sums, N);
}

#define DOT(R, N) \
    static void NAME(dot_##R##_##N)(const NAME(tile) *t) { NAME(dot)(R, N, t); }
DOT_TILES(DOT)
#undef DOT

#define DOT(R, N) [R][N] = NAME(dot_##R##_##N),
static void (*const NAME(dot_tiles)[MAX_DOT_ROWS + 1][MAX_DOT_COLUMNS + 1])(const NAME(tile) *) = {DOT_TILES(DOT)};
#undef DOT

/* c = alpha a b + beta c for matrices of arbitrary steps */
typedef struct {
    int64_t m, n, k;
    const REAL *a;
    int64_t ai, ap;
    const REAL *b;
    int64_t bp, bj;
    REAL alpha, beta;
    REAL *c;
    int64_t ci, cj;
    enum form form;
    int64_t row_parts, column_parts;
} NAME(product);

/* to[p * after + i] = from[i * before + p] for a block of LANES x LANES */
static NOINLINE void NAME(transpose)(const REAL *from, int64_t before, REAL *to, int64_t after) {
    VECTOR row[LANES], next[LANES];
    UNROLL for (int i = 0; i < LANES; i++) row[i] = LOAD(from + i * before);
    UNROLL for (int stage = 1; stage < LANES; stage *= 2) {
        UNROLL for (int i = 0; i < LANES / 2; i++) {
            next[2 * i] = SHUFFLE(row[i], row[i + LANES / 2], PASTE(FIRST_, LANES));
            next[2 * i + 1] = SHUFFLE(row[i], row[i + LANES / 2], PASTE(SECOND_, LANES));
        }
        UNROLL for (int i = 0; i < LANES; i++) row[i] = next[i];
    }
    UNROLL for (int i = 0; i < LANES; i++) STORE(to + i * after, row[i]);
}

/* to[p * step + j] = b[p * bp + j * bj], with zeros up to a whole vector */
static void NAME(pack)(int64_t k, int64_t n, const REAL *b, int64_t bp, int64_t bj, REAL *to, int64_t step) {
    if (n < LANES)
        for (int64_t p = 0; p < k; p++) STORE(to + p * step, (VECTOR){0});
    if (bj == 1) {
        for (int64_t p = 0; p < k; p++)
            for (int64_t j = 0; j < n; j++) to[p * step + j] = b[p * bp + j];
        return;
    }
    const int64_t p1 = bp == 1 ? k / LANES * LANES : 0, j1 = n / LANES * LANES;
    for (int64_t p = 0; p < p1; p += LANES)
        for (int64_t j = 0; j < j1; j += LANES) NAME(transpose)(b + p + j * bj, bj, to + p * step + j, step);
    for (int64_t j = 0; j < n; j++)
        for (int64_t p = j < j1 ? p1 : 0; p < k; p++) to[p * step + j] = b[p * bp + j * bj];
}

/* rows of b as vectors; `packed`: from a copy of a panel of it at a time */
static void NAME(outer_form)(const NAME(product) *j, int packed) {
    REAL panel[OUTER_DEPTH * 2 * LANES] __attribute__((aligned(64)));
    const int64_t blocks = (j->m + MAX_ROWS - 1) / MAX_ROWS, share = (j->m + blocks - 1) / blocks, most = share > 6 ? (share + 1) / 2 * 2 : share;
    int64_t widest = MAX_TILE / most;
    widest = most == 1 ? 8 : widest >= 4 ? 4 : 2;
    if (packed) widest = 2;
    const int64_t depth = packed ? OUTER_DEPTH : j->k;
    /* as many columns at a time as stay in the first cache, so that c is walked row by row where the sums are short */
    int64_t stride = widest * LANES;
    if (!packed) stride *= 1 + FIRST_CACHE / ((j->k + 1) * stride * (int64_t)sizeof(REAL));
    NAME(tile) t = {.ai = j->ai, .ap = j->ap, .alpha = j->alpha, .ci = j->ci, .cj = j->cj, .bp = j->bp};
    int64_t p0 = 0;
    do {
        t.k = j->k - p0 < depth ? j->k - p0 : depth;
        t.beta = p0 ? 1 : j->beta;
        for (int64_t j0 = 0; j0 < j->n; j0 += stride) {
            const int64_t j1 = j0 + stride < j->n ? j0 + stride : j->n;
            const REAL *b = j->b + p0 * j->bp + j0 * j->bj;
            if (packed) {
                const int64_t from = j1 - j0 < LANES && j0 > 0 ? j1 - LANES - j0 : 0;
                NAME(pack)(t.k, j1 - j0 - from, b + from * j->bj, j->bp, j->bj, panel, 2 * LANES);
                b = panel - from;
                t.bp = 2 * LANES;
            }
            for (int64_t i = 0, rows; i < j->m; i += rows) {
                rows = j->m - i < most ? outer_rows(j->m - i) : most;
                t.a = j->a + i * j->ai + p0 * j->ap;
                for (int64_t column = j0; column < j1; column += t.columns) {
                    int64_t left = j1 - column, vectors = (left + LANES - 1) / LANES, log2 = 3;
                    while ((1 << log2) > vectors || (1 << log2) > widest) log2--;
                    t.columns = left < (LANES << log2) ? left : LANES << log2;
                    t.last = column + t.columns < LANES ? 0 : t.columns - LANES;
                    t.b = b + (column - j0);
                    t.c = j->c + i * j->ci + column * j->cj;
                    NAME(outer_tiles)[rows][log2](&t);
                }
            }
        }
        p0 += t.k;
    } while (p0 < j->k);
}

/* rows of a and columns of b as vectors along p; b is copied where its columns are not contiguous */
static void NAME(dot_form)(const NAME(product) *j) {
    REAL columns[LANES * DOT_DEPTH] __attribute__((aligned(64)));
    const int64_t blocks = (j->k + DOT_DEPTH - 1) / DOT_DEPTH;
    NAME(tile) t = {.ai = j->ai, .ap = 1, .alpha = j->alpha, .ci = j->ci, .cj = j->cj};
    for (int64_t block = 0, p0 = 0; block < blocks; block++, p0 += t.k) {
        t.k = j->k * (block + 1) / blocks - p0;
        t.beta = p0 ? 1 : j->beta;
        const REAL *b = j->b + p0;
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
            dx = tall ? dot_rows(outer - x) : dot_columns(outer - x);
            for (int64_t y = 0, dy; y < inner; y += dy) {
                dy = tall ? dot_columns(inner - y) : dot_rows(inner - y);
                const int64_t row = tall ? x : y, column = tall ? y : x;
                t.a = j->a + row * j->ai + p0;
                t.b = b + column * t.bp;
                t.c = j->c + row * j->ci + column * j->cj;
                t.columns = tall ? dy : dx;
                NAME(dot_tiles)[tall ? dx : dy][t.columns](&t);
            }
        }
    }
}

static NAME(cblas) NAME(blas);

static enum form NAME(form)(int ta, int tb, int64_t m, int64_t n, int64_t k) {
    if (NAME(blas) && m >= BLAS_SIDE && n >= BLAS_SIDE && k >= BLAS_SIDE) return BLAS;
    if (!ta && k >= 2 * LANES && (tb ? m < PACKED_ROWS || n < LANES : m >= PACKED_ROWS && n < LANES)) return DOT;
    if (!tb && n >= LANES && m < PACKED_ROWS) return OUTER;
    if (ta && n < LANES && m >= LANES && k >= 64) return SWAPPED;
    return PACKED;
}

static void NAME(part)(void *context, int64_t part) {
    NAME(product) j = *(const NAME(product) *)context;
    const int64_t row = part % j.row_parts, column = part / j.row_parts;
    const int64_t i0 = cut(j.m, 4, row, j.row_parts), j0 = cut(j.n, 2 * LANES, column, j.column_parts);
    j.m = cut(j.m, 4, row + 1, j.row_parts) - i0;
    j.n = cut(j.n, 2 * LANES, column + 1, j.column_parts) - j0;
    j.a += i0 * j.ai;
    j.b += j0 * j.bj;
    j.c += i0 * j.ci + j0 * j.cj;
    switch (j.form) {
    case BLAS: {
        const int ta = j.ap != 1, tb = j.bj != 1;
        NAME(blas)(ROW_MAJOR, ta ? TRANSPOSED : PLAIN, tb ? TRANSPOSED : PLAIN, (int)j.m, (int)j.n, (int)j.k, j.alpha, j.a,
                   (int)(ta ? j.ap : j.ai), j.b, (int)(tb ? j.bj : j.bp), j.beta, j.c, (int)j.ci);
        return;
    }
    case DOT: NAME(dot_form)(&j); return;
    default: NAME(outer_form)(&j, j.form == PACKED); return;
    }
}

static void NAME(gemm)(int ta, int tb, int64_t m, int64_t n, int64_t k, REAL alpha, const REAL *a, int64_t lda, const REAL *b,
                       int64_t ldb, REAL beta, REAL *c, int64_t ldc) {
    if (m == 0 || n == 0) return;
    NAME(product) j = {m, n, k, a, ta ? 1 : lda, ta ? lda : 1, b, tb ? 1 : ldb, tb ? ldb : 1, alpha, beta, c, ldc, 1,
                       NAME(form)(ta, tb, m, n, k), 1, 1};
    if (j.form == SWAPPED) j = (NAME(product)){n, m, k, b, j.bj, j.bp, a, j.ap, j.ai, alpha, beta, c, 1, ldc, SWAPPED, 1, 1};
    if (j.form == BLAS) {
        /* a BLAS may add in another order in a part of another size: the parts depend on the shape only */
        j.row_parts = blas_parts(m);
        j.column_parts = blas_parts(n);
    } else if ((double)m * (double)n * (double)k >= PARALLEL_WORK) {
        if (j.n >= 8 * LANES)
            j.column_parts = j.n / (2 * LANES) < team.threads ? j.n / (2 * LANES) : team.threads;
        else if (j.m >= 8)
            j.row_parts = j.m / 4 < team.threads ? j.m / 4 : team.threads;
    }
    parallel(NAME(part), &j, j.row_parts * j.column_parts);
}

#undef VECTOR
#undef MASK
#undef LOAD
#undef STORE
#undef AFTER
#undef SELECT
