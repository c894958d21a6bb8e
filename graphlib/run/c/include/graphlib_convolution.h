/* Convolution of images with filters, and its gradients by either, where it is only known when they are called what they are best
   computed by: filters that slide, or products of patches. */
#ifndef GRAPHLIB_CONVOLUTION_H
#define GRAPHLIB_CONVOLUTION_H

#include "graphlib_patches.h"
#include "graphlib_sliding.h"

/* channels of a group below which their gradient is added up pixel by pixel */
#define GL_FEW_CHANNELS 8

static inline int gl_is_sliding(int64_t filters, int64_t terms) { return filters <= GL_FEW_FILTERS && terms <= GL_FEW_TERMS; }

/* How many products such an axis has, of all phases; whether what each place gives to the pixels that it sees is rather added to
   these, for there are so many products otherwise, or so few channels that products have no rows. */
static inline double gl_products_of_axis(int64_t length, int64_t kernel, int64_t padding, int64_t step, int64_t dilation) {
    double products = 0;
    for (int64_t phase = 0; phase < step; phase++) {
        const gl_interleaved a = gl_interleaved_at(phase, length, kernel, padding, step, dilation);
        products += (double)a.pixels * (double)a.taps;
    }
    return products;
}
static inline __attribute__((unused)) int gl_is_spread(const gl_convolution *j) {
    if (j->c / j->groups < GL_FEW_CHANNELS) return 1;
    const double products = gl_products_of_axis(j->d, j->kd, j->pd, j->sd, j->dd) *
                            gl_products_of_axis(j->h, j->kh, j->ph, j->sh, j->dh) *
                            gl_products_of_axis(j->w, j->kw, j->pw, j->sw, j->dw);
    return products > 1.5 * (double)(j->kd * j->kh * j->kw) * (double)(j->od * j->oh * j->ow);
}

#define GL_CONVOLUTION(s, T)                                                                                                     \
    static inline __attribute__((unused)) int gl_convolve_##s(const gl_runtime *rt, const T *x, const T *filters, T *out,        \
                                                              GL_CONVOLUTION_LENGTHS) {                                          \
        return (gl_is_sliding(f / groups, c / groups * kd * kh * kw) ? gl_convolve_sliding_##s : gl_convolve_by_products_##s)(   \
            rt, x, filters, out, GL_CONVOLUTION_NAMES);                                                                          \
    }                                                                                                                            \
    static inline __attribute__((unused)) int gl_convolve_by_images_##s(const gl_runtime *rt, const T *g, const T *filters, T *out,\
                                                                        GL_CONVOLUTION_LENGTHS) {                                \
        const gl_convolution j = {.parts = 0, GL_CONVOLUTION_NAMES};                                                             \
        return (gl_is_sliding(f / groups, c / groups * kd * kh * kw) ? gl_convolve_by_images_sliding_##s                         \
                : gl_is_spread(&j)                                   ? gl_convolve_by_images_spread_##s                          \
                                                                     : gl_convolve_by_images_by_products_##s)(                   \
            rt, g, filters, out, GL_CONVOLUTION_NAMES);                                                                          \
    }                                                                                                                            \
    static inline __attribute__((unused)) int gl_convolve_by_filters_##s(const gl_runtime *rt, const T *x, const T *g, T *out,   \
                                                                         GL_CONVOLUTION_LENGTHS) {                               \
        return (gl_is_sliding(f / groups, c / groups * kd * kh * kw) ? gl_convolve_by_filters_sliding_##s                        \
                                                                     : gl_convolve_by_filters_by_products_##s)(                  \
            rt, x, g, out, GL_CONVOLUTION_NAMES);                                                                                \
    }

GL_CONVOLUTION(f32, float)
GL_CONVOLUTION(f64, double)

#endif
