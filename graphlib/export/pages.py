"""A trained model as a page: one HTML file with all in it, which needs no server and no network.

What the page shows is told by what the model is: digits that one draws and what a classifier says of them, a
logistic regression that learns, or the samples of a Boltzmann machine.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..datasets.mnist import Dataset, load
from ..errors import ExportError
from .portable import library_of
from .trained import Trained
from .webassembly import binary, module

_WEB = Path(__file__).parent / "web"
#: what a page of training learns from and is tested by, what it learns from at once, and chains of samples
_TRAIN, _TEST, _BATCH, _CHAINS = 2000, 500, 100, 20
#: the page of each kind of model, and the functions that it needs
_PAGES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "lenet": ("digit", ("look",)),
    "mlp": ("digit", ("look",)),
    "stacked": ("digit", ("look",)),
    "logistic_sgd": ("training", ("train", "predict")),
    "rbm": ("samples", ("sample",)),
}


def page(
    trained: Trained, path: str | Path, data: str | None = None, compiler: Sequence[str] | None = None
) -> str:
    """Write the page of a model that :func:`graphlib.export.trained.of_folder` has found; its kind.

    data: the images for pages that show or learn some, as ``graphlib.datasets.mnist.load`` takes them.

    Errors: ExportError for a model that has no page; CompileError where zig is not there.
    """
    if trained.kind not in _PAGES:
        known = ", ".join(_PAGES)
        raise ExportError(
            f"there is no page for a model of {trained.kind}, only for the tutorials' models {known}; --c, "
            f"--wasm and --onnx write it for a page or a program of your own"
        )
    kind, needed = _PAGES[trained.kind]
    missing = [key for key in needed if key not in trained.functions]
    if missing:
        raise ExportError(f"the page of {trained.kind} needs its function {missing[0]!r}")
    about: dict[str, Any] = {
        "image_shape": trained.image_shape,
        "classes": trained.dictionaries.get("classes", [str(k) for k in range(10)]),
    }
    bounds = dict(trained.bounds)
    if kind == "digit":
        bounds["x"] = (1, bounds["x"][1])
        about["first"] = next(n for n in ("hidden_W", "layer_1_W", "convolution_1_W") if _has(trained, n))
    elif kind == "training":
        images = load(data)
        bounds["x"] = (_BATCH, bounds["x"][1])
        about |= {
            "batch": _BATCH,
            "train": _packed(images, "train", _TRAIN),
            "test": _packed(images, "test", _TEST),
        }
    else:
        images = load(data)
        bounds["v"] = (_CHAINS, bounds["v"][1])
        about |= {"chains": _CHAINS, "start": _bytes(images.test.x[:_CHAINS])}
    functions = {key: trained.functions[key] for key in needed}
    used = {item.name for f in functions.values() for item in f._items}
    bounds = {key: value for key, value in bounds.items() if key in used}
    lib = library_of(functions, "model", bounds, None, "all", "static")
    parts = {
        "TITLE": {"digit": "Draw a digit", "training": "Learning to read digits", "samples": "Samples"}[kind],
        "BODY": (_WEB / f"{kind}.html").read_text(encoding="utf-8"),
        "MODULE": module(lib)
        .replace("export async function", "async function")
        .replace("import.meta.url", "location"),
        "WASM": base64.b64encode(binary(lib, compiler)).decode(),
        # no symbol of the run's ends the script
        "ABOUT": json.dumps(about).replace("<", "\\u003c"),
        "SCRIPT": (_WEB / f"{kind}.js").read_text(encoding="utf-8"),
    }
    Path(path).write_text(_filled((_WEB / "page.html").read_text(encoding="utf-8"), parts), encoding="utf-8")
    return kind


def _filled(text: str, parts: Mapping[str, str]) -> str:
    """A text with parts in place of its marks; letters in these parts, as base64 has some, are none."""
    return re.sub("|".join(parts), lambda mark: parts[mark[0]].strip(), text)


def _has(trained: Trained, name: str) -> bool:
    return any(v.name == name for v in trained.parameters.values())


def _bytes(x: np.ndarray) -> str:
    """Values between 0 and 1 as bytes, in base64."""
    return base64.b64encode(np.rint(255 * np.clip(x, 0, 1)).astype("uint8").tobytes()).decode()


def _packed(images: Dataset, part: str, most: int) -> dict[str, str]:
    x, y = getattr(images, part)
    return {"x": _bytes(x[:most]), "y": base64.b64encode(np.asarray(y[:most], "uint8").tobytes()).decode()}
