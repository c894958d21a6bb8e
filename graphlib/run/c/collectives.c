/* Means over the ranks of an MPI run, while other things are computed.

   Each rank gets a part of the array of all others and adds them in the order of the ranks, so that the bits depend on how many
   ranks there are and on nothing else.  A short array goes to all as a whole, and each adds all of it.  A long one is dealt out:
   each rank adds up a part for all, and the parts are gathered.  Arrays are cut into pieces, of which one is added up while the
   next is on its way.

   MPI moves the numbers, and adds nothing up.  Ranks that are all on one machine share memory instead, of which each has a
   segment: rooms, in which it lays pieces for the others, and the numbers of the pieces that it has come to.  Nothing is sent then:
   a piece is copied once by who has it and once by who wants it, where MPI copies it twice more.

   Short arrays travel in bundles: one that is begun waits for others, until the bundle is full or a mean is waited for. What is
   in a bundle depends on the order of the calls alone, and so is the same on all ranks.

   All ranks begin the same arrays in the same order, and the first halves of all pieces, like the second halves of all, are
   begun in that order; by MPI each on a communicator of its own.

   A mean goes on only while somebody asks it to: whoever begins or waits for something does, and a thread, where there is a
   processor for it, which is asked for when there is something to do. */
#define _GNU_SOURCE
#include "graphlib_clock.h"
#include "graphlib_runtime.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#if GL_HANDLE == 4
typedef int handle;
#else
typedef void *handle;
#endif

#define PIECE 524288       /* elements of a piece */
#define ROOM_BYTES 524288  /* of a piece where memory is shared */
#define ROOMS 4            /* such pieces that may be under way */
#define WHOLE_BYTES 65536   /* the arrays of all ranks together, up to which they go to all as a whole */
#define SHORT_BYTES 16384   /* arrays up to which travel in bundles */
#define BUNDLE_BYTES 65536  /* of a bundle, at most */
#define SPIN_SECONDS 1e-3   /* how long a rank looks for others before it offers its processor, if each has one */
#define YIELD_SECONDS 2e-3  /* how long it does that before it sleeps in between */
#define NAP_NANOSECONDS 50000
#define SETTLE_SECONDS 5.0  /* how long a rank whose step has failed waits for what it has begun */

typedef struct {
    int (*iallgather)(const void *, int, handle, void *, int, handle, handle, handle *);
    int (*ialltoallv)(const void *, const int *, const int *, handle, void *, const int *, const int *, handle, handle, handle *);
    int (*iallgatherv)(const void *, int, handle, void *, const int *, const int *, handle, handle, handle *);
    int (*test)(handle *, int *, void *);
} functions;

typedef struct {
    char *array;
    int64_t n;
} member;

typedef struct {
    char *data;     /* what becomes the mean */
    void *array;    /* the array that it is part of; NULL of a bundle */
    char *packed;   /* of a bundle: the numbers of its members, one after the other */
    member *members;
    int64_t count, room_for;
    int64_t n;
    size_t width;
    int whole;          /* whether each rank adds up all, the own numbers in the room, too */
    int64_t first, own; /* the part that this rank adds up */
    int64_t number;     /* among all pieces that were ever begun, where memory is shared */
    handle request;
    char *room;         /* what the others sent, then the sum of a part */
    int64_t capacity;
    int *counts;        /* of what each rank sends here, and is sent; where these begin, in the room and in the data */
} piece;

/* What a rank shares with those on its machine.  The numbers only grow, and each is written by this rank alone: how many pieces
   lie in its rooms, of how many it has added up its part, and of how many it needs nothing any more. */
typedef struct {
    _Atomic int64_t laid __attribute__((aligned(64)));
    _Atomic int64_t added __attribute__((aligned(64)));
    _Atomic int64_t taken __attribute__((aligned(64)));
    char rooms[ROOMS][ROOM_BYTES] __attribute__((aligned(64)));
} segment;

