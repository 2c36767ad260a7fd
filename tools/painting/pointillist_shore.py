"""A sunlit beach in points of pure colour that mix in the eye.

The scene is planned as a map of colours, with light haloes against dark shapes as the divisionists
drew them. It is then dotted, coarse to fine, and no dot is mixed: each takes one of a few
spectral pigments and their tints, drawn so that a neighbourhood comes near the plan. Shadows
get complementary points; the dots lie along the forms and stand proud of the canvas.
"""

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage
from scipy.spatial import cKDTree

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
    scatter,
    smoothstep,
    trace,
    turn,
)

__all__ = ["paint"]

WIDTH, HEIGHT = 960, 744
HORIZON = 246
PIGMENTS = hex_to_oklab(
    "f7c21a", "f79a1d", "ee5a24", "d8242c", "c4307a", "7a3aa8", "3a3fb0", "1f62c8", "1f93cf",
    "17a39a", "1f9a55", "6db33a", "b9cf3c", "14235e", "0f4a3c", "4a1f52",
)  # fmt: skip
SKY = hex_to_oklab("1f5cc0", "3f8ad8", "74b8e4", "b4d8d8", "f6dcae", "f9b98a")
SEA = hex_to_oklab("1f4fa8", "2b78c4", "3fa3c8", "7cc9c4", "c2e4cc")
SAND = hex_to_oklab("b0703f", "e0a050", "f4c468", "fadf98", "fff0c8")
SHADE = hex_to_oklab("4a3f8f", "6f63b4", "9a86c0")
SKIN, HAT = hex_to_oklab("b8603a", "5a2a6f")
CLOUDS = [
    (130, 96, 130, 40), (210, 64, 80, 44), (60, 84, 70, 36), (430, 150, 120, 26),
    (500, 128, 70, 30), (400, 60, 60, 16), (610, 60, 90, 20), (300, 196, 70, 12), (20, 190, 80, 14),
]  # fmt: skip
BOUGHS = [
    (920, 70, 130, 58), (800, 40, 110, 44), (850, 128, 92, 34), (950, 160, 80, 40),
    (700, 18, 90, 30),
]  # fmt: skip
FOLIAGE = hex_to_oklab("0f2f52", "14543f", "2f8040", "7fae3a", "d8cf4a")


def _shape(points: list[tuple[float, float]], soft: float = 1.2) -> np.ndarray:
    """Cover (H, W) of a polygon with a slightly soft edge."""
    mask = Image.new("L", (WIDTH, HEIGHT))
    ImageDraw.Draw(mask).polygon(points, fill=255)
    return ndimage.gaussian_filter(np.asarray(mask, float) / 255, soft)


def _oval(cx: float, cy: float, rx: float, ry: float) -> np.ndarray:
    """Cover (H, W) of an ellipse."""
    x, y = grid(WIDTH, HEIGHT)
    return smoothstep(1.08, 0.92, np.hypot((x - cx) / rx, (y - cy) / ry))


