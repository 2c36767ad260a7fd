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

import av
import pytest
from PIL import Image, ImageOps
from test_film import clip_of

from nst import command_line, outputs
from nst.errors import BadInput
from nst.outputs import check_output
from nst.pictures import export
from nst.pipeline import Pipeline

QUICK = ["--encoder", "compact", "--size", "64", "--steps", "2"]
SMALL = ["--size", "64", "--steps", "3"]
STYLE = "ink-wash"
ONE = ("photo.jpg", STYLE, "-o", "out.png", *QUICK)
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1])}


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
    """Runs a command, at which Ctrl-C is pressed at the second step of a photo counted from 1."""
    paint = Pipeline.paint

    def run(arguments: list[str], which: int = 1) -> None:
        seen = []

        def painting(self, photo, styles, recipe, **options):
            seen.append(photo)
            for step in paint(self, photo, styles, recipe, **options):
                if len(seen) == which and step.step == 2 and not step.done:
                    signal.raise_signal(signal.SIGINT)
                yield step

        monkeypatch.setattr(Pipeline, "paint", painting)
        assert command_line.main(arguments) == command_line.STOPPED
        monkeypatch.setattr(Pipeline, "paint", paint)

    return run


def contents() -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in Path().rglob("*") if path.is_file()}


def fail_to_replace(monkeypatch, name: str, code: int) -> None:
    """Nothing can take the place of a file whose name begins so."""
    replace = os.replace

    def failing(source, target) -> None:
        if Path(target).name.startswith(name):
            raise OSError(code, os.strerror(code))
        replace(source, target)

    monkeypatch.setattr(os, "replace", failing)


def test_an_input_is_never_the_output(folder, refuses):
    os.link("photo.jpg", "other.jpg")
    inputs, compare = ["photo.jpg", "painting.png"], ["compare", "noise"]
    for before, out, more in (
        ([], "photo.jpg", []),
        ([], "painting.png", []),
        ([], "holiday/../photo.jpg", []),
        ([], "other.jpg", []),
        ([], "holiday/c.png", ["--mix", "holiday/c.png=0.5"]),
        ([], "holiday/c.png", ["--mask", "holiday/c.png"]),
        (compare, "painting.png", []),
    ):
        line = refuses(*before, *inputs, "-o", out, "--overwrite", *more)
        assert f"{out!r} is a picture to paint from; save to another name." in line
    line = refuses("holiday", STYLE, "-o", "holiday", "--overwrite", *QUICK)
    assert "'holiday/c.png' is a picture to paint from" in line


def test_what_exists_is_replaced_only_when_asked(folder, refuses):
    (folder / "out.png").write_bytes(b"dear")
    assert "'out.png' exists; choose another name or add --overwrite." in refuses(*ONE)
    assert "exists" in refuses("compare", "noise", "photo.jpg", STYLE, "-o", "out.png", *SMALL)
    assert command_line.main([*ONE, "--overwrite"]) == command_line.DONE
    assert Image.open("out.png").size == (64, 48)


def test_an_output_is_looked_at_before_and_nothing_is_left_behind(tmp_path):
    (tmp_path / "out.png").write_bytes(b"mine")
    (tmp_path / "dir.png").mkdir()
    for name in ("out.png", "out.JPG", "out.jpeg", "out.webp"):
        check_output(tmp_path / name, [], overwrite=True)
    assert (tmp_path / "out.png").read_bytes() == b"mine"
    assert len(list(tmp_path.iterdir())) == 2
    kinds = r"must end in one of \.png, \.jpg, \.jpeg, \.webp"
    for says, names in (
        (kinds, ("out", "out.gif", "out.png.txt", ".png")),
        ("cannot be written", ("dir.png", "none/out.png", "out.png/a.png", "x" * 300 + ".png")),
    ):
        for name in names:
            with pytest.raises(BadInput, match=says):
                check_output(tmp_path / name, [], overwrite=True)


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
    frames = [f"{photo}-{step}.png" for photo in "abc" for step in (2, 3)]
    assert sorted(path.name for path in Path("film").iterdir()) == frames
    assert Path("film/a-3.png").read_bytes() == Path("out/a.png").read_bytes()
    assert Path("film/a-2.png").read_bytes() != Path("out/a.png").read_bytes()
    capsys.readouterr()
    inside = ["holiday/a.jpg", STYLE, "-o", "one.png", *QUICK, "--frames", "holiday"]
    assert "folder that is painted from" in refuses(*inside, "--keep-at", "2")
    one = [*ONE, "--frames", "film"]
    assert "no frame of 2 steps is kept" in refuses(*one)
    Path("film/out-2.png").write_bytes(b"dear")
    assert command_line.main([*one, "--keep-at", "2"]) == command_line.DONE
    assert Path("film/out-2.png").read_bytes() == b"dear"
    assert command_line.main([*one, "--keep-at", "2", "--overwrite"]) == command_line.DONE
    assert Path("film/out-2.png").read_bytes() == Path("out.png").read_bytes()


