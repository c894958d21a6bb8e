"""The built site in a real browser, without network: ``python -m tests.site_in_browser [PAGE ...]``.

At the widths of a desk and of a telephone it names the pages (of output/site; all if none is named) that
have a formula which MathJax does not understand or that has to be scrolled, a picture that is not there,
something wider than the page, or that ask for something outside; then it searches for a word. ``--shots``
keeps pictures, light and dark.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from docs.site import SITE

from .export.browser import Browser

_READY = """(async () => {
 if (document.readyState !== 'complete' || location.href === 'about:blank') return false;
 if (!document.querySelector('script[src*=tex-svg]')) return true;
 if (!window.MathJax || !MathJax.startup || !MathJax.startup.promise) return false;
 await MathJax.startup.promise;
 return true;
})()"""
_FOUND = """(() => {
 const images = [...document.images];
 const plain = document.body.cloneNode(true);
 plain.querySelectorAll('pre, code, script, style, mjx-container').forEach(e => e.remove());
 const asked = performance.getEntriesByType('resource').map(e => e.name);
 return JSON.stringify({
  formulas: [...document.querySelectorAll('[data-mml-node=merror]')].map(e => e.outerHTML.slice(0, 200)),
  unset: plain.textContent.match(/.{0,30}(\\\\[a-z]{2,}|\\$\\$|\\*\\*[^*\\n]+\\*\\*).{0,30}/g) || [],
  pictures: images.filter(e => !e.complete || !e.naturalWidth).map(e => e.src),
  wordless: images.filter(e => !e.alt).map(e => e.src),
  width: document.documentElement.scrollWidth - innerWidth,
  scrolls: [...document.querySelectorAll('mjx-container[display=true]')]
   .filter(e => e.clientWidth && e.scrollWidth > e.clientWidth)
   .map(e => `by ${e.scrollWidth - e.clientWidth} of ${e.clientWidth} px: ${e.textContent}`),
  outside: asked.filter(n => !n.startsWith('file:') && !n.startsWith('data:')),
 });
})()"""


def look(page: Browser, path: Path) -> list[str]:
    """What is wrong with a page, in words."""
    page.messages.clear()
    page.open(path)
    # pictures further down are loaded when they are come to
    page.value("[...document.images].forEach(e => { e.loading = 'eager'; })")
    page.wait("[...document.images].every(e => e.complete)", 20)
    found = json.loads(page.value(_FOUND))
    wrong = [f"formula: {each}" for each in found["formulas"]]
    wrong += [f"not set: {each}" for each in found["unset"]]
    wrong += [f"a formula scrolls {each}" for each in found["scrolls"]]
    wrong += [f"picture not there: {each}" for each in found["pictures"]]
    wrong += [f"picture without words: {each}" for each in found["wordless"]]
    wrong += [f"asks for {each}" for each in found["outside"]]
    if found["width"] > 0:
        wrong.append(f"{found['width']} pixels too wide")
    return wrong + [f"message: {each}" for each in page.messages]


def search(page: Browser, word: str) -> int:
    """How many pages the site's own search finds."""
    page.open(SITE / "search.html", f"?q={word}")
    page.wait("document.querySelectorAll('#search-results li').length > 0", 30)
    return page.value("document.querySelectorAll('#search-results li').length")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.site_in_browser", description=__doc__)
    parser.add_argument("pages", nargs="*", metavar="PAGE")
    parser.add_argument("--shots", type=Path, metavar="FOLDER")
    options = parser.parse_args()
    pages = [SITE / name for name in options.pages] or sorted(SITE.rglob("*.html"))
    count = 0
    for width in (1280, 390):
        with Browser(SITE / "index.html", width, 900, _READY) as page:
            for path in pages:
                name = str(path.relative_to(SITE))
                for wrong in look(page, path):
                    print(f"{name} at {width}: {wrong}", flush=True)
                    count += 1
                if options.shots:
                    options.shots.mkdir(parents=True, exist_ok=True)
                    height = min(page.value("document.documentElement.scrollHeight"), 12000)
                    page.resize(width, height)
                    for scheme in ("light", "dark"):
                        page.value(f"document.body.dataset.theme = {scheme!r}")
                        shot = f"{name.replace('/', '-').removesuffix('.html')}-{width}-{scheme}.png"
                        page.picture(options.shots / shot)
                    page.resize(width, 900)
            print(f"{len(pages)} pages at {width}; a search for softmax finds {search(page, 'softmax')}")
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
