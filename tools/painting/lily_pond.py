"""A lily pond without a horizon: short dabs, deep reflections, rafts of pads and open flowers.

The water is laid twice, as real painters do: long upright strokes for what it mirrors (willows,
a lilac sky), then level dabs for its surface. Pads shrink with distance, each built of dabs that
round its rim; flowers are petals of thick paint; willow fronds hang across the top.
"""

import numpy as np
from PIL import Image

from painting.brush import (
    Brush,
    Canvas,
    comb,
    grid,
    hex_to_oklab,
    jitter,
    matching,
    noise,
    ramp,
    smoothstep,
    turn,
)

__all__ = ["paint"]

WIDTH, HEIGHT = 960, 780
MIRROR = hex_to_oklab(
    "071f3a", "0c4450", "14735c", "2f8fa0", "5f86d0", "a48ae0", "eeb0d8", "ffdcc4"
)
STRAY = ("231f86", "1560b0", "1f9a86", "7d5fd8", "e080c0")
PAD = hex_to_oklab("0a3a3a", "14703f", "3f9c40", "86bf3f", "cfe06a", "e6f0b8")
WILLOW = hex_to_oklab("08282c", "145030", "38802a", "8fb02f", "e0d84a")
PINK = hex_to_oklab("9c2f68", "d35a8c", "f08fb0", "fbc6d2", "fff0ee")
WHITE = hex_to_oklab("8a86c8", "c3c2ea", "ece8f4", "fffaf0", "fffdf6")
GOLD = hex_to_oklab("e8941f", "f9c638", "ffe680")

# x, y, width and number of pads of each raft
RAFTS = [
    (300, 128, 330, 26), (742, 168, 300, 22), (120, 236, 250, 14), (520, 262, 290, 18),
    (838, 330, 270, 14), (250, 398, 330, 15), (640, 476, 330, 14), (90, 560, 250, 8),
    (880, 640, 250, 8), (400, 668, 420, 13),
]  # fmt: skip
# x, y, reach of the petals
PINK_FLOWERS = [
    (392, 648, 65), (868, 618, 60), (100, 540, 52), (590, 484, 42), (316, 402, 39), (792, 336, 30),
    (470, 254, 30), (104, 228, 27), (760, 164, 22), (300, 124, 20),
]  # fmt: skip
WHITE_FLOWERS = [
    (300, 700, 52), (560, 668, 52), (688, 460, 46), (196, 386, 40), (850, 318, 36), (572, 262, 29),
    (160, 240, 22), (690, 170, 20), (230, 132, 17), (392, 126, 17), (830, 160, 17),
]  # fmt: skip


def _nearness(y: np.ndarray | float) -> np.ndarray | float:
    """Size of things on the water: 0.25 at the top of the picture, 1 at the bottom."""
    return 0.22 + 0.78 * np.clip(np.asarray(y) / HEIGHT, 0, 1) ** 1.1


def _paint_water(rng: np.random.Generator, canvas: Canvas) -> None:
    x, y = grid(WIDTH, HEIGHT)
    upright = turn(np.pi / 2 + 0.12 * np.sin(y / 60 + x / 40))
    mirrored = comb(upright, noise(rng, x.shape, 70), 130)
    fine = comb(upright, noise(rng, x.shape, 26), 70)
    opening = np.exp(-(((x - 520 - 170 * np.sin(y / 150 + 0.4)) / (130 + 0.22 * y)) ** 2))
    second = np.exp(-(((x - 60) / 80) ** 2 + ((y - 420) / 170) ** 2))
    tone = 0.27 + 0.6 * opening + 0.5 * second + 0.11 * mirrored + 0.06 * fine
    target = ramp(MIRROR, tone + 0.08 * smoothstep(500, 100, y))
    everywhere = np.ones(x.shape)
    deep = matching(rng, target, 0.03, 0.12, 0.16)
    canvas.cover(17, everywhere, upright, (70, 130), (24, 34), deep, Brush(relief=0.4))
    canvas.cover(12, everywhere, upright, (40, 90), (11, 17), deep, Brush(relief=0.6), deep)

    level = turn(0.16 * np.sin(x / 90 + y / 40) + 0.05 * noise(rng, x.shape, 60))
    ripple = comb(level, noise(rng, x.shape, 12), 40)
    lifted = ramp(MIRROR, tone + 0.13 * ripple + 0.05)
    surface = matching(rng, lifted, 0.04, 0.2, 0.28)
    stray = ramp(hex_to_oklab(*STRAY), 0.5 + 0.24 * noise(rng, x.shape, 50))
    broken = matching(rng, lifted * 0.5 + stray * 0.5, 0.04, 0.3, 0.4)
    for low, high, width in [(0, 300, 8), (240, 540, 12), (480, 781, 16)]:
        body = ((y >= low) & (y < high)).astype(float)
        reach, size = (width * 2.2, width * 5), (width * 0.7, width * 1.2)
        canvas.cover(
            width * 1.35, body * 0.9, level, reach, size, surface, Brush(relief=1.2), broken
        )
        canvas.cover(width * 2.4, body * 0.8, level, reach, size, broken, Brush(relief=1.4))
    sparks = smoothstep(0.7, 1.6, ripple) * smoothstep(0.35, 0.8, tone)
    pale = matching(rng, np.broadcast_to(MIRROR[-1], (*x.shape, 3)), 0.02, 0.4, 0.4)
    canvas.cover(13, sparks * 0.8, level, (24, 52), (7, 11), pale, Brush(relief=1.6))


