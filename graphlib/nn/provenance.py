"""What a run learnt from: kept in its folder as data.json, so that its model can be used where the data are
not, and data that were changed since are noticed.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from . import storage
from .storage import UserError
from .stored.base import Stored

DATA = "data.json"


@dataclass(frozen=True)
class Provenance:
    """Where a run's data were from, and what their numbers stand for.

    Attributes:
        origin: in a few words, which data they are.
        fingerprint: of what was loaded, see `fingerprint`.
        dictionaries: by name the symbols of the indices 0, 1, 2 and so on, such as characters or words.
        image_shape: the rows and columns of the images that the run learnt from, if any.
    """

    origin: str
    fingerprint: str
    dictionaries: dict[str, list[str]] = field(default_factory=dict)
    image_shape: tuple[int, int] | None = None

    def write(self, folder: Path) -> None:
        """Writes data.json; UserError where it cannot be written."""
        content = json.dumps(asdict(self), ensure_ascii=False, indent=1) + "\n"
        storage.write_atomically(folder / DATA, lambda file: file.write(content.encode("utf-8")))

    def dictionary(self, name: str) -> dict[int, str]:
        """The symbols of a dictionary by their indices; UserError if the run has none of this name."""
        if name not in self.dictionaries:
            raise UserError(f"the run on {self.origin} has no {name}: it belongs to another program")
        return dict(enumerate(self.dictionaries[name]))

    def check(self, loaded: "Provenance", doing: str) -> None:
        """UserError if the data that were `loaded` are not those of the run; it says what cannot be done."""
        if loaded.fingerprint != self.fingerprint:
            raise UserError(
                f"the run learnt from {self.origin}, and what was loaded now, {loaded.origin}, is not the "
                f"same: {doing} needs the data as they were"
            )


def symbols(dictionary: Mapping[int, str]) -> list[str]:
    """The symbols of a dictionary from index 0 on, in the order of their indices."""
    return [dictionary[index] for index in range(len(dictionary))]


def fingerprint(*parts: np.ndarray | Sequence[np.ndarray] | Mapping[int, str]) -> str:
    """SHA-256, in hexadecimal, of arrays, sequences of arrays and dictionaries, their dtypes and shapes."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, Mapping):
            digest.update(json.dumps(symbols(part)).encode())
            continue
        for array in [part] if isinstance(part, np.ndarray | Stored) else part:
            digest.update(f"{array.dtype.str}{array.shape}".encode())
            # Of arrays that are read piece by piece rows here and there stand for all.
            rows = array.sample() if isinstance(array, Stored) else array
            digest.update(np.ascontiguousarray(rows).data)
    return digest.hexdigest()


def read(folder: Path) -> Provenance:
    """What the run in a folder learnt from; UserError if its data.json is missing or damaged."""
    found = find(folder)
    if found is None:
        raise UserError(
            f"{folder / DATA} does not exist, which says what the model's numbers stand for; the run is "
            "of an older version: --resume with its data writes the file"
        )
    return found


def find(folder: Path) -> Provenance | None:
    """As `read`, but None where there is no data.json, as in folders of older versions."""
    path = folder / DATA
    try:
        values: Any = json.loads(path.read_text("utf-8"))
        found = Provenance(**values)
        dictionaries = found.dictionaries.values()
        shape = found.image_shape
        if not (
            isinstance(found.origin, str)
            and isinstance(found.fingerprint, str)
            and all(isinstance(each, list) and all(isinstance(s, str) for s in each) for each in dictionaries)
            and (shape is None or (len(shape) == 2 and all(type(n) is int and n > 0 for n in shape)))
        ):
            raise ValueError
    except FileNotFoundError:
        return None
    except OSError as problem:
        raise UserError(f"cannot read {path}: {problem.strerror or problem}") from None
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise UserError(f"{path} is damaged, or is no file of these programs'") from None
    return found
