"""Poured paint: blues, white and gold folded into each other by a turning flow, with cells.

The pour is a stack of colours read along one folded coordinate. The coordinate begins as bands and
rings where the cups were emptied, then is carried backwards through a divergence-free flow: a few
great vortices first, then finer and finer turbulence, so that bands stretch into long lacing folds
without ever crossing. Where silicone rose the paint opens in round cells with a dark rim and lacing
between. Gold lies in the seams between certain bands; last comes the thickness of the paint, the
wet gloss of a varnish and flakes of mica.
"""

from __future__ import annotations

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter, map_coordinates

from painting.shapes import Sheet, blend, mix, rgb, smoothstep

__all__ = ["paint"]

WIDTH, HEIGHT = 960, 768
NIGHT, COBALT, AZURE, ICE, WHITE = "071233", "123a9c", "2f86d6", "a9dcec", "f8f8f2"
GOLD_DARK, GOLD, GOLD_LIGHT = rgb("7a4f14"), rgb("d09a34"), rgb("fbe9a6")
POUR = [
    (0.0, NIGHT),
    (0.09, "0c1f5c"),
    (0.13, COBALT),
    (0.21, "1b55bd"),
    (0.235, WHITE),
    (0.275, "e4f1f4"),
    (0.3, AZURE),
    (0.38, "1a62b8"),
    (0.42, NIGHT),
    (0.49, "0b1a4a"),
    (0.52, "12848f"),
    (0.58, "49bdc0"),
    (0.61, WHITE),
    (0.7, "eef3ee"),
    (0.73, ICE),
    (0.78, AZURE),
    (0.83, COBALT),
    (0.93, "0b1d57"),
    (1.0, NIGHT),
]
SEAMS = (0.225, 0.505, 0.8)
VORTICES = (  # x, y, reach, turns at the heart
    (300, 290, 300, 1.5),
    (690, 470, 310, -1.4),
    (140, 640, 170, -0.9),
    (820, 130, 190, 0.95),
    (480, 720, 150, 0.8),
    (520, 90, 140, -0.8),
)


