#!/usr/bin/env bash
# Pillow 13.0.0: rotate and transform of a 16-bit grey image with BILINEAR or BICUBIC give other numbers than any in it.
#
# Such images (mode I;16: depth maps, medical and scientific PNG and TIFF files) are resized rightly with every filter, and
# rotated and transformed rightly with NEAREST. With the other two filters the bytes of a pixel are taken for pixels:
# between 200 and 300 there is then 100, with no error, so that augmented data are noise. The same image converted to
# mode F is right. The documentation calls support of the mode limited.
#
# Seen: the row 200 300 ... 700, half a pixel on: mode F 250 350 450 550 650, mode I;16 100 22 22 72 72
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet pillow==13.0.0 numpy==2.4.6
"$folder/env/bin/python" - <<'PYTHON'
import numpy as np
from PIL import Image
from PIL.Image import Resampling, Transform

numbers = np.tile(np.arange(200, 800, 100, dtype="uint16"), (6, 1))
grey, real = Image.fromarray(numbers), Image.fromarray(numbers.astype("float32"))
assert (grey.mode, real.mode) == ("I;16", "F")


def error(change):
    return np.abs(np.asarray(change(grey)).astype("float64") - np.asarray(change(real))).max()


half = lambda image: image.transform((6, 6), Transform.AFFINE, (1, 0, 0.5, 0, 1, 0), Resampling.BILINEAR)  # noqa: E731
rows = [np.asarray(half(image))[2, :5].tolist() for image in (real, grey)]
print(f"half a pixel on: mode F {rows[0]}, mode I;16 {rows[1]}")
assert rows[0] == [250, 350, 450, 550, 650]
for name in ("NEAREST", "BILINEAR", "BICUBIC"):
    method = Resampling[name]
    rotated, resized = error(lambda image: image.rotate(30, method)), error(lambda image: image.resize((4, 4), method))
    print(f"{name}: largest difference from mode F rotated {rotated:.0f}, resized {resized:.1f}")
    assert resized < 1
    assert rotated == 0 if name == "NEAREST" else rotated > 100, "16-bit images are rotated otherwise now"
PYTHON
