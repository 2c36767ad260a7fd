"""Time to equal quality: how soon ours is as low as the textbook loop ends, on its own objective.

Random features describe a picture poorly, so a race on random weights only stands in for one on
VGG-19's own.
"""

import math
import time
from collections.abc import Iterator

from torch import Tensor

from bench.contenders import tuned
from bench.textbook import Textbook, same_objective
from nst.engine.encoders import Encoder
from nst.engine.objective import Objective
from nst.engine.stylize import stylize
from nst.hardware import fastest_dtype
from nst.recipe import Recipe

# What descends fastest (bench/README.md): a second moment that forgets within a few steps keeps up
# with a gradient that shrinks a thousandfold, and bears a longer step, which falls later.
FAST = {"learning_rate": 0.06, "final_rate": 0.1, "beta1": 0.9, "beta2": 0.8, "start": "recoloured"}

Evaluated = tuple[float, Tensor | None]  # a step's loss, and the picture if it is of full size


class Race:
    """The textbook loop and ours on one network and objective, step by step in turn."""

    def __init__(
        self, encoder: Encoder, style_weight: float, content: Tensor, style: Tensor, steps: int
    ) -> None:
        self.encoder, self.steps, self.content, self.style = encoder, steps, content, style
        self.recipe = same_objective(encoder, style_weight)
        self.textbook = Textbook(encoder, content, style, style_weight)
        self.fast = tuned(encoder, fastest_dtype(content.device, encoder.blocks[2][0]))

    def run(self) -> dict[str, dict[str, float | None]]:
        """{"seconds": {run: to as low a loss as the textbook's last; None: not there}, ...}.

        A run's seconds count all it does, targets included.
        """
        size = max(self.content.shape[2:])
        plain = self.recipe.replace(size=size, steps=self.steps)
        half = plain.replace(steps=max(2, self.steps // 2))
        runs = {
            "textbook": self._textbook(),
            "plain Adam": self._ours(plain),
            "what descends fastest": self._ours(half.replace(**FAST)),
            "L-BFGS": self._ours(half.replace(optimiser="lbfgs", learning_rate=1.0)),
        }
        taken = _in_turn(runs)
        goal = taken["textbook"][-1][1]
        judge = Objective(self.encoder, self.recipe, self.content, [self.style])
        arrived = {name: _arrival(judge, steps, goal) for name, steps in taken.items()}
        arrived["textbook"] = taken["textbook"][-1][0], len(taken["textbook"]), goal
        reference = taken["textbook"][-1][0]
        return {
            "seconds": {name: seconds for name, (seconds, _, _) in arrived.items()},
            "steps": {name: count for name, (_, count, _) in arrived.items()},
            "loss": {name: loss for name, (_, _, loss) in arrived.items()},
            "times faster": {name: s and reference / s for name, (s, _, _) in arrived.items()},
        }

    def _textbook(self) -> Iterator[Evaluated]:
        for _ in range(self.steps):
            yield self.textbook.step(), None

    def _ours(self, recipe: Recipe) -> Iterator[Evaluated]:
        for step in stylize(self.content, [self.style], recipe, self.fast, every=0):
            if step.done:  # the last step once more, evaluated
                return
            assert step.losses is not None
            yield step.losses.total, step.picture


def _in_turn(runs: dict[str, Iterator[Evaluated]]) -> dict[str, list[tuple[float, float, Tensor]]]:
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


def _arrival(
    judge: Objective, taken: list[tuple[float, float, Tensor]], goal: float
) -> tuple[float | None, int, float]:
    """Seconds (None: never), steps and loss when a run was as low as the goal, judged in fp32."""
    loss = math.inf
    for i, (seconds, own, picture) in enumerate(taken, start=1):
        # A run's own loss in its own precision says where to begin to look.
        if picture is not None and (own <= 1.02 * goal or i == len(taken)):
            loss = float(judge.evaluate(picture)[0].total)
            if loss <= goal:
                return seconds, i, loss
    return None, len(taken), loss
