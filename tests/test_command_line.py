"""The command line: what it writes, what it never writes over, and how it is stopped."""

import errno
import json
import os
import signal
from pathlib import Path

import pytest
from PIL import Image

from nst import command_line, pipeline
from nst.errors import BadInput, WeightsUnavailable
from nst.pictures import export
from nst.pipeline import Pipeline

QUICK = ["--encoder", "compact", "--size", "64", "--steps", "2"]
SMALL = ["--size", "64", "--steps", "3"]
STYLE = "ink-wash"


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A working directory with photos in the folder "holiday" and one beside it."""
    (tmp_path / "holiday").mkdir()
    for name in ("photo.jpg", "painting.png", "holiday/a.jpg", "holiday/b.jpg", "holiday/c.png"):
        Image.effect_noise((80, 60), 60).convert("RGB").save(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    return tmp_path


@pytest.fixture
def refuses(capsys):
    """Runs a command that must end with 2 and one line, which it returns; no file may change."""

    def check(*arguments: str) -> str:
        before = contents()
        assert command_line.main(list(arguments)) == command_line.BAD_INPUT
        assert contents() == before
        (line,) = capsys.readouterr().err.splitlines()
        return line

    return check


@pytest.fixture
def interrupted(monkeypatch):
    """Ctrl-C is pressed while the given photo, counted from 0, is at its second step."""
    paint = Pipeline.paint

    def press(which: int = 0) -> None:
        seen = []

        def painting(self, photo, styles, recipe, **options):
            seen.append(photo)
            for step in paint(self, photo, styles, recipe, **options):
                if len(seen) == which + 1 and step.step == 2 and not step.done:
                    signal.raise_signal(signal.SIGINT)
                yield step

        monkeypatch.setattr(Pipeline, "paint", painting)

    return press


def contents() -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in Path().rglob("*") if path.is_file()}


def test_photos_painted_into_their_own_folder_are_not_painted_over(folder, refuses):
    assert "'holiday/c.png' is a picture to paint from" in refuses(
        "holiday", STYLE, "-o", "holiday", "--overwrite", *QUICK
    )


@pytest.mark.parametrize(
    ("out", "more"),
    [
        ("photo.jpg", []),
        ("painting.png", []),
        ("holiday/../photo.jpg", []),
        ("holiday/c.png", ["--mix", "holiday/c.png=0.5"]),
        ("holiday/c.png", ["--mask", "holiday/c.png"]),
    ],
)
def test_an_input_is_never_the_output(folder, refuses, out, more):
    line = refuses("photo.jpg", "painting.png", "-o", out, "--overwrite", *more, *QUICK)
    assert f"{out!r} is a picture to paint from; save to another name." in line


def test_a_link_to_the_photo_is_the_photo(folder, refuses):
    os.link("photo.jpg", "other.jpg")
    assert "to paint from" in refuses("photo.jpg", STYLE, "-o", "other.jpg", "--overwrite", *QUICK)


@pytest.mark.parametrize("out", ["photo.jpg", "painting.png"])
def test_a_comparisons_input_is_never_its_output(folder, refuses, out):
    line = refuses(
        "compare", "noise", "photo.jpg", "painting.png", "-o", out, "--overwrite", *SMALL
    )
    assert f"{out!r} is a picture to paint from" in line


def test_what_exists_is_replaced_only_when_asked(folder, refuses):
    (folder / "out.png").write_bytes(b"dear")
    paint = ("photo.jpg", STYLE, "-o", "out.png", *QUICK)
    assert "'out.png' exists; choose another name or add --overwrite." in refuses(*paint)
    assert "exists" in refuses("compare", "noise", "photo.jpg", STYLE, "-o", "out.png", *SMALL)
    assert command_line.main([*paint, "--overwrite"]) == command_line.DONE
    assert Image.open("out.png").size == (64, 48)


def test_photos_of_one_name_get_pictures_of_their_own(folder, capsys):
    Image.new("RGB", (80, 60)).save("holiday/A.png")
    (folder / "more").mkdir()
    Image.new("RGB", (80, 60)).save("more/b.jpg")
    assert command_line.main(["holiday", "more", STYLE, "-o", "out", "--json", *QUICK]) == 0
    made = {path.name for path in Path("out").iterdir()}
    assert made == {"A.png", "a-2.png", "b.png", "c.png", "b-2.png"}
    told = json.loads(capsys.readouterr().out)["painted"]
    assert {Path(fact["out"]).name for fact in told} == made


def test_frames_are_written_at_the_steps_that_the_recipe_keeps(folder, refuses, capsys):
    many = ["holiday", STYLE, "-o", "out", "--encoder", "compact", *SMALL]
    kept = ["--frames", "film", "--keep-every", "2", "--keep-at", "3"]
    assert command_line.main([*many, *kept]) == command_line.DONE
    assert sorted(path.name for path in Path("film").iterdir()) == [
        f"{photo}-{step}.png" for photo in "abc" for step in (2, 3)
    ]
    assert Path("film/a-3.png").read_bytes() == Path("out/a.png").read_bytes()
    assert Path("film/a-2.png").read_bytes() != Path("out/a.png").read_bytes()
    capsys.readouterr()
    one = ["photo.jpg", STYLE, "-o", "one.png", *QUICK, "--frames", "film"]
    assert "no frame of 2 steps is kept" in refuses(*one)
    Path("film/one-2.png").write_bytes(b"dear")
    assert "'film/one-2.png' exists" in refuses(*one, "--keep-at", "2")


def test_ctrl_c_keeps_the_picture_so_far_and_ends_with_130(folder, interrupted, capsys):
    interrupted()
    arguments = ["photo.jpg", STYLE, "-o", "out.png", "--json", *QUICK, "--steps", "50"]
    assert command_line.main(arguments) == command_line.STOPPED
    told = capsys.readouterr()
    assert Image.open("out.png").size == (64, 48)
    assert json.loads(told.out)["steps"] < 50
    assert "Traceback" not in told.err


def test_ctrl_c_ends_a_folders_run_with_what_it_has(folder, interrupted, capsys):
    interrupted(1)
    arguments = ["holiday", STYLE, "-o", "out", "--json", *QUICK, "--steps", "50"]
    assert command_line.main(arguments) == command_line.STOPPED
    told = json.loads(capsys.readouterr().out)
    assert [fact["steps"] < 50 for fact in told["painted"]] == [False, True]
    assert sorted(path.name for path in Path("out").iterdir()) == ["a.png", "b.png"]


def test_ctrl_c_lays_out_what_a_comparison_has(folder, interrupted):
    interrupted(2)  # a trial tells the pace, the first painting is finished
    arguments = ["compare", "noise", "photo.jpg", STYLE, "-o", "sheet.png", *SMALL]
    assert command_line.main(arguments) == command_line.STOPPED
    assert Image.open("sheet.png").width > 400


@pytest.mark.parametrize("command", [[], ["compare", "noise"]])
def test_a_full_disk_is_one_sentence_and_what_was_there_stays(folder, monkeypatch, capsys, command):
    (folder / "out.png").write_bytes(b"dear")

    def full(*arguments) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(export, "_encode", full)
    quick = SMALL if command else QUICK
    arguments = [*command, "photo.jpg", STYLE, "-o", "out.png", "--overwrite", *quick]
    assert command_line.main(arguments) == command_line.BAD_INPUT
    told = capsys.readouterr().err
    assert "'out.png' cannot be written: No space left on device." in told.splitlines()[-1]
    assert [path.name for path in folder.glob("*out*")] == ["out.png"]
    assert Path("out.png").read_bytes() == b"dear"


def test_a_picture_of_a_folder_that_cannot_be_saved_is_reported_and_skipped(
    folder, monkeypatch, capsys
):
    def save(image, where, *rest) -> None:
        if where.name == "a.png":
            raise BadInput("'out/a.png' cannot be written: Permission denied.")
        export.save_picture(image, where, *rest)

    monkeypatch.setattr(command_line, "save_picture", save)
    assert command_line.main(["holiday", STYLE, "-o", "out", "--json", *QUICK]) == 0
    told = capsys.readouterr()
    assert "nst: skipped: 'out/a.png' cannot be written" in told.err
    assert "Painted 2 of 3 photos." in told.err
    assert [Path(failed["photo"]).name for failed in json.loads(told.out)["failed"]] == ["a.jpg"]


def test_a_folder_that_cannot_be_read_is_one_sentence(folder, refuses, monkeypatch):
    def denied(self):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", denied)
    line = refuses("holiday", STYLE, "-o", "out", *QUICK)
    assert line == "nst: The folder 'holiday' cannot be read: Permission denied."


def test_a_download_has_a_bar_named_for_the_network_that_arrives(folder, monkeypatch, capsys):
    def load(name, progress):
        progress(1, 2)
        raise WeightsUnavailable("The connection broke.")

    monkeypatch.setattr(pipeline, "load_vgg", load)
    arguments = [
        "photo.jpg",
        STYLE,
        "-o",
        "out.png",
        "--finish",
        "vgg19",
        "--finish-share",
        "1",
        *QUICK,
    ]
    assert command_line.main(arguments) == command_line.BAD_INPUT
    told = capsys.readouterr().err
    assert "VGG-19:  50%" in told
    assert told.splitlines()[-1] == "nst: The connection broke."


def test_a_picture_is_told_of_that_comes_out_otherwise_here(folder, capsys):
    assert command_line.main(["photo.jpg", STYLE, "-o", "out.png", *QUICK]) == 0
    note = export.read_notes("out.png")["painted-by"]
    capsys.readouterr()
    assert command_line.main(["open", "out.png"]) == 0
    assert capsys.readouterr().err == ""
    elsewhere = {"painted-by": note.replace("compact", "vgg19")}
    export.save_picture(
        Image.open("out.png"), "other.png", export.read_recipe("out.png"), elsewhere
    )
    assert command_line.main(["open", "other.png"]) == 0
    told = capsys.readouterr()
    assert "It was painted by vgg19" in told.err
    assert json.loads(told.out)["size"] == 64
