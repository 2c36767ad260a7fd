"""Pictures from files and back: upright, in sRGB, bounded, and refused in one sentence."""

import io
import os
import re
import struct
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pillow_heif
import pytest
import torch
from files import chunk, encoded
from PIL import Image, ImageCms, ImageOps, PngImagePlugin

from nst.errors import BadInput
from nst.pictures import images
from nst.pictures.images import fit, join_alpha, open_photo, split_alpha, to_image, to_tensor
from nst.pictures.limits import Limits

PIXELS = np.random.default_rng(0).integers(0, 256, (48, 64, 4), dtype=np.uint8)
RGBA = Image.fromarray(PIXELS)
RGB = RGBA.convert("RGB")
RAMP = Image.linear_gradient("L").resize((64, 48))
SMOOTH = Image.merge("RGB", (RAMP, RAMP.rotate(180), RAMP.rotate(90).resize((64, 48))))
DEEP = np.linspace(0, 65535, 64 * 48).round().astype(np.uint16).reshape(48, 64)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
SWAPPED = SRGB.replace(b"rXYZ", b"-XYZ").replace(b"gXYZ", b"rXYZ").replace(b"-XYZ", b"gXYZ")

REMEDY = "which can't be read here: export it as JPEG or PNG."


def png_with(*chunks: bytes, image: Image.Image = RGB) -> bytes:
    data = encoded(image, "PNG")
    return data[:33] + b"".join(chunks) + data[33:]


def patched_tiff(data: bytes, tag: int, *values: int) -> bytes:
    """The little-endian TIFF with other numbers, of 16 bits, in one entry of its directory."""
    start = int.from_bytes(data[4:8], "little")
    count = int.from_bytes(data[start : start + 2], "little")
    places = range(start + 2, start + 2 + 12 * count, 12)
    entries = {int.from_bytes(data[at : at + 2], "little"): data[at : at + 12] for at in places}
    packed, where = struct.pack(f"<{len(values)}H", *values).ljust(4, b"\0"), len(data)
    inside = packed if len(packed) == 4 else struct.pack("<I", where)
    entries[tag] = struct.pack("<HHI", tag, 3, len(values)) + inside
    body = b"".join(entries[key] for key in sorted(entries)) + bytes(4)
    directory = struct.pack("<H", len(entries)) + body
    head = data[:4] + struct.pack("<I", where + len(packed))
    return head + data[8:] + packed + directory


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image).astype(int)


def same(one: Image.Image, other: Image.Image) -> bool:
    return np.array_equal(pixels(one), pixels(other))


def apart(one: Image.Image, other: Image.Image) -> float:
    return float(np.abs(pixels(one) - pixels(other)).mean())


def refusal(source, **limits) -> str:
    with pytest.raises(BadInput) as caught:
        open_photo(source, Limits(**limits))
    return str(caught.value)


def test_path_name_bytes_file_and_pil_picture_are_the_same_picture_up_to_a_limit(tmp_path):
    path = tmp_path / "photo.jpg"  # the name does not matter
    path.write_bytes(data := encoded(RGB, "BMP"))
    with path.open("rb") as file, path.open("rb") as read, Image.open(path) as picture:
        read.read(100)
        sources = [path, str(path), data, bytearray(data), memoryview(data)]
        for source in [*sources, file, read, io.BytesIO(data), picture, RGB]:
            assert same(open_photo(source, Limits(max_bytes=len(data))), RGB)
        for source in (data, path, file):
            assert "at most 0.00390625 MB" in refusal(source, max_bytes=4096)


def test_a_pil_picture_is_turned_and_converted_and_left_as_it_was():
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(SMOOTH, "JPEG", exif=exif, icc_profile=SWAPPED)
    with Image.open(io.BytesIO(data)) as picture:
        photo = open_photo(picture)
        assert (photo.size, photo.info, picture.size) == ((48, 64), {}, (64, 48))
        assert picture.getexif()[0x0112] == 6
    clear = RGB.quantize(16)
    clear.info["transparency"] = 3
    assert open_photo(clear).mode == "RGBA"
    assert "50 x 20 pixels" in refusal(Image.new("RGB", (50, 20)))
    assert "HEIF" not in Image.OPEN  # others may register it
    pillow_heif.register_heif_opener()
    try:
        assert open_photo(Image.open(io.BytesIO(encoded(SMOOTH, "HEIC")))).size == (64, 48)
    finally:
        del Image.OPEN["HEIF"], Image.SAVE["HEIF"]
        Image.ID.remove("HEIF")


