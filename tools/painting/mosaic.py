"""Floor mosaic: two fish turn round a sun-wheel in a running sea, set in stone, glass and gold.

The picture is a few shapes; the setting is the work. The tesserae follow the shapes: rows run
parallel to every outline, inside and out (opus vermiculatum), and ripple on into the water. A row
is a contour of the distance to the outline, walked with a step that varies; each step is the seed
of a tessera with the row's direction. Every point belongs to the seed nearest in that seed's own
rounded-square measure, and grout lies where two are equally near. Then each tessera gets its own
stone, tilt, bevel and veins, here and there gold or glass that flashes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy.ndimage import distance_transform_edt, gaussian_filter
from scipy.spatial import cKDTree
from skimage.measure import find_contours

from painting.shapes import Point, Sheet, blend, circle, curve, mix, rgb, ribbon, smoothstep

__all__ = ["paint"]

WIDTH, HEIGHT = 960, 768
MIDDLE = np.array([WIDTH / 2, HEIGHT / 2])
FRAME = 54
COURSE = np.array([322.0, 212.0])  # half axes of the ellipse on which the fish swim
GROUT = rgb("a08f76")
NAVY, DEEP, BLUE, TURQUOISE = rgb("152c57"), rgb("1f4f8a"), rgb("3b86b5"), rgb("6cc0b8")
FROTH, CREAM, OCHRE, GOLD = rgb("e4efe2"), rgb("f1e2bd"), rgb("cf9a3c"), rgb("e9b83c")
RED, BRICK, ROSE, BLACK = rgb("b5382a"), rgb("7c2620"), rgb("df7f4e"), rgb("24202a")
GREEN = rgb("4d8a5f")

TIDE = [
    (0, "e4efe2"),
    (0.1, "d5ebe0"),
    (0.13, "6cc0b8"),
    (0.32, "3b86b5"),
    (0.55, "1f4f8a"),
    (0.85, "152c57"),
    (0.93, "1b3a6c"),
    (0.96, "a8d8d0"),
    (1, "e4efe2"),
]
RINGS = {  # colours of the rows of a part, from its edge inwards
    "fin": [OCHRE, GOLD, RED],
    "belly": [OCHRE, GOLD, ROSE],
    "tail": [BRICK, OCHRE, GOLD, BRICK],
    "head": [BLACK, OCHRE, GOLD, ROSE],
    "gill": [BRICK],
    "eye": [CREAM],
    "pupil": [BLACK],
    "ray": [GOLD, OCHRE],
    "spark": [RED, BRICK],
    "rim": [BLACK, BRICK],
    "disc": [GOLD, CREAM, ROSE],
    "heart": [RED, ROSE, GOLD],
    "star": [BRICK, ROSE, CREAM, GOLD],
}


@dataclass
class Tesserae:
    """Seeds of the tesserae: centre (n, 2), row direction in radians, length and height, colour."""

    centre: np.ndarray
    angle: np.ndarray
    length: np.ndarray
    height: np.ndarray
    colour: np.ndarray
    gold: np.ndarray

    def keep(self, which: np.ndarray) -> Tesserae:
        """Only those selected."""
        return Tesserae(*(getattr(self, name)[which] for name in self.__dataclass_fields__))


def fish(phase: float) -> dict[str, np.ndarray]:
    """Outlines of a fish that swims round the middle, head at the given angle."""
    t = np.linspace(0, 1, 120)
    way = phase - 2.15 * t
    spine = MIDDLE + np.stack([np.cos(way), np.sin(way)], -1) * COURSE
    body = 128 * np.interp(
        t, [0, 0.06, 0.16, 0.36, 0.6, 0.82, 1], [0.06, 0.5, 0.8, 1, 0.7, 0.3, 0.2]
    )
    body = gaussian_filter(body, 3, mode="nearest")
    out = spine - MIDDLE
    out /= np.linalg.norm(out, axis=1, keepdims=True)
    tail, ahead = spine[-1], spine[-1] - spine[-8]
    ahead /= np.linalg.norm(ahead)
    side = np.array([-ahead[1], ahead[0]])
    fork = [tail - 16 * ahead + 8 * side, tail + 66 * ahead + 74 * side, tail + 40 * ahead]
    fork += [tail + 66 * ahead - 74 * side, tail - 16 * ahead - 8 * side]
    fin = np.concatenate(
        [
            spine[34:84] + out[34:84] * (body[34:84] * 0.4)[:, None],
            (spine[44:88] + out[44:88] * (body[44:88] * 0.5 + 34)[:, None])[::-1],
        ]
    )
    belly = [spine[46] - out[46] * 46, spine[62] - out[62] * 84, spine[70] - out[70] * 36]
    head = ribbon(spine[:28], body[:28])
    return {
        "fin": curve(fin[::6], 90, closed=True),
        "belly": curve(belly, 60, closed=True),
        "tail": curve(fork, 90, closed=True),
        "body": ribbon(spine, body),
        "head": head,
        "gill": ribbon(np.stack([spine[27] + out[27] * w for w in np.linspace(-52, 52, 20)]), 12),
        "eye": circle(spine[13] + out[13] * 20, 17, 40),
        "pupil": circle(spine[13] + out[13] * 20, 7.5, 30),
    }


def polar(centre: Point, radius: float, angle: float) -> np.ndarray:
    """The point at a radius and an angle (radians) from a centre."""
    return np.asarray(centre) + radius * np.array([np.cos(angle), np.sin(angle)])


def drawing(sheet: Sheet) -> list[tuple[str, np.ndarray, float]]:
    """The parts of the picture in the order they cover each other: name, mask, row height."""
    parts = [("sea", np.ones(sheet.shape, bool), 12.0)]

    def add(name: str, polygon: np.ndarray, height: float) -> None:
        parts.append((name, sheet.mask(polygon) > 0.5, height))

    for phase in (2.6, 2.6 + np.pi):
        shapes = fish(phase)
        for name in ("fin", "belly", "tail", "body", "head", "gill", "eye", "pupil"):
            add(name, shapes[name], {"pupil": 7.0, "eye": 7.5, "gill": 8.0}.get(name, 9.5))
    for k in range(16):
        way, name, tip = np.pi * k / 8, *(("ray", 142) if k % 2 == 0 else ("spark", 120))
        corners = [(80, way - 0.19), (tip, way + 0.08), (80, way + 0.19)]
        add(name, np.array([polar(MIDDLE, radius, angle) for radius, angle in corners]), 9.0)
    for radius, name in ((88, "rim"), (71, "disc"), (35, "heart")):
        add(name, circle(MIDDLE, radius, 120), 9.0)
    for corner in ((136, 134), (824, 634), (136, 634), (824, 134)):
        points = [polar(corner, 19 if k % 2 else 46, (k - 2.5) * np.pi / 5) for k in range(10)]
        add("star", np.array(points), 8.5)
    beyond = [np.abs(sheet.x - MIDDLE[0]) - MIDDLE[0], np.abs(sheet.y - MIDDLE[1]) - MIDDLE[1]]
    parts.append(("frame", np.maximum(*beyond) > -FRAME, 11.0))
    return parts


def rows(sheet: Sheet, inside: np.ndarray, height: float) -> tuple[np.ndarray, ...]:
    """Seeds along contours of the distance to the outline: centre, angle, length, distance."""
    padded = np.pad(inside, 1, mode="edge")
    far = (distance_transform_edt(padded) / sheet.unit)[1:-1, 1:-1]
    seeds = []
    for level in np.arange(height / 2, far.max(), height):
        for contour in find_contours(np.where(inside, far, 0), level):
            points = (contour[:, ::-1] + 0.5) / sheet.unit
            along = np.concatenate(
                [[0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))]
            )
            if along[-1] < height:
                continue
            steps = height * sheet.rng.uniform(0.85, 1.45, int(along[-1] / height / 0.85) + 2)
            ends = np.cumsum(steps)
            middles = (ends - steps / 2)[ends < along[-1] + 0.4 * height]
            at = np.stack([np.interp(middles, along, points[:, c]) for c in (0, 1)], -1)
            ahead = np.stack([np.interp(middles + 3, along, points[:, c]) for c in (0, 1)], -1)
            behind = np.stack([np.interp(middles - 3, along, points[:, c]) for c in (0, 1)], -1)
            heading = np.arctan2(*(ahead - behind).T[::-1])
            seeds.append(np.column_stack([at, heading, steps[: len(at)], np.full(len(at), level)]))
    table = np.concatenate(seeds) if seeds else np.zeros((0, 5))
    return table[:, :2], table[:, 2], table[:, 3], table[:, 4]


def water(at: np.ndarray, far: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Colours (n, 3) of the sea: waves that ripple out from the figures, dark beside them."""
    swell = far + 12 * np.sin(at[:, 0] / 61 + at[:, 1] / 97) + 7 * np.sin(at[:, 1] / 33)
    colour = blend(TIDE, (swell + rng.normal(0, 3.5, len(at))) % 60 / 60)
    colour[far < 12] = NAVY
    return colour


