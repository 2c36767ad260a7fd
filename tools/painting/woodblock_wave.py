"""Japanese woodblock print: two breakers claw at a vermilion sun, a boat rides between them.

A breaker is two curves from its foot to its tip, the back and the hollow; the bands of water are
the curves between them, so they run up the face and meet in the lip. Foam is grown: claws branch
into smaller claws along the crest and share one outline. Then the printing: bokashi gradations
wiped across the blocks, the key block's swelling indigo line, the grain of the plank in the flats,
the mottle of the baren, and the fibres of the paper.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from painting.shapes import (
    Sheet,
    arc,
    blend,
    circle,
    curve,
    mix,
    outline,
    rgb,
    ribbon,
    smoothstep,
    taper,
    turn,
)

__all__ = ["paint"]

WIDTH, HEIGHT = 960, 720
KEY, FOAM, SHADE = rgb("12264f"), rgb("f4ecd8"), rgb("b9d0d2")
WATER = [rgb(c) for c in ("173a72", "f0e7d0", "2a62a0", "6fa5c0", "1a4480", "bcd6d4", "2f6ca8")]
VERMILION, HULL, STRAW = rgb("c8402c"), rgb("d9b673"), rgb("b98a4a")


def sky(sheet: Sheet) -> None:
    """A wiped sky, dark at the top edge, warm at the horizon, with a sun and bars of cloud."""
    at = sheet.y / HEIGHT + 0.012 * sheet.noise((700, 60), 2)
    stops = [(0, "2c4a78"), (0.12, "7f9aa6"), (0.3, "dccda4"), (0.5, "ecd3a0"), (0.72, "e6a877")]
    sheet.pixels[:] = blend(stops, at)
    sun = circle((705, 215), 104, 180)
    fade = smoothstep(-20, 190, sheet.y - 110)[..., None]
    sheet.fill(sun, mix(VERMILION, rgb("e58a4e"), fade[..., 0]))
    for left, right, y, depth in (
        (560, 960, 262, 20),
        (640, 1010, 300, 12),
        (470, 800, 150, 11),
        (820, 1000, 118, 22),
        (-40, 210, 96, 18),
        (-60, 150, 132, 10),
    ):
        cloud(sheet, left, right, y, depth)


def cloud(sheet: Sheet, left: float, right: float, y: float, depth: float) -> None:
    """A flat bar of mist with rounded ends, its lower edge wiped away."""
    bar = np.concatenate(
        [
            arc((left + depth, y), depth, np.pi / 2, 3 * np.pi / 2, 20),
            arc((right - depth, y), depth, -np.pi / 2, np.pi / 2, 20),
        ]
    )
    lobes = [bar]
    for x in np.arange(left + 30, right - 40, 64):
        reach = depth * sheet.rng.uniform(0.7, 1.1)
        wide = reach * sheet.rng.uniform(2.2, 3.6)
        lobes.append(circle((0, 0), 1) * [wide, reach] + [x, y - depth * 0.5])
    fade = 0.92 - 0.55 * smoothstep(y - depth, y + depth, sheet.y)
    sheet.fill(lobes, rgb("f3e6c6"), fade)


def island(sheet: Sheet, left: float, right: float, top: float, foot: float) -> None:
    """A sea stack of hatched crags with pines leaning from it, its foot lost in mist."""
    rng = sheet.rng
    x = np.sort(rng.uniform(0.06, 0.94, 9))
    rise = np.sin(np.pi * x) ** 0.6 * rng.uniform(0.62, 1, 9)
    rise[4] = 1
    crags = np.stack([left + x * (right - left), foot - rise * (foot - top)], -1)
    outline = np.concatenate([[(left, foot)], crags, [(right, foot)]])
    tones = [(0, "29494f"), (0.5, "567b74"), (1, "dca97f")]
    sheet.fill(outline, blend(tones, (sheet.y - top) / (foot - top)))
    for peak in crags:
        for k in range(4):
            start = peak + np.array([k * 5 - 6, 4 + k * 5])
            drop = np.array([rng.uniform(-9, 12), rng.uniform(0.3, 0.6) * (foot - peak[1])])
            crack = curve([start, start + drop / 2 + (3, 0), start + drop], 16)
            sheet.line(crack, taper(16, 2.6), KEY, 0.8)
    sheet.line(outline, 3.0, KEY)
    for peak in crags[1:-1:2]:
        pine(sheet, peak, rng.uniform(28, 44))


def pine(sheet: Sheet, root: np.ndarray, height: float) -> None:
    """A wind-bent pine: a crooked trunk under flat cushions of needles."""
    lean = sheet.rng.uniform(-0.5, 0.2)
    bends = root + np.array([(0, 6), (lean * 20, -height * 0.4), (lean * 8, -height)])
    trunk = curve(bends, 20)
    sheet.line(trunk, np.linspace(4.5, 2, 20), KEY)
    for k, at in enumerate((8, 13, 19)):
        for side in (-1, 1):
            centre = trunk[at] + [side * height * 0.2, sheet.rng.uniform(-3, 3)]
            cushion = circle((0, 0), height * (0.3 - 0.05 * k), 40) * [1, 0.42] + centre
            sheet.fill(cushion, KEY)
            sheet.fill((cushion - centre) * 0.82 + centre - [0, 1], rgb("3c6b57"))


def claw(
    rng: np.random.Generator, root: np.ndarray, way: float, length: float, bend: float, depth: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """A hooked finger of foam with smaller ones along it, as (points, widths) each."""
    count = 22
    t = np.linspace(0, 1, count)
    headings = way + bend * t**1.4
    steps = np.stack([np.cos(headings), np.sin(headings)], -1) * length / count
    path = root + np.cumsum(steps, axis=0)
    fingers = [(path, length * 0.3 * (1 - t) ** 0.75 + 0.6)]
    if depth:
        for at in rng.uniform(0.15, 0.85, 5 if depth > 1 else 3):
            k = int(at * (count - 1))
            side = rng.choice([-1, 1], p=[0.35, 0.65]) * np.sign(bend)
            fingers += claw(
                rng,
                path[k],
                headings[k] + side * rng.uniform(0.4, 0.9),
                length * (1 - 0.55 * at) * rng.uniform(0.34, 0.52),
                bend * rng.uniform(0.7, 1.3),
                depth - 1,
            )
    return fingers


def foam(
    sheet: Sheet, fingers: list[tuple[np.ndarray, np.ndarray]], masses: list[np.ndarray]
) -> None:
    """Lay fingers and masses of foam as one white body with one key line, then its folds."""
    edges = [edge for mass in masses for edge in outline(mass, 4.4)]
    sheet.fill([ribbon(p, w + 4.4) for p, w in fingers] + edges, KEY)
    sheet.fill([ribbon(p, w) for p, w in fingers] + masses, FOAM)
    for path, widths in fingers:
        if widths[0] > 6:
            below = path[2:17] + np.array([0, widths[0] * 0.14])
            sheet.line(below, taper(15, widths[0] * 0.34, 0.5, 0), SHADE)
            sheet.line(path[4:18], taper(14, 1.5, 0.3, 0.1), KEY, 0.85)


def spray(
    sheet: Sheet, centre: tuple[float, float], spread: tuple[float, float], count: int
) -> None:
    """Drops flung from the crest, thinning outwards."""
    for x, y, s in sheet.rng.normal(size=(count, 3)):
        at = np.array(centre) + np.array([x, y]) * spread
        sheet.fill(circle(at, 1.3 + abs(s) * 1.5, 20), FOAM)


def breaker(
    sheet: Sheet, back: np.ndarray, hollow: np.ndarray, bands: int, crest: float, reach: float
) -> None:
    """A wave between its back and its hollow (curves foot to tip); foam from `crest` on.

    reach is the length of the largest claws in units.
    """
    hand = np.sign(back[-1, 0] - back[0, 0])
    t = np.linspace(0, 1, len(back))[:, None]
    curves = []
    for k in range(bands + 1):
        share = k / bands
        wave = 9 * np.sin(7 * t + 2.1 * k) * (1 - t) * (0 < k < bands)
        curves.append(back * (1 - share) + hollow * share + wave * np.array([[0.7, 0.7]]))
    for k in range(bands):
        strip = np.concatenate([curves[k], curves[k + 1][::-1]])
        light = WATER[k % len(WATER)]
        deep = mix(light, KEY, 0.45)
        fade = smoothstep(0.1, 0.95, (sheet.y - back[:, 1].min()) / (HEIGHT - back[:, 1].min()))
        sheet.fill(strip, mix(light, deep, fade * 0.8))
        for share in (0.33, 0.66):
            inner = curves[k] * (1 - share) + curves[k + 1] * share
            sheet.line(inner[20:-30], taper(len(inner) - 50, 1.5, 0.1, 0.1), KEY, 0.6)
    for path in curves:
        sheet.line(path, taper(len(path), 4.4, 0.6, 0.4), KEY)
    cap(sheet, curves, crest, reach, hand)


def cap(sheet: Sheet, curves: list[np.ndarray], crest: float, reach: float, hand: float) -> None:
    """The foaming crest: a mass along the back, claws from its lower edge and out of the lip."""
    rng, back, hollow = sheet.rng, curves[0], curves[-1]
    first = int(crest * (len(back) - 1))
    grown = np.linspace(0, 1, len(back) - first)[:, None]
    lower = back[first:] + (hollow[first:] - back[first:]) * 0.44 * grown**0.9
    masses = [np.concatenate([back[first:], lower[::-1]])]
    fingers = []
    for at in np.linspace(0.05, 1, 28):
        k = int(at * (len(lower) - 2))
        ahead = lower[k + 1] - lower[k]
        way = np.arctan2(ahead[1], ahead[0]) + hand * rng.uniform(0.25, 1.0)
        size = reach * (0.3 + 0.65 * at) * rng.uniform(0.6, 1.1)
        fingers += claw(rng, lower[k], way, size, hand * rng.uniform(0.7, 1.6), 2)
    for at in np.linspace(0.86, 1, 7):
        ahead = back[-1] - back[-6]
        way = np.arctan2(ahead[1], ahead[0]) + hand * rng.uniform(-0.8, 0.6)
        root = hollow[int(at * (len(hollow) - 1))]
        fingers += claw(rng, root, way, reach * rng.uniform(0.7, 1.1), hand * 1.5, 2)
    for at in np.linspace(0, 1, 60):
        size = reach * (0.03 + 0.05 * at) * rng.uniform(0.6, 2)
        masses.append(
            circle(back[first + int(at * (len(lower) - 1))] + rng.normal(0, 4, 2), size, 36)
        )
    foam(sheet, fingers, masses)
    curls(sheet, back[first:], lower, reach)


def curls(sheet: Sheet, upper: np.ndarray, lower: np.ndarray, reach: float) -> None:
    """Little rolling hooks drawn in the body of the foam, each with a pale blue lee."""
    for _ in range(70):
        at = sheet.rng.uniform(0.12, 0.97)
        k = int(at * (len(upper) - 1))
        centre = upper[k] + (lower[k] - upper[k]) * sheet.rng.uniform(0.08, 0.95)
        radius = reach * (0.03 + 0.07 * at) * sheet.rng.uniform(0.6, 1.2)
        start = sheet.rng.uniform(0, 2 * np.pi)
        t = np.linspace(0, 1, 22)
        angle = start + 4.2 * t
        hook = np.stack([np.cos(angle), np.sin(angle)], -1) * (radius * (1 - 0.7 * t))[:, None]
        sheet.line(hook * 0.8 + centre, taper(22, radius * 0.5, 0.2, 0.2), SHADE, 0.8)
        sheet.line(hook + centre, taper(22, 2.0, 0.4, 0.2), KEY, 0.9)


def boat(sheet: Sheet, centre: tuple[float, float], tilt: float, length: float) -> None:
    """A long open boat, high at the stern, with crouched rowers."""

    def place(points: list | np.ndarray) -> np.ndarray:
        return turn(np.asarray(points, float) * length, tilt) + np.asarray(centre)

    rail = curve([(-0.5, -0.05), (-0.2, 0.045), (0.15, 0.045), (0.42, -0.04), (0.56, -0.15)], 50)
    keel = curve([(-0.5, -0.05), (-0.2, 0.125), (0.15, 0.13), (0.42, 0.04), (0.56, -0.15)], 50)
    for k in range(7):
        x = -0.3 + k * 0.09
        sheet.fill(place(circle((x, 0.0), 0.045, 30) * [1, 1.25]), rgb("2d4f86"))
        sheet.fill(place(circle((x + 0.012, -0.055), 0.021, 24)), rgb("e4b98c"))
        sheet.line(place([(x, 0.0), (x - 0.06, 0.2)]), 2.0, KEY)
    sheet.fill(place(np.concatenate([rail, keel[::-1]])), HULL)
    plank = rail * 0.5 + keel * 0.5
    sheet.line(place(plank), taper(50, 1.8), KEY)
    sheet.fill(place(np.concatenate([plank[4:-4], keel[4:-4][::-1]])), STRAW, 0.75)
    for edge in (rail, keel):
        sheet.line(place(edge), taper(50, 3.2, 0.5, 0.6), KEY)


def swell(sheet: Sheet, crest: np.ndarray, colours: tuple[int, ...], reach: float) -> None:
    """A foreground swell under its crest line, banded in parallel, foam breaking along it."""
    count = len(crest)
    x = np.linspace(0, 1, count)
    for k, colour in enumerate(colours):
        drop = 26 * k + k * 9 * np.sin(9 * x + k)
        edge = crest + np.stack([0 * x, drop], -1)
        body = np.concatenate([edge, [[WIDTH + 80, HEIGHT + 9], [-80, HEIGHT + 9]]])
        depth = smoothstep(0, 120, sheet.y - np.interp(sheet.x[0], edge[:, 0], edge[:, 1]))
        sheet.fill(body, mix(WATER[colour], mix(WATER[colour], KEY, 0.4), depth))
        sheet.line(edge, 1.2 + 3.2 * np.abs(np.sin(5 * x + 2 * k)), KEY)
    fingers, masses = [], []
    for k in range(4, count - 4, 3):
        if np.sin(k * 0.075 + reach) > 0.1:
            size = reach * sheet.rng.uniform(0.4, 1)
            way = sheet.rng.uniform(0.1, 1.2)
            fingers += claw(sheet.rng, crest[k], way, size, 1.4, 2)
            masses.append(circle(crest[k], size * sheet.rng.uniform(0.1, 0.28), 36))
    foam(sheet, fingers, masses)


def prints(sheet: Sheet) -> None:
    """What ink, plank and paper do: plank grain, baren mottle, dry specks, fibres."""
    warp = 26 * sheet.noise((520, 150), 2) + 3 * sheet.noise((160, 12))
    rings = np.sin((sheet.y + warp) * 2 * np.pi / 9) * 0.5 + np.sin((sheet.y + warp) / 2.3) * 0.5
    plank = rings * smoothstep(-1, 1.5, sheet.noise((400, 120)))
    ink = 1 - sheet.pixels.mean(-1)
    sheet.shade((0.035 + 0.05 * ink) * plank + 0.04 * sheet.noise((60, 26), 3))
    bare = smoothstep(2.6, 3.2, sheet.speckle(0.7) + 0.2 * sheet.noise(90)) * 0.5
    sheet.lay(bare * smoothstep(0.2, 0.6, ink), FOAM)
    sheet.shade(0.016 * sheet.noise((34, 2.4)) + 0.02 * sheet.speckle(0.5))
    sheet.pixels *= rgb("fffaf0")


def right_breaker() -> tuple[np.ndarray, np.ndarray]:
    """Back and hollow of the lesser wave, which curls to the left."""
    back = [(1130, 640), (1060, 430), (985, 330), (920, 306), (862, 326), (832, 380), (838, 430)]
    hollow = [(690, 700), (800, 640), (874, 570), (906, 490), (892, 420), (846, 428)]
    return curve(back, 160), curve(hollow, 160)


def left_breaker() -> tuple[np.ndarray, np.ndarray]:
    """Back and hollow of the great wave, which curls to the right."""
    back = [(-160, 640), (-40, 420), (70, 240), (190, 120), (330, 72), (460, 100), (540, 180)]
    hollow = [(760, 760), (560, 680), (430, 580), (362, 450), (366, 330), (420, 262), (490, 250)]
    return curve([*back, (556, 262)], 260), curve([*hollow, (550, 270)], 260)


def paint(size: int = 960, seed: int = 31) -> Image.Image:
    """Paint the print; the width is `size` pixels."""
    sheet = Sheet(size, WIDTH, HEIGHT, seed)
    sky(sheet)
    island(sheet, 640, 800, 390, 552)
    island(sheet, 560, 655, 470, 552)
    sea = curve([(-80, 545), (200, 540), (480, 548), (700, 540), (1040, 552)], 200)
    swell(sheet, sea, (5, 3), 12)
    breaker(sheet, *right_breaker(), 6, 0.34, 56)
    boat(sheet, (640, 588), -0.14, 290)
    breaker(sheet, *left_breaker(), 9, 0.34, 126)
    spray(sheet, (590, 330), (70, 60), 90)
    spray(sheet, (420, 60), (130, 34), 50)
    front = [(-80, 640), (120, 610), (300, 660), (520, 690), (700, 668), (860, 640), (1040, 600)]
    swell(sheet, curve(front, 240), (0, 2, 4), 44)
    prints(sheet)
    return sheet.image()
