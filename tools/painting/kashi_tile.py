"""Persian cut-tile mosaic: ten-fold strapwork in ivory over turquoise, cobalt and ochre glazes.

The strapwork is Hankin's polygons in contact: regular decagons on a rhombic lattice, bow ties in
the gaps, and from the middle of every edge two rays that lean 54 degrees to it; each ray ends where
it meets its nearest partner. The bands pass alternately over and under. The fields between them are
cut into smaller pieces with vines, palmettes and rosettes, and every piece has its own glaze:
pooled at the rim, mottled, crackled, bevelled, here and there chipped down to the clay.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from PIL import Image
from scipy.ndimage import distance_transform_edt, gaussian_filter
from skimage.measure import label, regionprops

from painting.shapes import Sheet, circle, rgb, ribbon, smoothstep, taper, turn

__all__ = ["paint"]

SIDE = 960
APOTHEM = 162.0
CONTACT = np.radians(54)
STRAP = 16.0
JOINT = 2.2
FIFTH = 2 * np.pi / 5
TENTH = 2 * np.pi / 10

COBALT, NAVY, TURQUOISE, SEA = rgb("1a3f9b"), rgb("0d1f5a"), rgb("17a3a8"), rgb("62cfc4")
OCHRE, GOLD, IVORY, PLUM = rgb("cf8f22"), rgb("e9bc4a"), rgb("f3ead3"), rgb("5f2340")
LEAF, CLAY, GROUT = rgb("2d7d52"), rgb("b98a62"), rgb("2b2620")


def tiling(centre: tuple[float, float]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Decagons and bow ties that cover the panel, one decagon in the middle, as polygons."""
    radius = APOTHEM / np.cos(np.pi / 10)
    tilt = -np.pi / 2

    def corner(k: int) -> np.ndarray:
        way = tilt + np.pi / 10 + k * TENTH
        return radius * np.array([np.cos(way), np.sin(way)])

    first = 2 * APOTHEM * np.array([np.cos(tilt), np.sin(tilt)])
    second = 2 * APOTHEM * np.array([np.cos(tilt + 2 * TENTH), np.sin(tilt + 2 * TENTH)])
    decagon = np.array([corner(k) for k in range(10)])
    half = [corner(0), first + corner(3), first + corner(2)]
    tie = np.array(half + [first + second - p for p in half])
    shifts = [
        np.asarray(centre) + i * first + j * second for i in range(-4, 5) for j in range(-4, 5)
    ]
    reach = [s for s in shifts if np.abs(s - SIDE / 2).max() < SIDE / 2 + 3 * APOTHEM]
    return [decagon + s for s in reach], [tie + s for s in reach]


def contact_lines(polygon: np.ndarray) -> list[np.ndarray]:
    """Hankin's motif in one polygon: paths middle of edge, meeting point, middle of edge."""
    after = np.roll(polygon, -1, axis=0)
    middle, along = (polygon + after) / 2, after - polygon
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    rays = [
        (i, middle[i], turn(s * along[i], s * CONTACT))
        for i in range(len(polygon))
        for s in (1, -1)
    ]
    pairs = []
    for a, (edge, start, toward) in enumerate(rays):
        for b, (other, begin, against) in enumerate(rays[a + 1 :], a + 1):
            if edge == other:
                continue
            sides = np.array([toward, -against]).T
            if abs(np.linalg.det(sides)) < 1e-6:
                continue
            s, t = np.linalg.solve(sides, begin - start)
            if min(s, t) > 1e-6:
                pairs.append((s + t, a, b, start + s * toward))
    used: set[int] = set()
    paths = []
    for _, a, b, meeting in sorted(pairs, key=lambda pair: pair[0]):
        if not used & {a, b}:
            used |= {a, b}
            paths.append(np.array([rays[a][1], meeting, rays[b][1]]))
    return paths


