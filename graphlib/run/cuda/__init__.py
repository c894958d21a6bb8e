"""The CUDA backend: the schedule's steps as kernels of one module, launched through PyCUDA."""
