/* What a library has in place of graphlib's run time: one thread, and an arena instead of a heap. */
#ifndef GRAPHLIB_PORTABLE_H
#define GRAPHLIB_PORTABLE_H

/* An argument of a function. */
typedef struct {
    char *data;
    int64_t *dimensions;
} gl_array;

/* What kernels are handed: how chunks of a loop and matrix products are done. */
typedef struct {
    void (*parallel)(gl_task task, void *context, int64_t chunks);
    void (*sgemm)(int ta, int tb, int64_t m, int64_t n, int64_t k, float alpha, const float *a, int64_t lda, const float *b,
                  int64_t ldb, float beta, float *c, int64_t ldc);
    void (*dgemm)(int ta, int tb, int64_t m, int64_t n, int64_t k, double alpha, const double *a, int64_t lda,
                  const double *b, int64_t ldb, double beta, double *c, int64_t ldc);
    /* `count` such products, the factors and results of which are after_a, after_b and after_c elements apart */
    void (*sgemm_batch)(int ta, int tb, int64_t m, int64_t n, int64_t k, float alpha, const float *a, int64_t lda, int64_t after_a,
                        const float *b, int64_t ldb, int64_t after_b, float beta, float *c, int64_t ldc, int64_t after_c,
                        int64_t count);
    void (*dgemm_batch)(int ta, int tb, int64_t m, int64_t n, int64_t k, double alpha, const double *a, int64_t lda, int64_t after_a,
                        const double *b, int64_t ldb, int64_t after_b, double beta, double *c, int64_t ldc, int64_t after_c,
                        int64_t count);
} gl_runtime;

/* Memory of an array whose lengths are found in the middle of a call. */
typedef struct {
    char *at;
    int64_t room;
} gl_allocation;

static inline void gl_release(gl_allocation *allocated, int64_t *count) {
    (void)allocated;
    *count = 0;
}

static inline void *gl_allocate(gl_allocation *allocated, int64_t *count, size_t size) {
    const gl_allocation array = allocated[(*count)++];
    return (uint64_t)size <= (uint64_t)array.room ? array.at : 0;
}

/* What arrays of these sizes take one after the other. */
static inline int64_t gl_total(const int64_t *sizes, int64_t count) {
    int64_t total = 0;
    for (int64_t k = 0; k < count; k++) total += gl_aligned(sizes[k]);
    return total;
}

/* A part of the arena, if it is large enough. */
static inline char *gl_grow(char **arena, int64_t *capacity, int64_t size) { return size <= *capacity ? *arena : 0; }

/* Memory for chunks that have arrays of these sizes each: the bytes of a chunk, or -1 where there is not enough. */
static inline int64_t gl_own(char **own, int64_t *capacity, const int64_t *sizes, int64_t count, int64_t chunks) {
    const int64_t each = gl_total(sizes, count);
    return gl_grow(own, capacity, each * chunks) ? each : -1;
}

/* The part of the arena from which functions take memory for as long as they run: the last that took some gives it back first. */
static char *gl_free_memory;
static int64_t gl_free_bytes;

static inline void *gl_take(size_t size) {
    char *const piece = gl_free_memory;
    const int64_t bytes = ((int64_t)size + 63) / 64 * 64;
    if (bytes > gl_free_bytes) return 0;
    gl_free_memory += bytes;
    gl_free_bytes -= bytes;
    return piece;
}

static inline void gl_give(void *piece) {
    gl_free_bytes += gl_free_memory - (char *)piece;
    gl_free_memory = piece;
}

/* The chunks of a loop, one after the other. */
static void gl_alone(gl_task task, void *context, int64_t chunks) {
    for (int64_t chunk = 0; chunk < chunks; chunk++) task(context, chunk);
}

/* C's own: there are no threads that it could disturb by writing signgam. */
GL_INLINE double gl_lgamma_f64(double x) { return lgamma(x); }

#endif
