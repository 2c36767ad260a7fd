"""What people take home: PNGs that know their recipe, sheets and cards."""

import io
import struct
import zlib

import numpy as np
import pytest
from files import chunk
from PIL import Image

from nst.errors import BadInput
from nst.pictures.export import (
    contact_sheet,
    read_notes,
    read_recipe,
    save_picture,
    written,
)
from nst.published import RECIPES, get_recipe
from nst.recipe import Recipe

COLOURS = RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)
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
    return data[:33] + chunk(kind, body) + data[33:]


def boxes(image: Image.Image) -> list[tuple[int, int, int, int]]:
    """Where each flat colour lies: left, top, right, bottom."""
    found = []
    for colour in COLOURS:
        near = np.abs(np.asarray(image).astype(int) - colour).max(2) < 12
        rows, columns = np.nonzero(near.any(1))[0], np.nonzero(near.any(0))[0]
        found.append((columns[0], rows[0], columns[-1] + 1, rows[-1] + 1))
    return found


def aspect(box: tuple[int, int, int, int]) -> float:
    return (box[2] - box[0]) / (box[3] - box[1])


class TestPicturesThatRemember:
    def test_recipe_and_notes_come_back_and_the_picture_is_not_touched(self, tmp_path):
        clear = PICTURE.copy()
        clear.putalpha(PICTURE.getchannel("R"))
        notes = {"preset": "woodblock-wave", "title": "神奈川沖浪裏 – café"}
        for recipe in map(get_recipe, RECIPES):
            save_picture(clear, tmp_path / "out.png", recipe, notes)
            assert read_recipe(tmp_path / "out.png") == recipe
            assert read_notes(tmp_path / "out.png") == notes
            with Image.open(tmp_path / "out.png") as found:  # as others read it
                assert Recipe.from_json(found.text["nst-recipe"]) == recipe
                assert (found.mode, found.tobytes()) == ("RGBA", clear.tobytes())

    def test_a_picture_without_a_recipe_says_so(self, tmp_path):
        for data in (png_of(), with_text(b"Comment\0\0\0\0\0hello")):
            with pytest.raises(BadInput, match="no recipe in this picture"):
                read_recipe(data)
        save_picture(PICTURE, tmp_path / "out.jpg", Recipe())
        with pytest.raises(BadInput, match="Only PNG files"):
            read_recipe(tmp_path / "out.jpg")

    def test_hostile_text_is_refused_in_a_sentence(self):
        wrong = (b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 10_000, b" " * (4 << 20))
        wrong += tuple(b'{"steps":%s}' % (b"1" * many) for many in (400, 5000))
        kinds = (b'{"steps":1e999}', b'{"mix":[NaN]}', b'{"style_layers":[["relu1_1"]]}')
        bodies = [b"nst-recipe\0\0\0\0\0" + text for text in (*wrong, *kinds)]
        bomb = zlib.compress(bytes(8 << 20))
        bodies += [b"nst-recipe", b"nst-recipe\0\1\0\0\0" + bomb, b"nst-\xff\0\0\0\0\0{}"]
        for data in map(with_text, bodies):
            with pytest.raises(BadInput) as refused:
                read_recipe(data)
            assert len(str(refused.value)) < 400
        for notes in ({f"n{i}": "x" for i in range(33)}, {"title": "x" * 20_000}):
            with pytest.raises(BadInput, match="larger than any"):
                read_notes(png_of(**notes))

    def test_a_damaged_file_never_gives_anything_but_the_recipe(self):
        with pytest.raises(BadInput, match="damaged"):
            read_recipe(png_of(Recipe(steps=220)).replace(b'"steps":220', b'"steps":221'))
        data = png_of(Recipe(seed=5))
        for length in range(0, len(data), 97):
            try:
                assert read_recipe(data[:length]) == Recipe(seed=5)
            except BadInput:
                continue

    def test_the_recipe_is_read_without_decoding_the_picture(self):
        data = png_of(Recipe(seed=9))
        header = struct.pack(">II", 100_000, 100_000) + data[24:29]
        giant = data[:8] + chunk(b"IHDR", header) + data[33:]
        assert read_recipe(giant).seed == 9


