"""Abstract composition in the vocabulary of circles and lines, on a warm mottled ground.

Everything is drawn with crossings in mind: a shape does not hide what it overlaps but turns its
colour, a glaze over light paint and a veil over dark, so new colours appear where forms
meet. A great ringed disc with a halo holds the upper left; long lines cross the canvas at a few
kindred angles; checkers, grids, combs of arcs, triangles and small ringed discs answer each other.
Last comes the paint: dry scumble, a canvas weave, and edges that the brush left soft or thick.
"""

from __future__ import annotations

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

from painting.shapes import (
    Point,
    Sheet,
    arc,
    blend,
    circle,
    curve,
    mix,
    outline,
    rgb,
    smoothstep,
    taper,
    turn,
)

__all__ = ["paint"]

WIDTH, HEIGHT = 960, 800
INK = rgb("1b1a24")
RED, ORANGE, YELLOW, PINK = rgb("c8322b"), rgb("e5812a"), rgb("f2c230"), rgb("e08aa0")
BLUE, SKY, VIOLET, GREEN = rgb("1f4fa3"), rgb("5fa8cf"), rgb("5b3a86"), rgb("3c8a66")
CREAM, BLACK = rgb("f6ead0"), rgb("17161c")
PALETTE = [RED, ORANGE, YELLOW, PINK, BLUE, SKY, VIOLET, GREEN, CREAM, BLACK]


def ground(sheet: Sheet) -> None:
    """Warm cream, clouded with ochre, rose and a breath of blue, rubbed with a dry brush."""
    sheet.pixels[:] = blend([(-2, "e2c48e"), (0, "f0dfba"), (2, "f8efd8")], sheet.noise(260, 4))
    for code, period in (("e0a080", 330), ("a9c0c4", 300), ("e9c667", 280)):
        sheet.lay(0.6 * smoothstep(0.3, 1.9, sheet.noise(period, 3)), rgb(code))
    sheet.shade(0.022 * sheet.noise((70, 9), 2) + 0.016 * sheet.noise((8, 60), 2))


def halo(sheet: Sheet, centre: tuple[float, float], radius: float, colour: np.ndarray) -> None:
    """A glow that starts at a radius and dies away outside it."""
    far = np.hypot(sheet.x - centre[0], sheet.y - centre[1])
    glow = np.exp(-np.maximum(far - radius, 0) / (0.32 * radius))
    sheet.lay(0.8 * glow * (1 + 0.15 * sheet.noise(50, 2)).clip(0, 1.2), colour)


class Composition(Sheet):
    """A sheet that remembers where shapes lie, so that crossings can change colour."""

    def __init__(self, size: int, seed: int) -> None:
        """An empty ground; `taken` (H, W) is 1 where a shape lies."""
        super().__init__(size, WIDTH, HEIGHT, seed)
        self.taken = np.zeros(self.shape, np.float32)
        self.scumble = 1 + 0.05 * self.noise(40, 3) + 0.02 * self.noise((60, 7), 2)

    def cross(self, polygon: np.ndarray, colour: np.ndarray, hides: bool = False) -> None:
        """Fill a shape; where it crosses earlier shapes the overlap takes a new colour.

        A shape that hides covers what lies beneath.
        """
        window, cover = self.cover(polygon)
        below, taken = self.pixels[window], self.taken[window] * (not hides)
        glaze = below * colour * 1.15 + 0.06
        veil = 1 - (1 - below) * (1 - 0.8 * colour)
        over = np.clip(mix(veil, glaze, smoothstep(0.3, 0.5, below.mean(-1))), 0, 1)
        paint = mix(colour * self.scumble[window][..., None], over, taken * 0.92)
        self.pixels[window] += (paint - below) * cover[..., None]
        self.taken[window] = np.maximum(self.taken[window], cover)


def rings(sheet: Composition, centre: Point, radius: float, colours: list[np.ndarray]) -> None:
    """Discs in discs, each a little off the centre of the one before."""
    at = np.array(centre, float)
    for k, colour in enumerate(colours):
        size = radius * (1 - k / len(colours)) ** 0.85
        sheet.cross(circle(at, size, 160), colour, hides=k > 0)
        if k % 2 == 0:
            edge = circle(at, size, 200)
            swell = 1.2 + 1.6 * np.abs(np.sin(np.linspace(0, np.pi, 200) + k))
            sheet.fill(outline(edge, swell), INK)
        at = at + sheet.rng.uniform(-0.05, 0.05, 2) * radius


