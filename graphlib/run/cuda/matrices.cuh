/* Linear algebra on the device: what graphlib_lapack.h does on the host, a block of threads for each matrix.  Matrices lie row by
 * row; results are the same but for rounding, and the signs of singular vectors and eigenvectors.  Stands in front of kernels
 * that call it only. */

#define GL_EACH_MATRIX(b, batch) for (long long b = blockIdx.x; b < (batch); b += gridDim.x)
#define GL_SHARED_OUT(k, begin, count) for (long long k = (begin) + threadIdx.x; k < (count); k += blockDim.x)

template <class T>
GL_INLINE T gl_nan_of() {
    return (T)GL_NAN_F32;
}

/* The sum of f over the block, for all of its threads. */
template <class T>
GL_INLINE T gl_block_total(T mine, T *scratch) {
    __syncthreads();
    scratch[threadIdx.x] = mine;
    __syncthreads();
    for (int step = blockDim.x / 2; step; step /= 2) {
        if (threadIdx.x < step) scratch[threadIdx.x] += scratch[threadIdx.x + step];
        __syncthreads();
    }
    const T total = scratch[0];
    __syncthreads();
    return total;
}

template <class T>
GL_INLINE void gl_copied(const T *from, T *to, long long size) {
    GL_SHARED_OUT(k, 0, size) to[k] = from[k];
    __syncthreads();
}

/* P L U of the transpose: columns are exchanged, the part on the right of the diagonal is that of the unit factor. */
template <class T>
GL_INLINE void gl_lu(const T *a, T *lu, int *pivots, int *info, long long batch, long long n, T *scratch) {
    GL_EACH_MATRIX(b, batch) {
        T *m = lu + b * n * n;
        int failed = 0;
        gl_copied(a + b * n * n, m, n * n);
        for (long long k = 0; k < n; k++) {
            /* the first greatest: every thread looks at the whole row, which is cheap beside the update */
            long long best = k;
            T size = m[k * n + k] < 0 ? -m[k * n + k] : m[k * n + k];
            for (long long j = k + 1; j < n; j++) {
                const T v = m[k * n + j] < 0 ? -m[k * n + j] : m[k * n + j];
                if (v > size) size = v, best = j;
            }
            __syncthreads();
            if (threadIdx.x == 0) pivots[b * n + k] = (int)best + 1;
            if (best != k) GL_SHARED_OUT(i, 0, n) {
                    const T kept = m[i * n + k];
                    m[i * n + k] = m[i * n + best];
                    m[i * n + best] = kept;
                }
            __syncthreads();
            const T pivot = m[k * n + k];
            __syncthreads();
            if (pivot == 0) {
                failed = 1;
                continue;
            }
            GL_SHARED_OUT(j, k + 1, n) m[k * n + j] /= pivot;
            __syncthreads();
            const long long left = n - k - 1;
            GL_SHARED_OUT(e, 0, left * left) {
                const long long i = k + 1 + e / left, j = k + 1 + e % left;
                m[i * n + j] -= m[i * n + k] * m[k * n + j];
            }
            __syncthreads();
        }
        if (threadIdx.x == 0) info[b] = failed;
        __syncthreads();
    }
}

/* x of a x = x in place, or of the transpose's system: each thread has columns of its own. */
template <class T>
GL_INLINE void gl_substituted(const T *a, T *x, long long n, long long k, bool lower, bool transposed, bool unit) {
    const bool forward = lower != transposed;
    GL_SHARED_OUT(c, 0, k)
    for (long long t = 0; t < n; t++) {
        const long long i = forward ? t : n - 1 - t;
        T value = x[i * k + c];
        for (long long s = 0; s < t; s++) {
            const long long j = forward ? s : n - 1 - s;
            value -= (transposed ? a[j * n + i] : a[i * n + j]) * x[j * k + c];
        }
        x[i * k + c] = unit ? value : value / a[i * n + i];
    }
    __syncthreads();
}

