/* The time, to measure how long something takes. */
#ifndef GRAPHLIB_CLOCK_H
#define GRAPHLIB_CLOCK_H

#include <time.h>

static inline double gl_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

#endif
