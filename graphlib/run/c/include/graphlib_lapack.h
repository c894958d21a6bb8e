/* Linear algebra by LAPACK, for matrices one after the other in memory, each row by row.  What LAPACK is handed in that form is
   the transpose, as it goes column by column; where its answer would be another one (signs, the order of pivots), the matrix
   is transposed first, as NumPy does.  `info` is 1 for each matrix for which there is no answer. */
#ifndef GRAPHLIB_LAPACK_H
#define GRAPHLIB_LAPACK_H

#include <math.h>

#include "graphlib_runtime.h"

/* the order of runtime.py's LAPACK; of each first the function of float32, then that of float64 */
enum { GL_TRSM, GL_GETRF, GL_POTRF, GL_GEQRF, GL_ORGQR, GL_SYEVD, GL_GESDD, GL_GEEV, GL_GESV, GL_GEMM };

#define GL_CC const char *
#define GL_CI const int *

static inline int gl_too_long(int64_t n) { return n > 2147483647; }
static inline int gl_leading(int64_t n) { return n < 1 ? 1 : (int)n; }

/* (rows, columns) at `from` as (columns, rows) at `to` */
#define GL_TRANSPOSED(s, T)                                                                                                \
    static inline __attribute__((unused)) void gl_transposed_##s(const T *from, T *to, int64_t rows, int64_t columns) {    \
        for (int64_t i0 = 0; i0 < rows; i0 += 32)                                                                          \
            for (int64_t j0 = 0; j0 < columns; j0 += 32)                                                                   \
                for (int64_t i = i0; i < rows && i < i0 + 32; i++)                                                         \
                    for (int64_t j = j0; j < columns && j < j0 + 32; j++) to[j * rows + i] = from[i * columns + j];        \
    }                                                                                                                      \
    static inline __attribute__((unused)) void gl_fill_##s(T *a, int64_t size, T value) {                                  \
        for (int64_t k = 0; k < size; k++) a[k] = value;                                                                   \
    }

