"""Images in folders, decoded by processes of their own."""

from __future__ import annotations

import contextlib
import json
import math
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

import numpy as np

from graphlib.datasets import DataError

from .base import Ranges, Stored
from .files import natural_order

ENDINGS = {".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}

#: images that a process is given at a time: enough to keep it busy, few enough for all to finish together
SHARE = 8


class Images(Stored):
    """Image files as an array (images, channels, rows, columns) of bytes; each is decoded when it is read.

    Args:
        paths: the files.
        size: rows and columns that all are brought to.
        channels: 1 for shades of grey, 3 for red, green and blue.
        fit: how others are brought to the size: stretched, cropped around the middle or padded with black.
        workers: processes that decode; None for as many as processors are free to us.

    Raises:
        DataError: there are no files; later, where one cannot be decoded, with its name.
    """

    scattered = True

    def __init__(
        self,
        paths: Sequence[str | Path],
        size: tuple[int, int],
        channels: Literal[1, 3] = 3,
        fit: Literal["stretch", "crop", "pad"] = "stretch",
        workers: int | None = None,
    ):
        if not len(paths):
            raise DataError("there are no images")
        self.paths, self.size, self.channels, self.fit = [str(p) for p in paths], tuple(size), channels, fit
        self.shape, self.dtype = (len(paths), channels, *self.size), np.dtype("uint8")
        self.name = str(Path(os.path.commonpath([os.path.dirname(p) or "." for p in self.paths])))
        if workers is None:
            workers = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        self.workers = max(1, workers or 1)
        self._decoders: list[_Decoder] = []
        self._lock = threading.Lock()

    @classmethod
    def of_folder(
        cls,
        folder: str | Path,
        size: tuple[int, int],
        classes: Sequence[str] | None = None,
        **options: object,
    ) -> tuple[Images, np.ndarray, list[str]]:
        """The images in the folders of a folder, one for each class.

        Args:
            classes: the folders, in the order of their numbers; None for all there are.
            **options: of `Images`.

        Returns:
            the images, the number of each one's class, int32 (images,), and the classes.
        """
        folder = Path(folder).expanduser()
        if not folder.is_dir():
            raise DataError(f"there is no folder {folder}")
        found = sorted((p.name for p in folder.iterdir() if p.is_dir()), key=natural_order)
        if not found:
            raise DataError(f"{folder} has no folders: each class of images has one of its own")
        classes = list(found if classes is None else classes)
        paths: list[Path] = []
        labels: list[int] = []
        for number, name in enumerate(classes):
            own = image_files(folder / name)
            paths += own
            labels += [number] * len(own)
        return cls(paths, size, **options), np.array(labels, "int32"), classes

    def place(self, row: int) -> str:
        return self.paths[row]

    def fill(self, out: np.ndarray, start: int) -> None:
        self.read([(start, start + len(out))], out)

    def read(self, ranges: Ranges, out: np.ndarray | None = None) -> np.ndarray:
        out = self._room(ranges, out)
        rows = [row for start, stop in ranges for row in range(start, stop)]
        shares = [range(first, min(first + SHARE, len(rows))) for first in range(0, len(rows), SHARE)]
        with self._lock:
            self._start(min(self.workers, len(shares)))
            waiting = iter(shares)
            taking = threading.Lock()

            def work(decoder: _Decoder) -> None:
                while True:
                    with taking:
                        share = next(waiting, None)
                    if share is None:
                        return
                    decoder.decode([self._request(rows[n]) for n in share], [out[n] for n in share])

            try:
                if len(shares) == 1:
                    work(self._decoders[0])
                elif shares:
                    used = self._decoders[: len(shares)]
                    with ThreadPoolExecutor(len(used)) as pool:
                        list(pool.map(work, used))
            except BaseException:
                self.close()  # answers that nobody waits for would be taken for others
                raise
        return out

    def _request(self, row: int) -> dict[str, object]:
        mode = "L" if self.channels == 1 else "RGB"
        return {"path": self.paths[row], "size": self.size, "mode": mode, "fit": self.fit}

    def _start(self, count: int) -> None:
        while len(self._decoders) < count:
            self._decoders.append(_Decoder())

    def close(self) -> None:
        """Ends the processes; they are started again where they are needed."""
        for each in self._decoders:
            each.close()
        self._decoders = []

    def __del__(self) -> None:
        if hasattr(self, "_decoders"):
            self.close()

    def __repr__(self) -> str:
        return f"Images({len(self)} in {self.name}, {self.shape[1:]})"


def image_files(folder: Path) -> list[Path]:
    """The image files in a folder and the folders in it, in the order of their names; DataError if none."""
    found = [p for p in folder.rglob("*") if p.suffix.lower() in ENDINGS and p.is_file()]
    if not found:
        raise DataError(f"{folder} has no images ({', '.join(sorted(ENDINGS))})")
    return sorted(found, key=lambda p: natural_order(str(p)))


class _Decoder:
    """A process that decodes."""

    def __init__(self) -> None:
        program = [sys.executable, "-I", str(Path(__file__).with_name("decoder.py"))]
        # In a group of its own: Ctrl+C is the parent's to meet.
        self._process = subprocess.Popen(
            program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )

    def decode(self, requests: Sequence[dict], outs: Sequence[np.ndarray]) -> None:
        """Decodes images, each into an array (channels, rows, columns)."""
        pipe = self._process
        try:
            pipe.stdin.write(b"".join(json.dumps(each).encode() + b"\n" for each in requests))
            pipe.stdin.flush()
            for request, out in zip(requests, outs, strict=True):
                answer = pipe.stdout.readline()
                if not answer:
                    raise BrokenPipeError
                error = json.loads(answer).get("error")
                if error is not None:
                    raise DataError(f"{request['path']} cannot be read as an image: {error}")
                content = pipe.stdout.read(math.prod(out.shape))
                if len(content) < math.prod(out.shape):
                    raise BrokenPipeError
                pixels = np.frombuffer(content, "uint8")
                out[...] = pixels.reshape(*out.shape[1:], out.shape[0]).transpose(2, 0, 1)
        except BrokenPipeError:
            code = pipe.wait(5)
            how = f" ({signal.strsignal(-code)})" if code is not None and code < 0 else ""
            raise DataError(
                f"a process that decodes images has ended{how}, at {requests[0]['path']} or one of the "
                f"{len(requests) - 1} after it: is there enough memory?"
            ) from None

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        with contextlib.suppress(BrokenPipeError):  # of requests that were not sent
            self._process.stdin.close()
        self._process.stdout.close()
