/* ---- convolution, a thread for each element of the output: for what is small or odd ---------------------------------------- */

/* Images x (n, c, h, w), filters (f, c, kh, kw), output (n, f, oh, ow); padding ph, pw, strides sh, sw, dilation dh, dw; flip:
   whether filters are turned round. */
#define GL_CONVOLUTION_LENGTHS                                                                                           \
    long long n, long long c, long long h, long long w, long long f, long long kh, long long kw, long long oh,           \
        long long ow, long long ph, long long pw, long long sh, long long sw, long long dh, long long dw, int flip

template <class T>
GL_INLINE void gl_convolve(const T *x, const T *filters, T *out, GL_CONVOLUTION_LENGTHS) {
    GL_EACH_THREAD(k, n * f * oh * ow) {
        const long long column = k % ow, row = k / ow % oh, filter = k / (ow * oh) % f, image = k / (ow * oh * f);
        T sum = 0;
        for (long long channel = 0; channel < c; channel++) {
            const T *plane = x + (image * c + channel) * h * w, *weights = filters + (filter * c + channel) * kh * kw;
            for (long long p = 0; p < kh; p++) {
                const long long i = row * sh + p * dh - ph;
                if (i < 0 || i >= h) continue;
                for (long long q = 0; q < kw; q++) {
                    const long long j = column * sw + q * dw - pw;
                    if (j >= 0 && j < w) sum += plane[i * w + j] * weights[flip ? kh * kw - 1 - (p * kw + q) : p * kw + q];
                }
            }
        }
        out[k] = sum;
    }
}

template <class T>
GL_INLINE void gl_convolve_by_images(const T *g, const T *filters, T *out, GL_CONVOLUTION_LENGTHS) {
    GL_EACH_THREAD(k, n * c * h * w) {
        const long long column = k % w + pw, row = k / w % h + ph, channel = k / (w * h) % c, image = k / (w * h * c);
        T sum = 0;
        for (long long p = 0; p < kh; p++) {
            const long long i = row - p * dh;
            if (i < 0 || i % sh || i / sh >= oh) continue;
            for (long long q = 0; q < kw; q++) {
                const long long j = column - q * dw;
                if (j < 0 || j % sw || j / sw >= ow) continue;
                const T *from = g + image * f * oh * ow + i / sh * ow + j / sw;
                const T *weights = filters + channel * kh * kw + (flip ? kh * kw - 1 - (p * kw + q) : p * kw + q);
                for (long long filter = 0; filter < f; filter++) sum += from[filter * oh * ow] * weights[filter * c * kh * kw];
            }
        }
        out[k] = sum;
    }
}

template <class T>
GL_INLINE void gl_convolve_by_filters(const T *x, const T *g, T *out, GL_CONVOLUTION_LENGTHS) {
    GL_EACH_THREAD(k, f * c * kh * kw) {
        const long long pixel = k % (kh * kw), channel = k / (kh * kw) % c, filter = k / (kh * kw * c);
        const long long place = flip ? kh * kw - 1 - pixel : pixel, p = place / kw, q = place % kw;
        T sum = 0;
        for (long long image = 0; image < n; image++) {
            const T *plane = x + (image * c + channel) * h * w, *from = g + (image * f + filter) * oh * ow;
            for (long long row = 0; row < oh; row++) {
                const long long i = row * sh + p * dh - ph;
                if (i < 0 || i >= h) continue;
                for (long long column = 0; column < ow; column++) {
                    const long long j = column * sw + q * dw - pw;
                    if (j >= 0 && j < w) sum += plane[i * w + j] * from[row * ow + column];
                }
            }
        }
        out[k] = sum;
    }
}

/* ---- convolution as a product: patches are gathered into the tiles ----------------------------------------------------------- */

/* As gl_gemm_tile, of factors that are computed: a(p, q) is element p of what is summed over, from `from` to before `k`, of
   row q; b(p, q) that of column q.  (Through it, gl_gemm_tile itself would spill registers.) */
template <int R, bool a_runs, bool b_runs, class T, class A, class B>
GL_INLINE void gl_product_tile(const A &a, const B &b, long long m, long long n, long long from, long long k, long long row,
                               long long column, T (*a_tile)[GL_TILE * R + 1], T (*b_tile)[GL_TILE * R + 1], T (&sum)[R][R]) {
    int x = threadIdx.x, y = threadIdx.y;
#pragma unroll
    for (int i = 0; i < R; i++)
#pragma unroll
        for (int j = 0; j < R; j++) sum[i][j] = 0;
    for (long long k0 = from; k0 < k; k0 += GL_TILE) {
#pragma unroll
        for (int i = 0; i < R; i++) {
            long long p = k0 + (a_runs ? x : y), q = row + GL_TILE * i + (a_runs ? y : x);
            a_tile[a_runs ? x : y][GL_TILE * i + (a_runs ? y : x)] = p < k && q < m ? a(p, q) : 0;
            p = k0 + (b_runs ? x : y), q = column + GL_TILE * i + (b_runs ? y : x);
            b_tile[b_runs ? x : y][GL_TILE * i + (b_runs ? y : x)] = p < k && q < n ? b(p, q) : 0;
        }
        gl_add_products<R>(a_tile, b_tile, sum);
    }
}