template <class T>
GL_INLINE void gl_triangular_solve(const T *a, const T *b, T *x, int *info, long long batch, long long n, long long k,
                                   long long lower, long long transposed, long long unit, T *scratch) {
    GL_EACH_MATRIX(c, batch) {
        int failed = 0;
        for (long long i = 0; i < n && !unit; i++) failed |= a[(c * n + i) * n + i] == 0;
        gl_copied(b + c * n * k, x + c * n * k, n * k);
        if (failed) GL_SHARED_OUT(e, 0, n * k) x[c * n * k + e] = gl_nan_of<T>();
        else gl_substituted(a + c * n * n, x + c * n * k, n, k, lower != 0, transposed != 0, unit != 0);
        if (threadIdx.x == 0) info[c] = failed;
        __syncthreads();
    }
}

template <class T>
GL_INLINE void gl_exchanged(const int *pivots, T *x, long long n, long long k, bool back) {
    GL_SHARED_OUT(c, 0, k)
    for (long long t = 0; t < n; t++) {
        const long long i = back ? n - 1 - t : t, j = pivots[i] - 1;
        const T kept = x[i * k + c];
        x[i * k + c] = x[j * k + c];
        x[j * k + c] = kept;
    }
    __syncthreads();
}

template <class T>
GL_INLINE void gl_lu_solve(const T *lu, const int *pivots, const T *b, T *x, long long batch, long long n, long long k,
                           long long transposed, T *scratch) {
    GL_EACH_MATRIX(c, batch) {
        const T *m = lu + c * n * n;
        T *y = x + c * n * k;
        gl_copied(b + c * n * k, y, n * k);
        if (!transposed) {
            gl_substituted(m, y, n, k, true, false, false);
            gl_substituted(m, y, n, k, false, false, true);
            gl_exchanged(pivots + c * n, y, n, k, true);
        } else {
            gl_exchanged(pivots + c * n, y, n, k, false);
            gl_substituted(m, y, n, k, false, true, true);
            gl_substituted(m, y, n, k, true, true, false);
        }
    }
}

template <class T>
GL_INLINE void gl_cholesky(const T *a, T *out, int *info, long long batch, long long n, long long lower, T *scratch) {
    const long long down = lower ? n : 1, right = lower ? 1 : n;
    GL_EACH_MATRIX(b, batch) {
        T *m = out + b * n * n;
        int failed = 0;
        gl_copied(a + b * n * n, m, n * n);
        for (long long k = 0; k < n && !failed; k++) {
            const T square = m[k * n + k];
            if (!(square > 0)) {
                failed = 1;
                break;
            }
            const T root = sqrt(square);
            __syncthreads();
            GL_SHARED_OUT(i, k, n) m[i * down + k * right] = i == k ? root : m[i * down + k * right] / root;
            __syncthreads();
            const long long left = n - k - 1;
            GL_SHARED_OUT(e, 0, left * left) {
                const long long i = k + 1 + e / left, j = k + 1 + e % left;
                if (j <= i) m[i * down + j * right] -= m[i * down + k * right] * m[j * down + k * right];
            }
            __syncthreads();
        }
        __syncthreads();
        GL_SHARED_OUT(e, 0, n * n) {
            const long long i = e / n, j = e % n;
            if (failed) m[e] = gl_nan_of<T>();
            else if (lower ? j > i : j < i) m[e] = 0;
        }
        if (threadIdx.x == 0) info[b] = failed;
        __syncthreads();
    }
}

/* LAPACK's geqrf: h is (n, m), its rows the columns of what R and the vectors of the reflections stand in. */
template <class T>
GL_INLINE void gl_householder(const T *a, T *h, T *tau, long long batch, long long m, long long n, T *scratch) {
    const long long k = m < n ? m : n;
    GL_EACH_MATRIX(b, batch) {
        T *r = h + b * m * n;
        GL_SHARED_OUT(e, 0, m * n) r[e % n * m + e / n] = a[b * m * n + e];
        __syncthreads();
        for (long long j = 0; j < k; j++) {
            T *v = r + j * m, mine = 0;
            GL_SHARED_OUT(i, j + 1, m) mine += v[i] * v[i];
            const T rest = gl_block_total(mine, scratch), alpha = v[j];
            __syncthreads();
            if (rest == 0) {
                if (threadIdx.x == 0) tau[b * k + j] = 0;
                continue;
            }
            const T norm = sqrt(alpha * alpha + rest), beta = alpha > 0 ? -norm : norm, t = (beta - alpha) / beta;
            GL_SHARED_OUT(i, j + 1, m) v[i] /= alpha - beta;
            if (threadIdx.x == 0) v[j] = beta, tau[b * k + j] = t;
            __syncthreads();
            GL_SHARED_OUT(c, j + 1, n) {
                T *column = r + c * m, sum = column[j];
                for (long long i = j + 1; i < m; i++) sum += v[i] * column[i];
                column[j] -= t * sum;
                for (long long i = j + 1; i < m; i++) column[i] -= t * sum * v[i];
            }
            __syncthreads();
        }
    }
}

