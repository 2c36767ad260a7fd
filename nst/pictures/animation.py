"""A painting that develops, as a film for a phone's gallery and as a looping GIF."""

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import av
from av.video.reformatter import Colorspace
from PIL import Image

from nst.errors import BadInput
from nst.pictures.images import fit, split_alpha

__all__ = ["animation", "gif"]

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
    stages = _stages([photo, *_taken(frames)], long_side)
    with TemporaryDirectory() as folder:
        # An index is moved to the front by a second pass over a real file.
        path = Path(folder, "animation.mp4")
        with av.open(str(path), "w", options={"movflags": "+faststart"}) as film:
            stream = film.add_stream("libx264", rate=FRAMES_A_SECOND)
            stream.width, stream.height = stages[0].size
            stream.pix_fmt = "yuv420p"
            stream.options = {"profile": "baseline", "preset": "veryfast", "crf": "21"}
            codec = stream.codec_context
            codec.colorspace = codec.color_primaries = codec.color_trc = BT709
            for still in _fading(stages, seconds):
                frame = av.VideoFrame.from_image(still)
                frame = frame.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709)
                film.mux(stream.encode(frame))
            film.mux(stream.encode())
        return path.read_bytes()


def gif(frames: Sequence[Image.Image], seconds: float = 6.0, long_side: int = 400) -> bytes:
    """A looping GIF of a painting that develops; the last frame stays for 1.5 s more.

    Frames of coarse scales are brought to the last one's size. At most 60 are taken, evenly. It
    plays where a film cannot be shown, or would need a tap.
    """
    taken = _taken(frames)
    last = fit(taken[-1].convert("RGB"), long_side, enlarge=False)
    sized = [f.convert("RGB").resize(last.size, Image.Resampling.BICUBIC) for f in taken[:-1]]
    each = max(20, round(1000 * seconds / len(taken)))
    file = io.BytesIO()
    durations = [each] * len(sized) + [each + 1500]
    first, *rest = [*sized, last]
    first.save(file, "GIF", save_all=True, append_images=rest, duration=durations, loop=0)
    return file.getvalue()


def _taken(frames: Sequence[Image.Image]) -> list[Image.Image]:
    """At most `MOST_STAGES` of the frames, evenly, the first and the last among them."""
    if not frames:
        raise BadInput("There are no frames to animate: one is needed at least.")
    count, last = min(len(frames), MOST_STAGES), len(frames) - 1
    return [frames[round(i * last / max(1, count - 1))] for i in range(count)]


def _stages(pictures: Sequence[Image.Image], long_side: int) -> list[Image.Image]:
    """All in the size of the last, with even sides, as a film with half the colours needs them."""
    width, height = fit(pictures[-1], long_side, enlarge=False).size
    size = width // 2 * 2, height // 2 * 2
    return [
        split_alpha(picture)[0].resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
        for picture in pictures
    ]


def _fading(stages: Sequence[Image.Image], seconds: float) -> Iterator[Image.Image]:
    """Every frame of the film, one at a time."""
    yield from [stages[0]] * round(FRAMES_A_SECOND * PHOTO_SECONDS)
    count, steps = round(FRAMES_A_SECOND * seconds), len(stages) - 1
    for i in range(1, count):
        stage, share = divmod(i * steps / count, 1)
        yield Image.blend(stages[int(stage)], stages[int(stage) + 1], share)
    yield from [stages[-1]] * round(FRAMES_A_SECOND * REST_SECONDS)
