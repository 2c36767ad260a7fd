"""Leaded glass: a tree before the setting sun, a river winding from the hills, in a light of glass.

The window is cut as a glazier cuts: the drawing's own lines (trunk and boughs, sun rings and rays,
hills, river bands) divide the light, and long fields are divided again so that no pane is too long.
Every pane is its own sheet: colour within its family, streaks in its own direction, seeds and
reams, brighter where the sun stands behind it, darker near the lead. Came is rounded metal of
varying width with a highlight and a bead of solder where lines meet.
"""

from __future__ import annotations

import numpy as np
from PIL import Image
from scipy.ndimage import distance_transform_edt, gaussian_filter
from skimage.measure import label

from painting.shapes import Point, Sheet, arc, circle, curve, outline, rgb, ribbon, smoothstep

__all__ = ["paint"]

WIDTH, HEIGHT = 768, 960
SUN = np.array([500.0, 330.0])
FAMILIES = {
    "sun": ("fff0a0", "ffd84a", "ffe884"),
    "ring": ("ffb52e", "ff9a1f", "ffc94a"),
    "glow": ("f2762a", "ea5a2c", "f79a3c", "d94436"),
    "dusk": ("b23a5e", "8f3474", "d0506a", "6b3a8e", "e0785e"),
    "sky": ("2f5fb8", "3f86cf", "2a4a9e", "5aa6dc", "4a3f98", "1f6fb0"),
    "hill": ("2f7a4a", "1f6a5a", "5a9a3f", "27574a", "86a83a"),
    "river": ("2aa0c0", "64c8d8", "1f78b4", "a8e4e0", "2456a0"),
    "bank": ("9a6a2a", "c08a34", "6f8a2f", "84502a"),
    "bark": ("5a2f1f", "6f3a22", "48281f", "80492a"),
    "leaf": ("3f9a3a", "86b82f", "c8c832", "2a7a3f", "e0a82a", "c85a24", "5fae4a"),
    "border": ("8f1f38", "a82a3f", "781a3a"),
    "jewel": ("2a4fb0", "f0c040", "2f9a7a"),
}


class Window:
    """The drawing of the window: which family of glass lies where, and where lead runs."""

    def __init__(self, sheet: Sheet) -> None:
        """Start from an undivided light of sky."""
        self.sheet = sheet
        self.families = list(FAMILIES)
        self.family = np.full(sheet.shape, self.families.index("sky"))
        self.lead = np.zeros(sheet.shape, np.float32)

    def pane(self, polygon: np.ndarray, family: str, width: float = 7.0) -> None:
        """A shape of one family, leaded all round; it covers what it overlaps."""
        mask = self.sheet.mask(polygon)
        self.family[mask > 0.5] = self.families.index(family)
        self.lead *= 1 - mask
        self.lead = np.maximum(self.lead, self.sheet.mask(outline(polygon, width)))

    def came(self, points: np.ndarray, width: float, *within: str) -> None:
        """A lead line, kept to some families of glass if they are named."""
        swell = width * (1 + 0.1 * np.sin(np.arange(len(points)) * 0.37 + points[0, 0]))
        line = self.sheet.mask(ribbon(points, swell))
        if within:
            line = line * np.isin(self.family, [self.families.index(name) for name in within])
        self.lead = np.maximum(self.lead, line)


def wander(rng: np.random.Generator, start: Point, stop: Point, sway: float) -> np.ndarray:
    """A gently bent cut between two points."""
    start, stop = np.array(start, float), np.array(stop, float)
    middle = (start + stop) / 2 + rng.normal(0, sway, 2)
    return curve([start, middle, stop], 40)


def heavens(window: Window) -> None:
    """Sun, its rings and rays; the rays cut sky, dusk and glow into panes."""
    rng = window.sheet.rng
    for radius, family in ((330, "dusk"), (238, "glow"), (158, "ring"), (92, "sun")):
        t = np.linspace(0, 2 * np.pi, 160, endpoint=False)
        wavy = radius * (1 + 0.035 * np.sin(5 * t + radius) * (radius > 100))
        window.pane(np.stack([np.cos(t), np.sin(t)], -1) * wavy[:, None] + SUN, family, 8)
    for k in range(18):
        way = 2 * np.pi * k / 18 + rng.normal(0, 0.035)
        ray = np.array([np.cos(way), np.sin(way)])
        inner, outer = 92 + 66 * (k % 2), 1000
        path = SUN + ray * np.linspace(inner, outer, 120)[:, None]
        path += np.stack([-ray[1] * np.ones(120), ray[0] * np.ones(120)], -1) * (
            9 * np.sin(np.linspace(0, 7, 120) + k)[:, None]
        )
        window.came(path, 6.0, "ring", "glow", "dusk", "sky")
    for radius in (415, 515, 630, 760):
        for k in range(18):
            start = 2 * np.pi * k / 18 + rng.uniform(-0.02, 0.02)
            bow = arc(SUN, radius + rng.uniform(-34, 34), start - 0.05, start + 0.4, 40)
            window.came(bow, 5.5, "sky")


