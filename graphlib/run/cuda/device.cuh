/* What the generated kernels call: mathematics that CUDA lacks, reductions over a warp, a team or a block, decoding of
 * indices, and the tile of a matrix product.  Compiled by NVRTC or nvcc, in front of the kernels and of the headers that the
 * C backend has, too; includes nothing. */

#define GL_INLINE __device__ __forceinline__
#define GL_OUTLINE static __device__ __noinline__
#define GL_INF_F32 __int_as_float(0x7f800000)
#define GL_NAN_F32 __int_as_float(0x7fffffff)
#define GL_INF_F64 __longlong_as_double(0x7ff0000000000000LL)
#define GL_NAN_F64 __longlong_as_double(0x7fffffffffffffffLL)
#define GL_WARP 32

/* CUDA's own mathematics by the names that the functions shared with the C backend call. */
#define gl_log_f32 logf
#define gl_log_f64 log
#define gl_sin_f64 sin
#define gl_cos_f32 cosf
#define gl_cos_f64 cos
#define gl_tan_f64 tan
#define gl_bits_f32 __float_as_uint
#define gl_from_bits_f32 __uint_as_float

/* ---- indices ------------------------------------------------------------------------------------------------------ */

/* The index that NumPy means: negative ones count from the end; one out of range sets *bad and reads element 0. */
GL_INLINE long long gl_checked_index(long long i, long long n, int *bad) {
    long long j = i + (i < 0 ? n : 0);
    bool out = (unsigned long long)j >= (unsigned long long)n;
    *bad |= out;
    return out ? 0 : j;
}

/* What integers are divided by; 0 sets *bad. */
GL_INLINE long long gl_checked_divisor(long long d, int *bad) {
    *bad |= d == 0;
    return d;
}

/* The power that an integer is raised to; a negative one sets *bad. */
GL_INLINE long long gl_checked_exponent(long long n, int *bad) {
    *bad |= n < 0;
    return n;
}

/* What must be true; false sets *bad. */
GL_INLINE bool gl_checked_truth(bool fine, int *bad) {
    *bad |= !fine;
    return fine;
}

