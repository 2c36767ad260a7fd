"""The command line.

python -m nst PHOTO STYLE -o OUT.png          paint one photo
python -m nst PHOTO PHOTO STYLE -o FOLDER     paint several, or a folder of them
python -m nst recipes                         the recipes there are, with their values
python -m nst compare NAME PHOTO STYLE -o OUT the comparisons their authors made
python -m nst open PICTURE                    the recipe a picture was painted with
python -m nst weights [vgg16|vgg19|all]       fetch VGG weights ahead of time, verify them
"""

import os

# Threads that spin for long while they wait slow down everything else on a small machine; those
# that never spin wake up late: a Draft takes a fifth longer.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")

import argparse
import json
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields
from itertools import chain
from pathlib import Path
from threading import Event
from typing import Any, NoReturn

from PIL import Image
from tqdm import tqdm

from nst.compare import COMPARISONS, compare
from nst.engine.stylize import Step
from nst.errors import BadInput, NstError
from nst.pictures.export import read_notes, read_recipe, save_picture
from nst.pictures.images import open_photo
from nst.pictures.outputs import check_outputs, frames_in, outputs_in
from nst.pipeline import TITLES, Pipeline, choose_finish, open_pipeline
from nst.presets import find_style, preset_of, style_path
from nst.provenance import NOTE, otherwise_here, painted_by
from nst.published import RECIPES, get_recipe
from nst.recipe import Recipe, choices, parse_value
from nst.weights import SOURCES, fetch, is_fetchable

__all__ = ["main"]

DONE, BAD_INPUT, STOPPED = 0, 2, 130
PICTURES = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"}


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise BadInput(f"{message[:1].upper()}{message[1:]}. See: python -m nst --help")


def _add_settings(parser: argparse.ArgumentParser) -> None:
    """An option for every setting of a recipe, by its own name."""
    parser.add_argument("--recipe", default="default", help=f"one of {', '.join(RECIPES)}")
    for entry in fields(Recipe):
        if entry.name not in ("name", "mix"):
            options = choices(entry.name)
            about = entry.metadata["about"] + (f" ({', '.join(options)})" if options else "")
            parser.add_argument(
                f"--{entry.name.replace('_', '-')}", metavar="VALUE", help=about.replace("%", "%%")
            )


def _add_overwrite(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--overwrite", action="store_true", help="replace what exists; never a picture painted from"
    )


