"""Pictures too large for one pass, in tiles: where each lies, and what of it counts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from torch import Tensor

__all__ = ["STRIDE", "Tile", "tiles"]

STRIDE = 16  # of the deepest block: tiles start where all layers have a position


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

    def core(self, stride: int) -> tuple[slice, slice]:
        """Where the core lies among the features of the tile with its halo."""
        top = (self.rows.start - self.halo_rows.start) // stride
        left = (self.columns.start - self.halo_columns.start) // stride
        rows, columns = self.place(stride)
        height, width = rows.stop - rows.start, columns.stop - columns.start
        return slice(top, top + height), slice(left, left + width)

    def place(self, stride: int) -> tuple[slice, slice]:
        """Where the core lies among the features of the whole picture."""
        return tuple(
            slice(side.start // stride, side.stop // stride) for side in (self.rows, self.columns)
        )  # type: ignore[return-value]


def _spans(length: int, tile: int, halo: int) -> Iterator[tuple[slice, slice]]:
    for start in range(0, length, tile):
        stop = min(start + tile, length)
        yield slice(start, stop), slice(max(0, start - halo), min(length, stop + halo))


def tiles(size: Sequence[int], longest: int | None, halo: int) -> list[Tile]:
    """Tiles that cover (height, width), from the top left; one where that is short enough.

    longest: their longest side in pixels, brought to a multiple of the stride; None: any. halo:
    pixels around a core that its features depend on, a multiple of the stride.
    """
    height, width = size
    side = max(size) if longest is None else max(longest // STRIDE * STRIDE, STRIDE)
    if max(size) <= side:
        whole = slice(0, height), slice(0, width)
        return [Tile(*whole, *whole)]
    return [
        Tile(rows, columns, halo_rows, halo_columns)
        for rows, halo_rows in _spans(height, side, halo)
        for columns, halo_columns in _spans(width, side, halo)
    ]
