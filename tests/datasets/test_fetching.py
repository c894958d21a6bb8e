"""Finding the files of data sets, and fetching them from a server on request, verified by their checksums."""

import gzip
import hashlib
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tarfile
import threading
import types
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from graphlib.datasets import DataError, atis, location, mnist, music, reviews, text
from graphlib.datasets.__main__ import SETS, main
from graphlib.datasets.fetching import Source, fetch
from graphlib.datasets.mnist import TEST_FILES, TRAIN_FILES
from graphlib.datasets.reviews import sentences
from graphlib.datasets.text import moby_dick
from tests.tutorials.conftest import idx


@pytest.fixture
def nowhere(monkeypatch, tmp_path) -> Path:
    """As after ``pip install``: no checkout, and a home without data. The user's folder of data."""
    monkeypatch.setattr(location, "CHECKOUT", tmp_path / "site-packages" / "data")
    monkeypatch.delenv("GRAPHLIB_DATA", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "graphlib"


def left_in(folder: Path) -> list[str]:
    """The files in a folder and those below it; none where there is no such folder."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


# Finding


@pytest.mark.parametrize("name", ["mnist", "text", "reviews", "music"])
def test_without_the_files_the_error_says_how_to_get_them(nowhere, name):
    """Nothing is downloaded: there is no server here."""
    each = SETS[name]
    with pytest.raises(DataError) as refused:
        getattr(sys.modules["graphlib.datasets"], name).load()
    message = str(refused.value)
    assert each.file in message and f"`python -m graphlib.datasets fetch {name}`" in message
    assert str(nowhere / name) in message and "GRAPHLIB_DATA" in message


def test_files_in_the_folder_that_the_variable_names(nowhere, monkeypatch, tmp_path):
    mine = tmp_path / "mine"
    (mine / "text").mkdir(parents=True)
    (mine / "text" / "moby-dick.txt").write_text("a whale")  # not gzipped, and another text: it is the user's
    monkeypatch.setenv("GRAPHLIB_DATA", str(mine))
    loaded = text.load()
    assert text.decode(loaded.indices, loaded.characters) == "a whale"


def test_variable_that_names_no_folder(nowhere, monkeypatch, tmp_path):
    monkeypatch.setenv("GRAPHLIB_DATA", str(tmp_path / "misspelt"))
    with pytest.raises(DataError, match=r"GRAPHLIB_DATA is .*misspelt, which is no folder"):
        text.load()


def test_checkout_is_found_whatever_the_variable_lacks(monkeypatch, tmp_path):
    monkeypatch.setenv("GRAPHLIB_DATA", str(tmp_path))
    assert len(text.load().indices) == 1_191_295


# Fetching from the command line


def serve_digits(folder: Path, address: str, monkeypatch) -> None:
    """Four small IDX files on the server, with their checksums in place of MNIST's."""
    rng = np.random.default_rng(3)
    published = []
    for name in (*TRAIN_FILES, *TEST_FILES):
        n = 30 if name in TRAIN_FILES else 8
        values = np.arange(n) % 10 if "labels" in name else rng.integers(0, 256, (n, 28, 28))
        content = idx(values)
        (folder / f"{name}.gz").write_bytes(content)
        checksum = hashlib.sha256(content).hexdigest()
        published.append(Source(f"https://example.invalid/{name}.gz", "sha256", checksum))
    monkeypatch.setattr(mnist, "SOURCES", published)


def test_fetched_set_is_loaded(nowhere, server, monkeypatch, capsys):
    folder, address = server
    serve_digits(folder, address, monkeypatch)
    assert main(["fetch", "mnist", "--mirror", address]) == 0
    assert "load it with graphlib.datasets.mnist.load()" in capsys.readouterr().out
    assert left_in(nowhere) == sorted(f"mnist/{name}.gz" for name in (*TRAIN_FILES, *TEST_FILES))
    digits = mnist.load()
    assert digits.origin == "MNIST" and [len(part.y) for part in digits] == [22, 8, 8]

    for path in folder.iterdir():
        path.unlink()
    assert main(["fetch", "mnist", "--mirror", address]) == 0  # complete: nothing is asked of the server


def test_fetched_into_a_folder_of_ones_own(nowhere, server, monkeypatch, capsys, tmp_path):
    folder, address = server
    serve_digits(folder, address, monkeypatch)
    assert main(["fetch", "mnist", "--mirror", f"{address}/", "--to", str(tmp_path / "here")]) == 0
    assert f"load it with graphlib.datasets.mnist.load('{tmp_path / 'here'}')" in capsys.readouterr().out
    assert not nowhere.exists()
    assert [len(part.y) for part in mnist.load(tmp_path / "here")] == [22, 8, 8]


def test_a_changed_file_ends_the_fetch_with_one_line(nowhere, server, monkeypatch, capsys):
    folder, address = server
    serve_digits(folder, address, monkeypatch)
    (folder / f"{TRAIN_FILES[1]}.gz").write_bytes(idx(np.zeros(30)))
    assert main(["fetch", "mnist", "--mirror", address]) == 2
    error = capsys.readouterr().err
    assert re.fullmatch(
        rf"python -m graphlib\.datasets: error: {address}/train-labels-idx1-ubyte\.gz: its SHA256 checksum "
        r"is \w{64}, expected \w{64}; .*has not been kept\n",
        error,
    )
    assert left_in(nowhere) == [f"mnist/{TRAIN_FILES[0]}.gz"]


def test_list_tells_where_files_are(capsys):
    assert main(["list"]) == main([]) == 0
    printed = capsys.readouterr().out
    assert str(location.CHECKOUT / "text" / "moby-dick.txt.gz") in printed
    assert all(name in printed for name in SETS)


def test_unknown_set(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["fetch", "mnits"])
    assert stop.value.code == 2 and "invalid choice: 'mnits'" in capsys.readouterr().err


def test_every_set_is_published_where_the_web_is_secure():
    sources = [
        *mnist.SOURCES,
        moby_dick.SOURCE,
        sentences.SOURCE,
        *reviews.SOURCES.values(),
        *(Source(f"{atis._PUBLISHED_AT}/{name}", "sha256", each) for name, each in atis._SHA256.items()),
    ]
    for source in sources:
        assert source.url.startswith("https://")
        assert re.fullmatch(r"[0-9a-f]+", source.checksum)
        assert len(source.checksum) == 2 * hashlib.new(source.algorithm).digest_size


# The sets that are made of something published


def tgz(files: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name, each in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(each)
            archive.addfile(entry, io.BytesIO(each))
    return content.getvalue()


def publish(folder: Path, module: types.ModuleType, content: bytes, monkeypatch) -> None:
    checksum = hashlib.sha256(content).hexdigest()
    (folder / module.SOURCE.name).write_bytes(content)
    monkeypatch.setattr(module, "SOURCE", module.SOURCE._replace(checksum=checksum))


def package_of(novel: str) -> bytes:
    """npm's package of the novel, made of the novel."""
    chapters = re.split(r"^CHAPTER (\d+)\. (.*)\n\n", novel, flags=re.MULTILINE)[1:]
    *within, last = zip(chapters[::3], chapters[1::3], chapters[2::3], strict=True)
    body, epilogue = last[2].rsplit("\n\n\n", 1)
    files = {
        f"package/data/chapter_{number}.json": {"chapter": number, "title": title, "text": each}
        for number, title, each in (*within, (last[0], last[1], body))
    }
    files["package/data/epilogue.json"] = {"text": epilogue}
    return tgz({name: json.dumps(each).encode() for name, each in files.items()})


def test_the_novel_is_made_of_its_package(nowhere, server, monkeypatch, capsys):
    folder, address = server
    shipped = Path(__file__).parents[2] / "data" / "text" / text.FILE
    novel = gzip.decompress(shipped.read_bytes()).decode()
    publish(folder, moby_dick, package_of(novel), monkeypatch)
    assert main(["fetch", "text", "--mirror", address]) == 0
    assert left_in(nowhere) == [f"text/{text.FILE}"]
    loaded = text.load()
    assert text.decode(loaded.indices, loaded.characters) == novel

    (nowhere / "text" / text.FILE).unlink()
    publish(folder, moby_dick, package_of(novel.replace("Ishmael", "Ahab", 1)), monkeypatch)
    assert main(["fetch", "text", "--mirror", address]) == 2
    assert "moby-dick.txt.gz: what was made has the SHA-256" in capsys.readouterr().err
    assert left_in(nowhere) == []


def test_the_rated_sentences_are_made_of_their_archive(nowhere, server, monkeypatch):
    folder, address = server
    shipped = Path(__file__).parents[2] / "data" / "reviews" / reviews.FILE
    lines = gzip.decompress(shipped.read_bytes()).decode().splitlines()
    rows = [line.split("\t") for line in lines]
    table = "".join(f"{number}\t{rating}\t{each} \n" for number, (rating, each) in enumerate(rows))
    archive = tgz({sentences.INNER: tgz({sentences.TABLE: table.encode()})})
    publish(folder, sentences, archive, monkeypatch)
    assert main(["fetch", "reviews", "--mirror", address]) == 0
    assert left_in(nowhere) == [f"reviews/{reviews.FILE}"]
    assert [len(part.x) for part in reviews.load()[:3]] == [8454, 1056, 1056]


def test_chorales_need_the_package_that_has_them(nowhere, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "music21", None)
    assert main(["fetch", "music"]) == 2
    assert "first `pip install music21==10.5.1`" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "music21", types.SimpleNamespace(__version__="9.1.0"))
    assert main(["fetch", "music"]) == 2
    assert "music21 is of version 9.1.0" in capsys.readouterr().err
    assert main(["fetch", "music", "--mirror", "https://example.invalid"]) == 2
    assert left_in(nowhere) == []


def test_chorales_of_another_corpus_are_not_kept(nowhere, monkeypatch, capsys):
    """Scores of the form that music21's have: four voices, of one note each."""
    note = types.SimpleNamespace(offset=0.5, quarterLength=1.0, pitches=[types.SimpleNamespace(midi=60)])
    score = types.SimpleNamespace(
        parts=[None] * 4, highestTime=2.0, flatten=lambda: types.SimpleNamespace(notes=[note])
    )
    fake = types.SimpleNamespace(
        __version__="10.5.1",
        corpus=types.SimpleNamespace(getComposer=lambda name, fileExtensions: [Path("bwv1.mxl")]),
        converter=types.SimpleNamespace(parse=lambda path: score),
    )
    roll = music.chorales.roll_of(score)
    assert roll.shape == (4, 88) and np.argwhere(roll).tolist() == [[1, 39], [2, 39]]
    monkeypatch.setitem(sys.modules, "music21", fake)
    assert main(["fetch", "music"]) == 2
    assert "chorales.npz: what was made has the SHA-256" in capsys.readouterr().err
    assert left_in(nowhere) == []


# Connections that fail


@pytest.fixture
def talker():
    """A server that answers the first request with what it is given, and closes: (address, give)."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        answers = []

        def answer():
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection, suppress(OSError):  # the other side may be dead
                    connection.recv(65536)
                    for each in answers:
                        if isinstance(each, threading.Event):
                            each.wait(60)
                        else:
                            connection.sendall(each)

        threading.Thread(target=answer, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/file", answers


def source_at(address: str) -> Source:
    return Source(address, "sha256", hashlib.sha256(b"content").hexdigest())


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\ncont", "the connection broke off after 4 of 7 bytes"),
        (b"HTTP/1.1 200 OK\r\n\r\ncont", "SHA256 checksum"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7\r\ncont", "cannot be fetched"),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "404"),
        (b"HTTP/1.1 302 Found\r\nLocation: file:///etc/hostname\r\nContent-Length: 0\r\n\r\n", "302"),
        (b"nonsense\r\n\r\n", "cannot be fetched"),
        (b"", "cannot be fetched"),
    ],
)
def test_an_answer_that_is_no_file(talker, tmp_path, answer, message):
    address, answers = talker
    answers.append(answer)
    with pytest.raises(DataError, match=re.escape(address)) as refused:
        fetch(source_at(address), tmp_path / "new" / "file")
    assert message in str(refused.value)
    assert left_in(tmp_path) == []


def test_no_connection(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    address = f"http://127.0.0.1:{port}/file"
    with pytest.raises(DataError, match=rf"{address}: cannot be fetched .*check the connection"):
        fetch(source_at(address), tmp_path / "file")
    with pytest.raises(DataError, match="cannot be fetched"):
        fetch(source_at("no address"), tmp_path / "file")
    assert left_in(tmp_path) == []


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(DataError, match=r"taken.file: cannot be written"):
        fetch(source_at("http://127.0.0.1/file"), tmp_path / "taken" / "file")


def test_an_earlier_file_stays_where_fetching_fails(talker, tmp_path):
    address, answers = talker
    answers.append(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nchanged")
    (tmp_path / "file").write_text("earlier")
    with pytest.raises(DataError, match="has not been kept"):
        fetch(source_at(address), tmp_path / "file")
    assert left_in(tmp_path) == ["file"] and (tmp_path / "file").read_text() == "earlier"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_fetch_that_is_killed_leaves_no_part(talker, tmp_path, number):
    address, answers = talker
    rest = threading.Event()
    answers += [b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\ncont", rest, b"ent"]
    program = (
        "import signal, sys; sys.path.insert(0, sys.argv[1])\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # behind a shell's & it is ignored
        "from graphlib.datasets import mnist\n"
        "from graphlib.datasets.__main__ import main\n"
        "from graphlib.datasets.fetching import Source\n"
        "mnist.SOURCES = [Source(sys.argv[2], 'sha256', sys.argv[3])]\n"
        "sys.exit(main(['fetch', 'mnist', '--to', sys.argv[4]]))"
    )
    source = source_at(address)
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", program, str(root), address, source.checksum, str(tmp_path)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        while not left_in(tmp_path):
            assert process.poll() is None, process.stderr.read()
        assert left_in(tmp_path) == [f".file.{process.pid}.unfinished"]
        os.kill(process.pid, number)
        _, errors = process.communicate()
    if number == signal.SIGINT:
        assert process.returncode == 130 and "interrupted; nothing has been kept" in errors
        assert left_in(tmp_path) == []
    rest.set()
    fetch(source, tmp_path / "file")
    assert left_in(tmp_path) == ["file"] and (tmp_path / "file").read_bytes() == b"content"
