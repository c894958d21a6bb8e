"""The CUDA backend, run by the emulator of tests/cuda_emulator; its kernels also compiled by NVRTC."""
