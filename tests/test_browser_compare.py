"""Compare, the camera and How it works in a real chromium."""

import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from visits import Visit

pytestmark = [pytest.mark.browser, pytest.mark.slow]

# The Paint tab's settings, which the sweep takes over: small enough for a test.
QUICK = "?v=1&size=64&steps=8"


class Comparer(Visit):
    """A visitor of the other tabs."""

    def __init__(self, browser, url: str, width: int = 1440, height: int = 900) -> None:
        super().__init__(browser, url, 45, viewport={"width": width, "height": height})

    def open(self, tab: str, query: str = "") -> "Comparer":
        self.arrive(query)
        self.way(tab)
        return self

    def way(self, name: str) -> None:
        self.page.get_by_role("tab", name=name, exact=True).click()
        self.page.get_by_role("tab", name=name, exact=True, selected=True).wait_for()

    def tap(self, panel: str, title: str) -> None:
        """Enlarge a tile, and wait until it is the chosen one."""
        self.page.locator(f"#{panel}-tiles .grid-container button[title='{title}']").click()
        self.wait(f"#{panel}-chosen", title)

    def put_away(self, panel: str) -> None:
        """Close an enlarged tile."""
        self.page.locator(f"#{panel}-tiles .preview").get_by_label("Close").click()
        self.page.locator(f"#{panel}-tiles .preview").wait_for(state="detached")

    def until_free(self, stop: str) -> None:
        self.page.wait_for_function(f"document.querySelector('{stop}').disabled")

    def saved(self, button: str) -> Image.Image:
        with self.page.expect_download() as coming:
            self.page.click(button)
        return Image.open(io.BytesIO(Path(coming.value.path()).read_bytes()))


@pytest.fixture
def visit(app, browser) -> Iterator[Comparer]:
    visit = Comparer(browser, app.url)
    yield visit
    visit.leave()


def test_the_wall_shows_every_painting_of_a_sample_or_a_photo_and_one_of_it_is_painted(
    visit, tmp_path
):
    page = visit.page
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    visit.arrive()
    assert not any("wall-" in url for url in asked)
    visit.way("Compare")
    visit.wait("#wall-status", "Lion in every painting")
    page.locator("#wall-tiles button").nth(13).wait_for()
    page.locator("#compare-samples button").nth(2).click()
    visit.wait("#wall-status", "Cheetah in every painting")
    visit.tap("wall", "Lily Pond")
    box = page.locator("#wall-tiles .preview").bounding_box()
    assert (box["width"], box["height"]) == (1440, 900)
    assert visit.saved("#wall-tiles .preview [aria-label=Download]").width >= 384
    page.keyboard.press("ArrowRight")
    visit.wait("#wall-chosen", "Sunlit Field")
    visit.put_away("wall")
    (tmp_path / "no.jpg").write_bytes(b"no picture")
    Image.effect_noise((300, 200), 80).convert("RGB").save(tmp_path / "good.png")
    field = page.locator("input[type=file]:has(+ #upload)")
    field.set_input_files(str(tmp_path / "no.jpg"))
    refused = page.get_by_role("tabpanel").filter(visible=True).get_by_role("alert").first
    refused.wait_for()
    field.set_input_files(str(tmp_path / "good.png"))
    visit.wait("#wall-status", "Your photo in every painting")
    refused.wait_for(state="detached")
    visit.tap("wall", "Lily Pond")
    page.click("#wall-paint")
    page.locator("#go").wait_for(state="visible")
    visit.wait("#manner", "Lily Pond")
    page.locator("#wall-tiles .preview").wait_for(state="detached")
    page.wait_for_function("!document.querySelector('#stop').disabled")
    page.click("#stop")
    visit.until_free("#stop")


