"""Paint ahead what the app shows at once: `python tools/samples.py [PHOTO-PRESET ...]`.

Every sample photograph in every preset, each with its own tuned recipe, as the JPEGs of
`examples/samples`. A picture remembers inside what painted it, so a run that was stopped goes on
where it was, and a new encoder paints them all anew.
"""

import argparse
import sys
from hashlib import sha256
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from nst import Recipe, open_photo, open_pipeline  # noqa: E402
from nst.pictures.images import fit  # noqa: E402
from nst.presets import EXAMPLES, load_presets, preset_of  # noqa: E402
from nst.weights import COMPACT, SOURCES  # noqa: E402
from ui.samples import OPENING, SAMPLES  # noqa: E402

__all__ = ["FOLDER", "SIDE", "main", "paint", "painted_by"]

FOLDER = EXAMPLES / "samples"
PAIRS = [f"{photo}-{preset.id}" for photo in SAMPLES for preset in load_presets()[0]]
SIDE = 384  # pixels of the long side: 52 of them weigh less than 2 MB together
LARGE = 768  # of the one picture that the page opens on


def paint(pair: str, recipe: Recipe) -> Path:
    """Paint one pair, such as "lion-ink-wash", unless it is there; returns where.

    recipe: size, steps and the encoders; the rest is the preset's own.
    """
    name, _, style = pair.partition("-")
    preset = preset_of(style)
    if name not in SAMPLES or preset is None:
        raise SystemExit(f"{pair} is not a sample and a preset, such as {PAIRS[0]}.")
    side = LARGE if (name, style) == OPENING else SIDE
    recipe = preset.recipe(recipe).replace(size=max(recipe.size, side))
    path, mark = FOLDER / f"{pair}.jpg", _mark(recipe)
    if painted_by(path) != mark:
        photo = open_photo(SAMPLES[name].path)
        pipeline = open_pipeline(recipe, strict=True)
        *_, last = pipeline.paint(photo, [open_photo(preset.path)], recipe, every=None)
        FOLDER.mkdir(exist_ok=True)
        picture = fit(last.picture.convert("RGB"), side)
        picture.save(path, quality=76, optimize=True, progressive=True, comment=mark)
    return path


def painted_by(path: Path) -> str:
    """What is noted in a sample: its encoder, the beginnings of two digests, its recipe.

    The digests are the sha256 of the encoder's weights and of all settings.
    """
    if not path.exists():
        return ""
    with Image.open(path) as picture:
        return str(picture.info.get("comment", b""), "utf-8")


def _mark(recipe: Recipe) -> str:
    name = recipe.encoder
    whole = SOURCES[name].sha256 if name in SOURCES else sha256(COMPACT.read_bytes()).hexdigest()
    # A link leaves out what is a default, and defaults change, so a digest is of all settings.
    settings = sha256(recipe.to_json().encode()).hexdigest()
    return f"{name} {whole[:12]} {settings[:12]} {recipe.to_query(Recipe())}"


def main() -> None:
    """Paint all pairs, or those named."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("pairs", nargs="*", default=PAIRS)
    parser.add_argument("--encoder", default="compact", help="by which all of it is painted")
    parser.add_argument("--size", type=int, default=Recipe().size, help="pixels it is painted at")
    parser.add_argument("--steps", type=int, default=Recipe().steps)
    args = parser.parse_args()
    recipe = Recipe(encoder=args.encoder, finish="off", size=args.size, steps=args.steps)
    for number, pair in enumerate(args.pairs, start=1):
        path = paint(pair, recipe)
        kilobytes = path.stat().st_size / 1000
        line = f"{number} of {len(args.pairs)}: {path.name}, {kilobytes:.0f} kB"
        print(f"{line}, {painted_by(path)}", flush=True)
    whole = sum(path.stat().st_size for path in FOLDER.glob("*.jpg"))
    print(f"Together {whole / 1e6:.2f} MB.")


if __name__ == "__main__":
    main()