class _Plan:
    """The map of colours and of dot directions that the points will follow."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.x, self.y = grid(WIDTH, HEIGHT)
        self.colour = np.zeros((HEIGHT, WIDTH, 3))
        self.flow = turn(np.zeros((HEIGHT, WIDTH)))
        self.detail = np.zeros((HEIGHT, WIDTH))

    def put(self, cover: np.ndarray, colour: np.ndarray, halo: float = 0.0) -> None:
        """Lay a colour (3,) or map over the plan; `halo` lightens what lies just around it."""
        if halo:
            glow = ndimage.gaussian_filter(cover, 12) * (1 - cover)
            self.colour[..., 0] += halo * glow
        self.colour += (colour - self.colour) * cover[..., None]
        self.detail = np.maximum(self.detail, np.clip(cover, 0, 1) * (halo > 0))

    def steer(self, cover: np.ndarray, angle: np.ndarray | float) -> None:
        """Turn the dots under a cover to an angle."""
        self.flow += (turn(np.asarray(angle, float)) - self.flow) * cover[..., None]


def _plan_air(plan: _Plan) -> None:
    """A sky of bowed bands with small clouds, and a headland of chalk cliffs."""
    x, y = plan.x, plan.y
    bow = y + 60 * ((x - 420) / 480) ** 2
    heap = np.zeros(x.shape)
    for cx, cy, rx, ry in CLOUDS:
        heap = np.maximum(heap, 1.3 - np.hypot((x - cx) / rx, (y - cy) / ry))
    heap = heap + 0.16 * noise(plan.rng, x.shape, 44, 2)
    cloud = smoothstep(0.2, 0.42, heap)
    sky = ramp(SKY, bow / 285 + 0.06 * noise(plan.rng, x.shape, 80))
    plan.put(np.ones(x.shape), sky)
    rise = -np.gradient(ndimage.gaussian_filter(heap, 9), axis=0)
    plan.put(cloud, ramp(hex_to_oklab("8f86d0", "d99ac0", "fbd0b0", "fff6dc"), 0.45 - 34 * rise))
    plan.steer(np.ones(x.shape), np.arctan(0.0004 * (420 - x)) + 0.3)
    crest = 246 - 86 * smoothstep(520, 960, x) ** 0.7 - 8 * np.sin(x / 26) * smoothstep(540, 700, x)
    cliff = smoothstep(crest - 1, crest + 2, y) * (x > 520) * (y < HORIZON + 14)
    facets = np.sin(x / 17 + 0.05 * y) + 0.6 * noise(plan.rng, x.shape, 24)
    chalk = ramp(hex_to_oklab("7d6fb8", "c8a2b8", "f3d6a8", "fff0cc"), 0.5 + 0.3 * facets)
    plan.put(cliff, chalk, 0.04)
    plan.put(cliff * smoothstep(crest + 24, crest + 14, y), ramp(FOLIAGE, 0.6 + 0.2 * facets))


def _plan_water(plan: _Plan) -> np.ndarray:
    """The sea, lighter towards the sand, with a glitter path and two lines of foam."""
    x, y = plan.x, plan.y
    level = turn(0.08 * np.sin(x / 60 + y / 17))
    ripple = comb(level, noise(plan.rng, x.shape, 9), 34)
    shore = 300 + 300 * smoothstep(960, -60, x) ** 1.5 + 9 * np.sin(x / 46)
    near = np.clip((y - HORIZON) / np.maximum(shore - HORIZON, 1), 0, 1)
    sea = (y >= HORIZON).astype(float)
    plan.put(sea, ramp(SEA, 0.1 + 0.72 * near**1.3 + 0.13 * ripple))
    glitter = np.exp(-(((x - 150 - 0.3 * (y - HORIZON)) / 58) ** 2)) * smoothstep(0.1, 1.2, ripple)
    plan.put(sea * glitter * 0.8, hex_to_oklab("ffe9a8")[0])
    plan.steer(sea, 0.08 * np.sin(x / 60 + y / 17))
    beach = smoothstep(shore - 3, shore + 3, y)
    dunes = comb(turn(-0.35 + 0.2 * np.sin(x / 120)), noise(plan.rng, x.shape, 24), 60)
    plan.put(beach, ramp(SAND, 0.55 + 0.16 * dunes + 0.12 * smoothstep(744, 400, y)))
    for offset, width in [(0, 7), (-26, 4)]:
        foam = np.exp(-(((y - shore - offset + 4 * np.sin(x / 23)) / width) ** 2))
        plan.put(np.clip(foam * 1.2, 0, 1) * 0.9, hex_to_oklab("fffaf0")[0])
    wet = np.exp(-(((y - shore - 16) / 11) ** 2)) * beach
    plan.put(wet * 0.6, hex_to_oklab("a98fb8")[0])
    plan.steer(beach, -0.3 + 0.2 * np.sin(x / 120))
    return beach


def _plan_boats(plan: _Plan) -> None:
    """Sails on the sea, each with a lit and a shaded cloth and its reflection."""
    fleet = [(206, 344, 190), (66, 286, 88), (356, 276, 62), (450, 264, 36), (520, 258, 24)]
    for cx, foot, tall in fleet:
        tip = (cx + tall * 0.06, foot - tall)
        main = [tip, (cx + tall * 0.44, foot - tall * 0.1), (cx + 0.04 * tall, foot - tall * 0.1)]
        jib = [tip, (cx - tall * 0.3, foot - tall * 0.06), (cx, foot - tall * 0.1)]
        keel = [(-0.34, -0.07), (0.42, -0.07), (0.3, 0.05), (-0.22, 0.05)]
        hull = [(cx + along * tall, foot + down * tall) for along, down in keel]
        mirror = [(px, 2 * foot - py * 0.55 - foot * 0.45) for px, py in main + jib]
        plan.put(_shape(mirror, 4) * 0.55, hex_to_oklab("f3dcb4")[0])
        side = np.clip((plan.x - cx) / (tall * 0.5), 0, 1)
        plan.put(_shape(main), ramp(hex_to_oklab("fff8e0", "ffe6a8", "f6b860"), side), 0.05)
        plan.put(
            _shape(jib), ramp(hex_to_oklab("e4806a", "c8506a", "9a4a9a"), side * 0 + 0.4), 0.05
        )
        plan.put(_shape(hull), hex_to_oklab("2a2a6f")[0], 0.05)


def _plan_person(
    plan: _Plan, x: float, foot: float, tall: float, dress: tuple[str, ...], shade: tuple[str, ...]
) -> None:
    """A walker with a parasol, lit from the left, and a violet shadow that falls to the right."""

    def placed(*points: tuple[float, float]) -> list[tuple[float, float]]:
        return [(x + across * tall, foot - up * tall) for across, up in points]

    for reach in (0.2, 0.5, 0.8):
        shadow = _oval(x + tall * reach, foot + tall * 0.03 * reach, tall * 0.26, tall * 0.05)
        plan.put(shadow * 0.85, SHADE[1])
    cloth = ramp(hex_to_oklab(*dress), (plan.x - x) / (tall * 0.42) + 0.5)
    skirt = [(-0.06, 0.58), (0.07, 0.58), (0.17, 0.25), (0.24, 0), (-0.17, 0), (-0.11, 0.3)]
    bodice = [(-0.08, 0.8), (0.08, 0.8), (0.06, 0.56), (-0.05, 0.56)]
    arm = [(-0.06, 0.77), (-0.2, 0.68), (-0.17, 0.63), (-0.04, 0.68)]
    for part in (skirt, bodice, arm):
        plan.put(_shape(placed(*part)), cloth, 0.08)
    plan.put(_oval(x, foot - 0.87 * tall, 0.055 * tall, 0.07 * tall), SKIN, 0.05)
    plan.put(_oval(x, foot - 0.93 * tall, 0.1 * tall, 0.035 * tall), HAT)
    stick = placed((-0.19, 0.64), (-0.17, 0.64), (-0.03, 1.24), (-0.05, 1.24))
    plan.put(_shape(stick, 0.8), HAT)
    rim = np.linspace(0, 2 * np.pi, 60)
    crown = np.where(np.sin(rim) > 0, 0.26, 0.03) * np.sin(rim)
    dome = placed(*zip(0.34 * np.cos(rim) - 0.03, 1 + crown, strict=True))
    panels = 0.12 * np.sign(np.sin((plan.x - x) / (0.045 * tall)))
    plan.put(
        _shape(dome), ramp(hex_to_oklab(*shade), 0.5 + (plan.x - x) / (0.7 * tall) + panels), 0.08
    )


def _plan_foreground(plan: _Plan) -> None:
    """A rowing boat on the sand, walkers, and a pine at the right that throws dappled shade."""
    x, y = plan.x, plan.y
    speckle = noise(plan.rng, x.shape, 30, 2)
    fall = smoothstep(1.15, 0.85, np.hypot((x - 850) / 330, (y - 700) / 120) + 0.22 * speckle)
    plan.put(fall * 0.9, ramp(SHADE, 0.5 + 0.2 * speckle))
    plan.put(_oval(330, 664, 150, 18) * 0.85, SHADE[0])
    hull = [(170, 596), (470, 588), (428, 650), (360, 668), (250, 666), (200, 640)]
    inside = [(186, 596), (456, 589), (410, 612), (240, 616)]
    strakes = 0.45 + 0.3 * np.sign(np.sin((y - 0.02 * (x - 320) ** 2 / 30) / 4.4))
    plan.put(_shape(hull), ramp(hex_to_oklab("123f8f", "2f78c8", "f0f0e0"), strakes), 0.08)
    plan.put(_shape(inside), ramp(hex_to_oklab("7a2f2a", "d8702f", "f6b45a"), (x - 186) / 270))
    plan.put(
        _shape([(300, 600), (312, 600), (540, 540), (534, 532)]), hex_to_oklab("a8602a")[0], 0.04
    )
    rose = ("fff0dc", "f6b0b8", "c8508f", "7a2f8f")
    gold = ("fff6c8", "f9d24a", "ee8a2a", "c8402f")
    cobalt = ("cfe6f6", "5aa0e0", "2a4fb8", "3a2a8f")
    _plan_person(plan, 600, 604, 232, cobalt, ("fffbe6", "f9d04a", "f0862a", "d8402f"))
    _plan_person(plan, 742, 486, 128, rose, ("e8f4e0", "7fc8a8", "2f9a78", "1f5f6f"))
    _plan_person(plan, 838, 416, 72, gold, ("fff0f0", "f08aa8", "c83a6f", "7a2a6f"))
    _plan_person(
        plan,
        470,
        478,
        92,
        ("fff8ec", "e0d0f0", "a08fd0", "5f4aa8"),
        ("f6e0f0", "c878c0", "8a3aa0", "4a2a80"),
    )
    trunk = [
        (898, 744),
        (958, 744),
        (918, 520),
        (904, 330),
        (930, 110),
        (904, 110),
        (876, 330),
        (884, 540),
    ]
    lit = np.clip((x - 880) / 60, 0, 1)
    plan.put(_shape(trunk), ramp(hex_to_oklab("e08a4a", "a0503f", "5a2a5a", "2f1f5a"), lit), 0.06)
    for cx, cy, rx, ry in BOUGHS:
        ragged = np.hypot((x - cx) / rx, (y - cy) / ry) + 0.2 * noise(plan.rng, x.shape, 22, 2)
        light = 0.42 - 0.35 * ((x - cx) / rx + (y - cy) / ry) + 0.12 * speckle
        plan.put(smoothstep(1.08, 0.92, ragged), ramp(FOLIAGE, light), 0.06)


def _tinted() -> np.ndarray:
    """Every pigment pure and in three tints with white: all the paint there is (N, 3)."""
    white = hex_to_oklab("fffdf4")[0]
    shares = (0.0, 0.35, 0.62, 0.84)
    tints = [PIGMENTS * (1 - share) + white * share for share in shares]
    return np.concatenate([*tints, white[None]])


def _dots(
    canvas: Canvas, plan: _Plan, spacing: float, width: float, density: np.ndarray, spread: float
) -> None:
    """One layer of points, each the pigment nearest to the plan's colour after a random push.

    `spread` is that push in Oklab: the bolder, the further the single points stray from the mean.
    """
    rng = canvas.rng
    starts = scatter(rng, density.shape, spacing, density)
    wanted = sample(plan.colour, starts)
    pushed = wanted + rng.normal(0, 1, wanted.shape) * [spread * 0.75, spread, spread]
    dark = rng.uniform(size=len(wanted)) < 0.3 * smoothstep(0.62, 0.4, wanted[:, 0])
    pushed[dark, 1:] *= -1.2
    palette = _tinted()
    colours = palette[cKDTree(palette).query(pushed)[1]]
    widths = rng.uniform(0.8, 1.2, len(starts)) * width
    paths = trace(plan.flow, starts, widths * rng.uniform(1.0, 1.35, len(starts)), steps=2)
    bead = Brush(opacity=0.97, relief=2.2, head=0.5, tail=0.5, edge=0.3, dryness=0, drag=0.03)
    canvas.lay(paths, widths, jitter(rng, colours, 0.015, 0.05, 0.05), bead)


def paint(size: int = 960, seed: int = 1886) -> Image.Image:
    """Paint the picture; the long side is `size` pixels, `seed` decides every stroke."""
    rng = np.random.default_rng(seed)
    canvas = Canvas(WIDTH, HEIGHT, size, hex_to_oklab("efe2c4")[0], rng)
    plan = _Plan(rng)
    _plan_air(plan)
    _plan_water(plan)
    _plan_boats(plan)
    _plan_foreground(plan)
    everywhere = np.ones(plan.x.shape)
    under = matching(rng, plan.colour, 0.03, 0.15, 0.2)
    canvas.cover(9, everywhere, plan.flow, (16, 30), (12, 18), under, Brush(relief=0.4))
    _dots(canvas, plan, 9.4, 12.5, everywhere, 0.075)
    _dots(canvas, plan, 8.6, 10.5, everywhere, 0.065)
    _dots(canvas, plan, 5, 6.2, np.clip(1.3 * plan.detail, 0, 0.95), 0.03)
    return canvas.finish(light=0.5, weave=0.1)
