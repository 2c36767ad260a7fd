"""A wheat field with poppies under a blazing sky: heavy impasto, hot against cool.

The sky's strokes ring the sun and wrap the clouds; the furrows run to one vanishing point, and
marks grow from specks at the horizon to thick stalks, ears and petals at our feet. Everything is
laid wet over a broad underpainting, and the ridges of paint catch light from the upper left.
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
    scatter,
    smoothstep,
    turn,
)

__all__ = ["paint"]

WIDTH, HEIGHT = 960, 744
HORIZON = 318
SUN = (676, 122)
VANISHING = (505, 300)
GLARE = hex_to_oklab(
    "fffce0", "ffec8a", "ffd84e", "f6d878", "cfe0a4", "8fd0b8", "45a5c6", "256fba", "1b479c"
)
CLOUD = hex_to_oklab("6d7fc0", "9aa0d2", "d6c4d8", "f8e2cc", "fffaf0")
WHEAT = hex_to_oklab("4a2a3a", "94521f", "d18a1d", "edb22b", "f8d35a", "fbe9a0")
HILLS = hex_to_oklab("2c3f8a", "4560a8", "6f84c0", "9a8fc4")
GREEN = hex_to_oklab("12361f", "1f5a2c", "3f8338", "7fab3c", "b9c552")
CYPRESS = hex_to_oklab("0a1420", "0f2a30", "1a4a34", "3a6a2c", "8a8a2f")
POPPY = hex_to_oklab("8f0f16", "c8191b", "e5331d", "f4592a", "f98a4e")
CLOUDS = [
    (90, 150, 92), (180, 118, 84), (262, 160, 88), (150, 196, 78), (350, 196, 56), (42, 206, 60),
    (880, 214, 66), (812, 240, 48), (940, 190, 60), (470, 250, 40), (400, 258, 34), (540, 262, 26),
]  # fmt: skip


def _around(centre: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Distance (H, W) from a point, and unit vectors (H, W, 2) that circle it."""
    x, y = grid(WIDTH, HEIGHT)
    dx, dy = x - centre[0], y - centre[1]
    r = np.hypot(dx, dy) + 1e-6
    return r, np.stack([-dy, dx], -1) / r[..., None]


def _paint_sky(rng: np.random.Generator, canvas: Canvas) -> None:
    """Rings of glare around the sun, then clouds whose strokes follow their own outlines."""
    x, y = grid(WIDTH, HEIGHT)
    r, ring = _around(SUN)
    sway = turn(0.7 * np.sin(x / 120 + y / 60) + 0.3 * noise(rng, x.shape, 120))
    near = smoothstep(560, 160, r)[..., None]
    flow = ring * near + sway * (1 - near) * 0.9
    bulk = sum(np.exp(-(((x - cx) / s) ** 2 + ((y - cy) / s / 0.72) ** 2)) for cx, cy, s in CLOUDS)
    bulk = bulk + 0.10 * noise(rng, x.shape, 46, 2)
    up, left = np.gradient(bulk)
    outline = np.stack([-up, left], -1)
    outline /= np.hypot(up, left)[..., None] + 1e-4
    inside = smoothstep(0.42, 0.6, bulk)
    flow = flow * (1 - inside[..., None]) + outline * inside[..., None]

    bands = comb(flow, noise(rng, x.shape, 24), 90)
    air = ramp(GLARE, np.sqrt(r / 720) * 1.02 - 0.03 + 0.05 * bands)
    facing = up * 0.8 + left * np.sign(SUN[0] - x) * -0.6
    body = ramp(CLOUD, 0.5 + 30 * facing + 0.12 * bands - 0.1 * smoothstep(120, 260, y))
    target = air * (1 - inside[..., None]) + body * inside[..., None]
    sky = (y < HORIZON + 16).astype(float)
    colour = matching(rng, target, 0.025, 0.12, 0.14)
    canvas.cover(20, sky, flow, (80, 130), (30, 42), colour, Brush(relief=0.7))
    canvas.cover(14, sky, flow, (56, 110), (18, 26), colour, Brush(relief=1.1), colour)
    canvas.cover(12, sky * 0.8, flow, (36, 84), (11, 17), colour, Brush(relief=1.5), colour)
    disc = (r < 52).astype(float)
    bright = matching(
        rng, ramp(hex_to_oklab("fffbe0", "ffef9a", "ffcf3c"), r / 62), 0.01, 0.1, 0.05
    )
    canvas.cover(7, disc, flow, (26, 50), (10, 15), bright, Brush(relief=2.0, drag=0))


