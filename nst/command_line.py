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
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from PIL import Image
from tqdm import tqdm

from nst.compare import COMPARISONS, Entry, needs, paint_series, scaled
from nst.engine.stylize import Step
from nst.errors import BadInput, NstError
from nst.instant import instant_painter
from nst.outputs import check_output, make_folder, plan, save_output
from nst.pictures.export import contact_sheet, read_notes, read_recipe
from nst.pictures.film import open_clip, repaint
from nst.pictures.images import open_photo
from nst.pipeline import Pipeline, open_pipeline
from nst.presets import find_style, preset_of, style_path
from nst.provenance import NOTE, otherwise_here, painted_by
from nst.published import RECIPES, get_recipe
from nst.recipe import Recipe, choices, parse_value
from nst.weights import SOURCES, is_fetchable, load_vgg

DONE, BAD_INPUT, STOPPED = 0, 2, 130
CLIPS = (".mp4", ".mov", ".webm", ".mkv")
OVERWRITE = "replace existing files; input files are never overwritten"
PICTURES_HELP = "photos, folders of photos or a clip, and last the style: a picture or a preset"
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


def _paint(argv: list[str]) -> int:
    """Paint every photo; of several, one that fails is reported and skipped, one that is there
    already left out. Ctrl-C keeps what the one under way has, and begins no other.
    """
    args = _paint_arguments(argv)
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
    jobs, many = plan(names, args.out, inputs, args.overwrite)
    sources = {path.resolve().parent for path in [*inputs, *(photo for photo, _ in jobs)]}
    if args.frames and args.frames.resolve() in sources:
        raise BadInput("--frames is a folder that is painted from; choose another.")
    if many and not args.overwrite and (there := sum(out.exists() for _, out in jobs)):
        _tell(f"{there} of {len(jobs)} are there already; --overwrite paints them again.")
        jobs = [(photo, out) for photo, out in jobs if not out.exists()]
    pipeline = open_pipeline(recipe, strict=True)
    painted: list[dict[str, Any]] = []
    failed: list[dict[str, str]] = []
    stopped = False
    for number, (photo, out) in enumerate(jobs, 1):
        label = f"{number} of {len(jobs)}: {photo.name}" if many else photo.name
        try:
            picture = _opened("Photo", photo, open_photo)
            steps = pipeline.paint(picture, styles, recipe, mask=mask, every=1.0)
            facts = _paint_one(args, pipeline, recipe, steps, label, out, many)
        except NstError as error:
            if not many:
                raise
            failed.append({"photo": str(photo), "error": str(error)})
            _tell(f"nst: skipped {photo}: {error}")
            continue
        painted += [{"photo": str(photo), **facts}] if facts else []
        if stopped := not facts or facts["stopped"]:
            break
    _tell(*(note for facts in painted for note in facts["notes"]), _better_finish(pipeline, recipe))
    if many and jobs:
        _tell(f"Painted {len(painted)} of {len(jobs)} photos.")
    if args.json and (painted or many):
        print(json.dumps({"painted": painted, "failed": failed} if many else painted[0]))
    if stopped:
        return STOPPED
    return BAD_INPUT if failed and not painted else DONE


def _paint_arguments(argv: list[str]) -> argparse.Namespace:
    also = "Also: python -m nst recipes | compare | open | weights, each with --help."
    parser = _Parser("nst", description="Repaint a photo in the style of a painting.", epilog=also)
    add = parser.add_argument
    add("pictures", nargs="+", metavar="PICTURE", help=PICTURES_HELP)
    add("-o", "--out", required=True, help="picture, or folder")
    add("--overwrite", action="store_true", help=OVERWRITE)
    add("--frames", type=Path, metavar="FOLDER", help="for frames, by --keep-every and --keep-at")
    add("--json", action="store_true", help="print one JSON object last")
    mix = "another style and its weight; the first has what is left of 1"
    add("--mix", action="append", default=[], metavar="STYLE=WEIGHT", help=mix)
    add("--mask", type=Path, help="picture, white where to paint")
    add("--recipe", default="default", help=f"one of {', '.join(RECIPES)}")
    for name, field in Recipe.model_fields.items():
        if name not in ("name", "mix"):
            options = f" ({', '.join(map(str, choices(name)))})" if choices(name) else ""
            about = f"{field.description}{options}".replace("%", "%%")
            add(f"--{name.replace('_', '-')}", metavar="VALUE", help=about)
    return parser.parse_args(argv)


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
    if mixed:
        given["mix"] = (1 - sum(mixed.values()), *mixed.values())
    recipe, preset = get_recipe(args.recipe), preset_of(style)
    recipe = (preset.recipe(recipe) if preset else recipe).replace(**given)
    if args.frames and not any(map(recipe.keeps, range(1, recipe.steps + 1))):
        kept = f"no frame of {recipe.steps} steps is kept"
        raise BadInput(f"--frames was given, but {kept}: add --keep-every or --keep-at.")
    return recipe


