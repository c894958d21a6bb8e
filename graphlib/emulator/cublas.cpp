// A stand-in for the few functions of cuBLAS that the project calls, with its names and ABI: general matrix
// products, one or a strided batch, in single and double precision. Matrices are column-major, as there.
#include <algorithm>
#include <vector>

#include "driver.h"

namespace {

enum Status { success = 0, not_initialized = 1, invalid_value = 7, execution_failed = 13 };  // cublasStatus_t
enum Transpose { no_transpose = 0, transpose = 1, conjugate_transpose = 2 };  // cublasOperation_t

struct Handle {
  CUstream stream = nullptr;
  int math_mode = 0;
  int scalars_on_device = 0;  // cublasPointerMode_t: where alpha and beta are
};

// op(A), m by k, in A[row * row_step + column * column_step].
struct Operand {
  long long row_step, column_step;
  Operand(int operation, long long leading)
      : row_step(operation == no_transpose ? 1 : leading),
        column_step(operation == no_transpose ? leading : 1) {}
};

template <class T>
void multiply(int ta, int tb, int m, int n, int k, T alpha, const T *a, int lda, const T *b, int ldb, T beta,
              T *c, int ldc) {
  Operand left(ta, lda), right(tb, ldb);
  std::vector<T> packed((size_t)m * k);  // op(A) by columns: the inner loop then runs over neighbours
  for (int l = 0; l < k; l++)
    for (int i = 0; i < m; i++) packed[(size_t)l * m + i] = a[i * left.row_step + l * left.column_step];
  for (int j = 0; j < n; j++) {
    T *column = c + (size_t)j * ldc;
    for (int i = 0; i < m; i++)
      column[i] = beta == 0 ? 0 : beta * column[i];  // beta 0 does not read C, NaN or not
    for (int l = 0; l < k; l++) {
      T factor = alpha * b[l * right.row_step + j * right.column_step];
      for (int i = 0; i < m; i++) column[i] += factor * packed[(size_t)l * m + i];
    }
  }
}

// Bytes from the first to the last element of a column-major matrix.
template <class T>
size_t extent(int rows, int columns, int leading) {
  return rows && columns ? ((size_t)(columns - 1) * leading + rows) * sizeof(T) : 0;
}

template <class T>
int gemm(void *handle, int ta, int tb, int m, int n, int k, const T *alpha, const T *a, int lda,
         long long stride_a, const T *b, int ldb, long long stride_b, const T *beta, T *c, int ldc,
         long long stride_c, int batch) {
  if (!handle) return not_initialized;
  int rows_a = ta == no_transpose ? m : k, columns_a = ta == no_transpose ? k : m;
  int rows_b = tb == no_transpose ? k : n, columns_b = tb == no_transpose ? n : k;
  if (m < 0 || n < 0 || k < 0 || batch < 0 || lda < std::max(1, rows_a) || ldb < std::max(1, rows_b) ||
      ldc < std::max(1, m)) {
    cuda_emulator::fail(CUDA_ERROR_INVALID_VALUE, "gemm: m %d, n %d, k %d, lda %d, ldb %d, ldc %d", m, n, k,
                        lda, ldb, ldc);
    return invalid_value;
  }
  if (m == 0 || n == 0) return success;
  bool on_device = ((Handle *)handle)->scalars_on_device;
  T host_alpha = on_device ? T() : *alpha, host_beta = on_device ? T() : *beta;
  auto operation = [=]() -> CUresult {
    if (on_device && (!cuda_emulator::is_device_range((CUdeviceptr)alpha, sizeof(T)) ||
                      !cuda_emulator::is_device_range((CUdeviceptr)beta, sizeof(T))))
      return cuda_emulator::fail(CUDA_ERROR_ILLEGAL_ADDRESS, "gemm: alpha or beta is not in device memory");
    T alpha_now = on_device ? *alpha : host_alpha, beta_now = on_device ? *beta : host_beta;
    for (int i = 0; i < batch; i++) {
      const T *a_i = a + i * stride_a, *b_i = b + i * stride_b;
      T *c_i = c + i * stride_c;
      bool reads_operands = alpha_now != 0 && k > 0;
      if ((reads_operands &&
           (!cuda_emulator::is_device_range((CUdeviceptr)a_i, extent<T>(rows_a, columns_a, lda)) ||
            !cuda_emulator::is_device_range((CUdeviceptr)b_i, extent<T>(rows_b, columns_b, ldb)))) ||
          !cuda_emulator::is_device_range((CUdeviceptr)c_i, extent<T>(m, n, ldc)))
        return cuda_emulator::fail(
            CUDA_ERROR_ILLEGAL_ADDRESS,
            "gemm: matrix %d of the batch reaches outside device memory (m %d, n %d, k %d, lda %d, ldb "
            "%d, ldc %d)",
            i, m, n, k, lda, ldb, ldc);
      multiply<T>(ta, tb, m, n, reads_operands ? k : 0, alpha_now, a_i, lda, b_i, ldb, beta_now, c_i,
                  ldc);
      for (int j = 0; j < n; j++)
        cuda_emulator::mark_initialised((CUdeviceptr)(c_i + (size_t)j * ldc), m * sizeof(T));
    }
    cuda_emulator::statistics.library_calls++;
    return CUDA_SUCCESS;
  };
  return cuda_emulator::submit(((Handle *)handle)->stream, operation) == CUDA_SUCCESS ? success
                                                                                      : execution_failed;
}

}  // namespace

