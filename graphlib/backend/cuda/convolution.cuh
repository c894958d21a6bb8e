/* ---- convolution and pooling: a thread for each element of the output ----------------------------------------------------- */

/* Images x (n, c, h, w), filters (f, c, kh, kw), output (n, f, oh, ow); padding ph, pw, strides sh, sw, dilation dh, dw. */
template <class T>
GL_DEVICE void gl_convolve(const T *x, const T *filters, T *out, long long n, long long c, long long h, long long w, long long f,
                           long long kh, long long kw, long long oh, long long ow, long long ph, long long pw, long long sh,
                           long long sw, long long dh, long long dw, int flip) {
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
GL_DEVICE void gl_convolve_by_images(const T *g, const T *filters, T *out, long long n, long long c, long long h, long long w,
                                     long long f, long long kh, long long kw, long long oh, long long ow, long long ph,
                                     long long pw, long long sh, long long sw, long long dh, long long dw, int flip) {
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
GL_DEVICE void gl_convolve_by_filters(const T *x, const T *g, T *out, long long n, long long c, long long h, long long w,
                                      long long f, long long kh, long long kw, long long oh, long long ow, long long ph,
                                      long long pw, long long sh, long long sw, long long dh, long long dw, int flip) {
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

/* Where the first maximum of a window lies; a NaN is greater than every number. */
template <class T>
GL_DEVICE long long gl_pool_place(const T *x, long long w, long long kh, long long kw) {
    long long place = 0;
    T best = x[0];
    for (long long p = 0; p < kh; p++)
        for (long long q = 0; q < kw; q++) {
            const T v = x[p * w + q];
            if (!(v <= best) && best == best) best = v, place = p * w + q;
        }
    return place;
}

template <class T>
GL_DEVICE void gl_pool_max(const T *x, T *out, long long planes, long long h, long long w, long long oh, long long ow, long long kh,
                           long long kw, long long sh, long long sw) {
    GL_EACH_THREAD(k, planes * oh * ow) {
        const T *corner = x + (k / (ow * oh) * h + k / ow % oh * sh) * w + k % ow * sw;
        out[k] = corner[gl_pool_place(corner, w, kh, kw)];
    }
}

template <class T>
GL_DEVICE void gl_pool_pick(const T *x, const T *t, T *out, long long planes, long long h, long long w, long long oh, long long ow,
                            long long kh, long long kw, long long sh, long long sw) {
    GL_EACH_THREAD(k, planes * oh * ow) {
        const long long corner = (k / (ow * oh) * h + k / ow % oh * sh) * w + k % ow * sw;
        out[k] = t[corner + gl_pool_place(x + corner, w, kh, kw)];
    }
}

/* The windows from the first that covers an element to before the one behind the last. */
GL_DEVICE void gl_pool_windows(long long i, long long size, long long stride, long long count, long long *first, long long *last) {
    *first = i < size ? 0 : (i - size) / stride + 1;
    *last = i / stride + 1 < count ? i / stride + 1 : count;
}

template <class T>
GL_DEVICE void gl_pool_scatter(const T *x, const T *g, T *out, long long planes, long long h, long long w, long long oh,
                               long long ow, long long kh, long long kw, long long sh, long long sw) {
    GL_EACH_THREAD(k, planes * h * w) {
        const long long column = k % w, row = k / w % h, plane = k / (w * h);
        long long a0, a1, b0, b1;
        gl_pool_windows(row, kh, sh, oh, &a0, &a1);
        gl_pool_windows(column, kw, sw, ow, &b0, &b1);
        T sum = 0;
        for (long long a = a0; a < a1; a++)
            for (long long b = b0; b < b1; b++) {
                const long long corner = (plane * h + a * sh) * w + b * sw;
                if (corner + gl_pool_place(x + corner, w, kh, kw) == k) sum += g[(plane * oh + a) * ow + b];
            }
        out[k] = sum;
    }
}

template <class T>
GL_DEVICE void gl_pool_spread(const T *g, T *out, long long planes, long long h, long long w, long long oh, long long ow,
                              long long kh, long long kw, long long sh, long long sw) {
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
