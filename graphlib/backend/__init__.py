"""What runs programs: ``reference`` by numpy, node by node, and ``c``, one native function."""
