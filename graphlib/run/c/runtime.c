/* The team of threads that all compiled functions share.

   One caller posts a task of several chunks; whoever is free claims the next chunk, the caller included.  So a worker that is
   asleep costs little: the caller does its chunks.  Workers spin for a bounded time after a task and then sleep.

   Where other programs want the processors too, a team costs more than it gives: workers that are woken in vain take time from
   the caller, and one that loses its processor in the middle of a chunk holds up the caller for a time slice.  When that happens,
   the caller does without the team for a while, and for longer if it happens again soon.  That the caller waits does not say so:
   another's chunk may be longer, or one more; it is said by the processor time that who has the chunk gets meanwhile.  A thread of
   the program's own that wants a processor says so before: then as many workers as there are such threads keep out of the way,
   see gl_take_part. */
#define _GNU_SOURCE
#include "graphlib_clock.h"
#include "graphlib_runtime.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#if defined(__x86_64__)
#define PAUSE() __builtin_ia32_pause()
#elif defined(__aarch64__)
#define PAUSE() __asm__ volatile("yield")
#else
#define PAUSE() sched_yield()
#endif

/* How a processor computes with floats; what takes numbers too small to be normal for 0, operands and results.  Most processors
   take many times as long for each operation that meets such a number. */
#if defined(__x86_64__)
typedef uint32_t float_mode;
#define GET_FLOAT_MODE(mode) ((mode) = __builtin_ia32_stmxcsr() & 0xffc0u)
#define SET_FLOAT_MODE(mode) __builtin_ia32_ldmxcsr(mode)
#define SUBNORMALS_ARE_0 0x8040u
#elif defined(__aarch64__)
typedef uint64_t float_mode;
#define GET_FLOAT_MODE(mode) __asm__ volatile("mrs %0, fpcr" : "=r"(mode))
#define SET_FLOAT_MODE(mode) __asm__ volatile("msr fpcr, %0" : : "r"((uint64_t)(mode)))
#define SUBNORMALS_ARE_0 (1u << 24)
#else
typedef uint32_t float_mode;
#define GET_FLOAT_MODE(mode) ((mode) = 0)
#define SET_FLOAT_MODE(mode) ((void)(mode))
#define SUBNORMALS_ARE_0 0u
#endif

#define SPIN_SECONDS 100e-6    /* how long a worker looks for the next task before it sleeps */
#define YIELD_SECONDS 100e-6   /* how long the caller waits for a chunk before it offers its processor to the one that has it */
#define LOOK_SECONDS 100e-6    /* how often it looks from then on whether those that have chunks have a processor */
#define STALL_SECONDS 300e-6   /* for how long they may have none, and what the caller did meanwhile may take less */
#define USELESS_SECONDS 500e-6 /* how long the caller may work without a worker that comes when called */
#define SHORTEST_PAUSE 4e-3
#define LONGEST_PAUSE 0.25
#define MAX_THREADS 64

static struct {
    int threads;
    /* relaxed: whoever reads them claims a chunk next, and the claim fails if they were another task's */
    _Atomic(gl_task) task;
    _Atomic(void *) context;
    _Atomic int64_t chunks;
    _Atomic float_mode mode; /* the caller's, in which its chunks are computed */
    /* the number of the task in the upper half, the next unclaimed chunk in the lower */
    _Atomic uint64_t ticket __attribute__((aligned(64)));
    _Atomic int64_t done __attribute__((aligned(64)));
    _Atomic int sleeping __attribute__((aligned(64)));
    _Atomic int most; /* how many take part at present, the caller included */
    pthread_mutex_t turn, doze;
    pthread_cond_t wake, back;
    /* of whoever holds the turn: until when it goes alone, for how long it did the last time, how long it has worked in calls in
       which nobody helped, since somebody did */
    double alone_until, pause, in_vain;
} team = {.threads = 1,
          .most = MAX_THREADS,
          .turn = PTHREAD_MUTEX_INITIALIZER,
          .doze = PTHREAD_MUTEX_INITIALIZER,
          .wake = PTHREAD_COND_INITIALIZER,
          .back = PTHREAD_COND_INITIALIZER};

/* Of each worker the task of which it has a chunk, its number + 1, or 0; the clock of the processor time that it gets; and what
   that said when the caller last looked, and of which task. */
