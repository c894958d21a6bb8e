"""Random programs, run by graphlib in every mode and by PyTorch and NumPy, and held against each other.

``python -m tests.fuzz --graphs 5000 --seed 0 --against torch`` (see README.md).
"""
