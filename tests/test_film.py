"""A clip repainted: frames, sound, limits, and what is left when it is stopped."""

import io
import struct
from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image, ImageOps

from nst.errors import BadInput
from nst.pictures import film
from nst.pictures.film import Clip, open_clip, read_frames, repaint
from nst.pictures.limits import Limits


def clip_of(
    seconds=1.0, rate=25, size=(160, 96), container="mp4", sound="aac", tone=440.0
) -> bytes:
    """A square that goes from left to right on grey, with a tone."""
    file = io.BytesIO()
    with av.open(file, "w", container) as out:
        video = out.add_stream("libx264" if container != "webm" else "libvpx", rate=rate)
        video.width, video.height, video.pix_fmt = *size, "yuv420p"
        audio = out.add_stream(sound, rate=48000) if sound else None
        frames = round(seconds * rate)
        for i in range(frames):
            picture = Image.new("RGB", size, (90, 90, 90))
            left = i * (size[0] - 32) // frames
            picture.paste((220, 40, 40), (left, 32, left + 32, 64))
            out.mux(video.encode(av.VideoFrame.from_image(picture)))
        out.mux(video.encode())
        if audio:
            wave = np.sin(np.arange(int(seconds * 48000)) * 2 * np.pi * tone / 48000)
            samples = (wave * 20000).astype(np.int16)[None]
            frame = av.AudioFrame.from_ndarray(samples, "s16", "mono")
            frame.sample_rate = 48000
            out.mux(audio.encode(frame))
            out.mux(audio.encode())
    return file.getvalue()


def pictures(clip: Clip) -> list[np.ndarray]:
    return [np.asarray(frame).astype(int) for frame in read_frames(clip)]


def refusal(source, **options) -> str:
    with pytest.raises(BadInput) as caught:
        list(read_frames(open_clip(source, **options)))
    return str(caught.value)


def test_every_frame_is_painted_in_its_place_and_the_sound_is_kept(tmp_path):
    for container, sound in [("mp4", "aac"), ("matroska", "libopus"), ("webm", "libopus")]:
        clip = open_clip(clip_of(container=container, sound=sound))
        assert (clip.size, clip.rate) == ((160, 96), 25)
        assert clip.frames in (25, 26)  # some containers know only how long the sound is
        before = pictures(clip)
        assert list(repaint(clip, tmp_path / "out.mp4", ImageOps.invert))[-1] == clip.frames
        after = pictures(open_clip(tmp_path / "out.mp4"))
        assert len(after) == len(before) == clip.frames
        for old, new in zip(before, after, strict=True):
            assert np.abs(255 - old - new).mean() < 6
        with av.open(str(tmp_path / "out.mp4")) as found:
            (stream,) = found.streams.audio
            assert stream.codec_context.name == "aac"
            wave = np.concatenate([frame.to_ndarray()[0] for frame in found.decode(stream)])
        peak = np.abs(np.fft.rfft(wave)).argmax() * 48000 / len(wave)
        assert peak == pytest.approx(440, abs=5)
        assert len(wave) / 48000 == pytest.approx(1.0, abs=0.1)
        assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]
    list(repaint(open_clip(clip_of(sound="")), tmp_path / "out.mp4", ImageOps.invert))
    with av.open(str(tmp_path / "out.mp4")) as found:
        assert not found.streams.audio


def test_large_and_fast_clips_are_painted_smaller_and_thinned():
    clip = open_clip(clip_of(seconds=0.5, rate=60, size=(1280, 720), sound=""))
    assert (clip.size, clip.rate, clip.frames) == ((512, 288), Fraction(30), 15)
    places = [np.nonzero(frame[19, :, 0] > 150)[0].mean() for frame in pictures(clip)]
    assert len(places) == 15
    assert np.all(np.diff(places) > 0)


def test_a_phone_held_upright_is_turned():
    data = clip_of(sound="")
    upright = struct.pack(">9i", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
    turned = struct.pack(">9i", 0, 1 << 16, 0, -1 << 16, 0, 0, 0, 0, 1 << 30)
    track = data.index(upright, data.index(b"tkhd"))
    clip = open_clip(data[:track] + turned + data[track + len(turned) :])
    assert clip.size == (96, 160)
    rows = [np.nonzero((frame[..., 0] > 150).any(1))[0].mean() for frame in pictures(clip)]
    assert np.all(np.diff(rows) >= 0)
    assert rows[-1] - rows[0] > 100


def test_stopping_leaves_nothing_and_keeps_what_was_there(tmp_path):
    out = tmp_path / "out.mp4"
    out.write_bytes(b"an older film")
    painting = repaint(open_clip(clip_of()), out, ImageOps.invert)
    assert [next(painting), next(painting)] == [1, 2]
    painting.close()
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]
    assert out.read_bytes() == b"an older film"

    def failing(frame):
        raise RuntimeError

    with pytest.raises(RuntimeError):
        list(repaint(open_clip(clip_of()), out, failing))
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]
    with pytest.raises(BadInput, match="cannot be written"):
        list(repaint(open_clip(clip_of()), tmp_path / "none" / "out.mp4", ImageOps.invert))


def test_what_is_no_clip_or_too_much_is_refused_in_a_sentence(monkeypatch):
    whole = clip_of(sound="")
    playlist = b"ffconcat version 1.0\nfile /etc/passwd\n"
    for data in (b"hello", playlist, b"#EXTM3U\nfile:///etc/passwd\n", b"\x89PNG\r\n\x1a\n"):
        assert "use MP4, MOV, WebM or AVI" in refusal(data)
    for data in (whole[:12] + bytes(999), whole[: len(whole) // 2], b"\x1aE\xdf\xa3" + bytes(99)):
        assert "clip" in refusal(data)
    assert "at most 0.000976562 MB" in refusal(whole, limits=Limits(max_bytes=1024))
    assert "12.0 seconds long: it may be up to 10" in refusal(clip_of(12, 2, sound=""))
    monkeypatch.setattr(film, "MOST_PIXELS", 10_000)
    assert "160 x 96 pixels: at most 4K" in refusal(whole)
