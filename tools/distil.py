"""Distil a compact encoder from a large one, so that painting with it pleases the large one.

    python -m tools.distil --teacher TEACHER.safetensors --photos DIR --paintings DIR --steps 20000

The student starts from random weights and learns, through one linear head a level, the teacher's
features at relu1_1 .. relu5_1 and conv4_2, and the Gram matrices of the former. Painting finds
every mismatch between student and teacher, so a pool of pictures is painted by the student itself
while it learns, and those half-painted pictures are training data as well.

What ships is the student's convolutions and, for every head, the triangular factor of its QR
decomposition: the same metric in the student's own few dimensions.
"""

import argparse
import hashlib
import json
import random
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor, nn
from tqdm import tqdm

from bench.teacher import load_teacher
from nst.encoders import COMPACT_BLOCKS, Encoder, vgg_indices
from nst.hardware import fastest_dtype
from nst.recipe import Recipe
from nst.sealed import save_sealed

STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
CONTENT_LAYER = "conv4_2"
LEVELS = (*STYLE_LAYERS, CONTENT_LAYER)  # of the teacher
# The student's layers that answer for them.
ANSWERS = dict(
    zip(LEVELS, ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_3", "relu4_2"), strict=True)
)

# What is wrong with a painting is above all its deepest level, so that one counts more.
WEIGHTS = {"relu5_1": 3.0}

# Canvases are painted with the memory that Adam has in the house's own recipe.
BETA1, BETA2 = Recipe().beta1, Recipe().beta2

# Never trained on: `bench/quality.py` judges with these.
HELD_OUT_PHOTOS = (
    "101027 108070 118020 12084 134035 145086 163062 176035 189080 207056 220075 "
    "239096 253027 271008 288024 300091 317080 351093 376043 65033"
).split()
HELD_OUT_PAINTINGS = (
    "jcjohnson_starry_night_google gordic_candy gordic_mosaic lengstrom_rain_princess "
    "lengstrom_wave naoto0804_contrast_of_forms naoto0804_sketch lengstrom_udnie"
).split()


class Muon(torch.optim.Optimizer):
    """Momentum whose direction is orthogonalised (Jordan et al. 2024), for convolutions.

    Measured against Adam at three rates, it was ahead at every level after 160 steps.
    """

    def __init__(self, params, lr: float, momentum: float = 0.95) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self) -> None:
        for group in self.param_groups:
            for p in group["params"]:
                memory = self.state[p].setdefault("memory", torch.zeros_like(p))
                memory.lerp_(p.grad, 1 - group["momentum"])
                move = torch.lerp(p.grad, memory, group["momentum"]).flatten(1)
                tall = max(1.0, move.shape[0] / move.shape[1]) ** 0.5
                p.sub_(orthogonal(move).view_as(p), alpha=group["lr"] * tall)


def orthogonal(matrix: Tensor) -> Tensor:
    """Bring all singular values near 1 by five Newton-Schulz iterations."""
    wide = matrix.T if matrix.shape[0] > matrix.shape[1] else matrix
    wide = wide / (wide.norm() + 1e-7)
    for _ in range(5):
        square = wide @ wide.T
        wide = 3.4445 * wide + (2.0315 * square @ square - 4.7750 * square) @ wide
    return wide.T if matrix.shape[0] > matrix.shape[1] else wide


class Teacher:
    """A large network seen through the heads that give its features a common scale.

    path: the 16x-compressed VGG-19 of Collaborative Distillation (Wang et al. 2020) with its
    heads, or any torchvision-format VGG-19 (`features.{i}.weight`), which needs none.
    """

    def __init__(self, path: Path, device: torch.device) -> None:
        compressed = "conv0.weight" in load_file(path)
        self.network = (load_teacher if compressed else load_vgg19)(path).to(device)

    @torch.no_grad()
    def __call__(self, image: Tensor) -> dict[str, Tensor]:
        """{level: (N, K, h, w)} for RGB (N, 3, H, W) in 0..1."""
        with mixed_precision(image.device):
            found = self.network(image, LEVELS)
        found = {level: features.float() for level, features in found.items()}
        for layer, head in self.network.lifts.items():
            found[layer] = lift(found[layer], head)
        return found


def mixed_precision(device: torch.device) -> torch.autocast:
    """Convolutions in bf16 where that is faster; weights, heads and losses stay in fp32."""
    dtype = fastest_dtype(device, 32)
    return torch.autocast(device.type, dtype, enabled=dtype != torch.float32)


