"""Mountains, mist, pines and a boat in ink on paper.

Washes come first, far to near: each range is wet at its crest and runs out into mist, its pigment
gathered at the drying edge and broken by blooms. Over them go dry texture strokes that fall with
the slopes and skip the hollows of the paper, then dark wet accents (crags, pines, figures), and
one red seal. Everything is one ink in many dilutions.
"""

import numpy as np
from PIL import Image
from scipy import ndimage

from painting.brush import (
    Brush,
    Canvas,
    grid,
    hex_to_oklab,
    jitter,
    noise,
    ramp,
    smoothstep,
    turn,
)

__all__ = ["paint"]

WIDTH, HEIGHT = 960, 760
PAPER = hex_to_oklab("efe4cd")[0]
INK, BLUE_INK, RED = hex_to_oklab("14161c", "2b3a4d", "b3271e")
DILUTIONS = hex_to_oklab("14161c", "2c3038", "565c66", "8d9198")
DRY = Brush(
    opacity=0.8, bristle=0.04, dryness=1.15, relief=0, edge=0.35, tail=0.6, drag=0, tooth=0.2
)
WET = Brush(opacity=0.9, bristle=0.03, dryness=0.25, relief=0, edge=0.3, drag=0, wobble=0.16)

# Each range: peaks as (x, crest y, half width, bluntness), where it sinks into mist, its strength.
RANGES = [
    ([(70, 210, 80, 2.0), (215, 120, 74, 2.4), (352, 70, 66, 1.9), (580, 190, 70, 2.2),
      (690, 96, 84, 2.3), (850, 150, 90, 2.0)], 350, 0.34),
    ([(20, 300, 120, 1.5), (150, 236, 78, 2.2), (300, 190, 86, 1.8), (396, 288, 60, 2.0),
      (770, 205, 98, 2.1), (920, 250, 110, 1.7)], 452, 0.56),
    ([(-10, 380, 170, 1.5), (205, 372, 90, 1.7), (640, 318, 88, 2.1), (742, 384, 80, 1.6),
      (880, 330, 130, 1.8)], 556, 0.8),
]  # fmt: skip


def _crest(
    rng: np.random.Generator, peaks: list[tuple[int, int, int, float]], low: float
) -> np.ndarray:
    """The skyline (W,) of a range: karst towers and blunt peaks with a broken edge."""
    x = np.arange(WIDTH, dtype=float)
    line = np.full(WIDTH, float(low))
    for px, py, half, blunt in peaks:
        away = np.abs(x - px) / half
        line = np.minimum(line, py + (low - py) * (1 - np.exp(-(away**blunt))))
    rough = noise(rng, (8, WIDTH), 44, 4)[0] * 8 + noise(rng, (8, WIDTH), 9, 2)[0] * 2.2
    return line + rough


def _wash(
    rng: np.random.Generator, canvas: Canvas, shape: np.ndarray, load: np.ndarray, ink: np.ndarray
) -> None:
    """Glaze a wet shape (H, W in 0..1) with `load` of ink: blooms inside, pigment at the edge."""
    wet = shape > 0.5
    inward = ndimage.distance_transform_edt(wet)
    edge = np.exp(-inward / 2.2) * wet
    blooms = noise(rng, shape.shape, 90, 4)
    backrun = np.exp(-(((blooms - 0.35) / 0.07) ** 2))
    grain = 0.05 * noise(rng, shape.shape, 2.4) + 0.09 * noise(rng, shape.shape, 24, 2)
    density = load * (1 + 0.22 * blooms + 0.28 * backrun + grain) + load * 0.75 * edge
    soft = ndimage.gaussian_filter(wet.astype(float), 0.7)
    canvas.stain(np.clip(density, 0, 0.94) * soft, ink)


def _paint_range(
    rng: np.random.Generator,
    canvas: Canvas,
    peaks: list[tuple[int, int, int, float]],
    low: float,
    strength: float,
) -> None:
    """One range: a graded wash, darker folds, then texture strokes down its slopes."""
    x, y = grid(WIDTH, HEIGHT)
    crest = _crest(rng, peaks, low)
    under = y - crest[None, :]
    depth = np.clip(under / np.maximum(low + 60 - crest, 30)[None, :], 0, 1)
    mist = smoothstep(1.0, 0.25, depth + 0.14 * noise(rng, x.shape, 110, 2))
    mist = mist * smoothstep(low + 66, low + 10, y) * smoothstep(low - 14, low - 90, crest)
    shape = ((under > 0) & (y < low + 70)).astype(float)
    ink = INK * strength + BLUE_INK * (1 - strength)
    _wash(rng, canvas, shape, strength * 0.72 * mist, ink)
    folds = noise(rng, x.shape, 60, 3) + 0.8 * np.sin(
        (x + 0.55 * under) / 23 + 2 * noise(rng, x.shape, 90)
    )
    fold_shape = ((folds > 0.55) & (shape > 0)).astype(float)
    _wash(rng, canvas, fold_shape, strength * 0.5 * mist, ink)
    _texture(rng, canvas, crest, low, strength)


