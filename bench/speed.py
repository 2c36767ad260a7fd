"""How fast it paints, beside the textbook loop and the machine's own limit.

    python -m bench.speed --json speed.json

All contenders take turns in one process and medians are reported, so that a busy machine slows
them alike. Speed does not depend on the values of the weights, so VGG-19 has random ones unless
`--vgg19` names a file; descent does, see
`bench/race.py`.
"""

import argparse
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import torch
from torch import Tensor

from bench.contenders import DTYPES, default_step, open_vgg19, operations, tuned
from bench.race import Race
from bench.report import show
from bench.textbook import STYLE_WEIGHT, Textbook
from nst.engine.canvas import resize
from nst.engine.encoders import Encoder
from nst.engine.objective import Objective
from nst.engine.stylize import stylize
from nst.hardware import cores, fastest_dtype, use_machine
from nst.pictures.images import fit, open_photo, to_image, to_tensor
from nst.recipe import Recipe
from nst.weights import build_encoder

__all__ = ["main"]

STYLES = Path(__file__).resolve().parent.parent / "examples" / "styles"
SECTIONS = ("steps", "memory", "race", "precision", "paint")
VGG, VGG_FP32, COMPACT, TEXTBOOK = "VGG-19", "VGG-19 in fp32", "compact", "textbook VGG-19"
CONTENDERS = (TEXTBOOK, VGG_FP32, VGG, COMPACT)

RANDOM_STYLE = 1e4  # what balances content and style for weights that are not VGG-19's own


class Bench:
    """The pictures and networks of one run."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        self.photo, self.painting = open_photo(args.photo), open_photo(args.painting)
        cpu = torch.device("cpu")
        self.vgg_dtype, self.compact_dtype = fastest_dtype(cpu, 256), fastest_dtype(cpu, 32)

    def pictures(self, size: int, square: bool = False) -> tuple[Tensor, Tensor]:
        """Photo and painting with a long side of `size`, or both squeezed to a square."""
        content, style = (to_tensor(fit(p, size)) for p in (self.photo, self.painting))
        if square:
            content, style = (resize(p, (size, size)).clamp(0, 1) for p in (content, style))
        return content, style

    def vgg19(self) -> Encoder:
        return open_vgg19(self.args.vgg19)

    def compact(self) -> Encoder:
        return build_encoder("compact", dtype=self.compact_dtype)

    def contender(self, name: str, size: int) -> Callable[[], object]:
        """A function that takes one optimisation step at size x size."""
        content, style = self.pictures(size, square=True)
        if name == TEXTBOOK:
            return Textbook(self.vgg19(), content, style).step
        if name == COMPACT:
            return default_step(self.compact(), content, style)
        dtype = torch.float32 if name == VGG_FP32 else self.vgg_dtype
        return default_step(tuned(self.vgg19(), dtype), content, style)


def matmul(dtype: torch.dtype, side: int) -> Callable[[], Tensor]:
    x, y = torch.rand(side, side, dtype=dtype), torch.rand(side, side, dtype=dtype)
    return lambda: x @ y


def alternate(tasks: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median seconds of each task, the tasks taking turns; the first round is not counted."""
    taken: dict[str, list[float]] = {name: [] for name in tasks}
    for i in range(rounds + 1):
        for name, task in tasks.items():
            began = time.perf_counter()
            task()
            if i:
                taken[name].append(time.perf_counter() - began)
    return {name: statistics.median(seconds) for name, seconds in taken.items()}


