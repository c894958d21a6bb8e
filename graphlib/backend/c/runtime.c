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

/* What products.c, which follows twice, needs beside a type. */

typedef void (*float_cblas)(int, int, int, int, int, int, float, const float *, int, const float *, int, float, float *, int);
typedef void (*double_cblas)(int, int, int, int, int, int, double, const double *, int, const double *, int, double, double *, int);

enum { ROW_MAJOR = 101, PLAIN = 111, TRANSPOSED = 112 };
enum form { OUTER, PACKED, SWAPPED, DOT, BLAS };
enum { BLAS_SIDE = 128, PACKED_ROWS = 64, OUTER_DEPTH = 256, DOT_DEPTH = 1024, FIRST_CACHE = 32768 };
#define PARALLEL_WORK 200000.0 /* multiplications below which a second thread does not pay */

#define INLINE inline __attribute__((always_inline))
#define NOINLINE __attribute__((noinline))
#if defined(__clang__)
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 32")
#endif

#if defined(__AVX512F__)
#define GL_VECTOR 64
#define FLOAT_LANES 16
#define DOUBLE_LANES 8
#elif defined(__AVX__)
#define GL_VECTOR 32
#define FLOAT_LANES 8
#define DOUBLE_LANES 4
#else
#define GL_VECTOR 16
#define FLOAT_LANES 4
#define DOUBLE_LANES 2
#endif

/* Tiles as large as the registers hold: rows by vectors of columns (outer), rows by columns (dot). */
#define LOG2_1 0
#define LOG2_2 1
#define LOG2_4 2
#define LOG2_8 3
#define SMALL_TILES(F) \
    F(1, 1) F(1, 2) F(1, 4) F(1, 8) F(2, 1) F(2, 2) F(2, 4) F(3, 1) F(3, 2) F(3, 4) F(4, 1) F(4, 2) F(5, 1) F(5, 2) F(6, 1) F(6, 2)
#if defined(__AVX512F__) || defined(__aarch64__)
enum { MAX_TILE = 24, MAX_ROWS = 12, MAX_DOT_ROWS = 4, MAX_DOT_COLUMNS = 6 };
#define OUTER_TILES(F) \
    SMALL_TILES(F) F(4, 4) F(5, 4) F(6, 4) F(8, 1) F(8, 2) F(10, 1) F(10, 2) F(12, 1) F(12, 2)
#define DOT_TILES(F) F(1, 1) F(1, 2) F(1, 4) F(1, 6) F(2, 1) F(2, 2) F(2, 4) F(2, 6) F(4, 1) F(4, 2) F(4, 4) F(4, 6)
#else
enum { MAX_TILE = 12, MAX_ROWS = 6, MAX_DOT_ROWS = 2, MAX_DOT_COLUMNS = 4 };
#define OUTER_TILES SMALL_TILES
#define DOT_TILES(F) F(1, 1) F(1, 2) F(1, 4) F(2, 1) F(2, 2) F(2, 4)
#endif

static int64_t outer_rows(int64_t left) { return left <= 6 ? left : left < 12 ? left / 2 * 2 : 12; }
static int64_t dot_rows(int64_t left) { return left >= 4 && MAX_DOT_ROWS >= 4 ? 4 : left >= 2 ? 2 : 1; }
static int64_t dot_columns(int64_t left) { return left >= 6 && MAX_DOT_COLUMNS >= 6 ? 6 : left >= 4 ? 4 : left >= 2 ? 2 : 1; }

#if defined(__clang__) || __GNUC__ >= 12
#define SHUFFLE(x, y, ...) __builtin_shufflevector(x, y, __VA_ARGS__)
#else
#define SHUFFLE(x, y, ...) __builtin_shuffle(x, y, (MASK){__VA_ARGS__})
#endif
/* where part number `part` of a side begins; parts of equal numbers of `unit` */
static int64_t cut(int64_t side, int64_t unit, int64_t part, int64_t parts) {
    const int64_t at = (side + unit - 1) / unit * part / parts * unit;
    return at < side ? at : side;
}

static int64_t blas_parts(int64_t side) { return side < 4 * BLAS_SIDE ? side / BLAS_SIDE : 4; }

/* has a value in a register, where GCC would read memory again at each use */
#if defined(__x86_64__)
#define KEEP(value) __asm__("" : "+v"(value))
#elif defined(__aarch64__)
#define KEEP(value) __asm__("" : "+w"(value))
#else
#define KEEP(value)
#endif
#define PASTE_(x, y) x##y
#define PASTE(x, y) PASTE_(x, y)
#define NAME(name) PASTE(PREFIX, name)
/* the first and the second halves of two vectors interleaved, and the order of the lanes when their indices' bits are reversed */
#define FIRST_2 0, 2
#define FIRST_4 0, 4, 1, 5
#define FIRST_8 0, 8, 1, 9, 2, 10, 3, 11
#define FIRST_16 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define SECOND_2 1, 3
#define SECOND_4 2, 6, 3, 7
#define SECOND_8 4, 12, 5, 13, 6, 14, 7, 15
#define SECOND_16 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#define REVERSED_2 0, 1
#define REVERSED_4 0, 2, 1, 3
#define REVERSED_8 0, 4, 2, 6, 1, 5, 3, 7
#define REVERSED_16 0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15

#define REAL float
#define INTEGER int32_t
#define PREFIX float_
#define LANES FLOAT_LANES
#include "products.c"
#undef REAL
#undef INTEGER
#undef PREFIX
#undef LANES
#define REAL double
#define INTEGER int64_t
#define PREFIX double_
#define LANES DOUBLE_LANES
#include "products.c"

static const gl_runtime runtime = {parallel, float_gemm, double_gemm};

/* Starts the team (once) and returns the table.  Large products go to the BLAS, if one is given and its vectors, of `blas_vector`
   bytes, are as wide as ours. */
const gl_runtime *gl_start(int threads, void *sgemm_function, void *dgemm_function, int blas_vector) {
    float_blas = blas_vector >= GL_VECTOR ? (float_cblas)sgemm_function : NULL;
    double_blas = blas_vector >= GL_VECTOR ? (double_cblas)dgemm_function : NULL;
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
