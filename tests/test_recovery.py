"""Who judges a step: one network or, to finish, another; and what happens when it fails."""

import itertools
import math
import time
import weakref

import pytest
import torch
from small import BLOCKS, Watched, initialised, lion, painting
from torch import Tensor

from nst.engine.encoders import Encoder
from nst.engine.stylize import Step, stylize
from nst.errors import NstError
from nst.recipe import Recipe

QUICK = Recipe(
    start="content",
    scales=1,
    steps=12,
    size=64,
    tv_weight=0,
    learning_rate=0.03,
    local_weight=0,
    finish_share=0.25,
)
LARGE = QUICK.replace(size=128, scales=2, steps=20, pooling_offsets=1)


@pytest.fixture
def wide() -> Encoder:
    blocks = ((8,), (16, 16), (16,) * 3, (16,) * 3, (16,))
    return initialised(Watched("wide", blocks))


def start(recipe: Recipe, encoder: Encoder, every: float | None = 0, **rest):
    return stylize(lion(recipe.size), [painting()], recipe, encoder, every=every, **rest)


def fail(fault, painted, into: int, times: int | None = 1) -> tuple[list[Step], list[Step]]:
    """The steps before a fault of so many layers, of all if None, and those after it."""
    Watched.forget()
    before, left = [next(painted) for _ in range(into)], iter(range(times or 0))
    Watched.seen.clear()
    Watched.fault.append(lambda f: fault(f) if times is None or next(left, None) is not None else f)
    return before, list(painted)


def is_nan(features: Tensor) -> Tensor:
    return features * math.nan


def nan_gradient(features: Tensor) -> Tensor:
    if features.requires_grad:
        features.register_hook(lambda gradient: gradient * math.nan)
    return features


def no_memory(features: Tensor) -> Tensor:
    torch.empty(10**15)
    return features


def raising(kind: type[Exception], words: str):
    def fault(features: Tensor) -> Tensor:
        raise kind(words)

    return fault


no_cuda_memory = raising(torch.OutOfMemoryError, "CUDA out of memory. Tried to allocate 20 MiB.")
no_apple_memory = raising(RuntimeError, "MPS backend out of memory (MPS allocated: 9.00 GB).")
no_windows_memory = raising(RuntimeError, "DefaultCPUAllocator: not enough memory: you tried")


# The finishing network


@pytest.mark.parametrize(
    ("share", "finished"), [(0.0, (0, 0)), (0.25, (3, 2)), (0.5, (6, 4)), (1.0, (13, 7))]
)
def test_finishing_network_judges_the_last_steps_of_each_scale(watched, wide, share, finished):
    recipe = LARGE.replace(finish_share=share)
    steps = list(start(recipe, watched, None, finish=wide))
    expected = []
    for (count, _), judged in zip(recipe.schedule(), finished, strict=True):
        expected += [watched] * (count - judged) + [wide] * judged
    assert Watched.judged() == expected
    assert [step.step for step in steps] == list(range(1, 21))
    assert steps[-1].finished == sum(finished)


def test_until_the_finish_the_painting_is_as_it_would_be_and_after_it_is_not(watched, wide):
    recipe = QUICK.replace(steps=8)
    both, alone = (list(start(recipe, watched, finish=finish)) for finish in (wide, None))
    for i, (a, b) in enumerate(zip(both, alone, strict=True)):
        assert torch.equal(a.picture, b.picture) == (i < 6)
    whole = list(start(recipe.replace(finish_share=1), watched, finish=wide))[-1]
    assert torch.equal(whole.picture, list(start(recipe, wide))[-1].picture)


def test_seconds_left_tell_the_paces_of_the_two_networks_apart(watched, wide, monkeypatch):
    """On a clock by which a thousand pixels take the finish 8 s and the encoder 1 s."""

    def now() -> float:
        return sum(
            (8 if encoder is wide else 1) * height * width / 1000
            for encoder, (height, width), judging in Watched.seen
            if judging
        )

    monkeypatch.setattr(time, "perf_counter", now)
    steps = list(start(LARGE, watched, None, finish=wide))
    # Before it has judged, the finish's pace is guessed from the work it has to do.
    small, large, guess = 48 * 64 / 1000, 96 * 128 / 1000, wide.work / watched.work
    legs = [(10, small, 1), (3, small, 8), (5, large, 1), (2, large, 8)]
    for step in steps:
        ahead, done = 0.0, step.step
        for count, each, slower in legs:
            left, done = max(0, count - done), max(0, done - count)
            ahead += left * each * (guess if slower > 1 and step.step < 11 else slower)
        assert step.seconds_left == pytest.approx(ahead)


# Lost numbers


