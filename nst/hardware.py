"""What this machine is: the device to paint on, its fastest precision, its cores."""

import ctypes
import math
import os
import re
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

import torch

# Options of mallopt(3): M_MMAP_THRESHOLD, at the most that glibc would come to by itself,
# M_TRIM_THRESHOLD, and M_ARENA_MAX, without which every painting thread keeps memory of its own.
MALLOC = {-3: 32 * 2**20, -1: 2**31 - 1, -8: 1}

# A thread's own time on a core; Windows counts it in ticks that are longer than what is timed.
CLOCK = time.perf_counter if sys.platform == "win32" else time.thread_time

# A precision with fewer digits has to earn them: below this gain fp32 stays.
WORTHWHILE = 1.15


def pick_device() -> torch.device:
    """CUDA where this torch was built for the GPU, then Apple's MPS, then the CPU."""
    if torch.cuda.is_available() and _is_built_for():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


@lru_cache(maxsize=1)
def _is_built_for() -> bool:
    """Whether torch holds code for the GPU: CUDA 13 leaves out those before compute 7.5."""
    built = [re.match(r"(sm|compute)_(\d+)", name) for name in torch.cuda.get_arch_list()]
    here, _ = torch.cuda.get_device_capability()
    kinds = [(found[1], int(found[2]) // 10) for found in built if found]
    # Machine code runs within its major version, PTX from its own on; ROCm lists neither.
    return not kinds or any(here == n or (kind == "compute" and here > n) for kind, n in kinds)


def device_name(device: torch.device) -> str:
    """What a visitor is told: "CPU, 2 cores" or the GPU's own name."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    if device.type == "mps":
        return "Apple GPU"
    return f"CPU, {cores()} core{'s' if cores() != 1 else ''}"


def dtype_name(dtype: torch.dtype) -> str:
    """What a visitor is told of a precision."""
    return {torch.bfloat16: "bf16", torch.float32: "fp32"}[dtype]


@lru_cache(maxsize=1)
def cores() -> int:
    """Cores this process may really use.

    Its affinity, its container's quota if there is one, and OMP_NUM_THREADS if that is set.
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        allowed = min(allowed or 1, math.ceil(int(quota) / int(period)))
    except (OSError, ValueError):
        pass  # no cgroup v2, or no quota ("max")
    if (asked := os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()).isdecimal():
        allowed = min(allowed or 1, int(asked))
    return max(1, allowed or 1)


def use_machine() -> None:
    """Let torch use the cores there are, not the ones the host has, and freed memory again."""
    torch.set_num_threads(cores())
    _keep_freed_memory()


@lru_cache(maxsize=1)
def _keep_freed_memory() -> None:
    """Ask glibc to hand out again what a step has freed, and not to give it back first.

    The system clears every page before it lends it again, which took a tenth of a step at 1024 px.
    """
    with suppress(AttributeError, OSError, TypeError):  # another C library, or Windows
        library = ctypes.CDLL(None)
        for option, value in MALLOC.items():
            library.mallopt(option, value)


@lru_cache(maxsize=16)
def fastest_dtype(device: torch.device, width: int) -> torch.dtype:
    """bf16 where it is faster here for convolutions of this width, fp32 elsewhere.

    On CUDA the capability decides (Ampere and later). On a CPU a convolution is timed once in
    both, forward and backward, for what a processor is called says little about what it does.
    """
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(False) else torch.float32
    if device.type != "cpu":
        return torch.float32
    taken = _time_convolutions(width)
    gain = taken[torch.float32] / taken[torch.bfloat16]
    return torch.bfloat16 if gain > WORTHWHILE else torch.float32


def _time_convolutions(width: int) -> dict[torch.dtype, float]:
    """Seconds of the fastest of some forward and backward passes, in fp32 and in bf16.

    By this thread's own time on a core where it can be had, and in turns: what else the machine
    does at start-up must not decide.
    """
    passes = {dtype: _convolution(dtype, width) for dtype in (torch.float32, torch.bfloat16)}
    best = dict.fromkeys(passes, math.inf)
    for _ in range(16):
        for dtype, run in passes.items():
            began = CLOCK()
            run()
            best[dtype] = min(best[dtype], CLOCK() - began)
    return best


def _convolution(dtype: torch.dtype, width: int) -> Callable[[], object]:
    """A forward and backward pass through one convolution of this width."""
    side = max(32, min(128, 4096 // width))
    conv = torch.nn.Conv2d(width, width, 3, padding=1, dtype=dtype).requires_grad_(False)
    conv.weight.data = conv.weight.data.contiguous(memory_format=torch.channels_last)
    x = torch.rand(1, width, side, side, dtype=dtype)
    x = x.contiguous(memory_format=torch.channels_last).requires_grad_()

    def run() -> object:
        with torch.enable_grad():
            return torch.autograd.grad(conv(x).relu().sum(), x)

    return run
