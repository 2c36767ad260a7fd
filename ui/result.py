"""A painting of a visitor's: what is kept of its run, and what can be taken home."""

import io
import uuid
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from PIL import Image

from nst.engine.colour import blend, photo_colours
from nst.engine.losses import Losses
from nst.pictures.animation import animation, gif
from nst.pictures.export import save_picture, share_card
from nst.pictures.images import fit, join_alpha, split_alpha, to_image, to_tensor
from nst.provenance import NOTE
from ui.job import Job
from ui.links import Shared
from ui.pace import about, pace
from ui.run import Arrays, Progress, Start
from ui.server.limits import RUN_LIMITS

FRAME_SIDE = 768  # pixels
PRINTS = (1024, 2048, 3072, 4096)


class CanvasCache:
    """Canvases to go on from, of all visitors; the oldest go when they take too much memory."""

    def __init__(self, megabytes: float) -> None:
        self._limit = megabytes * 1e6
        self._kept: OrderedDict[str, Arrays] = OrderedDict()
        self._lock = Lock()

    def put(self, canvas: Arrays) -> str:
        """Keep a canvas; the key is all a visitor's session has to hold."""
        key = uuid.uuid4().hex
        with self._lock:
            self._kept[key] = canvas
            while len(self._kept) > 1 and self._bytes() > self._limit:
                self._kept.popitem(last=False)
        return key

    def get(self, key: str | None) -> Arrays | None:
        """The canvas, if it is still there."""
        with self._lock:
            return self._kept.get(key or "")

    def _bytes(self) -> int:
        return sum(a.nbytes for canvas in self._kept.values() for a in canvas[:3])


canvases = CanvasCache(RUN_LIMITS.kept_canvases)


class Frames:
    """JPEG frames of a run, at most `most`: when full, every other one goes.

    before: those of the run that this one goes on from.
    """

    def __init__(self, most: int, before: "Frames | None" = None) -> None:
        self._most, self._seen = max(2, int(most)), 0
        self._kept: list[bytes] = list(before._kept) if before else []
        self._stride: int = before._stride if before else 1

    def __len__(self) -> int:
        return len(self._kept)

    def add(self, picture: Image.Image, last: bool = False) -> None:
        """Keep a frame if its turn has come; the last one always."""
        if last or self._seen % self._stride == 0:
            self._kept.append(jpeg(fit(picture, FRAME_SIDE, enlarge=False)))
        self._seen += 1
        if len(self._kept) > self._most:
            self._kept = [*self._kept[:-1:2], self._kept[-1]]
            self._stride *= 2

    def __getitem__(self, index: int) -> Image.Image:
        return Image.open(io.BytesIO(self._kept[index]))


