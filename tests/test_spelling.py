"""Words are spelled as they are: in what is read, the documents, docstrings and comments."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
READ = ["README.md", "docs", "graphlib", "tutorials", "data", "findings"]


def misspelled(*paths):
    command = [sys.executable, "-m", "codespell_lib", "--toml", str(ROOT / "pyproject.toml"), *paths]
    finished = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8")
    assert finished.returncode in (0, 65), finished.stderr
    return finished.stdout


def test_there_are_no_common_misspellings():
    assert misspelled(*READ) == ""


def test_a_misspelling_is_found(tmp_path):
    (tmp_path / "page.md").write_text("What we recieve.\n", encoding="utf-8")
    assert "recieve ==> receive" in misspelled(str(tmp_path / "page.md"))