def _paint_one(
    args: argparse.Namespace,
    pipeline: Pipeline,
    recipe: Recipe,
    steps: Iterator[Step],
    label: str,
    out: Path,
    many: bool,
) -> dict[str, Any]:
    """Paint one photo and save it, of many one that is stopped beside the finished ones.

    Returns facts for programs, none where it was stopped before anything was painted.
    """
    save = partial(save_output, recipe=recipe, notes={NOTE: painted_by(pipeline)})
    last: Any = None
    stopped = True
    with suppress(KeyboardInterrupt), tqdm(total=recipe.steps, unit="step", desc=label) as bar:
        for step in steps:
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
    if stopped and many:
        out = out.with_stem(f"{out.stem}-unfinished")
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
    check_output(out, [*inputs, Path(name)], args.overwrite, (".mp4",))
    clip = _opened("Clip", name, partial(open_clip, long_side=recipe.size))
    paint = instant_painter([style], recipe.replace(size=max(clip.size)))
    bar = tqdm(total=clip.frames, unit="frame", desc=name)
    with suppress(KeyboardInterrupt), bar, closing(repaint(clip, out, paint)) as painted:
        for frame in painted:
            bar.update(frame - bar.n)
    if bar.n < clip.frames:
        _tell(f"Stopped after {bar.n} of {clip.frames} frames; nothing is saved.")
        return STOPPED
    if args.json:
        facts = {"clip": name, "out": args.out, "frames": bar.n, "rate": float(clip.rate)}
        facts |= dict(zip(("width", "height"), clip.size, strict=True))
        facts |= {"seconds": round(time.perf_counter() - began, 3), "recipe": recipe.model_dump()}
        print(json.dumps(facts))
    return DONE


def _better_finish(pipeline: Pipeline, recipe: Recipe) -> str:
    """How to fetch VGG-19, where it would have finished and can be had; else empty."""
    alone = pipeline.encoder.name == "compact" and not pipeline.finish
    if not (alone and recipe.finish == "auto" and recipe.has_finish and is_fetchable("vgg19")):
        return ""
    size = SOURCES["vgg19"].size / 1e6
    return f"For better paintings fetch VGG-19, {size:.0f} MB: python -m nst weights vgg19"


def _recipes(argv: list[str]) -> int:
    _Parser("nst recipes", description="List the recipes.").parse_args(argv)
    for name, entry in RECIPES.items():
        print(f"{name}\n  {entry.about}\n  Source: {entry.source}\n  Ours: {entry.ours}")
        shown = entry.recipe.differences(Recipe()) or entry.recipe.model_dump(exclude={"name"})
        for key in shown:
            value = getattr(entry.recipe, key)
            print(f"    {key} = {', '.join(map(str, value)) if type(value) is tuple else value}")
        print()
    return DONE


def _compare(argv: list[str]) -> int:
    parser = _Parser("nst compare", description="Repeat a published comparison.")
    parser.add_argument("name", choices=tuple(COMPARISONS))
    parser.add_argument("photo", type=Path)
    parser.add_argument("style")
    parser.add_argument("-o", "--out", required=True)
    parser.add_argument("--overwrite", action="store_true", help=OVERWRITE)
    parser.add_argument("--size", type=int, help="long side; the recipes' own without it")
    parser.add_argument("--steps", type=int, help="steps; the recipes' own without it")
    args = parser.parse_args(argv)
    recipes, comparison = scaled(args.name, args.size, args.steps), COMPARISONS[args.name]
    photo = _opened("Photo", args.photo, open_photo)
    style = _opened("Style", args.style, find_style)
    check_output(Path(args.out), [args.photo, style_path(args.style)], args.overwrite)
    if missing := needs(args.name):
        raise BadInput(f"{missing} To fetch them: python -m nst weights all")
    _tell(*(open_pipeline(recipe).substitutes(recipe) for _, recipe in recipes))

    def painter(photo: Image.Image, styles: Any, recipe: Recipe) -> Iterator[Step]:
        return open_pipeline(recipe).paint(photo, styles, recipe, every=1.0)

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
    saved = save_output(sheet, Path(args.out))
    for one in now.painted:
        parts = ("content", "style", "total")
        losses = ", ".join(f"{part} {getattr(one.losses, part):9.3g}" for part in parts)
        _tell(f"{one.title:24} {losses}, {one.seconds:6.1f} s")
    _tell(*now.step.notes, f"The sheet is in {saved}.")
    return STOPPED if stopped else DONE


def _open(argv: list[str]) -> int:
    parser = _Parser("nst open", description="Show the recipe inside a picture.")
    parser.add_argument("picture", type=Path)
    picture = parser.parse_args(argv).picture
    recipe, note = read_recipe(picture), read_notes(picture).get(NOTE, "")
    print(json.dumps(recipe.model_dump(), indent=2))
    _tell(otherwise_here(note, recipe))
    return DONE


def _weights(argv: list[str]) -> int:
    parser = _Parser("nst weights", description="Fetch and verify VGG weights.")
    parser.add_argument("names", nargs="*", default=["all"], metavar="vgg16|vgg19|all")
    names = parser.parse_args(argv).names
    for name in SOURCES if "all" in names else names:
        load_vgg(name)
        print(f"{SOURCES[name].title} is at {SOURCES[name].found}")
    return DONE


COMMANDS = {"recipes": _recipes, "compare": _compare, "open": _open, "weights": _weights}


def main(argv: list[str]) -> int:
    """Run one command; returns the exit code: 0 done, 2 bad input, 130 stopped."""
    command = COMMANDS.get(argv[0]) if argv else None
    try:
        code = command(argv[1:]) if command else _paint(argv)
        print(end="", flush=True)
        return code
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
