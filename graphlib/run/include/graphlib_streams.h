/* Generators whose numbers come one after the other, as NumPy's RandomState and Theano's MRG_RandomStreams gave them.
 *
 * A generator is an array: words to begin with come in, those that follow the draw go out. Both the C and the CUDA compiler
 * read this file behind their own mathematics, which must have GL_INLINE. */
#ifndef GRAPHLIB_STREAMS_H
#define GRAPHLIB_STREAMS_H

/* C says that it is C: compilers for devices are of several kinds. */
#ifndef GL_STREAMS_IN_C
#define GL_I64 long long
#define GL_FUNCTION static __device__ __noinline__
#define GL_DRAW_OF(name) GL_FUNCTION int gl_mersenne_##name
#else
#define GL_I64 int64_t
#define GL_FUNCTION static __attribute__((unused, noinline))
#define GL_DRAW_OF(name) GL_FUNCTION int gl_mersenne_##name##_i64
#endif

/* ---- MRG31k3p (P. L'Ecuyer and R. Touzin, "Fast combined multiple recursive generators with multipliers of the form
   a = +/- 2^q +/- 2^r", Winter Simulation Conference 2000) ------------------------------------------------------------ */

#define GL_MRG_1 2147483647u
#define GL_MRG_2 2147462579u

/* One step of the six words of a stream; unsigned, of which a wrapped sum is what the modulus makes of it. */
#define GL_MRG_STEP(x1, x2, x3, y1, y2, y3)                                                                            \
    do {                                                                                                               \
        unsigned first = (((x2) & 511u) << 22) + ((x2) >> 9) + (((x3) & 16777215u) << 7) + ((x3) >> 24);               \
        first -= first >= GL_MRG_1 ? GL_MRG_1 : 0u;                                                                    \
        first += (x3);                                                                                                 \
        first -= first >= GL_MRG_1 ? GL_MRG_1 : 0u;                                                                    \
        unsigned second = (((y1) & 65535u) << 15) + 21069u * ((y1) >> 16);                                             \
        second -= second >= GL_MRG_2 ? GL_MRG_2 : 0u;                                                                  \
        unsigned third = (((y3) & 65535u) << 15) + 21069u * ((y3) >> 16);                                              \
        third -= third >= GL_MRG_2 ? GL_MRG_2 : 0u;                                                                    \
        third += (y3);                                                                                                 \
        third -= third >= GL_MRG_2 ? GL_MRG_2 : 0u;                                                                    \
        third += second;                                                                                               \
        third -= third >= GL_MRG_2 ? GL_MRG_2 : 0u;                                                                    \
        (x3) = (x2), (x2) = (x1), (x1) = first;                                                                        \
        (y3) = (y2), (y2) = (y1), (y1) = third;                                                                        \
    } while (0)

/* The number that the words stand for, from 1 to 2^31 - 1. */
#define GL_MRG_NUMBER(x1, y1) ((int)((x1) <= (y1) ? (x1) - (y1) + GL_MRG_1 : (x1) - (y1)))
/* Theano's factors, which are not exactly 2^-31. */
#define GL_MRG_float32(number) ((float)(number)*4.6566126e-10f)
#define GL_MRG_float64(number) ((double)(number)*4.656612873077392578125e-10)

/* ---- MT19937 (M. Matsumoto and T. Nishimura, "Mersenne Twister", 1998) in 627 words: its 624, how many of them are used, and
   whether there is a normal number left from a pair, and which, as NumPy's RandomState keeps them ------------------------ */

#define GL_MT_WORDS 624
#define GL_MT_STATE 627

GL_INLINE void gl_mt_begin(const GL_I64 *from, GL_I64 *to) {
    for (int k = 0; k < GL_MT_STATE; k++) to[k] = from[k];
    if (to[GL_MT_WORDS] < 0 || to[GL_MT_WORDS] > GL_MT_WORDS) to[GL_MT_WORDS] = GL_MT_WORDS;
}

/* Word k of the next 624, from words k, k + 1 and k + 397 (from 624 on those at the beginning, which are new by then). */
#define GL_MT_TWIST(k, next, far)                                                                                      \
    do {                                                                                                               \
        unsigned y = ((unsigned)mt[k] & 0x80000000u) | ((unsigned)mt[next] & 0x7fffffffu);                             \
        mt[k] = (unsigned)mt[far] ^ (y >> 1) ^ ((0u - (y & 1u)) & 0x9908b0dfu);                                        \
    } while (0)

