"""Pictures from files and back: upright, in sRGB, bounded, and refused in one sentence."""

import io
import os
import struct
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pillow_heif
import pytest
import torch
from PIL import Image, ImageCms, ImageOps, PngImagePlugin

from nst.errors import BadInput
from nst.pictures.images import (
    browser_preview,
    concerns,
    fit,
    in_colour,
    join_alpha,
    open_photo,
    plain_colour,
    split_alpha,
    to_image,
    to_tensor,
)
from nst.pictures.limits import Limits, limits_from

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (48, 64, 4), dtype=np.uint8)
RGBA = Image.fromarray(PIXELS)
RGB = RGBA.convert("RGB")
RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)
RAMP = Image.linear_gradient("L").resize((64, 48))
SMOOTH = Image.merge("RGB", (RAMP, RAMP.rotate(180), RAMP.rotate(90).resize((64, 48))))
LOSSLESS = {"WEBP": {"lossless": True, "exact": True}, "JPEG": {"quality": 95, "subsampling": 0}}
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
SWAPPED = SRGB.replace(b"rXYZ", b"-XYZ").replace(b"gXYZ", b"rXYZ").replace(b"-XYZ", b"gXYZ")


def encoded(image: Image.Image, kind: str, **options) -> bytes:
    file = io.BytesIO()
    if kind == "HEIC":
        heic = pillow_heif.from_pillow(image)
        heic.info["exif"] = options.get("exif", Image.Exif()).tobytes()
        heic.save(file, quality=100, chroma=444)
    else:
        image.save(file, kind, **LOSSLESS.get(kind, {}) | options)
    return file.getvalue()


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png_with(*chunks: bytes, image: Image.Image = RGB) -> bytes:
    data = encoded(image, "PNG")
    return data[:33] + b"".join(chunks) + data[33:]


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image).astype(int)


def apart(one: Image.Image, other: Image.Image) -> float:
    return float(np.abs(pixels(one) - pixels(other)).mean())


def refusal(source, **limits) -> str:
    with pytest.raises(BadInput) as caught:
        open_photo(source, Limits(**limits))
    return str(caught.value)


class TestSources:
    def test_path_name_bytes_file_and_pil_picture_are_the_same_picture(self, tmp_path):
        path = tmp_path / "photo.jpg"  # the name does not matter
        path.write_bytes(data := encoded(RGB, "PNG"))
        with path.open("rb") as file, path.open("rb") as read, Image.open(path) as picture:
            read.read(100)
            sources = [path, str(path), data, bytearray(data), memoryview(data)]
            for source in [*sources, file, read, io.BytesIO(data), picture, RGB]:
                assert np.array_equal(pixels(open_photo(source)), pixels(RGB))

    def test_a_pil_picture_is_turned_and_converted_and_left_as_it_was(self):
        exif = Image.Exif()
        exif[0x0112] = 6
        with Image.open(
            io.BytesIO(encoded(SMOOTH, "JPEG", exif=exif, icc_profile=SWAPPED))
        ) as picture:
            photo = open_photo(picture)
            assert (photo.size, photo.info, picture.size) == ((48, 64), {}, (64, 48))
            assert picture.getexif()[0x0112] == 6
        clear = RGB.quantize(16)
        clear.info["transparency"] = 3
        assert open_photo(clear).mode == "RGBA"
        assert "50 x 20 pixels" in refusal(Image.new("RGB", (50, 20)))

    def test_anything_else_is_refused_in_a_sentence(self, tmp_path):
        os.mkfifo(tmp_path / "pipe.png")
        for source, words in [
            (tmp_path / "none.jpg", "No such file"),
            ("https://127.0.0.1/photo.png", "No such file"),
            (tmp_path, "not an ordinary file"),
            ("a\0b.png", "cannot be read"),
            ("x" * 5000, "cannot be read"),
            (tmp_path / "pipe.png", "not an ordinary file"),
            (b"", "The file is empty (0 bytes)."),
            (PIXELS, "not as ndarray"),
            (io.StringIO("text"), "not as StringIO"),
            (None, "not as NoneType"),
        ]:
            assert words in refusal(source)

    def test_too_many_bytes_from_any_source_are_refused(self, tmp_path):
        path = tmp_path / "photo.bmp"
        path.write_bytes(data := encoded(RGB, "BMP"))
        for source in (data, path, io.BytesIO(data)):
            assert "at most 0.00390625 MB" in refusal(source, max_bytes=4096)
        assert open_photo(data, Limits(max_bytes=len(data))).size == RGB.size

    def test_pictures_are_decoded_one_at_a_time(self, monkeypatch):
        running, most, load = [], [], PngImagePlugin.PngImageFile.load_end

        def watched(image):
            running.append(image)
            most.append(len(running))
            threading.Event().wait(0.005)
            running.remove(image)
            return load(image)

        monkeypatch.setattr(PngImagePlugin.PngImageFile, "load_end", watched)
        files = [encoded(Image.new("RGB", (40, 40), (i, 0, 0)), "PNG") for i in range(8)]
        with ThreadPoolExecutor(4) as threads:
            found = list(threads.map(open_photo, files))
        assert [photo.getpixel((0, 0))[0] for photo in found] == list(range(8))
        assert most == [1] * 8