def load_vgg19(path: Path) -> Encoder:
    tensors = load_file(path)
    network = Encoder("vgg19", [[64] * 2, [128] * 2, [256] * 4, [512] * 4, [512] * 4])
    for conv, i in zip(network.convolutions.values(), vgg_indices("vgg19"), strict=True):
        conv.weight.data.copy_(tensors[f"features.{i}.weight"])
        conv.bias.data.copy_(tensors[f"features.{i}.bias"])
    return network.requires_grad_(False)


class Student(nn.Module):
    """The encoder in training, with a linear head a level into the teacher's target space."""

    def __init__(self, blocks, widths: dict[str, int]) -> None:
        super().__init__()
        self.encoder = Encoder("compact", blocks, "average", padding="picture")
        for conv in self.encoder.convolutions.values():
            nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
            nn.init.zeros_(conv.bias)
        self.heads = nn.ParameterDict()
        for level, k in widths.items():
            c = blocks[int(level[4]) - 1][int(ANSWERS[level][6]) - 1]
            self.heads[level] = nn.Parameter(torch.zeros(k, c + 1))
        # Adam's steps have a size of their own, so the heads learn targets of unit size.
        self.register_buffer("scales", torch.ones(len(LEVELS)))

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        with mixed_precision(image.device):
            found = self.encoder(image, ANSWERS.values())
        return {level: lift(found[ANSWERS[level]].float(), self.head(level)) for level in LEVELS}

    def take_up(self, saved: dict[str, Tensor]) -> bool:
        """Load what was saved; says whether all was there.

        Convolutions that are new start as the identity, so that a network can grow as it learns.
        """
        missing = self.load_state_dict(saved, strict=False).missing_keys
        for name in {key.rpartition(".")[0] for key in missing}:
            conv = self.get_submodule(name)
            nn.init.dirac_(conv.weight)
            nn.init.zeros_(conv.bias)
        return not missing

    def head(self, level: str) -> Tensor:
        return self.heads[level] * self.scales[LEVELS.index(level)]

    @torch.no_grad()
    def fit_heads(self, image: Tensor, truth: dict[str, Tensor]) -> None:
        """Set the scales, and the heads to the least-squares answer of the untrained network."""
        found = self.encoder(image, ANSWERS.values())
        for i, level in enumerate(LEVELS):
            self.scales[i] = truth[level].square().mean().sqrt()
            x = found[ANSWERS[level]].permute(0, 2, 3, 1).flatten(0, 2)
            x = torch.cat([x, x.new_ones(len(x), 1)], 1).double()
            y = (truth[level] / self.scales[i]).permute(0, 2, 3, 1).flatten(0, 2).double()
            ridge = torch.eye(x.shape[1], device=x.device) * 1e-3 * (x.T @ x).diagonal().mean()
            self.heads[level].copy_(torch.linalg.solve(x.T @ x + ridge, x.T @ y).T)


def lift(features: Tensor, head: Tensor) -> Tensor:
    """Apply a linear head (k, C + 1), whose last column is its bias, at every position."""
    return F.conv2d(features, head[:, :-1, None, None], head[:, -1])


def gram(features: Tensor) -> Tensor:
    """(N, C, h, w) -> (N, C, C), the mean over positions of the outer products."""
    flat = features.flatten(2)
    return flat @ flat.transpose(1, 2) / flat.shape[2]


def relative(difference: Tensor, reference: Tensor) -> Tensor:
    """Energy of each difference over that of its reference, averaged over the batch.

    Outliers count less: a flat crop has next to no energy of its own.
    """
    energy = difference.square().sum((1, 2)) / reference.square().sum((1, 2)).clamp_min(1e-6)
    return torch.log1p(energy).mean()


def variance(features: Tensor) -> Tensor:
    """Mean squared distance of features from their own mean over batch and positions."""
    return (features - features.mean((0, 2, 3), keepdim=True)).square().mean()


@dataclass
class Album:
    """Pictures held in memory, cut into jittered crops."""

    pictures: list[Image.Image]

    @classmethod
    def of(cls, folder: Path, left_out: list[str]) -> "Album":
        paths = sorted(p for p in folder.iterdir() if p.suffix == ".jpg" and p.stem not in left_out)
        return cls([Image.open(p).convert("RGB") for p in paths])

    def crop(self, side: int, rng: random.Random) -> Image.Image:
        """A square cut at a zoom between the whole short side and twice enlarged."""
        picture = rng.choice(self.pictures)
        short = min(picture.size)
        extent = max(side / 2, min(short, short * rng.uniform(0.3, 1.05)))
        x = rng.uniform(0, picture.width - extent)
        y = rng.uniform(0, picture.height - extent)
        cut = picture.resize((side, side), Image.Resampling.BICUBIC, (x, y, x + extent, y + extent))
        return cut.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if rng.random() < 0.5 else cut


