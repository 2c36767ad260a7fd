"""What people take home: PNGs that know their recipe, sheets and cards."""

import io
import struct
import zlib
from dataclasses import fields

import numpy as np
import pytest
from PIL import Image

from nst.errors import BadInput
from nst.pictures import export
from nst.pictures.export import (
    contact_sheet,
    read_notes,
    read_recipe,
    save_picture,
    share_card,
)
from nst.pictures.lettering import Words, set_words, writable
from nst.published import RECIPES, get_recipe
from nst.recipe import Recipe, bounds, choices

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)
PICTURE = Image.effect_noise((60, 40), 60).convert("RGB")


def plain(colour: tuple[int, int, int], size: tuple[int, int]) -> Image.Image:
    return Image.new("RGB", size, colour)


def png_of(recipe: Recipe | None = None, image: Image.Image = PICTURE, **notes: str) -> bytes:
    file = io.BytesIO()
    save_picture(image, file, recipe, notes)
    return file.getvalue()


def with_text(body: bytes, kind: bytes = b"iTXt") -> bytes:
    """A PNG with one text chunk that this project would not have written."""
    data = png_of()
    checksum = struct.pack(">I", zlib.crc32(kind + body))
    return data[:33] + struct.pack(">I", len(body)) + kind + body + checksum + data[33:]


def random_recipe(seed: int) -> Recipe:
    """A recipe of which every setting has some value that is allowed."""
    rng = np.random.default_rng(seed)
    changes = {}
    for entry in fields(Recipe):
        if choices(entry.name):
            changes[entry.name] = str(rng.choice(choices(entry.name)))
        elif type(entry.default) in (int, float):
            low, high = bounds(entry.name)
            value = rng.uniform(low, high)
            changes[entry.name] = value if type(entry.default) is float else int(value)
    changes["input_range"] = int(rng.choice([1, 255]))
    changes["mix"] = tuple(rng.uniform(0, 1, rng.integers(0, 4)))
    return Recipe().replace(**changes)


def colour_box(image: Image.Image, colour: tuple[int, int, int]) -> tuple[int, int, int, int]:
    """Where a flat colour lies: left, top, right, bottom."""
    near = np.abs(np.asarray(image).astype(int) - colour).max(2) < 12
    rows, columns = np.nonzero(near.any(1))[0], np.nonzero(near.any(0))[0]
    return columns[0], rows[0], columns[-1] + 1, rows[-1] + 1