def _texture(
    rng: np.random.Generator, canvas: Canvas, crest: np.ndarray, low: float, strength: float
) -> None:
    """Hemp-fibre strokes that spill from the crest, and the crest itself with a loaded brush."""
    slope = np.gradient(ndimage.gaussian_filter1d(crest, 9))
    count = int(760 * strength)
    stands = np.flatnonzero(crest < low - 70)
    root = rng.choice(stands, count)
    fall = rng.uniform(0, 1, count) ** 1.5 * (low - crest[root] - 40)
    starts = np.stack([root, crest[root] + fall + 5], 1).astype(float)
    steep = np.arctan(slope[root])
    inward = np.sign(steep) * np.minimum(np.abs(steep), np.pi / 2 - np.abs(steep))
    lean = np.pi / 2 - 0.45 * inward + rng.normal(0, 0.1, count)
    rise = np.linspace(0, 1, 8)
    bend = lean[:, None] - np.sign(steep)[:, None] * 0.28 * rise**2
    reach = rng.uniform(34, 130, count) * np.clip((low + 20 - starts[:, 1]) / 120, 0.2, 1)
    paths = starts[:, None] + np.cumsum(turn(bend) * (reach / 8)[:, None, None], axis=1)
    fading = np.clip(fall / np.maximum(low - crest[root], 1), 0, 1)
    pale = DILUTIONS[2] * strength + DILUTIONS[3] * (1 - strength)
    colours = ramp(np.stack([INK * strength + pale * (1 - strength), pale]), fading)
    canvas.lay(paths, rng.uniform(4, 15, count), jitter(rng, colours, 0.05, 0.2, 0.1), DRY)

    for place in range(0, WIDTH - 60, 46):
        along = np.arange(place, min(place + int(rng.uniform(40, 110)), WIDTH - 1), 4)
        along = along[crest[along] < low - 60]
        if len(along) > 4:
            path = np.stack([along, crest[along] + 3], 1)[None].astype(float)
            grey = (INK * strength + DILUTIONS[3] * (1 - strength))[None]
            canvas.lay(path, rng.uniform(5, 12), jitter(rng, grey, 0.03, 0.1, 0.1), DRY)


def _paint_water(rng: np.random.Generator, canvas: Canvas) -> None:
    """A lake: pale level washes, dry ripples."""
    _, y = grid(WIDTH, HEIGHT)
    ripple = noise(rng, (HEIGHT * 5, WIDTH), 120, 3)[::5] + 0.4 * np.sin(y / 7)
    lake = ((y > 560) & (ripple > 0.15)).astype(float)
    _wash(rng, canvas, lake, 0.24 * smoothstep(552, 700, y), BLUE_INK)
    starts = np.stack([rng.uniform(0, WIDTH, 150), rng.uniform(566, 752, 150)], 1)
    reach = rng.uniform(30, 170, 150)
    along = np.linspace(-0.5, 0.5, 8)
    waver = 1.6 * np.sin(along * 9 + starts[:, :1])
    paths = np.stack([starts[:, :1] + reach[:, None] * along, starts[:, 1:] + waver], -1)
    tones = ramp(DILUTIONS[::-1], rng.uniform(0, 0.7, 150))
    canvas.lay(paths, rng.uniform(2.5, 7, 150), tones, DRY)


