"""What a visitor chooses, in a real chromium: photos, paintings, settings, links, the brush."""

import base64
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from visits import Visit

from nst.pictures.images import fit, open_photo
from nst.presets import load_presets
from ui.parts.samples import SAMPLES

pytestmark = pytest.mark.browser

QUICK = "?v=1&size=128&steps=24&photo=tower&style=mosaic"
TITLES = {preset.id: preset.title for preset in load_presets()[0]}
DROP_JS = """
([place, name, data]) => {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  const carried = new DataTransfer();
  carried.items.add(new File([bytes], name, { type: "image/jpeg" }));
  for (const type of ["dragover", "drop"])
    document.querySelector(place).dispatchEvent(
      new DragEvent(type, { dataTransfer: carried, bubbles: true, cancelable: true }));
}
"""


class Visitor(Visit):
    """Somebody who chooses."""

    def __init__(self, browser, url: str, **options) -> None:
        super().__init__(browser, url, 60, viewport={"width": 1440, "height": 900}, **options)

    def at(self, query: str = "") -> "Visitor":
        self.arrive(query)
        # Its script runs after its pictures are there.
        self.page.wait_for_function(
            "window.nst && document.querySelector('#photo img')?.naturalWidth > 0"
        )
        return self

    def bring(self, click: str, path: Path) -> None:
        """Choose a file in the chooser that a click opens."""
        with self.page.expect_file_chooser() as chooser:
            self.page.click(click)
        chooser.value.set_files(path)

    def shown(self) -> str:
        return self.page.locator("#photo img").get_attribute("src")

    def another_photo(self, before: str) -> None:
        self.page.wait_for_function(
            f"(document.querySelector('#photo img')?.src ?? {before!r}) !== {before!r}"
        )

    def choose(self, style: str) -> None:
        self.page.click(f"#styles button[aria-label='{TITLES[style]}']")
        self.wait("#manner", TITLES[style])

    def set(self, control: str, value: str) -> None:
        field = self.page.locator(f"{control} input[type=number]")
        field.fill(value)
        field.press("Tab")

    def value(self, control: str) -> str:
        return self.page.locator(f"{control} input").first.input_value()

    def link(self) -> str:
        self.page.click("#more > button")
        return self.page.locator("#link textarea, #link input").first.input_value()

    def painted(self, folder: Path) -> Path:
        """Paint and take the PNG home."""
        self.paint()
        self.page.wait_for_timeout(300)  # a button's file follows the text it came with
        with self.page.expect_download() as coming:
            self.page.click("#png")
        path = folder / coming.value.suggested_filename
        coming.value.save_as(path)
        return path


@pytest.fixture
def visit(app, browser) -> Iterator[Visitor]:
    visit = Visitor(browser, app.url)
    yield visit
    visit.leave()


@pytest.fixture
def mine(tmp_path) -> Path:
    path = tmp_path / "me.jpg"
    Image.open(SAMPLES["cheetah"].path).convert("RGB").resize((300, 200)).save(path)
    return path


@pytest.fixture
def wrong(tmp_path) -> Path:
    path = tmp_path / "wrong.png"
    path.write_bytes(b"no picture")
    return path


def test_a_click_on_the_photo_or_its_button_replaces_it(visit, mine):
    visit.at()
    before = visit.shown()
    visit.bring("#photo img", mine)
    visit.another_photo(before)
    before = visit.shown()
    visit.bring("#upload", SAMPLES["tower"].path)
    visit.another_photo(before)
    assert visit.page.inner_text("#upload") == "Upload your photo"


def test_what_was_not_painted_yet_is_seen_where_it_will_be(visit, mine):
    page = visit.at().page
    seen = "document.querySelector('#picture .painting')"
    caption = "document.querySelector('#picture .caption').textContent"
    visit.bring("#upload", mine)
    page.wait_for_function(f"{caption} === 'Not painted yet'")
    page.wait_for_function(f"{seen}.naturalWidth === 300 && {seen}.naturalHeight === 200")
    assert not page.locator("#picture .divider").is_visible()
    page.locator("#samples button").nth(1).click()
    page.wait_for_function(f"{caption} === 'Painted before: Tower, Swirling Night'")
    assert page.locator("#picture .divider").is_visible()


def test_a_refused_photo_leaves_the_old_one(visit, wrong):
    page = visit.at().page
    before = visit.shown()
    visit.bring("#upload", wrong)
    page.get_by_text("not a picture of a kind").wait_for()
    assert visit.shown() == before


def test_a_drop_replaces_the_photo_or_the_painting(visit, mine):
    page = visit.at().page
    before = visit.shown()
    data = base64.b64encode(mine.read_bytes()).decode()
    page.evaluate(DROP_JS, ["#photo", "me.jpg", data])
    visit.another_photo(before)
    before = visit.shown()
    page.evaluate(DROP_JS, ["#styles", "painting.jpg", data])
    visit.wait("#manner", "Your own painting")
    assert visit.shown() == before


