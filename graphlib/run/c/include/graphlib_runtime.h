/* What generated functions and the runtime library share: the table of runtime functions, NumPy's array header, the arena, and
   the splitting of a loop into chunks. */
#ifndef GRAPHLIB_RUNTIME_H
#define GRAPHLIB_RUNTIME_H

#include <graphlib_c.h>

typedef void (*gl_task)(void *context, int64_t chunk);

typedef struct gl_runtime {
    /* runs task(context, 0) ... task(context, chunks - 1), on several threads where they are free */
    void (*parallel)(gl_task task, void *context, int64_t chunks);
    /* c = alpha * op(a) op(b) + beta * c, row-major; op transposes where ta, tb are set; lda, ldb, ldc are row steps */
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
    /* functions of LAPACK, in the order of graphlib_lapack.h; there once a function that calls them has been compiled */
    void *const *lapack;
    /* calls the Python function of a number with the arrays of its operands and outputs, and the lengths of all of them
       in order; not 0 where that fails */
    int64_t (*host)(int64_t number, void **arrays, const int64_t *lengths);
    /* begins the mean over the ranks of an MPI run in place of an array, and waits for it; not 0 where that fails */
    int (*average_start)(void *array, int64_t n, size_t width);
    int (*average_finish)(void *array);
    /* for many products of one shape with one b: a copy of it as they read it, in memory that grows, or NULL where that is of no
       use; and the product, which takes what was found */
    const float *(*spack)(int ta, int tb, int64_t m, int64_t n, int64_t k, const float *b, int64_t ldb, char **memory,
                          int64_t *capacity);
    const double *(*dpack)(int ta, int tb, int64_t m, int64_t n, int64_t k, const double *b, int64_t ldb, char **memory,
                           int64_t *capacity);
    void (*sgemm_ready)(int ta, int tb, int64_t m, int64_t n, int64_t k, float alpha, const float *a, int64_t lda, const float *b,
                        int64_t ldb, float beta, float *c, int64_t ldc, const float *ready);
    void (*dgemm_ready)(int ta, int tb, int64_t m, int64_t n, int64_t k, double alpha, const double *a, int64_t lda,
                        const double *b, int64_t ldb, double beta, double *c, int64_t ldc, const double *ready);
} gl_runtime;

/* The fields of a NumPy array that follow the Python object's own; this layout is part of NumPy's stable ABI. */
typedef struct {
    char object[GL_OBJECT_HEAD];
    char *data;
    int nd;
    int64_t *dimensions;
    int64_t *strides;
} gl_array;

#define GL_DATA(args, k, type) ((type *)((gl_array *)(args)[k])->data)
#define GL_LENGTH(args, k, axis) (((gl_array *)(args)[k])->dimensions[axis])

/* Loops are cut into the same chunks whatever the number of threads, so that sums do not depend on it.  A chunk is at least
   some ten microseconds of work, of which handing it to another thread takes about one. */
/* For how many steps a loop that a condition ends has room at first. */
#define GL_FIRST_ROWS 16
#define GL_MAX_CHUNKS 16
#define GL_CHUNK_WORK 131072

/* What a loop nest is handed: the arrays and lengths that it names p0, p1, ... and n0, n1, ..., where it notes that a check
   has failed, in how many chunks it is called, and where the first has memory of its own, of how many bytes each chunk. */
typedef struct {
    void *const *arrays;
    const int64_t *lengths;
    int64_t *bad;
    int64_t chunks;
    char *own;
    int64_t each;
} gl_loop;

static inline int64_t gl_chunks(int64_t length, int64_t work) {
    int64_t chunks = work / GL_CHUNK_WORK;
    if (chunks > GL_MAX_CHUNKS) chunks = GL_MAX_CHUNKS;
    if (chunks > length) chunks = length;
    return chunks < 1 ? 1 : chunks;
}

static inline void gl_run_loop(const gl_runtime *rt, gl_task task, gl_loop loop, int64_t length, int64_t work) {
    loop.chunks = gl_chunks(length, work);
    if (loop.chunks == 1)
        task(&loop, 0);
    else
        rt->parallel(task, &loop, loop.chunks);
}

/* A loop whose chunks have parts of a result each: called for chunk -1 when all are there, it takes them together. */
static inline void gl_run_joined(const gl_runtime *rt, gl_task task, gl_loop loop, int64_t length, int64_t work) {
    loop.chunks = gl_chunks(length, work);
    if (loop.chunks == 1) {
        task(&loop, 0);
    } else {
        rt->parallel(task, &loop, loop.chunks);
        task(&loop, -1);
    }
}

/* The index that NumPy means: negative ones count from the end; one out of range sets *bad and reads element 0. */
static inline __attribute__((always_inline)) int64_t gl_checked_index(int64_t i, int64_t n, int64_t *bad) {
    int64_t j = i + (i < 0 ? n : 0);
    int64_t out = (uint64_t)j >= (uint64_t)n;
    *bad |= out;
    return out ? 0 : j;
}

