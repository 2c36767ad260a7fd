"""What a painting does when its numbers leave their range, and when memory is full."""

import copy
from dataclasses import dataclass, field

import torch
from torch import Tensor

from nst.engine.canvas import Canvas, resize
from nst.engine.encoders import Encoder
from nst.engine.losses import Losses
from nst.errors import NstError

SMALLEST = 32  # pixels of a short side: below it the deepest block has no two positions to compare
SMALLEST_TILE = 384  # pixels: smaller ones are mostly halo
# In the words of Linux' allocator, of Windows', and of every GPU.
OUT_OF_MEMORY = ("can't allocate memory", "not enough memory", "out of memory")
DOWN = 0.75  # of the size, when memory runs out in spite of tiles


@dataclass
class Job:
    """What a painting is made from and by. Recovery changes it, so that painting can go on.

    rate: the share of the recipe's learning rate to go on with. notes: what the visitor is told.
    """

    content: Tensor
    styles: list[Tensor]
    mask: Tensor | None
    encoder: Encoder
    finish: Encoder | None
    tile: int | None
    rate: float = 1.0
    notes: list[str] = field(default_factory=list)

    def network(self, finishing: bool) -> Encoder:
        """What judges a step."""
        return self.finish if finishing and self.finish is not None else self.encoder

    def note(self, note: str) -> None:
        """Tell the visitor, once."""
        if note not in self.notes:
            self.notes.append(note)


def is_finite(losses: Losses[Tensor], canvas: Canvas) -> bool:
    """Whether a step's numbers are within their range."""
    return bool(torch.isfinite(losses.total) & torch.isfinite(canvas.picture).all())


def calm_down(job: Job, canvas: Canvas, good: Canvas) -> None:
    """Go back to the last good picture and on from it once, in fp32 at half the rate."""
    if job.rate < 1:
        raise NstError(
            "Optimisation diverged twice; a lower strength or learning rate will help. "
            "The last good picture is kept."
        )
    job.rate = 0.5
    job.note("Optimisation diverged once; it resumed in fp32 at half the learning rate.")
    canvas.picture.copy_(good.picture)
    canvas.forget()
    # The encoders are shared with other runs, so this one takes copies.
    job.encoder = copy.deepcopy(job.encoder).float()
    job.finish = None if job.finish is None else copy.deepcopy(job.finish).float()


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a device or the CPU's allocator has no more. All but CUDA's only say so in words."""
    return any(words in str(error) for words in OUT_OF_MEMORY)


def save_memory(job: Job, finishing: bool) -> None:
    """Judge in smaller tiles; then go on without a finish, paint smaller at last."""
    height, width = job.content.shape[2:]
    tile = min(job.tile or max(height, width), max(height, width)) // 2
    if tile >= SMALLEST_TILE:
        job.tile = tile
        job.note(f"Memory was short, so the painting was judged in tiles of {tile} pixels.")
        return
    if finishing:
        job.finish = None
        job.note("Memory was short, so the painting went on without the finishing network.")
        return
    height, width = size = round(height * DOWN), round(width * DOWN)
    if min(size) < SMALLEST:
        raise NstError("There is not enough memory for even the smallest painting.")
    job.content = resize(job.content, size).clamp(0, 1)
    job.mask = None if job.mask is None else resize(job.mask, size).clamp(0, 1)
    job.note(f"Memory ran out, so the painting went down to {width} x {height} pixels.")