def _pads(rng: np.random.Generator) -> np.ndarray:
    """Pads (N, 3) as x, y, radius, on the rafts without much overlap, far ones first."""
    pads: list[tuple[float, float, float]] = []
    for cx, cy, spread, count in RAFTS:
        wanted = len(pads) + count
        for _ in range(count * 12):
            along, deep = np.clip(rng.normal(0, 0.45, 2), -1, 1)
            x = cx + along * spread / 2
            y = cy + deep * spread * 0.11
            radius = 72 * _nearness(y) * rng.uniform(0.7, 1.25)
            apart = [np.hypot(x - px, (y - py) * 2.8) / (radius + pr) for px, py, pr in pads]
            if min(apart, default=1) > 0.74:
                pads.append((x, y, float(radius)))
            if len(pads) == wanted:
                break
    return np.array(sorted(pads, key=lambda pad: pad[1]))


def _paint_pad(rng: np.random.Generator, canvas: Canvas, x: float, y: float, radius: float) -> None:
    """Shadow on the water, rings of dabs from rim to heart, and a lit far rim."""
    flat = np.array([1, 0.36])
    notch = rng.uniform(0, 2 * np.pi)
    mood = rng.uniform(-0.12, 0.12)
    wide = max(4.0, radius * 0.24)
    below = np.pi * np.linspace(0.04, 0.96, 9)
    shadow = np.array([x, y + radius * 0.12]) + radius * turn(below)[None] * flat
    canvas.lay(shadow, wide * 1.1, hex_to_oklab("0a2230"), Brush(opacity=0.8, relief=0.3))
    for ring in (0.86, 0.55, 0.22):
        arcs = max(4, int(10 * ring))
        angles = notch + 0.2 + (2 * np.pi - 0.4) * (np.arange(arcs) + 0.5) / arcs
        turns = angles[:, None] + np.linspace(-0.55, 0.55, 6) * 2 * np.pi / arcs
        paths = np.array([x, y]) + radius * ring * turn(turns) * flat
        paths = paths + rng.normal(0, radius * 0.05, (arcs, 1, 2)) * flat
        lit = 0.38 + mood - 0.2 * np.sin(angles) - 0.16 * np.cos(angles) + 0.1 * ring
        colours = jitter(rng, ramp(PAD, lit), 0.06, 0.2, 0.3)
        glaze = jitter(rng, ramp(PAD, lit + 0.15), 0.05, 0.25, 0.5)
        canvas.lay(paths, wide, colours, Brush(relief=1.3, drag=0.1, wobble=0.12), glaze)
    for start in (1.05, 1.32, 1.6):
        rim = np.pi * (start + np.linspace(0, rng.uniform(0.12, 0.24), 5))
        path = np.array([x, y]) + radius * rng.uniform(0.88, 1) * turn(rim)[None] * flat
        pale = jitter(rng, PAD[-1:], 0.05, 0.4, 0.8)
        canvas.lay(path, max(3, radius * 0.12), pale, Brush(relief=1.6))


