"""Pictures that are being painted while the student learns, by the teacher and by the student."""

import random

import torch
import torch.nn.functional as F
from torch import Tensor

from nst.recipe import Recipe
from tools.distil.networks import STYLE, Seen, gram

__all__ = ["Easel", "ReplayBuffer"]

# Canvases are painted with the memory that Adam has in the default recipe.
BETA1, BETA2 = Recipe().beta1, Recipe().beta2


class Easel:
    """places: how many canvases there are, each with its photo, style and optimiser."""

    def __init__(self, places: int, side: int) -> None:
        self.canvas = torch.zeros(places, 3, side, side)
        self.photo = torch.zeros(places, 3, side, side)
        self.style = torch.zeros(places, 3, side, side)
        self.moments = torch.zeros(2, places, 3, side, side)
        self.age = torch.zeros(places)
        self.life = torch.zeros(places)
        self.rate = torch.zeros(places)
        self.strength = torch.zeros(places)
        self.local = torch.zeros(places)
        # What the teacher sees in style and photo, which do not change.
        self.truth: list[tuple[Seen, Seen] | None] = [None] * places

    def worn(self, places: list[int]) -> list[int]:
        return [place for place in places if self.age[place] >= self.life[place]]

    def renew(self, place: int, photo: Tensor, style: Tensor, rng: random.Random) -> None:
        """Begin a painting: over the photo, over noise, or over a half of the last one enlarged."""
        start = photo if rng.random() < 0.9 else torch.rand_like(photo)
        if self.life[place] and rng.random() < 0.3:  # what coarse to fine carries up a scale
            middle = start.shape[1] // 2
            start, photo = (
                F.interpolate(picture[None, :, :middle, :middle], scale_factor=2, mode="bilinear")[
                    0
                ]
                for picture in (self.canvas[place], self.photo[place])
            )
        self.canvas[place], self.photo[place], self.style[place] = start, photo, style
        self.truth[place] = None
        self.moments[:, place] = 0
        self.age[place] = 0
        self.life[place] = rng.choice((12, 30, 60))
        self.rate[place] = rng.choice((0.01, 0.03, 0.06))
        self.strength[place] = 10 ** rng.uniform(0.3, 1.7)
        self.local[place] = rng.choice((0.0, 1.0, 1.0))

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


class ReplayBuffer:
    """Pictures with what the teacher saw in them, to be learned from again: it looks slowly."""

    def __init__(self, places: int) -> None:
        self.places = places
        self.held: list[tuple[Tensor, dict[str, Tensor]]] = []

    def put(self, pictures: Tensor, seen: Seen, rng: random.Random) -> None:
        """Keep each of (N, 3, H, W); when all places are taken, in place of any other."""
        for i, picture in enumerate(pictures.detach().cpu()):
            features = {la: x[i].detach().bfloat16() for la, x in seen.features.items()}
            if len(self.held) < self.places:
                self.held.append((picture, features))
            else:
                self.held[rng.randrange(self.places)] = picture, features

    def take(self, count: int, rng: random.Random) -> tuple[Tensor, Seen]:
        pictures, features = zip(*rng.sample(self.held, count), strict=True)
        stacked = {la: torch.stack([f[la] for f in features]).float() for la in features[0]}
        return torch.stack(pictures), Seen(stacked, {la: gram(stacked[la]) for la in STYLE})