template <class T>
GL_INLINE void gl_householder_q(const T *h, const T *tau, T *q, long long batch, long long m, long long n, long long columns,
                                T *scratch) {
    const long long k = m < n ? m : n;
    GL_EACH_MATRIX(b, batch) {
        T *out = q + b * m * columns;
        GL_SHARED_OUT(e, 0, m * columns) out[e] = e / columns == e % columns;
        __syncthreads();
        GL_SHARED_OUT(c, 0, columns)
        for (long long j = k - 1; j >= 0; j--) {
            const T *v = h + b * m * n + j * m;
            T sum = out[j * columns + c];
            for (long long i = j + 1; i < m; i++) sum += v[i] * out[i * columns + c];
            sum *= tau[b * k + j];
            out[j * columns + c] -= sum;
            for (long long i = j + 1; i < m; i++) out[i * columns + c] -= sum * v[i];
        }
        __syncthreads();
    }
}

/* Turns the columns p and q of a matrix of `rows` by the angle of which c and s are cosine and sine. */
template <class T>
GL_INLINE void gl_turned(T *a, long long rows, long long columns, long long p, long long q, T c, T s) {
    GL_SHARED_OUT(i, 0, rows) {
        const T x = a[i * columns + p], y = a[i * columns + q];
        a[i * columns + p] = c * x - s * y;
        a[i * columns + q] = s * x + c * y;
    }
}

/* Places of k numbers in order, by counting: ascending, or descending with `down`. */
template <class T>
GL_INLINE long long gl_place_of(const T *values, long long k, long long i, bool down) {
    long long place = 0;
    for (long long j = 0; j < k; j++) {
        const bool before = down ? values[j] > values[i] : values[j] < values[i];
        place += before || (values[j] == values[i] && j < i);
    }
    return place;
}

/* Jacobi's method, row by row (Golub and Van Loan, Matrix Computations, 8.5); memory: two matrices and a row. */
template <class T>
GL_INLINE void gl_eigh(const T *a, T *w, T *v, int *info, long long batch, long long n, long long lower, T *scratch, T *memory) {
    GL_EACH_MATRIX(b, batch) {
        T *m = memory + b * (2 * n * n + n), *u = m + n * n, *values = u + n * n;
        GL_SHARED_OUT(e, 0, n * n) {
            const long long i = e / n, j = e % n;
            m[e] = a[b * n * n + ((lower != 0) == (i >= j) ? e : j * n + i)];
            u[e] = i == j;
        }
        __syncthreads();
        int failed = 1;
        for (int sweep = 0; sweep < 60 && failed; sweep++) {
            T off = 0, all = 0;
            GL_SHARED_OUT(e, 0, n * n) {
                all += m[e] * m[e];
                off += e / n == e % n ? 0 : m[e] * m[e];
            }
            off = gl_block_total(off, scratch), all = gl_block_total(all, scratch);
            const T least = sizeof(T) == 4 ? (T)1e-15 : (T)1e-31;
            if (off <= least * all) failed = 0;
            if (!(off > least * all)) break; /* NaN ends it, too */
            for (long long p = 0; p < n; p++)
                for (long long q = p + 1; q < n; q++) {
                    const T apq = m[p * n + q], app = m[p * n + p], aqq = m[q * n + q];
                    __syncthreads();
                    if (apq == 0) continue;
                    const T theta = (aqq - app) / (2 * apq), size = theta < 0 ? -theta : theta;
                    const T t = (theta < 0 ? (T)-1 : (T)1) / (size + sqrt(theta * theta + 1)), c = 1 / sqrt(t * t + 1), s = t * c;
                    gl_turned(m, n, n, p, q, c, s);
                    gl_turned(u, n, n, p, q, c, s);
                    __syncthreads();
                    GL_SHARED_OUT(i, 0, n) {
                        const T x = m[p * n + i], y = m[q * n + i];
                        m[p * n + i] = c * x - s * y;
                        m[q * n + i] = s * x + c * y;
                    }
                    __syncthreads();
                }
        }
        GL_SHARED_OUT(i, 0, n) values[i] = m[i * n + i];
        __syncthreads();
        GL_SHARED_OUT(j, 0, n) {
            const long long place = failed ? j : gl_place_of(values, n, j, false);
            w[b * n + place] = failed ? gl_nan_of<T>() : values[j];
            for (long long i = 0; i < n; i++) v[b * n * n + i * n + place] = failed ? gl_nan_of<T>() : u[i * n + j];
        }
        if (threadIdx.x == 0) info[b] = failed;
        __syncthreads();
    }
}

