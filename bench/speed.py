"""How fast it paints, beside the textbook loop and the machine's own limit.

    python -m bench.speed --vgg19 vgg19.safetensors --json speed.json
    python -m bench.speed --device cuda --vgg19 vgg19.safetensors --json gpu.json

Contenders take turns in one process and medians are reported, so that a busy machine slows them
alike. Speed does not depend on the values of the weights, so VGG-19 has random ones unless
`--vgg19` names a file; descent does, see `bench/race.py`. Every section is made of tables
`{title: {column: {row: number}}}`.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from bench.contenders import DTYPES, default_step, graphed, open_vgg19, operations, tuned
from bench.race import Race
from bench.textbook import STYLE_WEIGHT, Textbook
from nst.engine.canvas import resize
from nst.engine.encoders import Encoder
from nst.hardware import device_name, fastest_dtype, pick_device, use_machine
from nst.pictures.images import fit, open_photo, to_tensor
from nst.pipeline import Pipeline
from nst.recipe import Recipe
from nst.weights import build_encoder

ROOT = Path(__file__).resolve().parent.parent
STYLES = ROOT / "examples" / "styles"
TEXTBOOK, VGG_FP32, VGG, COMPACT = "textbook VGG-19", "VGG-19 in fp32", "VGG-19", "compact"
GRAPH = " as a CUDA graph"
RANDOM_STYLE = 1e4  # what balances content and style for weights that are not VGG-19's own

Table = dict[str, dict[str, float]]


class Bench:
    """The pictures and networks of one run."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args, self.device = args, torch.device(args.device)
        self.photo, self.painting = open_photo(args.photo), open_photo(args.painting)
        self.dtypes = {
            VGG: fastest_dtype(self.device, 256),
            VGG_FP32: torch.float32,
            COMPACT: fastest_dtype(self.device, 32),
        }
        self.on_gpu = self.device.type == "cuda"
        self.names = [TEXTBOOK, *self.dtypes]

    def pictures(self, size: int, square: bool = False) -> tuple[Tensor, Tensor]:
        """Photo and painting with a long side of `size`, or both squeezed to a square."""
        pair = [to_tensor(fit(p, size)).to(self.device) for p in (self.photo, self.painting)]
        if square:
            pair = [resize(p, (size, size)).clamp(0, 1) for p in pair]
        return pair[0], pair[1]

    def network(self, name: str) -> Encoder:
        """As the app would paint with it here."""
        if name == COMPACT:
            return build_encoder("compact", None, self.dtypes[COMPACT], self.device)
        return tuned(open_vgg19(self.args.vgg19).to(self.device), self.dtypes[name])

    def contender(self, name: str, size: int) -> Callable[[], object]:
        """A function that takes one optimisation step at size x size."""
        if name.endswith(GRAPH):
            return graphed(self.contender(name.removesuffix(GRAPH), size))
        pair = self.pictures(size, square=True)
        if name == TEXTBOOK:
            return Textbook(open_vgg19(self.args.vgg19).to(self.device), *pair).step
        return default_step(self.network(name), *pair)

    def timed(self, task: Callable[[], object]) -> float:
        """Seconds of a task, with what it left to the GPU."""
        began = time.perf_counter()
        task()
        if self.on_gpu:
            torch.cuda.synchronize()
        return time.perf_counter() - began

    def alternate(self, tasks: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
        """Median seconds of each task, the tasks taking turns; the first round is not counted."""
        taken: dict[str, list[float]] = {name: [] for name in tasks}
        for _ in range(rounds + 1):
            for name, task in tasks.items():
                taken[name].append(self.timed(task))
        return {name: statistics.median(seconds[1:]) for name, seconds in taken.items()}

    def textbook_step(self) -> float:
        """Seconds of the textbook's step at the size of a Standard painting."""
        size = self.args.paint_sizes[1]
        step = self.contender(TEXTBOOK, size)
        return self.alternate({TEXTBOOK: step}, self.args.rounds)[TEXTBOOK]


def steps(bench: Bench) -> dict[str, Table]:
    """Seconds a step of every contender, the matmul rates beside them, and what follows."""
    args = bench.args
    seconds, floors, rates = {}, {}, {}
    names = bench.names + [name + GRAPH for name in (VGG, COMPACT) if bench.on_gpu]
    side = args.matmul or (8192 if bench.on_gpu else 2048)
    for size in args.sizes:
        tasks = {name: bench.contender(name, size) for name in names}
        tasks |= {name: _matmul(dtype, side, bench.device) for dtype, name in DTYPES.items()}
        found = bench.alternate(tasks, max(1, round(args.rounds * min(1.0, 512 / size))))
        rates[size] = {name: 2 * side**3 / found.pop(name) / 1e9 for name in DTYPES.values()}
        seconds[size], floors[size] = found, {}
        for name, dtype in bench.dtypes.items():
            counted = operations(bench.network(name), "conv5_1", size, size)
            floors[size][name] = found[name] / (counted / 1e9 / rates[size][DTYPES[dtype]])
    return {
        "seconds a step": seconds,
        "over the textbook's": _over(seconds),
        "over the floor": floors,
        "matmul beside it, GFLOP/s": rates,
    }


def _matmul(dtype: torch.dtype, side: int, device: torch.device) -> Callable[[], Tensor]:
    x, y = (torch.rand(side, side, device=device).to(dtype) for _ in range(2))
    return lambda: x @ y


def _over(table: Table) -> Table:
    """Each number over the textbook's in its column."""
    return {c: {k: v / found[TEXTBOOK] for k, v in found.items()} for c, found in table.items()}


def memory(bench: Bench) -> dict[str, Table]:
    """Peak MB of two steps: of a GPU's allocations, or of a process of its own."""
    peaks = {
        size: {name: _peak(bench, name, size) / 1e6 for name in bench.names}
        for size in bench.args.sizes
    }
    idle = {"": {"nothing": _peak(bench, "nothing", 0) / 1e6}}
    return {"peak memory, MB": peaks, "of which": idle, "over the textbook's": _over(peaks)}


def _peak(bench: Bench, name: str, size: int) -> float:
    if bench.on_gpu:
        torch.cuda.reset_peak_memory_stats()
        _two_steps(bench, name, size)
        return torch.cuda.max_memory_allocated()
    command = [sys.executable, "-m", "bench.speed", "--peak", name, "--sizes", str(size)]
    for option in ("vgg19", "photo", "painting", "device"):
        if value := getattr(bench.args, option):
            command += [f"--{option}", str(value)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return int(done.stdout)


def _two_steps(bench: Bench, name: str, size: int) -> None:
    if name != "nothing":
        step = bench.contender(name, size)
        step(), step()


def paint(bench: Bench) -> dict[str, Table]:
    """What a visitor waits for a whole painting by the default recipe, as the app paints it."""
    compact, vgg, one = bench.network(COMPACT), bench.network(VGG), bench.textbook_step()
    painters = {
        "compact": Pipeline(compact, ""),
        "compact, finished by VGG-19": Pipeline(compact, "", vgg),
    }
    if bench.on_gpu:
        painters["VGG-19"] = Pipeline(vgg, "")
    found: dict[str, Table] = {}
    for size in bench.args.paint_sizes:
        for name, painter in painters.items():
            first, last = _painted(bench, painter, size)
            numbers = {"seconds": last, "textbook steps": last / one, "first picture, s": first}
            if bench.on_gpu:  # of all so far: sizes only grow
                numbers["GPU memory, MB"] = torch.cuda.max_memory_allocated() / 1e6
            for title, number in numbers.items():
                found.setdefault(title, {}).setdefault(f"{size} px", {})[name] = number
    return found


def _painted(bench: Bench, painter: Pipeline, size: int) -> tuple[float, float]:
    """Seconds to the first and to the last picture; the second time, when all is warm."""
    recipe = Recipe(size=size, **bench.args.recipe)
    photo = fit(bench.photo, size)
    for _ in range(2):
        began, first = time.perf_counter(), 0.0
        for step in painter.paint(photo, [bench.painting], recipe, every=0.5):
            if step.picture is not None:
                first = first or time.perf_counter() - began
    return first, time.perf_counter() - began


def instant(bench: Bench) -> dict[str, Table]:
    """What the instant painter takes to look at a painting, and to repaint a photo."""
    from nst.engine.painter import load_painter

    painter, one = load_painter(bench.network(COMPACT)), bench.textbook_step()
    found = {}
    for size in bench.args.sizes:
        photo, style = bench.pictures(size)
        code = painter.style(style)
        tasks = {
            "a new painting": lambda style=style: painter.style(style),
            "a photo": lambda photo=photo, code=code: painter.paint(photo, code),
        }
        found[f"{size} px"] = bench.alternate(tasks, bench.args.rounds)
    steps_each = {size: {k: s / one for k, s in column.items()} for size, column in found.items()}
    return {"seconds": found, "textbook steps": steps_each}


def race(bench: Bench) -> dict[str, Table]:
    """The race to the textbook's loss on VGG-19."""
    args, name, weight = bench.args, "VGG-19", STYLE_WEIGHT
    if not args.vgg19:
        name, weight = "VGG-19, random weights", RANDOM_STYLE
    pictures = bench.pictures(args.race_size)
    vgg = open_vgg19(args.vgg19).to(bench.device)
    return {f"to the textbook's loss, {name}": Race(vgg, weight, *pictures, args.race_steps).run()}


SECTIONS = {"steps": steps, "memory": memory, "paint": paint, "instant": instant, "race": race}


def machine(bench: Bench) -> dict[str, object]:
    info = Path("/proc/cpuinfo")
    text = info.read_text() if info.exists() else f"model name: {platform.processor()}"
    return {
        "device": device_name(bench.device),
        "processor": text.partition("model name")[2].partition("\n")[0].strip("\t :"),
        "precision": {name: DTYPES[dtype] for name, dtype in bench.dtypes.items()},
        "torch": torch.__version__,
        "load before": os.getloadavg()[0],
    }


def show(title: str, table: Table) -> None:
    """Print one table."""
    rows = dict.fromkeys(name for column in table.values() for name in column)
    width = max(30, *map(len, rows))
    print(f"\n{title:{width}}" + "".join(f"{column!s:>16}" for column in table))
    for name in rows:
        numbers = (column.get(name) for column in table.values())
        cells = "".join(f"{'-' if n is None else format(n, '.4g'):>16}" for n in numbers)
        print(f"{name:{width}}{cells}")


def arguments(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="tiny sizes: does it run at all?")
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    parser.add_argument("--json", type=Path, help="figures to write")
    parser.add_argument("--device", default=str(pick_device()), help="cpu, cuda or mps")
    parser.add_argument("--vgg19", type=Path, help="real weights, laid out as torchvision's")
    parser.add_argument("--photo", type=Path, default=STYLES / "lily-pond.jpg")
    parser.add_argument("--painting", type=Path, default=STYLES / "swirling-night.jpg")
    parser.add_argument("--sizes", type=int, nargs="+", default=[256, 512, 1024])
    parser.add_argument("--paint-sizes", type=int, nargs="+", default=[384, 512, 1024])
    parser.add_argument("--race-size", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peak", help=argparse.SUPPRESS)
    parser.set_defaults(race_steps=300, matmul=0, recipe={})
    args = parser.parse_args(words)
    if args.quick:
        args.sizes, args.paint_sizes = [32], [48, 64]
        args.race_size, args.race_steps, args.rounds, args.matmul = 48, 6, 1, 256
        args.recipe = {"steps": 6}
    return args


def main(words: list[str] | None = None) -> None:
    args = arguments(words)
    use_machine()
    bench = Bench(args)
    if args.peak:
        _two_steps(bench, args.peak, args.sizes[0])
        # Not getrusage, which counts what started this process as well.
        status = Path("/proc/self/status").read_text()
        print(1024 * int(status.partition("VmHWM:")[2].split()[0]))
        return
    found: dict[str, object] = {"machine": machine(bench)}
    print(found["machine"])
    for section in args.only:
        tables = found[section] = SECTIONS[section](bench)
        for title, table in tables.items():
            show(f"{section}: {title}", table)
        if args.json:  # after each: a run that is cut off keeps what it found
            args.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