def weave(paths: list[np.ndarray]) -> list[tuple[bool, bool]]:
    """For each path, whether its band lies on top at its first and at its last end.

    At every middle of an edge two bands cross; along a band, over and under alternate.
    """

    def name(tip: np.ndarray) -> tuple[int, int]:
        return round(float(tip[0])), round(float(tip[1]))

    ends = defaultdict(list)
    for i, path in enumerate(paths):
        for side, (tip, inner) in enumerate(((path[0], path[1]), (path[2], path[1]))):
            heading = (tip - inner) / np.linalg.norm(tip - inner)
            ends[name(tip)].append((i, side, heading))
    over: dict[tuple[int, int], bool] = {}
    for first in range(len(paths)):
        if (first, 0) in over:
            continue
        stack = [(first, 0, True)]
        while stack:
            i, side, top = stack.pop()
            if (i, side) in over:
                continue
            over[i, side] = top
            stack.append((i, 1 - side, not top))
            here = ends[name(paths[i][0 if side == 0 else 2])]
            mine = next(h for j, s, h in here if (j, s) == (i, side))
            for j, s, heading in here:
                if (j, s) != (i, side):
                    stack.append((j, s, top if heading @ mine < -0.99 else not top))
    return [(over[i, 0], over[i, 1]) for i in range(len(paths))]


def leaf(root: np.ndarray, heading: float, length: float, width: float) -> np.ndarray:
    """A pointed leaf, bent a little to one side."""
    t = np.linspace(0, 1, 24)
    spine = np.stack([t * length, 0.18 * length * t**2], -1)
    return ribbon(turn(spine, heading), width * np.sin(np.pi * t**0.8) ** 0.9 + 0.05) + root


def vine(
    sheet: Sheet, centre: np.ndarray, angle: float, radius: float, hand: int, dark: bool
) -> None:
    """One arm of arabesque: a spiral stem with leaves and a flower at its heart."""
    t = np.linspace(0, 1, 60)
    spin = hand * (4.6 * t - 1.3)
    steps = np.stack([np.cos(spin), np.sin(spin)], -1) * (1.3 - 0.8 * t)[:, None]
    path = np.array([0.2 * radius, 0]) + np.cumsum(steps, axis=0) * radius * 0.021
    path = turn(path, angle) + centre
    tones = (SEA, GOLD, TURQUOISE, IVORY) if dark else (COBALT, LEAF, TURQUOISE, OCHRE)
    sheet.line(path, taper(60, radius * 0.04, 1, 0.5), tones[1])
    for n, (at, flip) in enumerate(((10, 1), (20, -1), (31, 1), (42, -1))):
        ahead = path[at + 1] - path[at]
        heading = np.arctan2(ahead[1], ahead[0]) - flip * hand * 0.9
        sheet.fill(leaf(path[at], heading, radius * 0.19, radius * 0.09), tones[n])
    rosette(sheet, path[-1], radius * 0.1, 6, angle, tones[3], tones[1])


def rosette(
    sheet: Sheet,
    centre: np.ndarray,
    radius: float,
    petals: int,
    angle: float,
    outer: np.ndarray,
    inner: np.ndarray,
) -> None:
    """A flower of rounded petals round a button."""
    for k in range(petals):
        way = angle + 2 * np.pi * k / petals
        at = centre + 0.62 * radius * np.array([np.cos(way), np.sin(way)])
        sheet.fill(circle(at, 0.42 * radius, 24), outer)
    sheet.fill(circle(centre, 0.5 * radius, 32), inner)
    sheet.fill(circle(centre, 0.22 * radius, 24), PLUM)


def piece(sheet: Sheet, joints: Sheet, polygon: np.ndarray, glaze: np.ndarray) -> None:
    """Set one cut piece: its glaze on the sheet, its outline among the joints."""
    sheet.fill(polygon, glaze)
    joints.fill(polygon, np.zeros(3))
    for start, stop in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        joints.line(np.array([start, stop]), JOINT, np.ones(3))