/* What integers are divided by; 0 sets *bad. */
static inline __attribute__((always_inline)) int64_t gl_checked_divisor(int64_t d, int64_t *bad) {
    *bad |= d == 0;
    return d;
}

/* The power that an integer is raised to; a negative one sets *bad. */
static inline __attribute__((always_inline)) int64_t gl_checked_exponent(int64_t n, int64_t *bad) {
    *bad |= n < 0;
    return n;
}

/* What must be true; false sets *bad. */
static inline __attribute__((always_inline)) int gl_checked_truth(int fine, int64_t *bad) {
    *bad |= !fine;
    return fine;
}

/* The lengths that a failed check names: those of the step of a loop become the loop's. */
#define GL_MAX_AXES 64

static inline void gl_hand_on(int64_t *wrong, const int64_t *inside) { memcpy(wrong, inside, GL_MAX_AXES * sizeof(int64_t)); }

/* Lengths and numbers of elements in double, whose sums and products do not wrap around: whether an int64 has room for them,
   for elements whether it has room for twice their bytes. */
static inline int gl_is_length(double n) { return n >= 0 && n < 9223372036854775808.0; }
static inline int gl_is_size(double elements) { return elements < 576460752303423488.0; }
static inline double gl_at_least_1(int64_t n) { return n > 1 ? (double)n : 1; }

static inline int64_t gl_aligned(int64_t bytes) { return (bytes + 63) / 64 * 64 + 64; }

/* What arrays of these sizes take one after the other; -1 where no int64 can say it. */
static inline int64_t gl_total(const int64_t *sizes, int64_t count) {
    int64_t total = 0;
    for (int64_t k = 0; k < count; k++)
        if (__builtin_add_overflow(total, gl_aligned(sizes[k]), &total)) return -1;
    return total;
}

/* Memory of at least that size, which is kept from call to call; NULL where there is none. */
static inline char *gl_grow(char **arena, int64_t *capacity, int64_t size) {
    if (size < 0) return NULL;
    if (size > *capacity) {
        free(*arena);
        *capacity = 0;
        *arena = aligned_alloc(64, (size_t)((size + 63) / 64 * 64));
        if (*arena) *capacity = size;
    }
    return *arena;
}

/* The call at which a large arena is moved into large pages: with small ones a processor spends some hundredths of its time on
   where they are.  Not at the first call: large pages take longer to be had, in virtual machines above all. */
#define GL_SETTLED 50
#define GL_LARGE 4194304

static inline void gl_settle(char *arena, int64_t size) {
#if defined(__linux__)
    const int64_t page = 4096, before = (int64_t)(-(uintptr_t)arena % page);
    if (size < GL_LARGE) return;
    madvise(arena + before, (size_t)(size - before), 14 /* MADV_HUGEPAGE: from now on, and in time */);
    madvise(arena + before, (size_t)(size - before) / page * page, 25 /* MADV_COLLAPSE: at once, where Linux can */);
#else
    (void)arena, (void)size;
#endif
}

/* Memory for chunks that have arrays of these sizes each: the bytes of a chunk, or -1 where there is not enough. */
static inline int64_t gl_own(char **own, int64_t *capacity, const int64_t *sizes, int64_t count, int64_t chunks) {
    int64_t each = gl_total(sizes, count), total;
    if (each < 0 || __builtin_mul_overflow(each, chunks, &total) || !gl_grow(own, capacity, total)) return -1;
    return each;
}

/* Adds the sums of a run of rows to those of all runs before, and begins the next run. */
static inline void gl_add_rows(double *restrict totals, float *restrict sums, int64_t n, int64_t runs) {
    if (!runs) memset(totals, 0, sizeof(double) * (size_t)n);
    for (int64_t k = 0; k < n; k++) {
        totals[k] += sums[k];
        sums[k] = 0;
    }
}

/* Arrays whose lengths are found in the middle of a call; they are released at the next one. */
typedef char *gl_allocation;

static inline void gl_release(char **allocated, int64_t *count) {
    while (*count) free(allocated[--*count]);
}

static inline void *gl_allocate(char **allocated, int64_t *count, size_t size) {
    char *array = aligned_alloc(64, size / 64 * 64 + 64);
    if (array) allocated[(*count)++] = array;
    return array;
}

/* Makes one of those longer, whose first `used` bytes are kept: 0 where there is not enough memory. */
static inline int gl_lengthen(char **allocated, int64_t used, int64_t size) {
    char *array = aligned_alloc(64, (size_t)(size / 64 * 64 + 64));
    if (!array) return 0;
    if (used) memcpy(array, *allocated, (size_t)used);
    free(*allocated);
    *allocated = array;
    return 1;
}

#endif
