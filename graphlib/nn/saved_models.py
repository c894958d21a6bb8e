"""Files of trained models: arrays by name, and the architecture as JSON; .npz, or .safetensors where that
package is installed. Nothing in either is executed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from graphlib.datasets.files import read

from . import storage
from .storage import UserError

#: the entry that holds the architecture
ARCHITECTURE = "architecture"
FORMAT = 1


def write(path: Path, arrays: Mapping[str, np.ndarray], architecture: str) -> None:
    """Writes a model, atomically, in the format that the name's ending says."""
    # In C order: safetensors 0.8.0 writes the memory of a transposed array as if it were not transposed.
    arrays = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    if _is_safetensors(path):
        content = _safetensors().save(arrays, metadata={ARCHITECTURE: architecture})
        storage.write_atomically(path, lambda file: file.write(content))
    else:
        storage.save_arrays(path, {**about(architecture), **arrays})


def about(architecture: str) -> dict[str, np.ndarray]:
    """The entry of an .npz file that makes a model of its arrays."""
    return {ARCHITECTURE: np.array(architecture)}


def read_model(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any] | None]:
    """(arrays by name, the architecture, None where the file has none) of a saved model.

    Raises:
        UserError: the file is missing, damaged, or holds Python objects.
    """
    if _is_safetensors(path):
        arrays, text = _read_safetensors(path)
    else:
        arrays = storage.load_arrays(path)
        entry = arrays.pop(ARCHITECTURE, None)
        text = None if entry is None else str(entry)
    if text is None:
        return arrays, None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise UserError(
            f"{path} is no model of this version: its entry {ARCHITECTURE} is no JSON of format {FORMAT}"
        )
    return arrays, found


def _is_safetensors(path: Path) -> bool:
    if path.suffix in (".npz", ".safetensors"):
        return path.suffix == ".safetensors"
    raise UserError(f"{path}: a model's file is called .npz or .safetensors")


def _safetensors() -> Any:
    try:
        import safetensors.numpy
    except ImportError:
        raise UserError(
            "a .safetensors file needs the package safetensors: pip install safetensors, or use .npz"
        ) from None
    return safetensors.numpy


def _read_safetensors(path: Path) -> tuple[dict[str, np.ndarray], str | None]:
    if not path.exists():
        raise UserError(f"{path} does not exist")
    library = _safetensors()
    try:
        content = read(path)
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        arrays = library.load(content)
        return arrays, header.get("__metadata__", {}).get(ARCHITECTURE)
    # A damaged file can lead the library to exceptions of its own.
    except Exception as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{path} is damaged, or is no .safetensors file ({reason})") from None