def _paint_crag(rng: np.random.Generator, canvas: Canvas) -> None:
    """The near rocks at both lower corners: wet masses, split by folds and dry axe strokes."""
    x, y = grid(WIDTH, HEIGHT)
    steps = noise(rng, (8, WIDTH), 60, 4)[0]
    skyline_x = x[0]
    right = 700 - 250 * smoothstep(640, 900, skyline_x) + 130 * smoothstep(640, 560, skyline_x)
    left = 622 + 150 * smoothstep(60, 300, skyline_x)
    for skyline, near in [(right + 13 * steps, x > 540), (left + 11 * steps, x < 300)]:
        under = y - skyline
        shape = ((under > 0) & near).astype(float)
        light = smoothstep(-0.9, 1.1, noise(rng, x.shape, 130, 3))
        _wash(rng, canvas, shape, 0.3 + 0.42 * (1 - light), INK)
        folds = np.sin((x - 0.55 * under) / 19 + 1.5 * noise(rng, x.shape, 90, 2))
        _wash(rng, canvas, ((folds > 0.45) & (shape > 0)).astype(float), 0.36 + 0 * x, INK)
        inside = np.argwhere((under > 12) & near)[:, ::-1].astype(float)
        starts = inside[rng.integers(0, len(inside), 150)]
        angle = np.where(rng.uniform(size=150) < 0.7, 1.05, 1.95) + rng.normal(0, 0.16, 150)
        rise = np.linspace(0, 1, 6)[None, :, None] * rng.uniform(30, 96, 150)[:, None, None]
        paths = starts[:, None] + turn(angle)[:, None] * rise
        dark = jitter(rng, np.repeat(INK[None], 150, 0), 0.03, 0, 0)
        canvas.lay(paths, rng.uniform(7, 20, 150), dark, DRY)
        edge = np.arange(0, WIDTH, 5)[near[0, ::5]]
        rim = np.stack([edge, skyline[edge]], 1)
        canvas.lay(rim[None].astype(float), 8, INK[None], Brush(**{**DRY.__dict__, "tail": 0.1}))


def _paint_pine(
    rng: np.random.Generator, canvas: Canvas, foot: tuple[float, float], tall: float, lean: float
) -> None:
    """A leaning pine: a rugged trunk, crooked boughs, and needles in radiating fans."""
    rise = np.linspace(0, 1, 14)
    trunk = np.stack(
        [
            foot[0] + lean * tall * rise + 0.07 * tall * np.sin(rise * 7),
            foot[1] - tall * rise,
        ],
        1,
    )
    canvas.lay(
        trunk[None], tall * 0.085, INK[None], Brush(**{**WET.__dict__, "tail": 0.9, "head": 0.02})
    )
    for offset in rng.uniform(-0.03, 0.03, 7) * tall:
        canvas.lay(trunk[None] + [offset, 0], tall * 0.02, DILUTIONS[1:2], DRY)
    for share in np.linspace(0.4, 1.0, 8):
        root = np.array([np.interp(share, rise, trunk[:, 0]), np.interp(share, rise, trunk[:, 1])])
        for side in (-1, 1):
            reach = tall * rng.uniform(0.22, 0.46) * (1.25 - 0.75 * share)
            along = np.linspace(0, 1, 7)
            crook = 0.10 * reach * np.sin(along * 8 + rng.uniform(0, 6))
            bough = root + np.stack([side * reach * along, crook - 0.22 * reach * along**0.6], 1)
            canvas.lay(bough[None], tall * 0.022, INK[None], WET)
            for point in bough[2:]:
                _paint_needles(rng, canvas, point + rng.normal(0, tall * 0.012, 2), tall * 0.075)


def _paint_needles(
    rng: np.random.Generator, canvas: Canvas, heart: np.ndarray, reach: float
) -> None:
    """A fan of needles over a pale wet dab."""
    dab = heart + np.array([[[-reach * 0.7, -reach * 0.2], [reach * 0.7, -reach * 0.25]]])
    canvas.lay(dab, reach * 0.9, BLUE_INK[None], Brush(opacity=0.35, relief=0, edge=0.8, drag=0))
    angles = -np.pi / 2 + np.linspace(-1.45, 1.45, 15) + rng.normal(0, 0.07, 15)
    length = reach * rng.uniform(0.8, 1.15, 15)
    tips = heart + turn(angles) * length[:, None]
    roots = heart + turn(angles) * length[:, None] * 0.08
    bow = (roots + tips) / 2 + np.array([0, -reach * 0.05])
    tone = jitter(rng, np.repeat(INK[None], 15, 0), 0.04, 0.1, 0.1)
    canvas.lay(np.stack([roots, bow, tips], 1), 2.6, tone, WET)


