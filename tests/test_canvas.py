"""The optimisers of the canvas against their equations, and the colours that they step along."""

import itertools

import numpy as np
import pytest
import torch
from small import BLOCKS, initialised, lion, painting

from nst.engine.canvas import Canvas
from nst.engine.colour import colour_axes
from nst.engine.encoders import Encoder
from nst.engine.stylize import stylize
from nst.published import get_recipe
from nst.recipe import Recipe

QUICK = Recipe(start="content", scales=1, steps=25, size=64, learning_rate=0.03)
rng = np.random.default_rng(0)


@pytest.fixture(scope="module")
def tiny() -> Encoder:
    return initialised(Encoder("tiny", BLOCKS, "average"))


@pytest.mark.parametrize(
    "axes",
    [None, rng.normal(size=(3, 3)), rng.normal(size=(3, 3, 4, 5))],
    ids=["rgb", "one for all", "one a pixel"],
)
def test_canvas_moves_as_adam_does_along_its_axes(axes):
    # Kingma and Ba 2015, algorithm 1 with the last three lines as section 2 replaces them, for y
    # in the picture x = A y.
    recipe, rng = Recipe(beta1=0.9, beta2=0.99, epsilon=1e-3), np.random.default_rng(0)
    x = rng.uniform(0.3, 0.7, (1, 3, 4, 5))
    a = np.eye(3) if axes is None else axes
    a = a if a.ndim == 4 else np.broadcast_to(a[..., None, None], (3, 3, 4, 5))
    given = None if axes is None else torch.from_numpy(axes).float()
    canvas = Canvas(torch.from_numpy(x).float())
    m, v = np.zeros_like(x), np.zeros_like(x)
    for t in range(1, 8):
        g = rng.normal(size=x.shape) * 1e-2
        along = np.einsum("jihw,njhw->nihw", a, g)
        m = 0.9 * m + 0.1 * along
        v = 0.99 * v + 0.01 * along**2
        alpha = 0.01 * np.sqrt(1 - 0.99**t) / (1 - 0.9**t)
        x = (x - alpha * np.einsum("ijhw,njhw->nihw", a, m / (np.sqrt(v) + 1e-3))).clip(0, 1)
        canvas.step(torch.from_numpy(g).float(), 0.01, recipe, given)
        np.testing.assert_allclose(canvas.picture.numpy(), x, atol=1e-5)
    assert canvas.steps == 7


def test_lbfgs_along_axes_is_lbfgs_of_the_amounts():
    recipe, generator = Recipe(optimiser="lbfgs"), torch.Generator().manual_seed(1)
    axes = torch.randn(3, 3, generator=generator)
    aim, start = torch.rand(2, 1, 3, 4, 5, generator=generator)
    canvas, amounts = Canvas(start.clone()), Canvas(torch.zeros_like(start))
    for _ in range(5):
        canvas.step(canvas.picture - aim, 0.3, recipe, axes)
        moved = start + torch.einsum("ij,njhw->nihw", axes, amounts.picture)
        amounts.step(torch.einsum("ij,nihw->njhw", axes, moved - aim), 0.3, recipe)
    expected = start + torch.einsum("ij,njhw->nihw", axes, amounts.picture)
    torch.testing.assert_close(canvas.picture, expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", ["default", "gatys", "keras-tv"])
def test_default_steps_along_the_styles_colours_and_published_recipes_in_rgb(tiny, name):
    # Without a memory Adam moves by its rate, to one side or the other, along each axis.
    content = 0.3 + 0.4 * lion()
    styles, mask = [painting(), painting("woodblock-wave")], torch.ones_like(content[:, :1])
    recipe = get_recipe(name).replace(
        size=64, steps=1, scales=1, optimiser="adam", beta1=0, beta2=0, epsilon=1e-15,
        learning_rate=0.01, content_layer="relu4_2",
    )  # fmt: skip
    for given, where, colours in (
        (styles[:1], None, styles[:1]),
        (styles, None, styles),
        (styles, mask, styles[:1]),
    ):
        step, *_ = stylize(content, given, recipe, tiny, start=content, mask=where, every=0)
        axes = colour_axes(colours) if name == "default" else torch.eye(3)
        move = (step.picture - content)[0].flatten(1) / 0.01
        along = torch.linalg.solve(axes, move).abs()
        assert ((along - 1).abs() < 1e-2).float().mean() > 0.95


def test_canvas_of_another_size_takes_no_larger_steps():
    # |m| <= sqrt(v) bounds Adam's step by its rate; a filter with weights below zero breaks it.
    first = torch.randn(1, 3, 24, 32, generator=torch.Generator().manual_seed(0)) ** 3
    picture = torch.full_like(first, 0.5)
    for size in ((48, 64), (37, 53), (18, 24)):
        grown = Canvas(picture, first, first.square(), steps=9).resized(
            picture, torch.full((1, 3, *size), 0.5)
        )
        assert grown.size == size
        assert (grown.exp_avg.abs() <= 1.001 * grown.exp_avg_sq.sqrt()).all()
        assert grown.exp_avg.std() > 0.1


def test_lbfgs_counts_evaluations_as_steps_and_goes_lower_than_adam(tiny):
    *_, adam = stylize(lion(), [painting()], QUICK, tiny, every=None)
    recipe = QUICK.replace(optimiser="lbfgs", final_rate=1)
    steps = list(stylize(lion(), [painting()], recipe, tiny, every=0))
    assert [step.step for step in steps] == list(range(1, 26))
    assert steps[-1].losses.total < adam.losses.total < steps[0].losses.total
    for picture in (*(step.picture for step in steps), steps[-1].canvas.picture):
        assert picture.min() >= 0
        assert picture.max() <= 1


def test_lbfgs_sees_one_objective_where_adam_sees_every_pooling_offset(tiny):
    for optimiser, seen in (("adam", 6), ("lbfgs", 1)):
        recipe = QUICK.replace(optimiser=optimiser, steps=7, size=96, learning_rate=1e-6)
        steps = stylize(lion(96), [painting()], recipe, tiny, every=0)
        assert len({f"{step.losses.style:.4g}" for step in steps}) == seen


def test_lbfgs_takes_no_pairs_of_one_network_to_the_other(tiny):
    other = initialised(Encoder("other", BLOCKS), seed=6)
    recipe = QUICK.replace(steps=8, optimiser="lbfgs", learning_rate=0.1, final_rate=1)
    recipe = recipe.replace(local_weight=0)
    steps = list(stylize(lion(), [painting()], recipe, tiny, finish=other, every=0))
    assert [step.finished for step in steps] == [0] * 6 + [1, 2]
    # Without pairs the whole picture moves by the rate, with them a long way.
    pictures = [lion(), *(step.picture for step in steps)]
    moves = [float((b - a).abs().sum()) for a, b in itertools.pairwise(pictures)]
    assert [move < 0.12 for move in moves] == [i in (0, 6) for i in range(8)]
