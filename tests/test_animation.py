"""A painting that develops: the film for a phone's gallery and the looping GIF, decoded again."""

import io
from itertools import pairwise

import av
import numpy as np
import pytest
from PIL import Image

from nst.errors import BadInput
from nst.pictures.animation import FRAMES_A_SECOND, REST_SECONDS, animation, gif

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def plain(colour: tuple[int, int, int], size: tuple[int, int]) -> Image.Image:
    return Image.new("RGB", size, colour)


def decoded(film: bytes) -> tuple[av.VideoStream, list[np.ndarray]]:
    """The film's stream and its frames in RGB."""
    with av.open(io.BytesIO(film)) as container:
        (stream,) = container.streams
        return stream, [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]


def test_the_film_is_what_a_phone_takes():
    film = animation([plain(GREEN, (97, 65))], plain(RED, (300, 200)))
    stream, frames = decoded(film)
    codec = stream.codec_context
    assert (codec.name, codec.profile, codec.pix_fmt) == ("h264", "Constrained Baseline", "yuv420p")
    assert frames[0].shape == (64, 96, 3)
    assert stream.average_rate == FRAMES_A_SECOND
    assert film.index(b"moov") < film.index(b"mdat")
    painting = plain(GREEN, (2000, 1500))  # a large one is filmed smaller
    painting.putalpha(Image.new("L", painting.size, 200))
    stream, _ = decoded(animation([painting], plain(RED, (40, 30))))
    assert (stream.width, stream.height) == (1080, 810)


def test_the_film_goes_from_the_photo_to_the_painting_and_rests_there():
    stages = [plain(GREEN, (32, 32)), plain(BLUE, (64, 64))]
    _, frames = decoded(animation(stages, plain(RED, (64, 64))))
    middle = [frame[32, 32].astype(int) for frame in frames]
    for frame, colour in ((middle[0], RED), (middle[-1], BLUE)):
        assert np.abs(frame - colour).max() < 12
    assert any(np.abs(frame - GREEN).max() < 40 for frame in middle)
    assert all(np.abs(frame - BLUE).max() < 12 for frame in middle[-int(25 * REST_SECONDS) :])
    steps = [np.abs(a - b).max() for a, b in pairwise(middle)]
    assert max(steps) < 60, "a stage fades into the next"


def test_a_gif_ends_on_the_painting_and_rests_there():
    frames = [plain(RED, (300, 200)), plain(GREEN, (600, 400)), plain(BLUE, (1200, 800))]
    with Image.open(io.BytesIO(gif(frames, seconds=3))) as found:
        assert (found.format, found.size, found.n_frames) == ("GIF", (400, 267), 3)
        assert found.info["loop"] == 0
        for i, duration in enumerate((1000, 1000, 2500)):
            found.seek(i)
            assert np.asarray(found.convert("RGB"))[10, 10].argmax() == i
            assert found.info["duration"] == duration


def test_a_long_gif_is_thinned_evenly_and_keeps_its_ends():
    frames = [plain((i // 2, 255 - i // 2, (i * 37) % 256), (64, 64)) for i in range(500)]
    with Image.open(io.BytesIO(gif(frames, seconds=6))) as found:
        assert found.n_frames == 60
        for frame, colour in [(0, (0, 255, 0)), (59, (249, 6, 499 * 37 % 256))]:
            found.seek(frame)
            shown = np.asarray(found.convert("RGB"))[30, 30].astype(int)
            assert np.abs(shown - colour).max() < 12
    for make in (gif, lambda frames: animation(frames, plain(RED, (40, 40)))):
        with pytest.raises(BadInput, match="one is needed"):
            make([])
