"""What a run file can learn from: data sets of its own, arrays in files, and tables.

A source says where the data are and how they are divided; `load` reads them. Every source gives a `DataSet`:
the examples to learn from, those to choose a model by and those to judge it by.
"""

from .arrays import Inline, Npz
from .base import Divided, Source
from .dataset import DataSet, Examples, Scaling, finite, scaling, together
from .ours import Mnist, Reviews, Text
from .samples import BreastCancer, Diabetes, Digits, Iris, Wine
from .sentences import Sentences
from .stored import Arrow, ImageFolder, Npy, Parquet, Zarr
from .tables import Csv, read_table

__all__ = [
    "Arrow",
    "BreastCancer",
    "Csv",
    "DataSet",
    "Diabetes",
    "Digits",
    "Divided",
    "Examples",
    "ImageFolder",
    "Inline",
    "Iris",
    "Mnist",
    "Npy",
    "Npz",
    "Parquet",
    "Reviews",
    "Scaling",
    "Sentences",
    "Source",
    "Text",
    "Wine",
    "Zarr",
    "finite",
    "read_table",
    "scaling",
    "together",
]
