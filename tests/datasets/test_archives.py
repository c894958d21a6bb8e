"""Archives are read whole or refused, and nothing is written, whatever their names say."""

import gzip
import re
import tarfile
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphlib.datasets import DataError
from graphlib.datasets.archives import members
from tests.datasets.archives_of import tar, targz, write_folder, zipped

FILES = {
    "set/b.txt": b"two",
    "set/a.txt": b"one" * 1000,
    "set/sub/c.txt": b"",
    "set/d.bin": b"\0",
    ".x/e.txt": b"-",
}
WANTED = [("set/a.txt", b"one" * 1000), ("set/b.txt", b"two"), ("set/sub/c.txt", b"")]
FORMS = {"tar": tar, "tar.gz": targz, "zip": zipped}


def texts(source: Path) -> list[tuple[str, bytes]]:
    return members(source, lambda name: name.endswith(".txt"))


@pytest.mark.parametrize("form", FORMS)
def test_an_archive_gives_what_its_folder_gives(tmp_path, form):
    path = tmp_path / "archive"  # its first bytes tell what it is, not its name
    path.write_bytes(FORMS[form](FILES))
    assert texts(path) == WANTED == texts(write_folder(tmp_path / "folder", FILES))


OUTSIDE = [
    "../a.txt",
    "/etc/a.txt",
    "set/../../a.txt",
    "..\\a.txt",
    "C:\\a.txt",
    "C:/a.txt",
    "set/..\\..\\a.bin",
]


@pytest.mark.parametrize("name", OUTSIDE)
@pytest.mark.parametrize("form", FORMS)
def test_names_that_lead_out_are_refused(tmp_path, form, name):
    (tmp_path / "inner").mkdir()
    path = tmp_path / "inner" / "archive"
    path.write_bytes(FORMS[form]({"good.txt": b"x", name: b"evil"}))
    with pytest.raises(DataError, match=f"^{re.escape(str(path))}: .*leads out of the archive"):
        texts(path)
    assert [each for each in tmp_path.rglob("*") if each.is_file()] == [path]


@settings(deadline=None)
@given(st.data(), st.sampled_from(sorted(FORMS)))
def test_an_archive_cut_anywhere_is_refused(draw, form):
    content = FORMS[form](FILES)
    # The end mark of a tar archive is followed by padding, which may be missing.
    whole = len(content.rstrip(b"\0")) + 1024 if form == "tar" else len(content)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "cut-file")
        path.write_bytes(content[: draw.draw(st.integers(0, whole - 1))])
        with pytest.raises(DataError, match="cut-file: "):
            texts(path)


@pytest.mark.parametrize("form", ["tar.gz", "zip"])
def test_damage_within_is_noticed(tmp_path, form):
    content = bytearray(FORMS[form]({"a.txt": bytes(range(256)) * 8}))
    content[len(content) // 3] ^= 0xFF
    path = tmp_path / "archive"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"archive: .*get it again"):
        texts(path)


NO_ARCHIVES = {"empty": b"", "a web page": b"<html>404</html>", "gzip": gzip.compress(b"no archive" * 100)}


@pytest.mark.parametrize("content", NO_ARCHIVES.values(), ids=NO_ARCHIVES)
def test_what_is_no_archive(tmp_path, content):
    path = tmp_path / "page"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"page: not a whole tar, tar\.gz or zip archive"):
        texts(path)


def test_no_such_path(tmp_path):
    with pytest.raises(DataError, match="nowhere: cannot be read"):
        texts(tmp_path / "nowhere")


def test_links_and_folders_are_no_files(tmp_path):
    path = tmp_path / "archive.tar"
    with tarfile.open(path, "w") as archive:
        link = tarfile.TarInfo("link.txt")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
        folder = tarfile.TarInfo("folder.txt")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
    assert texts(path) == []
