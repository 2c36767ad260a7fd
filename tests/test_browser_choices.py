"""What is brought to the Paint tab and set there, in a real chromium: clicks, keys and drops."""

import base64
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from visits import QUICK, Painter, pixels

from nst.pictures.images import fit, open_photo
from nst.presets import load_presets
from ui.samples import SAMPLES

pytestmark = [pytest.mark.browser, pytest.mark.flaky(reruns=2)]

DROP = """([place, data]) => {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  const carried = new DataTransfer();
  carried.items.add(new File([bytes], "me.jpg", { type: "image/jpeg" }));
  for (const type of ["dragover", "drop"])
    document.querySelector(place).dispatchEvent(
      new DragEvent(type, { dataTransfer: carried, bubbles: true, cancelable: true }));
}"""


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


def test_a_link_restores_controls_and_picture_and_says_by_name_what_it_cannot(
    visit, app, browser, tmp_path
):
    page = visit.open(QUICK + "&strength=71&seed=9&start=noise")
    page.get_by_text("Mix in a second painting").click()
    page.click("#seconds button[aria-label='Ink Wash']")
    visit.wait("#mix", "Mixed in: Ink Wash, 40%")
    visit.paint()
    ours, link = visit.saved(tmp_path), visit.link()
    other = Painter(browser, app.url)
    other.page.goto(link)
    other.wait("#status", "settings are here")
    assert other.value("#strength") == "71"
    other.wait("#mix", "Mixed in: Ink Wash, 40%")
    other.paint()
    assert (pixels(ours) == pixels(other.saved(tmp_path / "theirs"))).all()
    other.leave()
    for query, says in (
        ("?v=1&size=200&photo=giraffe&strength=banana", "no sample photo called 'giraffe'"),
        ("?v=1&charm=9", "This link could not be read"),
        ("?v=1&photo=lion&style=mosaic&size=4096", "may have at most 2048"),
    ):
        # In a page of its own: one that is left while it is told something complains.
        other = Painter(browser, app.url)
        other.page.goto(app.url + query)
        other.wait("#status", says)
        other.leave()


def test_a_photo_is_brought_by_click_or_drop_and_shown_by_a_copy(visit, wrong, tmp_path):
    scan = tmp_path / "scan.tif"  # which no browser shows
    Image.open(SAMPLES["cheetah"].path).convert("RGB").resize((300, 200)).save(scan)
    page = visit.open(QUICK)
    before = visit.photo()
    visit.bring("#photo img", wrong)
    visit.wait("#refusal", "cannot be used")
    assert visit.photo() == before
    visit.bring("#upload", scan)
    visit.another_photo(before)
    page.wait_for_function("document.querySelector('#photo img').naturalWidth === 300")
    assert page.inner_text("#refusal").strip() == ""
    visit.caption("Preview")
    assert page.locator("#picture .divider").is_visible()
    visit.paint()
    assert Image.open(visit.saved(tmp_path)).size == (128, 85)
    assert "photo=" not in visit.link()
    before = visit.photo()
    data = base64.b64encode(SAMPLES["runner"].path.read_bytes()).decode()
    page.evaluate(DROP, ["#photo", data])
    visit.another_photo(before)
    page.locator("#samples button").nth(1).click()
    visit.caption("Example: tower in Mosaic")


def test_a_painting_of_ones_own_and_one_that_was_made_here(
    visit, app, browser, mine, wrong, tmp_path
):
    plain, first = tmp_path / "plain.png", "#styles .thumbnail-item >> nth=0"
    Image.new("RGB", (64, 64), "red").save(plain)
    page = visit.open(QUICK)
    visit.bring(first, wrong)
    visit.wait("#manner", "cannot be used")
    visit.bring(first, plain)
    visit.wait("#concern", "The style is of one colour")
    visit.bring(first, mine)
    page.wait_for_function("!document.querySelector('#concern')?.innerText.includes('colour')")
    visit.wait("#manner", "Your own painting")
    page.get_by_text("Mix in a second painting").click()
    page.locator("#seconds button[aria-label='Yours']").wait_for()
    visit.set("#strength", "71")
    visit.paint()
    assert "style=" not in visit.link()
    painting, later = visit.saved(tmp_path), Painter(browser, app.url)
    later.open("?v=1&photo=lion&style=mosaic")
    before = later.photo()
    later.bring("#upload", painting)
    later.wait("#status", "its settings are back")
    later.becomes("#strength", "71")
    assert later.photo() != before  # the tower, which it was made from
    later.leave()


