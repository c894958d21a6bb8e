/* What a training step cannot do without: its matrix products in a loop, and a function that does nothing (the price of
   calling native code from Python at all). The product comes as a pointer, so that nothing needs to be linked. */

typedef void (*sgemm)(int order, int transpose_left, int transpose_right, int m, int n, int k, float alpha,
                      const float *left, int left_stride, const float *right, int right_stride, float beta, float *out,
                      int out_stride);

struct product {
    int transpose_left, transpose_right, m, n, k, left_stride, right_stride, out_stride;
    float alpha, beta;
    const float *left, *right;
    float *out;
    long left_step, right_step; /* floats from one minibatch to the next; 0: the same matrix at every step */
};

enum { ROW_MAJOR = 101 };

void multiply(sgemm gemm, const struct product *products, int count, long first, long steps, long minibatches)
{
    for (long step = first; step < first + steps; step++) {
        const long minibatch = step % minibatches;
        for (const struct product *p = products; p < products + count; p++)
            gemm(ROW_MAJOR, p->transpose_left, p->transpose_right, p->m, p->n, p->k, p->alpha,
                 p->left + minibatch * p->left_step, p->left_stride, p->right + minibatch * p->right_step,
                 p->right_stride, p->beta, p->out, p->out_stride);
    }
}

void nothing(void *argument)
{
    (void)argument;
}
