"""Where pictures may be saved, before any is painted."""

import os

import pytest

from nst import outputs
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
    names = ["dir.png", "none/out.png", "file/out.png", "x" * 300 + ".png", "a\0.png"]
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


def test_a_file_whose_place_no_other_can_take_is_noticed_before(tmp_path, monkeypatch):
    path = tmp_path / "my out.png"
    path.touch()
    mounts = tmp_path / "mountinfo"
    mounts.write_text("1 2 8:1 / / rw - ext4 /dev/a rw\n")
    monkeypatch.setattr(outputs, "MOUNTS", mounts)
    check_outputs([path], [], overwrite=True)
    with monkeypatch.context() as mounted:
        place = str(path).replace(" ", r"\040")
        mounts.write_text(f"1 2 8:1 / / rw - ext4 /dev/a rw\n3 1 8:1 /x {place} rw - ext4 - rw\n")
        with pytest.raises(BadInput, match="cannot be replaced here; save to another name"):
            check_outputs([path], [], overwrite=True)
        mounted.setattr(outputs, "MOUNTS", tmp_path / "none")  # as on macOS
        check_outputs([path], [], overwrite=True)
    mounts.write_text("")
    tmp_path.chmod(0o1777)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 4242)
    with pytest.raises(BadInput, match="cannot be replaced here"):
        check_outputs([path], [], overwrite=True)
