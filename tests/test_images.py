"""Pictures from files and back: upright, in sRGB, bounded, and refused in one sentence."""

import io
import os
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms, ImageOps

from nst.errors import BadInput
from nst.pictures import images
from nst.pictures.images import (
    Limits,
    fit,
    join_alpha,
    open_photo,
    split_alpha,
    to_image,
    to_tensor,
)

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (48, 64, 4), dtype=np.uint8)
RGBA = Image.fromarray(PIXELS)
RGB = RGBA.convert("RGB")
RED, BLUE = (255, 0, 0), (0, 0, 255)


def encoded(image: Image.Image, kind: str, **options) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image).astype(int)


def refusal(source, **limits) -> str:
    with pytest.raises(BadInput) as caught:
        open_photo(source, Limits(**limits))
    return str(caught.value)


def srgb_profile(**primaries: tuple[float, float, float]) -> bytes:
    """Little CMS's sRGB profile with some of its primaries (XYZ under D50) replaced."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    for name, xyz in primaries.items():
        entry = profile.find(name.encode(), 128)
        at = int.from_bytes(profile[entry + 4 : entry + 8], "big") + 8
        fixed = b"".join(round(v * 65536).to_bytes(4, "big", signed=True) for v in xyz)
        profile[at : at + 12] = fixed
    return bytes(profile)


class TestWhatComesIn:
    @pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "WEBP"])
    def test_lossless_pictures_come_in_pixel_for_pixel(self, kind):
        options = {"lossless": True} if kind == "WEBP" else {}
        photo = open_photo(encoded(RGB, kind, **options))
        assert photo.mode == "RGB"
        assert np.array_equal(pixels(photo), pixels(RGB))

    def test_a_path_its_name_its_bytes_and_an_open_file_are_the_same_picture(self, tmp_path):
        path = tmp_path / "photo.png"
        path.write_bytes(encoded(RGB, "PNG"))
        with path.open("rb") as file:
            sources = [path, str(path), path.read_bytes(), file]
            found = [pixels(open_photo(source)) for source in sources]
        assert all(np.array_equal(photo, pixels(RGB)) for photo in found)

    def test_the_suffix_does_not_matter_only_what_the_file_holds(self, tmp_path):
        path = tmp_path / "photo.jpg"
        path.write_bytes(encoded(RGB, "PNG"))
        assert np.array_equal(pixels(open_photo(path)), pixels(RGB))

    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_pictures_come_in_upright(self, kind, orientation):
        smooth = Image.linear_gradient("L").resize((64, 48))
        photo = Image.merge(
            "RGB",
            (
                smooth,
                smooth.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
                smooth.rotate(90).resize((64, 48)),
            ),
        )
        exif = Image.Exif()
        exif[0x0112] = orientation
        data = encoded(photo, kind, exif=exif, **({"quality": 95} if kind == "JPEG" else {}))
        with Image.open(io.BytesIO(data)) as reference:
            expected = ImageOps.exif_transpose(reference).convert("RGB")
        found = open_photo(data)
        assert found.size == ((48, 64) if orientation > 4 else (64, 48))
        assert np.abs(pixels(found) - pixels(expected)).max() <= 1

    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
    def test_a_wide_gamut_profile_is_converted(self, kind):
        # Display P3 of one colour, and what it is in sRGB by the published matrices.
        p3 = srgb_profile(
            rXYZ=(0.51512, 0.24120, -0.00105),
            gXYZ=(0.29198, 0.69225, 0.04189),
            bXYZ=(0.15710, 0.06657, 0.78407),
        )
        options = {"quality": 100, "subsampling": 0} if kind == "JPEG" else {}
        options = {"lossless": True} if kind == "WEBP" else options
        photo = Image.new("RGB", (40, 40), (200, 120, 80))
        found = open_photo(encoded(photo, kind, icc_profile=p3, **options)).getpixel((20, 20))
        linear = np.where(
            np.array([200, 120, 80]) / 255 > 0.04045,
            ((np.array([200, 120, 80]) / 255 + 0.055) / 1.055) ** 2.4,
            0,
        )
        p3_to_srgb = np.array(
            [[1.22494, -0.22494, 0.0], [-0.04206, 1.04206, 0.0], [-0.01964, -0.07864, 1.09828]]
        )
        expected = 255 * (1.055 * (p3_to_srgb @ linear) ** (1 / 2.4) - 0.055)
        assert np.abs(np.array(found) - expected).max() <= 2
        assert found[0] > 205

    @pytest.mark.parametrize(
        "profile", [b"", b"junk", b"\0" * 5000, srgb_profile()[:200], b"x" * (5 << 20)]
    )
    def test_a_broken_or_giant_profile_is_left_out(self, profile):
        photo = open_photo(encoded(RGB, "TIFF", icc_profile=profile))
        assert np.array_equal(pixels(photo), pixels(RGB))

    def test_a_profile_for_other_channels_is_left_out(self):
        photo = open_photo(encoded(RGB.convert("L"), "PNG", icc_profile=srgb_profile()))
        assert np.array_equal(pixels(photo)[..., 0], pixels(RGB.convert("L")))

    @pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
    def test_cmyk_is_not_inverted(self, kind):
        cmyk = Image.new("CMYK", (40, 40), (255, 0, 0, 30))
        red, green, blue = open_photo(encoded(cmyk, kind)).getpixel((20, 20))
        assert red < 10
        assert green == pytest.approx(225, abs=4)
        assert blue == pytest.approx(225, abs=4)

    def test_lab_becomes_rgb(self):
        # L* 53, a* 80, b* 67: sRGB's red, in Pillow's bytes.
        lab = Image.merge("LAB", [Image.new("L", (40, 40), v) for v in (136, 208, 195)])
        found = open_photo(encoded(lab, "TIFF")).getpixel((9, 9))
        assert np.abs(np.array(found) - RED).max() < 12

    @pytest.mark.parametrize("kind", ["PNG", "TIFF"])
    def test_sixteen_bit_grey_keeps_its_tones(self, kind):
        deep = np.linspace(0, 65535, 64 * 48).round().astype(np.uint16).reshape(48, 64)
        photo = pixels(open_photo(encoded(Image.fromarray(deep), kind)))
        assert np.abs(photo - (deep / 257)[..., None]).max() <= 0.5

    @pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-3.0, 40.0)])
    def test_floating_grey_is_taken_from_its_own_range_when_it_is_not_0_to_1(self, low, high):
        deep = np.linspace(low, high, 64 * 48, dtype=np.float32).reshape(48, 64)
        expected = np.linspace(0, 255, 64 * 48).reshape(48, 64, 1)
        photo = pixels(open_photo(encoded(Image.fromarray(deep), "TIFF")))
        assert np.abs(photo - expected).max() <= 0.51

    def test_floating_grey_that_is_flat_or_not_finite_is_still_a_picture(self):
        deep = np.full((48, 64), 7.0, np.float32)
        assert open_photo(encoded(Image.fromarray(deep), "TIFF")).size == (64, 48)
        deep[:] = [[np.nan] * 32 + [0.5] * 31 + [np.inf]]
        photo = pixels(open_photo(encoded(Image.fromarray(deep), "TIFF")))
        assert photo[0, [0, 40, 63], 0].tolist() == [0, 128, 0]

    def test_one_bit_is_black_and_white(self):
        bits = RGB.convert("1")
        expected = pixels(bits.convert("RGB"))
        assert np.array_equal(pixels(open_photo(encoded(bits, "PNG"))), expected)

    def test_alpha_is_kept(self):
        for kind, options in [("PNG", {}), ("TIFF", {}), ("WEBP", {"lossless": True, "exact": 1})]:
            photo = open_photo(encoded(RGBA, kind, **options))
            assert photo.mode == "RGBA"
            assert np.array_equal(pixels(photo), PIXELS)

    def test_alpha_of_grey_and_of_palettes_is_kept(self):
        grey = open_photo(encoded(RGBA.convert("LA"), "PNG"))
        assert np.array_equal(pixels(grey)[..., 3], PIXELS[..., 3])
        palette = RGB.quantize(16)
        clear = np.asarray(palette) == 5
        for kind in ("PNG", "GIF"):
            photo = open_photo(encoded(palette, kind, transparency=5))
            assert np.array_equal(pixels(photo)[..., 3] == 0, clear)

    def test_alpha_that_hides_nothing_is_dropped(self):
        opaque = RGB.convert("RGBA")
        assert open_photo(encoded(opaque, "PNG")).mode == "RGB"

    @pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
    def test_of_an_animation_the_first_frame_comes_in(self, kind):
        first, second = Image.new("RGB", (40, 40), RED), Image.new("RGB", (40, 40), BLUE)
        options = {"lossless": True} if kind == "WEBP" else {}
        data = encoded(first, kind, save_all=True, append_images=[second], **options)
        assert open_photo(data).getpixel((5, 5)) == RED

    def test_nothing_of_the_file_but_its_pixels_is_carried_over(self):
        exif = Image.Exif()
        exif[0x010E] = "where I live"
        for kind in ("JPEG", "PNG", "WEBP", "TIFF"):
            photo = open_photo(encoded(RGB, kind, exif=exif, icc_profile=srgb_profile()))
            assert photo.info == {}
            assert not photo.getexif()

    def test_a_picture_larger_than_any_print_is_reduced_to_it(self):
        photo = open_photo(encoded(Image.new("RGB", (600, 300), RED), "PNG"), Limits(kept_side=200))
        assert photo.size == (200, 100)

    def test_threads_get_their_own_pictures_and_decode_one_at_a_time(self, monkeypatch):
        running, most, decode = [], [], images._decode

        def watched(image, *rest):
            running.append(image)
            most.append(len(running))
            time.sleep(0.005)
            photo = decode(image, *rest)
            running.remove(image)
            return photo

        monkeypatch.setattr(images, "_decode", watched)
        files = [encoded(Image.new("RGB", (40, 40), (i, 0, 0)), "PNG") for i in range(16)]
        with ThreadPoolExecutor(8) as threads:
            found = list(threads.map(open_photo, files))
        assert [photo.getpixel((0, 0))[0] for photo in found] == list(range(16))
        assert max(most) == 1


class TestWhatIsRefused:
    def test_a_missing_file(self, tmp_path):
        assert "There is no file" in refusal(tmp_path / "none.jpg")

    def test_a_directory(self, tmp_path):
        assert "is a directory" in refusal(tmp_path)

    @pytest.mark.parametrize("name", ["a\0b.png", "x" * 5000])
    def test_a_name_that_no_file_can_have(self, name):
        assert "cannot be read" in refusal(name)

    def test_a_pipe_is_refused_without_waiting_on_it(self, tmp_path):
        os.mkfifo(tmp_path / "pipe.png")
        assert "not an ordinary file" in refusal(tmp_path / "pipe.png")

    def test_an_address_is_no_file(self):
        assert "There is no file" in refusal("https://127.0.0.1/photo.png")

    def test_an_empty_file(self):
        assert refusal(b"") == "The file is empty (0 bytes)."

    @pytest.mark.parametrize("data", [b"hello", b"%PDF-1.7", b"<svg/>", b"\0" * 100, b"GIF8"])
    def test_what_is_not_a_picture(self, data):
        assert "JPEG, PNG, WEBP, GIF, BMP, TIFF" in refusal(data)

    def test_a_kind_that_pillow_could_read_but_is_not_on_the_list(self):
        assert "not a picture of a kind" in refusal(encoded(RGB, "PPM"))

    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
    def test_a_truncated_picture(self, kind):
        data = encoded(RGB, kind)
        assert "cut short" in refusal(data[: len(data) // 2])

    def test_too_many_bytes_from_any_source(self, tmp_path):
        data = encoded(RGB, "BMP")
        path = tmp_path / "photo.bmp"
        path.write_bytes(data)
        for source in (data, path, io.BytesIO(data)):
            assert "at most 0.00390625 MB" in refusal(source, max_bytes=4096)
        assert open_photo(data, Limits(max_bytes=len(data))).size == RGB.size

    @pytest.mark.parametrize(
        ("size", "words"),
        [
            ((1, 1), "1 x 1 pixels: each side must have at least 32"),
            ((10, 4000), "10 x 4000 pixels: each side must have at least 32"),
            ((40, 400), "40 x 400 pixels: the longer side may be at most 8 times the shorter"),
            ((20001, 2600), "20001 x 2600 pixels: no side may have more than 20000"),
            ((20000, 10000), "200 megapixels: at most 50 are allowed"),
        ],
    )
    def test_sizes_are_refused_from_the_header_alone(self, size, words, monkeypatch):
        data = encoded(Image.new("1", size), "PNG")
        monkeypatch.setattr(images, "_decode", lambda *_: pytest.fail("decoded"))
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
        assert words in refusal(data)

    def test_a_bomb_beyond_pillows_own_limit_too(self):
        found = refusal(encoded(Image.new("1", (20000, 10000)), "PNG"))
        assert found == "The picture has 200 megapixels: at most 50 are allowed."


class TestLimits:
    def test_defaults_hold_without_an_environment(self):
        assert Limits.from_environment({}) == Limits()

    def test_every_limit_can_be_set_by_the_operator(self):
        environment = {
            "NST_MAX_UPLOAD_MB": "2",
            "NST_MAX_PIXELS": "1000000",
            "NST_MAX_SIDE": "900",
            "NST_MIN_SIDE": "8",
            "NST_MAX_ASPECT": "2.5",
            "NST_KEPT_SIDE": "512",
        }
        assert Limits.from_environment(environment) == Limits(2 << 20, 1000000, 900, 8, 2.5, 512)

    @pytest.mark.parametrize("text", ["0", "-3", "many", "1.5", "nan", "inf", "1e400"])
    def test_a_limit_that_is_no_whole_number_is_refused_with_its_name(self, text):
        with pytest.raises(BadInput, match="NST_MAX_PIXELS must be a whole number above 0"):
            Limits.from_environment({"NST_MAX_PIXELS": text})


class TestFit:
    @pytest.mark.parametrize("size", [(300, 200), (200, 300), (100, 100), (99, 37)])
    @pytest.mark.parametrize("long_side", [64, 150])
    def test_the_long_side_is_what_was_asked_and_the_aspect_stays(self, size, long_side):
        found = fit(Image.new("RGB", size), long_side).size
        assert max(found) == long_side
        assert min(found) == pytest.approx(long_side * min(size) / max(size), abs=0.5)

    def test_nothing_is_enlarged_when_that_was_not_asked(self):
        assert fit(Image.new("RGB", (50, 40)), 100, enlarge=False).size == (50, 40)
        assert fit(Image.new("RGB", (50, 40)), 25, enlarge=False).size == (25, 20)

    def test_the_short_side_stays_large_enough_to_be_looked_at(self):
        assert fit(Image.new("RGB", (800, 100)), 64).size == (64, 16)

    def test_a_reduced_checkerboard_is_grey_and_not_aliased(self):
        board = Image.fromarray(np.indices((256, 256)).sum(0).astype(np.uint8) % 2 * 255)
        small = pixels(fit(board.convert("RGB"), 64))
        assert np.abs(small - 127.5).max() < 4


class TestAlpha:
    def test_a_picture_without_alpha_goes_through(self):
        picture, alpha = split_alpha(RGB)
        assert alpha is None
        assert picture.tobytes() == RGB.tobytes()
        assert join_alpha(picture, None) is picture

    def test_what_is_under_transparent_pixels_becomes_the_mean_of_what_is_seen(self):
        values = np.zeros((40, 40, 4), np.uint8)
        values[:, :20] = (200, 100, 50, 255)
        picture, alpha = split_alpha(Image.fromarray(values))
        assert picture.getcolors() == [(1600, (200, 100, 50))]
        assert np.array_equal(pixels(alpha), values[..., 3])

    def test_a_picture_that_is_all_transparent_is_grey(self):
        picture, _ = split_alpha(Image.new("RGBA", (40, 40), (0, 0, 0, 0)))
        assert picture.getcolors() == [(1600, (128, 128, 128))]

    def test_the_alpha_comes_back_on_the_painting_at_its_size(self):
        _, alpha = split_alpha(RGBA)
        joined = join_alpha(RGB, alpha)
        assert np.array_equal(pixels(joined), PIXELS)
        assert join_alpha(Image.new("RGB", (128, 96)), alpha).getchannel("A").size == (128, 96)

    def test_reducing_does_not_bleed_hidden_colour_into_the_edge(self):
        values = np.zeros((64, 64, 4), np.uint8)
        values[:, :31] = (255, 255, 255, 255)
        picture, _ = split_alpha(fit(Image.fromarray(values), 32))
        assert pixels(picture).min() >= 253


class TestTensors:
    def test_every_value_goes_to_a_tensor_and_back(self):
        ramp = np.arange(256 * 3, dtype=np.uint8).reshape(16, 16, 3)
        tensor = to_tensor(Image.fromarray(ramp))
        assert tensor.shape == (1, 3, 16, 16)
        assert tensor.dtype == torch.float32
        assert (tensor.min(), tensor.max()) == (0, 1)
        assert np.array_equal(pixels(to_image(tensor)), ramp)

    def test_channels_rows_and_columns_are_where_they_should_be(self):
        picture = Image.new("RGB", (30, 20))
        picture.putpixel((7, 3), (0, 255, 0))
        assert to_tensor(picture).nonzero().tolist() == [[0, 1, 3, 7]]

    def test_values_outside_are_clamped_and_halves_rounded_to_the_nearest(self):
        tensor = torch.tensor([-1.0, 2.0, 100.4 / 255, 100.6 / 255]).expand(1, 3, 1, 4)
        assert pixels(to_image(tensor))[0, :, 0].tolist() == [0, 255, 100, 101]

    @pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
    def test_any_float_type_and_memory_format_becomes_a_picture(self, dtype):
        tensor = to_tensor(RGB).to(dtype).to(memory_format=torch.channels_last).requires_grad_()
        assert np.abs(pixels(to_image(tensor)) - pixels(RGB)).max() <= 1

    @pytest.mark.parametrize("shape", [(3, 8, 8), (2, 3, 8, 8), (1, 4, 8, 8)])
    def test_any_other_shape_is_refused(self, shape):
        with pytest.raises(ValueError, match="expected"):
            to_image(torch.zeros(shape))
