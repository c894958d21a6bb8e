"""``python -m graphlib.compat.theano PROGRAM.py ARGUMENTS``."""

from . import main

if __name__ == "__main__":
    main()