def swirl(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where each point lay before the great vortices turned it."""
    for cx, cy, reach, turns in VORTICES:
        dx, dy = x - cx, y - cy
        angle = -2 * np.pi * turns * np.exp(-(dx**2 + dy**2) / (reach / 1.6) ** 2)
        cos, sin = np.cos(angle), np.sin(angle)
        x, y = cx + dx * cos - dy * sin, cy + dx * sin + dy * cos
    return x, y


def carry(
    sheet: Sheet, x: np.ndarray, y: np.ndarray, period: float, far: float, steps: int
) -> tuple[np.ndarray, np.ndarray]:
    """Carry points back along the curl of a noise of one period, `far` units in all."""
    stream = gaussian_filter(sheet.noise(period, 1), 0.03 * period * sheet.unit)
    down, right = np.gradient(stream)
    scale = far / steps / np.hypot(down, right).mean()
    for _ in range(steps):
        at = [y * sheet.unit - 0.5, x * sheet.unit - 0.5]
        x = x + scale * map_coordinates(down, at, order=1, mode="reflect")
        y = y - scale * map_coordinates(right, at, order=1, mode="reflect")
    return x, y


def pour(sheet: Sheet) -> np.ndarray:
    """The folded coordinate of the pour (H, W), about 0 to 3."""
    x, y = sheet.x.copy(), sheet.y.copy()
    for period, far, steps in ((60, 6, 4), (130, 22, 6), (280, 46, 8)):
        x, y = carry(sheet, x, y, period, far, steps)
    x, y = swirl(x, y)
    x, y = carry(sheet, x, y, 420, 130, 8)
    bands = (0.55 * x + y) / 430
    ring = np.hypot(x - 520, y - 380) / 240
    return bands + 0.5 * ring + 0.06 * np.sin(x / 60) + 0.05 * np.sin(y / 41)


def droplets(sheet: Sheet, fold: np.ndarray) -> list[tuple[np.ndarray, float]]:
    """Centres and radii of cells that rise in the dark bands of some regions, none overlapping."""
    lot = sheet.rng.uniform((0, 0), (WIDTH, HEIGHT), (2400, 2))
    radii = 3.5 + 27 * sheet.rng.random(2400) ** 2.6
    pixel = np.clip((lot * sheet.unit).astype(int), 0, np.array(sheet.shape[::-1]) - 1)
    band = fold[pixel[:, 1], pixel[:, 0]] % 1
    region = sheet.noise(230, 2)[pixel[:, 1], pixel[:, 0]]
    dark = ((band > 0.36) & (band < 0.6)) | (band > 0.8) | (band < 0.22)
    chosen: list[tuple[np.ndarray, float]] = []
    order = np.argsort(-radii)
    for n in order[(dark & (region > 0.5))[order]]:
        if all(np.linalg.norm(lot[n] - at) > radii[n] + radius + 1.5 for at, radius in chosen):
            chosen.append((lot[n], radii[n]))
    return chosen


def cells(sheet: Sheet, fold: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Round openings, a little squeezed by the flow: opening, rim and which one it is (H, W)."""
    wobble = 1.5 * sheet.noise(40)
    inside = np.full(sheet.shape, -99, np.float32)
    which = np.zeros(sheet.shape, int)
    for n, (at, radius) in enumerate(droplets(sheet, fold)):
        low = np.maximum(((at - radius - 12) * sheet.unit).astype(int), 0)
        high = ((at + radius + 12) * sheet.unit).astype(int)
        window = (slice(low[1], high[1]), slice(low[0], high[0]))
        far = np.hypot(sheet.x[window] - at[0], sheet.y[window] - at[1])
        depth = radius - far + wobble[window] * radius / 40
        which[window] = np.where(depth > inside[window], n, which[window])
        inside[window] = np.maximum(inside[window], depth)
    return smoothstep(0, 1.6, inside), np.exp(-((inside / 2.0) ** 2)), which


def gild(sheet: Sheet, fold: np.ndarray) -> np.ndarray:
    """Lay gold in the seams, wider where the flow is slow; gives its thickness (H, W)."""
    slope = np.hypot(*np.gradient(fold)) * sheet.unit
    thick = np.zeros(sheet.shape, np.float32)
    open_flow = 1 - smoothstep(0.012, 0.022, slope)
    for seam in SEAMS:
        away = np.abs((fold - seam + 0.5) % 1 - 0.5) / np.maximum(slope, 4e-4)
        width = 2.6 + 3.4 * smoothstep(-0.2, 1.6, sheet.noise(120, 2))
        present = open_flow * smoothstep(-0.5, 0.35, sheet.noise(240, 2))
        bead = np.sqrt(np.clip(1 - (away / width) ** 2, 0, 1))
        thick = np.maximum(thick, present * bead)
    grain = sheet.noise(4.5, 2)
    light = 0.5 + 0.9 * sheet.relief(2.4 * gaussian_filter(thick, sheet.unit)) + 0.17 * grain
    gold = mix(
        mix(GOLD_DARK, GOLD, smoothstep(0, 0.55, light)), GOLD_LIGHT, smoothstep(0.6, 1.1, light)
    )
    sheet.lay(smoothstep(0.05, 0.35, thick), gold)
    return thick


def varnish(sheet: Sheet, fold: np.ndarray, thick: np.ndarray, rim: np.ndarray) -> None:
    """The relief of the bands, the wet gloss over all of it, and mica."""
    wave = np.cos(2 * np.pi * (fold * 3)) * 1.6 + 1.4 * thick - 1.2 * rim
    body = gaussian_filter(wave + 5 * sheet.noise(70, 3), 2.2 * sheet.unit)
    light = sheet.relief(body)
    sheet.shade(0.22 * light)
    gloss = gaussian_filter(light, 2.0 * sheet.unit)
    sheet.lay(0.5 * smoothstep(0.42, 1.0, gloss), np.ones(3, np.float32))
    mica = smoothstep(3.1, 3.9, sheet.speckle(0.55) + 0.4 * sheet.noise(60))
    sheet.lay(0.75 * mica, rgb("e8f4ff"))
    sheet.shade(0.012 * sheet.speckle(0.6))


def paint(size: int = 960, seed: int = 4) -> Image.Image:
    """Paint the pour; the width is `size` pixels."""
    sheet = Sheet(size, WIDTH, HEIGHT, seed)
    fold = pour(sheet)
    streaks = 0.012 * np.sin(2 * np.pi * fold * 11) + 0.007 * np.sin(2 * np.pi * fold * 29)
    sheet.pixels[:] = blend(POUR, (fold + streaks) % 1)
    sheet.shade(0.06 * sheet.noise(150, 3))
    opened, rim, which = cells(sheet, fold)
    beneath = blend(POUR, (fold + 0.2 + 0.55 * sheet.rng.random(which.max() + 1)[which]) % 1)
    sheet.lay(opened, beneath)
    sheet.lay(0.75 * rim, mix(rgb(ICE), rgb(WHITE), 0.4))
    thick = gild(sheet, fold)
    varnish(sheet, fold, thick, rim)
    return sheet.image()
