"""Loops: ``scan`` and its relatives, their gradients, and ``ifelse``."""
