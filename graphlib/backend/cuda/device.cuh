/* What the generated kernels call: mathematics that CUDA lacks, reductions over a warp, a team or a block, decoding of
 * indices, and the tile of a matrix product.  Compiled by NVRTC or nvcc, in front of the kernels; includes nothing. */

#define GL_DEVICE __device__ __forceinline__
#define GL_INF_F32 __int_as_float(0x7f800000)
#define GL_NAN_F32 __int_as_float(0x7fffffff)
#define GL_INF_F64 __longlong_as_double(0x7ff0000000000000LL)
#define GL_NAN_F64 __longlong_as_double(0x7fffffffffffffffLL)
#define GL_WARP 32

/* ---- indices ------------------------------------------------------------------------------------------------------ */

/* The index that NumPy means: negative ones count from the end; one out of range sets *bad and reads element 0. */
GL_DEVICE long long gl_index(long long i, long long n, int *bad) {
    long long j = i + (i < 0 ? n : 0);
    bool out = (unsigned long long)j >= (unsigned long long)n;
    *bad |= out;
    return out ? 0 : j;
}

/* *rest / n, leaving the remainder in *rest; in 32 bits where both fit, which is several times faster. */
GL_DEVICE long long gl_split(long long *rest, long long n) {
    long long quotient, remainder;
    if (((unsigned long long)(*rest | n) >> 32) == 0) {
        quotient = (unsigned)*rest / (unsigned)n;
        remainder = (unsigned)*rest % (unsigned)n;
    } else {
        quotient = *rest / n;
        remainder = *rest % n;
    }
    *rest = quotient;
    return remainder;
}

/* Four neighbours, loaded and stored at once where their address allows it. */
template <class T>
struct alignas(sizeof(T) < 4 ? 4 * sizeof(T) : 16) gl_four {
    T x[4];
};

/* ---- extrema, sign, division: NumPy's meaning of NaN and of signs -------------------------------------------------- */

template <class T>
GL_DEVICE T gl_max(T a, T b) {
    return (a >= b) | (a != a) ? a : b;
}
template <class T>
GL_DEVICE T gl_min(T a, T b) {
    return (a <= b) | (a != a) ? a : b;
}
template <class T>
GL_DEVICE T gl_sgn(T x) {
    return x != x ? x : (T)((x > 0) - (x < 0));
}

/* Python's: the remainder has the sign of the divisor; by zero gives 0. */
template <class T>
GL_DEVICE T gl_floordiv(T a, T b) {
    if (b == 0) return 0;
    if (b == (T)-1 && (T)-1 < 0) return (T)(0 - (unsigned long long)a);
    T q = (T)(a / b), m = (T)(a - q * b);
    return m != 0 && (m < 0) != (b < 0) ? (T)(q - 1) : q;
}
template <class T>
GL_DEVICE T gl_mod(T a, T b) {
    if (b == 0 || (b == (T)-1 && (T)-1 < 0)) return 0;
    T m = (T)(a % b);
    return m != 0 && (m < 0) != (b < 0) ? (T)(m + b) : m;
}

/* Through the exact fmod, as numpy does it; by zero gives the NaN or the infinity of fmod and of the division. */
#define GL_FLOAT_DIVISION(T, f)                                          \
    GL_DEVICE T gl_mod(T a, T b) {                                       \
        T m = fmod##f(a, b);                                             \
        T y = m != 0 ? ((b < 0) != (m < 0) ? m + b : m) : copysign##f((T)0, b); \
        return b == 0 ? m : y;                                           \
    }                                                                    \
    GL_DEVICE T gl_floordiv(T a, T b) {                                  \
        T m = fmod##f(a, b), q = (a - m) / b;                            \
        q = m != 0 && (b < 0) != (m < 0) ? q - 1 : q;                    \
        T whole = floor##f(q), y = q - whole > (T)0.5 ? whole + 1 : whole; \
        y = q == 0 ? copysign##f((T)0, a / b) : y;                          \
        return b == 0 ? a / b : y;                                       \
    }
GL_FLOAT_DIVISION(float, f)
GL_FLOAT_DIVISION(double, )

