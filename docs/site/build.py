"""Builds the site: figures, reference, notebooks, pages."""

from __future__ import annotations

import http.server
import shutil
import subprocess
import sys
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from . import ROOT, SITE, SOURCE, Progress
from .notebooks import write_all
from .reference import write as write_reference
from .staging import pages, stage

#: what Sphinx reads pages with, and what it makes a site of them with
_READERS = ("sphinx", "myst_parser", "sphinx_copybutton")
_WRITERS = ("furo", "mathjax")


def build(progress: Progress) -> bool:
    """The site in output/site; False where a link or a page's form is wrong, which is printed."""
    _need(*_READERS, *_WRITERS)
    stage()
    progress(f"{len(pages())} pages put together")
    _draw_figures(progress)
    progress(f"{write_reference(SOURCE)} operations in the reference")
    write_all(progress, SOURCE / "extra" / "notebooks", SITE / "notebooks")
    shutil.make_archive(str(SOURCE / "extra" / "notebooks"), "zip", SOURCE / "extra", "notebooks")
    shutil.copytree(Path(__file__).parent / "static", SOURCE / "static", dirs_exist_ok=True)
    _copy_mathjax(SOURCE / "static" / "mathjax")
    shutil.rmtree(SITE, ignore_errors=True)
    paths = ["-D", f"html_static_path={SOURCE / 'static'}", "-D", f"html_extra_path={SOURCE / 'extra'}"]
    if _sphinx("html", SITE, *paths):
        return False
    count = len(list(SITE.rglob("*.html")))
    progress(f"{count} pages of the site: {SITE / 'index.html'}")
    return True


def check(progress: Progress) -> bool:
    """Reads all pages as for the site, with their links and the reference, and writes none; False where
    something is wrong, which is printed.
    """
    _need(*_READERS)
    stage()
    progress(f"{len(pages())} pages put together")
    progress(f"{write_reference(SOURCE)} operations in the reference")
    # nothing is written, so any folder will do, and no theme is needed
    if _sphinx("dummy", SOURCE / "extra", "-D", "html_theme=basic"):
        return False
    progress("pages and links are right")
    return True


def _need(*modules: str) -> None:
    if missing := [name for name in modules if find_spec(name) is None]:
        raise SystemExit(f"the site needs {', '.join(missing)}: pip install -e '.[docs]'")


def _draw_figures(progress: Progress) -> None:
    """The figures of all scripts, from the runs, in place of those that docs/images keeps."""
    from ..figures._drawing import IMAGES, draw, scripts

    for script in scripts():
        drawn = draw(script, SOURCE / "images")
        kept = [IMAGES / path.name for path in drawn]
        pairs = zip(drawn, kept, strict=True)
        other = [a.name for a, b in pairs if not b.exists() or a.read_bytes() != b.read_bytes()]
        said = f", others than in docs/images: {', '.join(other)}" if other else ""
        progress(f"{len(drawn)} figures of docs/figures/{script}.py{said}")


def _copy_mathjax(folder: Path) -> None:
    import mathjax

    folder.mkdir(parents=True, exist_ok=True)
    source = Path(mathjax.__file__).parent / "static" / "mathjax" / "es5" / "tex-svg.js"
    shutil.copy(source, folder / source.name)


def _sphinx(builder: str, into: Path, *options: str) -> int:
    """Sphinx's exit status; what it warns of makes it one.

    It has a process of its own, as it writes the signatures that it shows into the functions themselves.
    """
    doctrees = SOURCE.with_name("site-doctrees")
    command = [sys.executable, "-m", "sphinx", "-b", builder, "-c", str(Path(__file__).parent)]
    command += ["-d", str(doctrees), "-q", "-W", "--keep-going", *options, str(SOURCE), str(into)]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


def serve(port: int) -> None:
    """Show the site to a browser on this machine, until it is interrupted."""
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(SITE))
    with http.server.ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
        print(f"http://127.0.0.1:{port}/ (Ctrl-C ends it)", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()
