"""A headless Chromium that is told what to do through its debugging pipe, without any package."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any


class Browser:
    """A page in a browser without network: ``with Browser(path) as page: page.value("1 + 1")``."""

    def __init__(
        self,
        path: Path,
        width: int = 900,
        height: int = 1000,
        ready: str = "document.body.dataset.ready === '1'",
    ) -> None:
        self.ready, self.size = ready, (width, height)
        self.path = path
        self.number, self.session = 0, None
        self.messages: list[str] = []

    def __enter__(self) -> Browser:
        self.folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        read_here, write_there = os.pipe()
        read_there, write_here = os.pipe()
        options = [
            "--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe",
            "--disable-extensions",
            "--disable-dev-shm-usage", "--host-resolver-rules=MAP * ~NOTFOUND", "--no-first-run",
            f"--user-data-dir={self.folder.name}", "about:blank",
        ]  # fmt: skip
        program = shutil.which("chromium") or shutil.which("google-chrome") or "chromium"
        # the browser reads what it is told from 3 and answers on 4
        command = f'exec "$0" "$@" 3<&{read_there} 4>&{write_there}'
        self.process = subprocess.Popen(
            ["bash", "-c", command, program, *options],
            pass_fds=(read_there, write_there),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(read_there), os.close(write_there)
        self.answers, self.orders = os.fdopen(read_here, "rb"), os.fdopen(write_here, "wb")
        self.rest = b""
        target = self.order("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.order("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.order(f"{domain}.enable")
        self.resize(*self.size)
        self.order(
            "Network.emulateNetworkConditions",
            offline=True,
            latency=0,
            downloadThroughput=0,
            uploadThroughput=0,
        )
        self.open(self.path)
        return self

    def open(self, path: Path, beyond: str = "") -> None:
        """Show a page, with what is `beyond` its address, such as #part, and wait until it is ready."""
        self.order("Page.navigate", url=Path(path).resolve().as_uri() + beyond)
        self.wait(f"document.body && {self.ready}")

    def __exit__(self, *error: Any) -> None:
        self.process.kill()
        self.process.wait()
        self.answers.close(), self.orders.close()
        self.folder.cleanup()

    def resize(self, width: int, height: int) -> None:
        """Give the page a size in pixels; a narrow one is a telephone's."""
        self.order(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=width < 600,
        )  # fmt: skip

    def order(self, method: str, **parameters: Any) -> dict[str, Any]:
        """What the browser answers to an order."""
        self.number += 1
        message: dict[str, Any] = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        self.orders.write(json.dumps(message).encode() + b"\0")
        self.orders.flush()
        while True:
            while b"\0" not in self.rest:
                more = os.read(self.answers.fileno(), 1 << 16)
                if not more:
                    raise RuntimeError("the browser has gone")
                self.rest += more
            text, _, self.rest = self.rest.partition(b"\0")
            answer = json.loads(text)
            if answer.get("method") in ("Runtime.exceptionThrown", "Log.entryAdded"):
                self.messages.append(json.dumps(answer["params"])[:400])
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]

    def value(self, expression: str) -> Any:
        """The value of an expression of JavaScript."""
        found = self.order("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in found:
            raise RuntimeError(json.dumps(found["exceptionDetails"])[:400])
        return found["result"].get("value")

    def wait(self, condition: str, seconds: float = 120) -> None:
        """Until a condition holds."""
        until = time.monotonic() + seconds
        while not self.value(condition):
            if time.monotonic() > until:
                raise TimeoutError(f"{condition}; {self.messages}")
            time.sleep(0.2)

    def click(self, selector: str) -> None:
        self.value(f"document.querySelector({selector!r}).click()")

    def stroke(self, selector: str, points: list[tuple[float, float]]) -> None:
        """A stroke of the mouse over an element, through points in shares of its sides."""
        box = self.value(
            f"(() => {{ const r = document.querySelector({selector!r}).getBoundingClientRect();"
            " return [r.x, r.y, r.width, r.height]; })()"
        )
        x, y, width, height = box
        places = [(x + width * a, y + height * b) for a, b in points]

        def mouse(kind: str, at: tuple[float, float]) -> None:
            self.order(
                "Input.dispatchMouseEvent",
                type=kind,
                x=at[0],
                y=at[1],
                button="left",
                buttons=1,
                clickCount=1,
            )

        mouse("mousePressed", places[0])
        for place in places[1:]:
            mouse("mouseMoved", place)
        mouse("mouseReleased", places[-1])

    def picture(self, path: Path) -> None:
        """The page as a PNG."""
        data = self.order("Page.captureScreenshot", format="png", captureBeyondViewport=False)["data"]
        Path(path).write_bytes(base64.b64decode(data))


#: digits as strokes
DIGITS: dict[str, list[list[tuple[float, float]]]] = {
    "0": [[(0.5, 0.15), (0.3, 0.25), (0.25, 0.5), (0.32, 0.78), (0.5, 0.87), (0.68, 0.75), (0.74, 0.5),
           (0.68, 0.25), (0.5, 0.15)]],
    "1": [[(0.52, 0.12), (0.5, 0.5), (0.48, 0.88)]],
    "2": [[(0.3, 0.3), (0.38, 0.17), (0.56, 0.14), (0.68, 0.27), (0.62, 0.45), (0.3, 0.84), (0.72, 0.84)]],
    "3": [[(0.3, 0.18), (0.55, 0.13), (0.67, 0.27), (0.5, 0.46), (0.7, 0.62), (0.6, 0.82), (0.3, 0.84)]],
    "4": [[(0.36, 0.14), (0.3, 0.5), (0.7, 0.5)], [(0.66, 0.14), (0.62, 0.9)]],
    "7": [[(0.27, 0.18), (0.72, 0.18), (0.45, 0.88)]],
}  # fmt: skip
