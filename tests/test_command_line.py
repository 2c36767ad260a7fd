"""The command line: what it writes, what it never writes over, and how it is stopped."""

import errno
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from nst import command_line, outputs, pipeline
from nst.errors import BadInput, WeightsUnavailable
from nst.pictures import export
from nst.pipeline import Pipeline

QUICK = ["--encoder", "compact", "--size", "64", "--steps", "2"]
SMALL = ["--size", "64", "--steps", "3"]
STYLE = "ink-wash"
ROOT = Path(__file__).resolve().parents[1]


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

    def press(which: int = 0, patch: pytest.MonkeyPatch = monkeypatch) -> None:
        seen = []

        def painting(self, photo, styles, recipe, **options):
            seen.append(photo)
            for step in paint(self, photo, styles, recipe, **options):
                if len(seen) == which + 1 and step.step == 2 and not step.done:
                    signal.raise_signal(signal.SIGINT)
                yield step

        patch.setattr(Pipeline, "paint", painting)

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
    interrupted(1)  # the first painting is finished
    arguments = ["compare", "noise", "photo.jpg", STYLE, "-o", "sheet.png", *SMALL]
    assert command_line.main(arguments) == command_line.STOPPED
    assert Image.open("sheet.png").width > 400


@pytest.mark.parametrize("command", [[], ["compare", "noise"]])
def test_a_full_disk_is_one_sentence_and_what_was_there_stays(folder, monkeypatch, capsys, command):
    (folder / "out.png").write_bytes(b"dear")

    def full(*arguments) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.replace", full)
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
        if where.stem.startswith("a"):
            raise BadInput("'out/a.png' cannot be written: Permission denied.")
        export.save_picture(image, where, *rest)

    monkeypatch.setattr(outputs, "save_picture", save)
    assert command_line.main(["holiday", STYLE, "-o", "out", "--json", *QUICK]) == 0
    told = capsys.readouterr()
    assert "nst: skipped holiday/a.jpg: 'out/a.png' cannot be written" in told.err
    assert "Painted 2 of 3 photos." in told.err
    assert [Path(failed["photo"]).name for failed in json.loads(told.out)["failed"]] == ["a.jpg"]


def test_every_kind_of_picture_in_a_folder_is_counted_and_no_hidden_one(folder, monkeypatch):
    kinds = "jpg jpeg jfif jpe mpo png webp gif bmp tif tiff heic heif avif JPG".split()
    (folder / "mixed").mkdir()
    for name in (*(f"{kind}.{kind}" for kind in kinds), "._jpg.jpg", ".hidden.png", "notes.txt"):
        (folder / "mixed" / name).touch()
    seen = []
    monkeypatch.setattr(command_line, "_paint_all", lambda _, jobs, *rest: seen.extend(jobs) or 0)
    assert command_line.main(["mixed", STYLE, "-o", "out", *QUICK]) == 0
    assert sorted(job.photo.name for job in seen) == sorted(f"{kind}.{kind}" for kind in kinds)


def test_a_second_run_paints_what_is_missing_and_what_was_stopped(folder, interrupted, capsys):
    paint = ["holiday", STYLE, "-o", "out", "--encoder", "compact", "--size", "64"]
    with pytest.MonkeyPatch.context() as patch:
        interrupted(1, patch)
        assert command_line.main([*paint, "--steps", "50"]) == command_line.STOPPED
    assert sorted(path.name for path in Path("out").iterdir()) == ["a.png", "b.png"]
    finished, stopped = Path("out/a.png").read_bytes(), Path("out/b.png").read_bytes()
    capsys.readouterr()
    assert command_line.main([*paint, "--steps", "3", "--json"]) == command_line.DONE
    told = capsys.readouterr()
    assert "1 of 3 are there already; --overwrite paints them again." in told.err
    assert [Path(fact["out"]).name for fact in json.loads(told.out)["painted"]] == [
        "b.png",
        "c.png",
    ]
    assert Path("out/a.png").read_bytes() == finished
    assert Path("out/b.png").read_bytes() != stopped
    assert command_line.main([*paint, "--steps", "3"]) == command_line.DONE
    assert capsys.readouterr().err == ("3 of 3 are there already; --overwrite paints them again.\n")


def test_a_sentence_says_whether_photo_style_or_mask_is_wrong(folder, refuses):
    Path("bad.png").write_bytes(b"no picture")
    for arguments, role in (
        (("bad.png", "painting.png"), "Photo"),
        (("photo.jpg", "bad.png"), "Style"),
        (("photo.jpg", "no-such-style"), "Style"),
        (("photo.jpg", STYLE, "--mask", "bad.png"), "Mask"),
        (("compare", "noise", "bad.png", STYLE), "Photo"),
        (("compare", "noise", "photo.jpg", "bad.png"), "Style"),
    ):
        small = SMALL if arguments[0] == "compare" else QUICK
        assert refuses(*arguments, "-o", "out.png", *small).startswith(f"nst: {role}: ")