@dataclass(eq=False)
class Result:
    """A run as it goes and when it is over, and how it is looked at.

    chosen: the values of the page's inputs when it began. painted: the engine's own picture;
    `shown` is what blend, colours and the frame that is looked at make of it, and what is saved.
    canvas: the key in `canvases` of what can be gone on from. remarks: sentences on the whole run.
    frame: the number of the one looked at, 0 for the picture. link: the id of it as it is shared.
    """

    job: Job
    chosen: tuple[Any, ...] = ()
    start: Start = None
    remarks: tuple[str, ...] = ()
    frames: Frames = field(default_factory=lambda: Frames(RUN_LIMITS.frames))
    losses: list[tuple[int, Losses[float]]] = field(default_factory=list)
    painted: Image.Image | None = None
    canvas: str | None = None
    status: str = ""
    details: str = ""
    painted_by: str = ""
    notes: tuple[str, ...] = ()
    step: int = 0
    frame: int = 0
    blend: float = 1.0
    photos_colours: bool = False
    link: str = ""
    _made: dict[str, Any] = field(default_factory=dict)

    def further(self, job: Job, chosen: tuple[Any, ...], remarks: tuple[str, ...]) -> "Result":
        """A run that goes on from this one: from its canvas if it is still there."""
        start = canvases.get(self.canvas) or self.painted
        return Result(job, chosen, start, remarks, Frames(RUN_LIMITS.frames, self.frames))

    def take(self, progress: Progress) -> None:
        """Add what a run has just reported."""
        self.status, self.details, self.step = progress.status, progress.details, progress.step
        self.notes = (*progress.notes, *self.remarks)
        self.painted_by = progress.painted_by
        if progress.losses is not None and np.isfinite(progress.losses).all():
            self.losses.append((progress.step, progress.losses))
        if progress.picture is not None:
            self.painted, self.start = progress.picture, None
            self.frames.add(flat(progress.picture), progress.done)
        if progress.canvas is not None:
            self.canvas = canvases.put(progress.canvas)

    def adjust(self, frame: float, share: float, photos_colours: bool) -> None:
        """Look at a frame (the last one is the picture itself), blended and coloured so."""
        was = (self.frame, self.photos_colours)
        last = not np.isfinite(frame) or frame >= len(self.frames)
        self.frame = 0 if last else max(1, int(frame))
        self.blend = float(np.clip(share, 0, 1)) if np.isfinite(share) else 1.0
        self.photos_colours = bool(photos_colours)
        self._made.pop("png", None)
        if was != (self.frame, self.photos_colours):
            self._made.clear()

    def once(self, what: str, make: Callable[[], Any]) -> Any:
        """What was made of the picture as it is looked at, while its files are there."""
        made = self._made.get(what)
        if made is None or not all(Path(file).exists() for file in _files(made)):
            self._made[what] = make()
        return self._made[what]

    @property
    def next_print(self) -> tuple[str, int] | None:
        """The next larger size: how long it should take, and pixels of the long side; None where
        the operator allows none.
        """
        assert self.painted is not None
        now, recipe = max(self.painted.size), self.job.shared.recipe
        side = next((side for side in PRINTS if side > now), None)
        if side is None or side > RUN_LIMITS.max_size:
            return None
        aspect = min(self.painted.size) / now
        seconds = pace.expect(recipe.replace(size=side), aspect, now)
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
    def before(self) -> Image.Image:
        """The photo at the size of the picture that is looked at."""
        size = self._looked().size
        return self.job.photo.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)

    @property
    def coloured(self) -> Image.Image:
        """The picture or frame that is looked at, in the colours chosen, not blended."""
        looked = self._looked()
        if not self.photos_colours:
            return looked
        painted, alpha = split_alpha(looked)
        recoloured = photo_colours(to_tensor(painted), to_tensor(split_alpha(self.before)[0]))
        return join_alpha(to_image(recoloured), alpha)

    @property
    def shown(self) -> Image.Image:
        """What is seen, and saved."""
        coloured = self.coloured
        if self.blend == 1:
            return coloured
        painted, alpha = split_alpha(coloured)
        photo = to_tensor(split_alpha(self.before)[0])
        return join_alpha(to_image(blend(photo, to_tensor(painted), self.blend)), alpha)

    def _looked(self) -> Image.Image:
        assert self.painted is not None
        return self.frames[self.frame - 1] if self.frame else self.painted

    @property
    def name(self) -> str:
        """For files: from ids of shipped pictures only, never from a visitor's file."""
        return f"{self.job.shared.photo or 'photo'}-{self.job.shared.style or 'painted'}"

    def png(self) -> bytes:
        """The picture shown; its recipe, what painted it and ids of shipped pictures inside."""
        file = io.BytesIO()
        shared = self.shared
        notes = {"photo": shared.photo, "style": shared.style, "second": shared.second}
        notes[NOTE] = self.painted_by
        save_picture(self.shown, file, shared.recipe, {k: v for k, v in notes.items() if v})
        return file.getvalue()

    def card(self) -> bytes:
        """1200 x 630 for social networks."""
        job = self.job
        return jpeg(share_card(self.before, job.styles[0], self.shown, job.title, job.credit), 92)

    def film(self) -> bytes:
        """From the photo to the painting, as an MP4."""
        return animation(self.stages(), flat(self.before))

    def gif(self) -> bytes:
        """The same as a GIF, for where a film cannot be shown."""
        stages = self.stages()
        return gif(stages, seconds=min(6.0, 0.15 * len(stages)))

    def stages(self) -> list[Image.Image]:
        """Its frames and the picture, in RGB."""
        kept = [self.frames[index].convert("RGB") for index in range(len(self.frames))]
        return [*kept, flat(self.shown)]


def _files(made: str | Mapping[str, Any]) -> list[str]:
    """The files of what was made: one, or those that Gradio describes in a view."""
    if isinstance(made, str):
        return [made]
    return [value["path"] for value in made.values() if isinstance(value, dict)]


def flat(image: Image.Image) -> Image.Image:
    """RGB for a JPEG preview; transparent parts become the mean colour of what can be seen."""
    return split_alpha(image)[0]


def jpeg(image: Image.Image, quality: int = 85) -> bytes:
    """The bytes of a JPEG file."""
    file = io.BytesIO()
    image.convert("RGB").save(file, "JPEG", quality=quality)
    return file.getvalue()
