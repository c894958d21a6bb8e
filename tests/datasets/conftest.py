"""A server of the machine itself, to download from."""

import http.server
import threading

import pytest


@pytest.fixture
def server(tmp_path):
    """A server of the files in a folder, and its address."""
    folder = tmp_path / "server"
    folder.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=folder)

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as each:
        threading.Thread(target=each.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{each.server_port}"
        each.shutdown()
