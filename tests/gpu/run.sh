#!/usr/bin/env bash
# The day a GPU is lent: one run of at most eight minutes that holds every operation and the tutorials' steps against C
# on the real device, then times the steps, next to PyTorch where that is there, and writes one JSON file. With two GPUs
# or more, two ranks train by NCCL and through the host, to the same bits; with one it says that it needs two.
#
#   python -m tests.gpu.wheels DIR                     # before, where PyPI can be reached: what the machine needs
#   tests/gpu/run.sh --wheels DIR --out gpu.json       # there: Linux, NVIDIA's driver, Python; no network
#   tests/gpu/run.sh --device cuda-emulated --small --out gpu.json     # here, as CI runs it
#
# Other options: see `python -m tests.gpu --help`. PYTHON names the interpreter (python3).
set -euo pipefail
cd "$(dirname "$0")/../.."

python=${PYTHON:-python3}
rest=()
wheels=
while [ $# -gt 0 ]; do
  case $1 in
    --wheels) wheels=$2; shift 2 ;;
    *) rest+=("$1"); shift ;;
  esac
done
if [ -n "$wheels" ]; then
  environment=$(mktemp -d)
  trap 'rm -rf "$environment"' EXIT
  "$python" -m venv "$environment"
  "$environment/bin/pip" install --quiet --disable-pip-version-check --no-index --find-links "$wheels" \
    --requirement "$wheels/requirements.txt"
  python=$environment/bin/python
fi
PYTHONPATH=$PWD "$python" -m tests.gpu "${rest[@]}"