def test_ctrl_c_keeps_the_picture_so_far_and_ends_with_130(folder, interrupted, capsys):
    interrupted([*ONE, "--json", "--steps", "50"])
    told = capsys.readouterr()
    assert Image.open("out.png").size == (64, 48)
    assert json.loads(told.out)["steps"] < 50
    assert "Traceback" not in told.err
    interrupted(["compare", "noise", "photo.jpg", STYLE, "-o", "sheet.png", *SMALL], 2)
    assert Image.open("sheet.png").width > 400  # of the first painting


def test_after_ctrl_c_a_second_run_paints_what_is_missing(folder, interrupted, capsys):
    paint = ["holiday", STYLE, "-o", "out", "--encoder", "compact", "--size", "64", "--json"]
    interrupted([*paint, "--steps", "9"], 2)
    told = json.loads(capsys.readouterr().out)
    assert [done["stopped"] for done in told["painted"]] == [False, True]
    assert sorted(path.name for path in Path("out").iterdir()) == ["a.png", "b-unfinished.png"]
    finished = Path("out/a.png").read_bytes()
    assert command_line.main([*paint, "--steps", "3"]) == command_line.DONE
    told = capsys.readouterr()
    assert "1 of 3 are there already; --overwrite paints them again." in told.err
    outs = [Path(done["out"]).name for done in json.loads(told.out)["painted"]]
    assert outs == ["b.png", "c.png"]
    assert Path("out/a.png").read_bytes() == finished
    assert command_line.main([*paint, "--steps", "3"]) == command_line.DONE
    assert capsys.readouterr().err == "3 of 3 are there already; --overwrite paints them again.\n"


def test_what_cannot_be_saved_in_the_end_is_saved_beside_or_skipped(folder, monkeypatch, capsys):
    fail_to_replace(monkeypatch, "out.png", errno.EBUSY)
    assert command_line.main([*ONE]) == 0
    (saved,) = folder.glob("out-*.png")
    assert f"the painting is in {saved.name}." in capsys.readouterr().err
    assert Image.open(saved).size == (64, 48)
    fail_to_replace(monkeypatch, "a", errno.EACCES)
    assert command_line.main(["holiday", STYLE, "-o", "out", "--json", *QUICK]) == 0
    told = capsys.readouterr()
    assert "nst: skipped holiday/a.jpg: 'out/a.png' cannot be written" in told.err
    assert "Painted 2 of 3 photos." in told.err
    assert [Path(failed["photo"]).name for failed in json.loads(told.out)["failed"]] == ["a.jpg"]


def test_every_kind_of_picture_in_a_folder_is_counted_and_no_hidden_one(tmp_path):
    kinds = "jpg jpeg jfif jpe mpo png webp gif bmp tif tiff heic heif avif JPG".split()
    for name in (*(f"{kind}.{kind}" for kind in kinds), "._jpg.jpg", ".hidden.png", "notes.txt"):
        (tmp_path / name).touch()
    found = {path.name for path in outputs.find_photos([tmp_path])}
    assert found == {f"{kind}.{kind}" for kind in kinds}


def test_a_sentence_says_whether_photo_style_mask_or_network_is_wrong(folder, refuses):
    Path("bad.png").write_bytes(b"no picture")
    for arguments, role in (
        (("bad.png", "painting.png"), "Photo"),
        (("photo.jpg", "bad.png"), "Style"),
        (("photo.jpg", "no-such-style"), "Style"),
        (("photo.jpg", STYLE, "--mask", "bad.png"), "Mask"),
        (("compare", "noise", "photo.jpg", "bad.png"), "Style"),
    ):
        assert refuses(*arguments, "-o", "out.png").startswith(f"nst: {role}: ")
    line = refuses("compare", "networks", "photo.jpg", STYLE, "-o", "out.png")
    assert "VGG-16 and VGG-19 are not on this machine" in line
    assert line.endswith("python -m nst weights all")


def test_one_photo_is_saved_into_a_folder_or_through_a_link(folder):
    Path("there").mkdir()
    for out in ("there", "new/"):
        assert command_line.main(["photo.jpg", "Ink Wash", "-o", out, *QUICK]) == 0
        assert Image.open(Path(out) / "photo.png").size == (64, 48)
    Path("there/real.png").write_bytes(b"old")
    Path("out.png").symlink_to("there/real.png")
    assert command_line.main([*ONE, "--overwrite"]) == 0
    assert Path("out.png").is_symlink()
    assert Image.open("there/real.png").size == (64, 48)