def _paint_boat(rng: np.random.Generator, canvas: Canvas, x: float, y: float) -> None:
    """A skiff with an awning and one fisher, in a dozen strokes."""
    hull = np.array([[[x - 62, y - 9], [x - 30, y + 4], [x + 20, y + 5], [x + 70, y - 13]]])
    canvas.lay(hull, 12, INK[None], WET)
    awning = np.array(
        [[[x - 26, y - 4], [x - 18, y - 24], [x + 4, y - 30], [x + 22, y - 22], [x + 26, y - 3]]]
    )
    canvas.lay(awning, 9, DILUTIONS[1:2], DRY)
    canvas.lay(awning * [1, 0.985] + [0, 14], 12, DILUTIONS[2:3], DRY)
    body = np.array([[[x + 46, y - 8], [x + 43, y - 34]]])
    canvas.lay(body, 14, DILUTIONS[1:2], WET)
    hat = np.array([[[x + 27, y - 30], [x + 43, y - 43], [x + 60, y - 30]]])
    canvas.lay(hat, 7, INK[None], WET)
    rod = np.array([[[x + 48, y - 26], [x + 92, y - 52], [x + 130, y - 62]]])
    canvas.lay(rod, 2.6, INK[None], WET)
    mirror = np.array([[[x - 56, y + 18], [x + 60, y + 17]], [[x - 36, y + 26], [x + 44, y + 27]]])
    canvas.lay(mirror, 6, DILUTIONS[2:4], DRY)


def _paint_sky(rng: np.random.Generator, canvas: Canvas) -> None:
    """A pale disc left in a grey wash, and a skein of birds."""
    x, y = grid(WIDTH, HEIGHT)
    disc = np.hypot(x - 470, y - 92) < 50
    clouds = noise(rng, (HEIGHT * 3, WIDTH), 190, 4)[::3]
    billows = clouds + 0.5 * np.sin(y / 30 + x / 150)
    for level, load in [(-0.25, 0.2), (0.3, 0.22), (0.9, 0.24)]:
        streams = (billows > level) & ~disc & (y < 420)
        fading = np.exp(-1.1 * (billows - level)) * smoothstep(420, 60, y)
        _wash(rng, canvas, streams.astype(float), load * fading, BLUE_INK)
    _wash(rng, canvas, disc.astype(float), 0.45 * np.ones(x.shape), RED)
    for place in range(9):
        bx, by = 540 + 26 * place + rng.normal(0, 5), 74 + 9 * abs(place - 3) + rng.normal(0, 4)
        span = rng.uniform(8, 13)
        wing = np.array([[-1, -0.5], [-0.4, -0.7], [0, 0], [0.4, -0.75], [1, -0.55]])
        canvas.lay((np.array([bx, by]) + wing * span)[None], 3.4, INK[None], WET)


def _paint_seal(rng: np.random.Generator, canvas: Canvas, x: float, y: float) -> None:
    """A red stamp with an abstract mark cut out of it, unevenly inked."""
    xs, ys = grid(WIDTH, HEIGHT)
    u, v = (xs - x) / 25, (ys - y) / 25
    block = np.maximum(np.abs(u), np.abs(v)) + 0.05 * noise(rng, xs.shape, 7) < 1
    peaks = np.abs(v + 0.45 - 0.9 * np.abs(np.abs(u) - 0.36)) < 0.12
    waves = np.abs(v - 0.36 - 0.09 * np.sin(u * 7)) < 0.08
    floor = np.abs(v - 0.68 - 0.09 * np.sin(u * 7)) < 0.08
    mark = (block & ~((peaks | waves | floor) & (np.abs(u) < 0.76))).astype(float)
    patchy = np.clip(0.86 + 0.12 * noise(rng, xs.shape, 6), 0, 1)
    canvas.stain(ndimage.gaussian_filter(mark, 0.6) * patchy, RED)


def _paper(rng: np.random.Generator) -> np.ndarray:
    """Warm paper (H, W, 3) with fibres and age."""
    sheet = np.empty((HEIGHT, WIDTH, 3))
    sheet[:] = PAPER
    sheet[..., 0] += 0.008 * noise(rng, sheet.shape[:2], 3) + 0.014 * noise(
        rng, sheet.shape[:2], 160, 3
    )
    return sheet


def paint(size: int = 960, seed: int = 1467) -> Image.Image:
    """Paint the picture; the long side is `size` pixels, `seed` decides every stroke."""
    rng = np.random.default_rng(seed)
    canvas = Canvas(WIDTH, HEIGHT, size, _paper(rng), rng)
    _paint_sky(rng, canvas)
    for peaks, low, strength in RANGES:
        _paint_range(rng, canvas, peaks, low, strength)
    _paint_water(rng, canvas)
    _paint_crag(rng, canvas)
    _paint_pine(rng, canvas, (806, 500), 330, -0.24)
    _paint_pine(rng, canvas, (916, 440), 190, 0.06)
    _paint_pine(rng, canvas, (84, 640), 200, 0.14)
    _paint_boat(rng, canvas, 410, 650)
    _paint_seal(rng, canvas, 60, 60)
    return canvas.finish(light=0)
