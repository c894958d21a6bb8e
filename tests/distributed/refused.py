"""Ranks that do not fit together, in one of several ways: ``mpirun -n 2 python refused.py WHAT``."""

from __future__ import annotations

import os
import sys

import graphlib
import graphlib.tensor as T
from graphlib.distributed import average, ranks

WHAT = sys.argv[1]
# before MPI is asked, which starts when ranks first look at each other
OTHER = os.environ.get("PMI_RANK", os.environ.get("OMPI_COMM_WORLD_RANK")) == "1"
if WHAT == "version" and OTHER:
    graphlib.__version__ = "0.0.9"
ranks()
if WHAT == "fault" and OTHER:
    raise ValueError("this rank has a fault of its own")
x, k = T.vector("x"), T.lscalar("k")
mean = average(x) * (2 if OTHER and WHAT == "function" else 3)
own = graphlib.function([x, k], [mean, average(x[k])], name="own")
own([1.0], 7 if OTHER and WHAT == "index" else 0)
print("they went on")
