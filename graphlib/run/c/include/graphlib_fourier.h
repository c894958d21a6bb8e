/* Fourier transforms of complex numbers, which lie in pairs, n of them in a line: by factors of n (Cooley and Tukey 1965, sorted
   on the way as Stockham 1966), some lines side by side, so that the innermost loops are long; lengths with a large prime factor
   as a convolution of a length that is a power of two (Bluestein 1970), in double. */
#ifndef GRAPHLIB_FOURIER_H
#define GRAPHLIB_FOURIER_H

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#define GL_LARGE_FACTOR 64
/* lines that are transformed side by side, and the bytes of each of the four arrays for them */
#define GL_LINES 16
#define GL_LINES_BYTES 65536

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

#define GL_FOURIER_STAGES(s, T)                                                                                                  \
    /* Complex numbers, their parts apart. */                                                                                    \
    typedef struct {                                                                                                             \
        T *re, *im;                                                                                                              \
    } gl_parts_##s;                                                                                                              \
    /* exp(sign 2 pi i k / n) for all k below n; where n is a multiple of 4 an eighth of them is computed */                     \
    static inline void gl_roots_##s(gl_parts_##s w, int64_t n, int sign) {                                                       \
        const int64_t quarter = n % 4 ? 0 : n / 4, most = quarter ? quarter / 2 : n - 1;                                         \
        for (int64_t k = 0; k <= most; k++) {                                                                                    \
            const double angle = 6.283185307179586477 * (double)k / (double)n;                                                   \
            const T c = (T)cos(angle), v = (T)sin(angle);                                                                        \
            w.re[k] = c, w.im[k] = (T)sign * v;                                                                                  \
            if (quarter) w.re[quarter - k] = v, w.im[quarter - k] = (T)sign * c;                                                 \
        }                                                                                                                        \
        for (int64_t k = quarter; quarter && k < n; k++)                                                                         \
            w.re[k] = -(T)sign * w.im[k - quarter], w.im[k] = (T)sign * w.re[k - quarter];                                       \
    }                                                                                                                            \
    /* One factor of four of those of `n`, each of `lines` numbers side by side. */                                              \
    static void gl_fourier_by_4_##s(int64_t n, int64_t lines, gl_parts_##s x, gl_parts_##s y, gl_parts_##s w, int64_t apart,     \
                               int sign) {                                                                                       \
        const int64_t m = n / 4, far = m * lines;                                                                                \
        const T turn = (T)sign;                                                                                                  \
        for (int64_t p = 0; p < m; p++) {                                                                                        \
            const T re1 = w.re[p * apart], im1 = w.im[p * apart], re2 = w.re[2 * p * apart], im2 = w.im[2 * p * apart];          \
            const T re3 = w.re[3 * p * apart], im3 = w.im[3 * p * apart];                                                        \
            const T *restrict xr = x.re + p * lines, *restrict xi = x.im + p * lines;                                            \
            T *restrict yr = y.re + 4 * p * lines, *restrict yi = y.im + 4 * p * lines;                                          \
            _Pragma("omp simd") for (int64_t q = 0; q < lines; q++) {                                                            \
                const T ar = xr[q] + xr[q + 2 * far], ai = xi[q] + xi[q + 2 * far];                                              \
                const T br = xr[q] - xr[q + 2 * far], bi = xi[q] - xi[q + 2 * far];                                              \
                const T cr = xr[q + far] + xr[q + 3 * far], ci = xi[q + far] + xi[q + 3 * far];                                  \
                const T dr = turn * (xi[q + 3 * far] - xi[q + far]), di = turn * (xr[q + far] - xr[q + 3 * far]);                \
                const T er = br + dr, ei = bi + di, fr = ar - cr, fi = ai - ci, gr = br - dr, gi = bi - di;                      \
                yr[q] = ar + cr, yi[q] = ai + ci;                                                                                \
                yr[q + lines] = er * re1 - ei * im1, yi[q + lines] = er * im1 + ei * re1;                                        \
                yr[q + 2 * lines] = fr * re2 - fi * im2, yi[q + 2 * lines] = fr * im2 + fi * re2;                                \
                yr[q + 3 * lines] = gr * re3 - gi * im3, yi[q + 3 * lines] = gr * im3 + gi * re3;                                \
            }                                                                                                                    \
        }                                                                                                                        \
    }                                                                                                                            \
    /* And one of any factor r. */                                                                                               \
    static void gl_fourier_by_##s(int64_t r, int64_t n, int64_t lines, gl_parts_##s x, gl_parts_##s y, gl_parts_##s w,           \
                             int64_t apart) {                                                                                    \
        const int64_t m = n / r;                                                                                                 \
        for (int64_t p = 0; p < m; p++)                                                                                          \
            for (int64_t j = 0; j < r; j++) {                                                                                    \
                T *restrict yr = y.re + (r * p + j) * lines, *restrict yi = y.im + (r * p + j) * lines;                          \
                for (int64_t q = 0; q < lines; q++) yr[q] = x.re[p * lines + q], yi[q] = x.im[p * lines + q];                    \
                for (int64_t t = 1; t < r; t++) {                                                                                \
                    const T re = w.re[j * t % r * m * apart], im = w.im[j * t % r * m * apart];                                  \
                    const T *restrict xr = x.re + (p + t * m) * lines, *restrict xi = x.im + (p + t * m) * lines;                \
                    _Pragma("omp simd") for (int64_t q = 0; q < lines; q++) {                                                    \
                        yr[q] += xr[q] * re - xi[q] * im;                                                                        \
                        yi[q] += xr[q] * im + xi[q] * re;                                                                        \
                    }                                                                                                            \
                }                                                                                                                \
                const T re = w.re[j * p * apart], im = w.im[j * p * apart];                                                      \
                _Pragma("omp simd") for (int64_t q = 0; q < lines; q++) {                                                        \
                    const T one = yr[q], two = yi[q];                                                                            \
                    yr[q] = one * re - two * im, yi[q] = one * im + two * re;                                                    \
                }                                                                                                                \
            }                                                                                                                    \
    }                                                                                                                            \
    /* The transforms of `lines` lines, number by number side by side in x; they come to lie in x, and y is written over. The    \
       roots w are those of 1 of order n * apart. */                                                                             \
    static void gl_transform_##s(int64_t n, int64_t lines, gl_parts_##s *x, gl_parts_##s *y, gl_parts_##s w, int64_t apart,      \
                                 int sign) {                                                                                     \
        for (int64_t left = n, r; left > 1; left /= r, lines *= r) {                                                             \
            r = gl_factor(left);                                                                                                 \
            if (r == 4)                                                                                                          \
                gl_fourier_by_4_##s(left, lines, *x, *y, w, n / left * apart, sign);                                             \
            else                                                                                                                 \
                gl_fourier_by_##s(r, left, lines, *x, *y, w, n / left * apart);                                                  \
            const gl_parts_##s other = *x;                                                                                       \
            *x = *y, *y = other;                                                                                                 \
        }                                                                                                                        \
    }