def test_the_first_tile_is_a_painting_of_ones_own(visit, mine, wrong, tmp_path):
    page = visit.at(QUICK).page
    first = "#styles .thumbnail-item >> nth=0"
    assert page.inner_text("#styles .gallery-item >> nth=0") == "+ your own"
    visit.bring(first, wrong)
    page.get_by_text("not a picture of a kind").wait_for()
    visit.wait("#manner", "Mosaic")
    visit.bring(first, mine)
    visit.wait("#manner", "Your own painting")
    visit.wait("#styles", "Yours")
    visit.painted(tmp_path)
    assert "style=" not in visit.link()
    # It stays there to be chosen again.
    visit.choose("ink-wash")
    page.click(first)
    visit.wait("#manner", "Your own painting")


def test_paintings_are_named_without_a_click(visit):
    page = visit.at().page
    for title in TITLES.values():
        assert page.locator("#styles").get_by_text(title, exact=True).is_visible()


def test_another_painting_leaves_what_the_visitor_has_set(visit):
    page = visit.at().page
    assert visit.value("#strength") == "35"
    visit.choose("mosaic")
    page.wait_for_function("document.querySelector('#strength input').value === '45'")
    visit.set("#strength", "62")
    page.get_by_label("The photo's", exact=True).check()
    visit.choose("swirling-night")
    suggestion = "This painting suggests strength 35, colours the painting's"
    page.get_by_role("button", name=suggestion).wait_for()
    assert visit.value("#strength") == "62"
    assert page.get_by_label("The photo's", exact=True).is_checked()
    # Nobody has moved the brush, so it is the painting's.
    page.click("#advanced button")
    assert visit.value("#brush") == "0.7"
    page.get_by_role("button", name=suggestion).click()
    page.wait_for_function("document.querySelector('#strength input').value === '35'")
    assert page.get_by_label("The painting's", exact=True).is_checked()
    page.get_by_role("button", name=suggestion).wait_for(state="hidden")


def test_a_second_painting_is_chosen_by_its_picture_and_travels(visit, tmp_path):
    page = visit.at(QUICK).page
    page.get_by_text("Mix in a second painting").click()
    page.click("#seconds button[aria-label='Ink Wash']")
    visit.wait("#mix", "Mixed in: Ink Wash, 40%")
    visit.painted(tmp_path)
    page.goto(visit.link())
    visit.wait("#mix", "Mixed in: Ink Wash, 40%")
    assert page.locator("#seconds button[aria-label='Ink Wash']").is_visible()


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("?v=1&size=200&style=mosaic", "The photo it was made with was not shared"),
        ("?v=1&size=200&photo=lion", "The painting it was made with was not shared"),
        ("?v=1&size=200&photo=giraffe", "no sample photo called 'giraffe'"),
        ("?v=1&size=200&strength=banana", "strength is 'banana'; it must be a number"),
        ("?v=1&charm=9", "This link could not be read"),
        ("?v=1&photo=lion&style=mosaic&size=2048&steps=30000", "a run ends after"),
        ("?v=1&photo=lion&style=mosaic&size=4096", "may have at most 2048"),
    ],
)
def test_a_link_says_by_name_what_is_missing_or_too_much(visit, query, says):
    visit.page.goto(visit.url + query)
    visit.wait("#status", says)
    if "size=2048" in query:
        visit.page.get_by_label("2048 px").wait_for()


def test_a_painting_made_here_offers_to_be_the_photo(visit, mine, tmp_path):
    page = visit.at("?v=1&size=128&steps=24&strength=71&style=ink-wash").page
    before = visit.shown()
    visit.bring("#upload", mine)
    visit.another_photo(before)
    painting = visit.painted(tmp_path)
    page = visit.at().page
    before = visit.shown()
    visit.bring("#upload", painting)
    visit.wait("#status", "its settings are back")
    visit.wait("#status", "The photo it was made with was not shared")
    assert visit.value("#strength") == "71"
    assert visit.shown() == before
    page.click("#offer")
    visit.another_photo(before)


def test_the_brush_opens_on_the_photo_and_can_be_inverted_and_cleared(visit, tmp_path):
    page = visit.at("?v=1&size=128&steps=12&photo=tower&style=mosaic").page
    page.get_by_text("Only part of the photo").click()
    page.wait_for_selector("#mask canvas")
    page.wait_for_timeout(3000)  # the editor draws the photo in its own time
    page.click("#mask-invert")
    page.wait_for_timeout(3000)
    photo = fit(open_photo(SAMPLES["tower"].path), 128)
    painted = np.asarray(Image.open(visit.painted(tmp_path)).convert("RGB")).astype(int)
    visit.wait("#status", "that was brushed")
    assert np.abs(painted - np.asarray(photo)).mean() > 5
    page.click("#mask-clear")
    page.wait_for_timeout(2000)
    visit.painted(tmp_path / "again")
    assert "that was brushed" not in page.inner_text("#status")
