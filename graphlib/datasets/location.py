"""Where the files of the data sets are: in the folder data/ of a checkout."""

from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2] / "data"
