"""The figures of the speed bench, for people to read."""

from collections.abc import Callable

__all__ = ["show"]


def show(found: dict) -> None:
    """Print whatever sections there are as tables."""
    for key, value in found["machine"].items():
        print(f"{key}: {value}")
    for section, printer in SECTIONS.items():
        if section in found:
            print()
            printer(found[section])


def _steps(part: dict) -> None:
    def cell(size: int, name: str, seconds: float) -> str:
        floor = part["over_floor"][size].get(name)
        ratios = f"{part['over_textbook'][size][name]:.3f}"
        return f"{seconds:.3f} ({ratios}{'' if floor is None else f'; {floor:.2f}'})"

    print("seconds a step (over the textbook's VGG-19; over the floor)")
    _table(part["seconds"], cell)
    for size, rates in part["matmul_rate"].items():
        shown = ", ".join(f"{dtype} {rate / 1e9:.0f}" for dtype, rate in rates.items())
        print(f"matmul beside {size}: {shown} GFLOP/s")
    powers = ", ".join(f"{n} {p:.2f}" for n, p in part["exponent"].items() if p is not None)
    print("time grows with pixels to the power of", powers)


def _memory(part: dict) -> None:
    print(f"peak memory, MB (over the textbook's VGG-19); idle {part['idle'] / 1e6:.0f}")
    _table(part["peak"], lambda s, n, p: f"{p / 1e6:.0f} ({part['over_textbook'][s][n]:.2f})")


def _race(part: dict) -> None:
    for name, race in part.items():
        goal = race["textbook"]
        print(f"to the textbook's loss: {name} at {race['size']}, ours in {race['precision']}")
        print(f"  textbook: {goal['steps']} steps, {goal['seconds']:.1f} s, {goal['loss']:.4g}")
        for run, got in race["ours"].items():
            print(f"  {run}: {_arrived(got)}")


def _arrived(got: dict) -> str:
    if got["seconds"] is None:
        return f"not there after {got['steps']} steps, {got['loss']:.4g}"
    return f"{got['steps']} steps, {got['seconds']:.1f} s, {got['times_faster']:.1f} times faster"


def _precision(part: dict) -> None:
    for name, got in part.items():
        print(f"final objective, bf16 over fp32: {name} at {got['size']}: {got['ratio']:.4f}")


def _paint(part: dict) -> None:
    print("compact, seconds to the first and to the finished picture")
    for name, wait in part["waits"].items():
        print(f"  {name} ({wait['size']}): {wait['first']:.2f}, {wait['finished']:.2f}")
    print(f"live previews cost {100 * part['previews']['cost']:.1f} %")


def _table(rows: dict[int, dict], cell: Callable[[int, str, float], str]) -> None:
    names = next(iter(rows.values()))
    print(f"{'':22}" + "".join(f"{size:>24}" for size in rows))
    for name in names:
        print(f"{name:22}" + "".join(f"{cell(s, name, row[name]):>24}" for s, row in rows.items()))


SECTIONS = {
    "steps": _steps, "memory": _memory, "race": _race, "precision": _precision, "paint": _paint,
}  # fmt: skip
