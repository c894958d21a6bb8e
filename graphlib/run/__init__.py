"""What carries programs out: ``reference`` by numpy, node by node, ``c`` as one native function, ``cuda`` as
kernels of a device; and the ``cache`` of what compilers made."""
