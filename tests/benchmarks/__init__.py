"""How fast graphlib is, as ratios, and how much memory it needs: `python -m tests.benchmarks --help`.

A training step is measured next to the bare matrix products it cannot do without (same shapes, same BLAS)
and next to other libraries where they are installed, all in one run and in turn, so that a change of the
machine's speed touches every contestant alike. Absolute times are printed as information; only ratios say
something. With --memory, the memory of the steps is measured instead: see `memory`.
"""