def _paint_parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m nst",
        description="Repaint a photo in the manner of a painting.",
        epilog="Also: python -m nst recipes | compare | open | weights, each with --help.",
    )
    parser.add_argument(
        "pictures",
        nargs="+",
        metavar="PICTURE",
        help="photos or folders of photos, and last the style: a picture or a preset's name",
    )
    parser.add_argument("-o", "--out", type=Path, required=True, help="picture, or folder for many")
    parser.add_argument(
        "--frames", type=Path, metavar="FOLDER", help="for frames, by --keep-every and --keep-at"
    )
    _add_overwrite(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object last")
    parser.add_argument(
        "--mix",
        action="append",
        default=[],
        metavar="STYLE=WEIGHT",
        help="another style and its weight; the first has what is left of 1",
    )
    parser.add_argument("--mask", type=Path, help="picture, white where to paint")
    _add_settings(parser)
    return parser


def _recipe(args: argparse.Namespace, style: str) -> Recipe:
    """The recipe asked for, tuned for a preset style, and over it the settings that were given."""
    given = {
        entry.name: parse_value(entry.name, text)
        for entry in fields(Recipe)
        if isinstance(text := getattr(args, entry.name, None), str)
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
    if not styles:
        return [], ()
    rest = 1 - sum(weights)
    if rest < 0 or min(weights) < 0:
        raise BadInput(f"The weights of --mix add up to {sum(weights):g}; they can have 1 at most.")
    return styles, (rest, *weights)


def _photos(names: list[str]) -> list[Path]:
    """Files as they are, folders as the pictures in them."""
    found: list[Path] = []
    for path in map(Path, names):
        try:
            inside = (
                sorted(p for p in path.iterdir() if p.suffix.lower() in PICTURES)
                if path.is_dir()
                else [path]
            )
        except OSError as error:
            raise BadInput(f"The folder {str(path)!r} cannot be read: {error.strerror}.") from None
        if not inside:
            raise BadInput(f"There is no picture in the folder {path}.")
        found += inside
    return found


@contextmanager
def _stoppable(stop: Event) -> Iterator[None]:
    """Ctrl-C sets the event, so that what is painted can be saved; the second ends at once."""

    def asked(*_: object) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        tqdm.write("Stopping with what is there; Ctrl-C again ends at once.", file=sys.stderr)

    before = signal.signal(signal.SIGINT, asked)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _pictures(
    pipeline: Pipeline,
    photo: Image.Image,
    styles: list[Image.Image],
    recipe: Recipe,
    mask: Image.Image | None,
    bar: tqdm,
    stop: Event,
) -> Iterator[Step]:
    """The steps that have a picture, with the bar moving, until stopped."""
    for step in pipeline.paint(photo, styles, recipe, mask=mask, every=1.0):
        bar.update(step.step - bar.n)
        if step.losses:
            height, width = step.size
            bar.set_postfix_str(f"{width} x {height}, loss {step.losses.total:.3g}", refresh=False)
        if step.picture is not None:
            yield step
        if stop.is_set():
            break


def _facts(
    pipeline: Pipeline, recipe: Recipe, photo: Path, out: Path, step: Step
) -> dict[str, Any]:
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
        "notes": [*filter(None, (pipeline.reason, pipeline.substitutes(recipe), *step.notes))],
        "recipe": asdict(recipe),
    }


def _paint(argv: list[str]) -> int:
    args = _paint_parser().parse_args(argv)
    if len(args.pictures) < 2:
        raise BadInput("One picture was given; a photo and a style are needed.")
    *photo_names, style_name = args.pictures
    recipe = _recipe(args, style_name)
    others, weights = _mixture(args.mix)
    recipe = recipe.replace(mix=weights)
    photos = _photos(photo_names)
    many = len(photos) > 1 or Path(photo_names[0]).is_dir()
    outs = outputs_in(args.out, photos) if many else [args.out]
    frames = _frames(args.frames, outs, recipe)
    inputs = [*photos, *map(style_path, (style_name, *others)), *filter(None, [args.mask])]
    for folder in filter(None, [args.out if many else None, args.frames]):
        _make_folder(folder)
    check_outputs([*outs, *chain(*(kept.values() for kept in frames))], inputs, args.overwrite)
    styles = [find_style(name) for name in (style_name, *others)]
    mask = open_photo(args.mask) if args.mask else None
    if not many:
        open_photo(photos[0])  # before the encoder is loaded
    pipeline = open_pipeline(recipe, strict=True)
    return _paint_all(pipeline, photos, outs, frames, styles, recipe, mask, args.json)


def _frames(folder: Path | None, outs: list[Path], recipe: Recipe) -> list[dict[int, Path]]:
    """For each picture that is painted, where its frames go by their steps."""
    steps = [step for step in range(1, recipe.steps + 1) if recipe.keeps(step)]
    if folder and not steps:
        raise BadInput(
            f"--frames was given, but no frame of {recipe.steps} steps is kept: "
            "add --keep-every or --keep-at."
        )
    return frames_in(folder, outs, steps) if folder else [{} for _ in outs]


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"The folder {folder} cannot be made: {error.strerror}.") from None


def _paint_all(
    pipeline: Pipeline,
    photos: Sequence[Path],
    outs: Sequence[Path],
    frames: Sequence[dict[int, Path]],
    styles: list[Image.Image],
    recipe: Recipe,
    mask: Image.Image | None,
    as_json: bool,
) -> int:
    """Paint every photo; one that fails is reported and skipped when there are others.

    Ctrl-C keeps what the one under way has, and begins no other.
    """
    facts, failed, stop = [], [], Event()
    with _stoppable(stop):
        for i, (path, out, kept) in enumerate(zip(photos, outs, frames, strict=True)):
            if stop.is_set():
                break
            label = path.name if len(photos) == 1 else f"{i + 1} of {len(photos)}: {path.name}"
            try:
                photo, step = open_photo(path), None
                with tqdm(total=recipe.steps, unit="step", desc=label) as bar:
                    for step in _pictures(pipeline, photo, styles, recipe, mask, bar, stop):
                        if step.step in kept:
                            _save(pipeline, step, kept[step.step], recipe)
                if step is not None:
                    _save(pipeline, step, out, recipe)
                    facts.append(_facts(pipeline, recipe, path, out, step))
            except NstError as error:
                if len(photos) == 1:
                    raise
                failed.append({"photo": str(path), "error": str(error)})
                print(f"nst: skipped: {error}", file=sys.stderr)
    notes = [note for fact in facts for note in fact["notes"]]
    for note in dict.fromkeys([*notes, *filter(None, [_better_finish(pipeline, recipe)])]):
        print(note, file=sys.stderr)
    if len(photos) > 1:
        print(f"Painted {len(facts)} of {len(photos)} photos.", file=sys.stderr)
    if as_json and (facts or len(photos) > 1):
        print(json.dumps(facts[0] if len(photos) == 1 else {"painted": facts, "failed": failed}))
    if stop.is_set():
        return STOPPED
    return DONE if facts else BAD_INPUT