def steps(bench: Bench) -> dict:
    """Seconds a step of every contender, the matmul rates beside them, and what follows."""
    args, seconds, rates = bench.args, {}, {}
    for size in args.sizes:
        rounds = max(1, round(args.rounds * min(1.0, 512 / size)))
        tasks = {name: bench.contender(name, size) for name in CONTENDERS}
        rate_tasks = {DTYPES[d]: matmul(d, args.matmul) for d in DTYPES}
        found = alternate(tasks | rate_tasks, rounds)
        seconds[size] = {name: found[name] for name in tasks}
        rates[size] = {d: 2 * args.matmul**3 / found[d] for d in rate_tasks}
    growth = {
        name: exponent({size: seconds[size][name] for size in args.sizes}) for name in CONTENDERS
    }
    counted = {size: step_operations(bench, size) for size in args.sizes}
    return {
        "seconds": seconds,
        "matmul_rate": rates,
        "operations": counted,
        "over_floor": {
            size: over_floor(bench, counted[size], seconds[size], rates[size])
            for size in args.sizes
        },
        "over_textbook": {
            size: {name: s / found[TEXTBOOK] for name, s in found.items()}
            for size, found in seconds.items()
        },
        "exponent": growth,
    }


def step_operations(bench: Bench, size: int) -> dict[str, float]:
    vgg = operations(bench.vgg19(), "conv5_1", size, size)
    return {VGG: vgg, COMPACT: operations(bench.compact(), "conv5_1", size, size)}


def over_floor(bench: Bench, counted: dict, seconds: dict, rates: dict) -> dict[str, float]:
    """Seconds over those that the operations take at the matmul rate of the same precision."""
    precision = {VGG: bench.vgg_dtype, VGG_FP32: torch.float32, COMPACT: bench.compact_dtype}
    return {
        name: seconds[name] / (counted[COMPACT if name == COMPACT else VGG] / rates[DTYPES[dtype]])
        for name, dtype in precision.items()
    }


def exponent(seconds: dict[int, float]) -> float | None:
    """Of the power law of time over pixels that fits best."""
    if len(seconds) < 2:
        return None
    x = [2 * math.log(size) for size in seconds]
    return statistics.linear_regression(x, [math.log(s) for s in seconds.values()]).slope