def test_anything_else_is_refused_in_a_sentence(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    for source, words in [
        ("https://127.0.0.1/photo.png", "No such file"),
        (tmp_path, "not an ordinary file"),
        (tmp_path / "pipe.png", "not an ordinary file"),
        (b"", "The file is empty (0 bytes)."),
        (io.StringIO("text"), "not as StringIO"),
    ]:
        assert words in refusal(source)


def test_pictures_are_decoded_one_at_a_time(monkeypatch):
    running, most, load = [], [], PngImagePlugin.PngImageFile.load_end

    def watched(image):
        running.append(image)
        most.append(len(running))
        threading.Event().wait(0.005)
        running.remove(image)
        return load(image)

    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load_end", watched)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(open_photo, [encoded(RGB, "PNG")] * 8))
    assert most == [1] * 8


def test_pictures_come_in_upright_and_without_metadata():
    for kind in ("JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIC"):
        for orientation in range(1, 9):
            exif = Image.Exif()
            exif[0x0112], exif[0x010E] = orientation, "where I live"
            upright = SMOOTH.copy()
            upright.getexif()[0x0112] = orientation
            upright = ImageOps.exif_transpose(upright)
            found = open_photo(encoded(SMOOTH, kind, exif=exif))
            assert found.size == upright.size
            assert apart(found, upright) < 4, (kind, orientation)
            assert not found.info
            assert not found.getexif()


def test_what_is_not_read_is_named_with_a_remedy():
    box = b"\0\0\0\x20ftyp"
    for data, name in [
        (b"\xff\x0a" + bytes(99), "JPEG XL"),
        (b"II*\0\x10\0\0\0CR\x02\0" + bytes(99), "a camera's raw file"),
        (box + b"crx \0\0\0\1crx isom" + bytes(99), "a camera's raw file"),
        (box + b"isom\0\0\2\0isomiso2avc1mp41" + bytes(99), "a video"),
        (b"%PDF-1.7\n", "a PDF document"),
        (b"<?xml version='1.0'?>\n<svg/>", "an SVG drawing"),
        (encoded(RGB, "ICO"), "an icon"),
    ]:
        assert refusal(data) == f"This is {name}, {REMEDY}"
    for data in (b"hello", bytes(100), b"GIF8"):
        assert "not a picture of a kind that can be read. Try JPEG or PNG" in refusal(data)


def test_a_jpeg_that_is_cut_short_is_shown_as_viewers_do():
    for options in ({}, {"progressive": True}):
        data = encoded(fit(SMOOTH, 320), "JPEG", **options)
        whole = open_photo(data)
        for lost in (1, 2):
            found = open_photo(data[:-lost])
            assert apart(found, whole) < 0.1
            assert bool(found.info) == bool(options)  # only the end mark of a baseline one
    cut = open_photo(encoded(fit(SMOOTH, 640), "JPEG")[:-2000])
    assert "This JPEG is cut short" in cut.info["note"]
    assert fit(cut, 100).info == cut.info
    assert images.concerns(cut, [RGB]) == [cut.info["note"]]
    assert not whole.info


def test_tiffs_that_scanners_and_programs_write_are_read():
    bits = RAMP.convert("1")
    for image, packing in [
        *((bits, p) for p in ("group3", "group4", "tiff_lzw", "packbits")),
        *((RGB, p) for p in ("tiff_lzw", "tiff_adobe_deflate", "lzma", "zstd")),
    ]:
        found = open_photo(encoded(image, "TIFF", compression=packing))
        assert same(found, image.convert("RGB")), packing
    found = open_photo(encoded(SMOOTH, "TIFF", compression="jpeg", quality=95))
    assert apart(found, SMOOTH) < 4
    assert same(open_photo(encoded(RGB, "TIFF", big_tiff=True)), RGB)
    small = Image.new("RGB", (40, 30), "blue")
    for first, *others in ((small, RGB, small), (RGB, RGB.rotate(180))):  # the largest page
        data = encoded(first, "TIFF", save_all=True, append_images=others)
        assert same(open_photo(data), RGB)


def test_tiffs_that_pillow_reads_wrong_or_not_at_all_are_named():
    grey, planes = encoded(RAMP, "TIFF"), encoded(RGB, "TIFF")
    floats, apart = patched_tiff(planes, 339, 3, 3, 3), patched_tiff(planes, 284, 2)
    deep = encoded(Image.fromarray(np.zeros((48, 64), np.float32)), "TIFF")
    for data, tag, values, words in [
        (apart, 258, (16, 16, 16), "3 x 16 bits, unsigned numbers, in"),
        (floats, 258, (32, 32, 32), "3 x 32 bits, floating numbers"),
        (deep, 258, (64,), "1 x 64 bits, floating"),
        (grey, 339, (2,), "1 x 8 bits, signed"),
        (encoded(RAMP.convert("LA"), "TIFF"), 258, (16, 16), "2 x 16 bits"),
        (planes, 262, (6,), "colours 6"),
        (planes, 259, (34712,), "compression 34712"),
    ]:
        found = refusal(patched_tiff(data, tag, *values))
        assert re.fullmatch(f"This is a TIFF of .*{words}.*, {REMEDY}", found)
    # A camera's raw file is not painted from its preview.
    preview = patched_tiff(patched_tiff(grey, 254, 1), 330, 0)
    for raw in (patched_tiff(grey, 50706, 1, 4), preview, patched_tiff(grey, 262, 32803)):
        assert "a camera's raw file" in refusal(raw)


def test_deep_grey_keeps_its_tones_in_any_order_of_bytes_and_its_transparent_value():
    deep, tones = Image.fromarray(DEEP), (DEEP / 257)[..., None]
    numbers = {256: 64, 257: 48, 258: 16, 259: 1, 262: 1, 273: 200, 277: 1, 278: 48}
    numbers[279] = DEEP.nbytes
    entries = b"".join(struct.pack(">HHII", t, 4, 1, v) for t, v in numbers.items())
    head = b"MM\0*\0\0\0\x08" + struct.pack(">H", len(numbers)) + entries
    big_endian = head.ljust(200, b"\0") + DEEP.astype(">u2").tobytes()
    for data in (encoded(deep, "PNG"), encoded(deep, "TIFF"), big_endian):
        assert np.abs(pixels(open_photo(data)) - tones).max() <= 0.51
    data = encoded(deep, "PNG", transparency=int(DEEP[20, 20]))
    assert np.array_equal(pixels(open_photo(data))[..., 3] == 0, DEEP[20, 20] == DEEP)
    for grey in (DEEP, (DEEP // 257).astype(np.uint8)):  # white is zero
        found = open_photo(patched_tiff(encoded(Image.fromarray(grey), "TIFF"), 262, 0))
        assert np.abs(pixels(found) - (255 - tones)).max() <= 1


def test_a_profile_is_heeded_unless_it_is_broken_giant_or_foreign():
    photo = Image.new("RGB", (40, 40), (200, 120, 80))
    for kind in ("JPEG", "PNG", "WEBP", "TIFF", "AVIF"):
        found = open_photo(encoded(photo, kind, icc_profile=SWAPPED))
        assert np.abs(np.array(found.getpixel((20, 20))) - (120, 200, 80)).max() <= 3, kind
        assert not found.info
    for profile in (b"", b"junk", b"\0" * 5000, SRGB[:200], b"x" * (5 << 20)):
        assert same(open_photo(encoded(RGB, "TIFF", icc_profile=profile)), RGB)
    grey = RGB.convert("L")
    assert same(open_photo(encoded(grey, "PNG", icc_profile=SRGB)), grey.convert("RGB"))


def test_gamma_of_a_png_is_heeded_as_browsers_do():
    linear, usual = chunk(b"gAMA", struct.pack(">I", 100000)), struct.pack(">I", 45455)
    shades = Image.new("RGB", (40, 40), (147, 2, 55))
    # Linear 147 of 255 is 200 in sRGB.
    found = open_photo(png_with(linear, image=shades)).getpixel((9, 9))
    assert np.abs(np.array(found) - (200, 22, 128)).max() <= 1
    grey = open_photo(png_with(linear, image=Image.new("L", (40, 40), 147)))
    assert abs(grey.getpixel((9, 9))[1] - 200) <= 1
    for ignored in (
        chunk(b"gAMA", usual),
        linear + chunk(b"sRGB", b"\0"),
        chunk(b"gAMA", bytes(4)),
        chunk(b"cICP", bytes([1, 13, 0, 1])) + linear,
    ):
        assert same(open_photo(png_with(ignored)), RGB)


def test_colours_beyond_srgb_without_a_profile_are_refused_by_name():
    codes = {(9, 16): "HDR (PQ)", (9, 18): "HDR (HLG)", (9, 1): "BT.2020", (12, 13): "Display P3"}
    for pair, name in codes.items():
        data = png_with(chunk(b"cICP", bytes([*pair, 0, 1])))
        assert f"in {name} without a profile: export it in standard" in refusal(data)


def test_cmyk_is_not_inverted_and_lab_and_floating_point_are_refused_by_name():
    cmyk = Image.new("CMYK", (40, 40), (255, 0, 0, 30))
    for kind in ("JPEG", "TIFF"):
        found = np.array(open_photo(encoded(cmyk, kind)).getpixel((20, 20)))
        assert np.abs(found - (5, 225, 225)).max() <= 5
    for mode, name in {"LAB": "colours 8", "F": "floating numbers"}.items():
        image = Image.new(mode, (40, 40))
        assert name in refusal(encoded(image, "TIFF"))
        assert f"a picture of mode {mode}" in refusal(image)


def test_alpha_is_kept_and_dropped_where_it_hides_nothing():
    for kind in ("PNG", "TIFF", "WEBP"):
        assert same(open_photo(encoded(RGBA, kind)), RGBA)
        clear = Image.new("RGBA", (40, 40))
        assert "transparent all over" in refusal(encoded(clear, kind))
    grey = open_photo(encoded(RGBA.convert("LA"), "PNG"))
    assert same(grey.getchannel("A"), RGBA.getchannel("A"))
    palette = RGB.quantize(16)
    for kind in ("PNG", "GIF"):
        photo = open_photo(encoded(palette, kind, transparency=5))
        assert np.array_equal(pixels(photo)[..., 3] == 0, np.asarray(palette) == 5)
    assert open_photo(encoded(RGB.convert("RGBA"), "PNG")).mode == "RGB"


def test_what_is_under_transparent_pixels_is_the_mean_of_what_is_seen_until_alpha_comes_back():
    values = np.zeros((40, 40, 4), np.uint8)
    values[:, :20] = (200, 100, 50, 255)
    picture, alpha = split_alpha(Image.fromarray(values))
    assert picture.getcolors() == [(1600, (200, 100, 50))]
    assert np.array_equal(pixels(alpha), values[..., 3])
    picture, _ = split_alpha(Image.new("RGBA", (40, 40), (0, 0, 0, 0)))
    assert picture.getcolors() == [(1600, (128, 128, 128))]
    values[:, :19] = 255
    values[:, 19:] = 0
    picture, _ = split_alpha(fit(Image.fromarray(values), 20))
    assert pixels(picture).min() >= 253, "hidden colour bleeds into the edge"
    assert same(join_alpha(RGB, split_alpha(RGBA)[1]), RGBA)
    assert join_alpha(Image.new("RGB", (128, 96)), alpha).getchannel("A").size == (128, 96)


def test_the_first_frame_of_an_animation_that_shows_something_comes_in():
    blank, clear, later = Image.new("RGB", (64, 48)), Image.new("RGBA", (64, 48)), RGB.rotate(180)
    red, blue = (Image.new("RGB", (64, 48), colour) for colour in ("red", "blue"))
    for kind in ("GIF", "PNG", "WEBP"):
        for shown, *frames in (
            (SMOOTH, SMOOTH, later),
            (SMOOTH, blank, SMOOTH),
            (SMOOTH, clear, SMOOTH.convert("RGBA"), later),
            (red, red, blue),
        ):
            first, *rest = (frame.quantize(64) for frame in frames) if kind == "GIF" else frames
            data = encoded(first, kind, save_all=True, append_images=rest)
            assert apart(open_photo(data), shown) < 12, kind
    # A first frame smaller than its GIF leaves the rest transparent.
    data = bytearray(encoded(RGB.quantize(16), "GIF"))
    data[6:10] = struct.pack("<HH", 128, 96)
    seen = np.zeros((96, 128), bool)
    seen[:48, :64] = True
    assert np.array_equal(pixels(open_photo(bytes(data)))[..., 3] == 255, seen)


def test_sizes_are_refused_from_the_header_alone_and_a_large_jpeg_is_decoded_reduced():
    for size, words in [
        ((1, 1), "1 x 1 pixels: a side may have from 32 to 20000"),
        ((40, 400), "40 x 400 pixels: the longer side may be at most 8 times the shorter"),
        ((20001, 2600), "20001 x 2600 pixels: a side may have"),
        ((20000, 10000), "at most 50 megapixels are allowed"),
    ]:
        header = chunk(b"IHDR", struct.pack(">IIBBBBB", *size, 8, 2, 0, 0, 0))
        assert words in refusal(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", b""))
    photo, limits = fit(SMOOTH, 640), {"max_pixels": 100_000, "kept_side": 320}
    assert open_photo(encoded(photo, "JPEG"), Limits(**limits)).size == (320, 240)
    for data in (encoded(photo, "PNG"), encoded(photo, "JPEG", progressive=True)):
        assert "at most 0.1 megapixels are allowed; make it smaller" in refusal(data, **limits)
    assert "at most 0.08 megapixels" in refusal(encoded(photo, "JPEG"), max_pixels=10_000)


def test_fit_makes_the_long_side_what_was_asked_and_keeps_the_aspect():
    for size, asked, fitted in (
        ((300, 200), 150, (150, 100)),
        ((200, 300), 600, (400, 600)),
        ((99, 37), 64, (64, 24)),
        ((800, 100), 64, (64, 16)),
    ):
        assert fit(Image.new("RGB", size), asked).size == fitted
    small = Image.new("RGB", (50, 40))
    assert [fit(small, side, enlarge=False).size for side in (100, 25)] == [(50, 40), (25, 20)]


def test_one_colour_is_known_even_through_a_jpeg_said_before_painting_and_given_to_the_photo():
    plain = Image.new("RGB", (90, 60), (200, 30, 30))
    found = images.plain_colour(open_photo(encoded(plain, "JPEG")))
    assert np.abs(np.array(found) - (200, 30, 30)).max() <= 2
    assert images.concerns(SMOOTH, [RGB]) == images.concerns(SMOOTH, [RGB, plain]) == []
    assert "The style is of one colour" in images.concerns(SMOOTH, [plain])[0]
    plain.paste("blue", (40, 30, 50, 40))
    assert images.plain_colour(plain) is None
    for colour in ((200, 30, 30), (0, 0, 0)):
        painted = images.in_colour(join_alpha(RAMP.convert("RGB"), RAMP), colour)
        assert same(painted.getchannel("A"), RAMP)
    grey = images.in_colour(SMOOTH, (200, 30, 30)).convert("L")
    assert apart(grey, SMOOTH.convert("L")) <= 2


def test_every_value_goes_to_a_tensor_of_any_type_and_back_in_its_place():
    ramp = Image.fromarray(np.arange(256 * 3, dtype=np.uint8).reshape(16, 16, 3))
    tensor = to_tensor(ramp)
    assert (tensor.shape, tensor.dtype) == ((1, 3, 16, 16), torch.float32)
    assert (tensor.min(), tensor.max()) == (0, 1)
    assert same(to_image(tensor), ramp)
    picture = Image.new("RGB", (30, 20))
    picture.putpixel((7, 3), (0, 255, 0))
    assert to_tensor(picture).nonzero().tolist() == [[0, 1, 3, 7]]
    tensor = torch.tensor([-1.0, 2.0, 100.4 / 255, 100.6 / 255]).expand(1, 3, 1, 4)
    assert pixels(to_image(tensor))[0, :, 0].tolist() == [0, 255, 100, 101]
    for dtype in (torch.bfloat16, torch.float16, torch.float64):
        tensor = to_tensor(RGB).to(dtype).to(memory_format=torch.channels_last)
        assert np.abs(pixels(to_image(tensor.requires_grad_())) - pixels(RGB)).max() <= 1
