/* The runtime library that all compiled functions share: a small team of threads and matrix products on it.

   The team: one caller posts a task of several chunks; whoever is free claims the next chunk, the caller included.  So a
   worker that is asleep, or whose core is taken by somebody else, costs nothing: the caller does its chunks.  Workers spin for
   a bounded time after a task and then sleep. */
#define _GNU_SOURCE
#include "graphlib_runtime.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#if defined(__x86_64__)
#define PAUSE() __builtin_ia32_pause()
#else
#define PAUSE() sched_yield()
#endif

#define SPIN_SECONDS 100e-6
#define MAX_THREADS 64

static struct {
    int threads;
    gl_task task;
    void *context;
    int64_t chunks;
    /* the number of the task in the upper half, the next unclaimed chunk in the lower */
    _Atomic uint64_t ticket __attribute__((aligned(64)));
    _Atomic int64_t done __attribute__((aligned(64)));
    _Atomic int sleeping __attribute__((aligned(64)));
    pthread_mutex_t turn, doze;
    pthread_cond_t wake;
} team = {.threads = 1, .turn = PTHREAD_MUTEX_INITIALIZER, .doze = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER};

/* Claims and runs chunks of task number `task` until none is left. */
static void work(uint64_t number) {
    for (;;) {
        uint64_t ticket = atomic_load_explicit(&team.ticket, memory_order_acquire);
        if (ticket >> 32 != number) return;
        /* read before the claim: if the claim succeeds, the task was still this one */
        gl_task task = team.task;
        void *context = team.context;
        int64_t chunk = (int64_t)(ticket & 0xffffffffu);
        if (chunk >= team.chunks) return;
        if (!atomic_compare_exchange_weak(&team.ticket, &ticket, ticket + 1)) continue;
        task(context, chunk);
        atomic_fetch_add_explicit(&team.done, 1, memory_order_release);
    }
}

static void *worker(void *unused) {
    (void)unused;
    uint64_t seen = atomic_load(&team.ticket) >> 32;
    for (;;) {
        double until = gl_seconds() + SPIN_SECONDS;
        uint64_t number;
        int turns = 0;
        while ((number = atomic_load_explicit(&team.ticket, memory_order_acquire) >> 32) == seen) {
            PAUSE();
            if (++turns % 64 == 0 && gl_seconds() > until) {
                pthread_mutex_lock(&team.doze);
                atomic_fetch_add(&team.sleeping, 1);
                while (atomic_load(&team.ticket) >> 32 == seen) pthread_cond_wait(&team.wake, &team.doze);
                atomic_fetch_sub(&team.sleeping, 1);
                pthread_mutex_unlock(&team.doze);
            }
        }
        seen = number;
        work(number);
    }
    return NULL;
}

static void parallel(gl_task task, void *context, int64_t chunks) {
    if (team.threads < 2 || chunks < 2 || pthread_mutex_trylock(&team.turn)) {
        for (int64_t chunk = 0; chunk < chunks; chunk++) task(context, chunk);
        return;
    }
    uint64_t number = ((atomic_load(&team.ticket) >> 32) + 1) & 0xffffffffu;
    team.task = task;
    team.context = context;
    team.chunks = chunks;
    atomic_store(&team.done, 0);
    atomic_store(&team.ticket, number << 32);
    if (atomic_load(&team.sleeping)) {
        pthread_mutex_lock(&team.doze);
        pthread_cond_broadcast(&team.wake);
        pthread_mutex_unlock(&team.doze);
    }
    work(number);
    for (int turns = 0; atomic_load_explicit(&team.done, memory_order_acquire) < chunks; turns++) {
        PAUSE();
        if (turns > 20000) sched_yield();
    }
    pthread_mutex_unlock(&team.turn);
}

/* A fork copies none of the workers: the child goes on alone. */
static void alone(void) {
    team.threads = 1;
    pthread_mutex_init(&team.turn, NULL);
}

typedef void (*cblas_sgemm_t)(int, int, int, int, int, int, float, const float *, int, const float *, int, float, float *, int);
typedef void (*cblas_dgemm_t)(int, int, int, int, int, int, double, const double *, int, const double *, int, double, double *, int);
static cblas_sgemm_t blas_sgemm;
static cblas_dgemm_t blas_dgemm;

enum { ROW_MAJOR = 101, PLAIN = 111, TRANSPOSED = 112, BLOCK = 64 };