class TestPicturesThatRemember:
    @pytest.mark.parametrize("seed", range(8))
    def test_any_recipe_comes_back_exactly(self, seed):
        recipe = random_recipe(seed)
        assert read_recipe(png_of(recipe)) == recipe

    @pytest.mark.parametrize("name", sorted(RECIPES))
    def test_every_named_recipe_comes_back_exactly(self, name, tmp_path):
        save_picture(PICTURE, tmp_path / "out.png", get_recipe(name))
        assert read_recipe(tmp_path / "out.png") == get_recipe(name)

    def test_the_picture_itself_is_not_touched_and_alpha_stays(self):
        clear = PICTURE.copy()
        clear.putalpha(PICTURE.getchannel("R"))
        with Image.open(io.BytesIO(png_of(Recipe(), clear))) as found:
            assert found.mode == "RGBA"
            assert found.tobytes() == clear.tobytes()

    def test_a_name_as_long_as_a_name_may_be_is_saved(self, tmp_path):
        out = tmp_path / ("x" * 251 + ".png")
        save_picture(PICTURE, out)
        assert list(tmp_path.iterdir()) == [out]

    def test_a_folder_that_is_gone_is_one_sentence(self, tmp_path):
        (tmp_path / "file").touch()
        with pytest.raises(BadInput, match="cannot be written: Not a directory"):
            save_picture(PICTURE, tmp_path / "file" / "out.png")

    def test_notes_in_any_script_come_back_and_are_not_the_recipe(self):
        notes = {"preset": "woodblock-wave", "title": "神奈川沖浪裏 – café"}
        data = png_of(Recipe(), **notes)
        assert read_notes(data) == notes
        assert read_recipe(data) == Recipe()

    def test_another_program_can_read_the_recipe(self):
        with Image.open(io.BytesIO(png_of(Recipe(steps=77)))) as found:
            assert Recipe.from_json(found.text["nst-recipe"]).steps == 77

    def test_a_picture_without_a_recipe_says_so(self):
        for data in (png_of(), with_text(b"Comment\0\0\0\0\0hello")):
            with pytest.raises(BadInput, match="no recipe in this picture"):
                read_recipe(data)

    def test_another_format_says_so(self, tmp_path):
        save_picture(PICTURE, tmp_path / "out.jpg", Recipe())
        with pytest.raises(BadInput, match="Only PNG files"):
            read_recipe(tmp_path / "out.jpg")

    @pytest.mark.parametrize(
        "body",
        [
            b"nst-recipe",
            b"nst-recipe\0\1\0\0\0x\x9c",
            b"nst-recipe\0\0\0\0\0",
            b"nst-recipe\0\0\0\0\0{",
            b"nst-recipe\0\0\0\0\0[]",
            b"nst-recipe\0\0\0\0\0\xff\xfe",
            b"nst-recipe\0\0\0\0\0" + b"[" * 10_000,
            b'nst-recipe\0\0\0\0\0{"steps":1e999}',
            b'nst-recipe\0\0\0\0\0{"steps":NaN}',
            b'nst-recipe\0\0\0\0\0{"encoder":"/etc/passwd"}',
            b'nst-recipe\0\0\0\0\0{"style_layers":null}',
            b"nst-recipe\0\0\0\0\0" + b" " * (4 << 20),
            b"nst-\xff\0\0\0\0\0{}",
        ],
    )
    def test_hostile_text_is_refused_in_a_sentence(self, body):
        with pytest.raises(BadInput):
            read_recipe(with_text(body))

    def test_thousands_of_notes_are_refused(self):
        data = png_of(**{f"n{i}": "x" for i in range(33)})
        with pytest.raises(BadInput, match="larger than any"):
            read_notes(data)

    def test_a_flipped_bit_in_the_recipe_is_seen(self):
        data = png_of(Recipe(steps=220)).replace(b'"steps":220', b'"steps":221')
        with pytest.raises(BadInput, match="damaged"):
            read_recipe(data)

    def test_a_truncated_file_never_gives_anything_but_the_recipe(self):
        data = png_of(Recipe(seed=5))
        for length in range(0, len(data), 97):
            try:
                assert read_recipe(data[:length]) == Recipe(seed=5)
            except BadInput:
                continue

    def test_the_recipe_is_read_without_decoding_the_picture(self):
        data = bytearray(png_of(Recipe(seed=9)))
        data[16:24] = struct.pack(">II", 100_000, 100_000)
        assert read_recipe(bytes(data)).seed == 9

    def test_a_note_longer_than_will_be_read_is_not_written(self):
        with pytest.raises(BadInput, match="at most"):
            png_of(title="x" * 20_000)


class TestSaving:
    @pytest.mark.parametrize(("name", "kind"), [("a.jpg", "JPEG"), ("a.webp", "WEBP")])
    def test_the_suffix_says_the_format(self, tmp_path, name, kind):
        clear = PICTURE.copy()
        clear.putalpha(128)
        save_picture(clear, tmp_path / name, Recipe())
        with Image.open(tmp_path / name) as found:
            assert (found.format, found.size) == (kind, PICTURE.size)

    def test_a_place_that_cannot_be_written_is_one_sentence(self, tmp_path):
        with pytest.raises(BadInput, match="cannot be written"):
            save_picture(PICTURE, tmp_path / "none" / "out.png")

    def test_a_full_disk_leaves_the_old_picture_and_no_half_of_a_new_one(
        self, tmp_path, monkeypatch
    ):
        path = tmp_path / "out.png"
        path.write_bytes(b"the old one")

        def full(image, suffix, file, texts):
            file.write(b"half")
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(export, "_encode", full)
        with pytest.raises(BadInput, match="No space left on device"):
            save_picture(PICTURE, path)
        assert [p.name for p in tmp_path.iterdir()] == ["out.png"]
        assert path.read_bytes() == b"the old one"