def jitter(images: Tensor, rng: random.Random) -> Tensor:
    """Vary colour, contrast, gamma and grain of (N, 3, H, W) in 0..1, a third of them each.

    A quarter lose their colours first, half of those to become drawings on white paper.
    """
    images = images.clone()
    for image in images:
        if rng.random() < 0.25:
            grey = image.mean(0, keepdim=True)
            image.copy_(drawn(grey, rng) if rng.random() < 0.5 else grey)
        if rng.random() < 0.35:
            mix = torch.eye(3) + 0.25 * torch.tensor(
                [[rng.gauss(0, 1) for _ in "rgb"] for _ in "rgb"]
            )
            image.copy_(torch.einsum("ij,jhw->ihw", mix / mix.sum(1, keepdim=True), image))
        if rng.random() < 0.35:
            image.sub_(0.5).mul_(rng.uniform(0.5, 1.6)).add_(rng.uniform(0.35, 0.65))
        if rng.random() < 0.25:
            image.clamp_(0, 1).pow_(rng.uniform(0.6, 1.7))
        if rng.random() < 0.35:
            grain = torch.randn(3, *image.shape[1:]) * rng.uniform(0.01, 0.15)
            image.add_(grain if rng.random() < 0.5 else grain.mean(0, keepdim=True))
    return images.clamp_(0, 1)


def drawn(grey: Tensor, rng: random.Random) -> Tensor:
    """A pencil drawing of (1, H, W): how much darker than around it everything is."""
    reach = rng.choice((2, 4, 8))
    padded = F.pad(grey[None], [reach] * 4, mode="reflect")
    around = F.avg_pool2d(padded, 2 * reach + 1, 1)[0]
    return (grey / around.clamp_min(0.05)).clamp(0, 1) ** rng.uniform(1, 4)


