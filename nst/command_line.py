"""The command line.

python -m nst PHOTO STYLE -o OUT.png          paint one photo
python -m nst PHOTO PHOTO STYLE -o FOLDER     paint several, or a folder of them
python -m nst recipes                         list the recipes with their values
python -m nst compare NAME PHOTO STYLE -o OUT repeat a published comparison
python -m nst open PICTURE                    show the recipe that a picture was painted with
python -m nst weights [vgg16|vgg19|all]       fetch VGG weights ahead of time, verify them
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from threading import Event, Thread
from typing import Any, NoReturn

from PIL import Image
from tqdm import tqdm

from nst.compare import COMPARISONS, Entry, Series, missing_networks, paint_series, scaled, table
from nst.engine.stylize import Step
from nst.errors import BadInput, NstError, WeightsUnavailable
from nst.outputs import (
    UNFINISHED,
    Job,
    check_outputs,
    find_photos,
    is_missing,
    plan,
    save_output,
)
from nst.pictures.export import contact_sheet, read_notes, read_recipe
from nst.pictures.images import open_photo
from nst.pipeline import Pipeline, choose_finish, open_pipeline
from nst.presets import find_style, preset_of, style_path
from nst.provenance import NOTE, otherwise_here, painted_by
from nst.published import RECIPES, get_recipe
from nst.recipe import Recipe, choices, parse_value
from nst.weights import SOURCES, fetch, is_fetchable

DONE, BAD_INPUT, STOPPED = 0, 2, 130
OVERWRITE = "replace existing files; input files are never overwritten"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise BadInput(f"{message[:1].upper()}{message[1:]}. See: python -m nst --help")


def _tell(*sentences: str) -> None:
    for sentence in filter(None, sentences):
        print(sentence, file=sys.stderr)


def _print(text: str) -> None:
    try:
        print(text, flush=True)
    except BrokenPipeError:  # the reader of our output (head, say) had enough
        raise
    except OSError as error:
        raise BadInput(f"Standard output cannot be written: {error.strerror}.") from None


@contextmanager
def _opening(role: str) -> Iterator[None]:
    """Say which of the pictures is meant by a sentence on one that cannot be used."""
    try:
        yield
    except BadInput as error:
        raise BadInput(f"{role}: {error}") from None


def _paint_parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m nst",
        description="Repaint a photo in the style of a painting.",
        epilog="Also: python -m nst recipes | compare | open | weights, each with --help.",
    )
    pictures = "photos or folders of photos, and last the style: a picture or a preset's name"
    mix = "another style and its weight; the first has what is left of 1"
    add = parser.add_argument
    add("pictures", nargs="+", metavar="PICTURE", help=pictures)
    add("-o", "--out", required=True, help="picture, or folder")
    add("--frames", type=Path, metavar="FOLDER", help="for frames, by --keep-every and --keep-at")
    add("--overwrite", action="store_true", help=OVERWRITE)
    add("--json", action="store_true", help="print one JSON object last")
    add("--mix", action="append", default=[], metavar="STYLE=WEIGHT", help=mix)
    add("--mask", type=Path, help="picture, white where to paint")
    add("--recipe", default="default", help=f"one of {', '.join(RECIPES)}")
    for name, field in Recipe.model_fields.items():
        if name not in ("name", "mix"):
            options = f" ({', '.join(choices(name))})" if choices(name) else ""
            about = f"{field.description}{options}".replace("%", "%%")
            add(f"--{name.replace('_', '-')}", metavar="VALUE", help=about)
    return parser


def _recipe(args: argparse.Namespace, style: str) -> Recipe:
    """The recipe asked for, tuned for a preset style; explicit options override both."""
    given = {
        name: parse_value(name, text)
        for name in Recipe.model_fields
        if isinstance(text := getattr(args, name, None), str)
    }
    recipe, preset = get_recipe(args.recipe), preset_of(style)
    return (preset.recipe(recipe) if preset else recipe).replace(**given)


def _mixture(entries: list[str]) -> tuple[list[str], tuple[float, ...]]:
    """Names and weights of the further styles; the first style's weight comes first."""
    styles, weights = [], []
    for entry in entries:
        name, _, weight = entry.rpartition("=")
        try:
            weights.append(float(weight))
        except ValueError:
            name = ""
        if not name:
            raise BadInput(f"--mix is {entry!r}; it must be like night.jpg=0.4.")
        styles.append(name)
    rest = 1 - sum(weights)
    if rest < 0 or min(weights, default=0) < 0:
        raise BadInput(f"The weights of --mix add up to {sum(weights):g}; they can have 1 at most.")
    return styles, (rest, *weights) if styles else ()


