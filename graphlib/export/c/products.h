/* Matrix products in loops that any compiler understands: c = alpha * op(a) op(b) + beta * c, row-major. */
#ifndef GRAPHLIB_PLAIN_PRODUCTS_H
#define GRAPHLIB_PLAIN_PRODUCTS_H

#define GL_PLAIN_PRODUCT(name, real)                                                                                   \
    static void name(int ta, int tb, int64_t m, int64_t n, int64_t k, real alpha, const real *a, int64_t lda,          \
                     const real *b, int64_t ldb, real beta, real *c, int64_t ldc) {                                    \
        const int64_t ai = ta ? 1 : lda, ap = ta ? lda : 1;                                                            \
        for (int64_t i = 0; i < m; i++, a += ai, c += ldc) {                                                           \
            if (tb) {                                                                                                  \
                for (int64_t j = 0; j < n; j++) {                                                                      \
                    const real *const y = b + j * ldb;                                                                 \
                    real sum = 0;                                                                                      \
                    for (int64_t p = 0; p < k; p++) sum += a[p * ap] * y[p];                                           \
                    c[j] = beta == 0 ? alpha * sum : alpha * sum + beta * c[j];                                        \
                }                                                                                                      \
                continue;                                                                                              \
            }                                                                                                          \
            for (int64_t j = 0; j < n; j++) c[j] = beta == 0 ? 0 : beta * c[j];                                        \
            for (int64_t p = 0; p < k; p++) {                                                                          \
                const real x = alpha * a[p * ap], *const y = b + p * ldb;                                              \
                for (int64_t j = 0; j < n; j++) c[j] += x * y[j];                                                      \
            }                                                                                                          \
        }                                                                                                              \
    }

/* `count` of them */
#define GL_PLAIN_BATCH(name, product, real)                                                                            \
    static void name(int ta, int tb, int64_t m, int64_t n, int64_t k, real alpha, const real *a, int64_t lda,          \
                     int64_t after_a, const real *b, int64_t ldb, int64_t after_b, real beta, real *c, int64_t ldc,    \
                     int64_t after_c, int64_t count) {                                                                 \
        for (int64_t i = 0; i < count; i++, a += after_a, b += after_b, c += after_c)                                  \
            product(ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);                                             \
    }

GL_PLAIN_PRODUCT(gl_sgemm, float)
GL_PLAIN_PRODUCT(gl_dgemm, double)
GL_PLAIN_BATCH(gl_sgemm_batch, gl_sgemm, float)
GL_PLAIN_BATCH(gl_dgemm_batch, gl_dgemm, double)

#endif