static struct {
    _Atomic uint64_t at __attribute__((aligned(64)));
    clockid_t clock;
    double had;
    uint64_t of;
} workers[MAX_THREADS];

/* Whether the one of this number, the caller being 0, keeps out of the way. */
static int stands_back(int place) { return place >= atomic_load_explicit(&team.most, memory_order_relaxed); }

/* Claims and runs chunks of a task until none is left; returns how many. */
static int64_t work(uint64_t number, int place) {
    int64_t mine = 0;
    uint64_t ticket = atomic_load_explicit(&team.ticket, memory_order_acquire);
    while (ticket >> 32 == number && !stands_back(place)) {
        gl_task task = atomic_load_explicit(&team.task, memory_order_relaxed);
        void *context = atomic_load_explicit(&team.context, memory_order_relaxed);
        int64_t chunk = (int64_t)(ticket & 0xffffffffu);
        if (chunk >= atomic_load_explicit(&team.chunks, memory_order_relaxed)) break;
        if (!atomic_compare_exchange_weak_explicit(&team.ticket, &ticket, ticket + 1, memory_order_acq_rel, memory_order_acquire))
            continue;
        atomic_store_explicit(&workers[place].at, number + 1, memory_order_relaxed);
        task(context, chunk);
        atomic_store_explicit(&workers[place].at, 0, memory_order_relaxed);
        mine++;
        atomic_fetch_add_explicit(&team.done, 1, memory_order_release);
        ticket = atomic_load_explicit(&team.ticket, memory_order_acquire);
    }
    return mine;
}

