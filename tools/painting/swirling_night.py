"""A night sky that turns: thick curling strokes in blues and yellows.

One direction field is the sum of a wavy wind, three vortices and the rings around a moon and
eight stars. Colour is noise combed along that field, so bands of ultramarine, cobalt and cream
flow into the spirals. Sky, hills, village, lake and cypresses are each laid in from a broad
underpainting to thin loaded strokes, and the whole relief is lit from the upper left.
"""

import numpy as np
from PIL import Image
from scipy import ndimage

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
    sample,
    smoothstep,
    turn,
)

__all__ = ["paint"]

WIDTH, HEIGHT = 960, 768
SKY = hex_to_oklab("081240", "0f2268", "173f9c", "2468bd", "4f9fcf", "a5cfc8", "f1e6a4")
DISC = hex_to_oklab("fff3b0", "ffe682", "fbd24a", "eda32c", "b9a45c", "5f9fb4", "2a63b0")
HILL = hex_to_oklab("0a1234", "13285e", "1d4a7c", "2f7c8c", "5fa58c")
TREE = hex_to_oklab("050b12", "0a1d1f", "12352c", "2a5236", "6b6a2c")
LAKE = hex_to_oklab("091344", "11307c", "1f5cae", "4a97c8")

WALLS = hex_to_oklab("2c5490", "3f74ae", "7d93a0", "2a4484", "6272b0", "a89a80")
ROOFS = hex_to_oklab("10163f", "4a2a4c", "74403a", "1b2f66", "8a5436")
PANES = hex_to_oklab("ffe27a", "ffc53a", "fff0b0")

# x, y, radius, turning sense, strength
VORTICES = [(455, 262, 165, 1, 7.0), (655, 372, 105, -1, 6.0), (250, 415, 80, -1, 4.0)]
MOON = (176, 150, 104)
STARS = [
    (372, 62, 44), (545, 84, 36), (688, 60, 52), (722, 206, 46),
    (56, 330, 44), (905, 120, 46), (540, 452, 32), (912, 330, 36),
]  # fmt: skip


def _direction(rng: np.random.Generator) -> np.ndarray:
    """The wind: unit-free direction vectors (H, W, 2)."""
    x, y = grid(WIDTH, HEIGHT)
    drift = 0.55 * np.sin(x / 95 + y / 210) + 0.12 * noise(rng, x.shape, 160)
    flow = turn(drift)
    for cx, cy, radius, sense, strength in VORTICES:
        dx, dy = x - cx, y - cy
        r = np.hypot(dx, dy) + 1e-6
        around = np.stack([-dy * sense, dx * sense], -1) / r[..., None]
        inward = np.stack([-dx, -dy], -1) / r[..., None]
        weight = strength * np.exp(-((r / radius) ** 2.4))
        flow += weight[..., None] * (around + 0.16 * inward)
    for cx, cy, radius in [MOON, *STARS]:
        dx, dy = x - cx, y - cy
        r = np.hypot(dx, dy) + 1e-6
        weight = 12 * np.exp(-((r / radius) ** 4))
        flow += weight[..., None] * np.stack([-dy, dx], -1) / r[..., None]
    return flow


def _sky_colours(rng: np.random.Generator, flow: np.ndarray) -> np.ndarray:
    """Oklab map (H, W, 3): combed bands, spiral arms, glowing discs."""
    x, y = grid(WIDTH, HEIGHT)
    bands = comb(flow, noise(rng, x.shape, 26), 130)
    broad = comb(flow, noise(rng, x.shape, 80), 150)
    tone = 0.36 + 0.13 * bands + 0.13 * broad + 0.14 * smoothstep(330, 560, y)
    for cx, cy, radius, sense, _ in VORTICES:
        dx, dy = x - cx, y - cy
        r = np.hypot(dx, dy) + 1e-6
        arms = np.sin(np.arctan2(dy, dx) * 2 + sense * 2 * np.log(r / radius) / 0.42)
        near = np.exp(-((r / radius) ** 3))
        tone += near * (0.30 * arms + 0.05 + 0.35 * np.exp(-((r / radius * 4) ** 2)))
    colours = ramp(SKY, tone)
    for cx, cy, radius in [MOON, *STARS]:
        r = np.hypot(x - cx, y - cy) / radius
        rings = r + 0.07 * np.sin(r * 15) + 0.03 * bands
        share = smoothstep(1.15, 0.7, r)[..., None]
        colours = colours * (1 - share) + ramp(DISC, rings) * share
    return colours


