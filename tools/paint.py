"""Paint the preset style pictures: `python tools/paint.py [ids...|all] --out examples/styles`."""

import argparse
import hashlib
import importlib
import io
import time
from pathlib import Path

from painting import PAINTINGS
from PIL import Image

__all__ = ["encode", "main", "paint"]

MAX_BYTES = 250_000
QUALITIES = range(92, 39, -1)


def paint(name: str, size: int) -> Image.Image:
    """Paint the preset called `name` with its own seed; the long side is `size` pixels."""
    return importlib.import_module(PAINTINGS[name]).paint(size=size)


def encode(picture: Image.Image) -> tuple[bytes, int]:
    """JPEG bytes of at most `MAX_BYTES`, at the best quality that fits, and that quality.

    Raises ValueError if even the lowest quality is too large.
    """
    for quality in QUALITIES:
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=quality, optimize=True, progressive=True)
        if buffer.tell() <= MAX_BYTES:
            return buffer.getvalue(), quality
    raise ValueError(f"the picture does not fit {MAX_BYTES} bytes at quality {QUALITIES[-1]}")


def main() -> None:
    """Parse the command line, paint, save, and print each file's size and sha256."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("ids", nargs="*", default="all", choices=["all", *PAINTINGS])
    parser.add_argument("--out", type=Path, default=Path("examples/styles"))
    parser.add_argument("--size", type=int, default=960, help="long side, 768 to 1024 pixels")
    arguments = parser.parse_args()
    if not 768 <= arguments.size <= 1024:
        parser.error(f"--size must be 768 to 1024, not {arguments.size}")

    arguments.out.mkdir(parents=True, exist_ok=True)
    for name in PAINTINGS if "all" in arguments.ids else arguments.ids:
        start = time.perf_counter()
        data, quality = encode(paint(name, arguments.size))
        (arguments.out / f"{name}.jpg").write_bytes(data)
        digest = hashlib.sha256(data).hexdigest()
        seconds = time.perf_counter() - start
        print(f"{digest}  {name}.jpg  {len(data)} bytes, quality {quality}, {seconds:.1f} s")


if __name__ == "__main__":
    main()
