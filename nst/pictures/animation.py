"""A painting that develops, as a film for a phone's gallery."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import numpy as np
from av.video.reformatter import Colorspace
from PIL import Image

from nst.errors import BadInput
from nst.pictures.images import fit, split_alpha

FRAMES_A_SECOND = 25
PHOTO_SECONDS, FADING_SECONDS, REST_SECONDS = 0.8, 5.0, 2.0
MOST_STAGES, FILM_SIDE = 60, 1080  # pixels
BT709 = 1  # its number among matrices, primaries and transfers alike (ITU-T H.273)


def animation(frames: Sequence[Image.Image], photo: Image.Image) -> bytes:
    """An MP4 from the photo through `frames`, each fading into the next, and a rest on the last.

    Raises BadInput where there are no frames.
    """
    stages = _brought_together([photo, *_thinned(frames)])
    held = [round(FRAMES_A_SECOND * part) for part in (PHOTO_SECONDS, FADING_SECONDS, REST_SECONDS)]
    places = np.pad(np.linspace(0, len(stages) - 1, held[1]), held[::2], "edge")
    with TemporaryDirectory() as folder:
        path = Path(folder, "animation.mp4")
        with mp4(path, FRAMES_A_SECOND, stages[0].size) as (_, add):
            for place in places:
                stage = min(int(place), len(stages) - 2)
                add(Image.blend(stages[stage], stages[stage + 1], place - stage))
        return path.read_bytes()


@contextmanager
def mp4(
    path: Path, rate: Fraction | int, size: tuple[int, int]
) -> Iterator[tuple[av.container.OutputContainer, Callable[[Image.Image], None]]]:
    """A film, and a function that adds an RGB picture of that size to it; both sides are even.

    H.264 in its baseline profile, yuv420p, the index in front: phones' galleries and messengers
    take that. A path, for the index is moved to the front in a second pass over the file.
    """
    with av.open(str(path), "w", "mp4", options={"movflags": "+faststart"}) as film:
        stream = film.add_stream("libx264", rate=rate)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.options = {"profile": "baseline", "preset": "veryfast", "crf": "21"}
        codec = stream.codec_context
        codec.colorspace = codec.color_primaries = codec.color_trc = BT709

        def add(picture: Image.Image) -> None:
            frame = av.VideoFrame.from_image(picture)
            frame = frame.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709)
            film.mux(stream.encode(frame))

        yield film, add
        film.mux(stream.encode())


def _thinned(frames: Sequence[Image.Image]) -> list[Image.Image]:
    """At most `MOST_STAGES` of the frames, evenly, the first and the last among them."""
    if not frames:
        raise BadInput("There are no frames to animate: at least one is needed.")
    places = np.linspace(0, len(frames) - 1, min(len(frames), MOST_STAGES))
    return [frames[round(place)] for place in places]


def _brought_together(stages: Sequence[Image.Image]) -> list[Image.Image]:
    """RGB, all of the size of the last, in even sides of at most `FILM_SIDE`."""
    size = [side // 2 * 2 for side in fit(stages[-1], FILM_SIDE, enlarge=False).size]
    return [split_alpha(stage)[0].resize(size, Image.Resampling.LANCZOS) for stage in stages]