GL_FUNCTION void gl_mt_twist(GL_I64 *mt) {
    for (int k = 0; k < 227; k++) GL_MT_TWIST(k, k + 1, k + 397);
    for (int k = 227; k < 623; k++) GL_MT_TWIST(k, k + 1, k - 227);
    GL_MT_TWIST(623, 0, 396);
    mt[GL_MT_WORDS] = 0;
}

GL_INLINE unsigned gl_mt_word(GL_I64 *mt) {
    if (mt[GL_MT_WORDS] == GL_MT_WORDS) gl_mt_twist(mt);
    unsigned y = (unsigned)mt[mt[GL_MT_WORDS]++];
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680u;
    y ^= (y << 15) & 0xefc60000u;
    return y ^ (y >> 18);
}

/* 53 bits of two words, in [0, 1). */
GL_INLINE double gl_mt_unit(GL_I64 *mt) {
    unsigned a = gl_mt_word(mt) >> 5, b = gl_mt_word(mt) >> 6;
    return (a * 67108864.0 + b) / 9007199254740992.0;
}

/* A product that is rounded before it is added to: NumPy has no fused ones. */
GL_INLINE double gl_mt_rounded(double product) {
    volatile double kept = product;
    return kept;
}

/* A normal number: the polar form of Box and Muller's (G. Marsaglia), two at a time, the second of a pair first. */
GL_INLINE double gl_mt_gauss(GL_I64 *mt) {
    union {
        GL_I64 bits;
        double value;
    } left;
    if (mt[625]) {
        left.bits = mt[626];
        mt[625] = 0, mt[626] = 0;
        return left.value;
    }
    double x, y, r;
    do {
        x = 2.0 * gl_mt_unit(mt) - 1.0;
        y = 2.0 * gl_mt_unit(mt) - 1.0;
        r = gl_mt_rounded(x * x) + gl_mt_rounded(y * y);
    } while (r >= 1.0 || r == 0.0);
    double f = sqrt(-2.0 * log(r) / r);
    left.value = f * x;
    mt[625] = 1, mt[626] = left.bits;
    return f * y;
}

/* A whole number from 0 to most: bits under a mask until they are one. */
GL_INLINE GL_I64 gl_mt_below(GL_I64 *mt, GL_I64 most) {
    unsigned long long mask = (unsigned long long)most, found;
    if (most <= 0) return 0;
    for (int k = 1; k < 64; k *= 2) mask |= mask >> k;
    do {
        found = gl_mt_word(mt);
        if ((unsigned long long)most > 0xffffffffull) found = found << 32 | gl_mt_word(mt);
        found &= mask;
    } while (found > (unsigned long long)most);
    return (GL_I64)found;
}

/* Of n trials how many succeed, each with probability p of at most a half: by inversion. */
GL_INLINE GL_I64 gl_mt_few(GL_I64 *mt, GL_I64 n, double p) {
    double q = 1.0 - p, start = exp((double)n * log(q)), mean = (double)n * p;
    double reach = mean + 10.0 * sqrt(mean * q + 1.0);
    GL_I64 bound = (double)n < reach ? n : (GL_I64)reach, x = 0;
    double here = start, u = gl_mt_unit(mt);
    while (u > here) {
        if (++x > bound) {
            x = 0, here = start, u = gl_mt_unit(mt);
        } else {
            u -= here;
            here = (double)(n - x + 1) * p * here / ((double)x * q);
        }
    }
    return x;
}

GL_INLINE double gl_mt_stirling(double x) {
    double s = x * x;
    return (13680. - (462. - (132. - (99. - 140. / s) / s) / s) / s) / x / 166320.;
}

/* The same where the mean is more than 30: algorithm BTPE (V. Kachitvichyanukul and B. Schmeiser, "Binomial random variate
   generation", CACM 31, 1988). */
