"""How long steps take, learned from those that were taken."""

from nst.engine.encoders import Encoder

__all__ = ["Pace"]

KEPT = 0.9  # of what was known, after a step


class Pace:
    """Seconds a step takes on one pixel, by the network that judges it."""

    def __init__(self) -> None:
        self._seconds: dict[Encoder, float] = {}

    def learn(self, network: Encoder, size: tuple[int, int], steps: int, seconds: float) -> None:
        """Take into account what some steps at (height, width) took together."""
        each, kept = seconds / (steps * size[0] * size[1]), KEPT**steps
        self._seconds[network] = kept * self._seconds.get(network, each) + (1 - kept) * each

    def expect(self, network: Encoder, size: tuple[int, int], steps: int) -> float:
        """Seconds that so many steps should take; 0 before anything is known.

        A network that has not judged yet should take as long as another for as much work.
        """
        known = network if network in self._seconds else next(iter(self._seconds), None)
        if known is None:
            return 0.0
        each = self._seconds[known] * network.work / known.work
        return steps * size[0] * size[1] * each