GL_DEVICE long long gl_ipow(long long x, long long n) {
    unsigned long long base = (unsigned long long)x, y = n < 0 ? 0 : 1;
    for (; n > 0; n >>= 1, base *= base) y = n & 1 ? y * base : y;
    return (long long)y;
}

/* ---- functions that CUDA lacks --------------------------------------------------------------------------------------- */

#define GL_LOGISTIC(T, f)                                                \
    GL_DEVICE T gl_sigmoid(T x) {                                        \
        T e = exp##f(-fabs##f(x));                                       \
        return (x >= 0 ? (T)1 : e) / (1 + e);                            \
    }                                                                    \
    GL_DEVICE T gl_softplus(T x) { return (x < 0 ? 0 : x) + log1p##f(exp##f(-fabs##f(x))); } \
    GL_DEVICE T gl_logaddexp(T a, T b) {                                 \
        T m = a > b ? a : b, n = a > b ? b : a, d = m - n;               \
        return d > 0 ? m + log1p##f(exp##f(-d)) : a == b ? a + (T)0.69314718055994530942 : a + b; \
    }
GL_LOGISTIC(float, f)
GL_LOGISTIC(double, )

/* The derivatives of log gamma; see graphlib_math.h of the C backend, whose formulas these are. */
GL_DEVICE double gl_digamma_positive(double x) {
    double y = 0.0;
    if (x >= 10.0) {
        double z = 1.0 / (x * x);
        double p = 1.0 / 240 - z * (1.0 / 132 - z * (691.0 / 32760 - z * (1.0 / 12)));
        p = 1.0 / 12 - z * (1.0 / 120 - z * (1.0 / 252 - z * p));
        return log(x) - (0.5 / x + z * p);
    }
    if (x < 1.0) {
        y = -1.0 / x;
        x += 1.0;
    }
    while (x > 2.0) {
        x -= 1.0;
        y += 1.0 / x;
    }
    double t = x - 1.5;
    /* psi(x) = (x - x0) p(x - 1.5) on [1, 2], 1.4e-16 */
    double p = 0x1.0dc52a14c86afp-12;
    p = -0x1.8d067a2fc0621p-12 + t * p;
    p = 0x1.e2dbe4b008466p-13 + t * p;
    p = -0x1.73b20f4c2bf9bp-12 + t * p;
    p = 0x1.7a64bb606dbbap-11 + t * p;
    p = -0x1.1a8becdc100a2p-10 + t * p;
    p = 0x1.982f4c28f40fbp-10 + t * p;
    p = -0x1.3261f06f7cc3ep-9 + t * p;
    p = 0x1.cd3b76f737811p-9 + t * p;
    p = -0x1.5a16f531fde53p-8 + t * p;
    p = 0x1.03c01ba97298ep-7 + t * p;
    p = -0x1.8634c49532af3p-7 + t * p;
    p = 0x1.2564753d818c2p-6 + t * p;
    p = -0x1.b9f8b4c400c2fp-6 + t * p;
    p = 0x1.4de9aa090d681p-5 + t * p;
    p = -0x1.fb44201e55997p-5 + t * p;
    p = 0x1.8512e590550bbp-4 + t * p;
    p = -0x1.2feeeb98b04a7p-3 + t * p;
    p = 0x1.eca189b8e6e1ep-3 + t * p;
    p = -0x1.b1cb63005ee5bp-2 + t * p;
    p = 0x1.e6f0cbb873616p-1 + t * p;
    return y + ((x - 0x1.762d86356be3fp+0) - 0x1.b86a722197829p-54) * p;
}

GL_DEVICE double gl_digamma(double x) {
    if (x > 0.0) return gl_digamma_positive(x);
    if (x == 0.0) return copysign(GL_INF_F64, -x);
    double f = x - rint(x), a = fabs(f), pi = 3.14159265358979312;
    if (f == 0.0 || x != x || x < -1.7976931348623157e308) return GL_NAN_F64;
    double cotangent = a < 0.25 ? 1.0 / tan(pi * a) : tan(pi * (0.5 - a));
    /* 1 - x is rounded; what it lost times the derivative of psi, for which the start of its series will do */
    double u = 1.0 - x, lost = (1.0 - u) - x, slope = 1.0 / u * (1.0 + 1.0 / u * (0.5 + 1.0 / (6.0 * u)));
    return gl_digamma_positive(u) + lost * slope - pi * copysign(cotangent, f);
}

/* The derivative of psi: trigamma(x) = trigamma(x + 1) + 1/x^2 up to 10, then the asymptotic series (Abramowitz & Stegun
 * 6.4.12); the reflection 6.4.7 for negative x. */
GL_DEVICE double gl_trigamma(double x) {
    double y = 0.0, sign = 1.0, pi = 3.14159265358979312;
    if (x != x || (x <= 0.0 && x == floor(x))) return GL_NAN_F64;
    if (x < 0.0) {
        double s = sin(pi * (x - 2.0 * rint(0.5 * x)));
        y = pi * pi / (s * s);
        sign = -1.0;
        x = 1.0 - x;
    }
    double t = 0.0;
    for (; x < 10.0; x += 1.0) t += 1.0 / (x * x);
    double z = 1.0 / (x * x);
    double p = 1.0 / 30 - z * (5.0 / 66 - z * (691.0 / 2730 - z * (7.0 / 6)));
    p = 1.0 / 6 - z * (1.0 / 30 - z * (1.0 / 42 - z * p));
    return y + sign * (t + (1.0 / x + 0.5 * z + z / x * p));
}


/* ---- reductions --------------------------------------------------------------------------------------------------- */

#define GL_REDUCTION(name, expression)             \
    struct name {                                  \
        template <class T>                         \
        GL_DEVICE_MEMBER T combine(T a, T b) {     \
            return (T)(expression);                \
        }                                          \
    };
#define GL_DEVICE_MEMBER static __device__ __forceinline__
GL_REDUCTION(gl_sum, a + b)
GL_REDUCTION(gl_prod, a *b)
GL_REDUCTION(gl_all, a &b)
GL_REDUCTION(gl_any, a | b)
GL_REDUCTION(gl_maximum, gl_max<T>(a, b))
GL_REDUCTION(gl_minimum, gl_min<T>(a, b))

/* An extremum and where it is: the first NaN, else the first of the extrema; index -1 before anything was seen. */
template <class T>
struct gl_found {
    T value;
    long long index;
};
template <bool greatest, class T>
GL_DEVICE gl_found<T> gl_better(gl_found<T> a, gl_found<T> b) {
    if (a.index < 0) return b;
    if (b.index < 0) return a;
    bool a_nan = a.value != a.value, b_nan = b.value != b.value;
    bool ahead = greatest ? b.value > a.value : b.value < a.value;
    bool tie = a_nan ? b_nan : a.value == b.value;
    bool take = (b_nan && !a_nan) || (!a_nan && ahead) || (tie && b.index < a.index);
    return take ? b : a;
}
struct gl_argmax {
    template <class T>
    GL_DEVICE_MEMBER gl_found<T> combine(gl_found<T> a, gl_found<T> b) {
        return gl_better<true>(a, b);
    }
};
struct gl_argmin {
    template <class T>
    GL_DEVICE_MEMBER gl_found<T> combine(gl_found<T> a, gl_found<T> b) {
        return gl_better<false>(a, b);
    }
};

template <class T>
GL_DEVICE T gl_shuffle_xor(T x, int d) {
    return (T)__shfl_xor_sync(0xffffffffu, x, d);
}
template <class T>
GL_DEVICE gl_found<T> gl_shuffle_xor(gl_found<T> x, int d) {
    gl_found<T> y;
    y.value = (T)__shfl_xor_sync(0xffffffffu, x.value, d);
    y.index = __shfl_xor_sync(0xffffffffu, x.index, d);
    return y;
}

/* Over the 32 threads of a warp; every thread gets the same bits, as the operations commute. */
template <class Op, class T>
GL_DEVICE T gl_warp_reduce(T x) {
    for (int d = GL_WARP / 2; d; d >>= 1) x = Op::combine(x, gl_shuffle_xor(x, d));
    return x;
}

/* Over all threads of a block, in an order that does not depend on their timing; `scratch` has 32 places of 16 bytes. */
template <class Op, class T>
GL_DEVICE T gl_block_reduce(T x, void *scratch) {
    T *parts = (T *)scratch;
    int thread = threadIdx.y * blockDim.x + threadIdx.x, warps = (blockDim.x * blockDim.y + GL_WARP - 1) / GL_WARP;
    x = gl_warp_reduce<Op>(x);
    __syncthreads();
    if (thread % GL_WARP == 0) parts[thread / GL_WARP] = x;
    __syncthreads();
    x = parts[0];
    for (int w = 1; w < warps; w++) x = Op::combine(x, parts[w]);
    return x;
}

/* A team is the blockDim.x threads that compute one row: one thread, a warp, or a block. */
template <class Op, class T>
GL_DEVICE T gl_team_reduce(T x, void *scratch) {
    if (blockDim.x == 1) return x;
    if (blockDim.x == GL_WARP) return gl_warp_reduce<Op>(x);
    return gl_block_reduce<Op>(x, scratch);
}
GL_DEVICE void gl_team_barrier() {
    if (blockDim.x == GL_WARP) __syncwarp();
    if (blockDim.x > GL_WARP) __syncthreads();
}

/* ---- matrix products ---------------------------------------------------------------------------------------------- */

/* The 16 x 16 threads of a block compute a tile of 16 R x 16 R elements of a product: thread (x, y) the R x R elements
 * (y + 16 i, x + 16 j).  Tiles of both factors go through shared memory, 16 deep; one column of padding keeps the banks
 * apart.  a_runs, b_runs: whether neighbours in memory lie along the axis that is summed over. */
#define GL_TILE 16
template <int R, class T>
GL_DEVICE void gl_add_products(T (*a_tile)[GL_TILE * R + 1], T (*b_tile)[GL_TILE * R + 1], T (&sum)[R][R]) {
    int x = threadIdx.x, y = threadIdx.y;
    __syncthreads();
#pragma unroll
    for (int p = 0; p < GL_TILE; p++) {
        T left[R], right[R];
#pragma unroll
        for (int i = 0; i < R; i++) left[i] = a_tile[p][y + GL_TILE * i];
#pragma unroll
        for (int j = 0; j < R; j++) right[j] = b_tile[p][x + GL_TILE * j];
#pragma unroll
        for (int i = 0; i < R; i++)
#pragma unroll
            for (int j = 0; j < R; j++) sum[i][j] += left[i] * right[j];
    }
    __syncthreads();
}

template <int R, bool a_runs, bool b_runs, class T>
GL_DEVICE void gl_gemm_tile(const T *__restrict__ a, long long lda, const T *__restrict__ b, long long ldb, long long m,
                            long long n, long long k, long long row, long long column, T (*a_tile)[GL_TILE * R + 1],
                            T (*b_tile)[GL_TILE * R + 1], T (&sum)[R][R]) {
    int x = threadIdx.x, y = threadIdx.y;
#pragma unroll
    for (int i = 0; i < R; i++)
#pragma unroll
        for (int j = 0; j < R; j++) sum[i][j] = 0;
    for (long long k0 = 0; k0 < k; k0 += GL_TILE) {
#pragma unroll
        for (int i = 0; i < R; i++) {
            long long p = k0 + (a_runs ? x : y), q = row + GL_TILE * i + (a_runs ? y : x);
            a_tile[a_runs ? x : y][GL_TILE * i + (a_runs ? y : x)] = p < k && q < m ? a[a_runs ? q * lda + p : p * lda + q] : 0;
            p = k0 + (b_runs ? x : y), q = column + GL_TILE * i + (b_runs ? y : x);
            b_tile[b_runs ? x : y][GL_TILE * i + (b_runs ? y : x)] = p < k && q < n ? b[b_runs ? q * ldb + p : p * ldb + q] : 0;
        }
        gl_add_products<R>(a_tile, b_tile, sum);
    }
}

/* ---- along an axis: before, n and after are the lengths around it -------------------------------------------------------- */

#define GL_EACH_THREAD(k, count) \
    for (long long k = blockIdx.x * (long long)blockDim.x + threadIdx.x; k < (count); k += gridDim.x * (long long)blockDim.x)

/* One thread for each line. */
template <class Op, class T>
GL_DEVICE void gl_cumulate(const T *x, T *out, long long before, long long n, long long after) {
    GL_EACH_THREAD(line, before * after) {
        long long start = line / after * n * after + line % after;
        T total = 0;
        for (long long i = 0; i < n; i++) {
            T next = x[start + i * after];
            total = i ? Op::combine(total, next) : next;
            out[start + i * after] = total;
        }
    }
}

/* ---- sorting: runs of up to GL_SORT elements in shared memory, then merged two by two; stable, NaN last ------------------ */

#define GL_SORT 1024

template <class T>
GL_DEVICE bool gl_less(T a, T b) {
    return a < b || (b != b && a == a);
}

/* Whether a comes after b, by their places where they are equal; a place of GL_SORT is that of nothing, behind all. */
template <class T>
GL_DEVICE bool gl_after(T a, int place_a, T b, int place_b) {
    if (place_a == GL_SORT || place_b == GL_SORT) return place_a > place_b;
    return gl_less(b, a) || (!gl_less(a, b) && place_a > place_b);
}

/* Sorts each run of each line by a bitonic network (Batcher 1968), several at once where lines are short; `out` gets the
 * elements, or their indices in the line. */
template <bool indices, class T, class Item>
GL_DEVICE void gl_sort_runs(const T *x, Item *out, long long before, long long n, long long after, T *keys, int *places) {
    int run = 2;
    while (run < n && run < GL_SORT) run *= 2;
    long long of_line = (n + run - 1) / run, all = before * after * of_line, together = GL_SORT / run;
    for (long long first = blockIdx.x * together; first < all; first += gridDim.x * together) {
        for (int k = threadIdx.x; k < GL_SORT; k += blockDim.x) {
            long long number = first + k / run, line = number / of_line, i = number % of_line * run + k % run;
            bool there = number < all && i < n;
            places[k] = there ? k % run : GL_SORT;
            keys[k] = there ? x[(line / after * n + i) * after + line % after] : 0;
        }
        for (int size = 2; size <= run; size *= 2)
            for (int step = size / 2; step; step /= 2) {
                __syncthreads();
                for (int pair = threadIdx.x; pair < GL_SORT / 2; pair += blockDim.x) {
                    int low = 2 * pair - (pair & (step - 1)), high = low + step;
                    bool upwards = size == run || (low & size) == 0;
                    if (gl_after(keys[low], places[low], keys[high], places[high]) != upwards) continue;
                    T key = keys[low];
                    int place = places[low];
                    keys[low] = keys[high], places[low] = places[high];
                    keys[high] = key, places[high] = place;
                }
            }
        __syncthreads();
        for (int k = threadIdx.x; k < GL_SORT; k += blockDim.x) {
            if (places[k] == GL_SORT) continue;
            long long number = first + k / run, line = number / of_line, start = number % of_line * run;
            out[(line / after * n + start + k % run) * after + line % after] =
                indices ? (Item)(start + places[k]) : (Item)keys[k];
        }
        __syncthreads();
    }
}

/* Merges the runs of each line two by two: an element's place is its own plus how many of the other run come before it. */
template <bool indices, class T, class Item>
GL_DEVICE void gl_merge_runs(const T *x, const Item *from, Item *to, long long before, long long n, long long after,
                             long long run) {
    GL_EACH_THREAD(k, before * n * after) {
        long long i = k / after % n, start = k - i * after, first = i / (2 * run) * (2 * run);
        long long middle = first + run < n ? first + run : n, end = middle + run < n ? middle + run : n;
        bool left = i < middle;
        Item item = from[k];
        T key = indices ? x[start + (long long)item * after] : (T)item;
        long long others = left ? middle : first, low = others, high = left ? end : middle;
        while (low < high) {
            long long half = (low + high) / 2;
            Item other = from[start + half * after];
            T its = indices ? x[start + (long long)other * after] : (T)other;
            if (left ? gl_less(its, key) : !gl_less(key, its))
                low = half + 1;
            else
                high = half;
        }
        to[start + (i + low - others - (left ? 0 : middle - first)) * after] = item;
    }
}

/* The indices of the elements that are not zero, by one block: each thread counts its part, then writes behind the others'. */
GL_DEVICE void gl_nonzero_block(const unsigned char *mask, long long *out, long long n, long long *counts) {
    long long begin = n * threadIdx.x / blockDim.x, end = n * (threadIdx.x + 1) / blockDim.x, count = 0;
    for (long long i = begin; i < end; i++) count += mask[i] != 0;
    counts[threadIdx.x] = count;
    __syncthreads();
    long long place = 0;
    for (int t = 0; t < threadIdx.x; t++) place += counts[t];
    for (long long i = begin; i < end; i++)
        if (mask[i]) out[place++] = i;
}

/* ---- the kernels -------------------------------------------------------------------------------------------------------- */

/* ---- random draws: Philox4x32-10 (J. Salmon et al., SC 2011), an element by itself ----------------------------------- */

struct gl_words {
    unsigned w0, w1, w2, w3;
};

/* The four words of a block of a draw. */
GL_DEVICE gl_words gl_philox(long long seed, long long stream, long long draw, long long block) {
    unsigned c0 = (unsigned)block, c1 = (unsigned)((unsigned long long)block >> 32), c2 = (unsigned)draw,
             c3 = (unsigned)((unsigned long long)draw >> 32), k0 = (unsigned)seed, k1 = (unsigned)stream;
    for (int round = 0; round < 10; round++) {
        unsigned long long p0 = (unsigned long long)c0 * 0xD2511F53u, p1 = (unsigned long long)c2 * 0xCD9E8D57u;
        c0 = (unsigned)(p1 >> 32) ^ c1 ^ k0;
        c1 = (unsigned)p1;
        c2 = (unsigned)(p0 >> 32) ^ c3 ^ k1;
        c3 = (unsigned)p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    return {c0, c1, c2, c3};
}

GL_DEVICE float gl_unit(unsigned word) { return (float)(word >> 8) * 5.9604644775390625e-8f; }
GL_DEVICE double gl_unit(unsigned low, unsigned high) {
    return (double)((low | (unsigned long long)high << 32) >> 11) * 1.1102230246251565e-16;
}

GL_DEVICE float gl_random_uniform_f32(long long seed, long long stream, long long draw, long long k) {
    gl_words w = gl_philox(seed, stream, draw, k >> 2);
    return gl_unit(k & 2 ? (k & 1 ? w.w3 : w.w2) : (k & 1 ? w.w1 : w.w0));
}
GL_DEVICE double gl_random_uniform_f64(long long seed, long long stream, long long draw, long long k) {
    gl_words w = gl_philox(seed, stream, draw, k >> 1);
    return k & 1 ? gl_unit(w.w2, w.w3) : gl_unit(w.w0, w.w1);
}

/* G. Box and M. Muller 1958; the second number of a pair is the cosine a quarter turn before. */
GL_DEVICE float gl_random_normal_f32(long long seed, long long stream, long long draw, long long k) {
    gl_words w = gl_philox(seed, stream, draw, k >> 2);
    float radius = ((float)(k & 2 ? w.w2 : w.w0) + 0.5f) * 2.3283064365386963e-10f;
    return sqrtf(-2.0f * logf(radius)) * cosf(6.28318531f * (gl_unit(k & 2 ? w.w3 : w.w1) - (k & 1 ? 0.25f : 0.0f)));
}
GL_DEVICE double gl_random_normal_f64(long long seed, long long stream, long long draw, long long k) {
    gl_words w = gl_philox(seed, stream, draw, k >> 1);
    double radius = gl_unit(w.w0, w.w1) + 5.5511151231257827e-17;
    return sqrt(-2.0 * log(radius)) * cos(6.2831853071795865 * (gl_unit(w.w2, w.w3) - (k & 1 ? 0.25 : 0.0)));
}