def test_a_wall_is_stopped_and_two_of_the_sweep_after_it_meet_side_by_side(visit):
    page = visit.open("Compare", QUICK).page
    visit.wait("#wall-status", "Lion in every painting")
    page.get_by_text("Which paintings").click()
    page.locator("#wall-presets .select-all-checkbox").uncheck()
    for name in ("Mosaic", "Ink Wash"):
        page.locator("#wall-presets").get_by_label(name, exact=True).check()
    visit.wait("#wall-status", "2 drafts")
    page.click("#wall-go")
    visit.wait("#wall-status", "Mosaic, 1 of 2")
    visit.wait("#wall-tiles", "Mosaic …")
    page.click("#wall-stop")
    visit.wait("#wall-status", "Stopped before the first painting.")
    visit.until_free("#wall-stop")
    visit.way("Settings")
    visit.wait("#sweep-status", "5 drafts")  # its first word must not come after the next
    values = page.locator("#sweep-values textarea, #sweep-values input").first
    values.fill("10, 900")
    visit.wait("#sweep-status", "strength is 900")
    values.fill("10, 90")
    visit.wait("#sweep-status", "2 drafts")
    values.focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    visit.wait("#sweep-status", "Done: 2 paintings")
    first = page.locator("#sweep-tiles button img").nth(1)
    assert first.evaluate("image => image.naturalWidth") == 64
    assert visit.saved("#sweep-sheet").width > 3 * 64
    visit.tap("sweep", "Strength 10")
    page.click("#sweep-pair")
    page.locator("#sweep-pair", has_text="Set beside").wait_for()
    visit.put_away("sweep")
    page.locator("#sweep-tiles button").nth(2).press("Enter")
    visit.wait("#sweep-chosen", "Strength 90")
    page.click("#sweep-pair")
    page.locator("#pair-slider img").first.wait_for()
    rows = page.locator("#pair-about tr").all_inner_texts()
    assert [re.sub(r"\s+", " ", row).strip() for row in rows[1:]] == ["Strength 10 90"]
    assert page.locator("#compare-photo").is_hidden()
    page.click("#pair-swap")
    page.wait_for_function(
        "document.querySelector('#pair-about').innerText.replace(/\\s+/g, ' ')"
        ".includes('Strength 90 10')"
    )
    assert visit.saved("#pair-sheet").width > 300
    visit.way("Wall")
    assert page.locator("#wall-tiles button").count() == 1
    assert "Stopped" in page.inner_text("#wall-status")
    visit.way("Paint")
    visit.paint()
    page.click("#more > button")
    page.click("#pair-result")
    visit.wait("#pair-about", "50")  # beside the left one


def test_a_published_comparison_says_its_time_and_compares_losses_in_words(visit):
    page = visit.open("Compare").page
    visit.way("Published")
    card = page.locator(".card", has_text="From the photo to pure noise")
    card.get_by_text("4 paintings").wait_for()
    card.get_by_role("button", name="Make this comparison").click()
    visit.wait("#published-status", "stands in for VGG-19")
    visit.wait("#published-status", "3 of 4")
    top = page.locator("#published-status").bounding_box()["y"]
    assert 0 < top < page.viewport_size["height"] - 100  # it has come into sight
    page.click("#published-stop")
    visit.wait("#published-status", "Stopped: 2 paintings kept")
    titles = page.locator("#published-tiles .caption-label").all_inner_texts()
    assert titles[:3] == ["The photo", "noise ratio 0", "noise ratio 0.3"]
    below = page.locator("#published-below")
    assert below.locator("polyline").count() == 2
    assert below.locator("tr").first.inner_text().split() == ["content", "style", "total", "time"]
    assert "the same" in below.locator("tr").nth(1).inner_text()
    assert not re.search(r"e[+-]\d|\dG", below.inner_text())
    assert visit.saved("#published-sheet").width > 500


def test_every_way_to_compare_fits_a_phone(app, browser):
    phone = Comparer(browser, app.url, 390, 844)
    page = phone.open("Compare").page
    for way in ("Wall", "Settings", "Side by side", "Published", "Camera", "How it works"):
        phone.way(way)
        assert page.evaluate("document.documentElement.scrollWidth") == 390
    phone.leave()


def test_the_camera_is_painted_as_it_comes_and_its_shutter_takes_a_still_to_paint(visit):
    page = visit.open("Camera").page
    page.get_by_text("Click to Access Webcam").click()
    page.locator("#live-camera .capture-button").click()
    painted = page.locator("#live-painting img")
    painted.wait_for()
    page.wait_for_function("document.querySelector('#live-painting img').naturalWidth === 256")
    before = painted.get_attribute("src")
    page.locator("#live-styles button").nth(2).click()
    page.locator("#live-strength input[type=number]").fill("80")
    page.wait_for_function(f"document.querySelector('#live-painting img').src !== {before!r}")
    page.click("#shutter")
    page.locator("#go").wait_for(state="visible")
    assert "Your picture is here" in page.inner_text("#status")
    visit.wait("#manner", "Lily Pond")
    assert page.locator("#strength input[type=number]").input_value() == "80"
    page.wait_for_function("document.querySelector('#photo img').src.includes('camera')")
    page.locator("#live-camera [title='start recording']").wait_for(state="attached")


def test_how_it_works_explains_with_pictures_formulas_and_sources(visit):
    page = visit.open("How it works").page
    about = page.locator("#about")
    about.locator("svg.drawing").last.wait_for()
    assert about.locator("svg.drawing").count() == 4
    assert about.locator(".trio img").count() == 3
    about.locator(".katex-display").last.wait_for()
    assert about.locator(".katex-display").count() == 6
    assert about.locator(".katex-error").count() == 0
    words = about.inner_text()
    assert "$" not in words
    headings = ("This machine:", "When it goes wrong", "What it will not do", "The formulas")
    places = [words.index(heading) for heading in (*headings, "Credits and licences", "CC0-1.0")]
    assert places == sorted(places)
