"""Tests of graphs: depth, copying, pickling, origins."""
