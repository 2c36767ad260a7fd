"""An old oak on a hill before a storm, in charcoal and white chalk on toned paper.

A map of tones is planned first: a rolling storm, shafts of light, a hill, a lane, and a tree
grown by branching. The charcoal is built as a draughtsman does: a smudged block-in, then hatching
in one direction after another as the tone deepens, strokes across the form on trunk and boughs,
pressed blacks, and last the chalk. Every mark skips the hollows of the paper.
"""

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage

from painting.brush import (
    Brush,
    Canvas,
    comb,
    grid,
    hex_to_oklab,
    jitter,
    noise,
    ramp,
    sample,
    scatter,
    smoothstep,
    trace,
    turn,
)

__all__ = ["paint"]

WIDTH, HEIGHT = 960, 760
TREE = 7  # the seed of its growth, apart from the strokes' so that the oak stays itself
PAPER = hex_to_oklab("cbbfa9")[0]
STICK = hex_to_oklab("161415", "2a2727", "4b4644")
CHALK = hex_to_oklab("f7f1e2")[0]
SMUDGE = Brush(opacity=0.2, bristle=0.02, dryness=0.2, relief=0, edge=0.9, drag=0.4, tooth=0)
HATCH = Brush(opacity=0.8, bristle=0.03, dryness=0.5, relief=0, edge=0.5, drag=0, tooth=0.2)
PRESSED = Brush(opacity=0.95, bristle=0.03, dryness=0.3, relief=0, edge=0.3, drag=0, tooth=0.12)

# Direction, length and girth of the great boughs, and how far below the crown they leave the trunk.
BOUGHS = [
    (-2.6, 150, 34, 20), (-1.95, 150, 38, 0), (-1.3, 160, 40, 0), (-0.55, 175, 38, 10),
    (-0.05, 120, 24, 46),
]  # fmt: skip

Limb = tuple[np.ndarray, np.ndarray]


def _grow(
    rng: np.random.Generator,
    root: np.ndarray,
    angle: float,
    length: float,
    girth: float,
    limbs: list[Limb],
) -> None:
    """Add a limb (path (K, 2), widths (K,)) to `limbs`, then its forks, down to twigs."""
    steps = 9
    bends = np.cumsum(rng.normal(0, 0.15, steps)) + 0.16 * np.sin(np.arange(steps) * 1.3)
    heading = np.clip(angle + bends, -3.35, 0.2)
    path = np.vstack([root, root + np.cumsum(turn(heading) * length / steps, axis=0)])
    limbs.append((path, girth * np.linspace(1, 0.62, steps + 1)))
    if girth < 6 or length < 22:
        return
    forks = 2 if rng.uniform() < 0.6 else 3
    spread = np.linspace(-0.62, 0.62, forks) + rng.normal(0, 0.16, forks)
    for turn_by in spread:
        lift = 0.3 * np.sin(heading[-1] + np.pi / 2)
        share = rng.uniform(0.64, 0.86)
        _grow(
            rng,
            path[-1],
            heading[-1] + turn_by - lift,
            length * share,
            girth * 0.62 * share**0.3,
            limbs,
        )
    if girth > 14:
        side = rng.choice([-1, 1]) * rng.uniform(0.7, 1.1)
        _grow(rng, path[5], heading[4] + side, length * 0.66, girth * 0.4, limbs)


def _oak(rng: np.random.Generator) -> list[Limb]:
    """The tree: a stout trunk with four great boughs, thickest limbs first."""
    rise = np.linspace(0, 1, 12)
    trunk = np.stack([296 + 26 * np.sin(rise * 3.4) - 10 * rise, 664 - 262 * rise], 1)
    flare = 94 - 40 * smoothstep(0, 0.35, rise) + 22 * smoothstep(0.8, 1, rise)
    limbs: list[Limb] = [(trunk, flare)]
    crown = trunk[-1]
    for angle, length, girth, low in BOUGHS:
        root = crown + np.array([14 * np.cos(angle), low])
        _grow(rng, root, angle, length, girth, limbs)
    return sorted(limbs, key=lambda limb: -limb[1][0])