/* *rest / n, leaving the remainder in *rest; in 32 bits where both fit, which is several times faster. */
GL_INLINE long long gl_split(long long *rest, long long n) {
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
GL_INLINE T gl_max(T a, T b) {
    return (a >= b) | (a != a) ? a : b;
}
template <class T>
GL_INLINE T gl_min(T a, T b) {
    return (a <= b) | (a != a) ? a : b;
}
template <class T>
GL_INLINE T gl_sgn(T x) {
    return x != x ? x : (T)((x > 0) - (x < 0));
}

/* Python's: the remainder has the sign of the divisor; by zero gives 0. */
template <class T>
GL_INLINE T gl_floordiv(T a, T b) {
    if (b == 0) return 0;
    if (b == (T)-1 && (T)-1 < 0) return (T)(0 - (unsigned long long)a);
    T q = (T)(a / b), m = (T)(a - q * b);
    return m != 0 && (m < 0) != (b < 0) ? (T)(q - 1) : q;
}
template <class T>
GL_INLINE T gl_mod(T a, T b) {
    if (b == 0 || (b == (T)-1 && (T)-1 < 0)) return 0;
    T m = (T)(a % b);
    return m != 0 && (m < 0) != (b < 0) ? (T)(m + b) : m;
}

/* ---- functions that CUDA lacks --------------------------------------------------------------------------------------- */

#define GL_LOGISTIC(T, f)                                                \
    GL_INLINE T gl_sigmoid(T x) {                                        \
        T e = exp##f(-fabs##f(x));                                       \
        return (x >= 0 ? (T)1 : e) / (1 + e);                            \
    }                                                                    \
    GL_INLINE T gl_softplus(T x) { return (x < 0 ? 0 : x) + log1p##f(exp##f(-fabs##f(x))); } \
    GL_INLINE T gl_logaddexp(T a, T b) {                                 \
        T m = a > b ? a : b, n = a > b ? b : a, d = m - n;               \
        return d > 0 ? m + log1p##f(exp##f(-d)) : a == b ? a + (T)0.69314718055994530942 : a + b; \
    }
GL_LOGISTIC(float, f)
GL_LOGISTIC(double, )

/* ---- reductions --------------------------------------------------------------------------------------------------- */

#define GL_REDUCTION(name, expression)             \
    struct name {                                  \
        template <class T>                         \
        static GL_INLINE T combine(T a, T b) {     \
            return (T)(expression);                \
        }                                          \
    };
GL_REDUCTION(gl_sum, a + b)
GL_REDUCTION(gl_prod, a *b)
GL_REDUCTION(gl_all, a &b)
GL_REDUCTION(gl_any, a | b)
GL_REDUCTION(gl_maximum, gl_max<T>(a, b))
GL_REDUCTION(gl_minimum, gl_min<T>(a, b))

/* A sum of float32 and what was rounded off it: it is as exact as one in double, at a fraction of the cost where the
 * device has few units for that.  What was rounded off an infinite sum is NaN, and does not count. */
struct gl_precise {
    float sum, rest;
};
GL_INLINE gl_precise operator+(gl_precise a, gl_precise b) {
    const float sum = a.sum + b.sum, other = sum - a.sum;
    return {sum, (a.rest + b.rest) + ((a.sum - (sum - other)) + (b.sum - other))};
}
GL_INLINE float gl_rounded(gl_precise x) { return x.rest == x.rest ? x.sum + x.rest : x.sum; }

/* An extremum and where it is: the first NaN, else the first of the extrema; index -1 before anything was seen. */
template <class T>
struct gl_found {
    T value;
    long long index;
};
template <bool greatest, class T>
GL_INLINE gl_found<T> gl_better(gl_found<T> a, gl_found<T> b) {
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
    static GL_INLINE gl_found<T> combine(gl_found<T> a, gl_found<T> b) {
        return gl_better<true>(a, b);
    }
};
struct gl_argmin {
    template <class T>
    static GL_INLINE gl_found<T> combine(gl_found<T> a, gl_found<T> b) {
        return gl_better<false>(a, b);
    }
};

template <class T>
GL_INLINE T gl_shuffle_xor(T x, int d) {
    return (T)__shfl_xor_sync(0xffffffffu, x, d);
}
template <class T>
GL_INLINE gl_found<T> gl_shuffle_xor(gl_found<T> x, int d) {
    gl_found<T> y;
    y.value = (T)__shfl_xor_sync(0xffffffffu, x.value, d);
    y.index = __shfl_xor_sync(0xffffffffu, x.index, d);
    return y;
}

GL_INLINE gl_precise gl_shuffle_xor(gl_precise x, int d) {
    return {__shfl_xor_sync(0xffffffffu, x.sum, d), __shfl_xor_sync(0xffffffffu, x.rest, d)};
}

/* Over the 32 threads of a warp; every thread gets the same bits, as the operations commute. */
template <class Op, class T>
GL_INLINE T gl_warp_reduce(T x) {
    for (int d = GL_WARP / 2; d; d >>= 1) x = Op::combine(x, gl_shuffle_xor(x, d));
    return x;
}

/* Over all threads of a block, in an order that does not depend on their timing; `scratch` has 32 places of 16 bytes. */
template <class Op, class T>
GL_INLINE T gl_block_reduce(T x, void *scratch) {
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
GL_INLINE T gl_team_reduce(T x, void *scratch) {
    if (blockDim.x == 1) return x;
    if (blockDim.x == GL_WARP) return gl_warp_reduce<Op>(x);
    return gl_block_reduce<Op>(x, scratch);
}
GL_INLINE void gl_team_barrier() {
    if (blockDim.x == GL_WARP) __syncwarp();
    if (blockDim.x > GL_WARP) __syncthreads();
}

/* ---- matrix products ---------------------------------------------------------------------------------------------- */

/* The 16 x 16 threads of a block compute a tile of 16 R x 16 R elements of a product: thread (x, y) the R x R elements
 * (y + 16 i, x + 16 j).  Tiles of both factors go through shared memory, 16 deep; one column of padding keeps the banks
 * apart.  a_runs, b_runs: whether neighbours in memory lie along the axis that is summed over. */
#define GL_TILE 16
template <int R, class T>
GL_INLINE void gl_add_products(T (*a_tile)[GL_TILE * R + 1], T (*b_tile)[GL_TILE * R + 1], T (&sum)[R][R]) {
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
GL_INLINE void gl_gemm_tile(const T *__restrict__ a, long long lda, const T *__restrict__ b, long long ldb, long long m,
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
/* What running sums are held in. */
template <class T>
struct gl_wide {
    typedef T type;
};
template <>
struct gl_wide<float> {
    typedef double type;
};
template <class Op, class T>
GL_INLINE void gl_cumulate(const T *x, T *out, long long before, long long n, long long after) {
    GL_EACH_THREAD(line, before * after) {
        long long start = line / after * n * after + line % after;
        typename gl_wide<T>::type total = 0;
        for (long long i = 0; i < n; i++) {
            T next = x[start + i * after];
            total = i ? Op::combine(total, (typename gl_wide<T>::type)next) : next;
            out[start + i * after] = (T)total;
        }
    }
}

/* y[i] = x[i] + a[i] * y[i - 1] along an axis; back: y[i] = x[i] + a[i + 1] * y[i + 1].  One thread for each line. */
template <bool back, class T>
GL_INLINE void gl_recurrence(const T *x, const T *a, T *y, long long before, long long n, long long after) {
    GL_EACH_THREAD(line, before * after) {
        long long start = line / after * n * after + line % after, last = start + (n - 1) * after;
        T value = 0;
        for (long long i = 0; i < n; i++) {
            long long here = back ? last - i * after : start + i * after;
            value = i ? x[here] + a[back ? here + after : here] * value : x[here];
            y[here] = value;
        }
    }
}

/* ---- sorting: runs of up to GL_SORT elements in shared memory, then merged two by two; stable, NaN last ------------------ */

#define GL_SORT 1024
/* of sorting the most that are looked for alone */
#define GL_SOME 64

template <class T>
GL_INLINE bool gl_less(T a, T b) {
    return a < b || (b != b && a == a);
}

/* The first of what sorting would give, or the last (`count` below 0), `kept` of each line, a thread a line: `out` gets the elements,
 * or their indices, which are of another type. */
template <bool indices, class T, class Item>
GL_INLINE void gl_sort_some(const T *x, Item *out, long long before, long long n, long long after, long long count,
                            long long kept) {
    GL_EACH_THREAD(line, before * after) {
        T best[GL_SOME];
        long long at[GL_SOME], have = 0, start = line / after * n * after + line % after;
        for (long long turn = 0; kept && turn < n; turn++) {
            long long place = count > 0 ? turn : n - 1 - turn, i;
            T one = x[start + place * after];
            if (count > 0) {
                if (have == kept && !gl_less(one, best[kept - 1])) continue;
                i = have < kept ? have++ : kept - 1;
                for (; i && gl_less(one, best[i - 1]); i--) best[i] = best[i - 1], at[i] = at[i - 1];
            } else if (have < kept) {
                for (i = have++; i && !gl_less(best[i - 1], one); i--) best[i] = best[i - 1], at[i] = at[i - 1];
            } else {
                if (!gl_less(best[0], one)) continue;
                for (i = 0; i + 1 < kept && gl_less(best[i + 1], one); i++) best[i] = best[i + 1], at[i] = at[i + 1];
            }
            best[i] = one, at[i] = place;
        }
        for (long long k = 0; k < kept; k++)
            out[(line / after * kept + k) * after + line % after] = indices ? (Item)at[k] : (Item)best[k];
    }
}

/* Whether a comes after b, by their places where they are equal; a place of GL_SORT is that of nothing, behind all. */
template <class T>
GL_INLINE bool gl_after(T a, int place_a, T b, int place_b) {
    if (place_a == GL_SORT || place_b == GL_SORT) return place_a > place_b;
    return gl_less(b, a) || (!gl_less(a, b) && place_a > place_b);
}

/* Sorts each run of each line by a bitonic network (Batcher 1968), several at once where lines are short; `out` gets the
 * elements, or their indices in the line. */
template <bool indices, class T, class Item>
GL_INLINE void gl_sort_runs(const T *x, Item *out, long long before, long long n, long long after, T *keys, int *places) {
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
GL_INLINE void gl_merge_runs(const T *x, const Item *from, Item *to, long long before, long long n, long long after,
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

/* The indices of the elements that are not zero, as many as there is room for, by one block: each thread counts its part, then
 * writes behind the others'. */
GL_INLINE void gl_nonzero_block(const unsigned char *mask, long long *out, long long n, long long most, long long *counts) {
    long long begin = n * threadIdx.x / blockDim.x, end = n * (threadIdx.x + 1) / blockDim.x, count = 0;
    for (long long i = begin; i < end; i++) count += mask[i] != 0;
    counts[threadIdx.x] = count;
    __syncthreads();
    long long place = 0;
    for (int t = 0; t < threadIdx.x; t++) place += counts[t];
    for (long long i = begin; i < end && place < most; i++)
        if (mask[i]) out[place++] = i;
}
