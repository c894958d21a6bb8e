"""``python -m docs.figures [SCRIPT ...]``: draws the figures of all scripts, or of those named."""

import os
import sys

from ._drawing import draw, scripts

for script in sys.argv[1:] or scripts():
    for path in draw(script):
        print(f"{os.path.relpath(path)}  {path.stat().st_size / 1024:.0f} KB")
