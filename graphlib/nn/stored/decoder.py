"""A process that decodes images: `images.Images` starts this file by itself, and it imports no graphlib.

It reads lines of JSON, ``{"path": …, "size": [rows, columns], "mode": "L" or "RGB", "fit": …}``, and answers
each with a line of JSON, ``{}`` and then the bytes (rows, columns[, 3]), or ``{"error": …}``.
"""

import json
import sys
from typing import Any, BinaryIO

from PIL import Image, ImageOps


def decoded(wanted: dict[str, Any]) -> bytes:
    """The pixels of an image file, as a request wants them."""
    rows, columns = wanted["size"]
    with Image.open(wanted["path"]) as image:
        image.draft(wanted["mode"], (columns, rows))  # of a JPEG, no more is decoded than is needed
        image = ImageOps.exif_transpose(image)
        if image.mode.startswith("I"):  # of 16 bits: Pillow would take all above 255 for white
            image = image.convert("I").point(lambda value: value * (1 / 257) + 0.5)
        image = image.convert(wanted["mode"])
        if image.size != (columns, rows):
            method = Image.Resampling.BILINEAR
            if wanted["fit"] == "crop":
                image = ImageOps.fit(image, (columns, rows), method)
            elif wanted["fit"] == "pad":
                image = ImageOps.pad(image, (columns, rows), method)
            else:
                image = image.resize((columns, rows), method)
        return image.tobytes()


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answers requests until there are no more."""
    for line in requests:
        try:
            pixels = decoded(json.loads(line))
            answers.write(b"{}\n" + pixels)
        except Exception as error:  # Pillow's plugins raise many kinds for damaged files
            answers.write(json.dumps({"error": f"{error}" or type(error).__name__}).encode() + b"\n")
        answers.flush()


if __name__ == "__main__":
    serve(sys.stdin.buffer, sys.stdout.buffer)
