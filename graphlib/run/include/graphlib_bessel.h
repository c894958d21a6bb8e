/* Bessel functions of any real order, and the incomplete gamma functions; the C and the CUDA backend read this file behind
 * their own mathematics, with GL_OUTLINE in front of functions that are called, not inlined.
 *
 * All is computed in double, in loops that are as long as the argument is large.
 * Held against scipy.special by tests/test_special.py, which says how far they are off: some 1e-14 of the greatest value
 * nearby for orders and arguments up to a hundred. */
#ifndef GRAPHLIB_BESSEL_H
#define GRAPHLIB_BESSEL_H

#define GL_PI 3.14159265358979312

/* x^v / Gamma(v + 1) */
GL_OUTLINE double gl_power_by_gamma(double x, double v) {
    double logarithm = v * log(x), odd = floor(v) - 2.0 * floor(0.5 * floor(v));
    if (fabs(v) < 150.0 && fabs(logarithm) < 600.0) return pow(x, v) / tgamma(v + 1.0);
    double size = exp(logarithm - lgamma(v + 1.0));
    return v < -1.0 && odd == 0.0 ? -size : size;
}

/* The power series of J (sign -1) and I (sign 1), Abramowitz & Stegun 9.1.10 and 9.6.10; v is no negative integer. */
GL_OUTLINE double gl_bessel_series(double v, double x, double sign) {
    double square = sign * 0.25 * x * x, term = 1.0, sum = 1.0;
    for (int k = 1; k < 4000; k++) {
        term *= square / (k * (v + k));
        sum += term;
        if (k > -v && fabs(term) <= 1e-17 * fabs(sum)) break;
    }
    return gl_power_by_gamma(0.5 * x, v) * sum;
}

/* Hankel's asymptotic series, 9.2.5 and 9.7.1, for x beyond 30 and v^2 / 2. */
GL_OUTLINE double gl_bessel_j_far(double v, double x) {
    double p = 1.0, q = 0.0, term = 1.0;
    for (int k = 1; k < 60; k++) {
        term *= (4.0 * v * v - (2.0 * k - 1.0) * (2.0 * k - 1.0)) / (8.0 * k * x);
        if (k & 1)
            q += k & 2 ? -term : term;
        else
            p += k & 2 ? -term : term;
        if (fabs(term) < 1e-17) break;
    }
    double turn = v - 4.0 * floor(0.25 * v), phase = (0.5 * turn + 0.25) * GL_PI;
    double c = cos(phase), s = sin(phase), cx = cos(x), sx = sin(x);
    return sqrt(2.0 / (GL_PI * x)) * (p * (cx * c + sx * s) - q * (sx * c - cx * s));
}

GL_OUTLINE double gl_bessel_i_far(double v, double x) {
    double sum = 1.0, term = 1.0;
    for (int k = 1; k < 60; k++) {
        term *= -(4.0 * v * v - (2.0 * k - 1.0) * (2.0 * k - 1.0)) / (8.0 * k * x);
        sum += term;
        if (fabs(term) < 1e-17) break;
    }
    double half = exp(0.5 * x);
    return half * (half / sqrt(2.0 * GL_PI * x)) * sum;
}

/* J of orders u + n and u + n + 1 for 0 <= u < 1 by Miller's algorithm: the recurrence downwards from where J is as good as
 * 0, scaled by the sum over (u + 2k) Gamma(u + k) / k! J_{u + 2k}, which is (x/2)^u (9.1.87). */
GL_OUTLINE double gl_bessel_j_down(double u, double n, double x, double *next) {
    double top = n > x ? n : x;
    long long most = 2 * (long long)(0.5 * (top + 25.0 + 13.0 * cbrt(top))), k = most;
    double weight = tgamma(u + 1.0), j = 1e-290, above = 0.0, sum = 0.0, found = 0.0, after = 0.0;
    for (long long i = 1; i < most / 2; i++) weight *= (u + i) / (i + 1.0);
    for (; k >= 0; k--) {
        if (k == (long long)n) found = j, after = above;
        if (k == 0)
            sum += tgamma(u + 1.0) * j;
        else if (!(k & 1)) {
            sum += (u + k) * weight * j;
            if (k > 2) weight *= (0.5 * k) / (u + 0.5 * k - 1.0);
        }
        double below = 2.0 * (u + k) / x * j - above;
        above = j, j = below;
        if (fabs(j) > 1e200) j *= 1e-200, above *= 1e-200, sum *= 1e-200, found *= 1e-200, after *= 1e-200;
    }
    double scale = pow(0.5 * x, u) / sum;
    *next = after * scale;
    return found * scale;
}