static void *worker(void *number_of_it) {
    const int place = (int)(intptr_t)number_of_it;
    uint64_t seen = 0; /* one that begins late has a part in the first task, too */
    for (;;) {
        if (stands_back(place)) {
            pthread_mutex_lock(&team.doze);
            while (stands_back(place)) pthread_cond_wait(&team.back, &team.doze);
            pthread_mutex_unlock(&team.doze);
        }
        const double until = gl_seconds() + SPIN_SECONDS;
        uint64_t number;
        int turns = 0;
        while ((number = atomic_load_explicit(&team.ticket, memory_order_acquire) >> 32) == seen && !stands_back(place)) {
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
        SET_FLOAT_MODE(atomic_load_explicit(&team.mode, memory_order_relaxed));
        work(number, place);
    }
    return NULL;
}

/* Has the caller go alone for a while, twice as long as the last time if that was not long ago. */
static void pause_team(double now) {
    const int again = now < team.alone_until + 4 * team.pause;
    team.pause = again ? 2 * team.pause : SHORTEST_PAUSE;
    if (team.pause > LONGEST_PAUSE) team.pause = LONGEST_PAUSE;
    team.alone_until = now + team.pause;
    team.in_vain = 0;
}

/* Whether one that has a chunk of a task has had a processor for less than half of some seconds, those since the last look.  Where
   the system does not say, it is taken to have had none. */
static int has_none(uint64_t number, double seconds) {
    int found = 0;
    for (int k = 1; k < team.threads; k++) {
        if (atomic_load_explicit(&workers[k].at, memory_order_relaxed) != number + 1) continue;
        double had = 0;
#if _POSIX_THREAD_CPUTIME >= 0
        struct timespec spent;
        if (!clock_gettime(workers[k].clock, &spent)) had = (double)spent.tv_sec + 1e-9 * (double)spent.tv_nsec;
#endif
        found |= workers[k].of == number + 1 && had - workers[k].had < seconds / 2;
        workers[k].had = had;
        workers[k].of = number + 1;
    }
    return found;
}

/* Waits for the chunks that others claimed. */
static void wait_for_others(uint64_t number, int64_t chunks, double began) {
    double waiting = 0, looked = 0, stalled = 0, now = 0;
    for (int turns = 1; atomic_load_explicit(&team.done, memory_order_acquire) < chunks; turns++) {
        PAUSE();
        if (turns % 64) continue;
        now = gl_seconds();
        if (waiting == 0) waiting = now;
        if (now < waiting + YIELD_SECONDS) continue;
        sched_yield();
        if (now < looked + LOOK_SECONDS) continue;
        if (has_none(number, now - looked)) stalled += now - looked;
        looked = gl_seconds(); /* not before the clocks were read: a caller that is kept from that takes it for no one's loss */
    }
    if (stalled > STALL_SECONDS && stalled > waiting - began) pause_team(now);
}

static void run_on_team(gl_task task, void *context, int64_t chunks, double began) {
    const uint64_t number = ((atomic_load(&team.ticket) >> 32) + 1) & 0xffffffffu;
    atomic_store_explicit(&team.task, task, memory_order_relaxed);
    atomic_store_explicit(&team.context, context, memory_order_relaxed);
    atomic_store_explicit(&team.chunks, chunks, memory_order_relaxed);
    atomic_store_explicit(&team.done, 0, memory_order_relaxed);
    float_mode mode;
    GET_FLOAT_MODE(mode);
    atomic_store_explicit(&team.mode, mode, memory_order_relaxed);
    atomic_store(&team.ticket, number << 32);
    if (atomic_load(&team.sleeping)) {
        pthread_mutex_lock(&team.doze);
        pthread_cond_broadcast(&team.wake);
        pthread_mutex_unlock(&team.doze);
    }
    if (work(number, 0) < chunks) {
        team.in_vain = 0;
        wait_for_others(number, chunks, began);
        return;
    }
    const double now = gl_seconds();
    team.in_vain += now - began;
    if (team.in_vain > USELESS_SECONDS) pause_team(now);
}

static void parallel(gl_task task, void *context, int64_t chunks) {
    if (team.threads > 1 && chunks > 1 && !pthread_mutex_trylock(&team.turn)) {
        const double now = gl_seconds();
        const int together = now >= team.alone_until && !stands_back(1);
        if (together) run_on_team(task, context, chunks, now);
        pthread_mutex_unlock(&team.turn);
        if (together) return;
    }
    for (int64_t chunk = 0; chunk < chunks; chunk++) task(context, chunk);
}

/* A fork copies none of the workers: the child goes on alone. */
static void alone(void) {
    team.threads = 1;
    pthread_mutex_init(&team.turn, NULL);
    pthread_mutex_init(&team.doze, NULL);
}

/* Calls a function n times, with other arrays in `count` places of its arguments each time; returns how many calls succeeded
   before the first that did not, of which it leaves the code.  `flush`: what is too small to be normal is 0. */
int64_t gl_repeat(int64_t (*call)(void *, void **), void *state, void **args, int64_t n, int64_t count, const int64_t *places,
                  void *const *arrays, int64_t *code, int flush) {
    float_mode before;
    GET_FLOAT_MODE(before);
    if (flush) SET_FLOAT_MODE(before | SUBNORMALS_ARE_0);
    int64_t done = 0;
    for (*code = 0; done < n; done++, arrays += count) {
        for (int64_t k = 0; k < count; k++) args[places[k]] = arrays[k];
        if ((*code = call(state, args))) break;
    }
    if (flush) SET_FLOAT_MODE(before);
    return done;
}

static gl_runtime table = {.parallel = parallel};

/* Notes where the functions of LAPACK are. */
void gl_lapack(void *const *functions) { table.lapack = functions; }

/* Notes what calls Python. */
void gl_host(int64_t (*host)(int64_t, void **, const int64_t *)) { table.host = host; }

/* So many take part from now on, the caller included and 1 at least: the workers beyond, the last first, finish the chunk that they
   have and sleep until it is more. */
void gl_take_part(int most) {
    pthread_mutex_lock(&team.doze);
    atomic_store(&team.most, most < 1 ? 1 : most);
    pthread_cond_broadcast(&team.back);
    pthread_mutex_unlock(&team.doze);
}

/* How many calls the team has been given so far; a caller that goes alone, for a while or because there is no team, gives it none. */
uint64_t gl_team_calls(void) { return atomic_load(&team.ticket) >> 32; }

/* Starts as many workers as are missing and returns the table, into which gl_products of products.c puts the products. */
gl_runtime *gl_start(int threads) {
    if (team.threads == 1) pthread_atfork(NULL, NULL, alone);
    if (threads > MAX_THREADS) threads = MAX_THREADS;
    /* signals are for the threads of the program */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    for (; team.threads < threads; team.threads++) {
        pthread_t thread;
        if (pthread_create(&thread, &attributes, worker, (void *)(intptr_t)team.threads)) break;
#if _POSIX_THREAD_CPUTIME >= 0
        pthread_getcpuclockid(thread, &workers[team.threads].clock);
#endif
    }
    pthread_attr_destroy(&attributes);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return &table;
}
