"""A short clip repainted frame by frame, with its own sound."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice, repeat
from pathlib import Path
from secrets import token_hex

import av
from av.container import InputContainer, OutputContainer
from PIL import Image

from nst.errors import BadInput
from nst.pictures.animation import h264_frame, h264_stream
from nst.pictures.images import Source, quoted, read_file
from nst.pictures.limits import LIMITS, Limits

MOST_SECONDS = 10
MOST_RATE = 30  # painted frames a second; those of a faster clip are thinned
MOST_PIXELS = 9_500_000  # of a frame: 4K
LONG_SIDE = 512
MOST_DECODED = 3000  # frames: ten seconds of slow motion
PQ = 16  # a transfer of HDR (ITU-T H.273); HLG is made to be shown as it is
DAMAGED = "This clip is damaged or cut short and cannot be read; save or upload it again."
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
    kind: str
    size: tuple[int, int]
    rate: Fraction
    frames: int

    @property
    def seconds(self) -> float:
        """How long it is."""
        return float(self.frames / self.rate)


def open_clip(source: Source, long_side: int = LONG_SIDE, limits: Limits = LIMITS) -> Clip:
    """Look at a clip from outside, as `open_photo` takes files: nothing but its start is decoded.

    Raises BadInput where it is no film, too long or too large.
    """
    data = read_file(source, limits)
    kinds = (k for k, mark in CONTAINERS.items() if re.match(mark, data, re.DOTALL))
    if (kind := next(kinds, None)) is None:
        raise BadInput("This is not a clip of a kind that can be read: use MP4, MOV, WebM or AVI.")
    with _opened(data, kind) as film:
        if not film.streams.video:
            raise BadInput("There is no picture in this clip.")
        stream = film.streams.video[0]
        rate = stream.average_rate or stream.guessed_rate or Fraction(0)
        length = Fraction(film.duration or 0, av.time_base)
        if stream.duration and stream.time_base:
            length = stream.duration * stream.time_base
        if stream.width * stream.height > MOST_PIXELS:
            raise BadInput(
                f"The clip is {stream.width} x {stream.height} pixels: at most 4K is allowed."
            )
        if stream.codec_context.color_trc == PQ:
            raise BadInput("This is an HDR clip: export it in standard dynamic range (SDR).")
        if not 0 < length <= MOST_SECONDS:
            raise BadInput(
                f"The clip is {float(length):.1f} seconds long: it may be up to {MOST_SECONDS}. "
                "Trim it first."
            )
        if not (first := next(_decoded(film), None)):
            raise BadInput("There is no picture in this clip.")
        rate = min(rate, Fraction(MOST_RATE)) if rate > 0 else Fraction(MOST_RATE)
        width, height = first.width, first.height
        if first.rotation % 180:
            width, height = height, width
        scale = min(1, long_side / max(width, height))
        size = tuple(max(2, round(side * scale / 2) * 2) for side in (width, height))
        return Clip(data, kind, size, rate, max(1, round(length * rate)))  # type: ignore[arg-type]


def read_frames(clip: Clip) -> Generator[Image.Image, None, None]:
    """Its frames in RGB and upright, `clip.frames` of them, one at a time.

    Whatever the clip's own rate, a frame stays until the next is due, and is the same object
    while it does. Raises BadInput where the clip is damaged.
    """
    given, start, picture = 0, None, None
    with _opened(clip.data, clip.kind) as film:
        for frame in _decoded(film):
            start = frame.time if start is None else start
            while picture and given < min(clip.frames, (frame.time - start) * clip.rate):
                yield picture
                given += 1
            picture = _upright(frame, clip.size)
    if picture is None:
        raise BadInput("There is no picture in this clip.")
    yield from repeat(picture, clip.frames - given)


def repaint(
    clip: Clip, out: str | Path, paint: Callable[[Image.Image], Image.Image]
) -> Iterator[int]:
    """Write the clip as an MP4 with every frame painted; yields how many of `clip.frames` are.

    The sound is kept. Closing the generator stops it, and nothing half-written stays behind.
    Raises BadInput where the clip is damaged or `out` cannot be written.
    """
    path = Path(out)
    part = path.with_name(f".{token_hex(8)}.part")
    try:
        with av.open(str(part), "w", "mp4", options={"movflags": "+faststart"}) as film:
            stream = h264_stream(film, clip.rate, clip.size)
            _copy_sound(clip, film)
            with closing(read_frames(clip)) as frames:
                shown = None
                for number, frame in enumerate(frames, 1):
                    if frame is not shown:
                        shown, painted = frame, paint(frame).convert("RGB").resize(clip.size)
                    film.mux(stream.encode(h264_frame(painted)))
                    yield number
            film.mux(stream.encode())
        os.replace(part, path)
    except (OSError, av.FFmpegError) as error:
        raise BadInput(f"{quoted(path)} cannot be written: {error.strerror or error}.") from None
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def _opened(data: bytes, kind: str) -> InputContainer:
    try:
        film = av.open(io.BytesIO(data), "r", kind, options={"protocol_whitelist": "none"})
    except (av.FFmpegError, ValueError):
        raise BadInput(DAMAGED) from None
    for stream in film.streams.video:  # a later frame may be larger than the header says
        stream.codec_context.options = {"max_pixels": str(MOST_PIXELS)}
    return film


def _decoded(film: InputContainer) -> Iterator[av.VideoFrame]:
    try:
        yield from islice(film.decode(video=0), MOST_DECODED)
    except av.FFmpegError:
        raise BadInput(DAMAGED) from None


def _upright(frame: av.VideoFrame, size: tuple[int, int]) -> Image.Image:
    width, height = size if frame.rotation % 180 == 0 else size[::-1]
    picture = frame.to_image(width=width, height=height, interpolation="AREA")
    return picture.rotate(frame.rotation, expand=True) if frame.rotation else picture


def _copy_sound(clip: Clip, film: OutputContainer) -> None:
    """The first sound as AAC, which phones play, no longer than the pictures."""
    with _opened(clip.data, clip.kind) as source:
        if not source.streams.audio:
            return
        sound = film.add_stream("aac", rate=source.streams.audio[0].rate)
        try:
            for frame in source.decode(audio=0):
                if frame.time is not None and frame.time > clip.seconds:
                    break
                film.mux(sound.encode(frame))
            film.mux(sound.encode())
        except av.InvalidDataError:
            raise BadInput(DAMAGED) from None
