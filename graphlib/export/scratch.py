"""How much memory functions of the library take for themselves while they run, beside what a plan gives them.

As portable C they take it from the arena, whose size must be known before: here is, for each of them, the
most that it takes for lengths up to some, as the headers in ``run/c/include`` compute it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from math import gcd
from typing import NamedTuple

#: of ``graphlib_tiles.h`` and ``graphlib_sliding.h``
_PATCHES, _PLACES, _SLACK, _FEW_FILTERS, _FEW_TERMS, _PARTS = 16384, 256, 16, 2, 128, 8
#: the bytes of ``gl_convolution``, at most
_PART = 512
#: of ``graphlib_fourier.h``
_LINES, _LINES_BYTES = 16, 65536
#: what ``gl_take`` adds to a piece
_AROUND = 128


class _Convolution(NamedTuple):
    n: int
    c: int
    d: int
    h: int
    w: int
    f: int
    kd: int
    kh: int
    kw: int
    od: int
    oh: int
    ow: int
    pd: int
    ph: int
    pw: int
    sd: int
    sh: int
    sw: int
    dd: int
    dh: int
    dw: int
    flip: int
    groups: int

    @property
    def turned(self) -> _Convolution:
        """An image of one column is taken for one row, as ``gl_turn_column`` does."""
        if (self.w, self.kw, self.ow, self.pw) != (1, 1, 1, 0):
            return self
        rows = {"h": self.w, "kh": self.kw, "oh": self.ow, "ph": self.pw, "sh": self.sw, "dh": self.dw}
        columns = {"w": self.h, "kw": self.kh, "ow": self.oh, "pw": self.ph, "sw": self.sh, "dw": self.dh}
        return self._replace(**rows, **columns)

    @property
    def pixels(self) -> int:
        return self.kd * self.kh * self.kw

    @property
    def volume(self) -> int:
        """What all places together see of a channel."""
        deep = (self.od - 1) * self.sd + (self.kd - 1) * self.dd + 1
        tall = (self.oh - 1) * self.sh + (self.kh - 1) * self.dh + 1
        wide = (self.ow - 1) * self.sw + (self.kw - 1) * self.dw + self.sw
        return deep * tall * wide


def _buffers(s: _Convolution) -> int:
    """Elements of the buffers of a tile: the part of the images, patches and packed values.

    A tile has at most as many places as all the output, and its channels are so many that the patches fit
    their memory, or one.
    """
    each_c, each_f = s.c // s.groups, s.f // s.groups
    places = min(s.od * s.oh * s.ow, max(_PLACES + s.oh * s.ow, _PATCHES // max(1, s.pixels * each_c) + s.ow))
    patches = min(max(_PATCHES, s.pixels * places), each_c * s.pixels * places)
    # a single row is cut
    columns = min(s.ow, 2 * _PLACES) if s.od * s.oh == 1 else s.ow
    # where filters slide, all channels are taken at once, else as many as fit
    channels, at_once = each_c, max(1, 2 * _PATCHES // max(1, s.pixels * min(places, columns)))
    if each_f > _FEW_FILTERS or each_c * s.pixels > _FEW_TERMS:
        channels = min(each_c, at_once)
    return channels * s.volume + patches + each_f * places + 3 * _SLACK


def _convolve(lengths: Sequence[int], item: int) -> int:
    return item * _buffers(_Convolution(*lengths).turned) + _AROUND


def _of_phase(phase: int, kernel: int, length: int, pad: int, step: int, dilation: int) -> tuple[int, ...]:
    """Of every step-th pixel of the images along an axis, as ``gl_interleaved_at`` has it: how many there
    are, how many pixels of the filters they meet, and how far these are apart."""
    taps = sum(pixel * dilation % step == phase for pixel in range(kernel))
    return (
        sum((pixel + pad) % step == phase for pixel in range(length)),
        taps,
        dilation // gcd(step, dilation),
    )


def _by_images(lengths: Sequence[int], item: int) -> int:
    """The filters once more, the parts that are computed, and the buffers of the largest."""
    s = _Convolution(*lengths)
    axes = (
        [_of_phase(p, s.kd, s.d, s.pd, s.sd, s.dd) for p in range(s.sd)],
        [_of_phase(p, s.kh, s.h, s.ph, s.sh, s.dh) for p in range(s.sh)],
        [_of_phase(p, s.kw, s.w, s.pw, s.sw, s.dw) for p in range(s.sw)],
    )
    largest = 0
    for (d, kd, dd), (h, kh, dh), (w, kw, dw) in product(*axes):
        if d * h * w * kd * kh * kw:
            around = (0, 0, 0, 1, 1, 1, dd, dh, dw, 0, s.groups)
            part = _Convolution(s.n, s.f, s.od, s.oh, s.ow, s.c, kd, kh, kw, d, h, w, *around)
            largest = max(largest, _buffers(part), _buffers(part.turned))
    turned = s.f * (s.c // s.groups) * s.pixels
    return max(item * (turned + largest) + s.sd * s.sh * s.sw * _PART + 3 * _AROUND, _convolve(lengths, item))


def _by_filters(lengths: Sequence[int], item: int) -> int:
    s = _Convolution(*lengths).turned
    parts = _PARTS * s.f * (s.c // s.groups) * s.pixels
    return item * (parts + _buffers(s)) + 2 * _AROUND


def _fourier(lengths: Sequence[int], item: int) -> int:
    batch, n = lengths[0], max(1, lengths[1])
    by_chirps = 6 * 16 * 2 ** (2 * n - 2).bit_length()
    together = min(n * min(batch, _LINES), max(n, _LINES_BYTES // item))
    by_factors = item * (2 * n + 4 * together)
    return max(by_chirps, by_factors) + _AROUND


def _real_fourier(lengths: Sequence[int], item: int) -> int:
    batch, n = lengths[0], max(1, lengths[1])
    return 4 * item * batch * n + _AROUND + _fourier(lengths, item)


#: by the name of the function, without its dtype: of the integers that it is given, and the bytes of an
#: element, the bytes that it takes
TAKEN: dict[str, Callable[[Sequence[int], int], int]] = {
    "gl_sort": lambda lengths, item: 16 * (2 * lengths[1] + 1) + _AROUND,
    "gl_argsort": lambda lengths, item: 16 * (2 * lengths[1] + 1) + _AROUND,
    "gl_pool_max": lambda lengths, item: item * (lengths[3] + lengths[6] + 1) + _AROUND,
    "gl_pool_pick": lambda lengths, item: item * (lengths[3] + lengths[6] + 1) + _AROUND,
    "gl_pool_scatter": lambda lengths, item: item * (lengths[3] + lengths[6] + 1) + _AROUND,
    "gl_convolve": _convolve,
    "gl_convolve_by_images": _by_images,
    "gl_convolve_by_filters": _by_filters,
    "gl_fourier": _fourier,
    "gl_real_fourier": _real_fourier,
}


#: what the compiler is told beside, of a function that is made for what is known of its lengths
_WAYS = ("_sliding", "_by_products", "_spread", "_in_pairs", "_windows")


def _plain(function: str) -> str:
    """The name of a function whatever it is made for."""
    return next((function.removesuffix(way) for way in _WAYS if function.endswith(way)), function)


def is_known(function: str) -> bool:
    """Whether the table says what it takes."""
    return _plain(function) in TAKEN


def taken(function: str, lengths: Sequence[int], item: int) -> int:
    """The bytes that a call of a function that the table knows takes at most."""
    return TAKEN[_plain(function)](lengths, item)
