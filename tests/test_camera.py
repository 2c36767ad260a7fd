"""The camera's frames, painted one after the other, without a browser."""

import base64
import io

import gradio as gr
import pytest
from gradio.data_classes import ImageData
from PIL import Image

from ui import camera
from ui.camera import SIDE, CameraBox, repaint


def frame(shade: int = 0) -> bytes:
    file = io.BytesIO()
    Image.linear_gradient("L").point(lambda value: (value + shade) % 256).save(file, "JPEG")
    return file.getvalue()


def test_frames_are_painted_with_one_painter_until_painting_strength_or_scene_change(monkeypatch):
    made = []

    def instant_painter(styles, recipe, presets):
        made.append((presets, recipe.strength, recipe.size))
        return lambda photo: photo.convert("RGB")

    monkeypatch.setattr(camera, "instant_painter", instant_painter)
    live = None
    for style, strength in (("mosaic", 50), ("mosaic", 50), ("mosaic", 90), ("charcoal", 90)):
        _, live = repaint(frame(strength), style, strength, live)
    assert made == [(["mosaic"], 50, SIDE), (["mosaic"], 90, SIDE), (["charcoal"], 90, SIDE)]
    assert live.frame == frame(90)
    live.until = 0.0
    repaint(frame(1), "charcoal", 90, live)
    assert len(made) == 4
    assert repaint(None, "charcoal", 90, live)[1] is live


def test_a_frame_is_painted_at_the_cameras_size():
    painted, _ = repaint(frame(), "mosaic", 50, None)
    assert painted.size == (SIDE, SIDE)
    assert painted.tobytes() != Image.open(io.BytesIO(frame())).convert("RGB").tobytes()


def test_what_is_no_frame_or_names_no_painting_is_refused_in_a_sentence():
    for bad, style, strength, words in (
        (b"nonsense", "mosaic", 50, "can be read"),
        (frame(), "nonsense", 50, "no preset called"),
        (frame(), "mosaic", 900, "strength"),
    ):
        with pytest.raises(gr.Error, match=words):
            repaint(bad, style, strength, None)


def test_a_frame_comes_as_the_bytes_inside_its_address():
    box = CameraBox(streaming=True)
    address = f"data:image/jpeg;base64,{base64.b64encode(frame()).decode()}"
    assert box.preprocess(ImageData(url=address)) == frame()
    assert box.preprocess(ImageData(path="photo.jpg")) is box.preprocess(None) is None
