/* What is written for vectors of several numbers: loops written out, lanes of two vectors in another order.  Included in angle
   brackets: a library that is exported has this at its beginning. */
#ifndef GRAPHLIB_VECTORS_H
#define GRAPHLIB_VECTORS_H

#include <stdint.h>

#if defined(__clang__)
#define GL_UNROLL _Pragma("unroll")
#else
#define GL_UNROLL _Pragma("GCC unroll 16")
#endif
#if defined(__clang__) || __GNUC__ >= 12
#define GL_SHUFFLE(x, y, integers, lanes) GL_SHUFFLE_LANES(x, y, lanes)
#define GL_SHUFFLE_LANES(x, y, ...) __builtin_shufflevector(x, y, __VA_ARGS__)
#else
#define GL_SHUFFLE(x, y, integers, lanes) __builtin_shuffle(x, y, (integers){lanes})
#endif
/* of two vectors of eight, the second one further, every second lane */
#define GL_EVERY_SECOND 0, 2, 4, 6, 9, 11, 13, 15
typedef int32_t gl_eight_of_32 __attribute__((vector_size(32)));
typedef int64_t gl_eight_of_64 __attribute__((vector_size(64)));
/* bytes of the vectors of places that filters slide over */
#if defined(__AVX512F__)
#define GL_SLIDE_BYTES 64
#elif defined(__AVX__)
#define GL_SLIDE_BYTES 32
#else
#define GL_SLIDE_BYTES 16
#endif

#endif
