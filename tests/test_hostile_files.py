"""Hostile picture files: each ends in a picture or one plain sentence, in bounded memory.

All files are opened in one process of their own, so that what it used can be measured, what it
left behind can be seen, and a crash of a decoder would be one failed test.
"""

import json
import random
import re
import struct
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from files import chunk, encoded
from PIL import Image

PLAIN = {"PYTHONPATH": str(Path(__file__).parents[1]), "OMP_NUM_THREADS": "1"}
BOUND_MB = 1024  # what nst.pictures.images promises for one picture at the default limits
SECONDS_EACH = 30  # a guard against work by the square of the file, not a measure of speed

OPEN_ALL = """
import json, sys, time
from pathlib import Path
from nst.errors import BadInput
from nst.pictures.images import open_photo

def peak():  # megabytes; what the system says of a process's life holds its parent's as well
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1024

before, report = peak(), {}
for path in sorted(Path(sys.argv[1]).iterdir()):
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    started = time.monotonic()
    try:
        photo = open_photo(path)
        photo.tobytes()
        answer = {"size": photo.size, "mode": photo.mode}
    except BadInput as error:
        answer = {"refused": str(error)}
    report[path.name] = answer | {"seconds": time.monotonic() - started, "peak": peak() - before}
print(json.dumps(report))
"""


GREY = Image.radial_gradient("L").resize((96, 64))
RGB = Image.merge("RGB", (GREY, GREY.rotate(180), Image.new("L", GREY.size, 90)))
KINDS = "jpeg png webp gif bmp tiff avif heic".split()
HONEST = {kind: encoded(RGB, kind.upper()) for kind in KINDS} | {
    "progressive.jpeg": encoded(RGB, "JPEG", progressive=True),
    "lossy.webp": encoded(RGB, "WEBP", lossless=False),
    "lzw.tiff": encoded(RGB, "TIFF", compression="tiff_lzw"),
    "g4.tiff": encoded(RGB.convert("1"), "TIFF", compression="group4"),
}