def star_field(sheet: Sheet, joints: Sheet, centre: np.ndarray, dark: bool) -> None:
    """Cut the ten-pointed star into points, a ring of kites and a flowering disc."""
    inner = APOTHEM * np.sin(np.radians(36)) / np.sin(np.radians(126))  # the star's inner corners

    def ray(radius: float, k: float) -> np.ndarray:
        way = -np.pi / 2 + k * TENTH
        return centre + radius * np.array([np.cos(way), np.sin(way)])

    def cut(glaze: np.ndarray, *corners: tuple[float, float]) -> None:
        piece(sheet, joints, np.array([ray(radius * inner, k) for radius, k in corners]), glaze)

    cut(COBALT if dark else IVORY, *((0.84 if k % 2 else 0.7, k / 2) for k in range(20)))
    for k in range(10):
        way, odd = -np.pi / 2 + k * TENTH, bool(k % 2)
        tip = (APOTHEM / inner, k)
        cut(TURQUOISE if dark else COBALT, tip, (1, k + 0.5), (0.97, k), (1, k - 0.5))
        sheet.fill(leaf(ray(1.01 * inner, k), way - 0.09, 30, 13), GOLD)
        kite = (0.97, k), (1, k + 0.5), (0.97, k + 1), (0.84, k + 0.5)
        cut(NAVY if dark else TURQUOISE, *kite)
        sheet.fill(circle(ray(0.95 * inner, k + 0.5), 3.4, 24), IVORY)
        spear = (0.97, k), (0.84, k + 0.5), (0.7, k), (0.84, k - 0.5)
        cut(OCHRE if odd == dark else PLUM, *spear)
        sheet.fill(leaf(ray(0.74 * inner, k), way - 0.09, 21, 9), NAVY if odd == dark else GOLD)
    garden(sheet, centre, dark)


def garden(sheet: Sheet, centre: np.ndarray, dark: bool) -> None:
    """Fill the disc of a star: five spiral vines, sprays of leaves, a rosette at the heart."""
    for k in range(5):
        vine(sheet, centre, -np.pi / 2 + (k + 0.25) * FIFTH, APOTHEM * 0.64, 1, dark)
        for lean, length in ((-0.3, 17), (0, 23), (0.3, 17)):
            way = -np.pi / 2 + (k + 0.62) * FIFTH + lean
            root = centre + APOTHEM * 0.37 * np.array([np.cos(way), np.sin(way)])
            sheet.fill(leaf(root, way + lean - 0.1, length, 8), SEA if dark else PLUM)
    rosette(sheet, centre, APOTHEM * 0.15, 10, 0.0, IVORY if dark else TURQUOISE, OCHRE)


def lesser_fields(sheet: Sheet, joints: Sheet, bands: np.ndarray, stars: list[np.ndarray]) -> None:
    """Glaze the pentagons and shields between the stars by their size, a flower in each."""
    faces = label(bands < 0.5, connectivity=1)
    depth = distance_transform_edt(bands < 0.5) / sheet.unit
    for region in regionprops(faces):
        own = np.where(faces[region.slice] == region.label, depth[region.slice], 0)
        row, column = np.unravel_index(own.argmax(), own.shape)
        at = np.array([column + region.slice[1].start, row + region.slice[0].start]) / sheet.unit
        if own.max() > 60 or min(np.linalg.norm(at - s) for s in stars) < APOTHEM * 0.75:
            continue
        kind = int(own.max() > 25)
        sheet.pixels[region.slice][own > 0] = (OCHRE, TURQUOISE)[kind]
        for k in range(5):
            way = -np.pi / 2 + k * FIFTH
            root = at + own.max() * 0.32 * np.array([np.cos(way), np.sin(way)])
            sheet.fill(
                leaf(root, way - 0.08, own.max() * 0.62, own.max() * 0.3), (NAVY, COBALT)[kind]
            )
        rosette(sheet, at, own.max() * 0.42, 5, np.pi / 2, IVORY, OCHRE if kind else PLUM)


