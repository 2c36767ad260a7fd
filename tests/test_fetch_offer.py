"""Who has no VGG-19 is offered to fetch it: by the page with a line to press, by the command line
with a command. A Hub on 127.0.0.1 serves it.
"""

import ast

import pytest
from test_weights import cached, hub, run, start

__all__ = ["hub"]

PRESS = """
import threading
from ui.tabs import fetch
def seen(updates):
    button, status, clock = updates
    return button["visible"], status["visible"], status["value"], clock["active"]
offer = fetch.FetchOffer()
told = [seen(offer.arrive()), seen(offer.fetch())]
for thread in threading.enumerate():
    if getattr(thread, "_target", None) == fetch.BACKGROUND._fetch:
        thread.join(100)
print([*told, seen(offer.show()), seen(offer.arrive())])
"""
COMMAND = """
from PIL import Image
from nst import command_line
Image.effect_noise((80, 60), 60).convert("RGB").save("PHOTO")
options = "--encoder compact --size 64 --steps 3 --overwrite".split() + MORE
assert command_line.main(["PHOTO", "ink-wash", "-o", "OUT", *options]) == 0
"""


def pressed(hub, home, **environment):
    return ast.literal_eval(run(hub, home, PRESS, **environment).splitlines()[-1])


def test_the_page_offers_vgg19_and_fetches_it_when_asked(hub, tmp_path):
    hub.pause = 0.5
    before, fetching, after, later = pressed(hub, tmp_path)
    assert before[:2] == (True, False)
    assert fetching[0] is False  # is not offered twice
    assert "VGG-19 is being fetched" in fetching[2]
    assert fetching[3] is True  # the page asks how it stands
    assert "VGG-19 is ready." in after[2]
    assert (after[0], after[3]) == (False, False)
    assert later[:2] == (False, False)
    assert cached(tmp_path).is_file()


def test_a_fetch_that_failed_is_one_sentence_and_offered_again(hub, tmp_path):
    hub.refuse = (404, {})
    *_, after, later = pressed(hub, tmp_path)
    assert after[0] is True
    assert "has no model.safetensors in timm/vgg19.tv_in1k" in after[2]
    assert after[3] is False
    assert later[:2] == (True, False)


def test_nothing_is_offered_where_no_hub_may_be_asked(hub, tmp_path):
    before, *_ = pressed(hub, tmp_path, HF_HUB_OFFLINE="1")
    assert before[:2] == (False, False)
    assert not hub.requests


@pytest.fixture
def advised(hub, tmp_path):
    """Whether the command line, told so much more, says how VGG-19 comes here."""

    def paint(*more: str, **environment: str) -> bool:
        code = COMMAND.replace("PHOTO", str(tmp_path / "photo.jpg"))
        code = code.replace("OUT", str(tmp_path / "out.png")).replace("MORE", repr(list(more)))
        _, err = start(hub, tmp_path, code, **environment).communicate(timeout=120)
        line = "For better paintings fetch VGG-19, 0 MB: python -m nst weights vgg19"
        return line in err.splitlines()

    return paint


def test_the_command_line_says_how_vgg19_comes_here(hub, tmp_path, advised):
    assert advised()
    assert not hub.requests
    assert not advised("--finish", "off")
    assert not advised(HF_HUB_OFFLINE="1")
    assert not advised("--finish-share", "0")
    assert not advised("--steps", "1")