#define GL_MATRICES(s, T, D)                                                                                               \
    GL_TRANSPOSED(s, T)                                                                                                    \
    /* a in memory is P L U of the transpose */                                                                            \
    static inline __attribute__((unused)) int gl_lu_##s(const gl_runtime *rt, const T *a, T *lu, int32_t *pivots,          \
                                                        int32_t *info, int64_t batch, int64_t n) {                         \
        const int m = (int)n, lead = gl_leading(n);                                                                        \
        if (gl_too_long(n)) return 1;                                                                                      \
        memcpy(lu, a, sizeof(T) * (size_t)(batch * n * n));                                                                \
        for (int64_t b = 0; b < batch; b++) {                                                                              \
            int failed = 0;                                                                                                \
            if (n)                                                                                                         \
                ((void (*)(GL_CI, GL_CI, T *, GL_CI, int *, int *))rt->lapack[2 * GL_GETRF + D])(                          \
                    &m, &m, lu + b * n * n, &lead, pivots + b * n, &failed);                                               \
            info[b] = failed > 0;                                                                                          \
        }                                                                                                                  \
        return 0;                                                                                                          \
    }                                                                                                                      \
    /* x a' = x in place, where a' is the transpose of what is in memory row by row */                                     \
    static inline void gl_trsm_##s(const gl_runtime *rt, char uplo, char trans, char diagonal, int64_t n, int64_t k,       \
                                   const T *a, T *x) {                                                                     \
        const int rows = (int)k, columns = (int)n, lda = gl_leading(n), ldx = gl_leading(k);                               \
        const char side = 'R';                                                                                             \
        const T one = 1;                                                                                                   \
        if (n && k)                                                                                                        \
            ((void (*)(GL_CC, GL_CC, GL_CC, GL_CC, GL_CI, GL_CI, const T *, const T *, GL_CI, T *, GL_CI))                 \
                 rt->lapack[2 * GL_TRSM + D])(&side, &uplo, &trans, &diagonal, &rows, &columns, &one, a, &lda, x, &ldx);   \
    }                                                                                                                      \
    static inline __attribute__((unused)) int gl_triangular_solve_##s(                                                     \
        const gl_runtime *rt, const T *a, const T *b, T *x, int32_t *info, int64_t batch, int64_t n, int64_t k,            \
        int64_t lower, int64_t transposed, int64_t unit) {                                                                 \
        if (gl_too_long(n) || gl_too_long(k)) return 1;                                                                    \
        memcpy(x, b, sizeof(T) * (size_t)(batch * n * k));                                                                 \
        for (int64_t c = 0; c < batch; c++) {                                                                              \
            info[c] = 0;                                                                                                   \
            for (int64_t i = 0; i < n && !unit; i++) info[c] |= a[(c * n + i) * n + i] == 0;                               \
            if (info[c])                                                                                                   \
                gl_fill_##s(x + c * n * k, n * k, (T)NAN);                                                                 \
            else                                                                                                           \
                gl_trsm_##s(rt, lower ? 'U' : 'L', transposed ? 'T' : 'N', unit ? 'U' : 'N', n, k, a + c * n * n,          \
                            x + c * n * k);                                                                                \
        }                                                                                                                  \
        return 0;                                                                                                          \
    }                                                                                                                      \
    static inline void gl_swap_rows_##s(T *x, int64_t k, int64_t i, int64_t j) {                                           \
        for (int64_t c = 0; c < k && i != j; c++) {                                                                        \
            const T kept = x[i * k + c];                                                                                   \
            x[i * k + c] = x[j * k + c];                                                                                   \
            x[j * k + c] = kept;                                                                                           \
        }                                                                                                                  \
    }                                                                                                                      \
    static inline __attribute__((unused)) int gl_lu_solve_##s(const gl_runtime *rt, const T *lu, const int32_t *pivots,    \
                                                              const T *b, T *x, int64_t batch, int64_t n, int64_t k,       \
                                                              int64_t transposed) {                                        \
        if (gl_too_long(n) || gl_too_long(k)) return 1;                                                                    \
        memcpy(x, b, sizeof(T) * (size_t)(batch * n * k));                                                                 \
        for (int64_t c = 0; c < batch; c++, lu += n * n, pivots += n, x += n * k) {                                        \
            if (!transposed) {                                                                                             \
                gl_trsm_##s(rt, 'U', 'N', 'N', n, k, lu, x);                                                               \
                gl_trsm_##s(rt, 'L', 'N', 'U', n, k, lu, x);                                                               \
                for (int64_t i = n - 1; i >= 0; i--) gl_swap_rows_##s(x, k, i, pivots[i] - 1);                             \
            } else {                                                                                                       \
                for (int64_t i = 0; i < n; i++) gl_swap_rows_##s(x, k, i, pivots[i] - 1);                                  \
                gl_trsm_##s(rt, 'L', 'T', 'U', n, k, lu, x);                                                               \
                gl_trsm_##s(rt, 'U', 'T', 'N', n, k, lu, x);                                                               \
            }                                                                                                              \
        }                                                                                                                  \
        return 0;                                                                                                          \
    }                                                                                                                      \
    static inline __attribute__((unused)) int gl_cholesky_##s(const gl_runtime *rt, const T *a, T *out, int32_t *info,     \
                                                              int64_t batch, int64_t n, int64_t lower) {                   \
        const int m = (int)n, lead = gl_leading(n);                                                                        \
        const char uplo = lower ? 'U' : 'L';                                                                               \
        if (gl_too_long(n)) return 1;                                                                                      \
        memcpy(out, a, sizeof(T) * (size_t)(batch * n * n));                                                               \
        for (int64_t b = 0; b < batch; b++, out += n * n) {                                                                \
            int failed = 0;                                                                                                \
            if (n)                                                                                                         \
                ((void (*)(GL_CC, GL_CI, T *, GL_CI, int *))rt->lapack[2 * GL_POTRF + D])(&uplo, &m, out, &lead, &failed); \
            info[b] = failed > 0;                                                                                          \
            if (failed) gl_fill_##s(out, n * n, (T)NAN);                                                                   \
            for (int64_t i = 0; i < n && !failed; i++)                                                                     \
                for (int64_t j = lower ? i + 1 : 0; j < (lower ? n : i); j++) out[i * n + j] = 0;                          \
        }                                                                                                                  \
        return 0;                                                                                                          \
    }                                                                                                                      \
    /* reflections: h is (n, m), the transpose of the matrix that holds R and the vectors */                               \
    static inline __attribute__((unused)) int gl_householder_##s(const gl_runtime *rt, const T *a, T *h, T *tau,           \
                                                                 int64_t batch, int64_t m, int64_t n) {                    \
        const int rows = (int)m, columns = (int)n, lead = gl_leading(m);                                                   \
        const int64_t k = m < n ? m : n;                                                                                   \
        if (gl_too_long(n) || gl_too_long(m)) return 1;                                                                    \
        int size = -1, failed;                                                                                             \
        T best = 1, *work = &best;                                                                                         \
        for (int64_t b = -1; b < batch && k; b++) { /* the first one asks for the size of `work` */                        \
            if (b >= 0) gl_transposed_##s(a + b * m * n, h + b * m * n, m, n);                                             \
            ((void (*)(GL_CI, GL_CI, T *, GL_CI, T *, T *, GL_CI, int *))rt->lapack[2 * GL_GEQRF + D])(                    \
                &rows, &columns, h + (b < 0 ? 0 : b * m * n), &lead, tau + (b < 0 ? 0 : b * k), work, &size, &failed);     \
            if (b >= 0) continue;                                                                                          \
            size = (int)best;                                                                                              \
            if (!(work = malloc(sizeof(T) * (size_t)size))) return 1;                                                      \
        }                                                                                                                  \
        if (work != &best) free(work);                                                                                     \
        return 0;                                                                                                          \
    }                                                                                                                      \
    static inline __attribute__((unused)) int gl_householder_q_##s(const gl_runtime *rt, const T *h, const T *tau, T *q,   \
                                                                   int64_t batch, int64_t m, int64_t n, int64_t columns) { \
        const int64_t k = m < n ? m : n, used = k < columns ? k : columns;                                                 \
        const int rows = (int)m, wide = (int)columns, reflections = (int)used, lead = gl_leading(m);                       \
        if (gl_too_long(n) || gl_too_long(m)) return 1;                                                                    \
        T best = 1;                                                                                                        \
        int size = -1, failed;                                                                                             \
        void (*orgqr)(GL_CI, GL_CI, GL_CI, T *, GL_CI, const T *, T *, GL_CI, int *) = rt->lapack[2 * GL_ORGQR + D];       \
        if (!m || !columns || !batch) return 0;                                                                            \
        orgqr(&rows, &wide, &reflections, q, &lead, tau, &best, &size, &failed);                                           \
        size = (int)best;                                                                                                  \
        T *scratch = malloc(sizeof(T) * (size_t)(m * columns + size));                                                     \
        if (!scratch) return 1;                                                                                            \
        for (int64_t b = 0; b < batch; b++) {                                                                              \
            memcpy(scratch, h + b * m * n, sizeof(T) * (size_t)(m * used));                                                \
            orgqr(&rows, &wide, &reflections, scratch, &lead, tau + b * k, scratch + m * columns, &size, &failed);         \
            gl_transposed_##s(scratch, q + b * m * columns, columns, m);                                                   \
        }                                                                                                                  \
        free(scratch);                                                                                                     \
        return 0;                                                                                                          \
    }                                                                                                                      \
    static inline __attribute__((unused)) int gl_eigh_##s(const gl_runtime *rt, const T *a, T *w, T *v, int32_t *info,     \
                                                          int64_t batch, int64_t n, int64_t lower) {                       \
        void (*syevd)(GL_CC, GL_CC, GL_CI, T *, GL_CI, T *, T *, GL_CI, int *, GL_CI, int *) =                             \
            rt->lapack[2 * GL_SYEVD + D];                                                                                  \
        const char job = 'V', uplo = lower ? 'L' : 'U';                                                                    \
        const int m = (int)n, lead = gl_leading(n);                                                                        \
        int size = -1, integers = -1, least, failed = 0;                                                                   \
        T best;                                                                                                            \
        if (gl_too_long(n)) return 1;                                                                                      \
        for (int64_t b = 0; b < batch; b++) info[b] = 0;                                                                   \
        if (!n || !batch) return 0;                                                                                        \
        syevd(&job, &uplo, &m, v, &lead, w, &best, &size, &least, &integers, &failed);                                     \
        size = (int)best, integers = least;                                                                                \
        T *matrix = malloc(sizeof(T) * (size_t)(n * n + size));                                                            \
        int *whole = malloc(sizeof(int) * (size_t)integers);                                                               \
        for (int64_t b = 0; b < batch && matrix && whole; b++) {                                                           \
            gl_transposed_##s(a + b * n * n, matrix, n, n);                                                                \
            syevd(&job, &uplo, &m, matrix, &lead, w + b * n, matrix + n * n, &size, whole, &integers, &failed);            \
            info[b] = failed != 0;                                                                                         \
            gl_transposed_##s(matrix, v + b * n * n, n, n);                                                                \
        }                                                                                                                  \
        const int missing = !matrix || !whole;                                                                             \
        free(matrix), free(whole);                                                                                         \
        return missing;                                                                                                    \
    }                                                                                                                      \
    /* u or vt may be missing: then only the singular values are computed */                                               \
    static inline int gl_gesdd_##s(const gl_runtime *rt, const T *a, T *u, T *values, T *vt, int32_t *info, int64_t batch, \
                                   int64_t m, int64_t n, int64_t full) {                                                   \
        void (*gesdd)(GL_CC, GL_CI, GL_CI, T *, GL_CI, T *, T *, GL_CI, T *, GL_CI, T *, GL_CI, int *, int *) =            \
            rt->lapack[2 * GL_GESDD + D];                                                                                  \
        const int64_t k = m < n ? m : n, of_u = full ? m : k, of_vt = full ? n : k;                                        \
        const char job = !u ? 'N' : full ? 'A' : 'S';                                                                      \
        const int rows = (int)m, columns = (int)n, lda = gl_leading(m), ldvt = gl_leading(of_vt);                          \
        if (gl_too_long(n) || gl_too_long(m)) return 1;                                                                    \
        for (int64_t b = 0; b < batch; b++) info[b] = 0;                                                                   \
        if (!k) {                                                                                                          \
            if (!u) return 0;                                                                                              \
            for (int64_t i = 0; i < batch * m * of_u; i++) u[i] = i / (of_u + !of_u) % (m + !m) == i % (of_u + !of_u);     \
            for (int64_t i = 0; i < batch * of_vt * n; i++) vt[i] = i / (n + !n) % (of_vt + !of_vt) == i % (n + !n);       \
            return 0;                                                                                                      \
        }                                                                                                                  \
        T best, nothing = 0;                                                                                               \
        int size = -1, failed, *whole = malloc(sizeof(int) * (size_t)(8 * k));                                             \
        gesdd(&job, &rows, &columns, &nothing, &lda, values, &nothing, &lda, &nothing, &ldvt, &best, &size, whole,         \
              &failed);                                                                                                    \
        size = (int)best;                                                                                                  \
        T *matrix = malloc(sizeof(T) * (size_t)(m * n + m * of_u + of_vt * n + size));                                     \
        T *left = matrix + m * n, *right = left + m * of_u, *work = right + of_vt * n;                                     \
        for (int64_t b = 0; b < batch && matrix && whole; b++) {                                                           \
            gl_transposed_##s(a + b * m * n, matrix, m, n);                                                                \
            gesdd(&job, &rows, &columns, matrix, &lda, values + b * k, left, &lda, right, &ldvt, work, &size, whole,       \
                  &failed);                                                                                                \
            info[b] = failed != 0;                                                                                         \
            if (failed) gl_fill_##s(values + b * k, k, (T)NAN);                                                            \
            if (!u) continue;                                                                                              \
            if (failed) gl_fill_##s(left, m * of_u + of_vt * n, (T)NAN);                                                   \
            gl_transposed_##s(left, u + b * m * of_u, of_u, m);                                                            \
            gl_transposed_##s(right, vt + b * of_vt * n, n, of_vt);                                                        \
        }                                                                                                                  \
        const int missing = !matrix || !whole;                                                                             \
        free(matrix), free(whole);                                                                                         \
        return missing;                                                                                                    \
    }                                                                                                                      \
    static inline __attribute__((unused)) int gl_svd_##s(const gl_runtime *rt, const T *a, T *u, T *values, T *vt,         \
                                                         int32_t *info, int64_t batch, int64_t m, int64_t n,               \
                                                         int64_t full) {                                                   \
        return gl_gesdd_##s(rt, a, u, values, vt, info, batch, m, n, full);                                                \
    }                                                                                                                      \
    static inline __attribute__((unused)) int gl_singular_values_##s(const gl_runtime *rt, const T *a, T *values,          \
                                                                     int32_t *info, int64_t batch, int64_t m, int64_t n) { \
        return gl_gesdd_##s(rt, a, NULL, values, NULL, info, batch, m, n, 0);                                              \
    }                                                                                                                      \
    /* eigenvalues and right eigenvectors, their real and imaginary parts */                                               \
    static inline __attribute__((unused)) int gl_eig_##s(const gl_runtime *rt, const T *a, T *wr, T *wi, T *vr, T *vi,     \
                                                         int32_t *info, int64_t batch, int64_t n) {                        \
        void (*geev)(GL_CC, GL_CC, GL_CI, T *, GL_CI, T *, T *, T *, GL_CI, T *, GL_CI, T *, GL_CI, int *) =               \
            rt->lapack[2 * GL_GEEV + D];                                                                                   \
        const char no = 'N', yes = 'V';                                                                                    \
        const int m = (int)n, lead = gl_leading(n);                                                                        \
        int size = -1, failed = 0;                                                                                         \
        T best, nothing;                                                                                                   \
        if (gl_too_long(n)) return 1;                                                                                      \
        for (int64_t b = 0; b < batch; b++) info[b] = 0;                                                                   \
        if (!n || !batch) return 0;                                                                                        \
        geev(&no, &yes, &m, vr, &lead, wr, wi, &nothing, &lead, vr, &lead, &best, &size, &failed);                         \
        size = (int)best;                                                                                                  \
        T *matrix = malloc(sizeof(T) * (size_t)(2 * n * n + size)), *vectors = matrix + n * n;                             \
        for (int64_t b = 0; b < batch && matrix; b++, wr += n, wi += n, vr += n * n, vi += n * n) {                        \
            gl_transposed_##s(a + b * n * n, matrix, n, n);                                                                \
            geev(&no, &yes, &m, matrix, &lead, wr, wi, &nothing, &lead, vectors, &lead, vectors + n * n, &size, &failed);  \
            info[b] = failed != 0;                                                                                         \
            for (int64_t j = 0, second = 0; j < n; j++) {                                                                  \
                /* of a pair, the second is conjugate to the first, and lies there as the first one's imaginary part */   \
                second = wi[j] != 0 && !second;                                                                            \
                const T *re = vectors + (wi[j] != 0 && !second ? j - 1 : j) * n;                                           \
                for (int64_t i = 0; i < n; i++) {                                                                          \
                    vr[i * n + j] = re[i];                                                                                 \
                    vi[i * n + j] = wi[j] == 0 ? 0 : second ? re[n + i] : -re[n + i];                                      \
                }                                                                                                          \
            }                                                                                                              \
        }                                                                                                                  \
        if (!matrix) return 1;                                                                                             \
        free(matrix);                                                                                                      \
        return 0;                                                                                                          \
    }                                                                                                                      \
    /* the exponential, in double: a Pade approximant of degree 13 of the scaled matrix, squared again and again           \
       (Higham, The scaling and squaring method for the matrix exponential revisited, 2005) */                             \
    static inline __attribute__((unused)) int gl_expm_##s(const gl_runtime *rt, const T *a, T *out, int64_t batch,         \
                                                          int64_t n) {                                                     \
        const int64_t size = n * n;                                                                                        \
        if (gl_too_long(n)) return 1;                                                                                      \
        double *memory = malloc(sizeof(double) * (size_t)(7 * size + 1));                                                  \
        int *pivots = malloc(sizeof(int) * (size_t)(n + 1));                                                               \
        int missing = !memory || !pivots;                                                                                  \
        for (int64_t b = 0; b < batch && !missing; b++, a += size, out += size) {                                          \
            for (int64_t k = 0; k < size; k++) memory[k] = (double)a[k];                                                   \
            const double *found = gl_expm(rt, memory, pivots, n);                                                          \
            for (int64_t k = 0; k < size; k++) out[k] = (T)found[k];                                                       \
        }                                                                                                                  \
        free(memory), free(pivots);                                                                                        \
        return missing;                                                                                                    \
    }

