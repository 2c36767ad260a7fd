"""A painting of a visitor's: what is kept of its run, and how it is looked at."""

import io
import time
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from PIL import Image

from nst.engine.colour import blend, photo_colours
from nst.engine.losses import Losses
from nst.pictures.export import save_picture
from nst.pictures.images import fit, join_alpha, split_alpha, to_image, to_tensor
from nst.provenance import NOTE
from ui.job import Job
from ui.links import Shared
from ui.pace import about, pace
from ui.run import Progress
from ui.server.limits import RUN_LIMITS

FRAME_SIDE = 768  # pixels
PRINTS = (1024, 2048, 3072, 4096)


@dataclass(eq=False)
class Result:
    """A run as it goes and when it is over, and how it is looked at.

    chosen: the values of the page's inputs when it began. start: the painting that it goes on
    from. painted: the engine's own picture; `shown` is what blend, colours and the frame that is
    looked at make of it, and what is saved. frames: (seconds, JPEG). remarks: sentences on the
    whole run. frame: the number of the one looked at, 0 for the picture. link: the id of it as it
    is shared.
    """

    job: Job
    chosen: tuple[Any, ...] = ()
    start: Image.Image | None = None
    remarks: tuple[str, ...] = ()
    frames: list[tuple[float, bytes]] = field(default_factory=list)
    losses: list[tuple[int, Losses[float]]] = field(default_factory=list)
    painted: Image.Image | None = None
    status: str = ""
    details: str = ""
    painted_by: str = ""
    notes: tuple[str, ...] = ()
    step: int = 0
    frame: int = 0
    blend: float = 1.0
    photos_colours: bool = False
    link: str = ""

    def further(self, job: Job, chosen: tuple[Any, ...], remarks: tuple[str, ...]) -> "Result":
        """A run that goes on from this one."""
        return Result(job, chosen, self.painted, remarks, [*self.frames])

    def take(self, progress: Progress) -> None:
        """Add what a run has just reported."""
        self.status, self.details, self.step = progress.status, progress.details, progress.step
        self.notes = (*progress.notes, *self.remarks)
        self.painted_by = progress.painted_by
        if progress.losses is not None and np.isfinite(progress.losses).all():
            self.losses.append((progress.step, progress.losses))
        if progress.picture is not None:
            self.painted, self.start = progress.picture, None
            small = fit(flat(progress.picture), FRAME_SIDE, enlarge=False)
            self.frames.append((time.monotonic(), jpeg(small)))
        if len(self.frames) > RUN_LIMITS.frames:  # the one goes that is missed least
            gaps = [b[0] - a[0] for a, b in zip(self.frames, self.frames[2:], strict=False)]
            del self.frames[1 + gaps.index(min(gaps))]

    def adjust(self, frame: float, share: float, photos_colours: bool) -> None:
        """Look at a frame (the last one is the picture itself), blended and coloured so."""
        last = not np.isfinite(frame) or frame >= len(self.frames)
        self.frame = 0 if last else max(1, int(frame))
        self.blend = float(np.clip(share, 0, 1)) if np.isfinite(share) else 1.0
        self.photos_colours = bool(photos_colours)

    @property
    def next_print(self) -> tuple[str, int] | None:
        """The next larger size: how long it should take, and pixels of the long side; None where
        the operator allows none.
        """
        assert self.painted is not None
        now = max(self.painted.size)
        side = next((side for side in PRINTS if side > now), None)
        if side is None or side > RUN_LIMITS.max_size:
            return None
        aspect = min(self.painted.size) / now
        seconds = pace.expect(self.job.shared.recipe.replace(size=side), aspect, now)
        if seconds is not None and seconds > RUN_LIMITS.deadline:
            return None
        return (about(seconds) if seconds else f"{side} px"), side

    @property
    def shared(self) -> Shared:
        """The settings that paint it in the colours it is looked at."""
        shared = self.job.shared
        if not self.photos_colours:
            return shared
        return replace(shared, recipe=shared.recipe.replace(colours="photo"))

    @property
    def looked_at(self) -> Image.Image:
        """The picture, or the frame that is looked at, as it was painted."""
        assert self.painted is not None
        return still(self.frames[self.frame - 1][1]) if self.frame else self.painted

    def before(self, size: tuple[int, int]) -> Image.Image:
        """The photo at the size of a picture."""
        return self.job.photo.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)

    @property
    def coloured(self) -> Image.Image:
        """What is looked at, in the colours chosen, not blended."""
        looked = self.looked_at
        if not self.photos_colours:
            return looked
        painted, alpha = split_alpha(looked)
        photo = to_tensor(split_alpha(self.before(looked.size))[0])
        return join_alpha(to_image(photo_colours(to_tensor(painted), photo)), alpha)

    @property
    def shown(self) -> Image.Image:
        """What is seen, and saved."""
        coloured = self.coloured
        if self.blend == 1:
            return coloured
        painted, alpha = split_alpha(coloured)
        photo = to_tensor(split_alpha(self.before(coloured.size))[0])
        return join_alpha(to_image(blend(photo, to_tensor(painted), self.blend)), alpha)

    @property
    def name(self) -> str:
        """For files: from ids of shipped pictures only, never from a visitor's file."""
        return f"{self.job.shared.photo or 'photo'}-{self.job.shared.style or 'painted'}"

    def png(self) -> bytes:
        """The picture shown; its recipe, what painted it and ids of shipped pictures inside."""
        file, shared = io.BytesIO(), self.shared
        notes = shared.ids | {NOTE: self.painted_by}
        save_picture(self.shown, file, shared.recipe, {k: v for k, v in notes.items() if v})
        return file.getvalue()


def still(frame: bytes) -> Image.Image:
    """The picture of a JPEG file."""
    return Image.open(io.BytesIO(frame)).convert("RGB")


def flat(image: Image.Image) -> Image.Image:
    """RGB for a JPEG preview; transparent parts become the mean colour of what can be seen."""
    return split_alpha(image)[0]


def jpeg(image: Image.Image, quality: int = 85) -> bytes:
    """The bytes of a JPEG file."""
    file = io.BytesIO()
    image.convert("RGB").save(file, "JPEG", quality=quality)
    return file.getvalue()