def _crescent(rng: np.random.Generator, canvas: Canvas, flow: np.ndarray) -> None:
    """The moon's bright horn, in short fat curved strokes."""
    x, y = grid(WIDTH, HEIGHT)
    cx, cy, radius = MOON
    inner = np.hypot(x - cx, y - cy) < radius * 0.5
    horn = inner & (np.hypot(x - cx + 20, y - cy + 12) > radius * 0.42)
    bright = hex_to_oklab("fff6b8", "ffd94a", "f7a81f")
    brush = Brush(relief=1.6, tail=0.5)

    def colour(points: np.ndarray) -> np.ndarray:
        return jitter(rng, bright[rng.integers(0, 3, len(points))], 0.02, 0.1, 0.05)

    canvas.cover(7, horn.astype(float), flow, (26, 44), (7, 11), colour, brush)


def _paint_sky(rng: np.random.Generator, canvas: Canvas, sky: np.ndarray) -> None:
    flow = _direction(rng)
    target = _sky_colours(rng, flow)
    accents = hex_to_oklab("0a1550", "2f8fd6", "8ed0d2", "f6e9a0", "5a58b8", "e8b548")

    colour = matching(rng, target, 0.035, 0.12, 0.12)

    def accent(points: np.ndarray) -> np.ndarray:
        near = sample(target, points)
        choice = accents[rng.integers(0, len(accents), len(points))]
        gap = np.abs(choice[:, :1] - near[:, :1])
        share = 0.65 * np.exp(-((gap / 0.25) ** 2))
        return jitter(rng, near * (1 - share) + choice * share, 0.03, 0.1, 0.1)

    canvas.cover(22, sky, flow, (100, 160), (34, 48), colour, Brush(relief=0.6, bristle=0.04))
    canvas.cover(14, sky, flow, (70, 140), (20, 28), colour, Brush(relief=0.9), accent)
    canvas.cover(11, sky * 0.9, flow, (50, 116), (12, 18), colour, Brush(relief=1.2), colour)
    canvas.cover(14, sky * 0.5, flow, (40, 96), (9, 14), accent, Brush(relief=1.5, drag=0.2))
    _crescent(rng, canvas, flow)
    x, y = grid(WIDTH, HEIGHT)
    for cx, cy, radius in STARS:
        core = np.hypot(x - cx, y - cy) < radius * 0.3
        canvas.cover(
            6, core.astype(float), flow, (14, 26), (8, 11), colour, Brush(relief=1.8, drag=0)
        )


def _ridge(x: np.ndarray, base: float, swing: float, wave: float, phase: float) -> np.ndarray:
    return base + swing * (np.sin(x / wave + phase) + 0.4 * np.sin(x / wave * 2.3 + phase * 3))


def _paint_hills(rng: np.random.Generator, canvas: Canvas) -> None:
    """Three rolling ridges, the nearest the darkest, strokes following each slope."""
    x, y = grid(WIDTH, HEIGHT)
    layers = [(520, 26, 120, 0.4, 0.62), (556, 20, 90, 2.0, 0.38), (592, 12, 140, 4.0, 0.16)]
    for base, swing, wave, phase, tone in layers:
        top = _ridge(x, base, swing, wave, phase)
        slope = np.gradient(top, axis=1)
        flow = turn(np.arctan(slope) + 0.5 * np.sin(x / 34 + phase) * smoothstep(4, 40, y - top))
        shade = (
            tone
            + 0.2 * np.exp(-(((y - top) / 12) ** 2))
            + 0.1 * comb(flow, noise(rng, x.shape, 16), 40)
        )
        target = ramp(HILL, shade)
        body = ((y > top) & (y < 690)).astype(float)

        colour = matching(rng, target, 0.03, 0.12, 0.12)

        canvas.cover(12, body, flow, (40, 70), (14, 20), colour, Brush(relief=0.8))
        canvas.cover(10, body, flow, (34, 70), (9, 14), colour, Brush(relief=1.2), colour)