#define CUBLAS CUDA_EMULATOR_EXPORT int

CUBLAS cublasCreate_v2(void **handle) {
  CUcontext context = nullptr;
  cuCtxGetCurrent(&context);
  if (!context) return not_initialized;
  *handle = new Handle();
  return success;
}
CUBLAS cublasDestroy_v2(void *handle) {
  delete (Handle *)handle;
  return success;
}
CUBLAS cublasGetVersion_v2(void *, int *version) {
  *version = 130000;
  return success;
}
CUBLAS cublasSetStream_v2(void *handle, CUstream stream) {
  ((Handle *)handle)->stream = stream;
  return success;
}
CUBLAS cublasGetStream_v2(void *handle, CUstream *stream) {
  *stream = ((Handle *)handle)->stream;
  return success;
}
CUBLAS cublasSetPointerMode_v2(void *handle, int mode) {
  ((Handle *)handle)->scalars_on_device = mode;
  return success;
}
CUBLAS cublasGetPointerMode_v2(void *handle, int *mode) {
  *mode = ((Handle *)handle)->scalars_on_device;
  return success;
}
CUBLAS cublasSetMathMode(void *handle, int mode) {
  ((Handle *)handle)->math_mode = mode;
  return success;
}
CUBLAS cublasGetMathMode(void *handle, int *mode) {
  *mode = ((Handle *)handle)->math_mode;
  return success;
}
CUBLAS cublasSetWorkspace_v2(void *, void *, size_t) { return success; }

#define GEMM(LETTER, T)                                                                                    \
  CUBLAS cublas##LETTER##gemm_v2(void *handle, int ta, int tb, int m, int n, int k, const T *alpha,        \
                                 const T *a, int lda, const T *b, int ldb, const T *beta, T *c, int ldc) { \
    return gemm<T>(handle, ta, tb, m, n, k, alpha, a, lda, 0, b, ldb, 0, beta, c, ldc, 0, 1);              \
  }                                                                                                        \
  CUBLAS cublas##LETTER##gemmStridedBatched(void *handle, int ta, int tb, int m, int n, int k,             \
                                            const T *alpha, const T *a, int lda, long long stride_a,       \
                                            const T *b, int ldb, long long stride_b, const T *beta, T *c,  \
                                            int ldc, long long stride_c, int batch) {                      \
    return gemm<T>(handle, ta, tb, m, n, k, alpha, a, lda, stride_a, b, ldb, stride_b, beta, c, ldc,       \
                   stride_c, batch);                                                                       \
  }
GEMM(S, float)
GEMM(D, double)