def checker(
    sheet: Composition,
    corner: Point,
    across: Point,
    down: Point,
    cells: tuple[int, int],
    colours: list[np.ndarray],
) -> None:
    """A skewed board of coloured squares with ink lines between."""
    corner, across, down = (np.array(v, float) for v in (corner, across, down))
    m, n = cells
    for i in range(m):
        for j in range(n):
            start = corner + across * i / m + down * j / n
            tile = [start, start + across / m, start + across / m + down / n, start + down / n]
            if (i + j) % 2 == 0 or sheet.rng.random() < 0.3:
                pick = colours[sheet.rng.integers(len(colours))]
                sheet.cross(np.array(tile), pick)
    for i in range(m + 1):
        start = corner + across * i / m
        sheet.line(np.array([start - 0.06 * down, start + 1.06 * down]), 1.6, INK)
    for j in range(n + 1):
        start = corner + down * j / n
        sheet.line(np.array([start - 0.06 * across, start + 1.06 * across]), 1.6, INK)


def stroke(sheet: Sheet, start: Point, stop: Point, width: float) -> None:
    """A ruled line with the slight swell of a loaded brush."""
    t = np.linspace(0, 1, 40)[:, None]
    points = np.array(start) * (1 - t) + np.array(stop) * t
    sheet.line(points, taper(40, width, 0.3, 1), INK)


def comb(sheet: Sheet, centre: Point, radius: float, start: float, stop: float, count: int) -> None:
    """Concentric arcs, thick to thin, barred by short rays."""
    for k in range(count):
        bow = arc(centre, radius - 11 * k, start + 0.07 * k, stop - 0.1 * k, 80)
        sheet.line(bow, taper(80, 6.0 / (1 + 0.7 * k) + 0.8, 0.3, 0.3), INK)
    for angle in np.linspace(start + 0.1, stop - 0.1, 9):
        way = np.array([np.cos(angle), np.sin(angle)])
        stroke(sheet, way * (radius - 30) + centre, way * (radius + 14) + centre, 1.8)


def stairs(sheet: Composition, start: Point, way: float, step: float, count: int) -> None:
    """A climbing row of shrinking bars in alternate colours."""
    for k in range(count):
        high = step * (2.6 - 1.8 * k / count)
        bar = np.array([(k * step, 0), (k * step + step * 0.7, 0), (k * step + step * 0.7, -high)])
        bar = np.concatenate([bar, [(k * step, -high)]])
        sheet.cross(turn(bar, way) + start, PALETTE[(3 * k + 1) % 10])


def wave(
    sheet: Sheet,
    start: Point,
    stop: Point,
    swing: float,
    turns: float,
    width: float,
    colour: np.ndarray,
) -> None:
    """A whip of a line, its swing dying away."""
    t = np.linspace(0, 1, 160)
    start, stop = np.array(start, float), np.array(stop, float)
    along = stop - start
    normal = np.array([-along[1], along[0]]) / np.linalg.norm(along)
    offset = swing * np.sin(2 * np.pi * turns * t) * (1 - 0.6 * t)
    path = start + along * t[:, None] + normal * offset[:, None]
    sheet.line(path, taper(160, width, 0.15, 0.15), colour)


def great_forms(sheet: Composition) -> None:
    """The large shapes: wedges, the ringed disc and its companion."""
    sheet.cross(np.array([(120, 800), (470, 90), (640, 800)]), YELLOW * 0.97)
    sheet.cross(np.array([(960, 60), (500, 330), (960, 520)]), SKY)
    halo(sheet, (286, 262), 172, PINK)
    disc = [BLACK, VIOLET, BLUE, RED, ORANGE, YELLOW, BLACK, SKY]
    rings(sheet, (286, 262), 170, disc)
    halo(sheet, (706, 566), 118, rgb("f4d27a"))
    rings(sheet, (706, 566), 120, [CREAM, RED, CREAM, BLUE, YELLOW, BLACK])
    half = np.concatenate([arc((540, 300), 105, -2.2, 0.94, 90), [(540, 300)]])
    sheet.cross(half, GREEN)
    sheet.cross(np.array([(60, 560), (330, 470), (250, 700)]), RED)
    sheet.cross(np.array([(560, 700), (905, 742), (880, 640)]), VIOLET)
    sheet.cross(np.array([(80, 60), (30, 300), (150, 330)]), ORANGE)