def _paint_lake(rng: np.random.Generator, canvas: Canvas) -> None:
    """Level strokes of water that carry the village's and the moon's light towards us."""
    x, y = grid(WIDTH, HEIGHT)
    shore = 668 + 9 * np.sin(x / 130)
    water = (y > shore).astype(float)
    flow = turn(0.10 * np.sin(x / 50 + y / 9))
    bands = comb(flow, noise(rng, x.shape, 9), 50)
    glow = np.zeros(x.shape)
    for cx, spread, power in [(176, 46, 0.9), (372, 13, 0.8), (452, 10, 0.7), (545, 14, 0.8),
                              (640, 10, 0.6), (66, 12, 0.7), (286, 10, 0.6)]:  # fmt: skip
        glow += power * np.exp(-(((x - cx - 5 * bands) / spread) ** 2))
    target = ramp(LAKE, 0.35 + 0.2 * bands + 0.15 * smoothstep(760, 670, y))
    lights = ramp(hex_to_oklab("fff2b0", "fbcf4c", "e8962a"), 0.4 + 0.25 * bands)
    mix = np.clip(glow * (0.55 + 0.45 * np.sin(y / 3.4 + bands)), 0, 1)[..., None]
    target = target * (1 - mix) + lights * mix

    colour = matching(rng, target, 0.03, 0.1, 0.1)

    canvas.cover(11, water, flow, (50, 90), (12, 18), colour, Brush(relief=0.7))
    canvas.cover(9, water, flow, (28, 64), (8, 12), colour, Brush(relief=1.3, drag=0.05), colour)


def _paint_village(rng: np.random.Generator, canvas: Canvas) -> None:
    """Two rows of houses on the shore, the far row smaller and darker, and one church."""
    firm = Brush(head=0.05, tail=0.05, dryness=0.1, relief=1.2, wobble=0.06, drag=0.02)
    for cx in np.arange(20, 730, 31):
        _paint_house(rng, canvas, cx + rng.uniform(-9, 9), 632 + rng.uniform(-8, 6), 0.7, firm)
    _paint_church(canvas, firm)
    for cx in [18, 66, 128, 176, 236, 290, 344, 392, 528, 574, 630, 682]:
        _paint_house(rng, canvas, cx + rng.uniform(-8, 8), 664 + rng.uniform(-8, 3), 1.0, firm)


def _paint_house(
    rng: np.random.Generator, canvas: Canvas, cx: float, foot: float, near: float, firm: Brush
) -> None:
    """A gable end, a long roof running back from it, and a lit window or two."""
    wide, tall = near * rng.uniform(20, 28), near * rng.uniform(18, 30)
    rise, back = near * rng.uniform(13, 19), near * rng.uniform(18, 34) * rng.choice([-1, 1])
    wall = jitter(rng, WALLS[rng.integers(0, len(WALLS), 1)], 0.03, 0.1, 0.1)
    wall[:, 0] *= 0.72 + 0.28 * near
    roof = jitter(rng, ROOFS[rng.integers(0, len(ROOFS), 1)], 0.03, 0.1, 0.1)
    for level in np.arange(0, tall, 5):
        side = np.array([[[cx, foot - level], [cx + back, foot - level - 2]]])
        canvas.lay(side, 7, wall * [0.8, 1, 1], firm)
    for level in np.arange(0, tall + rise, 2.5):
        half = wide / 2 * min(1, (tall + rise - level) / rise)
        row = np.array([[[cx - half, foot - level], [cx + half, foot - level]]])
        canvas.lay(row, 4.5, jitter(rng, wall, 0.02, 0.1, 0.1), firm)
    eave = cx + np.sign(back) * (wide / 2 + 3)
    for share in np.linspace(0, 1, 5):
        start = [cx + (eave - cx) * share, foot - tall - rise * (1 - share)]
        slab = np.array([[start, [start[0] + back, start[1] - 2]]])
        canvas.lay(slab, 7 * near + 1, jitter(rng, roof, 0.025, 0.1, 0.1), firm)
    verge = [[cx - np.sign(back) * (wide / 2 + 3), foot - tall + 2], [cx, foot - tall - rise - 2]]
    canvas.lay(np.array([verge]), 5 * near + 1, roof, firm)
    for shift in rng.choice([-5, 0, 5], rng.integers(1, 3), replace=False) * near:
        pane = np.array([[[cx + shift, foot - 0.62 * tall], [cx + shift, foot - 0.25 * tall]]])
        canvas.lay(pane, 5.5 * near, PANES[rng.integers(0, len(PANES), 1)], firm)


