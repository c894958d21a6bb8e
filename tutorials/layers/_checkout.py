"""Lets these programs run from a checkout, installed or not: what the tutorials' module of this name does."""

import runpy
from pathlib import Path

runpy.run_path(str(Path(__file__).resolve().parents[1] / "_checkout.py"))