def _silhouette(limbs: list[Limb]) -> np.ndarray:
    """Cover (H, W) of all limbs thicker than a twig."""
    mask = Image.new("L", (WIDTH, HEIGHT))
    draw = ImageDraw.Draw(mask)
    for path, widths in limbs:
        for start, end, width in zip(path[:-1], path[1:], widths, strict=False):
            draw.line([*start, *end], fill=255, width=max(1, round(width)))
            draw.circle(tuple(start), width / 2, fill=255)
    return ndimage.gaussian_filter(np.asarray(mask, float) / 255, 0.8)


def _hill(x: np.ndarray) -> np.ndarray:
    return 640 - 96 * np.exp(-(((x - 300) / 260) ** 2)) - 34 * np.exp(-(((x - 900) / 200) ** 2))


def _plan(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Darkness (H, W) in 0..1, bare paper about 0.25, and directions (H, W, 2) of the forms."""
    x, y = grid(WIDTH, HEIGHT)
    swirl = turn(0.75 * np.sin(x / 150 + y / 110) + 0.5 * np.sin(y / 75 - x / 300) - 0.25)
    rolls = comb(swirl, noise(rng, x.shape, 120, 2), 120)
    rags = comb(swirl, noise(rng, x.shape, 34), 70)
    burst = np.exp(-(((x - 660) / 190) ** 2 + ((y - 330) / 150) ** 2))
    rays = np.sin(np.arctan2(y - 210, x - 690) * 15 + 0.6 * rolls) * smoothstep(210, 420, y)
    glow = np.exp(-(((x - 250) / 300) ** 2 + ((y - 330) / 170) ** 2))
    dark = 0.46 + 0.26 * rolls + 0.12 * rags - 0.55 * burst - 0.3 * glow
    dark += 0.08 * smoothstep(170, 0, y) - 0.12 * rays * np.exp(-(((x - 690) / 260) ** 2))
    far = 548 + 16 * np.sin(x / 70) + 7 * np.sin(x / 23)
    land = smoothstep(far - 2, far + 2, y)
    dark = dark * (1 - land) + (0.42 + 0.2 * np.sin(y / 13 + x / 90)) * land
    hill = smoothstep(_hill(x) - 2, _hill(x) + 2, y)
    turf = comb(turn(-0.5 + 0.9 * smoothstep(0, 960, x)), noise(rng, x.shape, 20), 40)
    slope = 0.6 + 0.2 * turf - 0.3 * np.exp(-(((x - 520) / 170) ** 2 + ((y - 620) / 60) ** 2))
    dark = dark * (1 - hill) + slope * hill
    bend = 700 - 170 * np.clip((y - 560) / 200, 0, 1) ** 0.7
    road = smoothstep(1.1, 0.9, np.abs(x - bend) / (7 + 88 * np.clip((y - 560) / 200, 0, 1) ** 1.3))
    road = road * smoothstep(562, 580, y)
    dark = dark * (1 - road) + (0.12 + 0.1 * turf) * road
    ground = turn(-0.4 + 0.9 * x / WIDTH)
    grass = np.maximum(land, hill)[..., None]
    return np.clip(dark, 0.02, 1), swirl * (1 - grass) + ground * grass


def _tones(rng: np.random.Generator, at: np.ndarray) -> np.ndarray:
    """Stick colours (N, 3) from soft grey (0) to pressed black (1)."""
    return jitter(rng, ramp(STICK[::-1], at), 0.02, 0.1, 0.1)


def _smudge(rng: np.random.Generator, canvas: Canvas, dark: np.ndarray, form: np.ndarray) -> None:
    """The block-in: broad side-of-the-stick strokes, rubbed with a cloth along the forms."""
    cloth = ndimage.gaussian_filter(dark, 7) + 0.05 * noise(rng, dark.shape, 40, 3)
    canvas.stain(np.clip(0.8 * (cloth - 0.22), 0, 0.6), STICK[1])
    for spacing, width in [(26, 40), (17, 22)]:
        starts = scatter(rng, dark.shape, spacing, np.clip(dark - 0.1, 0, 1))
        paths = trace(form, starts, rng.uniform(80, 170, len(starts)))
        depth = sample(dark, starts)
        canvas.lay(paths, width, _tones(rng, depth), SMUDGE)


def _hatch(rng: np.random.Generator, canvas: Canvas, dark: np.ndarray, form: np.ndarray) -> None:
    """Four sets of parallel lines, each only where the plan is darker than the last."""
    leaning = np.arctan2(form[..., 1], form[..., 0])
    sets = [(0.2, 0.0, 0.5), (0.42, -0.95, 0.3), (0.58, 0.85, 0.3), (0.76, 1.57, 0.3)]
    for threshold, angle, follow in sets:
        deeper = smoothstep(threshold - 0.05, threshold + 0.12, dark)
        for centre in scatter(rng, dark.shape, 46, 0.95 * deeper):
            heading = angle - 0.75 + follow * sample(leaning, centre) + rng.normal(0, 0.08)
            _patch(rng, canvas, centre, heading, dark)


def _patch(
    rng: np.random.Generator, canvas: Canvas, centre: np.ndarray, heading: float, dark: np.ndarray
) -> None:
    """One gesture of the wrist: a few parallel, slightly bowed lines."""
    count = int(rng.integers(6, 10))
    step = turn(np.array(heading + np.pi / 2)) * rng.uniform(8, 10.5)
    middles = (
        centre + (np.arange(count) - count / 2)[:, None] * step + rng.normal(0, 0.7, (count, 2))
    )
    rise = np.linspace(-0.5, 0.5, 6)
    bow = turn(np.array(heading + np.pi / 2)) * (4 * rise**2)[:, None]
    reach = rng.uniform(56, 110) * rng.uniform(0.8, 1.15, count)
    lines = (
        middles[:, None]
        + reach[:, None, None] * rise[None, :, None] * turn(np.array(heading))
        + bow
    )
    canvas.lay(lines, rng.uniform(3.2, 5.6, count), _tones(rng, sample(dark, middles)), HATCH)


def _draw_oak(rng: np.random.Generator, canvas: Canvas, limbs: list[Limb]) -> None:
    """Limbs pressed black on their shaded side, hatched across the form, chalked on the other."""
    for path, widths in limbs:
        tone = _tones(rng, np.array([0.9 if widths[0] > 12 else 0.75]))
        if widths[0] < 7:
            canvas.lay(path[None], widths[0] + 1, tone, PRESSED)
            continue
        heading = np.gradient(path, axis=0)
        side = np.stack([-heading[:, 1], heading[:, 0]], 1)
        side /= np.hypot(*side.T)[:, None]
        side *= np.where(side[:, :1] - 0.7 * side[:, 1:] > 0, 1, -1)
        lanes = max(3, int(widths[0] / 5))
        for lane in np.linspace(-0.5, 0.5, lanes):
            shade = _tones(rng, np.array([0.95 - 0.75 * max(0.0, lane)]))
            wander = rng.normal(0, 0.03, (len(path), 1)) * widths[:, None]
            rail = path + side * lane * widths[:, None] * 0.86 + wander
            canvas.lay(
                rail[None],
                widths[0] / lanes * 1.7,
                shade,
                Brush(**{**PRESSED.__dict__, "head": 0.02, "tail": 0.04}),
            )
        if widths[0] > 14:
            _bark(rng, canvas, path, widths, side)


def _bark(
    rng: np.random.Generator, canvas: Canvas, path: np.ndarray, widths: np.ndarray, side: np.ndarray
) -> None:
    """Curved hatching across a limb, and chalk where the burst of light strikes it."""
    reach = np.hypot(*np.diff(path, axis=0).T).sum()
    count = int(reach / 3.2)
    at = rng.uniform(0, len(path) - 1.001, count)
    low = at.astype(int)
    share = (at - low)[:, None]
    middle = path[low] * (1 - share) + path[low + 1] * share
    half = (widths[low] / 2)[:, None]
    along = (path[low + 1] - path[low]) / np.hypot(*(path[low + 1] - path[low]).T)[:, None]
    across = np.linspace(-0.95, 0.35, 6)
    bow = 0.45 * (across**2)
    lines = middle[:, None] + side[low][:, None] * half[:, None] * across[None, :, None]
    lines = lines + along[:, None] * half[:, None] * bow[None, :, None]
    canvas.lay(lines, rng.uniform(1.6, 4, count), _tones(rng, rng.uniform(0.7, 1, count)), HATCH)
    lit = rng.uniform(size=count) < 0.5
    start, stop = rng.uniform(0.45, 0.65, count), rng.uniform(0.75, 0.95, count)
    flecks = np.stack([start, (start + stop) / 2, stop], 1)
    chalk = middle[:, None] + side[low][:, None] * half[:, None] * flecks[..., None]
    chalk = chalk + along[:, None] * np.array([-3, 0, 3])[None, :, None]
    colours = np.repeat(CHALK[None], count, 0)
    canvas.lay(chalk[lit], rng.uniform(1.6, 3.4, lit.sum()), colours[lit], HATCH)


def _draw_grass(rng: np.random.Generator, canvas: Canvas, dark: np.ndarray) -> None:
    """Blown tufts in the foreground, roots under the oak, fence posts beside the lane."""
    x, y = grid(WIDTH, HEIGHT)
    hill = smoothstep(_hill(x) + 6, _hill(x) + 26, y) * smoothstep(0.25, 0.5, dark)
    starts = scatter(rng, dark.shape, 11, hill * 0.8)
    starts = starts[np.argsort(starts[:, 1])]
    near = np.clip((starts[:, 1] - 540) / 220, 0.15, 1)
    angle = -np.pi / 2 + 0.55 + 0.4 * np.sin(starts[:, 0] / 60) + rng.normal(0, 0.25, len(starts))
    rise = np.linspace(0, 1, 5)
    bend = angle[:, None] + 0.35 * rise**2
    paths = (
        starts[:, None]
        + turn(bend) * (near * rng.uniform(20, 46, len(starts)))[:, None, None] * rise[..., None]
    )
    colours = _tones(rng, rng.uniform(0.6, 1, len(starts)))
    canvas.lay(paths, 1.6 + 2.6 * near, colours, PRESSED)
    for index in range(7):
        px, foot = 762 + 6 * index**1.7, 576 + 24 * index**1.15
        tall = 16 + 13 * index
        post = np.array([[[px, foot], [px + 0.06 * tall, foot - tall]]])
        canvas.lay(post, 3 + 1.7 * index, STICK[:1], PRESSED)
        canvas.lay(post + np.array([1 + 0.6 * index, 0]), 1.5 + 0.4 * index, CHALK[None], HATCH)


def _lift(rng: np.random.Generator, canvas: Canvas, dark: np.ndarray, form: np.ndarray) -> None:
    """Chalk in the burst of light, on the lane and along the shafts."""
    bright = smoothstep(0.3, 0.02, dark)
    starts = scatter(rng, dark.shape, 8, bright * 0.8)
    paths = trace(form, starts, rng.uniform(26, 80, len(starts)), steps=6)
    chalk = jitter(rng, np.repeat(CHALK[None], len(starts), 0), 0.015, 0.2, 0.2)
    canvas.lay(paths, rng.uniform(2.5, 6, len(starts)), chalk, HATCH)


def _paper(rng: np.random.Generator) -> np.ndarray:
    sheet = np.empty((HEIGHT, WIDTH, 3))
    sheet[:] = PAPER
    sheet[..., 0] += 0.012 * noise(rng, sheet.shape[:2], 2.4)
    return sheet


def paint(size: int = 960, seed: int = 1821) -> Image.Image:
    """Draw the picture; the long side is `size` pixels, `seed` decides every stroke."""
    rng = np.random.default_rng(seed)
    canvas = Canvas(WIDTH, HEIGHT, size, _paper(rng), rng)
    dark, form = _plan(rng)
    _smudge(rng, canvas, dark, form)
    _hatch(rng, canvas, dark, form)
    canvas.rub(0.2, 3)
    _lift(rng, canvas, dark, form)
    limbs = _oak(np.random.default_rng(TREE))
    canvas.stain(_silhouette(limbs) * 0.5, STICK[1])
    _draw_oak(rng, canvas, limbs)
    _draw_grass(rng, canvas, dark)
    return canvas.finish(light=0)
