"""Antialiased vector drawing and the surfaces of materials, for the drawn paintings.

A `Sheet` is measured in units, not pixels: its long side is what the painting says it is (usually
960), whatever the size asked for. Shapes are polygons, arrays of (x, y) in units, drawn four times
too large each way and averaged down inside their own bounding box.
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw
from scipy.interpolate import CubicSpline
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree

__all__ = [
    "Point",
    "Sheet",
    "arc",
    "blend",
    "circle",
    "curve",
    "mix",
    "outline",
    "rgb",
    "ribbon",
    "smoothstep",
    "taper",
    "turn",
]

Point = tuple[float, float] | np.ndarray

SUPERSAMPLE = 4


def rgb(code: str) -> np.ndarray:
    """Colour of a hexadecimal code such as "1f6fb2", as three floats in 0..1."""
    return np.array([int(code[i : i + 2], 16) for i in (0, 2, 4)], np.float32) / 255


def mix(first: np.ndarray, second: np.ndarray, amount: float | np.ndarray) -> np.ndarray:
    """From the first colour to the second; amounts (...) give colours (..., 3)."""
    amount = np.asarray(amount, np.float32)
    if amount.ndim:
        amount = amount[..., None]
    return first * (1 - amount) + second * amount


def blend(stops: list[tuple[float, str]], at: np.ndarray) -> np.ndarray:
    """Colours (..., 3) of a gradient with the given (position, hexadecimal) stops."""
    positions = [position for position, _ in stops]
    colours = np.array([rgb(code) for _, code in stops])
    return np.stack([np.interp(at, positions, colours[:, c]) for c in range(3)], -1).astype("f4")


def smoothstep(low: float, high: float, at: np.ndarray) -> np.ndarray:
    """0 below low, 1 above high, and a smooth cubic between."""
    t = np.clip((at - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def circle(centre: Point, radius: float, points: int = 96) -> np.ndarray:
    """A circle as a polygon (points, 2)."""
    return arc(centre, radius, 0, 2 * np.pi, points + 1)[:-1]


def arc(centre: Point, radius: float, start: float, stop: float, points: int = 64) -> np.ndarray:
    """Points (points, 2) along an arc, angles in radians."""
    angle = np.linspace(start, stop, points)
    return np.stack([np.cos(angle), np.sin(angle)], -1) * radius + np.asarray(centre)


def curve(points: np.ndarray | list, count: int = 64, closed: bool = False) -> np.ndarray:
    """A smooth curve (count, 2) through the points, its parameter their mutual distance."""
    points = np.asarray(points, float)
    if closed:
        points = np.concatenate([points, points[:1]])
    along = np.concatenate(
        [[0], np.cumsum(np.sqrt(np.linalg.norm(np.diff(points, axis=0), axis=1)))]
    )
    spline = CubicSpline(along, points, bc_type="periodic" if closed else "natural")
    return spline(np.linspace(0, along[-1], count))


def taper(count: int, width: float, start: float = 0.2, stop: float = 0.2) -> np.ndarray:
    """Widths of a line that swells from `start` of its width to all of it and falls to `stop`."""
    t = np.linspace(0, 1, count)
    return width * (np.interp(t, [0, 0.5, 1], [start, 1, stop]) ** 0.8)


def turn(points: np.ndarray, angle: float, centre: Point = (0, 0)) -> np.ndarray:
    """Points turned by an angle in radians about a centre."""
    cos, sin = np.cos(angle), np.sin(angle)
    return (np.asarray(points) - centre) @ np.array([[cos, sin], [-sin, cos]]) + np.asarray(centre)


def ribbon(points: np.ndarray, widths: float | np.ndarray) -> np.ndarray:
    """Outline of a line of varying width along the points (n, 2)."""
    points = np.asarray(points, float)
    along = np.gradient(points, axis=0)
    normal = np.stack([-along[:, 1], along[:, 0]], -1)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-9
    half = (np.broadcast_to(widths, len(points)) / 2)[:, None]
    return np.concatenate([points + normal * half, (points - normal * half)[::-1]])


def outline(polygon: np.ndarray, widths: float | np.ndarray) -> list[np.ndarray]:
    """A line of varying width all round a polygon (n, 2), as two polygons.

    Two, because a ribbon whose end lies on its start would cancel itself there when filled.
    """
    half = len(polygon) // 2
    widths = np.broadcast_to(widths, len(polygon))
    closed, swell = np.concatenate([polygon, polygon[:2]]), np.append(widths, widths[:2])
    return [ribbon(closed[: half + 2], swell[: half + 2]), ribbon(closed[half:], swell[half:])]


class Sheet:
    """A picture in the making: float32 RGB (H, W, 3) in 0..1, addressed in units."""

    def __init__(
        self, size: int, width: float, height: float, seed: int, ground: str = "ffffff"
    ) -> None:
        """The long side of width x height units becomes `size` pixels."""
        self.unit = size / max(width, height)
        self.width, self.height = width, height
        shape = (round(height * self.unit), round(width * self.unit))
        self.pixels = np.empty((*shape, 3), np.float32)
        self.pixels[:] = rgb(ground)
        self.y, self.x = ((np.indices(shape) + 0.5) / self.unit).astype(np.float32)
        self.rng = np.random.default_rng(seed)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.pixels.shape[:2]

    def noise(self, period: float | tuple[float, float], octaves: int = 1) -> np.ndarray:
        """Smooth noise (H, W), mean about 0, deviation about 1; period in units, or (x, y)."""
        px, py = (period, period) if np.isscalar(period) else period
        field, weight = np.zeros(self.shape, np.float32), 0.0
        for octave in range(octaves):
            cells = [
                max(int(side * 2**octave / p) + 4, 4)
                for side, p in ((self.width, px), (self.height, py))
            ]
            grid = self.rng.standard_normal((cells[1], cells[0])).astype(np.float32)
            # A box into the grid in its own cells keeps the period exact at every size.
            box = (1.5, 1.5, 1.5 + self.width * 2**octave / px, 1.5 + self.height * 2**octave / py)
            layer = Image.fromarray(grid).resize(self.shape[::-1], Image.Resampling.BICUBIC, box)
            field += np.asarray(layer) * 0.5**octave
            weight += 0.25**octave
        return field / np.sqrt(weight) * 1.6

    def speckle(self, blur: float = 0.6) -> np.ndarray:
        """Fine grain (H, W) with deviation 1, softened over `blur` units."""
        grain = self.rng.standard_normal(self.shape).astype(np.float32)
        grain = gaussian_filter(grain, blur * self.unit)
        return grain / grain.std()

    def cover(
        self, polygons: list[np.ndarray] | np.ndarray
    ) -> tuple[tuple[slice, slice], np.ndarray]:
        """Where the union of the polygons lies: a window of the sheet and its coverage in 0..1."""
        polygons = [polygons] if isinstance(polygons, np.ndarray) else polygons
        scaled = [np.asarray(p, float) * self.unit for p in polygons]
        every = np.concatenate(scaled)
        left, top = np.clip(np.floor(every.min(0)).astype(int), 0, self.shape[::-1])
        right, bottom = np.clip(np.ceil(every.max(0)).astype(int) + 1, 0, self.shape[::-1])
        window = (slice(top, bottom), slice(left, right))
        if right <= left or bottom <= top:
            return window, np.zeros((max(bottom - top, 0), max(right - left, 0)), np.float32)
        large = Image.new("L", ((right - left) * SUPERSAMPLE, (bottom - top) * SUPERSAMPLE))
        draw = ImageDraw.Draw(large)
        for polygon in scaled:
            corners = (polygon - (left, top)) * SUPERSAMPLE - 0.5
            draw.polygon([tuple(c) for c in corners], fill=255)
        return window, np.asarray(large.reduce(SUPERSAMPLE), np.float32) / 255

    def mask(self, polygons: list[np.ndarray] | np.ndarray) -> np.ndarray:
        """Coverage (H, W) of the union of the polygons."""
        whole = np.zeros(self.shape, np.float32)
        window, cover = self.cover(polygons)
        whole[window] = cover
        return whole

    def fill(
        self,
        polygons: list[np.ndarray] | np.ndarray,
        paint: np.ndarray,
        opacity: float | np.ndarray = 1.0,
    ) -> None:
        """Paint the polygons with a colour or a field (H, W, 3); opacity a number or (H, W)."""
        window, cover = self.cover(polygons)
        if cover.size == 0:
            return
        paint = paint[window] if paint.ndim == 3 else paint
        opacity = opacity[window] if isinstance(opacity, np.ndarray) else opacity
        cover = (cover * opacity)[..., None]
        self.pixels[window] = self.pixels[window] * (1 - cover) + paint * cover

    def line(
        self,
        points: np.ndarray,
        widths: float | np.ndarray,
        paint: np.ndarray,
        opacity: float | np.ndarray = 1.0,
    ) -> None:
        """Draw a line of varying width (units) along the points."""
        self.fill(ribbon(points, widths), paint, opacity)

    def lay(self, mask: np.ndarray, paint: np.ndarray) -> None:
        """Paint through a mask (H, W) in 0..1."""
        self.pixels += (paint - self.pixels) * mask[..., None]

    def shade(self, amount: np.ndarray) -> None:
        """Lighten where amount (H, W) is positive, towards white, and darken where negative."""
        amount = np.clip(amount, -1, 1)[..., None]
        light, dark = np.maximum(amount, 0), np.maximum(-amount, 0)
        self.pixels += (1 - self.pixels) * light - self.pixels * dark

    def relief(self, height: np.ndarray, light: tuple[float, float] = (-0.6, -0.8)) -> np.ndarray:
        """Light (H, W) on a surface of the given height (units): 0 where flat, positive lit."""
        down, right = np.gradient(height)
        return (light[0] * right + light[1] * down).astype(np.float32) * -self.unit

    def cells(self, seeds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Voronoi cells of seeds (n, 2): index of the nearest and distance to the border, units."""
        here = np.stack([self.x.ravel(), self.y.ravel()], -1)
        far, index = cKDTree(seeds).query(here, k=2)
        return index[:, 0].reshape(self.shape), ((far[:, 1] - far[:, 0]) / 2).reshape(self.shape)

    def image(self) -> Image.Image:
        """The picture as it stands, 8 bits."""
        return Image.fromarray((np.clip(self.pixels, 0, 1) * 255 + 0.5).astype(np.uint8))