/* What a block needs to compute tiles of a product: where they are in shared memory, and what it has summed up. */
#define GL_TILES(T, R) \
    __shared__ T a_tile[GL_TILE][GL_TILE * R + 1], b_tile[GL_TILE][GL_TILE * R + 1]; \
    T sum[R][R]; \
    const long long column = blockIdx.x * (long long)(GL_TILE * R)

/* Each tile of m rows by the block, then each of the thread's elements (i, j) within m x n; its sum is `value`. */
#define GL_EACH_TILE(R, m) \
    for (long long row = blockIdx.y * (long long)(GL_TILE * R); row < (m); row += gridDim.y * (long long)(GL_TILE * R))
#define GL_EACH_ELEMENT(R, m, n, statement) \
    _Pragma("unroll") for (int y = 0; y < R; y++) _Pragma("unroll") for (int x = 0; x < R; x++) { \
        const long long i = row + threadIdx.y + GL_TILE * y, j = column + threadIdx.x + GL_TILE * x; \
        const auto value = sum[y][x]; \
        if (i < (m) && j < (n)) { \
            statement; \
        } \
    }

/* The pixel of the images that pixel `pixel` (over all channels) of a filter sees at place `place` (over all images). */
template <class T>
GL_INLINE T gl_seen(const T *x, long long pixel, long long place, long long c, long long h, long long w, long long kh, long long kw,
                    long long oh, long long ow, long long ph, long long pw, long long sh, long long sw, long long dh,
                    long long dw) {
    long long j = gl_split(&pixel, kw) * dw - pw;
    long long i = gl_split(&pixel, kh) * dh - ph;
    j += gl_split(&place, ow) * sw;
    i += gl_split(&place, oh) * sh;
    return i >= 0 && i < h && j >= 0 && j < w ? x[((place * c + pixel) * h + i) * w + j] : T(0);
}

/* A pixel over all channels as it lies in memory, where filters may be turned round. */
GL_INLINE long long gl_turned(long long pixel, long long pixels, int flip) {
    return flip ? pixel / pixels * pixels + pixels - 1 - pixel % pixels : pixel;
}

/* f x (c kh kw) times (c kh kw) x (n oh ow). */
template <int R, class T>
GL_INLINE void gl_convolve_tiles(const T *x, const T *filters, T *out, GL_CONVOLUTION_LENGTHS) {
    GL_TILES(T, R);
    const long long pixels = kh * kw, depth = c * pixels, plane = oh * ow, places = n * plane;
    GL_EACH_TILE(R, f) {
        gl_product_tile<R, true, false, T>(
            [=](long long p, long long q) { return filters[q * depth + gl_turned(p, pixels, flip)]; },
            [=](long long p, long long q) { return gl_seen(x, p, q, c, h, w, kh, kw, oh, ow, ph, pw, sh, sw, dh, dw); }, f, places,
            0, depth, row, column, a_tile, b_tile, sum);
        GL_EACH_ELEMENT(R, f, places, long long image = j; const long long place = gl_split(&image, plane);
                        out[(image * f + i) * plane + place] = value);
    }
}

/* c x (f kh kw) times (f kh kw) x (n h w), for strides of 1. */
template <int R, class T>
GL_INLINE void gl_convolve_by_images_tiles(const T *g, const T *filters, T *out, GL_CONVOLUTION_LENGTHS) {
    GL_TILES(T, R);
    const long long pixels = kh * kw, depth = f * pixels, plane = h * w, places = n * plane;
    GL_EACH_TILE(R, c) {
        gl_product_tile<R, true, false, T>(
            [=](long long p, long long q) {
                const long long pixel = gl_split(&p, pixels);
                return filters[(p * c + q) * pixels + gl_turned(pixel, pixels, flip)];
            },
            [=](long long p, long long q) {
                long long j = pw - gl_split(&p, kw) * dw;
                long long i = ph - gl_split(&p, kh) * dh;
                j += gl_split(&q, w);
                i += gl_split(&q, h);
                return i >= 0 && i < oh && j >= 0 && j < ow ? g[((q * f + p) * oh + i) * ow + j] : T(0);
            },
            c, places, 0, depth, row, column, a_tile, b_tile, sum);
        GL_EACH_ELEMENT(R, c, places, long long image = j; const long long place = gl_split(&image, plane);
                        out[(image * c + i) * plane + place] = value);
    }
}

/* f x (n oh ow) times (n oh ow) x (c kh kw): many places and few results, so that the places are cut into gridDim.z parts,
   each of which leaves sums of its own; gl_add_parts adds them up. */
