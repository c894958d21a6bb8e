/* ---- convolution, a thread for each element of the output: for what is small or odd ---------------------------------------- */

/* Images x (n, c, d, h, w), filters (f, c / groups, kd, kh, kw), output (n, f, od, oh, ow); padding before the first pixels pd,
   ph, pw, strides sd, sh, sw, dilation dd, dh, dw; flip: whether filters are turned round. */
#define GL_CONVOLUTION_LENGTHS                                                                                           \
    long long n, long long c, long long d, long long h, long long w, long long f, long long kd, long long kh,            \
        long long kw, long long od, long long oh, long long ow, long long pd, long long ph, long long pw, long long sd,  \
        long long sh, long long sw, long long dd, long long dh, long long dw, int flip, long long groups

/* Where a pixel of a filter lies in memory: filters may be turned round. */
GL_INLINE long long gl_turned(long long pixel, long long pixels, int flip) {
    return flip ? pixel / pixels * pixels + pixels - 1 - pixel % pixels : pixel;
}

template <class T>
GL_INLINE void gl_convolve(const T *x, const T *filters, T *out, GL_CONVOLUTION_LENGTHS) {
    const long long pixels = kd * kh * kw, each_c = c / groups, each_f = f / groups;
    GL_EACH_THREAD(k, n * f * od * oh * ow) {
        const long long column = k % ow, row = k / ow % oh, slice = k / (ow * oh) % od, filter = k / (ow * oh * od) % f;
        const T *image = x + (k / (ow * oh * od * f) * c + filter / each_f * each_c) * d * h * w;
        const T *weights = filters + filter * each_c * pixels;
        T sum = 0;
        for (long long channel = 0; channel < each_c; channel++, image += d * h * w, weights += pixels)
            for (long long o = 0; o < kd; o++) {
                const long long l = slice * sd + o * dd - pd;
                if (l < 0 || l >= d) continue;
                for (long long p = 0; p < kh; p++) {
                    const long long i = row * sh + p * dh - ph;
                    if (i < 0 || i >= h) continue;
                    for (long long q = 0; q < kw; q++) {
                        const long long j = column * sw + q * dw - pw;
                        if (j >= 0 && j < w) sum += image[(l * h + i) * w + j] * weights[gl_turned((o * kh + p) * kw + q, pixels, flip)];
                    }
                }
            }
        out[k] = sum;
    }
}

template <class T>
GL_INLINE void gl_convolve_by_images(const T *g, const T *filters, T *out, GL_CONVOLUTION_LENGTHS) {
    const long long pixels = kd * kh * kw, each_c = c / groups, each_f = f / groups, plane = od * oh * ow;
    GL_EACH_THREAD(k, n * c * d * h * w) {
        const long long column = k % w + pw, row = k / w % h + ph, slice = k / (w * h) % d + pd, channel = k / (w * h * d) % c;
        const long long group = channel / each_c;
        const T *given = g + (k / (w * h * d * c) * f + group * each_f) * plane;
        const T *weights = filters + (group * each_f * each_c + channel % each_c) * pixels;
        T sum = 0;
        for (long long o = 0; o < kd; o++) {
            const long long l = slice - o * dd;
            if (l < 0 || l % sd || l / sd >= od) continue;
            for (long long p = 0; p < kh; p++) {
                const long long i = row - p * dh;
                if (i < 0 || i % sh || i / sh >= oh) continue;
                for (long long q = 0; q < kw; q++) {
                    const long long j = column - q * dw;
                    if (j < 0 || j % sw || j / sw >= ow) continue;
                    const T *from = given + (l / sd * oh + i / sh) * ow + j / sw;
                    const T *weight = weights + gl_turned((o * kh + p) * kw + q, pixels, flip);
                    for (long long filter = 0; filter < each_f; filter++)
                        sum += from[filter * plane] * weight[filter * each_c * pixels];
                }
            }
        }
        out[k] = sum;
    }
}