GL_FUNCTION GL_I64 gl_mt_many(GL_I64 *mt, GL_I64 n, double r) {
    double q = 1.0 - r, f = (double)n * r + r, variance = (double)n * r * q;
    GL_I64 m = (GL_I64)floor(f);
    double p1 = floor(2.195 * sqrt(variance) - 4.6 * q) + 0.5, xm = (double)m + 0.5, xl = xm - p1, xr = xm + p1;
    double c = 0.134 + 20.5 / (15.3 + (double)m);
    double a = (f - xl) / (f - xl * r), left = a * (1.0 + a / 2.0);
    a = (xr - f) / (xr * q);
    double right = a * (1.0 + a / 2.0);
    double p2 = p1 * (1.0 + 2.0 * c), p3 = p2 + c / left, p4 = p3 + c / right;
    for (;;) {
        double u = gl_mt_unit(mt) * p4, v = gl_mt_unit(mt);
        GL_I64 y;
        if (u <= p1) return (GL_I64)floor(xm - p1 * v + u);
        if (u <= p2) {
            double x = xl + (u - p1) / c;
            v = v * c + 1.0 - fabs((double)m - x + 0.5) / p1;
            if (v > 1.0) continue;
            y = (GL_I64)floor(x);
        } else if (u <= p3) {
            y = (GL_I64)floor(xl + log(v) / left);
            if (y < 0 || v == 0.0) continue;
            v = v * (u - p2) * left;
        } else {
            y = (GL_I64)floor(xr - log(v) / right);
            if (y > n || v == 0.0) continue;
            v = v * (u - p3) * right;
        }
        GL_I64 k = y > m ? y - m : m - y;
        if (k <= 20 || (double)k >= variance / 2.0 - 1) {
            double s = r / q, ratio = s * ((double)n + 1), product = 1.0;
            for (GL_I64 i = m + 1; i <= y; i++) product *= ratio / (double)i - s;
            for (GL_I64 i = y + 1; i <= m; i++) product /= ratio / (double)i - s;
            if (v <= product) return y;
            continue;
        }
        double d = (double)k, rho = (d / variance) * ((d * (d / 3.0 + 0.625) + 0.16666666666666666) / variance + 0.5);
        double t = -d * d / (2 * variance), height = log(v);
        if (height < t - rho) return y;
        if (height > t + rho) continue;
        double x1 = (double)y + 1, f1 = (double)m + 1, z = (double)n + 1 - (double)m, w = (double)(n - y) + 1;
        if (height <= xm * log(f1 / x1) + ((double)(n - m) + 0.5) * log(z / w) +
                          (double)(y - m) * log(w * r / (x1 * q)) + gl_mt_stirling(f1) + gl_mt_stirling(z) +
                          gl_mt_stirling(x1) + gl_mt_stirling(w))
            return y;
    }
}

GL_INLINE GL_I64 gl_mt_successes(GL_I64 *mt, GL_I64 n, double p) {
    if (n < 0 || p != p) return 0;
    /* by inversion, too: one trial fails where the number is above */
    if (n == 1) return p <= 0.5 ? gl_mt_unit(mt) > 1.0 - p : 1 - (gl_mt_unit(mt) > 1.0 - (1.0 - p));
    double less = p <= 0.5 ? p : 1.0 - p;
    GL_I64 found = less * (double)n <= 30.0 ? gl_mt_few(mt, n, less) : gl_mt_many(mt, n, less);
    return p <= 0.5 ? found : n - found;
}

/* Poisson numbers: by products below a mean of 10, else by transformed rejection (W. Hoermann, "The transformed rejection
   method for generating Poisson random variables", 1993). */
GL_FUNCTION GL_I64 gl_mt_events(GL_I64 *mt, double mean) {
    GL_I64 k = 0;
    if (!(mean > 0.0 && mean < 9.2e18)) return 0;
    if (mean < 10.0) {
        double end = exp(-mean), product = gl_mt_unit(mt);
        for (; product > end; k++) product *= gl_mt_unit(mt);
        return k;
    }
    double b = 0.931 + 2.53 * sqrt(mean), a = -0.059 + 0.02483 * b, inverse = 1.1239 + 1.1328 / (b - 3.4);
    double accept = 0.9277 - 3.6224 / (b - 2);
    for (;;) {
        double u = gl_mt_unit(mt) - 0.5, v = gl_mt_unit(mt), us = 0.5 - fabs(u);
        k = (GL_I64)floor((2 * a / us + b) * u + mean + 0.43);
        if (us >= 0.07 && v <= accept) return k;
        if (k < 0 || (us < 0.013 && v > us)) continue;
        if (log(v) + log(inverse) - log(a / (us * us) + b) <= -mean + (double)k * log(mean) - lgamma((double)k + 1))
            return k;
    }
}