template <int R, class T>
GL_INLINE void gl_convolve_by_filters_tiles(const T *x, const T *g, T *parts, GL_CONVOLUTION_LENGTHS) {
    GL_TILES(T, R);
    const long long pixels = kh * kw, columns = c * pixels, plane = oh * ow, places = n * plane;
    const long long each = ((places + gridDim.z - 1) / gridDim.z + GL_TILE - 1) / GL_TILE * GL_TILE;
    const long long from = blockIdx.z * each, to = from + each < places ? from + each : places;
    GL_EACH_TILE(R, f) {
        gl_product_tile<R, true, true, T>(
            [=](long long p, long long q) {
                const long long place = gl_split(&p, plane);
                return g[(p * f + q) * plane + place];
            },
            [=](long long p, long long q) { return gl_seen(x, q, p, c, h, w, kh, kw, oh, ow, ph, pw, sh, sw, dh, dw); }, f, columns,
            from, to, row, column, a_tile, b_tile, sum);
        GL_EACH_ELEMENT(R, f, columns, parts[(blockIdx.z * f + i) * columns + gl_turned(j, pixels, flip)] = value);
    }
}

template <class T>
GL_INLINE void gl_add_parts(const T *parts, T *out, long long size, int count) {
    GL_EACH_THREAD(k, size) {
        T sum = 0;
        for (int part = 0; part < count; part++) sum += parts[part * size + k];
        out[k] = sum;
    }
}

/* ---- pooling ---------------------------------------------------------------------------------------------------------------- */

/* Planes of h x w elements, windows (oh, ow) of kh x kw, sh and sw apart. */
#define GL_POOL_LENGTHS                                                                                                  \
    long long planes, long long h, long long w, long long oh, long long ow, long long kh, long long kw, long long sh,    \
        long long sw

/* The greatest element of a window; a NaN is greater than every number. */
template <class T>
GL_INLINE T gl_pool_top(const T *x, long long w, long long kh, long long kw) {
    T best = x[0];
    for (long long p = 0; p < kh; p++)
        for (long long q = 0; q < kw; q++) best = gl_max<T>(best, x[p * w + q]);
    return best;
}

template <class T>
GL_INLINE void gl_pool_max(const T *x, T *out, GL_POOL_LENGTHS) {
    GL_EACH_THREAD(k, planes * oh * ow) {
        const T *corner = x + (k / (ow * oh) * h + k / ow % oh * sh) * w + k % ow * sw;
        out[k] = gl_pool_top(corner, w, kh, kw);
    }
}

template <class T>
GL_INLINE void gl_pool_pick(const T *x, const T *t, T *out, GL_POOL_LENGTHS) {
    GL_EACH_THREAD(k, planes * oh * ow) {
        const long long corner = (k / (ow * oh) * h + k / ow % oh * sh) * w + k % ow * sw;
        const T top = gl_pool_top(x + corner, w, kh, kw);
        T sum = 0;
        for (long long p = 0; p < kh; p++)
            for (long long q = 0; q < kw; q++)
                if (x[corner + p * w + q] == top) sum += t[corner + p * w + q];
        out[k] = sum;
    }
}

/* The windows from the first that covers an element to before the one behind the last. */
GL_INLINE void gl_pool_windows(long long i, long long size, long long stride, long long count, long long *first, long long *last) {
    *first = i < size ? 0 : (i - size) / stride + 1;
    *last = i / stride + 1 < count ? i / stride + 1 : count;
}

template <class T>
GL_INLINE void gl_pool_scatter(const T *x, const T *g, T *out, GL_POOL_LENGTHS) {
    GL_EACH_THREAD(k, planes * h * w) {
        const long long column = k % w, row = k / w % h, plane = k / (w * h);
        long long a0, a1, b0, b1;
        gl_pool_windows(row, kh, sh, oh, &a0, &a1);
        gl_pool_windows(column, kw, sw, ow, &b0, &b1);
        T sum = 0;
        for (long long a = a0; a < a1; a++)
            for (long long b = b0; b < b1; b++) {
                const long long corner = (plane * h + a * sh) * w + b * sw;
                if (x[k] == gl_pool_top(x + corner, w, kh, kw)) sum += g[(plane * oh + a) * ow + b];
            }
        out[k] = sum;
    }
}

template <class T>
GL_INLINE void gl_pool_spread(const T *g, T *out, GL_POOL_LENGTHS) {
    GL_EACH_THREAD(k, planes * h * w) {
        const long long column = k % w, row = k / w % h, plane = k / (w * h);
        long long a0, a1, b0, b1;
        gl_pool_windows(row, kh, sh, oh, &a0, &a1);
        gl_pool_windows(column, kw, sw, ow, &b0, &b1);
        T sum = 0;
        for (long long a = a0; a < a1; a++)
            for (long long b = b0; b < b1; b++) sum += g[(plane * oh + a) * ow + b];
        out[k] = sum;
    }
}