GL_FOURIER_STAGES(f32, float)
GL_FOURIER_STAGES(f64, double)

/* What a length with a large prime factor needs: the chirp, the transform of its inverse, and roots there and back. */
typedef struct {
    int64_t n, size;
    gl_parts_f64 there, back, chirp, kernel, one, two;
} gl_chirps;

static inline int gl_chirps_begun(gl_chirps *f, int64_t n, int sign) {
    f->n = n;
    for (f->size = 1; f->size < 2 * n - 1;) f->size *= 2;
    double *memory = malloc(sizeof(double) * (size_t)(12 * f->size));
    if (!memory) return 1;
    gl_parts_f64 *const parts[] = {&f->there, &f->back, &f->chirp, &f->kernel, &f->one, &f->two};
    for (int64_t k = 0; k < 6; k++) *parts[k] = (gl_parts_f64){memory + 2 * k * f->size, memory + (2 * k + 1) * f->size};
    gl_roots_f64(f->there, f->size, -1);
    gl_roots_f64(f->back, f->size, 1);
    for (int64_t k = 0; k < f->size; k++) f->one.re[k] = f->one.im[k] = 0;
    for (int64_t k = 0, square = 0; k < n; k++) {
        /* k * k modulo 2 n, so that the angle is exact */
        const double angle = 3.1415926535897932385 * (double)square / (double)n;
        f->chirp.re[k] = cos(angle), f->chirp.im[k] = sign * sin(angle);
        const int64_t other = k ? f->size - k : 0;
        f->one.re[k] = f->one.re[other] = f->chirp.re[k], f->one.im[k] = f->one.im[other] = -f->chirp.im[k];
        square = (square + 2 * k + 1) % (2 * n);
    }
    gl_transform_f64(f->size, 1, &f->one, &f->two, f->there, 1, -1);
    const gl_parts_f64 other = f->kernel;
    f->kernel = f->one, f->one = other;
    return 0;
}

/* x = x * y, or each over `by` */
static inline void gl_multiplied(gl_parts_f64 x, gl_parts_f64 y, int64_t n, double by) {
    for (int64_t k = 0; k < n; k++) {
        const double re = x.re[k] * y.re[k] - x.im[k] * y.im[k], im = x.re[k] * y.im[k] + x.im[k] * y.re[k];
        x.re[k] = re / by, x.im[k] = im / by;
    }
}