static struct {
    functions mpi;
    segment **segments; /* of all ranks; NULL where they share no memory */
    int64_t laid, numbered; /* of the pieces that have been begun, those that lie in a room; how many there ever were */
    handle exchange, gather, types[2];
    int rank, size, failed, helped, crowded, muted;
    double patience;
    piece bundle; /* of short arrays, not begun yet; n is 0 where there is none */
    piece *pieces;
    int64_t capacity, begun, exchanged, done;
    double moved;
    pthread_mutex_t turn;
    pthread_cond_t wake;
} all = {.turn = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER};

static int64_t first_of(int64_t n, int rank) { return n * rank / all.size; }
static handle type_of(const piece *p) { return all.types[p->width == sizeof(double)]; }

/* Where a piece lies that another rank, or this one, has laid out for all. */
static char *room_of(const piece *p, int rank) { return all.segments[rank]->rooms[p->number % ROOMS]; }

/* What a rank has sent for the part that this one adds up; the own numbers lie where they were, if not in the room, too. */
static const char *sent_by(const piece *p, int rank) {
    if (all.segments) return (rank == all.rank ? p->data : room_of(p, rank)) + p->first * (int64_t)p->width;
    if (rank == all.rank && !p->whole) return p->data + p->first * (int64_t)p->width;
    const int number = rank - (rank > all.rank && !p->whole);
    return p->room + number * p->own * (int64_t)p->width;
}

#define MEAN(T)                                                                                                            \
    static void mean_##T(const piece *p, T *out) {                                                                         \
        T sum[512];                                                                                                        \
        for (int64_t first = 0; first < p->own; first += 512) {                                                            \
            const int64_t count = p->own - first < 512 ? p->own - first : 512;                                             \
            memcpy(sum, (const T *)sent_by(p, 0) + first, sizeof(T) * (size_t)count);                                      \
            for (int rank = 1; rank < all.size; rank++) {                                                                  \
                const T *part = (const T *)sent_by(p, rank) + first;                                                       \
                for (int64_t k = 0; k < count; k++) sum[k] += part[k];                                                     \
            }                                                                                                              \
            for (int64_t k = 0; k < count; k++) out[first + k] = sum[k] / (T)all.size;                                     \
        }                                                                                                                  \
    }
MEAN(float)
MEAN(double)

static void mean(const piece *p, char *out) {
    if (p->width == sizeof(float))
        mean_float(p, (float *)out);
    else
        mean_double(p, (double *)out);
}

/* Begins a piece: 0 where that fails. */
static int begin(piece *p) {
    const int size = all.size;
    p->whole = p->n * (int64_t)p->width * size <= WHOLE_BYTES;
    p->first = p->whole ? 0 : first_of(p->n, all.rank);
    p->own = p->whole ? p->n : first_of(p->n, all.rank + 1) - p->first;
    if (all.segments) {
        p->number = all.numbered++;
        return 1; /* it is laid out when there is a room */
    }
    if (!gl_grow(&p->room, &p->capacity, size * p->own * (int64_t)p->width + 64)) return 0;
    if (p->whole)
        return !all.mpi.iallgather(p->data, (int)p->n, type_of(p), p->room, (int)p->n, type_of(p), all.exchange, &p->request);
    if (!p->counts && !(p->counts = malloc(4 * (size_t)size * sizeof(int)))) return 0;
    for (int rank = 0; rank < size; rank++) {
        const int64_t from = first_of(p->n, rank), to = first_of(p->n, rank + 1);
        const int other = rank != all.rank;
        p->counts[rank] = other ? (int)p->own : 0;
        p->counts[size + rank] = other ? (int)(to - from) : 0;
        p->counts[2 * size + rank] = other ? (int)(p->own * (rank - (rank > all.rank))) : 0;
        p->counts[3 * size + rank] = (int)from;
    }
    return !all.mpi.ialltoallv(p->data, p->counts + size, p->counts + 3 * size, type_of(p), p->room, p->counts,
                               p->counts + 2 * size, type_of(p), all.exchange, &p->request);
}

#define LEAST(what)                                                                                                          \
    static int64_t least_##what(void) {                                                                                      \
        int64_t least = INT64_MAX;                                                                                           \
        for (int rank = 0; rank < all.size; rank++) {                                                                        \
            const int64_t number = atomic_load_explicit(&all.segments[rank]->what, memory_order_acquire);                    \
            if (number < least) least = number;                                                                              \
        }                                                                                                                    \
        return least;                                                                                                        \
    }
