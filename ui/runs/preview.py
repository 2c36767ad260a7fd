"""Pictures of coarse scales at full size, with what the photo has of detail beyond them.

It is what the engine does between scales, and shows what is coming instead of a blur.
"""

import numpy as np
from PIL import Image

from nst.pictures.images import fit, join_alpha, split_alpha

__all__ = ["Preview"]

LARGEST = 1024  # pixels of a preview's long side


class Preview:
    """Coarse pictures brought to the size they will have. side: that size, in pixels."""

    def __init__(self, photo: Image.Image, side: int) -> None:
        self._fine = split_alpha(fit(photo, min(side, LARGEST)))[0]
        self._detail: dict[tuple[int, int], np.ndarray] = {}

    def of(self, coarse: Image.Image) -> Image.Image:
        """The picture, enlarged when it is smaller than it will be."""
        if max(coarse.size) >= max(self._fine.size):
            return coarse
        painted, alpha = split_alpha(coarse)
        if coarse.size not in self._detail:
            small = self._fine.resize(coarse.size, Image.Resampling.LANCZOS)
            self._detail = {coarse.size: _numbers(self._fine) - _numbers(self._enlarged(small))}
        detailed = _numbers(self._enlarged(painted)) + self._detail[coarse.size]
        return join_alpha(Image.fromarray(detailed.clip(0, 255).astype(np.uint8)), alpha)

    def _enlarged(self, picture: Image.Image) -> Image.Image:
        return picture.resize(self._fine.size, Image.Resampling.BICUBIC)


def _numbers(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture, np.int16)