/* f->one, transformed in its place */
static inline void gl_chirps_line(gl_chirps *f) {
    gl_multiplied(f->one, f->chirp, f->n, 1);
    for (int64_t k = f->n; k < f->size; k++) f->one.re[k] = f->one.im[k] = 0;
    gl_transform_f64(f->size, 1, &f->one, &f->two, f->there, 1, -1);
    gl_multiplied(f->one, f->kernel, f->size, 1);
    gl_transform_f64(f->size, 1, &f->one, &f->two, f->back, 1, 1);
    gl_multiplied(f->one, f->chirp, f->n, (double)f->size);
}

#define GL_FOURIER(s, T)                                                                                                         \
    static int gl_fourier_by_chirps_##s(const T *x, T *out, int64_t batch, int64_t n, int sign) {                                \
        gl_chirps f;                                                                                                             \
        if (gl_chirps_begun(&f, n, sign)) return 1;                                                                              \
        double *const memory = f.there.re;                                                                                       \
        for (int64_t b = 0; b < batch; b++, x += 2 * n, out += 2 * n) {                                                          \
            for (int64_t k = 0; k < n; k++) f.one.re[k] = x[2 * k], f.one.im[k] = x[2 * k + 1];                                  \
            gl_chirps_line(&f);                                                                                                  \
            for (int64_t k = 0; k < n; k++) out[2 * k] = (T)f.one.re[k], out[2 * k + 1] = (T)f.one.im[k];                        \
        }                                                                                                                        \
        free(memory);                                                                                                            \
        return 0;                                                                                                                \
    }                                                                                                                            \
    static inline __attribute__((unused)) int gl_fourier_##s(const T *x, T *out, int64_t batch, int64_t n,                       \
                                                             int64_t inverse) {                                                  \
        if (!batch || !n) return 0;                                                                                              \
        const int sign = inverse ? 1 : -1;                                                                                       \
        if (gl_greatest_factor(n) >= GL_LARGE_FACTOR) return gl_fourier_by_chirps_##s(x, out, batch, n, sign);                   \
        int64_t lines = batch < GL_LINES ? batch : GL_LINES;                                                                     \
        while (lines > 1 && n * lines * (int64_t)sizeof(T) > GL_LINES_BYTES) lines /= 2;                                         \
        T *const memory = malloc(sizeof(T) * (size_t)(n * (4 * lines + 2)));                                                     \
        if (!memory) return 1;                                                                                                   \
        const int64_t size = n * lines;                                                                                          \
        const gl_parts_##s w = {memory, memory + n};                                                                             \
        gl_parts_##s one = {memory + 2 * n, memory + 2 * n + size}, two = {one.im + size, one.im + 2 * size};                    \
        gl_roots_##s(w, n, sign);                                                                                                \
        for (int64_t b = 0; b < batch; b += lines, x += 2 * size, out += 2 * size) {                                             \
            const int64_t now = batch - b < lines ? batch - b : lines;                                                           \
            for (int64_t l = 0; l < now; l++)                                                                                    \
                for (int64_t k = 0; k < n; k++)                                                                                  \
                    one.re[k * now + l] = x[2 * (l * n + k)], one.im[k * now + l] = x[2 * (l * n + k) + 1];                      \
            gl_transform_##s(n, now, &one, &two, w, 1, sign);                                                                    \
            for (int64_t l = 0; l < now; l++)                                                                                    \
                for (int64_t k = 0; k < n; k++)                                                                                  \
                    out[2 * (l * n + k)] = one.re[k * now + l], out[2 * (l * n + k) + 1] = one.im[k * now + l];                  \
        }                                                                                                                        \
        free(memory);                                                                                                            \
        return 0;                                                                                                                \
    }

GL_FOURIER(f32, float)
GL_FOURIER(f64, double)