class Easel:
    """Pictures being painted by the student while it learns."""

    def __init__(self, places: int, side: int) -> None:
        self.canvas = torch.zeros(places, 3, side, side)
        self.style = torch.zeros(places, 3, side, side)
        self.moments = torch.zeros(2, places, 3, side, side)
        self.age = torch.zeros(places)
        self.life = torch.zeros(places)
        self.rate = torch.zeros(places)
        self.strength = torch.zeros(places)
        self.content: list[Tensor | None] = [None] * places

    def renew(self, place: int, photo: Tensor, style: Tensor, content: Tensor, rng: random.Random):
        start = self.canvas[place].clone()
        if self.life[place] and rng.random() < 0.3:  # what coarse to fine carries up a scale
            half = start[:, : start.shape[1] // 2, : start.shape[2] // 2]
            start = F.interpolate(half[None], scale_factor=2, mode="bilinear")[0]
            photo, content = start, None
        self.canvas[place] = photo if rng.random() < 0.9 else torch.rand_like(photo)
        self.style[place], self.content[place] = style, content
        self.moments[:, place] = 0
        self.age[place] = 0
        self.life[place] = rng.choice((20, 50, 100, 160))
        self.rate[place] = rng.choice((0.01, 0.03, 0.1))
        self.strength[place] = 10 ** rng.uniform(0.3, 2)

    def paint(self, places: list[int], gradient: Tensor) -> None:
        """One Adam step on each canvas, clamped to 0..1."""
        self.age[places] += 1
        first = self.moments[0, places].lerp(gradient, 1 - BETA1)
        second = self.moments[1, places].lerp(gradient.square(), 1 - BETA2)
        self.moments[0, places], self.moments[1, places] = first, second
        age = self.age[places].view(-1, 1, 1, 1)
        move = first / (1 - BETA1**age) / ((second / (1 - BETA2**age)).sqrt() + 1e-12)
        rate = self.rate[places].view(-1, 1, 1, 1)
        self.canvas[places] = (self.canvas[places] - rate * move).clamp_(0, 1)


def tensors(images: list[Image.Image]) -> Tensor:
    array = np.stack([np.asarray(image) for image in images])
    return torch.from_numpy(array).permute(0, 3, 1, 2).float() / 255


def validate(student: Student, teacher: Teacher, album: Album, device) -> dict[str, float]:
    """Squared error over variance at every level, on unseen pictures."""
    rng = random.Random(0)
    images = tensors([album.crop(256, rng) for _ in range(16)]).to(device)
    with torch.no_grad():
        said, truth = student(images), teacher(images)
    return {
        level: float((said[level] - truth[level]).square().mean() / variance(truth[level]))
        for level in LEVELS
    }


def averaged(states: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    """Average the weights of one network at several times (Izmailov et al. 2018)."""
    return {name: torch.stack([s[name] for s in states]).mean(0) for name in states[0]}


def export(student: Student, path: Path, facts: dict[str, str]) -> None:
    """Write the encoder in fp16: convolutions, and each head as its triangular factor."""
    out = {f"convs.{k}": t for k, t in student.encoder.convs.state_dict().items()}
    for level in LEVELS:
        head = student.head(level).detach().double()
        out[f"lifts.{ANSWERS[level]}"] = torch.linalg.qr(head, mode="r").R
    half = {k: t.detach().to("cpu", torch.float16).contiguous() for k, t in out.items()}
    save_sealed(path, half, facts)


def rate_at(step: int, steps: int, peak: float) -> float:
    """Warm up over 200 steps, hold, and fall to nothing over the last third."""
    return peak * min(1.0, step / 200, max(0.0, (steps - step) / (steps / 3)))


def learn(student, teacher, easel, albums, step, args, rng, device):
    """Loss of one batch: plain crops, styles and half-painted canvases; paints on the canvases."""
    photos, paintings = albums
    places = [(step * args.canvases + i) % len(easel.age) for i in range(args.canvases)]
    worn = [p for p in places if easel.age[p] >= easel.life[p]]
    if worn:
        fresh = tensors([photos.crop(args.side, rng) for _ in worn])
        content = teacher(fresh.to(device))[CONTENT_LAYER].cpu()
        for i, place in enumerate(worn):
            style = jitter(tensors([paintings.crop(args.side, rng)]), rng)[0]
            easel.renew(place, fresh[i], style, content[i], rng)
    albums_drawn = [photos if rng.random() < 0.6 else paintings for _ in range(args.crops)]
    crops = jitter(tensors([album.crop(args.side, rng) for album in albums_drawn]), rng)

    n = len(places)
    canvas = easel.canvas[places].to(device).requires_grad_()
    others = torch.cat([easel.style[places], crops]).to(device)
    truth = teacher(torch.cat([canvas.detach(), others]))
    # Canvases go by themselves, so that the pull on them need not go back through the others.
    painted, rest = student(canvas), student(others)
    said = {level: torch.cat([painted[level], rest[level]]) for level in LEVELS}

    loss, pull = canvas.new_zeros(()), canvas.new_zeros(())
    strength = easel.strength[places].to(device)
    for level in LEVELS:
        weight = WEIGHTS.get(level, 1.0)
        loss = loss + weight * (said[level] - truth[level]).square().mean() / variance(truth[level])
        if level == CONTENT_LAYER:
            for i, place in enumerate(places):
                if easel.content[place] is not None:
                    goal = easel.content[place].to(device)
                    pull = pull + (painted[level][i] - goal).square().sum() / goal.square().sum()
            continue
        ours, theirs = gram(said[level]), gram(truth[level])
        loss = loss + weight * args.gram * relative(ours - theirs, theirs)
        gap, true_gap = ours[:n] - ours[n : 2 * n], theirs[:n] - theirs[n : 2 * n]
        loss = loss + weight * args.gram * relative(gap - true_gap, theirs[n : 2 * n])
        goal = ours[n : 2 * n].detach()
        distance = (gram(painted[level]) - goal).square().sum((1, 2))
        pull = pull + (strength * distance / goal.square().sum((1, 2))).sum() / 5
    (gradient,) = torch.autograd.grad(pull, canvas, retain_graph=True)
    easel.paint(places, gradient.cpu())
    return loss


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--teacher", type=Path, required=True)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--paintings", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("nst/data/compact.safetensors"))
    parser.add_argument("--checkpoint", type=Path, default=Path("out/distil.pt"))
    parser.add_argument("--average", type=Path, nargs="*", default=[], help="other checkpoints, "
                        "with whose weights those of --checkpoint are averaged first")  # fmt: skip
    parser.add_argument("--steps", type=int, default=20000)
    parser.add_argument("--side", type=int, default=160, help="pixels of a training crop")
    parser.add_argument("--crops", type=int, default=5, help="plain crops a step")
    parser.add_argument("--canvases", type=int, default=2, help="canvases (and styles) a step")
    parser.add_argument("--places", type=int, default=48, help="canvases on the easel")
    parser.add_argument("--rate", type=float, default=0.02, help="of the convolutions, by Muon")
    parser.add_argument("--head-rate", type=float, default=3e-3, help="of the rest, by Adam")
    parser.add_argument("--gram", type=float, default=1.0, help="weight of the Gram terms")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--blocks", type=json.loads, default=COMPACT_BLOCKS, help="widths as JSON")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    args = parser.parse_args()

    device = torch.device(args.device)
    torch.manual_seed(args.seed)
    rng = random.Random(args.seed)
    albums = Album.of(args.photos, HELD_OUT_PHOTOS), Album.of(args.paintings, HELD_OUT_PAINTINGS)
    unseen = [args.photos / f"{n}.jpg" for n in HELD_OUT_PHOTOS]
    unseen += [args.paintings / f"{n}.jpg" for n in HELD_OUT_PAINTINGS]
    unseen_album = Album([Image.open(p).convert("RGB") for p in unseen if p.exists()])
    teacher = Teacher(args.teacher, device)
    widths = {
        level: t.shape[1] for level, t in teacher(torch.rand(1, 3, 32, 32).to(device)).items()
    }
    student = Student(args.blocks, {level: widths[level] for level in LEVELS}).to(device)
    student.to(memory_format=torch.channels_last)
    first = tensors([album.crop(args.side, rng) for album in albums for _ in range(8)]).to(device)
    student.fit_heads(first, teacher(first))
    convs = [conv.weight for conv in student.encoder.convolutions.values()]
    others = [p for p in student.parameters() if all(p is not conv for conv in convs)]
    muon, adam = Muon(convs, args.rate), torch.optim.Adam(others, betas=(0.9, 0.99))
    peaks = (muon, args.rate), (adam, args.head_rate)
    easel = Easel(args.places, args.side)
    start, stages = 0, []
    if args.checkpoint.exists():
        saved = torch.load(args.checkpoint, weights_only=False)
        if student.take_up(saved["student"]):
            muon.load_state_dict(saved["muon"])
            adam.load_state_dict(saved["adam"])
        rng, start, stages = saved["rng"], saved["step"], saved["stages"]
        if saved["easel"].canvas.shape == easel.canvas.shape:
            easel = saved["easel"]
        print(f"resumed at step {start}")
        if args.average:
            others = [torch.load(path, weights_only=False) for path in args.average]
            student.load_state_dict(averaged([c["student"] for c in (*others, saved)]))
            steps = ", ".join(str(c["step"]) for c in (*others, saved))
            stages = [*stages, f"mean of the weights after steps {steps}"]
    args.checkpoint.parent.mkdir(parents=True, exist_ok=True)

    def save(step: int) -> dict[str, float]:
        states = {"student": student, "muon": muon, "adam": adam}
        state = {name: part.state_dict() for name, part in states.items()}
        stage = (
            f"to step {step} of {args.steps}: {2 * args.canvases + args.crops} crops of "
            f"{args.side} px, Muon {args.rate}, Adam {args.head_rate}, gram {args.gram}"
        )
        done = [*stages, stage] if step > start else stages
        state |= {"easel": easel, "rng": rng, "step": step, "stages": done}
        torch.save(state, args.checkpoint)
        errors = validate(student, teacher, unseen_album, device)
        facts = {
            "what": "compact encoder of nst, distilled from a random start",
            "teacher": args.teacher.name,
            "teacher_sha256": hashlib.sha256(args.teacher.read_bytes()).hexdigest(),
            "data": f"{len(albums[0].pictures)} photographs, {len(albums[1].pictures)} paintings",
            "schedule": "; ".join([f"seed {args.seed}", *done]),
            "versions": f"torch {torch.__version__}, numpy {np.__version__}",
            "errors": json.dumps({k: round(v, 5) for k, v in errors.items()}),
        }
        export(student, args.out, facts)
        return errors

    stop = []
    signal.signal(signal.SIGTERM, lambda *_: stop.append(True))
    signal.signal(signal.SIGINT, lambda *_: stop.append(True))
    bar = tqdm(range(start, args.steps), initial=start, total=args.steps, disable=None)
    mean, began = 0.0, time.time()
    for step in bar:
        for optimiser, peak in peaks:
            for group in optimiser.param_groups:
                group["lr"] = rate_at(step + 1, args.steps, peak)
        loss = learn(student, teacher, easel, albums, step, args, rng, device)
        student.zero_grad(set_to_none=True)
        loss.backward()
        muon.step()
        adam.step()
        mean = mean * 0.99 + 0.01 * loss.item() if mean else loss.item()
        bar.set_postfix(loss=f"{mean:.3f}", refresh=False)
        if (step + 1) % 250 == 0 or stop:
            errors = save(step + 1)
            listed = " ".join(f"{k} {v:.4f}" for k, v in errors.items())
            bar.write(f"{step + 1} {time.time() - began:.0f}s loss {mean:.4f} | {listed}")
        if stop:
            return
    save(args.steps)


if __name__ == "__main__":
    main()