/* Where no BLAS is found: blocks of the product small enough for the cache, the innermost loop contiguous in b and c. */
#define OWN_GEMM(name, type)                                                                                                \
    static void name(int ta, int tb, int64_t m, int64_t n, int64_t k, type alpha, const type *a, int64_t lda, const type *b, \
                     int64_t ldb, type beta, type *c, int64_t ldc) {                                                        \
        type packed[BLOCK * BLOCK];                                                                                         \
        for (int64_t i = 0; i < m; i++)                                                                                     \
            for (int64_t j = 0; j < n; j++) c[i * ldc + j] = beta == 0 ? 0 : beta * c[i * ldc + j];                         \
        for (int64_t k0 = 0; k0 < k; k0 += BLOCK)                                                                           \
            for (int64_t j0 = 0; j0 < n; j0 += BLOCK) {                                                                     \
                int64_t k1 = k0 + BLOCK < k ? k0 + BLOCK : k, j1 = j0 + BLOCK < n ? j0 + BLOCK : n;                         \
                for (int64_t p = k0; p < k1; p++)                                                                           \
                    for (int64_t j = j0; j < j1; j++)                                                                       \
                        packed[(p - k0) * BLOCK + j - j0] = tb ? b[j * ldb + p] : b[p * ldb + j];                           \
                for (int64_t i = 0; i < m; i++)                                                                             \
                    for (int64_t p = k0; p < k1; p++) {                                                                     \
                        type factor = alpha * (ta ? a[p * lda + i] : a[i * lda + p]);                                       \
                        const type *row = packed + (p - k0) * BLOCK;                                                        \
                        type *to = c + i * ldc + j0;                                                                        \
                        for (int64_t j = 0; j < j1 - j0; j++) to[j] += factor * row[j];                                     \
                    }                                                                                                       \
            }                                                                                                               \
    }
OWN_GEMM(own_sgemm, float)
OWN_GEMM(own_dgemm, double)

#define PRODUCT_WORK 400000.0 /* multiplications below which a second thread does not pay */

/* A product is cut along the longer side of c; each part is a single-threaded product of its own. */
#define GEMM(name, type, blas, own)                                                                                        \
    typedef struct {                                                                                                       \
        int ta, tb;                                                                                                        \
        int64_t m, n, k, lda, ldb, ldc, parts;                                                                             \
        type alpha, beta;                                                                                                  \
        const type *a, *b;                                                                                                 \
        type *c;                                                                                                           \
    } name##_job;                                                                                                          \
    static void name##_part(void *context, int64_t part) {                                                                 \
        name##_job *j = context;                                                                                           \
        int64_t m = j->m, n = j->n, i0 = 0, j0 = 0;                                                                        \
        if (m >= n) {                                                                                                      \
            i0 = m * part / j->parts / 16 * 16;                                                                            \
            m = (part + 1 == j->parts ? m : m * (part + 1) / j->parts / 16 * 16) - i0;                                     \
        } else {                                                                                                           \
            j0 = n * part / j->parts / 16 * 16;                                                                            \
            n = (part + 1 == j->parts ? n : n * (part + 1) / j->parts / 16 * 16) - j0;                                     \
        }                                                                                                                  \
        if (m <= 0 || n <= 0) return;                                                                                      \
        const type *a = j->a + (j->ta ? i0 : i0 * j->lda), *b = j->b + (j->tb ? j0 * j->ldb : j0);                         \
        type *c = j->c + i0 * j->ldc + j0;                                                                                 \
        if (blas)                                                                                                          \
            blas(ROW_MAJOR, j->ta ? TRANSPOSED : PLAIN, j->tb ? TRANSPOSED : PLAIN, (int)m, (int)n, (int)j->k, j->alpha, a, \
                 (int)j->lda, b, (int)j->ldb, j->beta, c, (int)j->ldc);                                                    \
        else                                                                                                               \
            own(j->ta, j->tb, m, n, j->k, j->alpha, a, j->lda, b, j->ldb, j->beta, c, j->ldc);                             \
    }                                                                                                                      \
    static void name(int ta, int tb, int64_t m, int64_t n, int64_t k, type alpha, const type *a, int64_t lda, const type *b, \
                     int64_t ldb, type beta, type *c, int64_t ldc) {                                                       \
        if (m == 0 || n == 0) return;                                                                                      \
        /* the step between rows is arbitrary where there is one row only, but BLAS looks at it */                         \
        if (lda < (ta ? m : k)) lda = ta ? m : k;                                                                          \
        if (ldb < (tb ? k : n)) ldb = tb ? k : n;                                                                          \
        if (lda < 1) lda = 1;                                                                                              \
        if (ldb < 1) ldb = 1;                                                                                              \
        name##_job job = {ta, tb, m, n, k, lda, ldb, ldc, 1, alpha, beta, a, b, c};                                        \
        int64_t side = m >= n ? m : n;                                                                                     \
        if ((double)m * (double)n * (double)k > PRODUCT_WORK && side >= 32) job.parts = team.threads;                      \
        parallel(name##_part, &job, job.parts);                                                                            \
    }
GEMM(sgemm, float, blas_sgemm, own_sgemm)
GEMM(dgemm, double, blas_dgemm, own_dgemm)

static const gl_runtime runtime = {parallel, sgemm, dgemm};

/* Starts the team (once) and returns the table; the products are the library's own where no BLAS is given. */
const gl_runtime *gl_start(int threads, void *sgemm_function, void *dgemm_function) {
    blas_sgemm = (cblas_sgemm_t)sgemm_function;
    blas_dgemm = (cblas_dgemm_t)dgemm_function;
    if (threads > MAX_THREADS) threads = MAX_THREADS;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    for (; team.threads < threads; team.threads++) {
        pthread_t thread;
        if (pthread_create(&thread, &attributes, worker, NULL)) break;
    }
    pthread_attr_destroy(&attributes);
    pthread_atfork(NULL, NULL, alone);
    return &runtime;
}