/* The singular value decomposition by one-sided rotations (Hestenes 1958) of the longer side's columns; the columns that `full`
 * adds are what is left of the axes, made orthogonal to all before, twice. */
template <class T>
GL_INLINE void gl_svd(const T *a, T *u, T *values, T *vt, int *info, long long batch, long long m, long long n, long long full,
                      T *scratch, T *memory) {
    const bool wide = m < n;
    const long long rows = wide ? n : m, k = wide ? m : n, of_u = full ? m : k, of_vt = full ? n : k;
    const long long long_columns = full ? rows : k;
    GL_EACH_MATRIX(b, batch) {
        T *x = memory + b * (rows * k + k * k + k + rows * rows), *turns = x + rows * k, *sizes = turns + k * k, *left = sizes + k;
        GL_SHARED_OUT(e, 0, rows * k) {
            const long long i = e / k, j = e % k;
            x[e] = a[b * m * n + (wide ? j * n + i : i * n + j)];
        }
        GL_SHARED_OUT(e, 0, k * k) turns[e] = e / k == e % k;
        __syncthreads();
        int failed = k > 0;
        for (int sweep = 0; sweep < 60 && failed; sweep++) {
            int turned = 0, wrong = 0;
            for (long long p = 0; p < k; p++)
                for (long long q = p + 1; q < k; q++) {
                    T pp = 0, qq = 0, pq = 0;
                    GL_SHARED_OUT(i, 0, rows) {
                        const T y = x[i * k + p], z = x[i * k + q];
                        pp += y * y, qq += z * z, pq += y * z;
                    }
                    pp = gl_block_total(pp, scratch), qq = gl_block_total(qq, scratch), pq = gl_block_total(pq, scratch);
                    if (pp != pp || qq != qq) wrong = 1;
                    const T bound = (sizeof(T) == 4 ? (T)1e-7 : (T)1e-15) * sqrt(pp * qq);
                    if (pq == 0 || (pq < 0 ? -pq : pq) <= bound) continue;
                    turned = 1;
                    const T zeta = (qq - pp) / (2 * pq), size = zeta < 0 ? -zeta : zeta;
                    const T t = (zeta < 0 ? (T)-1 : (T)1) / (size + sqrt(zeta * zeta + 1)), c = 1 / sqrt(t * t + 1), s = t * c;
                    gl_turned(x, rows, k, p, q, c, s);
                    gl_turned(turns, k, k, p, q, c, s);
                    __syncthreads();
                }
            if (wrong) break;
            if (!turned) failed = 0;
        }
        for (long long j = 0; j < k; j++) {
            T mine = 0;
            GL_SHARED_OUT(i, 0, rows) mine += x[i * k + j] * x[i * k + j];
            const T total = gl_block_total(mine, scratch);
            if (total != total) failed = 1;
            if (threadIdx.x == 0) sizes[j] = sqrt(total);
            __syncthreads();
        }
        GL_SHARED_OUT(j, 0, k) {
            const long long place = failed ? j : gl_place_of(sizes, k, j, true);
            values[b * k + place] = failed ? gl_nan_of<T>() : sizes[j];
            if (!u) continue;
            for (long long i = 0; i < rows; i++)
                left[i * rows + place] = failed ? gl_nan_of<T>() : sizes[j] > 0 ? x[i * k + j] / sizes[j] : (T)0;
            for (long long i = 0; i < k; i++) {
                const T turn = failed ? gl_nan_of<T>() : turns[i * k + j];
                if (wide) u[b * m * of_u + i * of_u + place] = turn;
                else vt[b * of_vt * n + place * n + i] = turn;
            }
        }
        __syncthreads();
        for (long long j = 0, axis = 0; u && j < long_columns && !failed; j++) {
            if (j < k && values[b * k + j] > 0) continue;
            for (bool found = false; !found && axis < rows; axis++) {
                GL_SHARED_OUT(i, 0, rows) left[i * rows + j] = i == axis;
                __syncthreads();
                T total = 0;
                for (int again = 0; again < 2; again++) {
                    for (long long c = 0; c < j; c++) {
                        T mine = 0;
                        GL_SHARED_OUT(i, 0, rows) mine += left[i * rows + c] * left[i * rows + j];
                        const T along = gl_block_total(mine, scratch);
                        GL_SHARED_OUT(i, 0, rows) left[i * rows + j] -= along * left[i * rows + c];
                        __syncthreads();
                    }
                    T mine = 0;
                    GL_SHARED_OUT(i, 0, rows) mine += left[i * rows + j] * left[i * rows + j];
                    total = gl_block_total(mine, scratch);
                }
                found = total * rows > (T)0.25;
                if (found) GL_SHARED_OUT(i, 0, rows) left[i * rows + j] /= sqrt(total);
                __syncthreads();
            }
        }
        GL_SHARED_OUT(e, 0, u ? rows * long_columns : 0) {
            const long long i = e / long_columns, j = e % long_columns;
            if (wide) vt[b * of_vt * n + j * n + i] = left[i * rows + j];
            else u[b * m * of_u + i * of_u + j] = left[i * rows + j];
        }
        if (threadIdx.x == 0) info[b] = failed;
        __syncthreads();
    }
}

