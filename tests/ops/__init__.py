"""Tests of the operations: generated from the registry, and against numpy and scipy as another truth."""
