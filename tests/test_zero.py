"""ZeroGPU, as far as a machine without it can show.

Run as a script, this file is an app's process on a ZeroGPU Space: a stand-in for the `spaces`
package runs the decorated function in a forked process, as the real one does: arguments and
yields are pickled, an exception is reduced to the name of its class, to close is to ask the
worker to stop and to wait for its next yield.
"""

import json
import math
import multiprocessing
import os
import subprocess
import sys
from importlib.machinery import ModuleSpec
from itertools import pairwise
from pathlib import Path
from threading import Thread
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from nst.errors import BadInput
from nst.recipe import Recipe

ROOT = Path(__file__).resolve().parents[1]
PHOTO = Image.effect_noise((96, 64), 60).convert("RGB")
SMALL = Recipe(encoder="compact", size=96, steps=6)


class SpacesDouble(ModuleType):
    """What `spaces.GPU(duration=...)` does on ZeroGPU."""

    def __init__(self) -> None:
        super().__init__("spaces")
        self.__spec__ = ModuleSpec("spaces", None)
        self.asked: list[int] = []
        self.workers: list[multiprocessing.Process] = []

    def GPU(self, *, duration):  # noqa: N802
        def decorate(task):
            def call(*args):
                self.asked.append(duration(*args))
                yield from self._in_a_worker(task, args)

            return call

        return decorate

    def _in_a_worker(self, task, args):
        fork = multiprocessing.get_context("fork")
        arguments, results, stop = fork.SimpleQueue(), fork.SimpleQueue(), fork.Event()
        worker = fork.Process(target=_worker, args=(task, arguments, results, stop), daemon=True)
        worker.start()
        self.workers.append(worker)
        arguments.put(args)
        kind = ""
        try:
            while (item := results.get())[0] == "yield":
                yield item[1]
            kind, text = item
            if kind == "error":
                raise RuntimeError(text)
        finally:
            stop.set()
            while not kind:
                kind = results.get()[0].replace("yield", "")
            worker.join(20)


def _worker(task, arguments, results, stop) -> None:
    def iterate() -> None:
        try:
            for value in task(*arguments.get()):
                if stop.is_set():
                    break
                results.put(("yield", value))
            results.put(("end", ""))
        except Exception as error:
            results.put(("error", type(error).__name__))

    thread = Thread(target=iterate)  # what the parent's threads left behind is of no use here
    thread.start()
    thread.join()


def act() -> dict:
    """What happens in the app's process, in short."""
    spaces = sys.modules["spaces"] = SpacesDouble()
    import nst.pipeline
    from ui import run as painting
    from ui import zero

    painting.prepare()
    nst.pipeline.build_encoder = None  # from here on a worker can only use what was built before
    found = {"active": zero.ACTIVE, "processes": [os.getpid()]}

    *developing, last = painting.run(PHOTO, [PHOTO], SMALL, every=0.0)
    found["pictures"] = sum(p.picture is not None for p in (*developing, last))
    found["last"] = [last.step, last.done, last.picture.size]
    found["asked"] = spaces.asked[-1]
    found["painted_seconds"] = zero.painting_seconds(PHOTO, SMALL, 300)

    everywhere = Image.new("L", PHOTO.size, 255)
    *_, further = painting.run(PHOTO, [PHOTO], SMALL, start=last.picture, mask=everywhere)
    found["further"] = further.done and further.picture != last.picture

    try:
        list(painting.run(PHOTO, [PHOTO], SMALL.replace(mix=(0.5, 0.5))))
    except BadInput as error:
        found["sentence"] = str(error)

    stopped = painting.run(PHOTO, [PHOTO], SMALL.replace(steps=30_000), every=0.0)
    next(stopped)
    stopped.close()
    found["exit_after_stop"] = spaces.workers[-1].exitcode

    zero.SHORTEST, zero.STEP_SECONDS = 0.2, 0.0
    *_, ended = painting.run(PHOTO, [PHOTO], SMALL.replace(steps=30_000))
    found["ended"] = [ended.step, ended.done, list(ended.notes)]
    found["processes"] += [worker.pid for worker in spaces.workers]
    return found


@pytest.fixture(scope="module")
def found() -> dict:
    """What the app's process found on the stand-in of ZeroGPU."""
    environment = {**os.environ, "SPACES_ZERO_GPU": "true", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, __file__], env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_each_painting_is_made_in_a_forked_process_with_the_encoder_built_before(found):
    assert found["active"]
    assert len(set(found["processes"])) == 6
    assert found["last"] == [SMALL.steps, True, [96, 64]]
    assert found["pictures"] == SMALL.steps + 1  # with the instant one before them
    assert found["further"]
    assert found["sentence"].startswith("There are 1 style pictures and 2 weights")
    assert found["exit_after_stop"] == 0


def test_the_gpu_is_asked_for_the_seconds_of_a_painting_which_ends_before_they_are_over(found):
    from ui import zero

    assert found["asked"] == math.ceil(zero.START_SECONDS + found["painted_seconds"]) <= 15
    step, done, notes = found["ended"]
    assert done
    assert step < 30_000
    assert any("a run may take" in note for note in notes)


def test_seconds_grow_with_steps_pixels_and_the_encoder_and_have_an_end(monkeypatch):
    from ui import zero

    def seconds(limit=300.0, **settings):
        return zero.painting_seconds(PHOTO, Recipe(**settings), limit)

    assert seconds(steps=30_000) == 300  # elsewhere they are the operator's
    monkeypatch.setattr(zero, "ACTIVE", True)
    middle = {"encoder": "vgg19", "size": 1024, "steps": 600}
    for less in ({"steps": 500}, {"size": 900}, {"encoder": "vgg16"}, {"encoder": "compact"}):
        assert seconds(**middle) > seconds(**middle | less)
    assert seconds(**middle | {"encoder": "auto"}) == seconds(**middle)
    assert seconds(size=4096, steps=30_000) == zero.LONGEST - zero.START_SECONDS
    assert seconds(limit=9, size=4096, steps=30_000) == 9
    small = {"encoder": "compact", "size": 128, "steps": 2000}
    assert seconds(**small) > seconds(**small, finish="off") == seconds(**small, finish_share=0)
    assert seconds(**small) < seconds(**small, finish_share=0.5)


def test_a_run_tells_how_it_goes_at_least_twice_a_second(monkeypatch):
    from ui import run as painting

    ticks = iter(np.arange(0, 1e4, 0.1))
    seen: list[float] = []
    monkeypatch.setattr(painting.time, "monotonic", lambda: seen.append(next(ticks)) or seen[-1])
    told = [seen[-1] for _ in painting.run(PHOTO, [PHOTO], SMALL.replace(steps=40), every=1e6)]
    assert len(told) < 40
    assert max(b - a for a, b in pairwise(told)) <= 0.5


if __name__ == "__main__":
    print(json.dumps(act()))
