"""The loop: photos and styles, the painter's answer, what the judges say; checkpoints, averages."""

import argparse
import copy
import hashlib
import json
import random
import signal
import time
from collections.abc import Collection
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from nst.engine.encoders import load_features, vgg
from nst.engine.painter import DIRECTIONS, Painter
from nst.hardware import use_machine
from nst.weights import build_encoder
from tools.distil.album import HELD_OUT_PAINTINGS, HELD_OUT_PHOTOS
from tools.distil.muon import Muon
from tools.painter import __doc__ as purpose
from tools.painter.lessons import Judge, Studio, joined, lesson

ENCODER = Path("nst/data/compact.safetensors")  # a painter works with the one it was taught with
AVERAGE = 0.99  # of the weights' moving average, by step


def pictures(folder: Path, left_out: Collection[str] = ()) -> list[Path]:
    return sorted(
        p for p in folder.iterdir() if p.suffix in (".jpg", ".png") and p.stem not in left_out
    )


@torch.no_grad()
def begin(painter: Painter, studio: Studio) -> None:
    """Principal directions of the encoder's features, and what the inputs are about."""
    seen = []
    for _ in range(60):
        x = studio.draw().picture if studio.rng.random() < 0.6 else studio.photo((192, 256))
        found = painter.encoder(x, [f"relu{i}_1" for i in range(1, 6)])
        flats = [f.float().permute(0, 2, 3, 1).flatten(0, 2) for f in found.values()]
        seen.append([(f.mean(0), f.T @ f / len(f)) for f in flats])
    for i, k in enumerate(DIRECTIONS):
        mean, outer = (torch.stack([s[i][j] for s in seen]).mean(0) for j in (0, 1))
        values, vectors = torch.linalg.eigh((outer - mean[:, None] * mean).double())
        rows = vectors[:, -k:].flip(1).T.float() / float(values[-k:].mean() ** 0.5)
        print("level", i + 1, "kept", float(values[-k:].sum() / values.sum()))
        getattr(painter, f"basis{i + 1}").copy_(torch.cat([rows, -(rows @ mean)[:, None]], 1))
    inputs = []
    for _ in range(120):
        m = studio.draw().code.moments[1:]
        spreads = [x.cov.diagonal(dim1=1, dim2=2).clamp_min(1e-6).log() for x in m]
        inputs.append(torch.cat([*(x.mean for x in m), *spreads], 1))
    inputs = torch.cat(inputs)
    painter.centre.copy_(torch.stack([inputs.mean(0), 1 / inputs.std(0).clamp_min(0.05)]))


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=purpose)
    parser.add_argument("--teacher", type=Path, required=True, help="VGG-19 as torchvision's")
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--paintings", type=Path, nargs="+", required=True)
    parser.add_argument("--presets", type=Path, default=Path("examples/styles"))
    parser.add_argument("--out", type=Path, default=Path("nst/data/painter.safetensors"))
    parser.add_argument("--checkpoint", type=Path, default=Path("out/painter.pt"))
    parser.add_argument("--minutes", type=float, default=60, help="of processor time, of this run")
    parser.add_argument("--rate", type=float, default=0.006, help="of the convolutions, by Muon")
    parser.add_argument("--rest", type=float, default=1e-3, help="of the rest, by Adam")
    parser.add_argument("--hold", type=float, default=0.4, help="share of the run at the full rate")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--size", type=int, nargs=2, default=(192, 256), help="of a photo's cut")
    parser.add_argument("--vgg", type=float, default=0.0, help="share of steps VGG-19 judges")
    parser.add_argument("--widen", type=float, default=0.5, help="share of styles beyond presets")
    parser.add_argument("--places", type=int, default=96, help="styles at hand at any time")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def main() -> None:
    args = parsed()
    use_machine()
    torch.manual_seed(args.seed)
    rng = random.Random(args.seed)
    encoder = build_encoder("compact", dtype=torch.bfloat16)
    presets = pictures(args.presets)
    painter = Painter(encoder, [p.stem for p in presets])
    paintings = [p for folder in args.paintings for p in pictures(folder, HELD_OUT_PAINTINGS)]
    studio = Studio(
        painter, pictures(args.photos, HELD_OUT_PHOTOS), paintings, presets,
        args.places, args.widen, rng,
    )  # fmt: skip
    compact = studio.judge
    teacher = load_features(vgg("vgg19"), load_file(args.teacher)).requires_grad_(False)
    teacher = Judge(teacher.to(torch.bfloat16, memory_format=torch.channels_last))
    step, history = 0, []
    convs = [p for name, p in painter.levels.named_parameters() if p.dim() == 4]
    rest = [p for p in painter.parameters() if all(p is not conv for conv in convs)]
    muon, adam = Muon(convs, args.rate), torch.optim.Adam(rest, betas=(0.9, 0.98))
    optimisers = {"muon": (muon, args.rate), "adam": (adam, args.rest)}
    average = copy.deepcopy(painter.state_dict())
    if args.checkpoint.exists():
        saved = torch.load(args.checkpoint)
        painter.load_state_dict(saved["painter"])
        for name, (optimiser, _) in optimisers.items():
            if saved[name]:
                optimiser.load_state_dict(saved[name])
        average, step, history = saved["average"], saved["step"], saved["history"]
        rng.seed(args.seed + step)
        print(f"resumed at step {step}", flush=True)
    else:
        begin(painter, studio)
        average = copy.deepcopy(painter.state_dict())
    painter.to(memory_format=torch.channels_last)
    first, spent, means = step, 0.0, {}

    def save() -> None:
        stage = (
            f"steps {first + 1} to {step}: {args.batch} cuts of {args.size[1]} x {args.size[0]} px,"
            f" Muon {args.rate}, Adam {args.rest}, VGG-19 judging {args.vgg:g} of them,"
            f" {args.widen:g} of styles beyond presets"
        )
        done = [*history, stage]
        args.checkpoint.parent.mkdir(parents=True, exist_ok=True)
        torch.save(
            {name: optimiser.state_dict() for name, (optimiser, _) in optimisers.items()}
            | {"painter": painter.state_dict(), "average": average}
            | {"step": step, "history": done},
            args.checkpoint.with_suffix(".new"),
        )
        args.checkpoint.with_suffix(".new").replace(args.checkpoint)
        facts = {
            "what": "instant painter of nst",
            "encoder_sha256": hashlib.sha256(ENCODER.read_bytes()).hexdigest(),
            "teacher_sha256": hashlib.sha256(args.teacher.read_bytes()).hexdigest(),
            "data": f"{len(studio.photos)} photographs, {len(studio.paintings)} paintings",
            "schedule": "; ".join(done),
            "presets": json.dumps(painter.presets),
        }
        half = {k: t.half().contiguous() for k, t in average.items()}
        save_file(half, args.out, facts)

    stop: list[bool] = []
    signal.signal(signal.SIGTERM, lambda *_: stop.append(True))
    while spent < 60 * args.minutes and not stop:
        start = time.process_time()
        share = spent / (60 * args.minutes)
        rate = min(1, (step - first + 1) / 150, (1 - share) / (1 - args.hold))
        for optimiser, peak in optimisers.values():
            for group in optimiser.param_groups:
                group["lr"] = peak * rate
        styles = studio.choose(args.batch)
        size = args.size if rng.random() < 0.7 else args.size[::-1]
        photo = torch.cat([studio.photo(size) for _ in styles]).contiguous(
            memory_format=torch.channels_last
        )
        strength = torch.tensor(
            [50.0 if rng.random() < 0.4 else rng.uniform(15, 85) for _ in styles]
        )
        # A preset's own code is left out now and then, so that predictions have to be good too.
        own: list[Tensor] = [
            painter.own[s.preset]
            if s.preset >= 0 and rng.random() < 0.7
            else painter.own.new_zeros(64)
            for s in styles
        ]
        code = joined([s.code for s in styles], torch.stack(own))
        judge = teacher if rng.random() < args.vgg else compact
        painted = painter(photo, code, strength)
        loss, facts = lesson(judge, painted, photo, styles, 20 ** (strength / 50 - 1))
        painter.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(painter.parameters(), 1.0)
        if torch.isfinite(norm):
            muon.step()
            adam.step()
        step += 1
        keep = min(AVERAGE, 1 - 1 / (1 + (step) / 10))
        with torch.no_grad():
            for key, tensor in painter.state_dict().items():
                average[key].lerp_(tensor, 1 - keep)
        facts |= {"loss": float(loss.detach()), "norm": float(norm)}
        for key, value in facts.items():
            means[key] = means.get(key, value) * 0.98 + 0.02 * value
        spent += time.process_time() - start
        if step % 25 == 0:
            listed = " ".join(f"{k} {v:.3f}" for k, v in means.items())
            print(f"{step} {spent:.0f}s rate {rate:.2f} {listed}", flush=True)
        if step % 100 == 0:  # a few minutes
            save()
    save()


if __name__ == "__main__":
    main()