def land(window: Window) -> None:
    """Hills behind hills, and the river that comes down between them in bands."""
    rng = window.sheet.rng
    for y, swell in ((560, 40), (620, 46), (700, 40)):
        x = np.linspace(-30, WIDTH + 30, 60)
        crest = y + swell * np.sin(x / 118 + y) - 14 * np.sin(x / 47 + 2 * y)
        shape = np.concatenate([np.stack([x, crest], -1), [[WIDTH + 30, 1000], [-30, 1000]]])
        window.pane(shape, "hill", 7)
        for left in np.arange(30, WIDTH, 96):
            foot = left + rng.uniform(-80, 80)
            window.came(
                wander(rng, (left, np.interp(left, x, crest)), (foot, y + 420), 14), 5.0, "hill"
            )
    centre = [(590, 604), (560, 650), (640, 700), (600, 760), (440, 830), (470, 910), (560, 1000)]
    centre = curve(centre, 90)
    width = np.linspace(0, 1, 90) ** 0.8 * 250 + 12
    across = np.array([[0.5, 0.0]])
    for family, extra in (("bank", 34), ("river", 0)):
        reach = across * (width + extra * np.linspace(0.4, 1, 90))[:, None]
        window.pane(np.concatenate([centre - reach, (centre + reach)[::-1]]), family, 7)
    for share in (-0.62, -0.22, 0.2, 0.6):
        ripple = 0.12 * np.sin(np.linspace(0, 15, 90) + 9 * share)
        window.came(centre + across * (width * (share + ripple))[:, None], 5.0, "river")
    for k in range(10, 90, 8):
        reach = across[0] * (width[k] + 50)
        lean = np.array([0, rng.normal(0, 16)])
        cut = wander(rng, centre[k] - reach - lean, centre[k] + reach + lean, 11)
        window.came(cut, 4.6, "river", "bank")


def tree(window: Window) -> None:
    """A great tree on the left: forked boughs, each ending in a fan of leaves."""
    rng = window.sheet.rng
    trunk = curve([(150, 990), (196, 850), (168, 700), (214, 560), (190, 430), (236, 300)], 80)
    boughs = [(trunk, np.linspace(104, 30, 80) + 40 * np.linspace(1, 0, 80) ** 6)]
    for at, tip, thick in (
        (34, (20, 470), 34),
        (40, (392, 420), 36),
        (52, (40, 300), 30),
        (58, (396, 250), 28),
        (68, (110, 150), 24),
        (74, (320, 130), 24),
    ):
        root = trunk[at]
        bend = (root + np.array(tip)) / 2 + np.array([0, 34]) + rng.normal(0, 10, 2)
        boughs.append((curve([root, bend, tip], 50), np.linspace(thick, 9, 50)))
    tips = [path[-1] for path, _ in boughs] + [path[-16] for path, _ in boughs[1:]]
    for tip in tips:
        for ring, count, far in ((0, 9, 62), (1, 5, 26)):
            for k in range(count):
                way = 2 * np.pi * (k + 0.5 * ring) / count + rng.normal(0, 0.2)
                at = tip + far * np.array([np.cos(way), np.sin(way)]) * rng.uniform(0.8, 1.15)
                window.pane(leaf(at, way, rng.uniform(58, 80)), "leaf", 5.0)
    for path, width in boughs[::-1]:
        window.pane(ribbon(path, width), "bark", 7)
    grain = trunk + np.stack([13 * np.sin(np.linspace(0, 9, 80)), np.zeros(80)], -1)
    window.came(grain, 5.0, "bark")
    for path, width in boughs:
        for k in range(8, len(path), 11):
            across = np.array([width[k], rng.normal(0, 6)])
            window.came(wander(rng, path[k] - across, path[k] + across, 4), 4.6, "bark")


def leaf(centre: np.ndarray, way: float, length: float) -> np.ndarray:
    """A broad pointed leaf round its centre."""
    t = np.linspace(-0.5, 0.5, 22)
    ray = np.array([np.cos(way), np.sin(way)])
    return ribbon(
        centre + ray * length * t[:, None], length * 0.56 * np.cos(np.pi * t) ** 0.7 + 0.1
    )


