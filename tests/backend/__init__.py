"""Tests of the C backend: its cache and toolchain, what it schedules, the modes, and random graphs."""
