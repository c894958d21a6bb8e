/* Draws of generators whose numbers come one after the other, for devices: see graphlib_streams.h. */

/* Numbers of MRG31k3p, a thread for each stream: its words go to `to`, its numbers to every so many-th place. */
#define GL_MRG(dtype, type)                                                                                            \
    GL_INLINE void gl_mrg_##dtype(const int *from, int *to, type *out, long long streams, long long n) {               \
        GL_EACH_THREAD(s, streams) {                                                                                   \
            const int *w = from + 6 * s;                                                                               \
            unsigned x1 = w[0], x2 = w[1], x3 = w[2], y1 = w[3], y2 = w[4], y3 = w[5];                                 \
            for (long long k = s; k < n; k += streams) {                                                               \
                GL_MRG_STEP(x1, x2, x3, y1, y2, y3);                                                                   \
                out[k] = GL_MRG_##dtype(GL_MRG_NUMBER(x1, y1));                                                        \
            }                                                                                                          \
            to[6 * s] = x1, to[6 * s + 1] = x2, to[6 * s + 2] = x3;                                                    \
            to[6 * s + 3] = y1, to[6 * s + 4] = y2, to[6 * s + 5] = y3;                                                \
        }                                                                                                              \
    }
GL_MRG(float32, float)
GL_MRG(float64, double)
#undef GL_MRG
