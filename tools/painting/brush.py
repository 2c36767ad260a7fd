"""A brush, paint and canvas: the engine behind the painted presets.

Positions, widths and lengths are in logical pixels (the picture's long side is 960 of them), so a
painting is the same picture at every size. Colours are Oklab (Ottosson 2020), in which mixing and
jitter look even. A stroke is a ribbon along a path: each of its points is looked up in the
ribbon's own coordinates (along, across), so a stroke costs its own area, not its bounding box's.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from PIL import Image
from scipy import ndimage

__all__ = [
    "LONG_SIDE",
    "Brush",
    "Canvas",
    "comb",
    "grid",
    "hex_to_oklab",
    "jitter",
    "matching",
    "noise",
    "oklab_to_srgb",
    "ramp",
    "sample",
    "scatter",
    "smoothstep",
    "srgb_to_oklab",
    "trace",
    "turn",
]


LONG_SIDE = 960
SUPERSAMPLE = 1.5
RIBBON_STEP = 0.68  # below 1/sqrt(2), so a rotated ribbon leaves no pixel unvisited

_RGB_TO_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_LMS_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def srgb_to_oklab(rgb: np.ndarray) -> np.ndarray:
    """sRGB (..., 3) in 0..1 to Oklab (..., 3): L in 0..1, a and b about -0.4..0.4."""
    rgb = np.asarray(rgb, float)
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return np.cbrt(linear @ _RGB_TO_LMS.T) @ _LMS_TO_LAB.T


def oklab_to_srgb(lab: np.ndarray) -> np.ndarray:
    """Oklab (..., 3) to sRGB (..., 3), clipped to 0..1."""
    lms = (np.asarray(lab, float) @ np.linalg.inv(_LMS_TO_LAB).T) ** 3
    linear = np.clip(lms @ np.linalg.inv(_RGB_TO_LMS).T, 0, 1)
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)


def hex_to_oklab(*codes: str) -> np.ndarray:
    """Oklab (N, 3) of colours written as `rrggbb`."""
    rgb = [[int(code[i : i + 2], 16) / 255 for i in (0, 2, 4)] for code in codes]
    return srgb_to_oklab(np.array(rgb))


def ramp(colours: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Colours (..., 3) read from an even ramp of N colours (N, 3) at positions in 0..1."""
    place = np.clip(at, 0, 1) * (len(colours) - 1)
    low = np.minimum(place.astype(int), len(colours) - 2)
    share = (place - low)[..., None]
    return colours[low] * (1 - share) + colours[low + 1] * share


def jitter(
    rng: np.random.Generator, colours: np.ndarray, light: float, chroma: float, hue: float
) -> np.ndarray:
    """Vary Oklab colours (N, 3): lightness by `light`, chroma by a share, hue (radians)."""
    count = len(colours)
    turn_by = rng.normal(0, hue, count)
    scale = np.exp(rng.normal(0, chroma, count)) if chroma else np.ones(count)
    cos, sin = np.cos(turn_by) * scale, np.sin(turn_by) * scale
    light_a_b = [
        colours[:, 0] + rng.normal(0, light, count),
        colours[:, 1] * cos - colours[:, 2] * sin,
        colours[:, 1] * sin + colours[:, 2] * cos,
    ]
    return np.stack(light_a_b, axis=1)


def matching(
    rng: np.random.Generator,
    target: np.ndarray,
    light: float = 0.03,
    chroma: float = 0.12,
    hue: float = 0.12,
) -> Callable[[np.ndarray], np.ndarray]:
    """A way to mix paint that matches `target` (H, W, 3) at given points, with `jitter`."""

    def colour(points: np.ndarray) -> np.ndarray:
        return jitter(rng, sample(target, points), light, chroma, hue)

    return colour