def png(*chunks: bytes, width=96, height=64, depth=8, colour=2, rows: bytes | None = None) -> bytes:
    """A PNG whose header may lie about its rows."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    rows = bytes(64 * (1 + 96 * 3)) if rows is None else rows
    body = chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + b"".join(chunks) + body


def tiff(entries: dict[int, tuple[int, int, int]], after: bytes = b"", following: int = 0) -> bytes:
    """A little-endian TIFF of one directory: {tag: (type, count, value or offset)}."""
    body = b"".join(struct.pack("<HHII", tag, *entry) for tag, entry in sorted(entries.items()))
    head = b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries))
    return head + body + struct.pack("<I", following) + after


def grey_tiff(**changes: tuple[int, int, int]) -> dict[int, tuple[int, int, int]]:
    numbers = {256: 64, 257: 64, 258: 8, 259: 1, 262: 1, 273: 4000, 277: 1, 278: 64, 279: 4096}
    entries = {tag: (4, 1, value) for tag, value in numbers.items()}
    return entries | {int(tag[1:]): entry for tag, entry in changes.items()}


def exif(*entries: tuple[int, int, int, int], following: int = 0) -> bytes:
    body = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    head = b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", len(entries))
    return head + body + struct.pack("<I", following)


def jpeg_with(*segments: tuple[int, bytes]) -> bytes:
    plain = HONEST["jpeg"]
    added = (bytes([0xFF, code]) + struct.pack(">H", len(b) + 2) + b for code, b in segments)
    return plain[:2] + b"".join(added) + plain[2:]


def gif_with(*blocks: bytes) -> bytes:
    plain = HONEST["gif"]
    start = 13 + (3 << (plain[10] & 7) + 1)
    return plain[:start] + b"".join(blocks) + plain[start:]


def patched(data: bytes, at: int, value: bytes) -> bytes:
    return data[:at] + value + data[at + len(value) :]


def cut_or_flipped() -> Iterator[tuple[str, bytes]]:
    """Half of the bits are flipped in the header, where most can go wrong."""
    for kind, data in HONEST.items():
        for percent in range(5, 100, 10):
            yield f"cut-{percent:02d}.{kind}", data[: len(data) * percent // 100]
        for seed in range(10):
            chance, broken = random.Random(seed), bytearray(data)
            reach = min(len(broken), 120) if seed % 2 else len(broken)
            for _ in range(1 + seed):
                broken[chance.randrange(4, reach)] ^= 1 << chance.randrange(8)
            yield f"flip-{seed:02d}.{kind}", bytes(broken)


def odd_but_honest() -> Iterator[tuple[str, bytes]]:
    """What must come in as a picture."""
    yield from ((f"honest.{kind}", data) for kind, data in HONEST.items())
    yield "16-bit-colour.png", png(depth=16, rows=bytes(64 * (1 + 96 * 6)))
    for kind in ("gif", "webp", "png", "tiff"):
        frames = [RGB.rotate(n) for n in range(60)]
        yield f"animated.{kind}", encoded(RGB, kind.upper(), save_all=True, append_images=frames)
    yield "..%2f..%2fetc%2fpasswd", HONEST["webp"]
    yield "profile-giant.jpeg", encoded(RGB, "JPEG", icc_profile=b"\0" * (6 << 20))
    yield "exif-loop.jpeg", jpeg_with((0xE1, exif((0x8769, 4, 1, 8), following=8)))
    everywhere = exif(*((tag, 7, 5 << 20, 8) for tag in range(5000)))[:65000]
    yield "exif-in-pieces.jpeg", jpeg_with(*[(0xE1, everywhere)] * 99)
    greedy = exif(*((tag, 7, 9 << 20, 8) for tag in range(9999)))[6:] + bytes(9 << 20)
    yield "exif-greedy.png", png(chunk(b"eXIf", greedy))
    yield "multi-picture-junk.jpeg", jpeg_with((0xE2, b"MPF\0II*\0\x08\0\0\0" + b"\xff" * 300))
    yield "ifd-loop.tiff", tiff(grey_tiff(), bytes(9000), following=8)
    yield "sub-ifd-loop.tiff", tiff(grey_tiff(t330=(4, 1, 8), t34665=(4, 1, 8)), bytes(9000))
    yield "polyglot-html.gif", gif_with(b"!\xfe\x19<script>alert(1)</script>\0")
    yield "nested.png", png(chunk(b"eXIf", HONEST["tiff"])) + HONEST["jpeg"] + HONEST["png"]
    # As large as is allowed, in the format that takes the most memory.
    large = Image.radial_gradient("L").resize((7900, 6300)).convert("RGB")
    large.putalpha(200)
    yield "giant.webp", encoded(large, "WEBP", lossless=True, quality=0, method=0)


def impossible() -> Iterator[tuple[str, bytes]]:
    """What must be refused."""
    yield "nothing.png", b""
    yield "page.png", b"<!doctype html><script>alert(1)</script>"
    yield "drawing.svg", b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///'/></svg>"
    yield "postscript.eps", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 99 99\n"
    for kind, data in HONEST.items():
        mark = data[: 24 if kind in ("heic", "avif") else 12]
        for name, rest in (("nothing", b""), ("zeros", bytes(4000)), ("ones", b"\xff" * 4000)):
            yield f"a-signature-and-{name}.{kind}", mark + rest
    for width, height in [(0, 0), (10, 4000), (20001, 3000), (2**31 - 1, 2**31 - 1), (2**31, 9)]:
        name, size = f"claims-{width}x{height}", struct.pack("<II", width, height)
        yield f"{name}.png", png(width=width, height=height)
        yield f"{name}.bmp", patched(HONEST["bmp"], 18, size)
        numbers = {"t256": (4, 1, width), "t257": (4, 1, height)}
        yield f"{name}.tiff", tiff(grey_tiff(**numbers), bytes(9000))
        for kind in ("heic", "avif"):
            box, claim = HONEST[kind].index(b"ispe") + 8, struct.pack(">II", width, height)
            yield f"{name}.{kind}", patched(HONEST[kind], box, claim)
    yield "bomb-13000x13000.png", encoded(Image.new("1", (13000, 13000)), "PNG")
    yield "bomb-canvas.webp", canvas_webp(16383, 16383)
    yield "lying-rows.png", png(rows=b"\0" * 99)
    lying = {f"t{tag}": (4, 1, 7000) for tag in (256, 257, 278)}
    yield "lying-7000x7000.tiff", tiff(grey_tiff(**lying), bytes(9000))
    yield "profile-bomb.png", png(chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(64 << 20), 9)))
    yield "scans-1000.jpeg", many_scans(1000)
    sizes = {"t322": 32768, "t323": 32000, "t324": 300, "t325": 4096}
    tiles = {tag: (4, 1, value) for tag, value in sizes.items()}
    for packed in (1, 8, 50000):
        tiled = grey_tiff(t259=(3, 1, packed), **tiles)
        yield f"tile-giant-{packed}.tiff", tiff(tiled, bytes(9000))
    for packed in (6, 7, 34712, 65000):
        yield f"packed-{packed}.tiff", tiff(grey_tiff(t259=(3, 1, packed)), bytes(9000))
    many = {f"t{tag}": (4, 2_000_000, 122) for tag in (273, 279)}
    yield "strips-2-million.tiff", tiff(grey_tiff(**many), b"\1" * 8_100_000)
    aimed = {f"t{tag}": (7, 6 << 20, 9) for tag in range(40000, 40500)}
    yield "ifd-500-times-6-MB.tiff", tiff(grey_tiff(**aimed), bytes(7 << 20))
    one, *pages = (tiff(grey_tiff(t262=(3, 1, 6)), following=200 * n) for n in range(1, 50_000))
    pages = b"".join(page[8:].ljust(200, b"\0") for page in pages)
    yield "pages-50000.tiff", one.ljust(200, b"\0") + pages
    yield "metadata-100000.heic", HONEST["heic"] + b"\0\0\0\x0ecdsc\0\1\0\1\0\1" * 100_000
    yield "nan.tiff", encoded(Image.fromarray(np.full((64, 96), np.nan, np.float32)), "TIFF")
    bomb = chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(8 << 20), 9))
    yield "text-bombs.png", png(*[bomb] * 200)
    yield "comments-8-MB.gif", gif_with(b"!\xfe\x01a\0" * (1 << 20))
    yield "too-large.bmp", HONEST["bmp"] + bytes(33 << 20)


def canvas_webp(width: int, height: int) -> bytes:
    """An animation of small frames on a canvas that is as large as the format can say."""
    data = encoded(RGB, "WEBP", save_all=True, append_images=[RGB.rotate(90)])
    at = data.index(b"VP8X") + 12
    return patched(data, at, (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little"))


def many_scans(count: int) -> bytes:
    """A large progressive JPEG that goes over its last scan again and again."""
    data = encoded(RGB.convert("L").resize((2000, 2000)), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:-2] + (data[last : last + 10] + b"\0\0") * count + b"\xff\xd9"


ANSWERS = {"either": cut_or_flipped, "picture": odd_but_honest, "refused": impossible}


@pytest.fixture(scope="module")
def opened(tmp_path_factory) -> dict:
    """What became of every file, and what the process left in its folders."""
    files, home, temporary = (tmp_path_factory.mktemp(n) for n in ("files", "home", "temporary"))
    expected = {}
    for answer, made in ANSWERS.items():
        for name, data in made():
            assert name not in expected
            expected[name] = answer
            (files / name).write_bytes(data)
    command, folders = [sys.executable, "-c", OPEN_ALL, files], {"TMPDIR": temporary, "HOME": home}
    run = subprocess.run(command, cwd=home, env=PLAIN | folders, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-3000:]
    left = [*home.rglob("*"), *temporary.rglob("*")]
    seen = {path.name for path in files.iterdir()}
    return {"report": json.loads(run.stdout), "expected": expected, "left": left, "seen": seen}


def test_each_ends_in_a_good_picture_or_in_one_plain_sentence(opened):
    assert len(opened["expected"]) > 300
    assert opened["report"].keys() == opened["expected"].keys()
    for name, answer in opened["report"].items():
        text = answer.get("refused")
        assert opened["expected"][name] in ("either", "refused" if text else "picture"), name
        if text is None:
            assert answer["mode"] in ("RGB", "RGBA"), name
            assert 32 <= min(answer["size"]) <= max(answer["size"]) <= 4096, name
            continue
        assert re.fullmatch(r"[A-Z][^/<]{,238}\.", text), (name, text)
        assert text.isprintable(), name
        assert not re.search("Traceback|Error|PIL|0x", text), (name, text)


def test_memory_and_time_are_bounded_and_no_file_is_left_or_changed(opened):
    report = opened["report"].items()
    worst = max(report, key=lambda item: item[1]["peak"])
    assert worst[1]["peak"] < BOUND_MB, worst
    assert not [name for name, answer in report if answer["seconds"] > SECONDS_EACH]
    assert not opened["left"]
    assert opened["seen"] == opened["expected"].keys()