def _paint_church(canvas: Canvas, firm: Brush) -> None:
    """A nave and a tower whose needle rises above the hills."""
    levels = np.arange(666, 628, -6)
    nave = np.array([[[440, level], [496, level]] for level in levels])
    canvas.lay(nave, 9, np.repeat(WALLS[1:2], len(nave), axis=0), firm)
    roof = np.array([[[434, 628], [500, 628]], [[438, 620], [496, 620]], [[444, 612], [488, 612]]])
    canvas.lay(roof, 11, ROOFS[[1, 3, 0]], firm)
    canvas.lay(np.array([[[428, 668], [428, 580]]]), 26, WALLS[1:2], firm)
    canvas.lay(np.array([[[435, 668], [435, 582]]]), 11, ROOFS[3:4], firm)
    for offset in np.linspace(-14, 14, 9):
        canvas.lay(np.array([[[428 + offset, 586], [428, 484]]]), 6, ROOFS[:1], firm)
    for x, y in [(424, 600), (424, 632), (458, 644), (474, 644)]:
        canvas.lay(np.array([[[x, y], [x, y + 11]]]), 7, PANES[:1], firm)


def _flame(x: np.ndarray, y: np.ndarray, foot: float, top: float, girth: float) -> np.ndarray:
    """Signed distance across a cypress in its own half widths: -1 left edge, 1 right edge."""
    rise = np.clip((790 - y) / (790 - top), 0, 1)
    spine = foot + 20 * np.sin(rise * 5.2 + foot) * rise
    half = girth * np.sqrt(np.clip(1 - rise, 0, 1)) * (1 - 0.25 * np.sin(rise * 9 + foot))
    return (x - spine) / np.maximum(half * (0.35 + 0.65 * (1 - rise**3)), 1)


def _paint_cypresses(rng: np.random.Generator, canvas: Canvas) -> None:
    """Dark flames at the right that lick upwards, rimmed with cold light on the moon's side."""
    x, y = grid(WIDTH, HEIGHT)
    for foot, top, girth in [(905, 330, 52), (752, 420, 40), (826, 128, 66)]:
        across = _flame(x, y, foot, top, girth)
        body = ndimage.gaussian_filter(((np.abs(across) < 1) & (y > top)).astype(float), 2)
        flow = turn(-np.pi / 2 + 0.55 * np.sin(y / 36 + across * 1.6 + foot) - 0.25 * across)
        bands = comb(flow, noise(rng, x.shape, 12), 50)
        tone = 0.26 + 0.2 * bands + 0.3 * smoothstep(-0.35, -1.0, across)
        target = ramp(TREE, tone)
        cold = hex_to_oklab("1f5f86")[0]

        colour = matching(rng, target, 0.025, 0.15, 0.15)

        edge = matching(rng, target * 0.4 + cold * 0.6, 0.03, 0.15, 0.1)

        canvas.cover(10, body, flow, (50, 90), (14, 20), colour, Brush(relief=0.8, tail=0.7))
        canvas.cover(10, body, flow, (46, 92), (10, 15), colour, Brush(relief=1.3, tail=0.7))
        rim = body * smoothstep(-0.4, -0.9, across)
        canvas.cover(9, rim * 0.7, flow, (24, 50), (5, 8), edge, Brush(relief=1.4, tail=0.7))


def paint(size: int = 960, seed: int = 1889) -> Image.Image:
    """Paint the picture; the long side is `size` pixels, `seed` decides every stroke."""
    rng = np.random.default_rng(seed)
    canvas = Canvas(WIDTH, HEIGHT, size, hex_to_oklab("1a2f6e")[0], rng)
    x, y = grid(WIDTH, HEIGHT)
    sky = (y < _ridge(x, 520, 26, 120, 0.4) + 14).astype(float)
    _paint_sky(rng, canvas, sky)
    _paint_hills(rng, canvas)
    _paint_lake(rng, canvas)
    _paint_village(rng, canvas)
    _paint_cypresses(rng, canvas)
    return canvas.finish(light=0.7, weave=0.15)