def mitred(path: np.ndarray, width: float) -> np.ndarray:
    """Outline of a bent band (three points) whose corner is sharp."""
    along = np.diff(path, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    normal = np.stack([-along[:, 1], along[:, 0]], -1) * width / 2
    bend = normal.sum(0) / (1 + along[0] @ along[1])
    offset = np.array([normal[0], bend, normal[1]])
    return np.concatenate([path + offset, (path - offset)[::-1]])


def strapwork(sheet: Sheet, joints: Sheet, paths: list[np.ndarray]) -> None:
    """Lay the bands, then once more the pieces that lie on top where two bands cross."""
    for path in paths:
        piece(sheet, joints, mitred(path, STRAP), IVORY)
        sheet.fill(mitred(path, 3.2), COBALT)
    for path, tops in zip(paths, weave(paths), strict=True):
        for (tip, inner), top in zip((path[:2], path[:0:-1]), tops, strict=True):
            if top:
                heading = (inner - tip) / np.linalg.norm(inner - tip)
                bridge = np.array([tip - 11 * heading, tip + 11 * heading])
                piece(sheet, joints, ribbon(bridge, STRAP), IVORY)
                sheet.line(bridge, 3.2, COBALT)


def fire(sheet: Sheet, joints: np.ndarray) -> None:
    """Give every piece its own glaze: tone, pooling, mottle, crackle, bevel, chips; then grout."""
    pieces = label(joints < 0.4, connectivity=1)
    jitter = sheet.rng.normal(0, 1, (pieces.max() + 1, 3)).astype(np.float32)
    tone = jitter[pieces]
    depth = distance_transform_edt(joints < 0.4) / sheet.unit
    pooled = np.exp(-depth / 3.5)
    sheet.pixels *= 1 + 0.075 * tone[..., :1] + tone * np.float32([0.02, 0.015, 0.02])
    sheet.shade(0.06 * sheet.noise(150, 3) + 0.06 * sheet.noise(14, 2) - 0.22 * pooled)
    seeds = sheet.rng.uniform(0, SIDE, (2600, 2))
    _, border = sheet.cells(seeds + 4 * sheet.rng.normal(size=seeds.shape))
    crackle = (1 - smoothstep(0.15, 0.75, border)) * smoothstep(-0.6, 1.2, sheet.noise(130))
    sheet.lay(crackle * 0.34, rgb("4a3a2c"))
    dome = gaussian_filter(np.minimum(depth, 5.0), 1.1 * sheet.unit)
    light = sheet.relief(dome)
    sheet.shade(0.42 * light)
    glint = smoothstep(0.75, 1.1, light) * smoothstep(-0.2, 1.3, sheet.noise(40, 2))
    sheet.lay(glint * 0.6, np.ones(3, np.float32))
    chips = smoothstep(3.0, 3.15, sheet.noise(26, 3) + 0.7 * np.exp(-depth / 3))
    sheet.lay(chips * 0.85, CLAY * (1 + 0.06 * sheet.speckle(0.8))[..., None])
    grout = GROUT * (1.0 + 0.16 * sheet.speckle(0.7))[..., None]
    sheet.lay(np.clip(joints * 1.15, 0, 1), grout)


def paint(size: int = 960, seed: int = 8) -> Image.Image:
    """Paint the panel; the side is `size` pixels."""
    sheet, joints = Sheet(size, SIDE, SIDE, seed, "17a3a8"), Sheet(size, SIDE, SIDE, seed, "000000")
    decagons, ties = tiling((SIDE / 2, SIDE / 2))
    paths = [p for polygon in decagons + ties for p in contact_lines(polygon)]
    stars = [decagon.mean(0) for decagon in decagons]
    lesser_fields(sheet, joints, sheet.mask([mitred(p, 2.0) for p in paths]), stars)
    for centre in stars:
        column = round((centre[0] - SIDE / 2) / (2 * APOTHEM * np.cos(np.pi / 10)))
        star_field(sheet, joints, centre, dark=column % 2 == 0)
    strapwork(sheet, joints, paths)
    fire(sheet, joints.pixels[..., 0])
    return sheet.image()