def _paint(argv: list[str]) -> int:
    args = _paint_parser().parse_args(argv)
    *names, style = args.pictures
    if not names:
        raise BadInput("One picture was given; a photo and a style are needed.")
    others, weights = _mixture(args.mix)
    recipe = _recipe(args, style).replace(mix=weights)
    photos = find_photos(names)
    many = len(photos) > 1 or Path(names[0]).is_dir()
    jobs = plan(photos, args.out + "/" if many else args.out, args.frames, recipe)
    with _opening("Style"):
        paths = [style_path(name) for name in (style, *others)]
    inputs = [*photos, *paths, *filter(None, [args.mask])]
    check_outputs([job.out for job in jobs], inputs, args.overwrite or many)
    missing = [job for job in jobs if args.overwrite or not many or is_missing(job.out)]
    if there := len(jobs) - len(missing):
        _tell(f"{there} of {len(jobs)} are there already; --overwrite paints them again.")
    for job in missing:
        again = args.overwrite or (many and job.out.exists())
        check_outputs(list(job.frames.values()), inputs, again)
    with _opening("Style"):
        styles = [open_photo(path) for path in paths]
    with _opening("Mask"):
        mask = open_photo(args.mask) if args.mask else None
    if not many:
        with _opening("Photo"):
            open_photo(photos[0])  # before the encoder is loaded
    painter = _Painter(open_pipeline(recipe, strict=True), styles, recipe, mask)
    return _paint_all(painter, missing, many, args.json)


@dataclass(frozen=True)
class _Painter:
    """What all photos of a run are painted with."""

    pipeline: Pipeline
    styles: Sequence[Image.Image]
    recipe: Recipe
    mask: Image.Image | None = None

    def steps(self, photo: Image.Image) -> Iterator[Step[Image.Image]]:
        """Paint in a thread of its own, so that Ctrl-C need not wait for the step under way."""
        passed: SimpleQueue = SimpleQueue()
        closed = Event()

        def paint() -> None:
            try:
                for step in self.pipeline.paint(
                    photo, self.styles, self.recipe, mask=self.mask, every=1.0
                ):
                    passed.put(step)
                    if closed.is_set():
                        return
                passed.put(None)
            except BaseException as error:
                passed.put(error)

        Thread(target=paint, daemon=True).start()
        try:
            while (found := passed.get()) is not None:
                if isinstance(found, BaseException):
                    raise found
                yield found
        finally:
            closed.set()

    def paint(self, job: Job, label: str) -> tuple[dict[str, Any] | None, bool]:
        """Paint and save a photo: (facts for programs, whether it was stopped)."""
        with _opening("Photo"):
            photo = open_photo(job.photo)
        last, stopped, notes = None, False, {NOTE: painted_by(self.pipeline)}
        try:
            with tqdm(total=self.recipe.steps, unit="step", desc=label) as bar:
                for step in self.steps(photo):
                    bar.update(step.step - bar.n)
                    last = step if step.picture else last
                    if step.picture and step.step in job.frames:
                        save_output(step.picture, job.frames[step.step], self.recipe, notes)
        except KeyboardInterrupt:
            stopped = True
        if last is None:
            return None, stopped
        assert last.picture is not None
        reached = f"{last.step} of {last.total} steps"
        if stopped:
            notes[UNFINISHED] = reached
        try:
            saved = save_output(last.picture, job.out, self.recipe, notes)
        except KeyboardInterrupt:  # it came too late to stop anything
            saved, stopped = save_output(last.picture, job.out, self.recipe, notes), True
        if saved != job.out:
            _tell(f"{job.out} could not be written in the end; the painting is in {saved}.")
        if stopped:
            _tell(f"Stopped after {reached}; what is painted is in {saved}.")
        return self._facts(job.photo, saved, last), stopped

    def _facts(self, photo: Path, out: Path, step: Step) -> dict[str, Any]:
        pipeline = self.pipeline
        notes = (pipeline.reason, pipeline.substitutes(self.recipe), *step.notes)
        return {
            "photo": str(photo),
            "out": str(out),
            "encoder": pipeline.encoder.name,
            "finish": pipeline.finish.name if pipeline.finish and step.finished else None,
            "device": pipeline.device,
            "dtype": pipeline.dtype,
            "width": step.size[1],
            "height": step.size[0],
            "steps": step.step,
            "seconds": round(step.seconds, 3),
            "losses": step.losses._asdict() if step.losses else {},
            "notes": [note for note in notes if note],
            "recipe": self.recipe.model_dump(),
        }