def border(window: Window) -> None:
    """A border of ruby panes with jewels, and the outer frame."""
    edge = 42.0
    outer = [(-9, -9), (WIDTH + 9, -9), (WIDTH + 9, HEIGHT + 9), (-9, HEIGHT + 9)]
    strips = []
    for k in range(4):
        a, b = np.array(outer[k], float), np.array(outer[(k + 1) % 4], float)
        inward = np.array([-(b - a)[1], (b - a)[0]]) / np.linalg.norm(b - a) * (edge + 9)
        strips.append(np.array([a, b, b + inward, a + inward]))
    for strip in strips:
        window.pane(strip, "border", 9)
    for x in np.linspace(edge / 2, WIDTH - edge / 2, 9):
        for y in (edge / 2 - 2, HEIGHT - edge / 2 + 2):
            window.came(np.array([(x + 40, y - 40), (x + 40, y + 40)]), 6, "border")
            window.pane(circle((x, y), 15, 40), "jewel", 5)
    for y in np.linspace(edge / 2, HEIGHT - edge / 2, 11)[1:-1]:
        for x in (edge / 2 - 2, WIDTH - edge / 2 + 2):
            window.came(np.array([(x - 40, y + 44), (x + 40, y + 44)]), 6, "border")
            window.pane(circle((x, y), 15, 40), "jewel", 5)


def glaze(window: Window) -> None:
    """Colour every pane as its own sheet of glass, lit from behind."""
    sheet, rng = window.sheet, window.sheet.rng
    panes = label(window.lead < 0.5, connectivity=1)
    families = np.zeros(panes.max() + 1, int)
    families[panes.ravel()] = window.family.ravel()
    choices = [np.array([rgb(c) for c in FAMILIES[name]]) for name in window.families]
    tint = np.array([choices[f][rng.integers(len(choices[f]))] for f in families])
    tint += rng.normal(0, 0.03, tint.shape)
    tint = tint.mean(-1, keepdims=True) + (tint - tint.mean(-1, keepdims=True)) * 1.22
    sheet.pixels[:] = tint[panes]
    lean = rng.integers(0, 6, len(families))[panes]
    streak = np.select(
        [lean == k for k in range(6)],
        [
            sheet.noise((120, 14), 3),
            sheet.noise((14, 120), 3),
            sheet.noise((60, 26), 3),
            sheet.noise((26, 60), 3),
            sheet.noise(46, 4),
            sheet.noise((200, 20), 2),
        ],
    )
    power = rng.uniform(0.05, 0.17, len(families)).astype(np.float32)[panes]
    sheet.shade(power * streak)
    light(sheet, panes, rng.normal(0, 0.06, len(families)).astype(np.float32)[panes])


def light(sheet: Sheet, panes: np.ndarray, lift: np.ndarray) -> None:
    """The sun behind the glass: a glow round it, a vignette in every pane, seeds and reams."""
    far = np.hypot(sheet.x - SUN[0], sheet.y - SUN[1])
    sheet.shade(0.3 * np.exp(-((far / 210) ** 2)) - 0.14 * smoothstep(300, 680, far) + lift)
    depth = distance_transform_edt(panes > 0) / sheet.unit
    sheet.shade(0.12 * smoothstep(4, 22, depth) - 0.28 * np.exp(-depth / 5))
    reams = sheet.relief(4.5 * sheet.noise(17, 2) + 2 * sheet.noise((9, 40)))
    sheet.shade(0.11 * reams)
    for x, y, s in sheet.rng.uniform(0, 1, (420, 3)):
        at = np.array([x * WIDTH, y * HEIGHT])
        radius = 0.9 + 2.2 * s**3
        sheet.fill(circle(at, radius, 20), np.zeros(3), 0.22)
        sheet.fill(circle(at - radius * 0.3, radius * 0.6, 16), np.ones(3), 0.55)


def metal(window: Window) -> None:
    """Lay the lead: round in section, dull grey, solder where lines meet."""
    sheet = window.sheet
    solid = window.lead > 0.5
    depth = distance_transform_edt(solid) / sheet.unit
    round_bar = gaussian_filter(np.sqrt(np.maximum(depth, 0)) * 2.2, 0.8 * sheet.unit)
    shine = sheet.relief(round_bar)
    grey = np.clip(0.075 + 0.13 * shine + 0.012 * sheet.noise(6, 2), 0.02, 0.75)
    joint = smoothstep(4.2, 5.4, gaussian_filter(depth, 1.6 * sheet.unit) * 1.5)
    grey = grey + joint * (0.16 + 0.2 * np.clip(shine, -0.5, 1))
    lead = grey[..., None] * rgb("dfe4ee") * 1.1
    shadow = gaussian_filter(window.lead, 2.5 * sheet.unit)
    sheet.pixels *= (1 - 0.3 * np.roll(shadow, 2, (0, 1)) * (1 - window.lead))[..., None]
    bleed = gaussian_filter(sheet.pixels, (9 * sheet.unit, 9 * sheet.unit, 0))
    sheet.lay(np.clip(window.lead * 1.1, 0, 1), lead + 0.1 * bleed)


def paint(size: int = 960, seed: int = 12) -> Image.Image:
    """Paint the window; the height is `size` pixels."""
    sheet = Sheet(size, WIDTH, HEIGHT, seed)
    window = Window(sheet)
    heavens(window)
    land(window)
    tree(window)
    border(window)
    glaze(window)
    metal(window)
    return sheet.image()