template <class T>
GL_INLINE void gl_singular_values(const T *a, T *values, int *info, long long batch, long long m, long long n, T *scratch,
                                  T *memory) {
    gl_svd(a, (T *)0, values, (T *)0, info, batch, m, n, 0, scratch, memory);
}

template <class T>
GL_INLINE void gl_square_product(long long n, const T *a, const T *b, T *c) {
    GL_SHARED_OUT(e, 0, n * n) {
        T sum = 0;
        for (long long k = 0; k < n; k++) sum += a[e / n * n + k] * b[k * n + e % n];
        c[e] = sum;
    }
    __syncthreads();
}

/* As graphlib_lapack.h's, in double. */
template <class T>
GL_INLINE void gl_expm(const T *given, T *out, long long batch, long long n, double *scratch, double *memory) {
    const double c[] = {64764752532480000., 32382376266240000., 7771770303897600., 1187353796428800., 129060195264000.,
                        10559470521600.,    670442572800.,      33522128640.,      1323241920.,       40840800.,
                        960960.,            16380.,             182.,              1.};
    const long long size = n * n;
    GL_EACH_MATRIX(b, batch) {
        double *a = memory + b * 7 * size, *a2 = a + size, *a4 = a2 + size, *a6 = a4 + size, *u = a6 + size, *v = u + size,
               *w = v + size, norm = 0;
        for (long long j = 0; j < n; j++) {
            double sum = 0;
            for (long long i = 0; i < n; i++) sum += given[b * size + i * n + j] < 0 ? -(double)given[b * size + i * n + j] : (double)given[b * size + i * n + j];
            if (!(sum <= norm)) norm = sum;
        }
        if (!(norm < 1e300)) {
            GL_SHARED_OUT(k, 0, size) out[b * size + k] = gl_nan_of<T>();
            continue;
        }
        int squarings = 0;
        double scale = 1;
        for (; norm * scale > 5.371920351148152; squarings++) scale /= 2;
        GL_SHARED_OUT(k, 0, size) a[k] = given[b * size + k] * scale;
        __syncthreads();
        gl_square_product(n, a, a, a2);
        gl_square_product(n, a2, a2, a4);
        gl_square_product(n, a4, a2, a6);
        GL_SHARED_OUT(k, 0, size) w[k] = c[13] * a6[k] + c[11] * a4[k] + c[9] * a2[k];
        __syncthreads();
        gl_square_product(n, a6, w, v);
        GL_SHARED_OUT(k, 0, size) w[k] = v[k] + c[7] * a6[k] + c[5] * a4[k] + c[3] * a2[k] + (k % (n + 1) ? 0 : c[1]);
        __syncthreads();
        gl_square_product(n, a, w, u);
        GL_SHARED_OUT(k, 0, size) w[k] = c[12] * a6[k] + c[10] * a4[k] + c[8] * a2[k];
        __syncthreads();
        gl_square_product(n, a6, w, v);
        GL_SHARED_OUT(k, 0, size) {
            const double even = v[k] + c[6] * a6[k] + c[4] * a4[k] + c[2] * a2[k] + (k % (n + 1) ? 0 : c[0]);
            a2[k] = even - u[k], a4[k] = even + u[k];
        }
        __syncthreads();
        /* by elimination with pivots; rows are exchanged in both */
        for (long long k = 0; k < n; k++) {
            long long best = k;
            for (long long i = k + 1; i < n; i++)
                if (a2[i * n + k] * a2[i * n + k] > a2[best * n + k] * a2[best * n + k]) best = i;
            __syncthreads();
            if (best != k) GL_SHARED_OUT(j, 0, n) {
                    double kept = a2[k * n + j];
                    a2[k * n + j] = a2[best * n + j], a2[best * n + j] = kept;
                    kept = a4[k * n + j];
                    a4[k * n + j] = a4[best * n + j], a4[best * n + j] = kept;
                }
            __syncthreads();
            GL_SHARED_OUT(i, k + 1, n) a[i] = a2[i * n + k] / a2[k * n + k];
            __syncthreads();
            GL_SHARED_OUT(e, 0, (n - k - 1) * n) {
                const long long i = k + 1 + e / n, j = e % n;
                a2[i * n + j] -= a[i] * a2[k * n + j];
                a4[i * n + j] -= a[i] * a4[k * n + j];
            }
            __syncthreads();
        }
        gl_substituted(a2, a4, n, n, false, false, false);
        double *result = a4, *other = a2;
        for (; squarings; squarings--) {
            gl_square_product(n, result, result, other);
            double *swap = result;
            result = other;
            other = swap;
        }
        GL_SHARED_OUT(k, 0, size) out[b * size + k] = (T)result[k];
        __syncthreads();
    }
}