def _paint_flower(
    rng: np.random.Generator, canvas: Canvas, x: float, y: float, reach: float, colours: np.ndarray
) -> None:
    """Three whorls of petals, back to front, rising as they near the heart; gold stamens."""
    glow = np.array([[[x - reach * 0.9, y + reach * 0.55], [x + reach * 0.9, y + reach * 0.55]]])
    canvas.lay(
        glow, reach * 0.3, colours[:1] * 0.6 + MIRROR[1] * 0.4, Brush(opacity=0.7, relief=0.3)
    )
    for whorl, (count, size, lift) in enumerate([(9, 1.0, 0.02), (8, 0.8, 0.22), (6, 0.55, 0.4)]):
        angles = np.sort(rng.uniform(0, 0.4) + np.arange(count) * 2 * np.pi / count)
        angles = angles[np.argsort(np.sin(angles))]
        tips = turn(angles) * np.array([size, size * 0.5]) * reach - np.array([0, lift * reach])
        roots = tips * 0.12 + np.array([0, reach * 0.12])
        middle = (roots + tips) / 2 + np.array([0, reach * 0.10])
        paths = np.array([x, y]) + np.stack([roots, middle, tips], 1)
        lit = 0.34 + 0.16 * whorl - 0.22 * np.sin(angles) - 0.16 * np.cos(angles)
        base = jitter(rng, ramp(colours, lit), 0.02, 0.1, 0.1)
        tip = jitter(rng, ramp(colours, lit + 0.3), 0.02, 0.1, 0.1)
        brush = Brush(relief=2.0, head=0.5, tail=0.5, drag=0.02, dryness=0.1)
        canvas.lay(paths, reach * (0.34 - 0.04 * whorl), base, brush, tip)
    count = max(3, int(reach / 5))
    across = np.linspace(-0.2, 0.2, count) * reach
    foot = np.stack([x + across * 0.6, np.full(count, y - reach * 0.05)], 1)
    top = np.stack([x + across, y - reach * 0.32 - 0.05 * reach * rng.uniform(size=count)], 1)
    gold = ramp(GOLD, rng.uniform(0, 1, count))
    canvas.lay(np.stack([foot, top], 1), max(2.5, reach * 0.1), gold, Brush(relief=2, drag=0))


def _paint_willow(rng: np.random.Generator, canvas: Canvas) -> None:
    """Fronds that hang from beyond the top edge: strings of small leaf dabs on the wind."""
    for root in [*rng.uniform(-30, 250, 26), *rng.uniform(690, 990, 30), *rng.uniform(250, 690, 7)]:
        drop = rng.uniform(90, 330) * (0.45 if 250 < root < 690 else 1)
        down = np.linspace(-20, drop, int(drop / 8))
        sway = 26 * np.sin(down / 110 + root / 60) * down / 260
        spine = np.stack([root + sway, down], 1)
        spine += rng.normal(0, 2.5, spine.shape)
        lean = turn(np.pi / 2 + rng.normal(0, 0.45, len(down)))
        leaf = rng.uniform(14, 32, len(down))[:, None, None]
        paths = spine[:, None] + lean[:, None] * leaf * np.array([0, 0.5, 1])[None, :, None]
        tone = rng.uniform(0.1, 0.85) + rng.normal(0, 0.12, len(down))
        colours = jitter(rng, ramp(WILLOW, tone), 0.03, 0.15, 0.2)
        widths = rng.uniform(6, 10, len(down))
        canvas.lay(paths, widths, colours, Brush(relief=1.5, head=0.4, tail=0.6))


def paint(size: int = 960, seed: int = 1906) -> Image.Image:
    """Paint the picture; the long side is `size` pixels, `seed` decides every stroke."""
    rng = np.random.default_rng(seed)
    canvas = Canvas(WIDTH, HEIGHT, size, hex_to_oklab("3f6f80")[0], rng)
    _paint_water(rng, canvas)
    for x, y, radius in _pads(rng):
        _paint_pad(rng, canvas, x, y, radius)
    flowers = [(*place, PINK) for place in PINK_FLOWERS]
    flowers += [(*place, WHITE) for place in WHITE_FLOWERS]
    for flower in sorted(flowers, key=lambda flower: flower[1]):
        _paint_flower(rng, canvas, *flower)
    _paint_willow(rng, canvas)
    return canvas.finish(light=0.6, weave=0.2)