class TestContactSheet:
    @pytest.mark.parametrize("size", [(300, 200), (200, 300), (400, 50)])
    def test_every_picture_is_shown_whole(self, size):
        sheet = contact_sheet([(plain(c, size), "name") for c in (RED, GREEN, BLUE)], 2, "Title")
        boxes = [colour_box(sheet, c) for c in (RED, GREEN, BLUE)]
        for left, top, right, bottom in boxes:
            assert (right - left) / (bottom - top) == pytest.approx(size[0] / size[1], rel=0.03)
        red, green, blue = boxes
        assert red[2] < green[0]
        assert red[3] < blue[1]

    def test_captions_and_title_are_written(self):
        tiles = [(plain(RED, (50, 50)), "caption")]
        dark = [
            (np.asarray(sheet).max(2) < 140).sum()
            for sheet in (
                contact_sheet([(tiles[0][0], "")], 1),
                contact_sheet(tiles, 1),
                contact_sheet(tiles, 1, "Title"),
            )
        ]
        assert dark[0] == 0
        assert 0 < dark[1] < dark[2]

    def test_a_sheet_of_very_many_stays_small_enough_to_open(self):
        sheet = contact_sheet([(plain(RED, (8, 8)), "x")] * 900, 300)
        assert sheet.width * sheet.height < 60e6
        assert max(sheet.size) < 20_000

    def test_more_columns_than_pictures_leave_no_empty_ones(self):
        tiles = [(plain(RED, (50, 50)), "")]
        assert contact_sheet(tiles, 5).size == contact_sheet(tiles, 1).size

    def test_no_pictures_are_refused(self):
        with pytest.raises(BadInput, match="one is needed"):
            contact_sheet([], 3)


class TestShareCard:
    @pytest.mark.parametrize("result", [(900, 600), (600, 900), (500, 500), (1600, 200), (80, 600)])
    @pytest.mark.parametrize("sources", [(300, 200), (40, 300)])
    def test_nothing_is_cut_off_and_nothing_overlaps(self, result, sources):
        card = share_card(
            plain(RED, sources),
            plain(GREEN, sources),
            plain(BLUE, result),
            "A title of some length that has to be broken into lines",
            "A credit line that says whose style this is, and under which licence",
        )
        assert card.size == (1200, 630)
        boxes = [colour_box(card, c) for c in (RED, GREEN, BLUE)]
        for (left, top, right, bottom), size in zip(boxes, [sources, sources, result], strict=True):
            assert left >= 24
            assert top >= 24
            assert right <= 1200 - 24
            assert bottom <= 630 - 24
            shown = (right - left) / (bottom - top)
            assert shown == pytest.approx(size[0] / size[1], rel=0.08)
        for i, one in enumerate(boxes):
            for other in boxes[i + 1 :]:
                beside = one[2] <= other[0] or other[2] <= one[0]
                assert beside or one[3] <= other[1] or other[3] <= one[1]

    def test_the_result_is_the_largest_of_the_three(self):
        card = share_card(*(plain(c, (600, 400)) for c in (RED, GREEN, BLUE)), "Title")
        areas = [(b[2] - b[0]) * (b[3] - b[1]) for b in (colour_box(card, c) for c in (RED, BLUE))]
        assert areas[1] > 4 * areas[0]

    @pytest.mark.parametrize("shade", [0, 128, 255])
    def test_white_letters_can_be_read_over_any_painting(self, shade):
        pictures = [plain((shade,) * 3, (300, 200))] * 3
        plainly = np.asarray(share_card(*pictures, "").convert("L"))
        assert plainly[:40].max() < 90
        titled = np.asarray(share_card(*pictures, "Title").convert("L"))
        assert (titled[:140, 850:] > 200).sum() > 300


class TestLettering:
    def test_accents_go_and_other_scripts_are_left_out_so_that_no_box_is_drawn(self):
        assert (
            writable("Cézanne – Đà Nẵng × 2\n神奈川 ½ © “ok”") == "Cezanne - Da Nang x 2 1⁄2 © “ok”"
        )

    def test_every_letter_it_keeps_is_one_that_the_font_has(self):
        font = Words("", 30, 100, 1).font
        missing = bytes(font.getmask("神"))
        kept = {letter for i in range(33, 0x3000) for letter in writable(chr(i))}
        assert len(kept) > 90
        assert all(bytes(font.getmask(letter)) != missing for letter in kept)

    def test_lines_are_no_wider_than_the_room(self):
        words = Words("one two three four five six seven eight nine ten " * 9, 20, 150, 4)
        assert len(words.lines) == 4
        assert all(words.font.getlength(line) <= 150 for line in words.lines)
        assert words.lines[-1].endswith("…")
        assert not words.is_whole

    def test_a_word_wider_than_the_room_is_cut(self):
        words = Words("Donaudampfschifffahrtsgesellschaft", 30, 150, 2)
        assert words.font.getlength(words.lines[0]) <= 150
        assert words.lines[0].endswith("…")

    def test_a_title_is_set_as_large_as_it_stays_whole(self):
        short, long = (set_words(t, range(54, 23, -2), 300, 3) for t in ("Sea", "A sea " * 9))
        assert short.font.size == 54
        assert long.font.size < 54
        assert " ".join(long.lines) == ("A sea " * 9).strip()

    def test_no_words_take_no_room(self):
        assert Words("", 20, 100, 3).height == 0