def _paint_all(painter: _Painter, jobs: Sequence[Job], many: bool, as_json: bool) -> int:
    """Paint every photo; one that fails is reported and skipped when there are others.

    Ctrl-C keeps what the one under way has, and begins no other.
    """
    facts: list[dict[str, Any]] = []
    failed: list[dict[str, str]] = []
    stopped = False
    for i, job in enumerate(jobs, start=1):
        try:
            label = f"{i} of {len(jobs)}: {job.photo.name}" if many else job.photo.name
            fact, stopped = painter.paint(job, label)
            facts += [fact] if fact else []
        except NstError as error:
            if not many:
                raise
            failed.append({"photo": str(job.photo), "error": str(error)})
            _tell(f"nst: skipped {job.photo}: {error}")
        if stopped:
            break
    notes = [note for fact in facts for note in fact["notes"]]
    _tell(*dict.fromkeys([*notes, _better_finish(painter)]))
    if many and jobs:
        _tell(f"Painted {len(facts)} of {len(jobs)} photos.")
    if as_json and (facts or many):
        _print(json.dumps({"painted": facts, "failed": failed} if many else facts[0]))
    if stopped:
        return STOPPED
    return BAD_INPUT if failed and not facts else DONE


def _better_finish(painter: _Painter) -> str:
    """How to fetch VGG-19, where it would have finished and can be had; else empty."""
    name, recipe = painter.pipeline.encoder.name, painter.recipe
    wanted = recipe.replace(finish="vgg19") if recipe.finish == "auto" else recipe
    if name != "compact" or not choose_finish(wanted, name)[1] or not is_fetchable("vgg19"):
        return ""
    size = SOURCES["vgg19"].size / 1e6
    return f"For better paintings fetch VGG-19, {size:.0f} MB: python -m nst weights vgg19"


def _recipes(argv: list[str]) -> int:
    _Parser(prog="python -m nst recipes", description="List the recipes.").parse_args(argv)
    default = Recipe()
    for name, entry in RECIPES.items():
        lines = [name, f"  {entry.about}", f"  Source: {entry.source}", f"  Ours: {entry.ours}"]
        for key, value in entry.recipe.model_dump().items():
            if key != "name" and (name == "default" or value != getattr(default, key)):
                text = ", ".join(map(str, value)) if isinstance(value, tuple) else value
                lines.append(f"    {key} = {text}")
        _print("\n".join([*lines, ""]))
    return DONE