def test_one_photo_is_saved_into_a_folder_that_is_named(folder):
    Path("there").mkdir()
    for out in ("there", "new/"):
        assert command_line.main(["photo.jpg", "Ink Wash", "-o", out, *QUICK]) == 0
        assert Image.open(Path(out) / "photo.png").size == (64, 48)


def test_choosing_lbfgs_brings_its_rate_unless_one_is_given(folder, capsys):
    paint = ["photo.jpg", STYLE, "-o", "out.png", "--overwrite", "--json", *QUICK]
    for options, rate in (([], 1.0), (["--learning-rate", "0.5"], 0.5)):
        assert command_line.main([*paint, "--optimiser", "lbfgs", *options]) == 0
        assert json.loads(capsys.readouterr().out)["recipe"]["learning_rate"] == rate


def test_a_symbolic_link_stays_one(folder):
    Path("deep").mkdir()
    Path("deep/real.png").write_bytes(b"old")
    Path("out.png").symlink_to("deep/real.png")
    assert command_line.main(["photo.jpg", STYLE, "-o", "out.png", "--overwrite", *QUICK]) == 0
    assert Path("out.png").is_symlink()
    assert Image.open("deep/real.png").size == (64, 48)


def test_what_cannot_be_saved_in_the_end_is_saved_beside_and_said(folder, monkeypatch, capsys):
    replace = os.replace

    def busy(source, target) -> None:
        if Path(target).name == "out.png":
            raise OSError(errno.EBUSY, "Device or resource busy")
        replace(source, target)

    monkeypatch.setattr(os, "replace", busy)
    assert command_line.main(["photo.jpg", STYLE, "-o", "out.png", *QUICK]) == 0
    (saved,) = folder.glob("out-*.png")
    assert f"the painting is in {saved.name}." in capsys.readouterr().err
    assert Image.open(saved).size == (64, 48)


@pytest.mark.slow
def test_outside_a_test_it_is_quiet_whatever_happens_to_its_streams(folder):
    paint = [sys.executable, "-m", "nst", "photo.jpg", STYLE, *QUICK]
    root = {**os.environ, "PYTHONPATH": str(ROOT)}

    def run(shell: str, *arguments: str) -> subprocess.CompletedProcess:
        line = f"{shlex.join([*paint, *arguments])} {shell}"
        return subprocess.run(["sh", "-c", line], env=root, capture_output=True, text=True)

    assert run("2>&-", "-o", "closed.png").returncode == 0
    assert Image.open("closed.png").size == (64, 48)
    if not Path("/dev/full").exists():
        return
    assert run("2>/dev/full", "-o", "full.png").returncode == 0
    assert Image.open("full.png").size == (64, 48)
    told = run(">/dev/full", "-o", "json.png", "--json")
    assert told.returncode == command_line.BAD_INPUT
    assert told.stderr.splitlines()[-1] == (
        "nst: Standard output cannot be written: No space left on device."
    )
    wrong = {**root, "NST_MAX_PIXELS": "lots"}
    told = subprocess.run(paint, env=wrong, capture_output=True, text=True)
    assert told.returncode == command_line.BAD_INPUT
    assert told.stderr == "nst: NST_MAX_PIXELS must be a whole number above 0, but it is 'lots'.\n"


@pytest.mark.slow
def test_signals_end_it_quietly_at_once_and_keep_what_is_painted(folder):
    root = {**os.environ, "PYTHONPATH": str(ROOT)}
    for number, when in (
        (signal.SIGINT, "imports"),
        (signal.SIGTERM, "paints"),
        (signal.SIGHUP, "paints"),
    ):
        out = Path(f"{number.name}-{when}.png")
        paint = [sys.executable, "-m", "nst", "photo.jpg", STYLE, "-o", str(out)]
        paint += ["--steps", "30000", "--keep-at", "200", "--frames", "film", "--overwrite"]
        with subprocess.Popen(
            [*paint, "--encoder", "compact", "--size", "64"],
            env=root,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        ) as process:
            if when == "imports":
                wait_for(lambda: "torch" in Path(f"/proc/{process.pid}/maps").read_text())
            else:
                frame = Path("film", f"{out.stem}-200.png")
                wait_for(frame.exists)
            process.send_signal(number)
            began = time.monotonic()
            told = process.communicate(timeout=20)[1]
            assert time.monotonic() - began < 5  # two seconds on a machine that does nothing else
            assert process.returncode == command_line.STOPPED
            assert "Traceback" not in told
            assert "terminate" not in told
            if when == "imports":
                assert told == ""
            else:
                assert "Stopped after" in told
                assert Image.open(out).size == (64, 48)


def wait_for(condition) -> None:
    ends = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.02)


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