/* ---- draws: the generator before and after, two parameters of one element or of one for each number, the numbers, and how many
   of each there are ---------------------------------------------------------------------------------------------------- */

#define GL_MT_DRAW(name, type, A, B, number)                                                                           \
    GL_DRAW_OF(name)(const GL_I64 *from, const A *first, const B *second, GL_I64 *to,                                 \
                                             type *out, GL_I64 n, GL_I64 of_first, GL_I64 of_second) {                 \
        gl_mt_begin(from, to);                                                                                         \
        for (GL_I64 k = 0; k < n; k++) {                                                                               \
            const A a = first[of_first == 1 ? 0 : k];                                                                  \
            const B b = second[of_second == 1 ? 0 : k];                                                                \
            out[k] = number;                                                                                           \
        }                                                                                                              \
        return 0;                                                                                                      \
    }

GL_MT_DRAW(uniform, double, double, double, a + gl_mt_rounded((b - a) * gl_mt_unit(to)))
GL_MT_DRAW(normal, double, double, double, a + gl_mt_rounded(b * gl_mt_gauss(to)))
GL_MT_DRAW(binomial, GL_I64, GL_I64, double, gl_mt_successes(to, a, b))
GL_MT_DRAW(poisson, GL_I64, double, double, ((void)b, gl_mt_events(to, a)))
GL_MT_DRAW(integers, GL_I64, GL_I64, GL_I64, a + gl_mt_below(to, b - a))

/* Orders of 0 ... length - 1, one after the other. */
GL_DRAW_OF(permutation)(const GL_I64 *from, GL_I64 *to, GL_I64 *out, GL_I64 orders, GL_I64 length) {
    gl_mt_begin(from, to);
    for (GL_I64 row = 0; row < orders; row++, out += length) {
        for (GL_I64 k = 0; k < length; k++) out[k] = k;
        for (GL_I64 k = length - 1; k > 0; k--) {
            GL_I64 j = gl_mt_below(to, k), kept = out[j];
            out[j] = out[k], out[k] = kept;
        }
    }
    return 0;
}

/* How often each of some outcomes comes up in a number of trials: one binomial number after the other. */
GL_DRAW_OF(multinomial)(const GL_I64 *from, const GL_I64 *trials, const double *p, GL_I64 *to, GL_I64 *out,
                                            GL_I64 rows, GL_I64 of_trials, GL_I64 of_p, GL_I64 outcomes) {
    gl_mt_begin(from, to);
    for (GL_I64 row = 0; row < rows; row++, out += outcomes) {
        const double *at = p + (of_p == 1 ? 0 : row * outcomes);
        GL_I64 left = trials[of_trials == 1 ? 0 : row];
        double rest = 1.0;
        for (GL_I64 k = 0; k < outcomes; k++) out[k] = 0;
        for (GL_I64 k = 0; k + 1 < outcomes && left > 0; k++) {
            out[k] = at[k] == 0.0 ? 0 : gl_mt_successes(to, left, at[k] / rest);
            left -= out[k];
            rest -= at[k];
        }
        if (outcomes > 0 && left > 0) out[outcomes - 1] = left;
    }
    return 0;
}

/* n different outcomes, each the next time with a probability that those found before leave it; left and limits are to work in. */
GL_DRAW_OF(choice)(const GL_I64 *from, const double *p, GL_I64 *to, GL_I64 *out, double *left, double *limits, GL_I64 n,
                   GL_I64 outcomes) {
    GL_I64 found = 0, possible = 0;
    gl_mt_begin(from, to);
    for (GL_I64 k = 0; k < outcomes; k++) left[k] = p[k], possible += p[k] > 0.0;
    for (GL_I64 k = 0; k < n; k++) out[k] = -1;
    while (found < n && possible > found) {
        double total = 0.0;
        for (GL_I64 k = 0; k < outcomes; k++) limits[k] = total += left[k];
        for (GL_I64 k = 0, draws = n - found; k < draws; k++) {
            double u = gl_mt_unit(to);
            GL_I64 low = 0, high = outcomes;
            while (low < high) {
                GL_I64 middle = (low + high) / 2;
                if (limits[middle] / total <= u) low = middle + 1;
                else high = middle;
            }
            if (low < outcomes && left[low] != 0.0) out[found++] = low, left[low] = 0.0;
        }
    }
    return 0;
}

#endif
