"""Tests of the operations: generated from the registry, and against numpy and scipy as an independent truth."""
