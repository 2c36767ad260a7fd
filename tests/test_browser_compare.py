"""Compare and How it works in a real chromium, and `/wall` for programs."""

import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from gradio_client import Client, handle_file
from PIL import Image
from visits import Visit

from ui.samples import SAMPLES

pytestmark = pytest.mark.browser

# The Paint tab's settings, which the sweep takes over: small enough for a test.
QUICK = "?v=1&size=96&steps=12"
WAYS = ("Paintings", "Settings", "Side by side", "Published")


class Comparer(Visit):
    """A visitor of the other tabs."""

    def __init__(self, browser, url: str, **options) -> None:
        super().__init__(browser, url, 90, **options)

    def open(self, tab: str, query: str = "") -> "Comparer":
        self.arrive(query)
        self.page.get_by_role("tab", name=tab, exact=True).click()
        return self

    def way(self, name: str) -> None:
        self.page.get_by_role("tab", name=name, exact=True).click()

    def only(self, *names: str) -> None:
        """Choose only these paintings: none, and then each of them."""
        self.page.get_by_text("Which paintings").click()
        self.page.locator("#wall-presets .select-all-checkbox").uncheck()
        for name in names:
            self.page.locator("#wall-presets").get_by_label(name, exact=True).check()

    def saved(self, button: str) -> Image.Image:
        with self.page.expect_download() as coming:
            self.page.click(button)
        return Image.open(io.BytesIO(Path(coming.value.path()).read_bytes()))


@pytest.fixture
def visit(app, browser) -> Iterator[Comparer]:
    visit = Comparer(browser, app.url, viewport={"width": 1440, "height": 900})
    yield visit
    visit.leave()


@pytest.fixture
def phone(app, browser) -> Iterator[Comparer]:
    visit = Comparer(browser, app.url, viewport={"width": 390, "height": 844})
    yield visit
    visit.leave()


def test_compare_opens_on_what_was_painted_before(visit):
    page = visit.page
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    visit.arrive()
    assert not any("lion-mosaic" in url for url in asked)
    visit.way("Compare")
    visit.wait("#wall-status", "Lion in 13 paintings, painted before")
    assert page.locator("#wall-tiles button").count() == 14
    assert any("lion-mosaic" in url for url in asked)
    page.locator("#compare-samples button").nth(2).click()
    visit.wait("#wall-status", "Cheetah in 13 paintings")
    page.wait_for_function(
        "[...document.querySelectorAll('#wall-tiles img')].every("
        "image => image.complete && image.naturalWidth)"
    )


def test_the_wall_fills_tile_by_tile_and_a_tile_is_painted_properly(visit):
    page = visit.open("Compare").page
    page.locator("#compare-samples button").nth(2).click()
    visit.wait("#wall-status", "Cheetah in 13 paintings")
    visit.only("Mosaic", "Ink Wash")
    assert "2 drafts" in visit.wait("#wall-status", "2 drafts")
    page.click("#wall-go")
    visit.wait("#wall-status", "2 of 2")
    assert "The photo" in page.inner_text("#wall-tiles")
    assert "Ink Wash" in page.inner_text("#wall-tiles")
    visit.wait("#wall-status", "Done: 2 paintings")
    tiles = page.locator("#wall-tiles button")
    assert tiles.count() == 3
    sheet = visit.saved("#wall-sheet")
    assert sheet.width > 2 * 300
    tiles.filter(has=page.locator("img[alt=Mosaic]")).click()
    visit.wait("#wall-chosen", "Mosaic")
    page.click("#wall-paint")
    page.locator("#go").wait_for(state="visible")
    page.wait_for_function("!document.querySelector('#stop').disabled")
    assert "Mosaic" in page.inner_text("#manner")
    chosen = page.locator("#samples button").nth(2)
    assert "selected" in chosen.get_attribute("class")
    assert page.locator("#quality input:checked").get_attribute("value") == "512"
    page.click("#stop")


def test_a_wall_that_is_stopped_keeps_what_is_finished(visit):
    page = visit.open("Compare").page
    visit.only("Mosaic", "Ink Wash", "Charcoal")
    page.click("#wall-go")
    visit.wait("#wall-status", "2 of 3")
    page.click("#wall-stop")
    visit.wait("#wall-status", "Stopped: 1 painting is kept")
    page.wait_for_function("document.querySelectorAll('#wall-tiles button').length === 2")
    assert visit.saved("#wall-sheet").height > 200
    page.wait_for_timeout(1500)
    assert page.locator("#wall-tiles button").count() == 2
    assert "Stopped" in page.inner_text("#wall-status")
    assert page.locator("#wall-stop").is_disabled()


def test_a_sweep_is_of_the_paint_tabs_settings_and_two_of_it_meet_side_by_side(visit):
    page = visit.open("Compare", QUICK).page
    visit.way("Settings")
    visit.wait("#sweep-status", "drafts")  # its first word must not come after the next
    page.locator("#sweep-values textarea, #sweep-values input").first.fill("10, 90")
    visit.wait("#sweep-status", "2 drafts")
    page.click("#sweep-go")
    visit.wait("#sweep-status", "Done: 2 paintings")
    tiles = page.locator("#sweep-tiles button")
    assert tiles.nth(1).locator("img").evaluate("image => image.naturalWidth") == 96
    for value, tile in ((10, 1), (90, 2)):
        tiles.nth(tile).click()
        visit.wait("#sweep-chosen", f"Strength {value}")
        page.click("#sweep-pair")
    page.locator("#pair-slider img").first.wait_for()
    assert page.locator("#pair-slider img").count() == 2
    rows = page.locator("#pair-about tr").all_inner_texts()
    assert [re.sub(r"\s+", " ", row).strip() for row in rows[1:]] == ["Strength 10 90"]
    page.click("#pair-swap")
    page.wait_for_function(
        "document.querySelector('#pair-about').innerText.replace(/\\s+/g, ' ')"
        ".includes('Strength 90 10')"
    )
    assert visit.saved("#pair-sheet").width > 500


