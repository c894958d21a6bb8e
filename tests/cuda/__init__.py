"""The CUDA backend, run by the emulator of graphlib/emulator; its kernels also compiled by NVRTC."""