/* c = alpha a b + beta c of n by n */
static inline void gl_square_product(const gl_runtime *rt, int64_t n, const double *a, const double *b, double *c) {
    const int m = (int)n, lead = gl_leading(n);
    const char no = 'N';
    const double one = 1, zero = 0;
    ((void (*)(GL_CC, GL_CC, GL_CI, GL_CI, GL_CI, const double *, const double *, GL_CI, const double *, GL_CI, const double *,
               double *, GL_CI))rt->lapack[2 * GL_GEMM + 1])(&no, &no, &m, &m, &m, &one, b, &lead, a, &lead, &zero, c, &lead);
}

/* memory: the matrix, then six times as much for what is computed on the way */
static inline __attribute__((unused)) const double *gl_expm(const gl_runtime *rt, double *memory, int *pivots, int64_t n) {
    static const double c[] = {64764752532480000, 32382376266240000, 7771770303897600, 1187353796428800, 129060195264000,
                               10559470521600,    670442572800,      33522128640,      1323241920,       40840800,
                               960960,            16380,             182,              1};
    const int64_t size = n * n;
    double *a = memory, *a2 = a + size, *a4 = a2 + size, *a6 = a4 + size, *u = a6 + size, *v = u + size, *w = v + size;
    double norm = 0;
    for (int64_t j = 0; j < n; j++) {
        double sum = 0;
        for (int64_t i = 0; i < n; i++) sum += fabs(a[i * n + j]);
        if (!(sum <= norm)) norm = sum;
    }
    if (!isfinite(norm)) {
        for (int64_t k = 0; k < size; k++) a[k] = NAN;
        return a;
    }
    int squarings = norm > 5.371920351148152 ? (int)ceil(log2(norm / 5.371920351148152)) : 0;
    const double scale = ldexp(1, -squarings);
    for (int64_t k = 0; k < size; k++) a[k] *= scale;
    if (!n) return a;
    gl_square_product(rt, n, a, a, a2);
    gl_square_product(rt, n, a2, a2, a4);
    gl_square_product(rt, n, a4, a2, a6);
    for (int64_t k = 0; k < size; k++) w[k] = c[13] * a6[k] + c[11] * a4[k] + c[9] * a2[k];
    gl_square_product(rt, n, a6, w, v);
    for (int64_t k = 0; k < size; k++)
        w[k] = v[k] + c[7] * a6[k] + c[5] * a4[k] + c[3] * a2[k] + (k % (n + 1) ? 0 : c[1]);
    gl_square_product(rt, n, a, w, u);
    for (int64_t k = 0; k < size; k++) w[k] = c[12] * a6[k] + c[10] * a4[k] + c[8] * a2[k];
    gl_square_product(rt, n, a6, w, v);
    for (int64_t k = 0; k < size; k++) v[k] += c[6] * a6[k] + c[4] * a4[k] + c[2] * a2[k] + (k % (n + 1) ? 0 : c[0]);
    /* (v - u) r = v + u; they commute, so the transposes that LAPACK sees do as well */
    for (int64_t k = 0; k < size; k++) a2[k] = v[k] - u[k], a4[k] = v[k] + u[k];
    const int m = (int)n, lead = gl_leading(n);
    int failed = 0;
    ((void (*)(GL_CI, GL_CI, double *, GL_CI, int *, double *, GL_CI, int *))rt->lapack[2 * GL_GESV + 1])(
        &m, &m, a2, &lead, pivots, a4, &lead, &failed);
    double *result = a4, *other = a2;
    for (; squarings; squarings--) {
        gl_square_product(rt, n, result, result, other);
        double *swap = result;
        result = other;
        other = swap;
    }
    return result;
}

GL_MATRICES(f32, float, 0)
GL_MATRICES(f64, double, 1)

#endif
