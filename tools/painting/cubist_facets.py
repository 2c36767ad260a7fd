"""Cubist still life: guitar, bottle, glass, fruit and music on a table, seen from many sides.

First the still life is drawn whole, in flat planes. Then the canvas is split into facets along a
few kindred directions, and every facet looks at the still life from its own place: shifted, turned
and scaled a little, lit from one of its own edges, brushed in its own direction with square dabs.
Translucent planes that are firm at one edge and open at the other lead from facet to facet
(passage). Last come broken contour lines and the tooth of the canvas.
"""

from __future__ import annotations

import numpy as np
from PIL import Image
from scipy.ndimage import map_coordinates

from painting.shapes import (
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

WIDTH, HEIGHT = 768, 960
INK, UMBER, SIENNA, OCHRE = rgb("1d1815"), rgb("4d3320"), rgb("9c5a2c"), rgb("cf9c4e")
SAND, CREAM, SLATE, TEAL = rgb("e3c58c"), rgb("f1e6cb"), rgb("46555c"), rgb("4f7f7c")
MIST, RUST, BOTTLE, LEMON = rgb("a9b3a8"), rgb("b4492b"), rgb("26473d"), rgb("e3b83a")
PLANES = [OCHRE, SAND, CREAM, SLATE, TEAL, MIST, UMBER, SIENNA]
KINDRED = np.radians([-62, -28, 12, 38, 74, 100])
BRUSHES = 9


def still_life(size: int, seed: int) -> Sheet:
    """The still life whole, in flat planes with dark contours."""
    scene = Sheet(size, WIDTH, HEIGHT, seed, "8d9a90")
    wall = blend([(0, "5d7577"), (0.4, "97a296"), (0.75, "c9a870"), (1, "7a5632")], scene.y / 640)
    scene.pixels[:] = wall
    for edge, tone in (((0, 150, 90, 0), SLATE), ((560, 768, 768, 640), UMBER)):
        left, right, foot, heel = edge
        drape = np.array([(left, 0), (right, 0), (heel, 620), (foot, 620)], float)
        scene.fill(drape, tone, 0.8)
        for k in range(4):
            x = left + (right - left) * (k + 0.5) / 4
            scene.line(np.array([(x, 0), (x + 24, 300), (x - 6, 620)]), 6, INK, 0.5)
    table = np.array([(-40, 640), (330, 560), (860, 660), (800, 980), (-60, 980)])
    scene.fill(table, SIENNA)
    for k in range(14):
        grain = np.array([(-40, 640 + 26 * k), (330, 600 + 29 * k), (860, 668 + 25 * k)], float)
        scene.line(curve(grain, 60), taper(60, 5, 0.2, 0.2), UMBER, 0.6)
    music(scene)
    bottle(scene)
    guitar(scene)
    glass(scene)
    fruit(scene)
    return scene


def contoured(scene: Sheet, polygon: np.ndarray, paint: np.ndarray, width: float = 5) -> None:
    """A plane with a dark contour."""
    scene.fill(polygon, paint)
    scene.fill(outline(polygon, width), INK)


def guitar(scene: Sheet) -> None:
    """A guitar that leans across the table, its neck to the upper right."""
    side = [
        (0, -205),
        (78, -186),
        (106, -120),
        (76, -52),
        (86, 6),
        (136, 74),
        (122, 158),
        (50, 196),
    ]
    profile = [*side, (0, 198)] + [(-x, y) for x, y in side[::-1][:-1]]
    body = curve(profile, 140, closed=True)

    def place(points: list | np.ndarray) -> np.ndarray:
        return turn(np.asarray(points, float), 0.52) + np.array((352, 590))

    contoured(scene, place(body * 1.05 + (14, 12)), UMBER)
    contoured(scene, place(body), mix(OCHRE, SIENNA, smoothstep(430, 800, scene.y) * 0.8), 6)
    contoured(scene, place([(-24, -500), (24, -500), (26, -70), (-26, -70)]), UMBER)
    contoured(scene, place([(-38, -610), (38, -610), (30, -495), (-30, -495)]), SIENNA)
    for k in range(9):
        y = -480 + k * (46 - 1.4 * k)
        scene.line(place([(-24, y), (24, y)]), 3.5, SAND)
    for radius, tone in ((58, CREAM), (50, RUST), (43, INK)):
        scene.fill(place(circle((0, -40), radius, 60)), tone)
    contoured(scene, place([(-62, 104), (62, 104), (62, 124), (-62, 124)]), INK)
    for k in range(6):
        x = -17.5 + 7 * k
        scene.line(place([(x * 0.8, -560), (x, 110)]), 2.0, CREAM)
    for k in range(3):
        for flank in (-50, 50):
            contoured(scene, place(circle((flank, -590 + 36 * k), 11, 24)), CREAM, 3)


def bottle(scene: Sheet) -> None:
    """A dark bottle with a label and a long light down its side."""
    half = [(22, 120), (22, 208), (30, 236), (64, 290), (70, 340), (70, 640), (60, 660)]
    shape = np.array([(x, y) for x, y in half] + [(-x, y) for x, y in half[::-1]], float)
    contoured(scene, shape + np.array([172, 30]), BOTTLE, 6)
    scene.fill(shape * [0.3, 0.9] + (140, 66), TEAL, 0.85)
    contoured(scene, np.array([(104, 420), (240, 420), (240, 560), (104, 560)]), CREAM, 4)
    for k in range(5):
        y = 446 + 22 * k
        words = np.array([(122, y), (122 + 30 + (k * 37) % 70, y)])
        scene.line(words, 6, RUST if k == 1 else SLATE)
    contoured(scene, np.array([(146, 132), (198, 132), (200, 172), (144, 172)]), RUST, 4)


def glass(scene: Sheet) -> None:
    """A stemmed glass, the wine in it and its round foot."""
    bowl = [(560, 560), (700, 560), (690, 650), (650, 706), (610, 706), (570, 650)]
    contoured(scene, np.array(bowl, float), MIST, 5)
    scene.fill(
        np.array([(566, 612), (694, 612), (686, 656), (648, 700), (612, 700), (574, 656)]), RUST
    )
    scene.fill(np.array([(575, 570), (600, 570), (606, 690), (590, 660)]), CREAM, 0.8)
    contoured(scene, circle((0, 0), 1, 60) * [70, 15] + (630, 560), CREAM, 4)
    contoured(scene, np.array([(622, 704), (638, 704), (642, 800), (618, 800)], float), MIST, 4)
    contoured(scene, circle((0, 0), 1, 60) * [62, 17] + (630, 804), MIST, 5)


def music(scene: Sheet) -> None:
    """A sheet of music, tilted, with staves and notes."""

    def place(points: list | np.ndarray) -> np.ndarray:
        return turn(np.asarray(points, float), -0.22) + np.array((110, 760))

    contoured(scene, place([(-90, -60), (250, -60), (250, 190), (-90, 190)]), CREAM, 5)
    for stave in range(3):
        for k in range(5):
            y = -34 + 76 * stave + 9 * k
            scene.line(place([(-76, y), (236, y)]), 1.8, SLATE)
        for n in range(7):
            x, y = -60 + 42 * n, -30 + 76 * stave + (n * 17 + stave * 11) % 36
            scene.fill(place(circle((0, 0), 7, 24) * [1.3, 1] + (x, y)), INK)
            scene.line(place([(x + 8, y), (x + 8, y - 34)]), 2.6, INK)


def fruit(scene: Sheet) -> None:
    """Two lemons and a plum in front of the glass."""
    for (x, y), radius, tone, shade in (
        ((470, 836), 50, LEMON, OCHRE),
        ((556, 868), 44, RUST, UMBER),
        ((400, 882), 38, LEMON, OCHRE),
    ):
        contoured(scene, circle((x, y), radius, 60), tone, 5)
        half = np.concatenate([arc((x, y), radius - 3, -0.4, 2.2, 40), [(x + 6, y)]])
        scene.fill(half, shade, 0.75)
        scene.fill(circle((x - radius * 0.35, y - radius * 0.35), radius * 0.2, 30), CREAM, 0.8)


def area(polygon: np.ndarray) -> float:
    """Area of a polygon, square units."""
    x, y = polygon.T
    return abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2


def halves(polygon: np.ndarray, point: np.ndarray, way: float) -> list[np.ndarray]:
    """A convex polygon cut by a line through a point in a direction."""
    side = (polygon - point) @ np.array([-np.sin(way), np.cos(way)])
    parts: list[list[np.ndarray]] = [[], []]
    for k in range(len(polygon)):
        here, there, a, b = polygon[k], polygon[k - 1], side[k], side[k - 1]
        if a * b < 0:
            crossing = there + (here - there) * b / (b - a)
            parts[0].append(crossing)
            parts[1].append(crossing)
        parts[int(a > 0)].append(here)
    return [np.array(part) for part in parts if len(part) > 2]


def facets(rng: np.random.Generator) -> list[np.ndarray]:
    """Split the canvas along kindred directions into facets of many sizes."""
    waiting = [np.array([(-4, -4), (WIDTH + 4, -4), (WIDTH + 4, HEIGHT + 4), (-4, HEIGHT + 4.0)])]
    done = []
    while waiting:
        polygon = waiting.pop()
        middle = polygon.mean(0)
        crowd = np.exp(-(np.hypot(*((middle - (380, 560)) / (300, 380))) ** 2))
        if area(polygon) < rng.uniform(14000, 42000) * (1.25 - 0.75 * crowd):
            done.append(polygon)
            continue
        spread = np.ptp(polygon, axis=0)
        point = middle + rng.normal(0, 0.1, 2) * spread
        long_way = np.arctan2(*np.linalg.svd(polygon - middle)[2][0][::-1])
        away = np.abs(np.sin(KINDRED - long_way)) + rng.uniform(0, 0.55, len(KINDRED))
        parts = halves(polygon, point, KINDRED[away.argmax()] + rng.normal(0, 0.06))
        waiting += parts
    return done


def brush_fields(sheet: Sheet) -> list[np.ndarray]:
    """Bristled paint in several directions, each a field about 0."""
    wide = Sheet(round(1.5 * HEIGHT * sheet.unit), 1.5 * HEIGHT, 1.5 * HEIGHT, 3)
    fields = []
    for k in range(BRUSHES):
        wide.rng = np.random.default_rng(100 + k)
        stroke = wide.noise((24, 8)) * 0.75 + wide.noise((20, 3)) * 0.35
        way = np.pi * k / BRUSHES
        x, y = sheet.x - WIDTH / 2, sheet.y - HEIGHT / 2
        u = (x * np.cos(way) + y * np.sin(way)) * sheet.unit + wide.shape[1] / 2
        v = (y * np.cos(way) - x * np.sin(way)) * sheet.unit + wide.shape[0] / 2
        fields.append(map_coordinates(stroke, [v, u], order=1, mode="reflect"))
    return fields


def view(
    scene: Sheet, window: tuple[slice, slice], middle: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """The still life in a window (pixels), seen from a little elsewhere."""
    angle, zoom = rng.normal(0, 0.13), rng.uniform(0.82, 1.12)
    shift = rng.normal(0, 17, 2)
    x, y = scene.x[window] - middle[0], scene.y[window] - middle[1]
    u = (x * np.cos(angle) - y * np.sin(angle)) * zoom + middle[0] + shift[0]
    v = (x * np.sin(angle) + y * np.cos(angle)) * zoom + middle[1] + shift[1]
    at = np.stack([v, u]) * scene.unit - 0.5
    return np.stack(
        [map_coordinates(scene.pixels[..., c], at, order=1, mode="nearest") for c in range(3)], -1
    )


def ramp(sheet: Sheet, window: tuple[slice, slice], polygon: np.ndarray, edge: int) -> np.ndarray:
    """0 at one edge of a polygon to 1 at its far side, over a window."""
    a, b = polygon[edge], polygon[(edge + 1) % len(polygon)]
    normal = np.array([-(b - a)[1], (b - a)[0]]) / (np.linalg.norm(b - a) + 1e-6)
    reach = (polygon - a) @ normal
    normal = normal if reach.max() > -reach.min() else -normal
    depth = max(np.abs(reach).max(), 1.0)
    across = (sheet.x[window] - a[0]) * normal[0] + (sheet.y[window] - a[1]) * normal[1]
    return np.clip(across / depth, 0, 1)


def lay_facets(sheet: Sheet, scene: Sheet, planes: list[np.ndarray]) -> np.ndarray:
    """Paint every facet with its own view and light; gives the brush direction of each point."""
    direction = np.zeros(sheet.shape, int)
    for polygon in planes:
        window, cover = sheet.cover(polygon)
        seen = view(scene, window, polygon.mean(0), sheet.rng)
        plane = PLANES[sheet.rng.integers(len(PLANES))]
        seen = mix(seen, plane, sheet.rng.choice([0.1, 0.22, 0.4, 0.62], p=[0.35, 0.35, 0.2, 0.1]))
        lit = ramp(sheet, window, polygon, sheet.rng.integers(len(polygon)))
        tone = sheet.rng.uniform(0.56, 0.86) + lit * sheet.rng.uniform(0.4, 0.66)
        seen = seen * tone[..., None] + np.maximum(tone - 0.95, 0)[..., None] * 0.4
        sheet.pixels[window] += (seen - sheet.pixels[window]) * cover[..., None]
        direction[window][cover > 0.5] = sheet.rng.integers(BRUSHES)
    return direction


def dabs(sheet: Sheet, planes: list[np.ndarray]) -> None:
    """Short square dabs in courses along an edge of about every second facet."""
    rng = sheet.rng
    for polygon in planes:
        if rng.random() < 0.4:
            continue
        a, b = polygon[0], polygon[1]
        along = (b - a) / (np.linalg.norm(b - a) + 1e-6)
        across = np.array([-along[1], along[0]])
        middle, tone = polygon.mean(0), PLANES[rng.integers(len(PLANES))]
        for _ in range(int(area(polygon) / 190)):
            far = rng.normal(0, 0.3, 2) * np.ptp(polygon, axis=0)
            row = np.round((far @ across) / 10) * 10
            at = middle + along * (far @ along) + across * row
            spot = np.clip((at * sheet.unit).astype(int), 0, np.array(sheet.shape[::-1]) - 1)
            shade = mix(sheet.pixels[spot[1], spot[0]], tone, 0.4) * rng.uniform(0.72, 1.3)
            path = at + np.outer(np.linspace(-0.5, 0.5, 5) * rng.uniform(11, 20), along)
            width = 8.0 * np.array([0.8, 1, 1, 1, 0.85])
            sheet.line(path, width, np.clip(shade, 0, 1), rng.uniform(0.2, 0.55))


def passages(sheet: Sheet, planes: list[np.ndarray]) -> None:
    """Translucent planes, firm at one edge and open at the other, light or dark."""
    rng = sheet.rng
    for _ in range(50):
        middle = rng.normal((384, 520), (190, 240))
        way = rng.choice(KINDRED) + rng.normal(0, 0.08)
        long, wide = rng.uniform(70, 240), rng.uniform(40, 150)
        corners = [(-0.5, -0.5), (0.5, -0.5 + rng.uniform(-0.2, 0.2)), (0.4, 0.5), (-0.45, 0.5)]
        plane = turn(np.array(corners) * (long, wide), way) + middle
        window, cover = sheet.cover(plane)
        if not cover.size:
            continue
        fade = (1 - ramp(sheet, window, plane, 0)) ** 1.4 * rng.uniform(0.5, 0.9)
        tone = INK if rng.random() < 0.3 else PLANES[rng.integers(6)]
        cover = (cover * fade)[..., None]
        sheet.pixels[window] = sheet.pixels[window] * (1 - cover) + tone * cover
        sheet.line(plane[:2], rng.uniform(1.5, 4), INK, 0.75)
        if rng.random() < 0.5:
            sheet.line(plane[1:3], np.array([2.6, 0.4]), INK, 0.7)
    for polygon in planes:
        for k in range(len(polygon)):
            if rng.random() < 0.34:
                ends = np.array([polygon[k], polygon[(k + 1) % len(polygon)]])
                t = np.linspace(*np.sort(rng.uniform(-0.05, 1.1, 2)), 24)[:, None]
                path = ends[0] * (1 - t) + ends[1] * t
                sheet.line(path, taper(24, rng.uniform(2.5, 5.5), 0.9, 0.1), INK, 0.8)


def echoes(sheet: Sheet) -> None:
    """A few clear signs of the things themselves: curves, strings, the eye of the guitar."""

    def place(points: list | np.ndarray) -> np.ndarray:
        return turn(np.asarray(points, float), 0.46) + np.array((366, 580))

    for bend in (
        [(0, -205), (84, -180), (106, -120), (72, -48)],
        [(80, -4), (136, 74), (122, 158), (40, 200)],
        [(-150, 60), (-124, 160), (-50, 204)],
    ):
        sheet.line(place(curve(bend, 60)), taper(60, 8, 0.2, 0.15), INK, 0.9)
    sheet.fill(place(arc((6, -34), 46, -1.4, 1.75, 50)), INK)
    sheet.line(place(arc((6, -34), 57, -2.2, 2.4, 60)), taper(60, 6), CREAM)
    for k in range(5):
        sheet.line(place([(-16 + 8 * k, -330), (-20 + 10 * k, 120)]), 2.0, CREAM if k % 2 else INK)
    for start, stop, radius, centre in ((2.6, 5.4, 84, (612, 590)), (-0.6, 2.2, 70, (640, 800))):
        sheet.line(arc(centre, radius, start, stop, 60), taper(60, 5), INK, 0.85)


def surface(sheet: Sheet, direction: np.ndarray) -> None:
    """Brush ridges in each facet's direction, thin scumbles, canvas."""
    sheet.pixels[:] = np.clip((sheet.pixels - 0.46) * 1.16 + 0.47, 0, 1)
    fields = brush_fields(sheet)
    paint = np.choose(direction, fields)
    sheet.shade(0.03 * paint + 0.3 * sheet.relief(0.6 * paint))
    sheet.lay(0.16 * smoothstep(0.9, 2.2, paint), sheet.pixels * 0.6 + 0.4 * SAND)
    weave = np.sin(sheet.x * 2.2) + np.sin(sheet.y * 2.2)
    sheet.shade(0.012 * weave + 0.012 * sheet.speckle(0.6) + 0.05 * sheet.noise(220, 2))


def paint(size: int = 960, seed: int = 17) -> Image.Image:
    """Paint the still life; the height is `size` pixels."""
    scene = still_life(size, seed)
    sheet = Sheet(size, WIDTH, HEIGHT, seed)
    sheet.pixels[:] = scene.pixels
    planes = facets(sheet.rng)
    direction = lay_facets(sheet, scene, planes)
    dabs(sheet, planes)
    passages(sheet, planes)
    echoes(sheet)
    surface(sheet, direction)
    return sheet.image()
