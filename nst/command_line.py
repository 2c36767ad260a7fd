"""The command line.

python -m nst PHOTO STYLE -o OUT.png          paint one photo
python -m nst PHOTO PHOTO STYLE -o FOLDER     paint several, or a folder of them
python -m nst CLIP STYLE -o OUT.mp4           repaint a clip of ten seconds at most
python -m nst recipes                         list the recipes with their values
python -m nst compare NAME PHOTO STYLE -o OUT repeat a published comparison
python -m nst open PICTURE                    show the recipe that a picture was painted with
python -m nst weights [vgg16|vgg19|all]       fetch VGG weights ahead of time, verify them
"""

import argparse
import json
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from PIL import Image
from tqdm import tqdm

from nst.compare import COMPARISONS, Entry, needs, paint_series, scaled
from nst.engine.stylize import Step
from nst.errors import BadInput, NstError, WeightsUnavailable
from nst.instant import instant_painter
from nst.outputs import check_outputs, find_photos, make_folder, plan, save_output
from nst.pictures.export import contact_sheet, read_notes, read_recipe
from nst.pictures.film import open_clip, repaint
from nst.pictures.images import open_photo
from nst.pipeline import Pipeline, choose_finish, open_pipeline
from nst.presets import find_style, preset_of, style_path
from nst.provenance import NOTE, otherwise_here, painted_by
from nst.published import RECIPES, get_recipe
from nst.recipe import Recipe, choices, parse_value
from nst.weights import SOURCES, fetch, is_fetchable

DONE, BAD_INPUT, STOPPED = 0, 2, 130
CLIPS = (".mp4", ".mov", ".webm", ".mkv")
OVERWRITE = "replace existing files; input files are never overwritten"
T = TypeVar("T")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise BadInput(f"{message[:1].upper()}{message[1:]}. See: python -m nst --help")


def _tell(*sentences: str) -> None:
    for sentence in dict.fromkeys(filter(None, sentences)):
        tqdm.write(sentence, file=sys.stderr)


def _opened(role: str, name: str | Path, read: Callable[..., T]) -> T:
    """A picture, or a sentence that says which of them cannot be used."""
    try:
        return read(name)
    except BadInput as error:
        raise BadInput(f"{role}: {error}") from None


def _aside(steps: Iterator[T]) -> Iterator[T]:
    """Each step in a thread of its own, so that Ctrl-C need not wait for the one under way."""
    thread = ThreadPoolExecutor(1)
    try:
        while (step := thread.submit(next, steps, None).result()) is not None:
            yield step
    finally:
        thread.shutdown(wait=False)


def _paint_parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m nst",
        description="Repaint a photo in the style of a painting.",
        epilog="Also: python -m nst recipes | compare | open | weights, each with --help.",
    )
    pictures = (
        "photos, folders of photos or a clip, and last the style: a picture or a preset's name"
    )
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
            options = f" ({', '.join(map(str, choices(name)))})" if choices(name) else ""
            about = f"{field.description}{options}".replace("%", "%%")
            add(f"--{name.replace('_', '-')}", metavar="VALUE", help=about)
    return parser


def _mixture(entries: list[str]) -> dict[str, float]:
    """The further styles with their weights."""
    mixed = {}
    for entry in entries:
        if not (found := re.fullmatch(r"(.+)=(\d*\.?\d+)", entry)):
            raise BadInput(f"--mix is {entry!r}; it must be like night.jpg=0.4.")
        mixed[found[1]] = float(found[2])
    if (total := sum(mixed.values())) > 1:
        raise BadInput(f"The weights of --mix add up to {total:g}; they can have 1 at most.")
    return mixed


def _recipe(args: argparse.Namespace, style: str, mixed: dict[str, float]) -> Recipe:
    """The recipe asked for, tuned for a preset style; explicit options override both."""
    given = {
        name: parse_value(name, text)
        for name in Recipe.model_fields
        if isinstance(text := getattr(args, name, None), str)
    }
    recipe, preset = get_recipe(args.recipe), preset_of(style)
    if mixed:
        given["mix"] = (1 - sum(mixed.values()), *mixed.values())
    recipe = (preset.recipe(recipe) if preset else recipe).replace(**given)
    if args.frames and not any(map(recipe.keeps, range(1, recipe.steps + 1))):
        kept = f"no frame of {recipe.steps} steps is kept"
        raise BadInput(f"--frames was given, but {kept}: add --keep-every or --keep-at.")
    return recipe


