"""How well the shipped encoder paints, judged by the real VGG-19.

    python -m bench.quality --vgg19 FILE --photos DIR --paintings DIR --keep out/quality

Paints eight pairs that were never trained on with VGG-19 throughout, with the shipped encoder, and
with that where VGG-19 finishes, all by the default recipe; prints what `bench/judge.py` finds of
each, and the cosines between the gradients of the shipped encoder and of VGG-19 on half-painted
pictures. Paintings are kept, and those that are there already are not painted again.
"""

import argparse
import json
import statistics
from pathlib import Path

from torch import Tensor
from tqdm import tqdm

from bench.contenders import open_vgg19, tuned
from bench.judge import Marks, cosines, mark
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
HALF_PAINTED = Recipe(size=256, steps=60)
YARDSTICK = "vgg19"

# What paints, and what finishes each scale.
CONTENDERS = {
    YARDSTICK: ("vgg19", None),
    "compact": ("compact", None),
    "finished": ("compact", "vgg19"),
}


def scaled(style: Tensor, size: int) -> Tensor:
    """The style at the scale that it is painted at when the photo's long side is `size`."""
    factor = min(1.0, size / max(style.shape[2:]))
    return resize(style, [round(side * factor) for side in style.shape[2:]]).clamp(0, 1)


def paint(
    content: Tensor, style: Tensor, recipe: Recipe, encoder: Encoder, finish: Encoder | None
) -> Tensor:
    *_, last = stylize(content, [style], recipe, encoder, finish=finish, every=None)
    assert last.picture is not None
    return last.picture


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--vgg19", type=Path, required=True, help="weights as torchvision's")
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--paintings", type=Path, required=True)
    parser.add_argument("--keep", type=Path, required=True, help="folder for paintings and sheet")
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--pairs", type=int, default=len(PAIRS))
    args = parser.parse_args()

    use_machine()
    args.keep.mkdir(parents=True, exist_ok=True)
    judge, compact = open_vgg19(args.vgg19), build_encoder("compact")
    painters = {
        "vgg19": tuned(judge, choose_dtype("vgg19")),
        "compact": tuned(compact, choose_dtype("compact")),
        None: None,
    }
    recipe = Recipe(size=args.size)
    rows, tiles = [], []
    for photo_name, style_name in tqdm(PAIRS[: args.pairs], disable=None):
        photo = fit(open_photo(args.photos / f"{photo_name}.jpg"), args.size)
        painting = open_photo(args.paintings / f"{style_name}.jpg")
        content, style = to_tensor(photo), to_tensor(painting)
        goal = scaled(style, args.size)
        row: dict = {"photo": photo_name, "style": style_name}
        tiles += [(photo, photo_name), (painting, style_name)]
        for name, (painter, finisher) in CONTENDERS.items():
            kept = args.keep / f"{photo_name}-{style_name}-{args.size}-{name}.png"
            if not kept.exists():
                encoders = painters[painter], painters[finisher]
                save_picture(to_image(paint(content, style, recipe, *encoders)), kept)
            picture = to_tensor(open_photo(kept))
            row[name] = mark(judge, picture, content, goal)
            tiles.append((to_image(picture), f"{name}: {told(row[name])}"))
        half = HALF_PAINTED.size
        small, manner = to_tensor(fit(photo, half)), scaled(style, half)
        canvas = paint(small, manner, HALF_PAINTED, painters["vgg19"], None)
        row["cosines"] = cosines((compact, judge), canvas, small, manner)
        rows.append(row)
    report(rows)
    facts = {"recipe": recipe.to_json(), "rows": [_plain(row) for row in rows]}
    (args.keep / "figures.json").write_text(json.dumps(facts, indent=1))
    sheet = contact_sheet(tiles, columns=2 + len(CONTENDERS), title="Photo, style, and who painted")
    sheet.save(args.keep / "sheet.png")


def told(marks: Marks) -> str:
    return f"C {marks.content:.2f} S {marks.style:.3f} noise {marks.noise:.2f}"


def _plain(row: dict) -> dict:
    return {k: v._asdict() if isinstance(v, Marks) else v for k, v in row.items()}


def report(rows: list[dict]) -> None:
    """Print every pair, the means, and their ratios to the yardstick's."""
    print(f"{'':54}" + "".join(f"{field:>16}" for field in Marks._fields))
    for row in rows:
        for name in CONTENDERS:
            _print(f"{row['photo']} + {row['style']}: {name}"[:54], row[name])
    means = {
        name: Marks(
            *(statistics.fmean(column) for column in zip(*(r[name] for r in rows), strict=True))
        )
        for name in CONTENDERS
    }
    for name, marks in means.items():
        _print(f"mean: {name}", marks)
        _print(f"over {YARDSTICK}'s", [a / b for a, b in zip(marks, means[YARDSTICK], strict=True)])
    cosine = {la: statistics.fmean(r["cosines"][la] for r in rows) for la in rows[0]["cosines"]}
    print("gradients' cosines:", "  ".join(f"{la} {value:.2f}" for la, value in cosine.items()))


def _print(title: str, numbers) -> None:
    print(f"{title:54}" + "".join(f"{number:16.3f}" for number in numbers))


if __name__ == "__main__":
    main()
