"""A painting that develops, as a film for a phone's gallery and as a looping GIF."""

import io
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

import av
from av.video.reformatter import Colorspace
from PIL import Image

from nst.errors import BadInput
from nst.pictures.images import fit, split_alpha

FRAMES_A_SECOND = 25
PHOTO_SECONDS, REST_SECONDS = 0.8, 2.0
MOST_STAGES = 60
BT709 = 1  # its number among matrices, primaries and transfers alike (ITU-T H.273)


def animation(
    frames: Sequence[Image.Image], photo: Image.Image, seconds: float = 5.0, long_side: int = 1080
) -> bytes:
    """An MP4 from the photo through `frames` to the last of them, and a rest on it.

    seconds: from photo to painting, each stage fading into the next. long_side: pixels at most.
    H.264 in its baseline profile, yuv420p, even sides, the index in front: phones' galleries and
    messengers take that. Raises BadInput where there are no frames.
    """
    stages = [split_alpha(picture)[0] for picture in (photo, *_taken(frames))]
    size = tuple(side // 2 * 2 for side in fit(stages[-1], long_side, enlarge=False).size)
    stages = [
        stage.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)  # type: ignore[arg-type]
        for stage in stages
    ]
    with TemporaryDirectory() as folder:
        # An index is moved to the front by a second pass over a real file.
        path = Path(folder, "animation.mp4")
        with av.open(str(path), "w", options={"movflags": "+faststart"}) as film:
            stream = h264_stream(film, FRAMES_A_SECOND, stages[0].size)
            for still in _fading(stages, seconds):
                film.mux(stream.encode(h264_frame(still)))
            film.mux(stream.encode())
        return path.read_bytes()


def gif(frames: Sequence[Image.Image], seconds: float = 6.0, long_side: int = 400) -> bytes:
    """A looping GIF of a painting that develops; the last frame stays for 1.5 s more.

    Frames of coarse scales are brought to the last one's size. At most 60 are taken, evenly. It
    plays where a film cannot be shown, or would need a tap.
    """
    taken = [frame.convert("RGB") for frame in _taken(frames)]
    size = fit(taken[-1], long_side, enlarge=False).size
    first, *rest = (frame.resize(size, Image.Resampling.LANCZOS) for frame in taken)
    each = max(20, round(1000 * seconds / len(taken)))
    durations = [each] * len(rest) + [each + 1500]
    file = io.BytesIO()
    first.save(file, "GIF", save_all=True, append_images=rest, duration=durations, loop=0)
    return file.getvalue()


def h264_stream(
    film: av.container.OutputContainer, rate: Fraction | int, size: tuple[int, int]
) -> av.VideoStream:
    """A stream that phones take, for frames of `h264_frame`; both sides of `size` are even."""
    stream = film.add_stream("libx264", rate=rate)
    stream.width, stream.height = size
    stream.pix_fmt = "yuv420p"
    stream.options = {"profile": "baseline", "preset": "veryfast", "crf": "21"}
    codec = stream.codec_context
    codec.colorspace = codec.color_primaries = codec.color_trc = BT709
    return stream


def h264_frame(picture: Image.Image) -> av.VideoFrame:
    """An RGB picture in the colours of `h264_stream`."""
    frame = av.VideoFrame.from_image(picture)
    return frame.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709)


def _taken(frames: Sequence[Image.Image]) -> list[Image.Image]:
    """At most `MOST_STAGES` of the frames, evenly, the first and the last among them."""
    if not frames:
        raise BadInput("There are no frames to animate: at least one is needed.")
    count, last = min(len(frames), MOST_STAGES), len(frames) - 1
    return [frames[round(i * last / max(1, count - 1))] for i in range(count)]


def _fading(stages: Sequence[Image.Image], seconds: float) -> Iterator[Image.Image]:
    """Every frame of the film, one at a time."""
    yield from [stages[0]] * round(FRAMES_A_SECOND * PHOTO_SECONDS)
    count, steps = round(FRAMES_A_SECOND * seconds), len(stages) - 1
    for i in range(1, count):
        stage, share = divmod(i * steps / count, 1)
        yield Image.blend(stages[int(stage)], stages[int(stage) + 1], share)
    yield from [stages[-1]] * round(FRAMES_A_SECOND * REST_SECONDS)
