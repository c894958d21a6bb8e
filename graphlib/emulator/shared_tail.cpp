// Linked last into every module: bytes behind all __shared__ variables that no kernel owns, so that a write
// past the end of the last variable is seen.
__attribute__((section("cuda_emulator_shared"), used)) static char cuda_emulator_shared_tail[4096];