def smoothstep(low: float, high: float, x: np.ndarray) -> np.ndarray:
    """The cubic step from 0 at `low` to 1 at `high`."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def grid(width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """The x and y of every logical pixel, two arrays (height, width)."""
    return np.meshgrid(np.arange(width, dtype=float), np.arange(height, dtype=float))


def noise(
    rng: np.random.Generator, shape: tuple[int, int], scale: float, octaves: int = 1
) -> np.ndarray:
    """Smooth noise (H, W) of mean 0 and deviation 1, its motifs about `scale` pixels across."""
    total = np.zeros(shape)
    for octave in range(octaves):
        sigma = scale / 2**octave / 2
        coarse = max(1, int(sigma / 2))
        small = rng.normal(size=[side // coarse + 8 for side in shape])
        small = ndimage.gaussian_filter(small, sigma / coarse, mode="wrap")
        layer = ndimage.zoom(small / small.std(), coarse, order=1)
        total += layer[: shape[0], : shape[1]] / 2**octave
    return (total - total.mean()) / total.std()


def sample(field: np.ndarray, points: np.ndarray) -> np.ndarray:
    """The values of a map (H, W) or (H, W, C) at points (..., 2) given as x, y; edges extend."""
    height, width = field.shape[:2]
    x = np.clip(np.rint(points[..., 0]).astype(int), 0, width - 1)
    y = np.clip(np.rint(points[..., 1]).astype(int), 0, height - 1)
    return field[y, x]


def turn(angle: np.ndarray) -> np.ndarray:
    """Unit vectors (..., 2) pointing along `angle` in radians (y grows downwards)."""
    return np.stack([np.cos(angle), np.sin(angle)], axis=-1)


def trace(
    field: np.ndarray, starts: np.ndarray, lengths: np.ndarray, steps: int = 14
) -> np.ndarray:
    """Paths (N, steps + 1, 2) that follow a direction field (H, W, 2), centred on `starts`."""
    unit = field / np.maximum(np.linalg.norm(field, axis=-1, keepdims=True), 1e-9)
    pace = (np.asarray(lengths) / steps)[:, None]
    halves = []
    for sign in (-1, 1):
        points = [starts]
        for _ in range(steps // 2):
            here = sample(unit, points[-1])
            middle = sample(unit, points[-1] + sign * here * pace / 2)
            points.append(points[-1] + sign * middle * pace)
        halves.append(points)
    return np.stack(halves[0][:0:-1] + halves[1], axis=1)


def comb(field: np.ndarray, values: np.ndarray, reach: float, steps: int = 24) -> np.ndarray:
    """Average a map (H, W) along a direction field, `reach` pixels to both sides; deviation 1.

    Line integral convolution (Cabral and Leedom 1993): blotches become bands that flow.
    """
    height, width = values.shape
    starts = np.stack(grid(width, height), axis=-1)
    unit = field / np.maximum(np.linalg.norm(field, axis=-1, keepdims=True), 1e-9)
    total = values.copy()
    for sign in (-1, 1):
        points = starts
        for _ in range(steps):
            points = points + sign * sample(unit, points) * (reach / steps)
            total += sample(values, points)
    total = ndimage.gaussian_filter(total, 1)
    return (total - total.mean()) / total.std()


def scatter(
    rng: np.random.Generator, shape: tuple[int, int], spacing: float, density: np.ndarray
) -> np.ndarray:
    """Points (N, 2) about `spacing` pixels apart in random order, kept with chance `density`.

    `density` is a map (H, W) in 0..1. A jittered grid covers evenly without looking like one.
    """
    height, width = shape
    x, y = np.meshgrid(np.arange(0, width, spacing), np.arange(0, height, spacing))
    points = np.stack([x.ravel(), y.ravel()], axis=1)
    points = points + rng.uniform(0, spacing, points.shape)
    points = points[rng.uniform(size=len(points)) < sample(density, points)]
    return rng.permutation(points)


@dataclass(frozen=True)
class Brush:
    """How a loaded brush marks the canvas. Shares are 0..1."""

    opacity: float = 0.95
    bristle: float = 0.075  # swing of lightness between hairs, in Oklab L
    dryness: float = 0.35  # share of the hairs that have run out of paint at the tail
    relief: float = 1.0  # thickness of the paint; 0 is a stain
    edge: float = 0.2  # share of the half width over which the edge fades
    head: float = 0.15  # share of the length over which the stroke swells
    tail: float = 0.35  # share of the length over which it thins
    drag: float = 0.1  # share of the colour beneath that the brush picks up
    wobble: float = 0.08  # unevenness of the outline, as a share of the width
    tooth: float = 0.0  # share of the ground, its hollows, that a dry mark skips


def _hairs(rng: np.random.Generator) -> np.ndarray:
    """A tileable sheet (512, 1024) of streaks in 0..1: rows run along a stroke, columns across."""
    streaks = ndimage.gaussian_filter(rng.normal(size=(512, 1024)), (16, 0.9), mode="wrap")
    broad = ndimage.gaussian_filter(rng.normal(size=(512, 1024)), (24, 3), mode="wrap")
    ranks = (streaks / streaks.std() + 0.6 * broad / broad.std()).ravel().argsort().argsort()
    return (ranks / ranks.size).reshape(512, 1024).astype(np.float32)


class Canvas:
    """Paint (Oklab) and its thickness on a primed ground, at a multiple of the final size."""

    def __init__(
        self, width: int, height: int, size: int, ground: np.ndarray, rng: np.random.Generator
    ) -> None:
        """A canvas of width x height logical pixels; `size` is the finished long side in pixels.

        `ground` is one Oklab colour (3,) or a map (height, width, 3).
        """
        self.scale = size / LONG_SIDE * SUPERSAMPLE
        self.shape = (round(height * self.scale), round(width * self.scale))
        self.final = (round(width * size / LONG_SIDE), round(height * size / LONG_SIDE))
        self.paint = np.empty((*self.shape, 3), np.float32)
        self.paint[:] = ground if np.ndim(ground) == 1 else self.spread(ground)
        self.relief = np.zeros(self.shape, np.float32)
        self.rng = rng
        self._sheet = _hairs(rng)

    @cached_property
    def grain(self) -> np.ndarray:
        """The tooth of the paper: how high each pixel stands, as a rank in 0..1."""
        fine = noise(self.rng, self.shape, 1.7 * self.scale)
        lumps = noise(self.rng, self.shape, 5 * self.scale)
        ranks = (fine + 0.3 * lumps).ravel().argsort().argsort()
        return (ranks / ranks.size).reshape(self.shape).astype(np.float32)

    def spread(self, logical: np.ndarray) -> np.ndarray:
        """A logical map (H, W) or (H, W, C), smoothly enlarged to the canvas."""
        height, width = self.shape
        y = np.arange(height) / self.scale
        x = np.arange(width) / self.scale
        where = np.meshgrid(y, x, indexing="ij")
        planes = logical[..., None] if logical.ndim == 2 else logical
        wide = [
            ndimage.map_coordinates(planes[..., c], where, order=1, mode="nearest")
            for c in range(planes.shape[-1])
        ]
        return wide[0] if logical.ndim == 2 else np.stack(wide, axis=-1)

    def lay(
        self,
        paths: np.ndarray,
        widths: np.ndarray | float,
        colours: np.ndarray,
        brush: Brush,
        seconds: np.ndarray | None = None,
    ) -> None:
        """Lay strokes in order: paths (N, K, 2), widths (N,), Oklab colours (N, 3).

        `seconds` (N, 3) is a second colour on the other side of each brush.
        """
        widths = np.broadcast_to(widths, len(paths))
        others = colours if seconds is None else seconds
        for path, width, colour, other in zip(paths, widths, colours, others, strict=True):
            self._stroke(path * self.scale, width * self.scale, colour, other, brush)

    def _stroke(
        self,
        path: np.ndarray,
        width: float,
        colour: np.ndarray,
        other: np.ndarray,
        brush: Brush,
    ) -> None:
        """One ribbon of paint; `path` and `width` in canvas pixels."""
        legs = np.hypot(*np.diff(path, axis=0).T)
        reach = np.concatenate([[0], np.cumsum(legs)])
        count = int(reach[-1] / RIBBON_STEP) + 3
        along = np.linspace(0, 1, count)
        spine = np.stack([np.interp(along * reach[-1], reach, path[:, i]) for i in (0, 1)], axis=1)
        heading = np.gradient(spine, axis=0)
        heading /= np.maximum(np.hypot(*heading.T), 1e-6)[:, None]
        half = 0.5 * width * self._pressure(along, brush)
        across = np.linspace(-1, 1, int(width / RIBBON_STEP) + 3)
        offset = half[:, None] * across
        x = np.rint(spine[:, :1] - heading[:, 1:] * offset).astype(np.int32)
        y = np.rint(spine[:, 1:] + heading[:, :1] * offset).astype(np.int32)
        inside = (x >= 0) & (y >= 0) & (x < self.shape[1]) & (y < self.shape[0])
        if not inside.any():
            return

        hair = self._hair(reach[-1], width, along, across)
        rim = np.abs(across)[None, :]
        cover = brush.opacity * np.clip((1 - rim) / max(brush.edge, 1e-3), 0, 1)
        thirst = brush.dryness * smoothstep(0.25, 1.0, along)[:, None]
        cover = cover * np.clip((hair - thirst) / 0.12 + 1, 0, 1)
        share = np.clip(0.5 + 0.5 * across[None, :] + 0.8 * (hair - 0.5), 0, 1)[..., None]
        tint = colour * (1 - share) + other * share
        tint[..., 0] += brush.bristle * 2 * (hair - 0.5)
        thick = brush.relief * np.sqrt(width) * (0.35 + 0.5 * hair + 0.35 * rim**3)
        y, x, cover = y[inside], x[inside], cover[inside]
        if brush.tooth:
            cover = cover * np.clip((self.grain[y, x] - brush.tooth) / 0.45 + 0.5, 0, 1)
        self._blend(y, x, cover, tint[inside], thick[inside], brush)

    def _pressure(self, along: np.ndarray, brush: Brush) -> np.ndarray:
        """Width along the stroke as a share: a round head, a thinning tail, an unsteady hand."""
        swell = np.clip(along / max(brush.head, 1e-3), 0, 1)
        thin = np.clip((1 - along) / max(brush.tail, 1e-3), 0, 1)
        shape = np.sqrt(swell * (2 - swell)) * np.sqrt(thin * (2 - thin))
        phase = self.rng.uniform(0, 2 * np.pi, 2)
        waves = np.sin(9 * along + phase[0]) + np.sin(23 * along + phase[1])
        return shape * (1 + brush.wobble * waves)

    def _hair(
        self, length: float, width: float, along: np.ndarray, across: np.ndarray
    ) -> np.ndarray:
        """A patch of the hair sheet for one stroke, hairs the same size under every brush."""
        rows, columns = self._sheet.shape
        top, left = self.rng.integers(rows), self.rng.integers(columns)
        row = (top + along * length / self.scale).astype(int) % rows
        column = (left + (across + 1) * width / self.scale / 2).astype(int) % columns
        return self._sheet[row[:, None], column[None, :]]

    def _blend(
        self,
        y: np.ndarray,
        x: np.ndarray,
        cover: np.ndarray,
        tint: np.ndarray,
        thick: np.ndarray,
        brush: Brush,
    ) -> None:
        under = self.paint[y, x]
        if brush.drag:
            tint = tint * (1 - brush.drag) + under.mean(axis=0) * brush.drag
        self.paint[y, x] = under + (tint - under) * cover[:, None]
        low = self.relief[y, x]
        self.relief[y, x] = low + (0.3 * low + thick - low) * cover * min(brush.relief, 1)

    def stain(self, cover: np.ndarray, colour: np.ndarray) -> None:
        """Glaze the canvas with a colour (3,) or map, as thick as the logical map `cover`."""
        wide = self.spread(cover)[..., None].astype(np.float32)
        tint = colour if np.ndim(colour) == 1 else self.spread(colour)
        self.paint += (tint - self.paint) * wide

    def rub(self, share: float, radius: float) -> None:
        """Rub the dry marks with a cloth: blend in a blur of `radius` logical pixels by `share`."""
        sigma = radius * self.scale
        self.paint += share * (ndimage.gaussian_filter(self.paint, (sigma, sigma, 0)) - self.paint)

    def finish(self, light: float = 0.5, weave: float = 0.0, angle: float = -2.2) -> Image.Image:
        """The finished picture: relief lit from `angle` (radians; the default is upper left).

        `light` is the strength of the raking light, `weave` the depth of the canvas threads.
        """
        height = ndimage.gaussian_filter(self.relief, 0.5 * self.scale)
        if weave:
            height = height + weave * self._threads()
        dy, dx = np.gradient(height)
        lit = -(dx * np.cos(angle) + dy * np.sin(angle)) * light
        lab = self.paint.astype(np.float32).copy()
        lab[..., 0] += 0.16 * np.tanh(lit) + 0.05 * np.maximum(np.tanh(lit) - 0.5, 0)
        pixels = (oklab_to_srgb(lab) * 255 + 0.5).astype(np.uint8)
        return Image.fromarray(pixels).resize(self.final, Image.Resampling.LANCZOS)

    def _threads(self) -> np.ndarray:
        y, x = np.mgrid[: self.shape[0], : self.shape[1]] / self.scale
        return np.maximum(np.sin(x * 2.1), np.sin(y * 2.1)) * np.exp(-0.4 * self.relief)

    def cover(
        self,
        spacing: float,
        density: np.ndarray,
        field: np.ndarray,
        length: tuple[float, float],
        width: tuple[float, float],
        colour: Callable[[np.ndarray], np.ndarray],
        brush: Brush,
        second: Callable[[np.ndarray], np.ndarray] | None = None,
    ) -> None:
        """Scatter strokes over `density` along `field`; lengths and widths drawn from ranges.

        `colour` (and `second`) give Oklab colours (N, 3) for points (N, 2).
        """
        starts = scatter(self.rng, density.shape, spacing, density)
        lengths = self.rng.uniform(*length, len(starts))
        widths = self.rng.uniform(*width, len(starts))
        others = None if second is None else second(starts)
        self.lay(trace(field, starts, lengths), widths, colour(starts), brush, others)