def _paint_distance(rng: np.random.Generator, canvas: Canvas) -> None:
    """Violet hills, a hedge and poplars, small and cool."""
    x, y = grid(WIDTH, HEIGHT)
    for base, swing, tone in [(286, 15, 0.75), (304, 9, 0.3)]:
        top = base + swing * np.sin(x / 105 + base) + 0.5 * swing * np.sin(x / 41)
        flow = turn(np.arctan(np.gradient(top, axis=1)) + 0.15)
        body = ((y > top) & (y < 340)).astype(float)
        target = ramp(HILLS, tone + 0.15 * noise(rng, x.shape, 20))
        colour = matching(rng, target, 0.03, 0.15, 0.2)
        canvas.cover(6, body, flow, (20, 44), (7, 11), colour, Brush(relief=1.0))
    for cx in [*range(8, 330, 17), *range(700, 960, 19)]:
        tall = rng.uniform(14, 30)
        _tree(rng, canvas, cx + rng.uniform(-6, 6), 336, tall * 1.2, tall)
    for cx, tall in [(742, 116), (768, 150), (796, 128), (824, 92), (226, 70), (248, 88)]:
        _tree(rng, canvas, cx, 342, tall * 0.23, tall)


def _tree(
    rng: np.random.Generator, canvas: Canvas, cx: float, foot: float, wide: float, tall: float
) -> None:
    """A crown of upward dabs, lit on the sun's side."""
    count = int(10 + wide * tall / 28)
    rise, side = rng.uniform(0, 1, count), rng.uniform(-1, 1, count)
    rise = np.sort(rise)[::-1]
    half = wide / 2 * np.sqrt(np.sin(np.pi * (0.08 + 0.9 * rise)))
    starts = np.stack([cx + side * half, foot - rise * tall], 1)
    sunward = np.sign(SUN[0] - cx) * side
    lean = turn(-np.pi / 2 + 0.5 * side)
    paths = starts[:, None] + lean[:, None] * np.array([0, 6, 13])[None, :, None]
    colours = ramp(GREEN, 0.3 + 0.34 * sunward + rng.normal(0, 0.1, count))
    canvas.lay(paths, 6.5, jitter(rng, colours, 0.02, 0.1, 0.15), Brush(relief=1.2, tail=0.6))


def _farm(rng: np.random.Generator, canvas: Canvas, cx: float, foot: float) -> None:
    """Two white gables under orange roofs."""
    firm = Brush(head=0.05, tail=0.05, dryness=0.1, relief=1.3, wobble=0.03, drag=0)
    for left, wide, tall in [(cx - 34, 46, 20), (cx + 8, 60, 26)]:
        rows = np.arange(0, tall, 6)
        walls = np.array([[[left, foot - row], [left + wide, foot - row]] for row in rows])
        white = np.repeat(hex_to_oklab("f3e6cf"), len(rows), axis=0)
        canvas.lay(walls, 8, jitter(rng, white, 0.03, 0.2, 0.2), firm)
        shade = walls[:, :1] + np.array([[0, 0], [wide * 0.32, 0]])
        canvas.lay(shade, 8, jitter(rng, white * 0 + hex_to_oklab("8f93c4"), 0.02, 0.1, 0.1), firm)
        slope = np.linspace(0, 14, 4)
        roof = np.array(
            [
                [[left - 4 + s, foot - tall - s], [left + wide + 4 - s, foot - tall - s]]
                for s in slope
            ]
        )
        red = hex_to_oklab("a8401f", "c95a26", "e07a34", "f0a050")
        canvas.lay(roof, 7, jitter(rng, red, 0.02, 0.1, 0.1), firm)
        door = np.array([[[left + wide * 0.6, foot], [left + wide * 0.6, foot - 10]]])
        canvas.lay(door, 7, hex_to_oklab("2c4f9a"), firm)