LEAST(laid)
LEAST(added)
LEAST(taken)

/* A copy for another processor, past this one's caches: from there others fetch it at a fifth of the memory's speed where they share
   no cache. */
static void copy_for_others(char *to, const char *from, int64_t bytes) {
#if defined(__SSE2__)
    const int64_t before = -(intptr_t)to & 15, lines = bytes > before ? (bytes - before) / 16 : 0;
    if (lines) {
        memcpy(to, from, (size_t)before);
        __m128i *out = (__m128i *)(to + before);
        const __m128i *in = (const __m128i *)(from + before);
        for (int64_t k = 0; k < lines; k++) _mm_stream_si128(out + k, _mm_loadu_si128(in + k));
        _mm_sfence();
        to += before + 16 * lines;
        from += before + 16 * lines;
        bytes -= before + 16 * lines;
    }
#endif
    memcpy(to, from, (size_t)bytes);
}

/* Lays out the pieces for which there are rooms: all but the part that this rank adds up. */
static void lay_out(void) {
    for (; all.laid < all.begun; all.laid++) {
        const piece *p = all.pieces + all.laid;
        if (p->number >= ROOMS && least_taken() <= p->number - ROOMS) return;
        char *room = room_of(p, all.rank);
        const int64_t width = (int64_t)p->width, end = p->first + p->own;
        if (p->whole)
            memcpy(room, p->data, (size_t)(p->n * width));
        else {
            copy_for_others(room, p->data, p->first * width);
            copy_for_others(room + end * width, p->data + end * width, (p->n - end) * width);
        }
        atomic_store_explicit(&all.segments[all.rank]->laid, p->number + 1, memory_order_release);
    }
}

/* Adds up this rank's part of what the others have laid out, and lays it out for them, or takes what they have added up. */
static int join_shared(piece *p) {
    segment *own = all.segments[all.rank];
    char *sum = p->data + p->first * (int64_t)p->width;
    mean(p, sum);
    if (!p->whole) copy_for_others(room_of(p, all.rank) + p->first * (int64_t)p->width, sum, p->own * (int64_t)p->width);
    atomic_store_explicit(&own->added, p->number + 1, memory_order_release);
    return 1;
}

static void take(const piece *p) {
    for (int rank = 0; rank < all.size && !p->whole; rank++) {
        const int64_t from = first_of(p->n, rank) * (int64_t)p->width, to = first_of(p->n, rank + 1) * (int64_t)p->width;
        if (rank != all.rank) memcpy(p->data + from, room_of(p, rank) + from, (size_t)(to - from));
    }
    atomic_store_explicit(&all.segments[all.rank]->taken, p->number + 1, memory_order_release);
}

/* Adds up what has come, and sends it to all where they added other parts. */
static int join(piece *p) {
    if (all.segments) return join_shared(p);
    if (p->whole) {
        mean(p, p->data);
        return 1;
    }
    char *sum = p->room + (all.size - 1) * p->own * (int64_t)p->width;
    mean(p, sum);
    p->counts[all.size + all.rank] = (int)p->own;
    return !all.mpi.iallgatherv(sum, (int)p->own, type_of(p), p->data, p->counts + all.size, p->counts + 3 * all.size,
                                type_of(p), all.gather, &p->request);
}

/* Whether a piece has come: of all ranks what they laid out, or what they have added up of it. */
static int has_come(piece *p, int added, int *come) {
    if (all.segments) {
        *come = (added ? least_added() : least_laid()) > p->number;
        return 1;
    }
    /* as large as the status of any MPI library, and more */
    long long status[64];
    return !all.mpi.test(&p->request, come, status);
}

/* Gives the members of a bundle their means. */
static void unpack(const piece *p) {
    const char *from = p->packed;
    for (int64_t k = 0; k < p->count; k++) {
        const size_t bytes = (size_t)p->members[k].n * p->width;
        memcpy(p->members[k].array, from, bytes);
        from += bytes;
    }
}