def lesser_forms(sheet: Composition) -> None:
    """Boards, stairs and small ringed discs that answer the great ones."""
    board = [BLACK, RED, CREAM, BLUE, YELLOW]
    checker(sheet, (600, 96), (182, 44), (-52, 128), (6, 5), board)
    checker(sheet, (96, 610), (150, -46), (44, 116), (5, 4), [SKY, BLACK, PINK, GREEN])
    stairs(sheet, (402, 690), -0.22, 26, 8)
    stairs(sheet, (828, 330), 1.2, 20, 7)
    spots = [(470, 470, 52), (864, 190, 46), (150, 470, 36), (420, 60, 30), (560, 620, 26)]
    spots += [(880, 440, 34), (60, 720, 42), (770, 392, 22), (356, 560, 30), (530, 160, 20)]
    for n, (x, y, radius) in enumerate(spots):
        picks = [PALETTE[(7 * n + 3 * k + k * k) % 10] for k in range(4)]
        if n < 4:
            halo(sheet, (x, y), radius, mix(picks[1], CREAM, 0.4))
        rings(sheet, (x, y), radius, picks)
    for _ in range(34):
        at, radius = sheet.rng.uniform((20, 20), (940, 780)), sheet.rng.uniform(3, 10)
        sheet.cross(circle(at, radius, 40), PALETTE[sheet.rng.integers(10)])


def lines(sheet: Sheet) -> None:
    """The ruled lines, arcs and whips that tie the canvas together."""
    for start, stop, width in (
        ((20, 770), (742, 18), 7),
        ((60, 790), (770, 40), 3),
        ((10, 420), (950, 262), 4.5),
        ((330, 20), (846, 790), 5.5),
        ((356, 14), (880, 780), 2),
        ((120, 20), (210, 780), 2.5),
        ((420, 770), (950, 470), 6),
        ((440, 790), (955, 500), 2),
        ((20, 130), (600, 40), 3),
        ((600, 780), (940, 80), 2.5),
    ):
        stroke(sheet, start, stop, width)
    comb(sheet, np.array([470, 470]), 150, -0.5, 1.6, 5)
    comb(sheet, np.array([820, 250]), 110, 2.2, 4.4, 4)
    comb(sheet, np.array([190, 640]), 140, 3.2, 4.8, 3)
    bow = curve([(560, 780), (700, 690), (846, 720), (948, 610)], 120)
    sheet.line(bow, taper(120, 13, 0.1, 0.2), BLACK)
    wave(sheet, (40, 380), (420, 420), 26, 3.5, 6, BLUE)
    wave(sheet, (560, 60), (940, 30), 16, 5, 4.5, RED)
    wave(sheet, (270, 770), (520, 560), 20, 4, 5, BLACK)
    for k in range(7):
        stroke(sheet, (640 + 16 * k, 420 - 5 * k), (612 + 16 * k, 478 - 5 * k), 2.2)
        stroke(sheet, (40 + 5 * k, 480 + 17 * k), (96 + 5 * k, 470 + 17 * k), 2.0)


def surface(sheet: Sheet) -> None:
    """Oil on canvas: scumbled, woven, a little ridge at the edges of the paint."""
    soft = gaussian_filter(sheet.pixels.mean(-1), 1.4 * sheet.unit)
    weave = np.sin(sheet.x * 2.1) * np.sin(sheet.y * 2.1)
    bristle = sheet.noise((40, 3.2), 2) * smoothstep(-0.5, 1, sheet.noise(120))
    bristle += sheet.noise((3.2, 40), 2) * smoothstep(-0.5, 1, sheet.noise(120))
    sheet.shade(0.5 * sheet.relief(soft * 3) + 0.018 * bristle + 0.014 * weave)
    sheet.shade(0.03 * sheet.noise(14, 3) + 0.015 * sheet.speckle(0.6))


def paint(size: int = 960, seed: int = 22) -> Image.Image:
    """Paint the composition; the width is `size` pixels."""
    sheet = Composition(size, seed)
    ground(sheet)
    great_forms(sheet)
    lesser_forms(sheet)
    lines(sheet)
    surface(sheet)
    return sheet.image()