GL_OUTLINE double gl_jv_f64(double v, double x) {
    double whole = floor(v), sign = 1.0, next;
    if (v != v || x != x) return v + x;
    if (v == whole) {
        double odd = whole - 2.0 * floor(0.5 * whole);
        if (odd != 0.0 && (v < 0.0) != (x < 0.0)) sign = -1.0;
        v = fabs(v), x = fabs(x), whole = v;
    }
    if (x < 0.0) return GL_NAN_F64;
    if (x > 1.7976931348623157e308) return 0.0;
    if (x == 0.0 && v >= 0.0) return v == 0.0 ? 1.0 : 0.0;
    if (x * x <= 4.0 * (v > 0.0 ? v + 1.0 : 1.0)) return sign * gl_bessel_series(v, x, -1.0);
    if (x >= 30.0 && x >= 0.5 * v * v) return sign * gl_bessel_j_far(v, x);
    if (v >= 0.0) return sign * gl_bessel_j_down(v - whole, whole, x, &next);
    /* downwards to negative orders, where the recurrence is stable, too */
    double w = v - whole, j = gl_bessel_j_down(w, 0.0, x, &next);
    for (; w > v + 0.5; w -= 1.0) {
        double below = 2.0 * w / x * j - next;
        next = j, j = below;
    }
    return j;
}

GL_OUTLINE double gl_iv_f64(double v, double x) {
    double whole = floor(v), sign = 1.0;
    if (v != v || x != x) return v + x;
    if (v == whole) {
        if (whole - 2.0 * floor(0.5 * whole) != 0.0 && x < 0.0) sign = -1.0;
        v = fabs(v), x = fabs(x);
    }
    if (x < 0.0) return GL_NAN_F64;
    if (x > 1.7976931348623157e308) return sign * x;
    if (x == 0.0 && v >= 0.0) return v == 0.0 ? 1.0 : 0.0;
    if (x >= 30.0 && x >= 0.5 * v * v) return sign * gl_bessel_i_far(v, x);
    return sign * gl_bessel_series(v, x, 1.0);
}

/* x^a e^-x / Gamma(a + 1), for large a by its distance from the peak and Stirling's series. */
GL_OUTLINE double gl_gamma_density(double a, double x) {
    if (a < 20.0 && x < 500.0) return pow(x, a) * exp(-x) / tgamma(a + 1.0);
    if (a < 20.0) return exp(a * log(x) - x - lgamma(a + 1.0));
    double t = (x - a) / a, i = 1.0 / (a * a);
    double stirling = (1.0 / 12 - i * (1.0 / 360 - i * (1.0 / 1260 - i * (1.0 / 1680)))) / a;
    double distance = fabs(t) < 0.5 ? log1p(t) - t : log(x / a) - t;
    return exp(a * distance - stirling) / sqrt(2.0 * GL_PI * a);
}

/* The regularized incomplete gamma functions, below (6.5.29) and above x (the continued fraction 6.5.31); each is one less
 * the other where that is the smaller one. */
GL_OUTLINE double gl_gamma_part(double a, double x, int above) {
    if (a != a || x != x || a < 0.0 || x < 0.0 || (a == 0.0 && x == 0.0)) return GL_NAN_F64;
    if (a == 0.0 || x > 1.7976931348623157e308) return a > 1.7976931348623157e308 ? GL_NAN_F64 : above ? 0.0 : 1.0;
    if (x == 0.0 || a > 1.7976931348623157e308) return above ? 1.0 : 0.0;
    double density = gl_gamma_density(a, x);
    if (x < a + 1.0) {
        double term = 1.0, sum = 1.0;
        for (double k = 1.0; k < 1e6; k += 1.0) {
            term *= x / (a + k);
            sum += term;
            if (term <= 1e-17 * sum) break;
        }
        return above ? 1.0 - density * sum : density * sum;
    }
    /* by Lentz's method */
    double b = x + 1.0 - a, c = 1e300, d = 1.0 / b, h = d;
    for (double k = 1.0; k < 1e6; k += 1.0) {
        double n = -k * (k - a);
        b += 2.0;
        d = n * d + b;
        c = b + n / c;
        d = 1.0 / (fabs(d) < 1e-300 ? 1e-300 : d);
        if (fabs(c) < 1e-300) c = 1e-300;
        h *= d * c;
        if (fabs(d * c - 1.0) < 1e-16) break;
    }
    return above ? density * a * h : 1.0 - density * a * h;
}

GL_OUTLINE double gl_gammainc_f64(double a, double x) { return gl_gamma_part(a, x, 0); }
GL_OUTLINE double gl_gammaincc_f64(double a, double x) { return gl_gamma_part(a, x, 1); }

#define GL_DEFINE_OF_FLOATS(name) \
    GL_INLINE float name##_f32(float a, float x) { return (float)name##_f64(a, x); }
GL_DEFINE_OF_FLOATS(gl_jv)
GL_DEFINE_OF_FLOATS(gl_iv)
GL_DEFINE_OF_FLOATS(gl_gammainc)
GL_DEFINE_OF_FLOATS(gl_gammaincc)

#endif
