"""How well the shipped encoder and the instant painter paint, judged by the real VGG-19.

    python -m bench.quality --vgg19 FILE --photos DIR --paintings DIR --keep out/quality

Paints eight pairs that were never trained on with VGG-19 throughout, with the shipped encoder, with
that where VGG-19 finishes, all by the default recipe, and with the instant painter; prints the
marks of `bench/judge.py`. Paintings are kept, and those that are there are not painted again.
"""

import argparse
import json
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path

from torch import Tensor
from tqdm import tqdm

from bench.contenders import open_vgg19, tuned
from bench.judge import Marks, mark
from bench.speed import show
from nst.engine.canvas import resize
from nst.engine.encoders import Encoder
from nst.engine.stylize import stylize
from nst.hardware import use_machine
from nst.pictures.export import contact_sheet, save_picture
from nst.pictures.images import fit, open_photo, to_image, to_tensor
from nst.pipeline import choose_dtype
from nst.recipe import Recipe
from nst.weights import build_encoder

# Photograph and painting; none of them was seen in training (see tools/distil/album.py).
PAIRS = (
    ("101027", "jcjohnson_starry_night_google"),
    ("108070", "gordic_candy"),
    ("189080", "lengstrom_wave"),
    ("253027", "lengstrom_rain_princess"),
    ("176035", "gordic_mosaic"),
    ("134035", "naoto0804_contrast_of_forms"),
    ("376043", "naoto0804_sketch"),
    ("300091", "lengstrom_udnie"),
)
YARDSTICK = "vgg19"
CONTENDERS = (YARDSTICK, "compact", "finished", "instant")

Paint = Callable[[Tensor, Tensor], Tensor]
"""Content and style, (1, 3, H, W) each, to the painted picture."""


def scaled(style: Tensor, size: int) -> Tensor:
    """The style at the scale that it is painted at when the photo's long side is `size`."""
    factor = min(1.0, size / max(style.shape[2:]))
    return resize(style, [round(side * factor) for side in style.shape[2:]]).clamp(0, 1)


def by_steps(recipe: Recipe, encoder: Encoder, finish: Encoder | None = None) -> Paint:
    """Paints by a recipe."""

    def paint(content: Tensor, style: Tensor) -> Tensor:
        *_, last = stylize(content, [style], recipe, encoder, finish=finish, every=None)
        assert last.picture is not None
        return last.picture

    return paint


def at_once(encoder: Encoder, size: int) -> Paint:
    """Paints with the instant painter."""
    from nst.engine.painter import load_painter

    painter = load_painter(encoder)
    return lambda content, style: painter.paint(content, painter.style(scaled(style, size)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--vgg19", type=Path, required=True, help="weights as torchvision's")
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--paintings", type=Path, required=True)
    parser.add_argument("--keep", type=Path, required=True, help="folder for paintings and sheet")
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--pairs", type=int, default=len(PAIRS))
    parser.add_argument("--only", nargs="+", choices=CONTENDERS, default=CONTENDERS)
    args = parser.parse_args()

    use_machine()
    args.keep.mkdir(parents=True, exist_ok=True)
    judge = open_vgg19(args.vgg19)
    vgg = tuned(judge, choose_dtype("vgg19"))
    compact = build_encoder("compact", dtype=choose_dtype("compact"))
    recipe = Recipe(size=args.size)
    painters: dict[str, Callable[[], Paint]] = {
        YARDSTICK: lambda: by_steps(recipe, vgg),
        "compact": lambda: by_steps(recipe, compact),
        "finished": lambda: by_steps(recipe, compact, vgg),
        "instant": lambda: at_once(compact, args.size),
    }
    marks: dict[str, dict[str, Marks]] = {name: {} for name in args.only}
    tiles = []
    for photo_name, style_name in tqdm(PAIRS[: args.pairs], disable=None):
        pair = f"{photo_name}-{style_name}"
        photo = fit(open_photo(args.photos / f"{photo_name}.jpg"), args.size)
        painting = open_photo(args.paintings / f"{style_name}.jpg")
        content, style = to_tensor(photo), to_tensor(painting)
        tiles += [(photo, photo_name), (painting, style_name)]
        for name in args.only:
            kept = args.keep / f"{pair}-{args.size}-{name}.png"
            if not kept.exists():
                save_picture(to_image(painters[name]()(content, style)), kept)
            picture = open_photo(kept)
            found = mark(judge, to_tensor(picture), content, scaled(style, args.size))
            marks[name][pair] = found
            words = f"C {found.content:.2f} S {found.style:.3f} noise {found.noise:.2f}"
            tiles.append((picture, f"{name}: {words}"))
    report(marks)
    facts = {"recipe": recipe.to_json(), "fields": Marks._fields, "marks": marks}
    (args.keep / "figures.json").write_text(json.dumps(facts, indent=1))
    sheet = contact_sheet(tiles, columns=2 + len(args.only), title="Photo, style, and who painted")
    sheet.save(args.keep / "sheet.png")


def report(marks: dict[str, dict[str, Marks]]) -> None:
    """Print every pair, the means, and their ratios to the yardstick's."""
    rows: dict[str, Sequence[float]] = {}
    for name, found in marks.items():
        rows |= {f"{pair}: {name}": numbers for pair, numbers in found.items()}
        means = [statistics.fmean(column) for column in zip(*found.values(), strict=True)]
        rows[f"mean: {name}"] = means
        if theirs := rows.get(f"mean: {YARDSTICK}"):
            ratios = [mean / their for mean, their in zip(means, theirs, strict=True)]
            rows[f"{name} over {YARDSTICK}"] = ratios
    show("judged", {f: {k: v[i] for k, v in rows.items()} for i, f in enumerate(Marks._fields)})


if __name__ == "__main__":
    main()
