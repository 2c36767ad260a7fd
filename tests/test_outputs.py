"""Where pictures may be saved, before any is painted."""

import os

import pytest

from nst.errors import BadInput
from nst.outputs import check_outputs


def test_a_new_name_can_be_written_and_nothing_is_left_behind(tmp_path):
    for name in ("out.png", "out.JPG", "out.jpeg", "out.webp"):
        check_outputs([tmp_path / name], [])
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_there_keeps_its_content_and_time(tmp_path):
    path = tmp_path / "out.png"
    path.write_bytes(b"mine")
    os.utime(path, (1000, 1000))
    check_outputs([path], [], overwrite=True)
    assert path.read_bytes() == b"mine"
    assert path.stat().st_mtime == 1000
    assert list(tmp_path.iterdir()) == [path]


def test_a_suffix_that_says_no_format(tmp_path):
    for name in ("out", "out.gif", "out.png.txt", ".png"):
        with pytest.raises(BadInput, match=r"must end in one of \.png, \.jpg, \.jpeg, \.webp"):
            check_outputs([tmp_path / name], [])


def test_what_cannot_be_written(tmp_path):
    (tmp_path / "dir.png").mkdir()
    (tmp_path / "file").touch()
    names = ["dir.png", "none/out.png", "file/out.png", "x" * 300 + ".png"]
    for name in names:
        with pytest.raises(BadInput, match="cannot be written"):
            check_outputs([tmp_path / name], [], overwrite=True)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_directory_without_permission(tmp_path):
    (tmp_path / "there.png").touch()
    tmp_path.chmod(0o500)
    for name in ("out.png", "there.png"):
        with pytest.raises(BadInput, match="Permission denied"):
            check_outputs([tmp_path / name], [], overwrite=True)