def _paint_cypresses(rng: np.random.Generator, canvas: Canvas) -> None:
    """Near dark flames at the right edge, the deepest note beside the brightest."""
    x, y = grid(WIDTH, HEIGHT)
    for cx, foot, top, girth in [(852, 452, 190, 34), (916, 500, 66, 56)]:
        rise = np.clip((foot - y) / (foot - top), 0, 1)
        half = girth * np.sqrt(np.sin(np.pi * np.clip(0.12 + 0.88 * rise, 0, 1)) + 0.02)
        across = (x - cx - 10 * np.sin(rise * 6)) / half
        body = ((np.abs(across) < 1) & (y < foot) & (y > top)).astype(float)
        flow = turn(-np.pi / 2 + 0.5 * np.sin(y / 34 + 1.5 * across) - 0.3 * across)
        bands = comb(flow, noise(rng, x.shape, 14), 50)
        target = ramp(CYPRESS, 0.36 + 0.2 * bands - 0.36 * across)
        colour = matching(rng, target, 0.025, 0.12, 0.12)
        canvas.cover(11, body, flow, (46, 90), (14, 20), colour, Brush(relief=0.8, tail=0.7))
        canvas.cover(11, body, flow, (36, 80), (9, 14), colour, Brush(relief=1.5, tail=0.7))


