"""How well the compact encoder paints, judged by the network that taught it.

    python -m bench.quality --teacher TEACHER --photos DIR --paintings DIR --sheet sheet.jpg

Paints pairs that were never trained on with both encoders, by one recipe, and prints for each
result the teacher's content distance C = |phi(x) - phi(c)|^2 / |phi(c)|^2 at conv4_2 and style
distance S = mean over five levels of |A (G_x - G_s) A^T|^2 / |A G_s A^T|^2; then the feature
errors of the student on unseen pictures (squared error over variance).
"""

import argparse
import json
import statistics
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from bench.teacher import load_teacher
from nst.engine.canvas import resize
from nst.engine.encoders import Encoder
from nst.engine.kernels import outer_sum
from nst.engine.losses import gram
from nst.engine.stylize import stylize
from nst.hardware import use_machine
from nst.pictures.export import contact_sheet
from nst.pictures.images import fit, open_photo, to_image, to_tensor
from nst.recipe import STYLE_LAYERS, Recipe
from nst.weights.encoders import build_encoder

# Photograph and painting; none of them was seen in training (see tools/distil.py).
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


def distances(teacher: Encoder, picture: Tensor, content: Tensor, style: Tensor) -> tuple:
    """(C, S) of a picture, both relative squared distances."""
    layers = {*STYLE_LAYERS, "conv4_2"}
    with torch.no_grad():
        found, photo, painting = (teacher(x, layers) for x in (picture, content, style))
    goal = photo["conv4_2"]
    c = (found["conv4_2"] - goal).square().sum() / goal.square().sum()
    levels = []
    for layer in STYLE_LAYERS:
        lift = teacher.projections[layer]
        ours, theirs = (gram(outer_sum(x[layer]), lift) for x in (found, painting))
        levels.append(float((ours - theirs).square().sum() / theirs.square().sum()))
    return float(c), statistics.fmean(levels), levels


def feature_errors(student: Encoder, teacher: Encoder, pictures: list[Tensor]) -> dict[str, float]:
    """Squared error over variance at every level, after the heads, over whole pictures."""
    pairs = [(student.resolve_layer(layer, "style"), layer) for layer in STYLE_LAYERS]
    pairs.append((student.resolve_layer("conv4_2", "content"), "conv4_2"))
    errors = {}
    for mine, theirs in pairs:
        wrong, spread = 0.0, 0.0
        for picture in pictures:
            with torch.no_grad():
                x = lifted(student, picture, mine)
                y = lifted(teacher, picture, theirs)
            # The lifts are triangular factors, each in a basis of its own: compare the student's
            # features in the teacher's through the rotation that fits them best.
            rotation = procrustes(x, y)
            wrong += float((rotation @ x - y).square().sum())
            spread += float((y - y.mean(1, keepdim=True)).square().sum())
        errors[theirs] = wrong / spread
    return errors


def lifted(encoder: Encoder, picture: Tensor, layer: str) -> Tensor:
    """(k, positions) features in the space where distances are meant."""
    features = encoder(picture, {layer})[layer].float()
    lift = encoder.projections.get(layer)
    if lift is not None:
        features = F.conv2d(features, lift[:, :-1, None, None], lift[:, -1])
    return features[0].flatten(1)


def procrustes(x: Tensor, y: Tensor) -> Tensor:
    """The orthogonal matrix nearest to carrying x into y."""
    u, _, v = torch.linalg.svd(y.double() @ x.double().T, full_matrices=False)
    return (u @ v).float()


def paint(encoder: Encoder, content: Tensor, style: Tensor, recipe: Recipe) -> Tensor:
    *_, last = stylize(content, [style], recipe, encoder, every=None)
    return last.picture


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--teacher", type=Path, required=True)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--paintings", type=Path, required=True)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--steps", type=int, default=Recipe().steps)
    parser.add_argument("--pairs", type=int, default=len(PAIRS))
    parser.add_argument("--sheet", type=Path, help="contact sheet to write")
    parser.add_argument("--json", type=Path, help="figures to write")
    args = parser.parse_args()

    use_machine()
    teacher, student = load_teacher(args.teacher), build_encoder("compact")
    recipe = Recipe(size=args.size, steps=args.steps)
    rows, tiles, photos = [], [], []
    for photo_name, style_name in tqdm(PAIRS[: args.pairs]):
        photo = fit(open_photo(args.photos / f"{photo_name}.jpg"), args.size)
        style_picture = open_photo(args.paintings / f"{style_name}.jpg")
        content, style = to_tensor(photo), to_tensor(style_picture)
        photos.append(content)
        # Judged at the scale that was painted for.
        factor = min(1.0, args.size / max(style.shape[2:]))
        scaled = resize(style, [round(side * factor) for side in style.shape[2:]]).clamp(0, 1)
        row = {"photo": photo_name, "style": style_name}
        tiles += [(photo, f"{photo_name}"), (style_picture, style_name)]
        for encoder in (teacher, student):
            picture = paint(encoder, content, style, recipe)
            c, s, levels = distances(teacher, picture, content, scaled)
            row[encoder.name] = {"C": c, "S": s, "levels": levels}
            tiles.append((to_image(picture), f"{encoder.name}: C {c:.3f}, S {s:.4f}"))
        rows.append(row)
    report(rows, feature_errors(student, teacher, photos), args)
    if args.sheet:
        contact_sheet(tiles, columns=4, title="Photo, style, teacher, compact").save(args.sheet)


def report(rows: list[dict], errors: dict[str, float], args: argparse.Namespace) -> None:
    print(
        f"{'pair':44}{'C teacher':>11}{'C compact':>11}{'S teacher':>11}{'S compact':>11}{'S x':>7}"
    )
    for row in rows:
        t, s = row["teacher"], row["compact"]
        name = f"{row['photo']} + {row['style']}"
        numbers = f"{t['C']:11.3f}{s['C']:11.3f}{t['S']:11.4f}{s['S']:11.4f}"
        print(f"{name:44}{numbers}{s['S'] / t['S']:7.1f}")
    means = {
        key: [statistics.fmean(row[who][key] for row in rows) for who in ("teacher", "compact")]
        for key in "CS"
    }
    ratios = {key: compact / teacher for key, (teacher, compact) in means.items()}
    print(
        f"{'mean':44}{means['C'][0]:11.3f}{means['C'][1]:11.3f}"
        f"{means['S'][0]:11.4f}{means['S'][1]:11.4f}{ratios['S']:7.1f}"
    )
    print(f"compact over teacher: C x {ratios['C']:.2f}, S x {ratios['S']:.2f}")
    print("feature errors:", "  ".join(f"{k} {v:.3f}" for k, v in errors.items()))
    if args.json:
        args.json.write_text(
            json.dumps({"rows": rows, "ratios": ratios, "errors": errors}, indent=1)
        )


if __name__ == "__main__":
    main()