def _compare(argv: list[str]) -> int:
    parser = _Parser(prog="python -m nst compare", description="Repeat a published comparison.")
    parser.add_argument("name", choices=tuple(COMPARISONS))
    parser.add_argument("photo", type=Path)
    parser.add_argument("style")
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--overwrite", action="store_true", help=OVERWRITE)
    parser.add_argument("--size", type=int, help="long side; the recipes' own without it")
    parser.add_argument("--steps", type=int, help="steps; the recipes' own without it")
    args = parser.parse_args(argv)
    recipes = scaled(args.name, args.size, args.steps)
    check_outputs([args.out], [args.photo, style_path(args.style)], args.overwrite)
    with _opening("Photo"):
        photo = open_photo(args.photo)
    with _opening("Style"):
        entries = [Entry(title, (find_style(args.style),), recipe) for title, recipe in recipes]
    if missing_networks(args.name):
        for _, recipe in recipes:
            open_pipeline(recipe, strict=True)
    return _paint_comparison(args.name, photo, entries, args.out)


def _paint_comparison(name: str, photo: Image.Image, entries: list[Entry], out: Path) -> int:
    told: set[str] = set()
    missing: set[str] = set()
    comparison, stopped = COMPARISONS[name], False
    now: Series | None = None
    shown: list[tuple[Image.Image, str]] = []

    def tell_once(*sentences: str) -> None:
        for sentence in {*sentences} - told - {""}:
            told.add(sentence)
            tqdm.write(sentence, file=sys.stderr)

    def painter(photo: Image.Image, styles: Sequence[Image.Image], recipe: Recipe) -> Iterator:
        try:
            pipeline = open_pipeline(recipe, strict=recipe.encoder not in missing)
        except WeightsUnavailable as error:
            missing.add(recipe.encoder)
            tell_once(str(error))
            pipeline = open_pipeline(recipe)
        tell_once(pipeline.substitutes(recipe))
        return _Painter(pipeline, styles, recipe).steps(photo)

    try:
        with tqdm(unit="step") as bar:
            for now in paint_series(photo, entries, painter, frames=comparison.frames):
                bar.total = now.total
                bar.set_description(now.title, refresh=False)
                bar.update(now.done - bar.n)
                tell_once(*now.step.notes)
                if now.step.picture is not None:
                    shown = [(now.step.picture, f"{now.title}, stopped at step {now.step.step:,}")]
    except KeyboardInterrupt:
        stopped = True
    if now is None or not (now.painted or shown):
        return STOPPED
    finished = [(one.picture, f"{one.title}, {one.seconds:.0f} s") for one in now.painted]
    tiles = [(photo, "the photo"), *finished, *(shown if stopped else [])]
    saved = save_output(contact_sheet(tiles, min(3, len(tiles)), comparison.title), out)
    for title, *cells in table(now.painted):
        _tell(f"{title:28}" + "".join(f"{cell:>12}" for cell in cells))
    if saved != out:
        _tell(f"{out} could not be written in the end; the sheet is in {saved}.")
    return STOPPED if stopped else DONE


def _open(argv: list[str]) -> int:
    parser = _Parser(prog="python -m nst open", description="Show the recipe inside a picture.")
    parser.add_argument("picture", type=Path)
    picture = parser.parse_args(argv).picture
    recipe, note = read_recipe(picture), read_notes(picture).get(NOTE, "")
    _print(json.dumps(recipe.model_dump(), indent=2))
    _tell(otherwise_here(note, recipe))
    return DONE


def _weights(argv: list[str]) -> int:
    parser = _Parser(prog="python -m nst weights", description="Fetch and verify VGG weights.")
    parser.add_argument("names", nargs="*", default=["all"], metavar="vgg16|vgg19|all")
    fetch(parser.parse_args(argv).names)
    return DONE


COMMANDS = {"recipes": _recipes, "compare": _compare, "open": _open, "weights": _weights}


def main(argv: list[str]) -> int:
    """Run one command; returns the exit code: 0 done, 2 bad input, 130 stopped."""
    command = COMMANDS.get(argv[0]) if argv else None
    try:
        return command(argv[1:]) if command else _paint(argv)
    except NstError as error:
        _tell(f"nst: {error}")
        return BAD_INPUT
    except KeyboardInterrupt:
        return STOPPED
    except BrokenPipeError:
        return DONE