/* The transform of real lines x of n, of which `half` frequencies, in pairs, say all; `inverse`: the lines of those frequencies,
   where those that are not conjugate to themselves count twice. */
template <class T>
GL_INLINE void gl_real_fourier(const T *x, T *out, long long batch, long long n, long long half, long long inverse) {
    const long long each = inverse ? n : half;
    GL_EACH_THREAD(e, batch * each) {
        const long long k = e % each;
        const T *line = x + e / each * (inverse ? 2 * half : n);
        double re = 0, im = 0;
        for (long long j = 0, turn = 0; j < (inverse ? half : n); j++) {
            const double angle = 6.283185307179586477 * (double)turn / (double)n;
            const double c = cos(angle), s = sin(angle);
            if (inverse) {
                const bool alone = j == 0 || 2 * j == n;
                re += alone ? c * line[2 * j] : 2 * (c * line[2 * j] - s * line[2 * j + 1]);
            } else {
                re += c * line[j];
                im -= s * line[j];
            }
            turn += k;
            if (turn >= n) turn -= n;
        }
        if (inverse) {
            out[e] = (T)re;
        } else {
            out[2 * e] = (T)re;
            out[2 * e + 1] = (T)im;
        }
    }
}

/* The Fourier transform along lines of n complex numbers in pairs, as the sums that define it: a thread for each of them. */
template <class T>
GL_INLINE void gl_fourier(const T *x, T *out, long long batch, long long n, long long inverse) {
    GL_EACH_THREAD(e, batch * n) {
        const T *line = x + e / n * n * 2;
        const long long k = e % n;
        double re = 0, im = 0;
        for (long long j = 0, turn = 0; j < n; j++) {
            const double angle = 6.283185307179586477 * (double)turn / (double)n;
            const double c = cos(angle), s = inverse ? sin(angle) : -sin(angle);
            re += c * line[2 * j] - s * line[2 * j + 1];
            im += s * line[2 * j] + c * line[2 * j + 1];
            turn += k;
            if (turn >= n) turn -= n;
        }
        out[2 * e] = (T)re;
        out[2 * e + 1] = (T)im;
    }
}