/* Real lines, x, and the half of their frequencies that says all, in pairs, out; `inverse`: the other way round. */
#define GL_REAL_FOURIER(s, T)                                                                                                    \
    /* As complex numbers that have no imaginary parts, or lack those frequencies that are conjugate to others. */               \
    static int gl_real_fourier_whole_##s(const T *x, T *out, int64_t batch, int64_t n, int64_t half, int64_t inverse) {          \
        T *const memory = malloc(sizeof(T) * (size_t)(4 * batch * n));                                                           \
        if (!memory) return 1;                                                                                                   \
        T *const made = memory + 2 * batch * n;                                                                                  \
        for (int64_t b = 0; b < batch; b++)                                                                                      \
            for (int64_t k = 0; k < n; k++) {                                                                                    \
                T *const z = memory + 2 * (b * n + k);                                                                           \
                const T *const given = x + 2 * (b * half + (k < half ? k : n - k));                                              \
                z[0] = inverse ? given[0] : x[b * n + k];                                                                        \
                z[1] = !inverse ? 0 : k < half ? given[1] : -given[1];                                                           \
            }                                                                                                                    \
        const int failed = gl_fourier_##s(memory, made, batch, n, inverse);                                                      \
        for (int64_t b = 0; b < batch && !failed; b++)                                                                           \
            for (int64_t k = 0; k < (inverse ? n : 2 * half); k++)                                                               \
                out[b * (inverse ? n : 2 * half) + k] = made[2 * b * n + (inverse ? 2 * k : k)];                                 \
        free(memory);                                                                                                            \
        return failed;                                                                                                           \
    }                                                                                                                            \
    /* Of an even length n the numbers in pairs are complex ones, half as many: what their transform is of those of even and of  \
       odd places follows from where it is conjugate to itself. */                                                               \
    static inline __attribute__((unused)) int gl_real_fourier_##s(const T *x, T *out, int64_t batch, int64_t n, int64_t half,    \
                                                                  int64_t inverse) {                                             \
        const int64_t m = n / 2;                                                                                                 \
        /* of no numbers each sum is 0 */                                                                                        \
        for (int64_t k = 0; k < 2 * batch * half && !n && !inverse; k++) out[k] = 0;                                             \
        if (!batch || !n) return 0;                                                                                              \
        if (n % 2 || gl_greatest_factor(m) >= GL_LARGE_FACTOR)                                                                   \
            return gl_real_fourier_whole_##s(x, out, batch, n, half, inverse);                                                   \
        int64_t lines = batch < GL_LINES ? batch : GL_LINES;                                                                     \
        while (lines > 1 && m * lines * (int64_t)sizeof(T) > GL_LINES_BYTES) lines /= 2;                                         \
        T *const memory = malloc(sizeof(T) * (size_t)(n * (2 * lines + 2)));                                                     \
        if (!memory) return 1;                                                                                                   \
        const int64_t size = m * lines;                                                                                          \
        const gl_parts_##s w = {memory, memory + n};                                                                             \
        gl_parts_##s one = {memory + 2 * n, memory + 2 * n + size}, two = {one.im + size, one.im + 2 * size};                    \
        gl_roots_##s(w, n, inverse ? 1 : -1);                                                                                    \
        for (int64_t b = 0; b < batch; b += lines) {                                                                             \
            const int64_t now = batch - b < lines ? batch - b : lines;                                                           \
            for (int64_t l = 0; l < now; l++) {                                                                                  \
                const T *const real = x + (b + l) * n, *const z = x + 2 * (b + l) * half;                                        \
                for (int64_t k = 0; k < m && !inverse; k++)                                                                      \
                    one.re[k * now + l] = real[2 * k], one.im[k * now + l] = real[2 * k + 1];                                    \
                for (int64_t k = 0; k < m && inverse; k++) {                                                                     \
                    const T ai = k ? z[2 * k + 1] : 0, bi = k ? z[2 * (m - k) + 1] : 0;                                          \
                    const T er = z[2 * k] + z[2 * (m - k)], ei = ai - bi, dr = z[2 * k] - z[2 * (m - k)], di = ai + bi;          \
                    one.re[k * now + l] = er - (w.re[k] * di + w.im[k] * dr);                                                    \
                    one.im[k * now + l] = ei + (w.re[k] * dr - w.im[k] * di);                                                    \
                }                                                                                                                \
            }                                                                                                                    \
            gl_transform_##s(m, now, &one, &two, w, 2, inverse ? 1 : -1);                                                        \
            for (int64_t l = 0; l < now; l++) {                                                                                  \
                T *const real = out + (b + l) * n, *const z = out + 2 * (b + l) * half;                                          \
                for (int64_t k = 0; k < m && inverse; k++)                                                                       \
                    real[2 * k] = one.re[k * now + l], real[2 * k + 1] = one.im[k * now + l];                                    \
                for (int64_t k = 0; k <= m && !inverse; k++) {                                                                   \
                    const int64_t here = (k < m ? k : 0) * now + l, there = (k ? m - k : 0) * now + l;                           \
                    const T er = (one.re[here] + one.re[there]) / 2, ei = (one.im[here] - one.im[there]) / 2;                    \
                    const T dr = (one.im[here] + one.im[there]) / 2, di = (one.re[there] - one.re[here]) / 2;                    \
                    z[2 * k] = er + (w.re[k] * dr - w.im[k] * di), z[2 * k + 1] = ei + (w.re[k] * di + w.im[k] * dr);            \
                }                                                                                                                \
            }                                                                                                                    \
        }                                                                                                                        \
        free(memory);                                                                                                            \
        return 0;                                                                                                                \
    }

GL_REAL_FOURIER(f32, float)
GL_REAL_FOURIER(f64, double)

#endif
