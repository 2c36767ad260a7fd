"""A short clip repainted frame by frame, with its own sound."""

import io
import re
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice, repeat
from pathlib import Path

import av
from av.container import InputContainer, OutputContainer
from PIL import Image

from nst.errors import BadInput
from nst.pictures.animation import mp4
from nst.pictures.files import Source, read_file, replacing
from nst.pictures.limits import LIMITS, Limits

MOST_SECONDS, LONG_SIDE = 10, 512
MOST_RATE = Fraction(30)  # painted frames a second; those of a faster clip are thinned
MOST_PIXELS = 9_500_000  # of a frame: 4K
MOST_DECODED = 3000  # frames: ten seconds of slow motion
PQ = 16  # a transfer of HDR (ITU-T H.273); HLG is made to be shown as it is
# Named outright: FFmpeg has formats that open other files.
CONTAINERS = {
    "mov": rb"....(?:ftyp|moov|mdat|wide|free|skip)",
    "matroska": rb"\x1aE\xdf\xa3",
    "avi": rb"RIFF....AVI ",
}


@dataclass(frozen=True)
class Clip:
    """A clip as it will be painted: even sides, a steady rate, a number of frames."""

    data: bytes
    size: tuple[int, int]
    rate: Fraction
    frames: int


def open_clip(source: Source, long_side: int = LONG_SIDE, limits: Limits = LIMITS) -> Clip:
    """A clip from outside, of which only the start is decoded; source as for `open_photo`.

    long_side: pixels to paint it at, never more than its own or LONG_SIDE. Raises BadInput.
    """
    data = read_file(source, limits)
    with _opened(data) as film:
        stream, seconds = film.streams.video[0], (film.duration or 0) / av.time_base
        width, height = stream.width, stream.height
        wrong = ""
        if width * height > MOST_PIXELS:
            wrong = f"{width} x {height} pixels: at most 4K is allowed"
        elif stream.codec_context.color_trc == PQ:
            wrong = "HDR: export it in standard dynamic range"
        elif not 0 < seconds <= MOST_SECONDS:
            wrong = f"{seconds:.1f} seconds long: it may be up to {MOST_SECONDS}"
        if wrong:
            raise BadInput(f"The clip is {wrong}.")
        rate = min(stream.average_rate or MOST_RATE, MOST_RATE)
        if next(film.decode(video=0)).rotation % 180:
            width, height = height, width
        half = min(1, min(long_side, LONG_SIDE) / max(width, height)) / 2
        size = max(1, round(width * half)) * 2, max(1, round(height * half)) * 2
        return Clip(data, size, rate, max(1, round(seconds * rate)))


def read_frames(clip: Clip) -> Generator[Image.Image, None, None]:
    """Its frames in RGB and upright; one stays, the same object, until the next is due."""
    given, start, picture = 0, None, None
    with _opened(clip.data) as film:
        for frame in islice(film.decode(video=0), MOST_DECODED):
            start = frame.time if start is None else start
            while picture and given < min(clip.frames, (frame.time - start) * clip.rate):
                yield picture
                given += 1
            width, height = clip.size[::-1] if frame.rotation % 180 else clip.size
            picture = frame.to_image(width=width, height=height, interpolation="AREA")
            picture = picture.rotate(frame.rotation, expand=True)
    yield from repeat(picture, clip.frames - given)


def repaint(
    clip: Clip, out: str | Path, paint: Callable[[Image.Image], Image.Image]
) -> Generator[int, None, None]:
    """Write the clip as an MP4 with every frame painted; yields how many of `clip.frames` are.

    Closing the generator leaves nothing. BadInput for damage, or where `out` cannot be written.
    """
    shown = None
    with (
        replacing(Path(out)) as part,
        mp4(part, clip.rate, clip.size) as (film, add),
        closing(read_frames(clip)) as frames,
    ):
        _copy_sound(clip, film)
        for number, frame in enumerate(frames, 1):
            if frame is not shown:
                shown, painted = frame, paint(frame).convert("RGB").resize(clip.size)
            add(painted)
            yield number


@contextmanager
def _opened(data: bytes) -> Iterator[InputContainer]:
    """Raises BadInput where it is no clip, or turns out damaged while it is read."""
    kinds = [kind for kind, mark in CONTAINERS.items() if re.match(mark, data, re.DOTALL)]
    if not kinds:
        raise BadInput("This is not a clip of a kind that can be read: use MP4, MOV, WebM or AVI.")
    try:
        whitelist = {"protocol_whitelist": "none"}
        with av.open(io.BytesIO(data), "r", kinds[0], options=whitelist) as film:
            # A later frame may be larger than the header says.
            film.streams.video[0].codec_context.options = {"max_pixels": str(MOST_PIXELS)}
            yield film
    except (ValueError, EOFError, IndexError, StopIteration, av.PatchWelcomeError):
        raise BadInput(
            "This clip has no picture, or is damaged or cut short; save or upload it again."
        ) from None


def _copy_sound(clip: Clip, film: OutputContainer) -> None:
    """The first sound as AAC, which phones play, no longer than the pictures."""
    with _opened(clip.data) as source:
        if source.streams.audio:
            sound = film.add_stream("aac", rate=source.streams.audio[0].rate)
            for frame in source.decode(audio=0):
                if frame.time is not None and frame.time > clip.frames / clip.rate:
                    break
                film.mux(sound.encode(frame))
            film.mux(sound.encode())
