"""``T.nnet.neighbours``: neighbourhoods of pixels, and patches of any tensor."""

from ...ops.neighbours import images2neibs, neibs2images
from ...ops.patches import patches

__all__ = ["images2neibs", "neibs2images", "patches"]
