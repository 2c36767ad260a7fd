"""The loop: draw a batch, teach, paint a step on the canvases; checkpoints and what ships."""

import argparse
import hashlib
import json
import random
import signal
import time
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save, save_file
from torch import Tensor
from tqdm import tqdm

from nst.hardware import use_machine
from tools.distil import __doc__ as purpose
from tools.distil.album import HELD_OUT_PAINTINGS, HELD_OUT_PHOTOS, Album, jitter, tensors
from tools.distil.easel import Easel, ReplayBuffer
from tools.distil.layerwise import solve_layers
from tools.distil.lessons import (
    alike,
    distances,
    error,
    feature_lesson,
    gram_lesson,
    local_distance,
    objective,
)
from tools.distil.muon import Muon
from tools.distil.networks import BLOCKS, CONTENT, LEVELS, Seen, Student, Teacher, load_vgg19

WARM_UP = 200  # steps


class Classroom:
    """Teacher, student, pictures and easel: everything a step of learning needs."""

    def __init__(self, args: argparse.Namespace, device: torch.device) -> None:
        self.args, self.device = args, device
        self.rng = random.Random(args.seed)
        self.photos = Album.of(args.photos, HELD_OUT_PHOTOS)
        self.paintings = Album.of(args.paintings, HELD_OUT_PAINTINGS)
        self.unseen_photos = Album.named(args.photos, HELD_OUT_PHOTOS)
        self.unseen_paintings = Album.named(args.paintings, HELD_OUT_PAINTINGS)
        first = [a.crop(args.side, self.rng) for a in (self.photos, self.paintings) * 12]
        pictures = tensors(first).to(device)
        self.teacher = Teacher(args.teacher, device, pictures)
        self.student = Student(args.blocks)
        self.student.to(device, memory_format=torch.channels_last)
        self.easel, self.replay = Easel(args.places, args.side), ReplayBuffer(args.replay)
        with torch.no_grad():
            self.replay.put(pictures, self.teacher(pictures), self.rng)

    def begin(self) -> None:
        """Solve the student's layers and its heads on some pictures, before it learns."""
        albums = (self.photos, self.paintings)
        drawn = tensors([a.crop(128, self.rng) for a in albums * 80])
        drawn = torch.cat([drawn[:80], jitter(drawn[80:], self.rng)]).to(self.device)
        solve_layers(self.student, load_vgg19(self.args.teacher).to(self.device), drawn)
        some = drawn[::4]
        with torch.no_grad():
            truth = Seen.joined([self.teacher(part) for part in some.split(8)])
            self.student.fit_heads(some, truth.features)

    def step(self, number: int) -> Tensor:
        """The loss of one batch. Every second step, canvases are painted on before."""
        lesson = self.paint(number // 2) if number % 2 else self.draw()
        pictures, truth = self.replay.take(self.args.batch, self.rng)
        said = self.student(pictures.to(self.device))
        return lesson + feature_lesson(said, truth) + self.args.gram * gram_lesson(said, truth)

    def draw(self) -> Tensor:
        """Put new pictures into the replay buffer; nothing is to be learned from that yet."""
        albums = (self.photos, self.paintings)
        drawn = [self.rng.choice(albums).crop(self.args.side, self.rng) for _ in range(2)]
        pictures = jitter(tensors(drawn), self.rng)
        with torch.no_grad():
            self.replay.put(pictures, self.teacher(pictures.to(self.device)), self.rng)
        return torch.zeros((), device=self.device)

    def paint(self, number: int) -> Tensor:
        """Paint a step on some canvases; what the student has to learn of the gradients."""
        args, rng, easel, device = self.args, self.rng, self.easel, self.device
        n = args.canvases
        places = [(number * n + i) % args.places for i in range(n)]
        for place in easel.worn(places):
            photo, style = (
                tensors([a.crop(args.side, rng)]) for a in (self.photos, self.paintings)
            )
            easel.renew(place, photo[0], jitter(style, rng)[0], rng)
            both = torch.stack([easel.style[place], easel.photo[place]]).to(device)
            with torch.no_grad():
                known = self.teacher(both)
            easel.truth[place] = known[:1], known[1:]
            self.replay.put(both, known, rng)

        canvas = easel.canvas[places].to(device).requires_grad_()
        style, photo = (side[places].to(device) for side in (easel.style, easel.photo))
        true_style, true_photo = (
            Seen.joined(t) for t in zip(*(easel.truth[p] for p in places), strict=True)
        )
        true_canvas = self.teacher(canvas)
        self.replay.put(canvas, true_canvas.detach(), rng)
        theirs = distances(true_canvas, true_style, true_photo)
        strength = easel.strength[places].to(device)
        by_teacher = places[0] // n % 2 == 0

        lesson = canvas.new_zeros(())
        ours = theirs
        if args.gradient or not by_teacher:
            with torch.no_grad():
                own_style, own_photo = self.student(style), self.student(photo)
            ours = distances(self.student(canvas), own_style, own_photo)
        if args.gradient:
            # Mostly one term at a time: in the sum the strongest would hide the others.
            whole, level = rng.random() < 0.25, rng.choice(LEVELS)
            asked, answer = (
                (objective(t, strength) if whole else t[level]).sum() for t in (ours, theirs)
            )
            (truth,) = torch.autograd.grad(answer, canvas, retain_graph=True)
            (gradient,) = torch.autograd.grad(asked, canvas, create_graph=True)
            lesson = args.gradient * (1 - alike(gradient, truth).mean())

        judged = objective(theirs if by_teacher else ours, strength)
        local = easel.local[places].to(device) * strength / 8 * local_distance(canvas, style)
        (move,) = torch.autograd.grad((judged + local).sum(), canvas, retain_graph=True)
        easel.paint(places, move.detach().cpu())
        return lesson

    def exam(self) -> dict[str, dict[str, float]]:
        """Errors and gradients' cosines at every level, on unseen pictures the teacher painted."""
        canvas, others = (t.to(self.device) for t in self.paper)
        n = len(canvas)
        canvas.requires_grad_()
        with torch.no_grad():
            true_rest, rest = self.teacher(others), self.student(others)
        gradients = []
        for who, other in ((self.teacher, true_rest), (self.student, rest)):
            terms = distances(who(canvas), other[:n], other[n:])
            gradients.append(
                {
                    level: torch.autograd.grad(terms[level].sum(), canvas, retain_graph=True)[0]
                    for level in LEVELS
                }
            )
        true, ours = gradients
        return {
            "errors": {
                la: float(error(rest.features[la], true_rest.features[la])) for la in LEVELS
            },
            "cosines": {
                la: float(F.cosine_similarity(true[la].flatten(1), ours[la].flatten(1)).mean())
                for la in LEVELS
            },
        }

    @cached_property
    def paper(self) -> tuple[Tensor, Tensor]:
        """Half-painted canvases of 128 px, and their styles and photos; none was trained on."""
        rng = random.Random(0)
        albums = (self.unseen_paintings, self.unseen_photos)
        style, photo = (tensors([a.crop(128, rng) for _ in range(8)]) for a in albums)
        easel = Easel(8, 128)
        for i in range(8):
            easel.renew(i, photo[i], style[i], rng)
        others = torch.cat([style, photo])
        with torch.no_grad():
            seen = self.teacher(others.to(self.device))
        for _ in range(25):
            canvas = easel.canvas.clone().to(self.device).requires_grad_()
            terms = distances(self.teacher(canvas), seen[:8], seen[8:])
            strength = torch.full((8,), 8.0, device=self.device)
            (move,) = torch.autograd.grad(objective(terms, strength).sum(), canvas)
            easel.paint(list(range(8)), move.cpu())
        return easel.canvas, others


def rate_at(step: int, done: float) -> float:
    """Share of the peak rate: warm up, hold, and fall to nothing over the last two fifths."""
    return min(1.0, step / WARM_UP, (1 - done) / 0.4)


def export(student: Student, path: Path, facts: dict[str, str]) -> None:
    """Write the encoder in fp16: convolutions, each head as its triangular factor, its shape."""
    out = {f"convs.{k}": t for k, t in student.encoder.convs.state_dict().items()}
    for level in LEVELS:
        head = student.head(level).detach().double()
        out[f"lifts.{level}"] = torch.linalg.qr(head, mode="r").R
    half = {k: t.detach().to("cpu", torch.float16).contiguous() for k, t in out.items()}
    encoder = student.encoder
    shape = {
        "blocks": json.dumps(encoder.blocks),
        "pooling": encoder.pooling,
        "padding": encoder.padding,
        "content_layer": CONTENT,
    }
    named = {"sha256": hashlib.sha256(save(half)).hexdigest()}  # what pictures say painted them
    save_file(half, path, {**facts, **shape, **named})


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(purpose or "").partition("\n")[0])
    parser.add_argument("--teacher", type=Path, required=True)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--paintings", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("nst/data/compact.safetensors"))
    parser.add_argument("--checkpoint", type=Path, default=Path("out/distil.pt"))
    parser.add_argument("--minutes", type=float, default=60, help="of learning, all runs together")
    parser.add_argument("--side", type=int, default=96, help="pixels of a training crop")
    parser.add_argument("--batch", type=int, default=8, help="pictures of the replay buffer a step")
    parser.add_argument("--replay", type=int, default=400, help="pictures kept to learn from again")
    parser.add_argument("--canvases", type=int, default=2, help="canvases (styles, photos) a step")
    parser.add_argument("--places", type=int, default=16, help="canvases on the easel")
    parser.add_argument("--rate", type=float, default=0.004, help="of the convolutions, by Muon")
    parser.add_argument("--head-rate", type=float, default=1e-3, help="of the rest, by Adam")
    parser.add_argument("--gram", type=float, default=0.2, help="weight of the Gram lesson")
    parser.add_argument(
        "--gradient", type=float, default=0.3, help="weight of the gradients' lesson"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--blocks", type=json.loads, default=BLOCKS, help="widths as JSON")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    return parser.parse_args()


def main() -> None:
    args = parsed()
    use_machine()
    torch.manual_seed(args.seed)
    room = Classroom(args, torch.device(args.device))
    student = room.student
    convs = [conv.weight for conv in student.encoder.convolutions.values()]
    rest = [p for p in student.parameters() if all(p is not conv for conv in convs)]
    muon, adam = Muon(convs, args.rate), torch.optim.Adam(rest, betas=(0.9, 0.99))
    parts = {"student": student, "muon": muon, "adam": adam}
    step, spent, stages = 0, 0.0, ["layers solved by least squares on 160 crops of 128 px"]
    digest = hashlib.sha256(args.teacher.read_bytes()).hexdigest()
    if args.checkpoint.exists():
        saved = torch.load(args.checkpoint)
        for name, part in parts.items():
            part.load_state_dict(saved[name])
        step, spent, stages = saved["step"], saved["spent"], saved["stages"]
        room.teacher.directions = saved["directions"]
        room.rng.seed(args.seed + step)
        print(f"resumed at step {step}, after {spent / 60:.0f} minutes", flush=True)
    else:
        room.begin()
    args.checkpoint.parent.mkdir(parents=True, exist_ok=True)
    first = step

    def save() -> dict[str, dict[str, float]]:
        stage = (
            f"steps {first + 1} to {step}: {args.batch} crops of {args.side} "
            f"px, Muon {args.rate}, Adam {args.head_rate}, gram {args.gram}, "
            f"gradient {args.gradient}"
        )
        done = [*stages, stage]
        states = {name: part.state_dict() for name, part in parts.items()}
        states["directions"] = room.teacher.directions
        torch.save(states | {"step": step, "spent": spent, "stages": done}, args.checkpoint)
        marks = room.exam()
        facts = {
            "what": "compact encoder of nst, distilled from VGG-19",
            "teacher": args.teacher.name,
            "teacher_sha256": digest,
            "data": f"{len(room.photos.pictures)} photographs, "
            f"{len(room.paintings.pictures)} paintings",
            "schedule": "; ".join([f"seed {args.seed}", *done]),
            "versions": f"torch {torch.__version__}, numpy {np.__version__}",
            **{
                kind: json.dumps({k: round(v, 4) for k, v in m.items()})
                for kind, m in marks.items()
            },
        }
        export(student, args.out, facts)
        return marks

    stop: list[bool] = []
    signal.signal(signal.SIGTERM, lambda *_: stop.append(True))
    signal.signal(signal.SIGINT, lambda *_: stop.append(True))
    bar = tqdm(disable=None)
    mean = 0.0
    while spent < 60 * args.minutes and not stop:
        began = time.monotonic()
        rate = rate_at(step + 1, spent / (60 * args.minutes))
        for optimiser, peak in ((muon, args.rate), (adam, args.head_rate)):
            for group in optimiser.param_groups:
                group["lr"] = peak * rate
        loss = room.step(step)
        student.zero_grad(set_to_none=True)
        loss.backward()
        muon.step()
        adam.step()
        step += 1
        mean = mean * 0.99 + 0.01 * loss.item() if mean else loss.item()
        bar.update()
        spent += time.monotonic() - began
        if step % 250 == 0:
            marks = save()
            listed = " | ".join(" ".join(f"{v:.3f}" for v in m.values()) for m in marks.values())
            print(f"{step} {spent:.0f}s loss {mean:.3f} | {listed}", flush=True)
    save()


if __name__ == "__main__":
    main()