def _save(pipeline: Pipeline, step: Step[Image.Image], path: Path, recipe: Recipe) -> None:
    made = {NOTE: painted_by(pipeline)}
    assert step.picture is not None
    save_picture(step.picture, path, recipe, made)


def _better_finish(pipeline: Pipeline, recipe: Recipe) -> str:
    """How VGG-19 comes here, where it would have finished and can be had; else empty."""
    wanted = recipe.replace(finish="vgg19") if recipe.finish == "auto" else recipe
    painter = pipeline.encoder.name
    if painter != "compact" or not choose_finish(wanted, painter)[1] or not is_fetchable("vgg19"):
        return ""
    title, size = TITLES["vgg19"], SOURCES["vgg19"].size / 1e6
    return f"For better paintings fetch {title}, {size:.0f} MB: python -m nst weights vgg19"


def _recipes(argv: list[str]) -> int:
    _Parser(prog="python -m nst recipes", description="List the recipes.").parse_args(argv)
    default = Recipe()
    for name, entry in RECIPES.items():
        print(f"{name}\n  {entry.about}\n  Source: {entry.source}\n  Ours: {entry.ours}")
        for key, value in asdict(entry.recipe).items():
            if key != "name" and (name == "default" or value != getattr(default, key)):
                print(
                    f"    {key} = {', '.join(map(str, value)) if type(value) is tuple else value}"
                )
        print()
    return DONE


def _compare(argv: list[str]) -> int:
    parser = _Parser(
        prog="python -m nst compare", description="Run a comparison that a system's authors made."
    )
    parser.add_argument("name", choices=tuple(COMPARISONS))
    parser.add_argument("photo", type=Path)
    parser.add_argument("style")
    parser.add_argument("-o", "--out", type=Path, required=True)
    _add_overwrite(parser)
    parser.add_argument("--size", type=int, help="long side; the recipes' own without it")
    parser.add_argument("--steps", type=int, help="steps; the recipes' own without it")
    args = parser.parse_args(argv)
    check_outputs([args.out], [args.photo, style_path(args.style)], args.overwrite)
    photo, style = open_photo(args.photo), find_style(args.style)
    stop = Event()
    told = compare(args.name, photo, style, args.size, args.steps, stop=stop)
    first = next(told)  # what is missing has been fetched by now: Ctrl-C ends that at once
    with _stoppable(stop), tqdm(unit="step") as bar:
        for progress in chain([first], told):
            if progress.line:
                tqdm.write(progress.line, file=sys.stderr)
            bar.total = progress.total
            bar.update(progress.done - bar.n)
        assert progress.sheet is not None
        save_picture(progress.sheet, args.out)
    return STOPPED if stop.is_set() else DONE


def _open(argv: list[str]) -> int:
    parser = _Parser(prog="python -m nst open", description="Show the recipe inside a picture.")
    parser.add_argument("picture", type=Path)
    picture = parser.parse_args(argv).picture
    recipe, note = read_recipe(picture), read_notes(picture).get(NOTE, "")
    print(json.dumps(asdict(recipe), indent=2))
    if sentence := otherwise_here(note, recipe):
        print(sentence, file=sys.stderr)
    return DONE


def _weights(argv: list[str]) -> int:
    parser = _Parser(prog="python -m nst weights", description="Fetch and verify VGG weights.")
    parser.add_argument("names", nargs="*", default=["all"], metavar="vgg16|vgg19|all")
    fetch(parser.parse_args(argv).names)
    return DONE


COMMANDS = {"recipes": _recipes, "compare": _compare, "open": _open, "weights": _weights}


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns the exit code: 0 done, 2 bad input, 130 stopped."""
    argv = sys.argv[1:] if argv is None else argv
    command = COMMANDS.get(argv[0]) if argv else None
    try:
        return command(argv[1:]) if command else _paint(argv)
    except NstError as error:
        print(f"nst: {error}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        return STOPPED
    except BrokenPipeError:  # the reader of our output (head, say) had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE


if __name__ == "__main__":
    sys.exit(main())
