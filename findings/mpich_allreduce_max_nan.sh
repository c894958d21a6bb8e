#!/usr/bin/env bash
# MPICH 5.0.2: with a NaN among the numbers, an Allreduce by MAX or MIN gives the ranks different results.
#
# The MPI standard says of Allreduce that all processes receive identical results. Each of two ranks here compares its own
# number with the other's, the comparison with NaN is false, and so the rank that has the NaN ends with the other's number
# and the other rank ends with the NaN. A question such as "is the largest loss finite?", asked by an Allreduce so that
# all ranks answer alike, is answered yes by one and no by the other. The sum is NaN on both. Numbers that compare equal
# do it, too: of 0 and -0 the ranks have one each.
#
# Seen: rank 0 has NaN and rank 1 has 1: MAX 1 and nan, MIN 1 and nan, SUM nan and nan; MAX of 0 and -0: -0.0 and 0.0
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet mpi4py==4.1.2 mpich==5.0.2 numpy==2.4.6
cat >"$folder/ranks.py" <<'PYTHON'
import numpy as np
from mpi4py import MPI

world = MPI.COMM_WORLD


def reduced(numbers, operation):
    mine, result = np.array(numbers[world.rank : world.rank + 1]), np.empty(1)
    world.Allreduce(mine, result, op=operation)
    return [float(value) for value in world.allgather(result[0])]


values = [
    reduced([np.nan, 1.0], MPI.MAX),
    reduced([np.nan, 1.0], MPI.MIN),
    reduced([np.nan, 1.0], MPI.SUM),
    reduced([0.0, -0.0], MPI.MAX),
]
if world.rank == 0:
    print(MPI.Get_library_version().split("\n")[0], "MAX, MIN, SUM with NaN, MAX of zeros:", *values)
    largest, least, total, zero = values
    assert str(largest) == str(least) == "[1.0, nan]", "the ranks agree now"
    assert str(total) == "[nan, nan]"
    assert str(zero) == "[-0.0, 0.0]", "the ranks agree on zero now"
PYTHON
"$folder/env/bin/mpiexec" -n 2 "$folder/env/bin/python" "$folder/ranks.py"