@pytest.mark.parametrize("fault", [is_nan, nan_gradient])
def test_lost_numbers_are_met_with_the_last_good_picture_and_half_the_rate(watched, fault):
    # Without a memory Adam moves each pixel by its rate.
    recipe = QUICK.replace(final_rate=1, beta1=0, beta2=0, epsilon=1e-15)
    before, after = fail(fault, start(recipe, watched), 5)
    pictures = [step.picture for step in (*before, *after)]
    assert all(torch.isfinite(picture).all() for picture in pictures)
    moves = [float((b - a).abs().max()) for a, b in itertools.pairwise(pictures)]
    assert moves == pytest.approx([0.03] * 4 + [0.015] * 7, rel=1e-3)
    assert all(math.isfinite(step.losses.total) for step in after)
    assert after[-1].step == 12
    (note,) = after[-1].notes
    assert "once" in note
    assert "fp32" in note


def test_numbers_lost_where_no_picture_is_due_are_painted_again(watched):
    undisturbed = list(start(QUICK, watched, None))[-1].picture
    _, after = fail(is_nan, start(QUICK, watched, None), 5)
    assert torch.isfinite(after[-1].picture).all()
    # Not the photo with a note that says it was painted.
    changes = [(picture - lion()).abs().mean() for picture in (after[-1].picture, undisturbed)]
    assert changes[0] > 0.2 * changes[1]


def test_deadline_does_not_end_with_a_broken_picture(watched, monkeypatch):
    monkeypatch.setattr(time, "perf_counter", lambda: 20.0 if Watched.fault else 0.0)
    _, after = fail(is_nan, start(QUICK, watched, None, deadline=10), 3)
    assert torch.isfinite(after[-1].picture).all()
    assert all(map(math.isfinite, after[-1].losses))
    assert any("of 12 steps" in note for note in after[-1].notes)


def test_lost_numbers_of_the_finish_are_met_by_the_same_network_in_fp32(watched, wide):
    painter = initialised(Encoder("tiny", BLOCKS))
    finish = watched.bfloat16()
    before, after = fail(is_nan, start(QUICK, painter, finish=finish), 10)
    assert [step.finished for step in before] == [0] * 9 + [1]
    assert [encoder.dtype for encoder in Watched.judged()] == [torch.bfloat16, *[torch.float32] * 2]
    assert (after[-1].finished, after[-1].step) == (3, 12)
    assert all(torch.isfinite(step.picture).all() for step in after)
    assert "fp32" in after[-1].notes[0]
    assert finish.dtype == torch.bfloat16  # others share it


# Lack of memory


@pytest.mark.parametrize(
    ("fault", "into"),
    [(no_cuda_memory, 0), (no_memory, 5), (no_apple_memory, 10), (no_windows_memory, 14)],
)
def test_lack_of_memory_is_met_with_a_smaller_picture_and_all_its_steps(watched, fault, into):
    # 10 steps at the first of two scales; the fault comes before them, among and after them.
    recipe = LARGE.replace(steps=16)
    assert recipe.schedule()[0] == (10, 0.5)
    mask = torch.ones(1, 1, 96, 128)
    before, after = fail(fault, start(recipe, watched, mask=mask), into)
    result = after[-1]
    assert result.size == tuple(result.picture.shape[2:]) == (72, 96)
    assert [step.step for step in (*before, *after)] == [*range(1, 17)]
    (note,) = result.notes
    assert "96 x 72 pixels" in note


@pytest.mark.parametrize("into", [9, 10, 11])
def test_lack_of_memory_of_the_finish_alone_costs_the_finish_and_no_pixel(watched, into):
    painter = initialised(Encoder("tiny", BLOCKS))
    before, after = fail(no_cuda_memory, start(QUICK, painter, finish=watched), into, times=None)
    assert after[-1].size == (48, 64)
    assert [step.step for step in (*before, *after)] == [*range(1, 13)]
    assert after[-1].finished == into - 9
    (note,) = after[-1].notes
    assert "without the finishing network" in note


def test_lack_of_memory_for_a_print_is_met_with_tiles_first(watched):
    content, style = torch.rand(1, 3, 32, 800), torch.rand(1, 3, 32, 800)
    painted = stylize(content, [style], QUICK.replace(size=800, steps=3), watched, every=None)
    _, after = fail(no_cuda_memory, painted, 1)
    assert (after[-1].size, after[-1].step) == ((32, 800), 3)
    assert max(width for _, (_, width), _ in Watched.seen[1:]) < 800
    (note,) = after[-1].notes
    assert "tiles of 400 pixels" in note


def test_what_a_failed_step_held_is_let_go_of_before_it_is_tried_with_less(watched):
    held = []

    def once(features):
        if not held:
            held.append(weakref.ref(features))
            no_cuda_memory(features)
        assert held[0]() is None
        return features

    _, after = fail(once, start(QUICK.replace(size=96), watched), 0, times=None)
    assert after[-1].size == (54, 72)


def test_a_failure_that_nothing_helps_is_not_hidden(watched):
    for fault, error, sentence in (
        (is_nan, NstError, "lower strength"),
        (nan_gradient, NstError, "lower strength"),
        (no_cuda_memory, NstError, "not enough memory"),
        (raising(RuntimeError, "something else"), RuntimeError, "something else"),
    ):
        with pytest.raises(error, match=sentence):
            fail(fault, start(QUICK, watched), 0, times=None)