template <class T>
GL_INLINE void gl_convolve_by_filters(const T *x, const T *g, T *out, GL_CONVOLUTION_LENGTHS) {
    const long long pixels = kd * kh * kw, each_c = c / groups, each_f = f / groups;
    GL_EACH_THREAD(k, f * each_c * pixels) {
        const long long filter = k / (pixels * each_c), channel = filter / each_f * each_c + k / pixels % each_c;
        const long long place = gl_turned(k % pixels, pixels, flip), q = place % kw, p = place / kw % kh, o = place / (kw * kh);
        T sum = 0;
        for (long long image = 0; image < n; image++) {
            const T *seen = x + (image * c + channel) * d * h * w, *from = g + (image * f + filter) * od * oh * ow;
            for (long long slice = 0; slice < od; slice++) {
                const long long l = slice * sd + o * dd - pd;
                if (l < 0 || l >= d) continue;
                for (long long row = 0; row < oh; row++) {
                    const long long i = row * sh + p * dh - ph;
                    if (i < 0 || i >= h) continue;
                    for (long long column = 0; column < ow; column++) {
                        const long long j = column * sw + q * dw - pw;
                        if (j >= 0 && j < w) sum += seen[(l * h + i) * w + j] * from[(slice * oh + row) * ow + column];
                    }
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

/* The pixel of a group's channels (of `images`, c of which make an image) that pixel `pixel` of a filter, over all its channels,
   sees at place `place`, over all images. */
template <class T>
GL_INLINE T gl_seen(const T *images, long long pixel, long long place, long long c, long long d, long long h, long long w,
                    long long kd, long long kh, long long kw, long long od, long long oh, long long ow, long long pd,
                    long long ph, long long pw, long long sd, long long sh, long long sw, long long dd, long long dh,
                    long long dw) {
    long long j = gl_split(&pixel, kw) * dw - pw;
    long long i = gl_split(&pixel, kh) * dh - ph;
    long long l = gl_split(&pixel, kd) * dd - pd;
    j += gl_split(&place, ow) * sw;
    i += gl_split(&place, oh) * sh;
    l += gl_split(&place, od) * sd;
    const bool inside = l >= 0 && l < d && i >= 0 && i < h && j >= 0 && j < w;
    return inside ? images[(((place * c + pixel) * d + l) * h + i) * w + j] : T(0);
}

/* What follows has a group in each layer of blocks: gridDim.z of them, or `layers` for each. */
#define GL_EACH_GROUP(group, layers) \
    for (long long group = blockIdx.z / (layers); group < groups; group += gridDim.z / (layers))

/* For each group, f x (c kd kh kw) times (c kd kh kw) x (n od oh ow), of the group's filters and channels. */
template <int R, class T>
GL_INLINE void gl_convolve_tiles(const T *x, const T *filters, T *out, GL_CONVOLUTION_LENGTHS) {
    GL_TILES(T, R);
    const long long pixels = kd * kh * kw, plane = od * oh * ow, places = n * plane;
    const long long each_c = c / groups, each_f = f / groups, depth = each_c * pixels;
    GL_EACH_GROUP(group, 1) {
        const T *images = x + group * each_c * d * h * w, *weights = filters + group * each_f * depth;
        GL_EACH_TILE(R, each_f) {
            gl_product_tile<R, true, false, T>(
                [=](long long p, long long q) { return weights[q * depth + gl_turned(p, pixels, flip)]; },
                [=](long long p, long long q) {
                    return gl_seen(images, p, q, c, d, h, w, kd, kh, kw, od, oh, ow, pd, ph, pw, sd, sh, sw, dd, dh, dw);
                },
                each_f, places, 0, depth, row, column, a_tile, b_tile, sum);
            GL_EACH_ELEMENT(R, each_f, places, long long image = j; const long long place = gl_split(&image, plane);
                            out[(image * f + group * each_f + i) * plane + place] = value);
        }
    }
}

/* For each group, c x (f kd kh kw) times (f kd kh kw) x (n d h w), for strides of 1. */
template <int R, class T>
GL_INLINE void gl_convolve_by_images_tiles(const T *g, const T *filters, T *out, GL_CONVOLUTION_LENGTHS) {
    GL_TILES(T, R);
    const long long pixels = kd * kh * kw, plane = d * h * w, places = n * plane;
    const long long each_c = c / groups, each_f = f / groups, depth = each_f * pixels;
    GL_EACH_GROUP(group, 1) {
        const T *given = g + group * each_f * od * oh * ow, *weights = filters + group * each_f * each_c * pixels;
        GL_EACH_TILE(R, each_c) {
            gl_product_tile<R, true, false, T>(
                [=](long long p, long long q) {
                    const long long pixel = gl_split(&p, pixels);
                    return weights[(p * each_c + q) * pixels + gl_turned(pixel, pixels, flip)];
                },
                [=](long long p, long long q) {
                    long long j = pw - gl_split(&p, kw) * dw;
                    long long i = ph - gl_split(&p, kh) * dh;
                    long long l = pd - gl_split(&p, kd) * dd;
                    j += gl_split(&q, w);
                    i += gl_split(&q, h);
                    l += gl_split(&q, d);
                    const bool inside = l >= 0 && l < od && i >= 0 && i < oh && j >= 0 && j < ow;
                    return inside ? given[(((q * f + p) * od + l) * oh + i) * ow + j] : T(0);
                },
                each_c, places, 0, depth, row, column, a_tile, b_tile, sum);
            GL_EACH_ELEMENT(R, each_c, places, long long image = j; const long long place = gl_split(&image, plane);
                            out[(image * c + group * each_c + i) * plane + place] = value);
        }
    }
}

/* For each group, f x (n od oh ow) times (n od oh ow) x (c kd kh kw): many places and few results, so that the places are cut into
   `count` parts, each of which leaves sums of its own; gl_add_parts adds them up. */
template <int R, int count, class T>
GL_INLINE void gl_convolve_by_filters_tiles(const T *x, const T *g, T *parts, GL_CONVOLUTION_LENGTHS) {
    GL_TILES(T, R);
    const long long pixels = kd * kh * kw, plane = od * oh * ow, places = n * plane;
    const long long each_c = c / groups, each_f = f / groups, columns = each_c * pixels, part = blockIdx.z % count;
    const long long each = ((places + count - 1) / count + GL_TILE - 1) / GL_TILE * GL_TILE;
    const long long from = part * each, to = from + each < places ? from + each : places;
    GL_EACH_GROUP(group, count) {
        const T *images = x + group * each_c * d * h * w, *given = g + group * each_f * plane;
        T *sums = parts + (part * f + group * each_f) * columns;
        GL_EACH_TILE(R, each_f) {
            gl_product_tile<R, true, true, T>(
                [=](long long p, long long q) {
                    const long long place = gl_split(&p, plane);
                    return given[(p * f + q) * plane + place];
                },
                [=](long long p, long long q) {
                    return gl_seen(images, q, p, c, d, h, w, kd, kh, kw, od, oh, ow, pd, ph, pw, sd, sh, sw, dd, dh, dw);
                },
                each_f, columns, from, to, row, column, a_tile, b_tile, sum);
            GL_EACH_ELEMENT(R, each_f, columns, sums[i * columns + gl_turned(j, pixels, flip)] = value);
        }
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

/* Volumes of d x h x w elements, windows (od, oh, ow) of kd x kh x kw, sd, sh and sw apart. */
#define GL_POOL_LENGTHS                                                                                                  \
    long long planes, long long d, long long h, long long w, long long od, long long oh, long long ow, long long kd,     \
        long long kh, long long kw, long long sd, long long sh, long long sw

/* The greatest element of a window; a NaN is greater than every number. */
template <class T>
GL_INLINE T gl_pool_top(const T *x, long long h, long long w, long long kd, long long kh, long long kw) {
    T best = x[0];
    for (long long o = 0; o < kd; o++)
        for (long long p = 0; p < kh; p++)
            for (long long q = 0; q < kw; q++) best = gl_max<T>(best, x[(o * h + p) * w + q]);
    return best;
}

/* Where the first element of the k-th window is. */
GL_INLINE long long gl_pool_corner(long long k, long long d, long long h, long long w, long long od, long long oh, long long ow,
                                   long long sd, long long sh, long long sw) {
    return ((k / (ow * oh * od) * d + k / (ow * oh) % od * sd) * h + k / ow % oh * sh) * w + k % ow * sw;
}

template <class T>
GL_INLINE void gl_pool_max(const T *x, T *out, GL_POOL_LENGTHS) {
    GL_EACH_THREAD(k, planes * od * oh * ow) {
        out[k] = gl_pool_top(x + gl_pool_corner(k, d, h, w, od, oh, ow, sd, sh, sw), h, w, kd, kh, kw);
    }
}

template <class T>
GL_INLINE void gl_pool_pick(const T *x, const T *t, T *out, GL_POOL_LENGTHS) {
    GL_EACH_THREAD(k, planes * od * oh * ow) {
        const long long corner = gl_pool_corner(k, d, h, w, od, oh, ow, sd, sh, sw);
        const T top = gl_pool_top(x + corner, h, w, kd, kh, kw);
        T sum = 0;
        for (long long o = 0; o < kd; o++)
            for (long long p = 0; p < kh; p++)
                for (long long q = 0; q < kw; q++) {
                    const long long i = corner + (o * h + p) * w + q;
                    if (x[i] == top) sum += t[i];
                }
        out[k] = sum;
    }
}

/* The windows from the first that covers an element to before the one behind the last. */
GL_INLINE void gl_pool_windows(long long i, long long size, long long stride, long long count, long long *first, long long *last) {
    *first = i < size ? 0 : (i - size) / stride + 1;
    *last = i / stride + 1 < count ? i / stride + 1 : count;
}

/* The sum of what `value` has of each window, by number and by its first element, that covers element k. */
template <class T, class V>
GL_INLINE T gl_pool_sum(const V &value, long long k, GL_POOL_LENGTHS) {
    const long long plane = k / (w * h * d);
    long long z0, z1, a0, a1, b0, b1;
    gl_pool_windows(k / (w * h) % d, kd, sd, od, &z0, &z1);
    gl_pool_windows(k / w % h, kh, sh, oh, &a0, &a1);
    gl_pool_windows(k % w, kw, sw, ow, &b0, &b1);
    T sum = 0;
    for (long long z = z0; z < z1; z++)
        for (long long a = a0; a < a1; a++)
            for (long long b = b0; b < b1; b++)
                sum += value(((plane * od + z) * oh + a) * ow + b, ((plane * d + z * sd) * h + a * sh) * w + b * sw);
    return sum;
}

template <class T>
GL_INLINE void gl_pool_scatter(const T *x, const T *g, T *out, GL_POOL_LENGTHS) {
    GL_EACH_THREAD(k, planes * d * h * w) {
        out[k] = gl_pool_sum<T>(
            [=](long long window, long long corner) {
                return x[k] == gl_pool_top(x + corner, h, w, kd, kh, kw) ? g[window] : T(0);
            },
            k, planes, d, h, w, od, oh, ow, kd, kh, kw, sd, sh, sw);
    }
}

template <class T>
GL_INLINE void gl_pool_spread(const T *g, T *out, GL_POOL_LENGTHS) {
    GL_EACH_THREAD(k, planes * d * h * w) {
        out[k] = gl_pool_sum<T>([=](long long window, long long) { return g[window]; }, k, planes, d, h, w, od, oh, ow, kd, kh,
                                kw, sd, sh, sw);
    }
}
