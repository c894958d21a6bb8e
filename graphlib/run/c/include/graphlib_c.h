/* What is used of C's own library.  A program may declare a function of it by itself (C11, 7.1.4), and to read C's headers takes
   a compiler as long as to compile a small function.  Included in angle brackets, as the headers that it stands for: a library
   that is exported has those. */
#ifndef GRAPHLIB_C_H
#define GRAPHLIB_C_H

#include <stddef.h>
#include <stdint.h>

void *malloc(size_t);
void *calloc(size_t, size_t);
void *aligned_alloc(size_t, size_t);
void free(void *);
void *memcpy(void *restrict, const void *restrict, size_t);
void *memset(void *, int, size_t);
#if defined(__linux__)
int madvise(void *, size_t, int);
#endif

#endif
