"""Where pooling windows lie on a picture, and pictures too large for one pass, in tiles.

Pooling drops what is left over of odd sides, and deep layers would see nothing of up to 15 rows at
the edge, where colour fringes grow. So the picture is continued there by its reflection.

Features depend a little on where a thing falls among the pooling windows, and on the zeros that
convolutions see beyond the edge; painting makes the most of both. When several offsets take turns,
what pleases only one of them does not last. The zeros reach deep: where the network's edge lies
every time, or every third, a flat band some 30 px wide shows on plain grounds; every sixth, none.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

STRIDE = 16  # of the deepest block: tiles start where all layers have a position

# Rows and columns that go to the other end at each turn, modulo the stride, besides a share of the
# sides: odd, so that all poolings differ.
OFFSET = (5, 11)


def offsets(size: Sequence[int], count: int) -> int:
    """How many of `count` offsets take turns on a picture of (height, width): 1 on a small one."""
    return count if count and min(size) >= 4 * STRIDE else 1


def align(picture: Tensor, offset: int, count: int) -> Tensor:
    """A picture (N, C, H, W), its sides brought to multiples of the stride, at one of the offsets.

    At the first it lies as it is, continued by its reflection; at the others its edges, joined to
    the opposite ones, lie inside, and what is left over of a side is not seen in this turn.
    """
    if not offset:
        bottom, right = (-side % STRIDE for side in picture.shape[2:])
        return F.pad(picture, (0, right, 0, bottom), mode="reflect") if bottom or right else picture
    height, width = (side // STRIDE for side in picture.shape[2:])
    moves = [
        -(side * offset // count * STRIDE + own * offset % STRIDE)
        for side, own in zip((height, width), OFFSET, strict=True)
    ]
    return torch.roll(picture, moves, (2, 3))[..., : height * STRIDE, : width * STRIDE]


@dataclass(frozen=True)
class Tile:
    """A tile's core and, around it, the halo that the core's features depend on; in pixels."""

    rows: slice
    columns: slice
    halo_rows: slice
    halo_columns: slice

    def cut(self, picture: Tensor) -> Tensor:
        """The core with its halo, of a picture (..., H, W)."""
        return picture[..., self.halo_rows, self.halo_columns]

    def place(self, stride: int) -> tuple[slice, slice]:
        """Where the core lies among the features of the whole picture."""
        return _over(self.rows, stride), _over(self.columns, stride)

    def core(self, stride: int) -> tuple[slice, slice]:
        """Where the core lies among the features of the tile with its halo."""
        return (
            _over(self.rows, stride, self.halo_rows.start),
            _over(self.columns, stride, self.halo_columns.start),
        )


def _over(span: slice, stride: int, origin: int = 0) -> slice:
    start = (span.start - origin) // stride
    return slice(start, start + span.stop // stride - span.start // stride)


def tiles(size: Sequence[int], longest: int | None, halo: int) -> list[Tile]:
    """Tiles that cover (height, width), from the top left; one where that is short enough.

    longest: their longest side in pixels, brought to a multiple of the stride; None: any. halo:
    pixels around a core that its features depend on, a multiple of the stride.
    """
    side = max(size) if longest is None else max(longest // STRIDE * STRIDE, STRIDE)
    if max(size) <= side:
        side = max(size)
    rows, columns = (
        [
            (slice(start, stop := min(start + side, length)), _around(start, stop, length, halo))
            for start in range(0, length, side)
        ]
        for length in size
    )
    return [
        Tile(row, column, halo_row, halo_column)
        for row, halo_row in rows
        for column, halo_column in columns
    ]


def _around(start: int, stop: int, length: int, halo: int) -> slice:
    return slice(max(0, start - halo), min(length, stop + halo))
