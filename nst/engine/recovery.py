"""What a painting does when its numbers leave their range, and when memory is full."""

import copy

import torch
from torch import Tensor

from nst.engine.canvas import Canvas, resize
from nst.engine.losses import Losses
from nst.engine.scales import SMALLEST, Leg, Scale, Scales
from nst.errors import NstError

__all__ = ["Recovery", "is_finite", "is_out_of_memory"]

SMALLEST_TILE = 384  # pixels: smaller ones are mostly halo
# In the words of Linux' allocator, of Windows', and of every GPU.
OUT_OF_MEMORY = ("can't allocate memory", "not enough memory", "out of memory")
DOWN = 0.75  # of the size, when memory runs out in spite of tiles


def is_finite(losses: Losses[Tensor], canvas: Canvas) -> bool:
    """Whether a step's numbers are within their range."""
    return bool(torch.isfinite(losses.total) & torch.isfinite(canvas.picture).all())


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a device or the CPU's allocator has no more. All but CUDA's only say so in words."""
    return any(words in str(error) for words in OUT_OF_MEMORY)


class Recovery:
    """Changes what a painting is made from so that it can go on, and notes it for the visitor.

    rate: the share of the recipe's learning rate to go on with.
    """

    def __init__(self, scales: Scales) -> None:
        self.scales, self.rate = scales, 1.0

    def restore(self, canvas: Canvas, scale: Scale, leg: Leg, good: Canvas) -> None:
        """Go back to the last good picture and on from it once, in fp32 at half the rate."""
        scales = self.scales
        if self.rate < 1:
            raise NstError(
                "The numbers of this painting left their range twice; "
                "a lower strength or learning rate will help. The last good picture is kept."
            )
        self.rate = 0.5
        scales.note("The numbers left their range once; painting went on in fp32 at half the rate.")
        canvas.picture.copy_(good.picture)
        canvas.forget()
        # The encoders are shared with other runs, so this one takes copies.
        scales.encoder = copy.deepcopy(scales.encoder).float()
        scales.finish = copy.deepcopy(scales.finish).float() if scales.finish is not None else None
        scale.objective.encoder = scales.network(leg)

    def save_memory(self, leg: Leg) -> None:
        """Judge in smaller tiles; then go on without a finish, paint smaller at last."""
        scales = self.scales
        height, width = scales.content.shape[2:]
        tile = min(scales.tile or max(height, width), max(height, width)) // 2
        if tile >= SMALLEST_TILE:
            scales.tile = tile
            scales.note(f"Memory was short, so the painting was judged in tiles of {tile} pixels.")
            return
        if leg.finishing and scales.finish is not None:
            scales.finish = None
            scales.note("Memory was short, so the painting went on without the finishing network.")
            return
        height, width = size = round(height * DOWN), round(width * DOWN)
        if min(size) < SMALLEST:
            raise NstError("There is not enough memory for even the smallest painting.")
        scales.content = resize(scales.content, size).clamp(0, 1)
        scales.mask = None if scales.mask is None else resize(scales.mask, size).clamp(0, 1)
        scales.note(f"Memory ran out, so the painting went down to {width} x {height} pixels.")
