"""How much memory functions of the library take for themselves while they run, beside what a plan gives them.

As portable C they take it from the arena, whose size must be known before: here is, for each of them, the
most that it takes for lengths up to some, as the headers in ``run/c/include`` compute it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

#: of ``graphlib_convolution.h``
_PATCHES, _PLACES, _SLACK, _FEW_FILTERS, _FEW_TERMS, _PARTS = 16384, 256, 16, 2, 128, 8
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
    # where filters slide, all channels are taken at once, else as many as fit
    channels, at_once = each_c, max(1, _PATCHES // max(1, s.pixels * min(places, s.ow)))
    if each_f > _FEW_FILTERS or each_c * s.pixels > _FEW_TERMS:
        channels = min(each_c, at_once)
    return channels * s.volume + patches + each_f * places + 2 * _SLACK


def _convolve(lengths: Sequence[int], item: int) -> int:
    return item * _buffers(_Convolution(*lengths).turned) + _AROUND


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


#: by the name of the function, without its dtype: of the integers that it is given, and the bytes of an
#: element, the bytes that it takes
TAKEN: dict[str, Callable[[Sequence[int], int], int]] = {
    "gl_sort": lambda lengths, item: 16 * (2 * lengths[1] + 1) + _AROUND,
    "gl_argsort": lambda lengths, item: 16 * (2 * lengths[1] + 1) + _AROUND,
    "gl_pool_max": lambda lengths, item: item * (lengths[3] + lengths[6] + 1) + _AROUND,
    "gl_pool_pick": lambda lengths, item: item * (lengths[3] + lengths[6] + 1) + _AROUND,
    "gl_pool_scatter": lambda lengths, item: item * (lengths[3] + lengths[6] + 1) + _AROUND,
    "gl_convolve": _convolve,
    "gl_convolve_by_images": _convolve,
    "gl_convolve_by_filters": _by_filters,
    "gl_fourier": _fourier,
}


#: what the compiler is told beside, of a function that is made for what is known of its lengths
_WAYS = ("_sliding", "_by_products", "_in_pairs", "_windows")


def _plain(function: str) -> str:
    """The name of a function whatever it is made for."""
    return next((function.removesuffix(way) for way in _WAYS if function.endswith(way)), function)


def is_known(function: str) -> bool:
    """Whether the table says what it takes."""
    return _plain(function) in TAKEN


def taken(function: str, lengths: Sequence[int], item: int) -> int:
    """The bytes that a call takes at most; 0 of functions that take none."""
    return TAKEN[_plain(function)](lengths, item) if is_known(function) else 0


__all__ = ["TAKEN", "is_known", "taken"]