/* Goes on as far as it can; whoever calls it has the turn. */
static void go_on(void) {
    int come = 0, fine = 1;
    const int64_t before = all.laid + all.exchanged + all.done;
    if (all.segments) lay_out();
    while (fine && all.exchanged < (all.segments ? all.laid : all.begun)) {
        piece *p = all.pieces + all.exchanged;
        if (!(fine = has_come(p, 0, &come)) || !come) break;
        fine = join(p);
        all.exchanged++;
    }
    while (fine && all.done < all.exchanged) {
        piece *p = all.pieces + all.done;
        if (!p->whole && (!(fine = has_come(p, 1, &come)) || !come)) break;
        if (all.segments) take(p);
        if (!p->array) unpack(p);
        all.done++;
    }
    if (!fine) all.failed = 1;
    if (all.laid + all.exchanged + all.done != before) all.moved = gl_seconds();
    if (all.done == all.begun) all.begun = all.laid = all.exchanged = all.done = 0;
}

static void nap(void) {
    const struct timespec time = {0, NAP_NANOSECONDS};
    nanosleep(&time, NULL);
}

static void *helper(void *unused) {
    (void)unused;
    for (;;) {
        pthread_mutex_lock(&all.turn);
        while (!all.begun || all.failed) pthread_cond_wait(&all.wake, &all.turn);
        go_on();
        pthread_mutex_unlock(&all.turn);
        nap();
    }
    return NULL;
}

/* The piece after those that have been begun; NULL where there is no memory. */
static piece *next_piece(void) {
    if (all.begun == all.capacity) {
        const int64_t more = all.capacity ? 2 * all.capacity : 16;
        piece *pieces = realloc(all.pieces, (size_t)more * sizeof(piece));
        if (!pieces) return NULL;
        memset(pieces + all.capacity, 0, (size_t)(more - all.capacity) * sizeof(piece));
        all.pieces = pieces;
        all.capacity = more;
    }
    return all.pieces + all.begun;
}

/* Sends the bundle that has been collected, if there is one. */
static void send_bundle(void) {
    if (!all.bundle.n || all.failed) return;
    piece *p = next_piece();
    if (!p) {
        all.failed = 1;
        return;
    }
    const piece spare = *p;
    *p = all.bundle;
    all.bundle = spare;
    all.bundle.n = all.bundle.count = 0;
    p->data = p->packed;
    if (begin(p))
        all.begun++;
    else
        all.failed = 1;
}

/* Adds a short array to the bundle: 0 where there is no memory. */
static int add_to_bundle(char *array, int64_t n, size_t width) {
    piece *p = &all.bundle;
    if (p->n && (p->width != width || (p->n + n) * (int64_t)width > BUNDLE_BYTES)) send_bundle();
    if (!p->packed && !(p->packed = malloc(BUNDLE_BYTES))) return 0;
    if (p->count == p->room_for) {
        const int64_t more = p->room_for ? 2 * p->room_for : 16;
        member *members = realloc(p->members, (size_t)more * sizeof(member));
        if (!members) return 0;
        p->members = members;
        p->room_for = more;
    }
    memcpy(p->packed + p->n * (int64_t)width, array, (size_t)n * width);
    p->members[p->count++] = (member){array, n};
    p->array = NULL;
    p->width = width;
    p->n += n;
    return 1;
}

static void begin_long(char *array, int64_t n, size_t width) {
    const int64_t most = all.segments ? ROOM_BYTES / (int64_t)width : PIECE;
    for (int64_t first = 0; first < n && !all.failed; first += most) {
        piece *p = next_piece();
        if (!p) {
            all.failed = 1;
            break;
        }
        p->array = array;
        p->data = array + first * (int64_t)width;
        p->n = n - first < most ? n - first : most;
        p->width = width;
        if (begin(p))
            all.begun++;
        else
            all.failed = 1;
    }
}