def _jobs(
    args: argparse.Namespace, names: list[str], inputs: list[Path]
) -> tuple[list[tuple[Path, Path]], bool]:
    """The photos to paint, each with where to; and whether there may be several.

    Of several those whose paintings are there already are left out, unless --overwrite is given.
    """
    photos = find_photos(names)
    many = len(photos) > 1 or Path(names[0]).is_dir()
    if not many:
        _opened("Photo", photos[0], open_photo)  # before the encoder is loaded
    inputs = [*inputs, *photos]
    if args.frames and args.frames.resolve() in (path.resolve().parent for path in inputs):
        raise BadInput("--frames is a folder that is painted from; choose another.")
    outs = plan(photos, args.out, many)
    check_outputs(outs, inputs, args.overwrite or many)
    jobs = list(zip(photos, outs, strict=True))
    if many and not args.overwrite:
        jobs = [(photo, out) for photo, out in jobs if not out.exists()]
        if there := len(outs) - len(jobs):
            _tell(f"{there} of {len(outs)} are there already; --overwrite paints them again.")
    return jobs, many


def _paint(argv: list[str]) -> int:
    """Paint every photo; one that fails is reported and skipped when there are others.

    Ctrl-C keeps what the one under way has, and begins no other.
    """
    args = _paint_parser().parse_args(argv)
    *names, style = args.pictures
    if not names:
        raise BadInput("One picture was given; a photo and a style are needed.")
    mixed = _mixture(args.mix)
    recipe = _recipe(args, style, mixed)
    styles = [_opened("Style", name, find_style) for name in (style, *mixed)]
    mask = _opened("Mask", args.mask, open_photo) if args.mask else None
    inputs = [*map(style_path, (style, *mixed)), *filter(None, [args.mask])]
    if names[0].lower().endswith(CLIPS):
        if len(names) > 1 or mixed or mask or args.frames:
            raise BadInput("A clip is painted alone, in one style, without --mask and --frames.")
        return _repaint(args, names[0], styles[0], recipe, inputs)
    jobs, many = _jobs(args, names, inputs)
    pipeline = open_pipeline(recipe, strict=True)
    painted: list[dict[str, Any]] = []
    failed: list[dict[str, str]] = []
    stopped = False
    for number, (photo, out) in enumerate(jobs, 1):
        label = f"{number} of {len(jobs)}: {photo.name}" if many else photo.name
        try:
            picture = _opened("Photo", photo, open_photo)
            steps = pipeline.paint(picture, styles, recipe, mask=mask, every=1.0)
            unfinished = out.with_stem(f"{out.stem}-unfinished") if many else out
            done = _paint_one(args, pipeline, recipe, steps, label, out, unfinished)
        except NstError as error:
            if not many:
                raise
            failed.append({"photo": str(photo), "error": str(error)})
            _tell(f"nst: skipped {photo}: {error}")
            continue
        painted += [{"photo": str(photo), **done}] if done else []
        if stopped := not done or done["stopped"]:
            break
    _tell(*(note for done in painted for note in done["notes"]), _better_finish(pipeline, recipe))
    if many and jobs:
        _tell(f"Painted {len(painted)} of {len(jobs)} photos.")
    if args.json and (painted or many):
        told = {"painted": painted, "failed": failed} if many else painted[0]
        print(json.dumps(told), flush=True)
    if stopped:
        return STOPPED
    return BAD_INPUT if failed and not painted else DONE


def _paint_one(
    args: argparse.Namespace,
    pipeline: Pipeline,
    recipe: Recipe,
    steps: Iterator[Step],
    label: str,
    out: Path,
    unfinished: Path,
) -> dict[str, Any]:
    """Paint one photo and save it, where it was stopped as `unfinished`.

    Returns facts for programs, none where it was stopped before anything was painted.
    """
    save: Callable[..., Path] = partial(
        save_output, recipe=recipe, notes={NOTE: painted_by(pipeline)}
    )
    last, stopped = None, True
    with suppress(KeyboardInterrupt), tqdm(total=recipe.steps, unit="step", desc=label) as bar:
        for step in _aside(steps):
            bar.update(step.step - bar.n)
            if step.picture is None:
                continue
            last = step
            if args.frames and recipe.keeps(step.step):
                number = f"{step.step:0{len(str(recipe.steps))}}"
                frame = make_folder(args.frames) / f"{out.stem}-{number}.png"
                if args.overwrite or not frame.exists():
                    save(step.picture, frame)
        stopped = False
    if last is None:
        return {}
    out = unfinished if stopped else out
    saved = save(last.picture, out)
    if saved != out:
        _tell(f"{out} could not be written in the end; the painting is in {saved}.")
    if stopped:
        _tell(f"Stopped after {last.step} of {last.total} steps; what is painted is in {saved}.")
    notes = (pipeline.reason, pipeline.substitutes(recipe), *last.notes)
    return {
        "out": str(saved),
        "encoder": pipeline.encoder.name,
        "finish": pipeline.finish.name if pipeline.finish and last.finished else None,
        "device": pipeline.device,
        "dtype": pipeline.dtype,
        "width": last.size[1],
        "height": last.size[0],
        "steps": last.step,
        "stopped": stopped,
        "seconds": round(last.seconds, 3),
        "losses": last.losses._asdict() if last.losses else {},
        "notes": [note for note in notes if note],
        "recipe": recipe.model_dump(),
    }


