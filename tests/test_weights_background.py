"""Weights that come in the background: what is told meanwhile, and that no failure lasts."""

import threading

import pytest

from nst.errors import WeightsUnavailable
from nst.weights import background as module
from nst.weights.background import Background

GONE = "The Hugging Face Hub does not answer."


@pytest.fixture
def hub(monkeypatch):
    """A Hub that answers when it is told to."""

    class Hub:
        def __init__(self) -> None:
            self.go, self.asked, self.cached, self.works = threading.Event(), [], set(), True

        def load(self, name, progress):
            self.asked.append(name)
            progress(20_000_000, 80_000_000)
            self.go.wait(10)
            if not self.works:
                raise WeightsUnavailable(GONE)
            self.cached.add(name)

    here = Hub()
    monkeypatch.setattr(module, "load_vgg", here.load)
    monkeypatch.setattr(module, "is_cached", lambda name: name in here.cached)
    yield here
    here.go.set()


def finished(hub, background) -> None:
    hub.go.set()
    for thread in threading.enumerate():
        if getattr(thread, "_target", None) == background._fetch:
            thread.join(10)


def test_weights_are_fetched_once_while_everybody_goes_on(hub):
    background = Background()
    assert "being fetched" in background.want("vgg19")
    for _ in range(3):
        assert "being fetched" in background.want("vgg19")
    finished(hub, background)
    assert hub.asked == ["vgg19"]
    assert background.want("vgg19") == "VGG-19 is ready."


def test_fetching_says_how_far_it_is(hub, monkeypatch):
    seen = threading.Event()
    load = hub.load

    def watched(name, progress):
        progress(20_000_000, 80_000_000)
        seen.set()
        load(name, progress)

    monkeypatch.setattr(module, "load_vgg", watched)
    background = Background()
    background.want("vgg16")
    assert seen.wait(10)
    assert "20 of 80 MB" in background.want("vgg16")
    finished(hub, background)


def test_failure_is_told_and_not_tried_again_at_once(hub):
    hub.works = False
    background = Background()
    background.want("vgg19")
    finished(hub, background)
    assert background.want("vgg19") == GONE
    assert hub.asked == ["vgg19"]


def test_failure_is_tried_again_after_a_while(hub, monkeypatch):
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.0)
    hub.works = False
    background = Background()
    background.want("vgg19")
    finished(hub, background)
    assert background.status("vgg19") == GONE
    hub.works = True
    background.want("vgg19")
    finished(hub, background)
    assert background.want("vgg19") == "VGG-19 is ready."


def test_no_fetch_keeps_the_program_from_ending(hub):
    hub.works = False
    before = set(threading.enumerate())
    background = Background()
    background.want("vgg19")
    finished(hub, background)
    left = [thread for thread in threading.enumerate() if thread not in before]
    assert all(thread.daemon for thread in left)


def test_an_error_that_nobody_foresaw_is_told_and_not_for_ever_being_fetched(hub, monkeypatch):
    def fails(name, progress):
        raise RuntimeError("nobody thought of that")

    monkeypatch.setattr(module, "load_vgg", fails)
    background = Background()
    background.want("vgg19")
    finished(hub, background)
    assert background.status("vgg19") == "VGG-19 could not be fetched; the log says why."
    assert not background.is_fetching("vgg19")


def test_what_nobody_wanted_is_not_spoken_of(hub):
    assert Background().status("vgg19") == ""
    assert hub.asked == []