def _path_across(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Distance from a lane that winds from the lower left to the farm, in its own half widths."""
    depth = np.clip((y - HORIZON) / (HEIGHT - HORIZON), 0, 1)
    middle = 548 - 120 * np.sin(depth * 4.2) * (1 - depth) - 330 * depth**1.3
    return (x - middle) / (5 + 64 * depth**1.2)


def _paint_field(rng: np.random.Generator, canvas: Canvas) -> None:
    """Furrows to the vanishing point, painted far to near with a growing brush."""
    x, y = grid(WIDTH, HEIGHT)
    depth = np.clip((y - HORIZON) / (HEIGHT - HORIZON), 0, 1)
    dx, dy = x - VANISHING[0], y - VANISHING[1] + 1e-6
    flow = np.stack([dx, np.abs(dy)], -1) / np.hypot(dx, dy)[..., None]
    flow += 0.45 * depth[..., None] * turn(noise(rng, x.shape, 90) * 1.2 - np.pi / 2)
    furrow = np.sin(dx / (np.abs(dy) + 30) * 13 + 0.6 * noise(rng, x.shape, 60))
    bands = comb(flow, noise(rng, x.shape, 16), 50)
    patches = noise(rng, x.shape, 130)
    tone = 0.6 + 0.22 * furrow + 0.1 * bands + 0.07 * patches - 0.34 * depth**1.5
    target = ramp(WHEAT, tone)
    strip = smoothstep(0.05, 0.09, depth) * smoothstep(0.2, 0.15, depth) * smoothstep(430, 380, x)
    green = np.maximum(smoothstep(0.9, 1.6, patches), strip)[..., None] * 0.85
    target = target * (1 - green) + ramp(GREEN, 0.6 + 0.2 * bands) * green
    across = _path_across(x, y)
    lane = smoothstep(1.1, 0.9, np.abs(across))[..., None]
    dust = ramp(
        hex_to_oklab("7a5f9a", "b58fae", "e6bfa8", "f8e3c0"), 0.62 + 0.25 * bands - 0.3 * across
    )
    target = target * (1 - lane) + dust * lane
    colour = matching(rng, target, 0.035, 0.12, 0.12)
    for low, high, brush in [(0, 0.12, 7), (0.08, 0.3, 11), (0.22, 0.6, 16), (0.5, 1.01, 21)]:
        body = ((depth >= low) & (depth < high) & (y > HORIZON + 8)).astype(float)
        size = (brush * 0.7, brush * 1.2)
        broad = (brush * 1.4, brush * 2)
        reach = (brush * 2.8, brush * 5.5)
        canvas.cover(brush * 1.1, body, flow, reach, broad, colour, Brush(relief=0.8))
        canvas.cover(brush * 0.7, body, flow, reach, size, colour, Brush(relief=1.5), colour)


def _paint_stalks(rng: np.random.Generator, canvas: Canvas) -> None:
    """Upright wheat, then poppies and cornflowers, larger towards the bottom edge."""
    x, y = grid(WIDTH, HEIGHT)
    depth = np.clip((y - HORIZON) / (HEIGHT - HORIZON), 0, 1)
    off_lane = smoothstep(0.9, 1.3, np.abs(_path_across(x, y)))
    starts = scatter(rng, x.shape, 13, off_lane * smoothstep(0.35, 0.95, depth) * 0.8)
    starts = starts[np.argsort(starts[:, 1])]
    near = np.clip((starts[:, 1] - HORIZON) / (HEIGHT - HORIZON), 0, 1)
    lean = -np.pi / 2 + 0.35 * np.sin(starts[:, 0] / 80) + rng.normal(0, 0.2, len(starts))
    tall = near**1.5 * rng.uniform(50, 110, len(starts))
    rise = np.linspace(0, 1, 6)
    bend = lean[:, None] + 0.35 * rise**2 * np.sign(np.cos(lean) + 0.1)[:, None]
    paths = starts[:, None] + turn(bend) * (tall[:, None] * rise)[..., None]
    tone = rng.uniform(0.05, 0.95, len(starts))
    colours = ramp(WHEAT, tone)
    green = rng.uniform(size=len(starts)) < 0.22
    colours[green] = ramp(GREEN, tone[green] * 0.8)
    colours = jitter(rng, colours, 0.02, 0.1, 0.1)
    canvas.lay(paths, 4 + 8 * near, colours, Brush(relief=1.5, tail=0.5, drag=0.05))
    ears = paths[:, -2:] + (paths[:, -1:] - paths[:, -2:-1]) * np.array([0, 0.4])[None, :, None]
    gold = jitter(rng, ramp(WHEAT, np.clip(tone + 0.15, 0.35, 0.95)), 0.02, 0.1, 0.1)
    canvas.lay(ears, 6 + 11 * near, gold, Brush(relief=2.0, tail=0.6, drag=0))
    _paint_flowers(rng, canvas, off_lane, depth)


def _paint_flowers(
    rng: np.random.Generator, canvas: Canvas, off_lane: np.ndarray, depth: np.ndarray
) -> None:
    drifts = smoothstep(0.1, 0.9, noise(rng, depth.shape, 150))
    chance = off_lane * np.clip(0.16 + drifts, 0, 1) * smoothstep(0.1, 0.35, depth)
    centres = scatter(rng, depth.shape, 27, chance * 0.95)
    thick = Brush(relief=2.2, tail=0.4, head=0.3, drag=0.03, dryness=0.2)
    for cx, cy in centres[np.argsort(centres[:, 1])]:
        near = (cy - HORIZON) / (HEIGHT - HORIZON)
        radius = 4 + 20 * near**1.2 * rng.uniform(0.7, 1.2)
        blue = rng.uniform() < 0.14
        petals = 5 if near > 0.3 else 2
        angles = rng.uniform(0, 2 * np.pi) + np.arange(petals) * 2 * np.pi / petals
        reach = turn(angles) * np.array([radius, radius * 0.7])
        paths = np.array([cx, cy]) + reach[:, None] * np.array([0.1, 0.6, 1.0])[None, :, None]
        mood = rng.normal(0, 0.16)
        lit = 0.42 + mood - 0.35 * np.sin(angles) + rng.normal(0, 0.15, petals)
        colours = ramp(hex_to_oklab("1d2f8f", "3557c8", "7d9cf0") if blue else POPPY, lit)
        canvas.lay(paths, radius * (0.7 if blue else 1.0), colours, thick)
        if near > 0.3 and not blue:
            heart = np.array([[[cx - radius * 0.15, cy], [cx + radius * 0.15, cy + 1]]])
            canvas.lay(heart, radius * 0.42, hex_to_oklab("1a0d1c"), thick)


def paint(size: int = 960, seed: int = 1888) -> Image.Image:
    """Paint the picture; the long side is `size` pixels, `seed` decides every stroke."""
    rng = np.random.default_rng(seed)
    canvas = Canvas(WIDTH, HEIGHT, size, hex_to_oklab("c98a3a")[0], rng)
    _paint_sky(rng, canvas)
    _paint_distance(rng, canvas)
    _paint_field(rng, canvas)
    _farm(rng, canvas, 566, 338)
    _paint_cypresses(rng, canvas)
    _paint_stalks(rng, canvas)
    return canvas.finish(light=0.7, weave=0.15)
