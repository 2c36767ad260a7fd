"""A painting that develops: the film for a phone's gallery and the looping GIF, decoded again."""

import io
from itertools import pairwise

import av
import numpy as np
from PIL import Image

from nst.pictures.animation import FRAMES_A_SECOND, REST_SECONDS, animation

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
    painting = plain(GREEN, (1200, 900))  # a large one is filmed smaller
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