def peak_memory() -> int:
    """Bytes of this process at its largest."""
    status = Path("/proc/self/status")
    if status.exists():  # of this program alone; getrusage counts what started it as well
        (line,) = (li for li in status.read_text().splitlines() if li.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    import resource  # which Windows does not have

    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used if sys.platform == "darwin" else used * 1024


def memory(bench: Bench) -> dict:
    """Peak bytes of a process of its own that takes two steps, by size and contender."""
    peaks = {}
    for size in bench.args.memory_sizes:
        peaks[size] = {name: _peak_of(bench, name, size) for name in CONTENDERS}
    idle = _peak_of(bench, "nothing", 0)
    return {
        "idle": idle,
        "peak": peaks,
        "over_textbook": {
            s: {name: p / found[TEXTBOOK] for name, p in found.items()}
            for s, found in peaks.items()
        },
    }


def _peak_of(bench: Bench, name: str, size: int) -> int:
    command = [sys.executable, "-m", "bench.speed", "--peak", name, "--sizes", str(size)]
    for option in ("vgg19", "photo", "painting"):
        if value := getattr(bench.args, option):
            command += [f"--{option}", str(value)]
    root = Path(__file__).resolve().parent.parent
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    return int(done.stdout)


def race(bench: Bench) -> dict:
    """The race to the textbook's loss on VGG-19."""
    args, name, weight = bench.args, "VGG-19", STYLE_WEIGHT
    if not args.vgg19:
        name, weight = "VGG-19, random weights", RANDOM_STYLE
    pictures = bench.pictures(args.vgg_race_size)
    return {name: Race(bench.vgg19(), weight, *pictures, args.race_steps).result()}


def precision(bench: Bench) -> dict:
    """The objective of a finished picture, judged in fp32, that bf16 and fp32 each painted."""
    compact = build_encoder("compact")
    networks = {"compact": compact, "VGG-19": bench.vgg19()}
    found = {}
    for (name, encoder), size in zip(networks.items(), bench.args.precision_sizes, strict=True):
        content, style = bench.pictures(size)
        recipe = Recipe(size=size, steps=bench.args.precision_steps)
        judge = Objective(encoder, recipe, content, [style])
        finals = {}
        for dtype in DTYPES:
            *_, last = stylize(content, [style], recipe, tuned(encoder, dtype), every=None)
            finals[DTYPES[dtype]] = float(judge.evaluate(last.picture)[0].total)
        found[name] = {"size": size, **finals, "ratio": finals["bf16"] / finals["fp32"]}
    return found


def paint(bench: Bench) -> dict:
    """Seconds to the first and to the finished picture, and what live previews cost."""
    encoder, args = bench.compact(), bench.args
    _paint(bench, encoder, 64, 0.5)  # once, to warm up
    waits = {}
    for name, size in zip(("Draft", "Standard", "Fine"), args.paint_sizes, strict=True):
        first, last = _paint(bench, encoder, size, 0.5)
        waits[name] = {"size": size, "first": first, "finished": last}
    middle = args.paint_sizes[1]
    tasks = {
        "with": lambda: _paint(bench, encoder, middle, 0.5),
        "without": lambda: _paint(bench, encoder, middle, None),
    }
    found = alternate(tasks, args.preview_rounds)
    return {"waits": waits, "previews": found | {"cost": found["with"] / found["without"] - 1}}


def _paint(bench: Bench, encoder: Encoder, size: int, every: float | None) -> tuple[float, float]:
    """Seconds to the first and the last picture, sent out as the app does: as a JPEG."""
    content, style = to_tensor(fit(bench.photo, size)), to_tensor(bench.painting)
    recipe = Recipe(size=size, steps=bench.args.paint_steps)
    began, first = time.perf_counter(), None
    for step in stylize(content, [style], recipe, encoder, every=every):
        if step.picture is not None:
            to_image(step.picture).save(BytesIO(), "JPEG", quality=85)
            first = first or time.perf_counter() - began
    return first or math.nan, time.perf_counter() - began


def machine(bench: Bench) -> dict:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    models = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    flags = next((line.split() for line in lines if line.startswith("flags")), [])
    return {
        "processor": models[0] if models else platform.processor(),
        "cores": cores(),
        "bf16 in hardware": sorted({"avx512_bf16", "amx_bf16"} & set(flags)),
        "precision": {VGG: DTYPES[bench.vgg_dtype], COMPACT: DTYPES[bench.compact_dtype]},
        "torch": torch.__version__,
        "python": platform.python_version(),
        "load before": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
    }


def arguments(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="tiny sizes: does it run at all?")
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    parser.add_argument("--json", type=Path, help="figures to write")
    parser.add_argument("--vgg19", type=Path, help="real weights, laid out as torchvision's")
    parser.add_argument("--photo", type=Path, default=STYLES / "lily-pond.jpg")
    parser.add_argument("--painting", type=Path, default=STYLES / "swirling-night.jpg")
    parser.add_argument("--sizes", type=int, nargs="+", default=[256, 512, 1024])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--vgg-race-size", type=int, default=256, help="512 takes long")
    parser.add_argument("--peak", help=argparse.SUPPRESS)
    parser.set_defaults(race_steps=300, precision_steps=Recipe().steps, paint_steps=Recipe().steps)
    parser.set_defaults(paint_sizes=(384, 512, 1024), preview_rounds=3, matmul=2048)
    parser.set_defaults(memory_sizes=None, precision_sizes=(256, 128))
    args = parser.parse_args(words)
    if args.quick:
        args.sizes, args.rounds, args.vgg_race_size = [32, 64], 1, 48
        args.race_steps = args.precision_steps = args.paint_steps = 6
        args.paint_sizes, args.precision_sizes = (48, 56, 64), (64, 48)
        args.preview_rounds, args.matmul, args.memory_sizes = 1, 256, [64]
    args.memory_sizes = args.memory_sizes or args.sizes
    return args


def main(words: list[str] | None = None) -> None:
    args = arguments(words)
    use_machine()
    bench = Bench(args)
    if args.peak:
        if args.peak != "nothing":
            step = bench.contender(args.peak, args.sizes[0])
            step(), step()
        print(peak_memory())
        return
    found = {"machine": machine(bench)}
    for section in args.only:
        found[section] = globals()[section](bench)
    show(found)
    if args.json:
        args.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