class TestSaving:
    def test_the_suffix_says_the_format(self, tmp_path):
        clear = PICTURE.copy()
        clear.putalpha(128)
        for name, kind in [("a.jpg", "JPEG"), ("a.webp", "WEBP"), ("x" * 251 + ".png", "PNG")]:
            save_picture(clear, tmp_path / name, Recipe())
            with Image.open(tmp_path / name) as found:
                assert (found.format, found.size) == (kind, PICTURE.size)
        assert len(list(tmp_path.iterdir())) == 3

    def test_a_place_that_cannot_be_written_is_one_sentence(self, tmp_path):
        (tmp_path / "file").touch()
        for place in ("none/out.png", "file/out.png"):
            with pytest.raises(BadInput, match="cannot be written: N"):
                save_picture(PICTURE, tmp_path / place)
        with pytest.raises(BadInput, match=r"can't be saved as '\.bmp'"):
            save_picture(PICTURE, tmp_path / "out.bmp")

    def test_a_full_disk_leaves_the_old_picture_and_no_half_of_a_new_one(
        self, tmp_path, monkeypatch
    ):
        path = tmp_path / "out.png"
        path.write_bytes(b"the old one")

        def full(image, part, *_, **options):
            part.write_bytes(b"half")
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(Image.Image, "save", full)
        with pytest.raises(BadInput, match="No space left on device"):
            save_picture(PICTURE, path)
        assert [p.name for p in tmp_path.iterdir()] == ["out.png"]
        assert path.read_bytes() == b"the old one"


class TestContactSheet:
    def test_every_picture_is_shown_whole(self):
        for size in [(300, 200), (200, 300), (400, 50)]:
            found = boxes(contact_sheet([(plain(c, size), "name") for c in COLOURS], 2, "Title"))
            for box in found:
                assert aspect(box) == pytest.approx(size[0] / size[1], rel=0.03)
            red, green, blue = found
            assert red[2] < green[0]
            assert red[3] < blue[1]

    def test_captions_and_title_are_written(self):
        picture, dark = plain(RED, (50, 50)), []
        for caption, title in [("", ""), ("caption", ""), ("caption", "Title")]:
            sheet = contact_sheet([(picture, caption)], 1, title)
            dark.append((np.asarray(sheet).max(2) < 140).sum())
        assert dark[0] == 0 < dark[1] < dark[2]

    def test_any_number_of_pictures_makes_a_sheet_that_can_be_opened(self):
        sheet = contact_sheet([(plain(RED, (8, 8)), "x")] * 900, 300)
        assert sheet.width * sheet.height < 60e6
        assert max(sheet.size) < 20_000
        one = [(plain(RED, (50, 50)), "")]
        assert contact_sheet(one, 5).size == contact_sheet(one, 1).size
        with pytest.raises(BadInput, match="one is needed"):
            contact_sheet([], 3)


class TestLettering:
    def test_only_letters_that_the_font_has_are_kept(self):
        found = written("Cézanne – Đà Nẵng × 2\n神奈川 © “ok”", 999, 1, 30)
        assert found.text == 'Cezanne - Da Nang x 2 © "ok"'
        missing = bytes(found.font.getmask("神"))
        kept = written("".join(map(chr, range(33, 400))), 9999, 1, 9).text
        assert len(set(kept)) > 90
        assert all(bytes(found.font.getmask(letter)) != missing for letter in set(kept) - {" "})

    def test_what_does_not_fit_is_cut_off(self):
        for words in ("one two three four five six " * 9, "Donaudampfschifffahrt" * 5):
            found = written(words, 150, 4, 30)
            assert all(found.font.getlength(line) <= 150 for line in found.text.split("\n"))
            assert found.text.count("\n") < 4
            assert found.text.endswith("…")
