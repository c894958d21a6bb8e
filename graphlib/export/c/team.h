/* What a library of several threads has in place of one: workers that wait for a loop, of which whoever is free takes the next
   chunk.  Chunks are the same whatever the number of threads, and so are results. */
#ifndef GRAPHLIB_TEAM_H
#define GRAPHLIB_TEAM_H

typedef struct {
    mtx_t lock;
    cnd_t posted, finished;
    gl_task task;
    void *context;
    int64_t chunks, next, done;
    uint64_t number;
    /* memory that each worker has while it runs functions that need some */
    char *memory;
    int64_t each;
} gl_team_state;

static gl_team_state gl_team;
static once_flag gl_once = ONCE_FLAG_INIT;
static _Thread_local char *gl_free_memory;
static _Thread_local int64_t gl_free_bytes;
static _Thread_local int gl_inside;

/* Takes chunks until none is left; the lock is held between them. */
static void gl_work(void) {
    gl_inside = 1;
    while (gl_team.next < gl_team.chunks) {
        const gl_task task = gl_team.task;
        void *const context = gl_team.context;
        const int64_t chunk = gl_team.next++;
        mtx_unlock(&gl_team.lock);
        task(context, chunk);
        mtx_lock(&gl_team.lock);
        if (++gl_team.done == gl_team.chunks) cnd_signal(&gl_team.finished);
    }
    gl_inside = 0;
}

static int gl_worker(void *number) {
    uint64_t seen = 0;
    mtx_lock(&gl_team.lock);
    for (;;) {
        while (gl_team.number == seen) cnd_wait(&gl_team.posted, &gl_team.lock);
        seen = gl_team.number;
        gl_free_memory = gl_team.memory + (intptr_t)number * gl_team.each;
        gl_free_bytes = gl_team.each;
        gl_work();
    }
    return 0;
}

static void gl_start(void) {
    mtx_init(&gl_team.lock, mtx_plain);
    cnd_init(&gl_team.posted);
    cnd_init(&gl_team.finished);
    for (intptr_t k = 0; k < GL_WORKERS; k++) {
        thrd_t thread;
        if (thrd_create(&thread, gl_worker, (void *)k) == thrd_success) thrd_detach(thread);
    }
}

/* The chunks of a loop, on the threads that are free; a loop inside of a chunk is the chunk's own. */
static void gl_alone(gl_task task, void *context, int64_t chunks) {
    if (gl_inside || chunks < 2) {
        for (int64_t chunk = 0; chunk < chunks; chunk++) task(context, chunk);
        return;
    }
    call_once(&gl_once, gl_start);
    mtx_lock(&gl_team.lock);
    gl_team.task = task, gl_team.context = context;
    gl_team.chunks = chunks, gl_team.next = gl_team.done = 0;
    gl_team.number++;
    cnd_broadcast(&gl_team.posted);
    gl_work();
    while (gl_team.done < chunks) cnd_wait(&gl_team.finished, &gl_team.lock);
    mtx_unlock(&gl_team.lock);
}

#endif
