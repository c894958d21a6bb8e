/* Fourier transforms of complex numbers, which lie in pairs, n of them in a line: by factors of n (Cooley and Tukey 1965), and
   lengths with a large prime factor as a convolution of a length that is a power of two (Bluestein 1970).  All in double. */
#ifndef GRAPHLIB_FOURIER_H
#define GRAPHLIB_FOURIER_H

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#define GL_LARGE_FACTOR 64

typedef struct {
    double re, im;
} gl_pair;

static inline gl_pair gl_times(gl_pair a, gl_pair b) {
    return (gl_pair){a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}

/* exp(sign 2 pi i k / n) for all k below n */
static inline void gl_roots(gl_pair *w, int64_t n, int sign) {
    for (int64_t k = 0; k < n; k++) {
        const double angle = 6.283185307179586477 * (double)k / (double)n;
        w[k] = (gl_pair){cos(angle), sign * sin(angle)};
    }
}

static inline int64_t gl_factor(int64_t n) {
    if (n % 4 == 0) return 4;
    for (int64_t p = 2; p * p <= n; p++)
        if (n % p == 0) return p;
    return n;
}

static inline int64_t gl_greatest_factor(int64_t n) {
    int64_t greatest = 1;
    while (n > 1) {
        const int64_t p = gl_factor(n);
        greatest = p > greatest ? p : greatest;
        n /= p;
    }
    return greatest;
}

/* The transform of in[0], in[step], ... into out; w: the roots for the whole length, n * step times `apart`. */
static void gl_transform(const gl_pair *in, gl_pair *out, int64_t n, int64_t step, const gl_pair *w, int64_t whole) {
    if (n == 1) {
        *out = *in;
        return;
    }
    const int64_t p = gl_factor(n), m = n / p, apart = whole / n;
    gl_pair part[GL_LARGE_FACTOR];
    for (int64_t q = 0; q < p; q++) gl_transform(in + q * step, out + q * m, m, step * p, w, whole);
    for (int64_t k = 0; k < m; k++) {
        for (int64_t q = 0; q < p; q++) part[q] = q ? gl_times(out[q * m + k], w[q * k * apart]) : out[k];
        for (int64_t r = 0; r < p; r++) {
            gl_pair sum = part[0];
            int64_t turn = 0;
            for (int64_t q = 1; q < p; q++) {
                turn += r * m * apart;
                turn -= turn >= whole ? whole : 0;
                const gl_pair one = gl_times(part[q], w[turn]);
                sum.re += one.re, sum.im += one.im;
            }
            out[r * m + k] = sum;
        }
    }
}

/* What a length needs: roots, and for a convolution the chirp and the transform of its inverse. */
typedef struct {
    int64_t n, size;
    int chirps;
    gl_pair *roots, *back, *chirp, *kernel, *one, *two;
} gl_fourier_plan;

static inline int gl_fourier_begun(gl_fourier_plan *f, int64_t n, int sign) {
    f->n = f->size = n;
    f->chirps = gl_greatest_factor(n) >= GL_LARGE_FACTOR;
    if (f->chirps)
        for (f->size = 1; f->size < 2 * n - 1;) f->size *= 2;
    gl_pair *memory = malloc(sizeof(gl_pair) * (size_t)(6 * f->size));
    if (!memory) return 1;
    f->roots = memory, f->back = memory + f->size, f->chirp = f->back + f->size, f->kernel = f->chirp + f->size;
    f->one = f->kernel + f->size, f->two = f->one + f->size;
    gl_roots(f->roots, f->size, f->chirps ? -1 : sign);
    if (!f->chirps) return 0;
    gl_roots(f->back, f->size, 1);
    for (int64_t k = 0; k < f->size; k++) f->one[k] = (gl_pair){0, 0};
    for (int64_t k = 0, square = 0; k < n; k++) {
        /* k * k modulo 2 n, so that the angle is exact */
        const double angle = 3.1415926535897932385 * (double)square / (double)n;
        f->chirp[k] = (gl_pair){cos(angle), sign * sin(angle)};
        f->one[k] = f->one[k ? f->size - k : 0] = (gl_pair){f->chirp[k].re, -f->chirp[k].im};
        square = (square + 2 * k + 1) % (2 * n);
    }
    gl_transform(f->one, f->kernel, f->size, 1, f->roots, f->size);
    return 0;
}

/* f->one, transformed into f->two */
static inline void gl_fourier_line(gl_fourier_plan *f) {
    if (!f->chirps) {
        gl_transform(f->one, f->two, f->n, 1, f->roots, f->n);
        return;
    }
    for (int64_t k = 0; k < f->size; k++) f->one[k] = k < f->n ? gl_times(f->one[k], f->chirp[k]) : (gl_pair){0, 0};
    gl_transform(f->one, f->two, f->size, 1, f->roots, f->size);
    for (int64_t k = 0; k < f->size; k++) f->one[k] = gl_times(f->two[k], f->kernel[k]);
    gl_transform(f->one, f->two, f->size, 1, f->back, f->size);
    for (int64_t k = 0; k < f->n; k++) {
        const gl_pair one = gl_times(f->two[k], f->chirp[k]);
        f->two[k] = (gl_pair){one.re / (double)f->size, one.im / (double)f->size};
    }
}

#define GL_FOURIER(s, T)                                                                                                 \
    static inline __attribute__((unused)) int gl_fourier_##s(const T *x, T *out, int64_t batch, int64_t n,               \
                                                             int64_t inverse) {                                          \
        gl_fourier_plan f;                                                                                               \
        if (!batch || !n) return 0;                                                                                      \
        if (gl_fourier_begun(&f, n, inverse ? 1 : -1)) return 1;                                                         \
        for (int64_t b = 0; b < batch; b++, x += 2 * n, out += 2 * n) {                                                  \
            for (int64_t k = 0; k < n; k++) f.one[k] = (gl_pair){x[2 * k], x[2 * k + 1]};                                \
            gl_fourier_line(&f);                                                                                         \
            for (int64_t k = 0; k < n; k++) out[2 * k] = (T)f.two[k].re, out[2 * k + 1] = (T)f.two[k].im;                \
        }                                                                                                                \
        free(f.roots);                                                                                                   \
        return 0;                                                                                                        \
    }

GL_FOURIER(f32, float)
GL_FOURIER(f64, double)

#endif
