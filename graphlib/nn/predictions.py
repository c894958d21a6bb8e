"""What the model in a run's folder says of new examples."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

import graphlib

from ..datasets import DataError
from ..datasets.npz import read_npz
from ..errors import GraphError
from . import storage
from .model import Model
from .registry import nearest
from .run_folder import BEST_MODEL, LATEST_MODEL
from .runs import ENVIRONMENT, write_text
from .sources import Scaling, finite, read_table
from .sources.dataset import as_float
from .sources.stored import shades
from .storage import UserError
from .stored.arrays import Npy
from .stored.images import Images, image_files
from .stored.tables import Arrow, Parquet


def predict(folder: Path, data: Path, out: Path | None = None) -> str:
    """Predictions for the examples in a file, by the model that a run has kept.

    Args:
        folder: of the run.
        data: an .npz file with an array x, or with an array for each of the model's inputs; an .npy file; a
            .csv, .parquet or .arrow table with the columns that the run learnt from; an image, or a folder of
            them, if it learnt from images.
        out: a file for them, .csv or .npz; None to return them.

    Returns:
        the predictions as a table in CSV, or a line on what was written.

    Raises:
        UserError: a file is missing, damaged, or does not fit the model.
    """
    about = _about(folder)
    with graphlib.config.change(floatX=about.get("floatX", graphlib.config.floatX)):
        path = next((folder / n for n in (BEST_MODEL, LATEST_MODEL) if (folder / n).exists()), None)
        if path is None:
            raise UserError(f"{folder} has no {BEST_MODEL} or {LATEST_MODEL}: it is no folder of a run")
        model = Model.load(path)
        try:
            x = _inputs(data, about["data"])
            if about["data"]["scaling"] is not None:
                x = Scaling(**{name: np.array(v) for name, v in about["data"]["scaling"].items()})(x)
            columns = _columns(model, x, about["data"]["classes"])
        except (DataError, GraphError) as error:
            raise UserError(f"{data}: {error}") from error
    if out is None:
        return _table(columns).rstrip("\n")
    if out.suffix == ".npz":
        storage.save_arrays(out, {name: _plain(column) for name, column in columns.items()})
    elif out.suffix == ".csv":
        write_text(out, _table(columns))
    else:
        raise UserError(f"--out {out}: a file for predictions is called .csv or .npz")
    return f"{out}: predictions for {len(next(iter(columns.values())))} examples"


def _about(folder: Path) -> dict[str, Any]:
    path = folder / ENVIRONMENT
    if folder.is_file():
        raise UserError(f"{folder} is a file: give the folder of a run")
    try:
        found = json.loads(path.read_text("utf-8"))
        [found["data"][name] for name in ("classes", "scaling", "features")]
    except FileNotFoundError:
        raise UserError(f"{path} does not exist, which says what the model learnt from") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is damaged ({type(error).__name__})") from None
    return found


def _inputs(path: Path, about: Mapping[str, Any]) -> Any:
    """The examples of a file: an array, or a mapping of several."""
    if not path.exists():
        raise UserError(f"there is no {path}")
    if path.suffix == ".npz":
        arrays = read_npz(path)
        if len(arrays) == 1 or "x" in arrays:
            return arrays.get("x", next(iter(arrays.values())))
        return arrays
    if path.suffix == ".npy":
        array = Npy(path)
        return array.mapped(as_float) if array.dtype.kind == "f" else array
    if path.suffix in (".parquet", ".arrow"):
        return (Parquet if path.suffix == ".parquet" else Arrow)(path, about["features"]).mapped(as_float)
    if about.get("images"):
        return Images(image_files(path) if path.is_dir() else [path], **about["images"]).mapped(shades)
    columns = read_table(path)
    wanted = about["features"] or list(columns)
    missing = [name for name in wanted if name not in columns]
    if missing and set(columns) != {str(n) for n in range(len(columns))}:
        raise DataError(f"there is no column {missing[0]!r}{nearest(missing[0], list(columns))}")
    chosen = [columns[name] for name in (list(columns) if missing else wanted)]
    for name, column in zip(wanted, chosen, strict=False):
        if column.dtype.kind == "U":
            raise DataError(f"the column {name!r} holds text, such as {str(column[0])!r}")
    x = np.stack(chosen, axis=1)
    finite(x, "x", wanted)
    return x


def _columns(model: Model, x: Any, classes: Mapping[str, list[str]]) -> dict[str, Any]:
    """The columns of the predictions by name: what is predicted, and probabilities of classes."""
    said, outputs = model.predict(x), model.outputs(x)
    named = said if isinstance(said, Mapping) else {"": said}
    found: dict[str, Any] = {}
    for task in model.tasks:
        each = named[task.name]
        names = classes.get(task.name or "y")
        label = task.name or "prediction"
        raw = outputs[task.name] if isinstance(outputs, Mapping) else outputs
        if task.loss.of_classes and each.ndim == 1 and names:
            found[label] = np.array(names)[each]
        elif each.ndim == 1 or (each.ndim == 2 and each.shape[1] == 1):
            found[label] = each.reshape(len(each))
        else:
            found |= {f"{label}_{n}": column for n, column in enumerate(each.reshape(len(each), -1).T)}
        if task.loss.of_probabilities and task.loss.of_classes and raw.ndim == 2 and raw.shape[1] > 1:
            for n, column in enumerate(raw.T):
                found[f"{task.called('probability')}_{names[n] if names else n}"] = column
    return found


def _plain(column: np.ndarray) -> np.ndarray:
    return column.astype(np.str_) if column.dtype.kind == "U" else column


def _table(columns: Mapping[str, np.ndarray]) -> str:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(columns)
    for row in zip(*columns.values(), strict=True):
        table.writerow([f"{v:.6g}" if isinstance(v, float | np.floating) else v for v in row])
    return text.getvalue()