def test_a_result_is_set_beside_another_where_it_was_painted(visit):
    page = visit.open("Compare", QUICK).page
    visit.way("Side by side")
    assert "Nothing is here yet" in page.inner_text("#pair-about")
    visit.way("Paint")
    visit.paint()
    page.click("#more > button")
    page.click("#pair-result")
    page.locator("#pair-result", has_text="Set beside").wait_for()
    page.click("#pair-result")
    visit.wait("#pair-about", "They have the same settings.")
    page.locator("#pair-slider img").first.wait_for()


def test_values_that_cannot_be_swept_are_named_before_anything_runs(visit):
    page = visit.open("Compare").page
    visit.way("Settings")
    visit.wait("#sweep-status", "drafts")  # its first word must not come after the next
    page.locator("#sweep-values textarea, #sweep-values input").first.fill("10, 900")
    assert "strength is 900" in visit.wait("#sweep-status", "900")
    page.click("#sweep-go")
    page.locator(".toast-body").wait_for()
    page.wait_for_function("document.querySelector('#sweep-stop').disabled")
    page.wait_for_timeout(1000)
    assert page.locator("#sweep-stop").is_disabled()


def test_a_comparison_of_the_authors_says_its_time_and_shows_losses_and_pictures(visit):
    page = visit.open("Compare").page
    visit.way("Published")
    card = page.locator(".card", has_text="From the photo to pure noise")
    page.locator("#authors-steps").get_by_label("A tenth").check()
    card.get_by_text("4 paintings, 80 steps at 256 px").wait_for()
    card.get_by_role("button", name="Make this comparison").click()
    told = visit.wait("#authors-status", "stands in for VGG-19")
    assert re.search(r"about \d[\d.]* (s|min) here", told)
    visit.wait("#authors-status", "Done: 80 steps")
    titles = page.locator("#authors-tiles .caption-label").all_inner_texts()
    assert [title.split(":")[0] for title in titles] == [
        "The photo",
        "noise ratio 0",
        "noise ratio 0.3",
        "noise ratio 0.6",
        "noise ratio 1",
    ]
    assert page.locator("#authors-below polyline").count() == 4
    rows = page.locator("#authors-below tr")
    assert rows.first.inner_text().split() == ["content", "style", "total", "seconds"]
    assert rows.count() == 5
    assert visit.saved("#authors-sheet").width > 1000


def test_every_way_to_compare_fits_a_phone(phone):
    page = phone.open("Compare").page
    for way in WAYS:
        phone.way(way)
        page.wait_for_timeout(200)
        assert page.evaluate("document.documentElement.scrollWidth") == 390
    phone.way("How it works")
    page.locator("#about-here").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_a_sweep_by_keyboard_alone(visit):
    page = visit.open("Compare", QUICK).page
    visit.way("Settings")
    visit.wait("#sweep-status", "drafts")  # its first word must not come after the next
    values = page.locator("#sweep-values textarea, #sweep-values input").first
    values.focus()
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("20, 80")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "sweep-go"
    page.keyboard.press("Enter")
    visit.wait("#sweep-status", "Done: 2 paintings")
    tile = page.locator("#sweep-tiles button").nth(2)
    tile.focus()
    page.wait_for_function("document.activeElement.ariaLabel === 'Strength 80'")
    page.keyboard.press("Enter")
    visit.wait("#sweep-chosen", "Strength 80")
    page.locator("#sweep-paint").press("Enter")
    page.wait_for_function("!document.querySelector('#stop').disabled")
    assert page.locator("#strength input[type=number]").input_value() == "80"


def test_how_it_works_explains_with_pictures_formulas_and_sources(visit):
    page = visit.open("How it works").page
    about = page.locator("#about")
    about.locator("svg.drawing").last.wait_for()
    assert about.locator("svg.drawing").count() == 4
    about.locator(".katex-display").last.wait_for()
    assert about.locator(".katex-display").count() == 6
    assert about.locator(".katex-error").count() == 0
    assert "$" not in about.inner_text()
    words = about.inner_text()
    for heading in ("What it will not do", "When it goes wrong", "Credits and licences"):
        assert heading in words
    assert "This machine:" in words
    assert "CC0-1.0" in words


def test_programs_get_a_wall_tile_by_tile_and_the_sheet(app):
    client = Client(app.url, verbose=False)
    job = client.submit(
        handle_file(str(SAMPLES["lion"].path)),
        "mosaic, ink-wash",
        "steps=8&size=96",
        api_name="/wall",
    )
    pictures, sheet, facts = job.result(timeout=120)
    assert [picture["caption"] for picture in pictures] == ["Mosaic", "Ink Wash"]
    assert Image.open(pictures[0]["image"]).size == (96, 96)
    assert Image.open(sheet).width > 600
    assert facts["painted"] == ["mosaic", "ink-wash"]
    assert facts["done"] is True


def test_a_wall_of_nonsense_is_refused_in_a_sentence(app):
    client = Client(app.url, verbose=False)
    with pytest.raises(Exception, match="There is no preset called"):
        client.predict(handle_file(str(SAMPLES["lion"].path)), "nonsense", "", api_name="/wall")