class TestKinds:
    def test_every_kind_comes_in(self):
        for kind in ("PNG", "BMP", "TIFF", "WEBP"):
            assert np.array_equal(pixels(open_photo(encoded(RGB, kind))), pixels(RGB))
        for kind in ("JPEG", "AVIF", "HEIC", "GIF"):
            assert apart(open_photo(encoded(SMOOTH, kind)), SMOOTH) < 4, kind

    def test_a_heic_is_known_by_its_content_and_nothing_is_registered(self):
        assert "HEIF" not in Image.OPEN
        data = encoded(SMOOTH, "HEIC")
        assert open_photo(data).size == (64, 48)
        pillow_heif.register_heif_opener()
        try:
            assert open_photo(Image.open(io.BytesIO(data))).size == (64, 48)
        finally:
            del Image.OPEN["HEIF"], Image.SAVE["HEIF"]
            Image.ID.remove("HEIF")

    def test_pictures_come_in_upright(self):
        for kind in ("JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIC"):
            for orientation in range(1, 9):
                exif = Image.Exif()
                exif[0x0112] = orientation
                upright = Image.new("RGB", SMOOTH.size)
                upright.paste(SMOOTH)
                upright.getexif()[0x0112] = orientation
                upright = ImageOps.exif_transpose(upright)
                found = open_photo(encoded(SMOOTH, kind, exif=exif))
                assert found.size == upright.size
                assert apart(found, upright) < 4, (kind, orientation)

    def test_what_is_not_read_is_named_with_a_remedy(self):
        box = b"\0\0\0\x20ftyp"
        for data, name in [
            (b"\xff\x0a" + bytes(99), "JPEG XL"),
            (b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(99), "JPEG XL"),
            (encoded(RGB, "JPEG2000"), "JPEG 2000"),
            (b"II*\0\x10\0\0\0CR\x02\0" + bytes(99), "a camera's raw file"),
            (box + b"crx \0\0\0\1crx isom" + bytes(99), "a camera's raw file"),
            (b"FUJIFILMCCD-RAW 0201" + bytes(99), "a camera's raw file"),
            (box + b"isom\0\0\2\0isomiso2avc1mp41" + bytes(99), "a video"),
            (b"8BPS\0\1" + bytes(99), "a Photoshop document"),
            (b"%PDF-1.7\n", "a PDF document"),
            (b"<?xml version='1.0'?>\n<svg/>", "an SVG drawing"),
            (b"\n<!DOCTYPE html><html>", "a web page"),
            (encoded(RGB, "ICO"), "an icon"),
            (b"PK\3\4" + bytes(99), "an archive"),
        ]:
            assert refusal(data) == f"This is {name}, which can't be read here: " + (
                "export it as JPEG or PNG."
            )
        for data in (b"hello", bytes(100), b"GIF8"):
            assert "not a picture of a kind that can be read. Try JPEG or PNG" in refusal(data)

    def test_a_browser_gets_a_preview_of_what_it_cannot_show(self, tmp_path):
        for kind, wanted in [("TIFF", (32, 24)), ("HEIC", (32, 24)), ("PNG", None), ("AVIF", None)]:
            path = tmp_path / "photo.jpg"
            path.write_bytes(encoded(SMOOTH, kind))
            found = browser_preview(path, 32)
            assert (found and found.size) == wanted