def test_a_picture_is_told_of_that_comes_out_otherwise_here(folder, capsys):
    assert command_line.main([*ONE]) == 0
    recipe, notes = export.read_recipe("out.png"), export.read_notes("out.png")
    notes["painted-by"] = notes["painted-by"].replace("compact", "vgg19")
    export.save_picture(Image.open("out.png"), "other.png", recipe, notes)
    for name, told in (("out.png", ""), ("other.png", "It was painted by vgg19")):
        capsys.readouterr()
        assert command_line.main(["open", name]) == 0
        shown = capsys.readouterr()
        assert shown.err.startswith(told)
        assert bool(shown.err) == bool(told)
        assert json.loads(shown.out)["size"] == 64


def test_a_clip_is_repainted_and_nothing_is_left_of_one_that_is_stopped(
    folder, refuses, monkeypatch, capsys
):
    Path("clip.mp4").write_bytes(clip_of(seconds=0.4, rate=10))
    Path("bad.mov").write_bytes(b"no clip")
    asked, painted = [], []

    def instant_painter(styles, recipe):
        asked.append((styles[0].size, recipe.strength))

        def paint(frame):
            painted.append(frame)
            if len(painted) == 6:
                signal.raise_signal(signal.SIGINT)
            return ImageOps.invert(frame)

        return paint

    monkeypatch.setattr(command_line, "instant_painter", instant_painter)
    paint = ["clip.mp4", "painting.png", "-o", "out.mp4", "--size", "64", "--strength", "60"]
    assert command_line.main([*paint, "--json"]) == command_line.DONE
    facts = json.loads(capsys.readouterr().out)
    assert (facts["out"], facts["frames"], facts["width"]) == ("out.mp4", 4, 64)
    assert asked == [((80, 60), 60.0)]
    with av.open("out.mp4") as film:
        assert len([*film.decode(video=0)]) == 4
    assert "'out.mp4' exists" in refuses(*paint)
    assert "alone, in one style" in refuses(*paint, "--mix", "mosaic=0.5")
    assert "to paint from" in refuses("clip.mp4", STYLE, "-o", "clip.mp4", "--overwrite")
    assert "must end in .mp4" in refuses("clip.mp4", STYLE, "-o", "out.png")
    assert "Clip: " in refuses("bad.mov", STYLE, "-o", "other.mp4")
    before = contents()
    assert command_line.main([*paint, "--overwrite"]) == command_line.STOPPED
    assert "Stopped after 1 of 4 frames; nothing is saved." in capsys.readouterr().err
    assert contents() == before


@pytest.mark.slow
def test_outside_a_test_it_is_quiet_whatever_happens_to_its_streams(folder):
    def run(shell: str, out: str, *options: str, **more: str) -> subprocess.CompletedProcess:
        words = [sys.executable, "-m", "nst", "photo.jpg", STYLE, *QUICK, "-o", out, *options]
        line = ["sh", "-c", f"{shlex.join(words)} {shell}"]
        return subprocess.run(line, env=ENVIRONMENT | more, capture_output=True, text=True)

    for shell, out in (("2>&-", "closed.png"), ("2>/dev/full", "full.png")):
        assert run(shell, out).returncode == 0
        assert Image.open(out).size == (64, 48)
    told = run(">/dev/full", "json.png", "--json")
    assert told.returncode == command_line.BAD_INPUT
    full = "nst: The output cannot be written: No space left on device."
    assert told.stderr.splitlines()[-1] == full
    told = run("", "out.png", NST_MAX_PIXELS="lots")
    assert told.returncode == command_line.BAD_INPUT
    assert told.stderr == "nst: NST_MAX_PIXELS must be a whole number above 0, but it is 'lots'.\n"


@pytest.mark.slow
def test_signals_end_it_quietly_at_once_and_keep_what_is_painted(folder):
    for number, when in (
        (signal.SIGINT, "imports"),
        (signal.SIGINT, "paints"),
        (signal.SIGTERM, "paints"),
        (signal.SIGHUP, "paints"),
    ):
        out = Path(f"{number.name}-{when}.png")
        words = [sys.executable, "-m", "nst", "photo.jpg", STYLE, "-o", str(out), *QUICK[:4]]
        words += ["--steps", "30000", "--keep-at", "200", "--frames", "film", "--overwrite"]
        with subprocess.Popen(
            words,
            env=ENVIRONMENT,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        ) as process:
            if when == "imports":
                wait_for(lambda pid=process.pid: "torch" in Path(f"/proc/{pid}/maps").read_text())
            else:
                wait_for(Path("film", f"{out.stem}-00200.png").exists)
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