def scales(at: np.ndarray, far: np.ndarray) -> np.ndarray:
    """Colours (n, 3) of a fish's flank: red back, pale belly, gilt scales, black outline."""
    out = (at - MIDDLE) / COURSE
    way, radius = np.arctan2(out[:, 1], out[:, 0]), np.hypot(*out.T)
    scale = np.sin(way * 34 + 7 * np.abs(radius - 1)) + 0.6 * np.sin(radius * 60)
    back = smoothstep(0.86, 1.14, radius)
    colour = mix(CREAM, ROSE, smoothstep(0.1, 0.4, back))
    colour[back > 0.35] = RED
    gilt = np.where((back > 0.5)[:, None], OCHRE, GOLD)
    colour = np.where((scale > 0.45)[:, None], gilt, colour)
    colour[scale < -0.9] = BRICK
    colour[far < 9] = BLACK
    return colour


def border(at: np.ndarray, far: np.ndarray) -> np.ndarray:
    """Colours (n, 3) of the frame: a diapered band between dark and light fillets."""
    row = np.clip(far // 11, 0, 4).astype(int)
    colour = np.array([BLACK, CREAM, BRICK, CREAM, BLACK])[row]
    diaper = (np.floor(at.sum(1) / 52) + np.floor((at[:, 0] - at[:, 1]) / 52)) % 2 == 0
    figured = diaper & (far > 11) & (far < 44)
    colour[figured] = np.where((far < 30)[:, None], OCHRE, BRICK)[figured]
    return colour


def stones(name: str, at: np.ndarray, far: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Colours (n, 3) for tesserae of one part, from where they lie and how far from its edge."""
    if name == "sea":
        return water(at, far, rng)
    if name == "body":
        return scales(at, far)
    if name == "frame":
        return border(at, far)
    rings = np.array(RINGS[name])
    return rings[np.clip(far // 9, 0, len(rings) - 1).astype(int)]


def lay_out(sheet: Sheet) -> Tesserae:
    """Seeds for every part of the drawing; those that crowd another are left out."""
    parts = drawing(sheet)
    owner = np.zeros(sheet.shape, int)
    for n, (_, mask, _) in enumerate(parts):
        owner[mask] = n
    pieces = []
    for n, (name, _, height) in enumerate(parts):
        at, angle, length, far = rows(sheet, owner == n, height)
        colour = stones(name, at, far, sheet.rng)
        bright = colour @ np.float32([0.8, 0.5, -1.0]) > 0.62
        gold = bright & (sheet.rng.random(len(at)) < 0.75)
        pieces.append(Tesserae(at, angle, length, np.full(len(at), height), colour, gold))
    joined = Tesserae(
        *(
            np.concatenate([getattr(p, name) for p in pieces])
            for name in Tesserae.__dataclass_fields__
        )
    )
    alive = np.ones(len(joined.centre), bool)
    for a, b in sorted(cKDTree(joined.centre).query_pairs(6.4)):
        near = np.linalg.norm(joined.centre[a] - joined.centre[b])
        if alive[a] and alive[b] and near < 0.55 * min(joined.height[a], joined.height[b]):
            alive[b] = False
    return joined.keep(alive)


def cut(sheet: Sheet, tesserae: Tesserae) -> tuple[np.ndarray, np.ndarray]:
    """For every point the tessera it belongs to and its distance (units) to the next one."""
    here = np.stack([sheet.x.ravel(), sheet.y.ravel()], -1)
    _, near = cKDTree(tesserae.centre).query(here, k=7)
    best = np.full(len(here), np.inf)
    second, index = best.copy(), np.zeros(len(here), int)
    for k in range(near.shape[1]):
        one = near[:, k]
        offset = here - tesserae.centre[one]
        cos, sin = np.cos(tesserae.angle[one]), np.sin(tesserae.angle[one])
        u = (offset[:, 0] * cos + offset[:, 1] * sin) / (tesserae.length[one] / 2)
        v = (offset[:, 1] * cos - offset[:, 0] * sin) / (tesserae.height[one] / 2)
        measure = (u**4 + v**4) ** 0.25
        closer = measure < best
        second = np.where(closer, best, np.minimum(second, measure))
        index = np.where(closer, one, index)
        best = np.where(closer, measure, best)
    gap = (second - best) * tesserae.height[index] / 4
    return index.reshape(sheet.shape), gap.reshape(sheet.shape).astype(np.float32)


def set_stones(sheet: Sheet, tesserae: Tesserae, index: np.ndarray, gap: np.ndarray) -> None:
    """Give each tessera its stone and its place in the bed: tone, veins, tilt, bevel, flash."""
    rng, n = sheet.rng, len(tesserae.centre)
    tone = rng.normal(0, 0.085, (n, 1)) + rng.normal(0, 0.022, (n, 3))
    colour = np.clip(tesserae.colour * (1 + tone) + tone * 0.25, 0, 1).astype(np.float32)
    sheet.pixels[:] = colour[index]
    sheet.shade(0.05 * sheet.noise(7, 3) + 0.035 * sheet.speckle(0.7))
    veins = 1 - smoothstep(0.02, 0.14, np.abs(sheet.noise((30, 12), 3)))
    sheet.shade(0.09 * veins * (rng.random(n) < 0.3)[index])
    tilt = rng.normal(0, 0.017, (n, 2)).astype(np.float32)
    x, y = tesserae.centre.T.astype(np.float32)
    slope = (sheet.x - x[index]) * tilt[index, 0] + (sheet.y - y[index]) * tilt[index, 1]
    sheet.shade(slope + (tilt[index] @ np.float32([-3.2, -3.6])))
    dome = gaussian_filter(np.minimum(gap, 2.6), 0.7 * sheet.unit)
    bevel = sheet.relief(dome)
    flash = tesserae.gold[index] * np.clip(
        0.5 + slope * 3 + bevel * 0.6 + tilt[index, 0] * 12, 0, 1
    )
    sheet.lay(0.8 * smoothstep(0.45, 1.0, flash), rgb("fff0b0"))
    sheet.shade(0.34 * bevel)
    bed = smoothstep(0.55, 1.25, gap)
    mortar = GROUT * (0.82 + 0.09 * sheet.noise(60, 2) + 0.1 * sheet.speckle(0.8))[..., None]
    shadow = np.roll(bed, (2, 2), (0, 1)) * 0.34
    sheet.lay(1 - bed, mortar * (1 - shadow)[..., None])
    sheet.shade(0.035 * sheet.noise(300, 2))


def paint(size: int = 960, seed: int = 5) -> Image.Image:
    """Paint the floor; the width is `size` pixels."""
    sheet = Sheet(size, WIDTH, HEIGHT, seed)
    tesserae = lay_out(sheet)
    set_stones(sheet, tesserae, *cut(sheet, tesserae))
    return sheet.image()
