/* The mean over the ranks of an MPI run.  What is begun is the array's from then on, until its end has been waited for. */
#ifndef GRAPHLIB_COLLECTIVES_H
#define GRAPHLIB_COLLECTIVES_H

#include "graphlib_runtime.h"

#define GL_AVERAGE(s, T)                                                                                                   \
    static inline __attribute__((unused)) int gl_average_start_##s(const gl_runtime *rt, const T *x, T *out, int64_t n) {  \
        if (x != out && n) memcpy(out, x, sizeof(T) * (size_t)n);                                                          \
        return rt->average_start(out, n, sizeof(T));                                                                       \
    }                                                                                                                      \
    static inline __attribute__((unused)) int gl_average_finish_##s(const gl_runtime *rt, const T *x, T *out, int64_t n) { \
        if (rt->average_finish((void *)x)) return 1;                                                                       \
        if (x != out && n) memcpy(out, x, sizeof(T) * (size_t)n);                                                          \
        return 0;                                                                                                          \
    }

GL_AVERAGE(f32, float)
GL_AVERAGE(f64, double)

#endif