def test_ones_own_photo_is_seen_in_every_painting_and_previewed_during_a_run(visit, mine):
    page = visit.open("?v=1&size=128&steps=20000")
    tiles = "[...document.querySelectorAll('#styles img')].map((tile) => tile.src)"
    before = page.evaluate(tiles)
    visit.bring("#upload", mine)
    for number in range(1, len(before)):
        page.wait_for_function(f"{tiles}[{number}] !== {before[number]!r}")
    page.click("#styles button[aria-label='Mosaic']")
    visit.wait("#manner", "Mosaic")
    page.click("#tiles-show label >> nth=0")
    page.wait_for_function(f"{tiles}[5] === {before[5]!r}")
    page.click("#go")
    visit.wait("#status", "left")
    visit.caption("")
    visit.set("#strength", "80")
    visit.caption("Preview")
    assert "left" in page.inner_text("#status")
    page.click("#stop")
    visit.wait("#status", "Stopped")


def test_settings_follow_a_painting_until_they_are_touched(visit):
    page = visit.open()
    titles = {preset.id: preset.title for preset in load_presets()[0]}

    def choose(style: str) -> None:
        page.click(f"#styles button[aria-label='{titles[style]}']")
        visit.wait("#manner", titles[style])

    assert visit.value("#strength") == "35"
    choose("mosaic")
    visit.becomes("#strength", "45")
    visit.set("#strength", "62")
    choose("swirling-night")
    usual = page.get_by_role("button", name="Use this painting's usual strength (35)")
    usual.wait_for()
    assert visit.value("#strength") == "62"
    page.click("#advanced button")
    assert visit.value("#brush") == "0.7"  # nobody has moved it
    usual.click()
    visit.becomes("#strength", "35")
    usual.wait_for(state="hidden")
    page.locator("#recipe input").click()
    page.get_by_role("option", name="lodaya").click()
    visit.wait("#changed", "Lodaya")
    assert (visit.value("#steps"), visit.value("#size")) == ("200", "400")


def test_only_the_part_that_is_brushed_is_painted(visit, tmp_path):
    page = visit.open(QUICK)
    fold = page.get_by_text("Only part of the photo")
    fold.click()
    canvas = page.locator("#mask canvas").first
    canvas.wait_for()
    canvas.scroll_into_view_if_needed()
    visit.still("#mask canvas")  # the editor draws the photo in its own time
    box = canvas.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] * 0.3
    page.mouse.move(x - 30, y)
    page.mouse.down()
    page.mouse.move(x + 30, y, steps=8)
    page.mouse.up()
    fold.click()
    visit.wait("#part", "marked")
    visit.paint()
    visit.wait("#status", "that was brushed")
    painted = pixels(visit.saved(tmp_path))
    difference = np.abs(painted - np.asarray(fit(open_photo(SAMPLES["tower"].path), 128))).mean(2)
    third = len(difference) // 3
    assert difference[:third].mean() > 3
    assert (difference[-third:] == 0).all()  # the photo's own pixels


def test_the_picture_is_whole_and_stays_where_it_is_on_a_phone_and_on_a_desk(app, browser):
    visit = Painter(browser, app.url, 390, 844, has_touch=True, reduced_motion="reduce")
    page = visit.open(QUICK + "&photo=lion")
    for width in (390, 1440):
        page.set_viewport_size({"width": width, "height": 844})
        page.evaluate("scrollTo(0, 250)")
        page.evaluate("document.querySelector('#status .now').textContent = ''")
        page.dispatch_event("#go", "click")  # which scrolls nothing itself
        visit.wait("#status", "left")
        box, bar = page.locator("#picture").bounding_box(), page.locator("#actions").bounding_box()
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= (bar["y"] if width < 800 else 844)
        visit.wait("#status", "Done")
        assert page.locator("#picture").bounding_box() == box
        assert page.input_value("#picture .reach") == "0"  # it ends on the whole painting
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        if width < 800:
            assert page.locator("#picture .painting").bounding_box()["width"] > 350
            assert page.locator("#upload").bounding_box()["height"] >= 44
    visit.leave()