class TestJpeg:
    def test_one_that_is_cut_short_is_shown_as_viewers_do(self):
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
        assert concerns(cut, [RGB]) == [cut.info["note"]]
        assert open_photo(data).info == {}

    def test_one_beyond_the_limit_is_decoded_reduced_and_others_are_told_how(self):
        photo, limits = fit(SMOOTH, 640), {"max_pixels": 100_000, "kept_side": 320}
        assert open_photo(encoded(photo, "JPEG"), Limits(**limits)).size == (320, 240)
        for data in (encoded(photo, "PNG"), encoded(photo, "JPEG", progressive=True)):
            assert "at most 0.1 megapixels are allowed; make it smaller" in refusal(data, **limits)
        assert "at most 0.08 megapixels" in refusal(encoded(photo, "JPEG"), max_pixels=10_000)


class TestTiff:
    def test_what_scanners_and_programs_write_is_read(self):
        bits = RAMP.convert("1")
        for image, packing in [
            *((bits, p) for p in ("group3", "group4", "tiff_lzw", "packbits")),
            *((RGB, p) for p in ("tiff_lzw", "tiff_adobe_deflate", "lzma", "zstd")),
        ]:
            found = open_photo(encoded(image, "TIFF", compression=packing))
            assert np.array_equal(pixels(found), pixels(image.convert("RGB"))), packing
        assert (
            apart(open_photo(encoded(SMOOTH, "TIFF", compression="jpeg", quality=95)), SMOOTH) < 4
        )
        big = encoded(RGB, "TIFF", big_tiff=True)
        assert big[2] == 43
        assert np.array_equal(pixels(open_photo(big)), pixels(RGB))

    def test_what_pillow_reads_wrong_or_not_at_all_is_named(self):
        deep = Image.fromarray(np.zeros((48, 64), np.float32))
        planes = encoded(RGB, "TIFF")
        for data, tag, values, words in [
            (patched_tiff(planes, 284, 2), 258, (16, 16, 16), "3 x 16 bits, unsigned numbers, in"),
            (
                patched_tiff(planes, 339, 3, 3, 3),
                258,
                (32, 32, 32),
                "3 x 32 bits, floating numbers",
            ),
            (encoded(deep, "TIFF"), 258, (64,), "1 x 64 bits, floating"),
            (encoded(RAMP, "TIFF"), 339, (2,), "1 x 8 bits, signed"),
            (encoded(RAMP.convert("RGBA").convert("LA"), "TIFF"), 258, (16, 16), "2 x 16 bits"),
            (planes, 262, (6,), "colours 6"),
            (planes, 262, (32844,), "colours 32844"),
            (planes, 259, (34712,), "compression 34712"),
        ]:
            found = refusal(patched_tiff(data, tag, *values))
            assert "This is a TIFF of" in found
            assert "can't be read here: export it as JPEG or PNG." in found
            assert words in found

    def test_white_is_zero_is_positive_in_any_depth(self):
        deep = np.linspace(0, 65535, 64 * 48).round().astype(np.uint16).reshape(48, 64)
        expected = 255 - deep / 257
        for image in (Image.fromarray(deep), Image.fromarray((deep // 257).astype(np.uint8))):
            found = pixels(open_photo(patched_tiff(encoded(image, "TIFF"), 262, 0)))
            assert np.abs(found - expected[..., None]).max() <= 1

    def test_a_big_endian_file_is_read_right(self):
        deep = np.linspace(0, 65535, 64 * 48).round().astype(">u2").reshape(48, 64)
        numbers = {256: 64, 257: 48, 258: 16, 259: 1, 262: 1, 273: 200, 277: 1, 278: 48}
        numbers[279] = deep.nbytes
        entries = b"".join(struct.pack(">HHII", t, 4, 1, v) for t, v in numbers.items())
        head = b"MM\0*\0\0\0\x08" + struct.pack(">H", len(numbers)) + entries
        found = pixels(open_photo(head.ljust(200, b"\0") + deep.tobytes()))
        assert np.abs(found - (deep / 257)[..., None]).max() <= 1

    def test_the_largest_page_is_taken_and_no_mask(self):
        small = Image.new("RGB", (40, 30), BLUE)
        data = encoded(small, "TIFF", save_all=True, append_images=[RGB, small])
        assert np.array_equal(pixels(open_photo(data)), pixels(RGB))
        data = encoded(RGB, "TIFF", save_all=True, append_images=[RGB.rotate(180)])
        assert np.array_equal(pixels(open_photo(data)), pixels(RGB))

    def test_a_raw_file_is_not_painted_from_its_preview(self):
        tiff = encoded(RAMP, "TIFF")
        for data in (
            patched_tiff(tiff, 50706, 1, 4),
            patched_tiff(patched_tiff(tiff, 254, 1), 330, 0),
            patched_tiff(tiff, 262, 32803),
        ):
            assert "a camera's raw file" in refusal(data)


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


class TestColours:
    def test_a_profile_is_heeded(self):
        photo = Image.new("RGB", (40, 40), (200, 120, 80))
        for kind in ("JPEG", "PNG", "WEBP", "TIFF", "AVIF"):
            data = encoded(photo, kind, icc_profile=SWAPPED)
            found = np.array(open_photo(data).getpixel((20, 20)))
            assert np.abs(found - (120, 200, 80)).max() <= 3, kind

    def test_a_broken_giant_or_foreign_profile_is_left_out(self):
        for profile in (b"", b"junk", b"\0" * 5000, SRGB[:200], b"x" * (5 << 20)):
            photo = open_photo(encoded(RGB, "TIFF", icc_profile=profile))
            assert np.array_equal(pixels(photo), pixels(RGB))
        photo = open_photo(encoded(RGB.convert("L"), "PNG", icc_profile=SRGB))
        assert np.array_equal(pixels(photo)[..., 0], pixels(RGB.convert("L")))

    def test_gamma_of_a_png_is_heeded_as_browsers_do(self):
        linear, usual = chunk(b"gAMA", struct.pack(">I", 100000)), struct.pack(">I", 45455)
        shades = Image.new("RGB", (40, 40), (147, 2, 55))
        # Linear 147 of 255 is 200 in sRGB.
        found = open_photo(png_with(linear, image=shades)).getpixel((9, 9))
        assert np.abs(np.array(found) - (200, 22, 128)).max() <= 1
        grey = open_photo(png_with(linear, image=shades.convert("L").point(lambda _: 147)))
        assert abs(grey.getpixel((9, 9))[1] - 200) <= 1
        for ignored in (
            chunk(b"gAMA", usual),
            linear + chunk(b"sRGB", b"\0"),
            chunk(b"gAMA", bytes(4)),
            chunk(b"cICP", bytes([1, 13, 0, 1])) + linear,
        ):
            assert np.array_equal(pixels(open_photo(png_with(ignored))), pixels(RGB))

    def test_colours_beyond_srgb_without_a_profile_are_refused_by_name(self):
        codes = {(9, 16): "HDR (PQ)", (9, 18): "HDR (HLG)", (9, 1): "BT.2020"}
        codes[12, 13] = "Display P3"
        for pair, name in codes.items():
            data = png_with(chunk(b"cICP", bytes([*pair, 0, 1])))
            assert f"in {name} without a profile: export it in standard" in refusal(data)

    def test_cmyk_is_not_inverted(self):
        cmyk = Image.new("CMYK", (40, 40), (255, 0, 0, 30))
        for kind in ("JPEG", "TIFF"):
            found = np.array(open_photo(encoded(cmyk, kind)).getpixel((20, 20)))
            assert np.abs(found - (5, 225, 225)).max() <= 5

    def test_lab_and_floating_point_pictures_are_refused_by_name(self):
        for mode, name in {"LAB": "colours 8", "F": "floating numbers"}.items():
            image = Image.new(mode, (40, 40))
            assert name in refusal(encoded(image, "TIFF"))
            assert f"a picture of mode {mode}" in refusal(image)

    def test_deep_grey_keeps_its_tones_and_its_transparent_value(self):
        deep = np.linspace(0, 65535, 64 * 48).round().astype(np.uint16).reshape(48, 64)
        for kind in ("PNG", "TIFF"):
            photo = pixels(open_photo(encoded(Image.fromarray(deep), kind)))
            assert np.abs(photo - (deep / 257)[..., None]).max() <= 0.51
        data = encoded(Image.fromarray(deep), "PNG", transparency=int(deep[20, 20]))
        assert np.array_equal(pixels(open_photo(data))[..., 3] == 0, deep == deep[20, 20])

    def test_nothing_of_the_file_but_its_pixels_is_carried_over(self):
        exif = Image.Exif()
        exif[0x010E] = "where I live"
        for kind in ("JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIC"):
            photo = open_photo(encoded(RGB, kind, exif=exif, icc_profile=SWAPPED))
            assert photo.info == {}
            assert not photo.getexif()


class TestTransparency:
    def test_alpha_is_kept_and_dropped_where_it_hides_nothing(self):
        for kind in ("PNG", "TIFF", "WEBP"):
            assert np.array_equal(pixels(open_photo(encoded(RGBA, kind))), PIXELS)
        grey = open_photo(encoded(RGBA.convert("LA"), "PNG"))
        assert np.array_equal(pixels(grey)[..., 3], PIXELS[..., 3])
        palette = RGB.quantize(16)
        for kind in ("PNG", "GIF"):
            photo = open_photo(encoded(palette, kind, transparency=5))
            assert np.array_equal(pixels(photo)[..., 3] == 0, np.asarray(palette) == 5)
        assert open_photo(encoded(RGB.convert("RGBA"), "PNG")).mode == "RGB"

    def test_a_picture_that_is_transparent_all_over_is_refused(self):
        for kind in ("PNG", "WEBP", "TIFF"):
            assert "transparent all over" in refusal(encoded(Image.new("RGBA", (40, 40)), kind))

    def test_what_is_under_transparent_pixels_becomes_the_mean_of_what_is_seen(self):
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

    def test_the_alpha_comes_back_on_the_painting_at_its_size(self):
        picture, alpha = split_alpha(RGBA)
        assert np.array_equal(pixels(join_alpha(RGB, alpha)), PIXELS)
        assert join_alpha(Image.new("RGB", (128, 96)), alpha).getchannel("A").size == (128, 96)
        assert split_alpha(RGB)[1] is None
        assert join_alpha(picture, None) is picture


class TestAnimations:
    def test_the_first_frame_that_shows_something_comes_in(self):
        blank, clear = Image.new("RGB", (64, 48)), Image.new("RGBA", (64, 48))
        later = SMOOTH.rotate(180)
        for kind in ("GIF", "PNG", "WEBP"):
            for frames in (
                [SMOOTH, later],
                [blank, SMOOTH],
                [clear, SMOOTH.convert("RGBA"), later],
            ):
                first, *rest = (frame.quantize(64) for frame in frames) if kind == "GIF" else frames
                data = encoded(first, kind, save_all=True, append_images=rest)
                assert apart(open_photo(data), SMOOTH) < 12, kind
            plain = [Image.new("RGB", (40, 40), colour) for colour in (RED, BLUE)]
            data = encoded(plain[0], kind, save_all=True, append_images=plain[1:])
            assert open_photo(data).getpixel((5, 5)) == RED

    def test_a_first_frame_smaller_than_its_gif_leaves_the_rest_transparent(self):
        data = bytearray(encoded(RGB.quantize(16), "GIF"))
        data[6:10] = struct.pack("<HH", 128, 96)
        photo = open_photo(bytes(data))
        assert photo.size == (128, 96)
        seen = pixels(photo)[..., 3] == 255
        assert seen[:48, :64].all()
        assert seen.sum() == 48 * 64


class TestSizes:
    def test_sizes_are_refused_from_the_header_alone(self):
        for size, words in [
            ((1, 1), "1 x 1 pixels: a side may have from 32 to 20000"),
            ((10, 4000), "10 x 4000 pixels: a side may have"),
            ((40, 400), "40 x 400 pixels: the longer side may be at most 8 times the shorter"),
            ((20001, 2600), "20001 x 2600 pixels: a side may have"),
            ((20000, 10000), "at most 50 megapixels are allowed"),
        ]:
            header = chunk(b"IHDR", struct.pack(">IIBBBBB", *size, 8, 2, 0, 0, 0))
            assert words in refusal(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", b""))
        large = encoded(Image.new("RGB", (600, 300), RED), "PNG")
        assert open_photo(large, Limits(kept_side=200)).size == (200, 100)

    def test_an_operator_sets_bytes_and_pixels(self):
        assert limits_from({}) == Limits()
        found = limits_from({"NST_MAX_UPLOAD_MB": "2", "NST_MAX_PIXELS": "1000000"})
        assert found == Limits(max_bytes=2 << 20, max_pixels=1_000_000)
        for text in ("0", "-3", "many", "1.5", "nan", "inf", "1e400"):
            with pytest.raises(BadInput, match="NST_MAX_PIXELS must be a whole number above 0"):
                limits_from({"NST_MAX_PIXELS": text})

    def test_fit_makes_the_long_side_what_was_asked_and_keeps_the_aspect(self):
        for size in [(300, 200), (200, 300), (100, 100), (99, 37)]:
            for long_side in (64, 150):
                found = fit(Image.new("RGB", size), long_side).size
                assert max(found) == long_side
                assert min(found) == pytest.approx(long_side * min(size) / max(size), abs=0.5)
        assert fit(Image.new("RGB", (50, 40)), 100, enlarge=False).size == (50, 40)
        assert fit(Image.new("RGB", (50, 40)), 25, enlarge=False).size == (25, 20)
        assert fit(Image.new("RGB", (800, 100)), 64).size == (64, 16)

        board = Image.fromarray(np.indices((256, 256)).sum(0).astype(np.uint8) % 2 * 255)
        assert np.abs(pixels(fit(board.convert("RGB"), 64)) - 127.5).max() < 4, "aliased"


class TestPlainStyles:
    def test_one_colour_is_known_even_through_a_jpeg_and_said_before_painting(self):
        plain = Image.new("RGB", (90, 60), (200, 30, 30))
        found = plain_colour(open_photo(encoded(plain, "JPEG")))
        assert np.abs(np.array(found) - (200, 30, 30)).max() <= 2
        assert concerns(SMOOTH, [RGB]) == concerns(SMOOTH, [RGB, plain]) == []
        assert "The style is of one colour" in concerns(SMOOTH, [plain])[0]
        plain.paste(BLUE, (40, 30, 50, 40))
        assert plain_colour(plain) is None

    def test_the_photo_in_a_colour_keeps_its_tones_and_alpha(self):
        ramp = RAMP.convert("RGB")
        ramp.putalpha(RAMP)
        found = in_colour(ramp, (200, 30, 30))
        assert np.array_equal(pixels(found.getchannel("A")), pixels(RAMP))
        grey = pixels(in_colour(SMOOTH, (200, 30, 30)).convert("L"))
        assert np.abs(grey - pixels(SMOOTH.convert("L"))).max() <= 3
        assert in_colour(SMOOTH, (0, 0, 0)).size == SMOOTH.size


class TestTensors:
    def test_every_value_goes_to_a_tensor_and_back_in_its_place(self):
        ramp = np.arange(256 * 3, dtype=np.uint8).reshape(16, 16, 3)
        tensor = to_tensor(Image.fromarray(ramp))
        assert (tensor.shape, tensor.dtype) == ((1, 3, 16, 16), torch.float32)
        assert (tensor.min(), tensor.max()) == (0, 1)
        assert np.array_equal(pixels(to_image(tensor)), ramp)
        picture = Image.new("RGB", (30, 20))
        picture.putpixel((7, 3), GREEN)
        assert to_tensor(picture).nonzero().tolist() == [[0, 1, 3, 7]]

    def test_any_float_type_becomes_a_picture_clamped_and_rounded_to_the_nearest(self):
        tensor = torch.tensor([-1.0, 2.0, 100.4 / 255, 100.6 / 255]).expand(1, 3, 1, 4)
        assert pixels(to_image(tensor))[0, :, 0].tolist() == [0, 255, 100, 101]
        for dtype in (torch.bfloat16, torch.float16, torch.float64):
            tensor = to_tensor(RGB).to(dtype).to(memory_format=torch.channels_last)
            assert np.abs(pixels(to_image(tensor.requires_grad_())) - pixels(RGB)).max() <= 1