def _repaint(
    args: argparse.Namespace, name: str, style: Image.Image, recipe: Recipe, inputs: list[Path]
) -> int:
    """Repaint a clip frame by frame; Ctrl-C leaves nothing of it."""
    out, began = Path(args.out), time.perf_counter()
    check_outputs([out], [*inputs, Path(name)], args.overwrite, (".mp4",))
    clip = _opened("Clip", name, partial(open_clip, long_side=recipe.size))
    painted: Any = repaint(clip, out, instant_painter([style], recipe.replace(size=max(clip.size))))
    with suppress(KeyboardInterrupt), tqdm(total=clip.frames, unit="frame", desc=name) as bar:
        for frame in painted:
            bar.update(frame - bar.n)
    if bar.n < clip.frames:
        painted.close()
        _tell(f"Stopped after {bar.n} of {clip.frames} frames; nothing is saved.")
        return STOPPED
    if args.json:
        facts = {"clip": name, "out": args.out, "frames": bar.n, "rate": float(clip.rate)}
        facts |= dict(zip(("width", "height"), clip.size, strict=True))
        facts |= {"seconds": round(time.perf_counter() - began, 3), "recipe": recipe.model_dump()}
        print(json.dumps(facts), flush=True)
    return DONE


def _better_finish(pipeline: Pipeline, recipe: Recipe) -> str:
    """How to fetch VGG-19, where it would have finished and can be had; else empty."""
    name = pipeline.encoder.name
    wanted = recipe.replace(finish="vgg19") if recipe.finish == "auto" else recipe
    if name != "compact" or not choose_finish(wanted, name)[1] or not is_fetchable("vgg19"):
        return ""
    size = SOURCES["vgg19"].size / 1e6
    return f"For better paintings fetch VGG-19, {size:.0f} MB: python -m nst weights vgg19"


def _recipes(argv: list[str]) -> int:
    _Parser(prog="python -m nst recipes", description="List the recipes.").parse_args(argv)
    for name, entry in RECIPES.items():
        print(f"{name}\n  {entry.about}\n  Source: {entry.source}\n  Ours: {entry.ours}")
        for key, value in entry.recipe.model_dump().items():
            if key != "name" and (name == "default" or value != getattr(Recipe(), key)):
                text = ", ".join(map(str, value)) if isinstance(value, tuple) else value
                print(f"    {key} = {text}")
        print(flush=True)
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
    recipes, comparison = scaled(args.name, args.size, args.steps), COMPARISONS[args.name]
    photo = _opened("Photo", args.photo, open_photo)
    style = _opened("Style", args.style, find_style)
    check_outputs([args.out], [args.photo, style_path(args.style)], args.overwrite)
    pipelines: dict[str, Pipeline] = {}
    for recipe in {recipe.encoder: recipe for _, recipe in recipes}.values():
        try:
            pipeline = open_pipeline(recipe, strict=True)
        except WeightsUnavailable as error:
            if needs(args.name):
                raise
            _tell(str(error))
            pipeline = open_pipeline(recipe)
        _tell(pipeline.substitutes(recipe))
        pipelines[recipe.encoder] = pipeline

    def painter(photo: Image.Image, styles: Sequence[Image.Image], recipe: Recipe) -> Iterator:
        return _aside(pipelines[recipe.encoder].paint(photo, styles, recipe, every=1.0))

    entries = [Entry(title, (style,), recipe) for title, recipe in recipes]
    now, stopped = None, True
    with suppress(KeyboardInterrupt), tqdm(unit="step") as bar:
        for now in paint_series(photo, entries, painter, frames=comparison.frames):
            bar.total = now.total
            bar.set_description(now.title, refresh=False)
            bar.update(now.done - bar.n)
        stopped = False
    if now is None or not now.painted:
        return STOPPED
    tiles = [(one.picture, f"{one.title}, {one.seconds:.0f} s") for one in now.painted]
    sheet = contact_sheet([(photo, "the photo"), *tiles], 3, comparison.title)
    saved = save_output(sheet, args.out)
    for one in now.painted:
        losses = (
            f"{part} {getattr(one.losses, part):9.3g}" for part in ("content", "style", "total")
        )
        _tell(f"{one.title:24} {', '.join(losses)}, {one.seconds:6.1f} s")
    _tell(*now.step.notes, f"The sheet is in {saved}.")
    return STOPPED if stopped else DONE


def _open(argv: list[str]) -> int:
    parser = _Parser(prog="python -m nst open", description="Show the recipe inside a picture.")
    parser.add_argument("picture", type=Path)
    picture = parser.parse_args(argv).picture
    recipe, note = read_recipe(picture), read_notes(picture).get(NOTE, "")
    print(json.dumps(recipe.model_dump(), indent=2), flush=True)
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
    except BrokenPipeError:  # the reader of our output (head, say) had enough
        return DONE
    except OSError as error:
        _tell(f"nst: The output cannot be written: {error.strerror}.")
        return BAD_INPUT
