"""Time to equal quality: how soon ours is as low as the textbook loop ends, on its own objective.

Random features describe a picture poorly, so a race on random weights only stands in for one on
VGG-19's own.
"""

import math
import time
from collections.abc import Iterator

import torch
from torch import Tensor

from bench.contenders import DTYPES, tuned
from bench.textbook import Textbook, same_objective
from nst.engine.encoders import Encoder
from nst.engine.objective import Objective
from nst.engine.stylize import stylize
from nst.hardware import fastest_dtype
from nst.recipe import Recipe

__all__ = ["Race"]

# What the race found to descend fastest (bench/README.md): a second moment that forgets within a
# few steps keeps up with a gradient that shrinks a thousandfold, and bears a longer step.
FALLING = {"learning_rate": 0.06, "final_rate": 0.1}
FORGETFUL = {"beta1": 0.9, "beta2": 0.8}
WARM = {"start": "recoloured"}


class Race:
    """The textbook loop and ours on one network and objective, step by step in turn."""

    def __init__(
        self, encoder: Encoder, style_weight: float, content: Tensor, style: Tensor, steps: int
    ) -> None:
        self.encoder, self.weight, self.steps = encoder, style_weight, steps
        self.content, self.style = content, style
        self.fast = tuned(encoder, fastest_dtype(torch.device("cpu"), encoder.blocks[2][0]))

    def result(self) -> dict:
        """Seconds and steps of the textbook loop, and of ours to as low a loss; None: not there.

        A run's seconds count all it does, targets and coarse scales included.
        """
        taken = self._run({"textbook": self._textbook(), **self._runs()})
        seconds, losses, _ = zip(*taken.pop("textbook"), strict=True)
        goal = losses[-1]
        return {
            "size": list(self.content.shape[2:]),
            "precision": DTYPES[self.fast.dtype],
            "textbook": {"seconds": seconds[-1], "steps": len(losses), "loss": goal},
            "ours": {n: self._arrival(steps, goal, seconds[-1]) for n, steps in taken.items()},
        }

    def _runs(self) -> dict[str, Iterator[tuple[float, Tensor | None]]]:
        """Plain Adam, each idea by itself, and those that help together."""
        size = max(self.content.shape[2:])
        plain = same_objective(self.encoder, self.weight).replace(size=size, steps=self.steps)
        third = plain.replace(steps=max(2, self.steps // 3))
        half = plain.replace(steps=max(2, self.steps // 2))
        recipes = {
            "plain Adam": plain,
            "coarse to fine": third.replace(scales=2),
            "a falling rate": third.replace(**FALLING),
            "a short memory": third.replace(**FORGETFUL),
            "the style's colours at the start": third.replace(**WARM),
            "the last three": half.replace(**FALLING, **FORGETFUL, **WARM),
            "L-BFGS instead of Adam": half.replace(optimiser="lbfgs", learning_rate=1.0),
        }
        return {name: self._ours(recipe) for name, recipe in recipes.items()}

    def _textbook(self) -> Iterator[tuple[float, Tensor | None]]:
        loop = Textbook(self.encoder, self.content, self.style, self.weight)
        for _ in range(self.steps):
            yield loop.step(), None

    def _ours(self, recipe: Recipe) -> Iterator[tuple[float, Tensor | None]]:
        for step in stylize(self.content, [self.style], recipe, self.fast, every=0):
            if step.done:  # the last step once more, evaluated
                return
            assert step.losses is not None
            whole = step.size == tuple(self.content.shape[2:])
            yield (step.losses.total if whole else math.inf), step.picture if whole else None

    @staticmethod
    def _run(runs: dict) -> dict[str, list[tuple[float, float, Tensor | None]]]:
        """{name: [(its seconds so far, loss, picture)]}, all runs one step in turn."""
        taken: dict[str, list] = {name: [] for name in runs}
        clocks, left = dict.fromkeys(runs, 0.0), dict(runs)
        while left:
            for name, run in list(left.items()):
                began = time.perf_counter()
                step = next(run, None)
                clocks[name] += time.perf_counter() - began
                if step is None:
                    del left[name]
                else:
                    taken[name].append((clocks[name], *step))
        return taken

    def _arrival(self, taken: list, goal: float, textbook_seconds: float) -> dict:
        """When a run was as low as the goal, by a judge in fp32."""
        recipe = same_objective(self.encoder, self.weight)
        judge = Objective(self.encoder, recipe, self.content, [self.style])
        for i, (seconds, own, picture) in enumerate(taken):
            # A run's own loss in its own precision says where to begin to look.
            if picture is None or own > 1.02 * goal:
                continue
            loss = float(judge.evaluate(picture)[0].total)
            if loss <= goal:
                return {
                    "seconds": seconds, "steps": i + 1, "loss": loss,
                    "times_faster": textbook_seconds / seconds,
                }  # fmt: skip
        final = float(judge.evaluate(taken[-1][2])[0].total)
        return {"seconds": None, "steps": len(taken), "loss": final, "times_faster": None}
