"""Steps as kernels of a device.

``kernel.py`` is what planning any kernel takes; the other files are functions over it, one for each kind of
step: ``nests.py`` for fused loop nests (with ``tiles.py`` for what is read across, ``float4.py`` for
neighbours that are loaded at once and ``reductions.py`` for sums), ``pushes.py`` for scatters and copies,
``products.py`` for matrix products, ``library.py`` for sorting and what else goes along an axis,
``convolution.py`` for convolution and pooling.  ``epilogue.py`` finds what is computed in a product's kernel,
and ``planning.py`` puts it all together.
"""
