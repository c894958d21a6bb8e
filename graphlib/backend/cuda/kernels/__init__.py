"""The schedule's steps as CUDA kernels.

``kernel.py`` is what a kernel is, ``writer.py`` what writing any of them takes; the other files are functions
over a writer, one for each kind of step: ``nests.py`` for fused loop nests (with ``tiles.py`` for what is
read across, ``fours.py`` for neighbours that are loaded at once and ``reductions.py`` for sums),
``pushes.py`` for scatters and copies, ``products.py`` for matrix products, ``library.py`` for sorting and
what else goes along an axis, ``convolution.py`` for convolution and pooling.
"""