static int average_start(void *array, int64_t n, size_t width) {
    if (all.size == 1 || all.muted) return 0;
    pthread_mutex_lock(&all.turn);
    if (!all.begun) all.moved = gl_seconds();
    if (n * (int64_t)width > SHORT_BYTES)
        begin_long(array, n, width);
    else if (n && !add_to_bundle(array, n, width))
        all.failed = 1;
    if (!all.failed) go_on();
    const int failed = all.failed;
    if (all.helped && all.begun) pthread_cond_signal(&all.wake);
    pthread_mutex_unlock(&all.turn);
    return failed;
}

/* Whether a piece of an array, or the bundle that it is in, is on its way. */
static int awaited(const void *array) {
    for (int64_t k = all.done; k < all.begun; k++) {
        const piece *p = all.pieces + k;
        if (p->array == array) return 1;
        for (int64_t m = 0; !p->array && m < p->count; m++)
            if (p->members[m].array == array) return 1;
    }
    return 0;
}

/* Leaves the processor to others, the longer the more it has waited already. */
static void wait_on(double waited) {
    if (waited > YIELD_SECONDS)
        nap();
    else if (all.crowded || waited > SPIN_SECONDS)
        sched_yield();
}

static int average_finish(void *array) {
    if (all.size == 1 || all.muted) return 0;
    const double began = gl_seconds();
    for (;;) {
        pthread_mutex_lock(&all.turn);
        send_bundle();
        if (!all.failed) go_on();
        const double now = gl_seconds();
        if (!all.failed && awaited(array) && all.patience > 0 && now - all.moved > all.patience) all.failed = 2;
        const int failed = all.failed, waits = awaited(array);
        pthread_mutex_unlock(&all.turn);
        if (failed || !waits) return failed;
        wait_on(now - began);
    }
}

/* After a step that has failed: what it has collected is not sent, and what it has begun comes to its end, as that of the other
   ranks does, so that nothing is written to its arrays later and messages of the next step do not meet those of this one. What does
   not come to an end soon, because the others have not begun it, makes means fail from then on. */
void gl_collectives_settle(void) {
    const double began = gl_seconds();
    for (;;) {
        pthread_mutex_lock(&all.turn);
        all.bundle.n = all.bundle.count = 0;
        if (!all.failed) go_on();
        const double waited = gl_seconds() - began;
        if (!all.failed && all.begun && waited > SETTLE_SECONDS) all.failed = 2;
        const int over = all.failed || !all.begun;
        pthread_mutex_unlock(&all.turn);
        if (over) return;
        wait_on(waited);
    }
}

/* Bytes of a segment of memory that ranks share. */
int64_t gl_collectives_segment(void) { return (int64_t)sizeof(segment); }

/* From now on means go by the segments of all ranks, which are zero; by MPI where they are NULL.  None is under way. */
void gl_collectives_share(void *const *segments) {
    all.segments = (segment **)segments;
    all.numbered = 0;
}

/* Why a call has failed: 1 where MPI says so or there is no memory, 2 where the others do not come. */
int gl_collectives_failure(void) { return all.failed; }

/* Whether means are what they are given: of a step that this rank goes through once more by itself. */
void gl_collectives_mute(int muted) { all.muted = muted; }

/* Puts both functions into the table.  handles: where the two communicators are, and the types of float and double.  helped:
   whether there is a processor for a thread that sees to the messages; crowded: whether there are fewer than the ranks have
   threads. */
void gl_collectives(gl_runtime *table, void *const *addresses, void *const *handles, int rank, int size, double patience,
                    int helped, int crowded) {
    memcpy(&all.mpi, addresses, sizeof all.mpi);
    memcpy(&all.exchange, handles[0], sizeof(handle));
    memcpy(&all.gather, handles[1], sizeof(handle));
    memcpy(&all.types[0], handles[2], sizeof(handle));
    memcpy(&all.types[1], handles[3], sizeof(handle));
    all.rank = rank;
    all.size = size;
    all.patience = patience;
    all.crowded = crowded;
    if (helped && !all.helped) {
        sigset_t every, before;
        sigfillset(&every);
        pthread_sigmask(SIG_SETMASK, &every, &before);
        pthread_t thread;
        if (!pthread_create(&thread, NULL, helper, NULL)) {
            pthread_detach(thread);
            all.helped = 1;
        }
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    table->average_start = average_start;
    table->average_finish = average_finish;
}
