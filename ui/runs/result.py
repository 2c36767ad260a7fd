"""One visitor's latest run: what is kept of it, and what can be taken home."""

import io
import uuid
import weakref
from collections import OrderedDict
from dataclasses import dataclass, field
from threading import Lock

import numpy as np
from gradio.components import Component
from gradio.processing_utils import save_bytes_to_cache
from PIL import Image

from nst.engine.colour import blend, photo_colours
from nst.engine.losses import Losses
from nst.pictures.export import clip, save_picture, share_card
from nst.pictures.images import fit, join_alpha, split_alpha, to_image, to_tensor
from ui.runs.job import Order
from ui.runs.painting import Arrays, Progress
from ui.server.limits import RULES

__all__ = ["Frames", "Result", "Shelf", "flat", "store"]

FRAME_SIDE = 768


class Shelf:
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

    def drop(self, key: str | None) -> None:
        """Forget a canvas."""
        with self._lock:
            self._kept.pop(key or "", None)

    def _bytes(self) -> int:
        return sum(a.nbytes for canvas in self._kept.values() for a in canvas[:3])


shelf = Shelf(RULES.kept_canvases)


class Frames:
    """JPEG frames of a run, at most `most`: when full, every other one goes."""

    def __init__(self, most: int) -> None:
        self._most, self._stride, self._seen = max(2, int(most)), 1, 0
        self._kept: list[tuple[int, bytes]] = []

    def __len__(self) -> int:
        return len(self._kept)

    def add(self, step: int, picture: Image.Image, last: bool = False) -> None:
        """Keep a frame if its turn has come; the last one always."""
        if last or self._seen % self._stride == 0:
            self._kept.append((step, _jpeg(fit(picture, FRAME_SIDE, enlarge=False))))
        self._seen += 1
        if len(self._kept) > self._most:
            self._kept = [*self._kept[:-1:2], self._kept[-1]]
            self._stride *= 2

    def __getitem__(self, index: int) -> tuple[int, Image.Image]:
        step, data = self._kept[index]
        return step, Image.open(io.BytesIO(data))


@dataclass
class Result:
    """A run as it goes and when it is over.

    painted: the engine's own picture; `shown` is what fade and colours make of it. canvas: the
    shelf's key of what can be gone on from. remarks: what holds of the whole run. over: finished,
    or stopped by the visitor. previous: the run before, until this one has something to show.
    """

    order: Order
    frames: Frames = field(default_factory=lambda: Frames(RULES.frames))
    losses: list[tuple[int, Losses[float]]] = field(default_factory=list)
    painted: Image.Image | None = None
    shown: Image.Image | None = None
    canvas: str | None = None
    status: str = ""
    notes: tuple[str, ...] = ()
    step: int = 0
    remarks: tuple[str, ...] = ()
    over: bool = False
    stopped: bool = False
    previous: "Result | None" = None

    def take(self, progress: Progress) -> None:
        """Add what a run has just reported."""
        self.status, self.step = progress.status, progress.step
        self.notes = (*progress.notes, *self.remarks)
        if progress.losses is not None and np.isfinite(progress.losses).all():
            self.losses.append((progress.step, progress.losses))
        if progress.picture is not None:
            self.painted = self.shown = progress.picture
            self.previous = None
            self.frames.add(progress.step, flat(progress.picture), progress.done)
        if progress.canvas is not None:
            self.canvas = shelf.put(progress.canvas)
            weakref.finalize(self, shelf.drop, self.canvas)  # nobody else can go on from it

    @property
    def kept(self) -> "Result | None":
        """This run once it has a picture, the one before it until then."""
        return self if self.painted is not None else self.previous

    @property
    def before(self) -> Image.Image:
        """The photo at the painting's size."""
        assert self.painted is not None
        return self.order.photo.resize(
            self.painted.size, Image.Resampling.LANCZOS, reducing_gap=3.0
        )

    @property
    def start(self) -> Arrays | Image.Image | None:
        """What to go on from: the canvas with its optimiser's state, or else the picture."""
        return shelf.get(self.canvas) or self.painted

    def blended(self, amount: float, photos_colours: bool) -> Image.Image:
        """Fade between photo (0) and painting (1), in the painting's colours or the photo's."""
        assert self.painted is not None
        photo = to_tensor(split_alpha(self.before)[0])
        painted = to_tensor(split_alpha(self.painted)[0])
        if photos_colours:
            painted = photo_colours(painted, photo)
        self.shown = join_alpha(
            to_image(blend(photo, painted, amount)), split_alpha(self.painted)[1]
        )
        return self.shown

    @property
    def name(self) -> str:
        """For files: from ids of shipped pictures only, never from a visitor's file."""
        return f"{self.order.shared.photo or 'photo'}-{self.order.shared.style or 'painted'}"

    def png(self) -> bytes:
        """The picture shown, with its recipe and the ids of shipped pictures inside."""
        assert self.shown is not None
        file = io.BytesIO()
        shared = self.order.shared
        ids = {"photo": shared.photo, "style": shared.style, "second": shared.second}
        save_picture(self.shown, file, shared.recipe, {k: v for k, v in ids.items() if v})
        return file.getvalue()

    def card(self) -> bytes:
        """1200 x 630 for social networks."""
        assert self.shown is not None
        return _jpeg(
            share_card(
                self.before, self.order.styles[0], self.shown, self.order.title, self.order.credit
            ),
            92,
        )

    def clip(self) -> bytes:
        """The painting developing, as an animated WebP."""
        pictures = [self.frames[i][1].convert("RGB") for i in range(len(self.frames))]
        return clip(pictures, seconds=min(6.0, 0.15 * len(pictures)))


def flat(image: Image.Image) -> Image.Image:
    """RGB for a JPEG preview; transparent parts become the mean colour of what can be seen."""
    return split_alpha(image)[0]


def store(component: Component, data: bytes, name: str) -> str:
    """Put a file where `component` may serve it until it expires; returns its path."""
    path = save_bytes_to_cache(data, name, component.GRADIO_CACHE)
    component.temp_files.add(path)
    return path


def _jpeg(image: Image.Image, quality: int = 85) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return file.getvalue()
