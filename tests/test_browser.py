"""The Paint tab in a real chromium: one journey a feature, clicks and keys, not internals."""

import base64
import re
import time
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from visits import Visit

from nst.pictures.animation import mp4
from nst.pictures.export import read_recipe
from nst.pictures.images import fit, open_photo
from nst.presets import load_presets
from ui.samples import SAMPLES

pytestmark = [pytest.mark.browser, pytest.mark.flaky(reruns=2)]

WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]
QUICK = "?v=1&size=128&steps=24&photo=tower&style=mosaic"
SLOW = "?v=1&size=256&steps=20000"
CAPTION = "(document.querySelector('#picture .caption')?.textContent ?? '')"
PAINTING = "document.querySelector('#picture .painting')?.src"
DROP = """([place, data]) => {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  const carried = new DataTransfer();
  carried.items.add(new File([bytes], "me.jpg", { type: "image/jpeg" }));
  for (const type of ["dragover", "drop"])
    document.querySelector(place).dispatchEvent(
      new DragEvent(type, { dataTransfer: carried, bubbles: true, cancelable: true }));
}"""
STILL = """(place) => new Promise((done) => {
  let since = performance.now(), was = "";
  const look = () => {
    const now = JSON.stringify(document.querySelector(place).getBoundingClientRect());
    if (now !== was) [was, since] = [now, performance.now()];
    performance.now() - since > 3000 ? done() : requestAnimationFrame(look);
  };
  look();
})"""


class Painter(Visit):
    """A visitor of the Paint tab."""

    def __init__(self, browser, url: str, width: int = 1440, height: int = 900, **options) -> None:
        options |= {"viewport": {"width": width, "height": height}}
        super().__init__(browser, url, 180, **options)
        self.last = b""

    def open(self, query: str = ""):
        """Arrive; returns playwright's page once its own script has run."""
        self.arrive(query)
        self.page.wait_for_selector("#picture .there")
        return self.page

    def caption(self, words: str) -> None:
        self.page.wait_for_function(f"{CAPTION} === {words!r}")

    def download(self, button: str, folder: Path) -> Path:
        with self.page.expect_download() as coming:
            self.page.click(button)
        folder.mkdir(exist_ok=True)
        path = folder / coming.value.suggested_filename
        coming.value.save_as(path)
        return path

    def saved(self, folder: Path) -> Path:
        """The PNG, once the button gives another one than the last time."""
        end = time.monotonic() + 30
        while time.monotonic() < end:
            path = self.download("#png", folder)
            if path.read_bytes() != self.last:
                break
        self.last = path.read_bytes()
        return path

    def bring(self, click: str, path: Path) -> None:
        """Choose a file in the chooser that a click opens."""
        with self.page.expect_file_chooser() as chooser:
            self.page.click(click)
        chooser.value.set_files(path)

    def photo(self) -> str:
        return self.page.locator("#photo img").get_attribute("src")

    def another_photo(self, before: str) -> None:
        self.page.wait_for_function(
            f"(document.querySelector('#photo img')?.src ?? {before!r}) !== {before!r}"
        )

    def set(self, control: str, value: str) -> None:
        field = self.page.locator(f"{control} input[type=number]")
        field.fill(value)
        field.press("Tab")

    def value(self, control: str) -> str:
        return self.page.locator(f"{control} input, {control} textarea").first.input_value()

    def becomes(self, control: str, value: str) -> None:
        self.page.wait_for_function(
            f"document.querySelector('{control} input')?.value === {value!r}"
        )

    def link(self) -> str:
        if not self.page.locator("#link").is_visible():
            self.page.click("#more > button")
        return self.page.locator("#link textarea, #link input").first.input_value()


@pytest.fixture
def visit(app, browser) -> Iterator[Painter]:
    visit = Painter(browser, app.url)
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


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB")).astype(int)


def test_it_opens_light_on_a_finished_example(visit):
    sent: list[float] = []
    traffic = visit.page.context.new_cdp_session(visit.page)
    traffic.send("Network.enable")
    traffic.on("Network.loadingFinished", lambda loaded: sent.append(loaded["encodedDataLength"]))
    page = visit.open()
    visit.caption("Example: lion in Swirling Night")
    page.wait_for_function("document.querySelector('#picture .painting').naturalWidth > 200")
    assert "Press Paint" in page.inner_text("#status")
    assert page.locator("#go").bounding_box()["y"] < 900
    page.wait_for_function("document.querySelectorAll('#styles img').length > 13")
    assert 300_000 < sum(sent) < 1_000_000


def test_one_press_paints_the_picture_develops_and_remembers_its_recipe(visit, tmp_path):
    page = visit.open("?v=1&size=256&steps=60")
    page.evaluate(
        """() => { window.seen = new Set(); setInterval(() => {
        window.seen.add(document.querySelector('#picture .painting').src); }, 20); }"""
    )
    page.focus("#go")
    page.keyboard.press("Enter")
    assert re.match(r"Painting, about \d+ (s|min) left", visit.wait("#status", "left"))
    page.focus("#picture .reach")  # photo and painting are compared while it develops
    page.keyboard.press("End")
    assert page.get_attribute("#picture .reach", "aria-valuetext") == "100 % photo"
    page.focus("#go")
    visit.wait("#status", "Done")
    assert page.evaluate("window.seen.size") >= 3
    assert page.evaluate("document.activeElement.id") == "go"
    page.click("#details button")
    visit.wait("#technical", "Step 60 of 60, 256 × 256")
    painted = visit.saved(tmp_path)
    assert read_recipe(painted).steps == 60
    photo = Image.open(SAMPLES["lion"].path).convert("RGB").resize((256, 256))
    assert np.abs(pixels(painted) - np.asarray(photo)).mean() > 5
    visit.link()
    page.wait_for_selector("#curves svg")


def test_stop_keeps_the_picture_and_a_queue_can_be_left(app, browser, visit, tmp_path):
    first = Painter(browser, app.url)
    first.open(SLOW).click("#go")
    first.wait("#status", "left")
    page = visit.open(QUICK)
    page.click("#go")
    visit.wait("#status", "Waiting for your turn")
    visit.wait("#turn", "queue: 1/1")
    page.get_by_role("button", name="Leave queue").click()
    visit.wait("#status", "You have left the queue")
    visit.wait("#stop", "Stop")
    page.click("#go")  # and joined again
    visit.wait("#status", "Waiting for your turn")
    first.page.click("#stop")
    assert "the picture is kept" in first.wait("#status", "Stopped at step")
    assert first.page.evaluate("document.activeElement.id") == "go"
    assert first.saved(tmp_path).stat().st_size > 10_000
    assert first.page.locator("#stop").is_disabled()
    first.leave()
    visit.wait("#status", "Done")


def test_what_is_seen_is_what_is_saved(visit, tmp_path):
    page = visit.open(QUICK + "&steps=100")
    visit.paint()
    full = pixels(visit.saved(tmp_path))
    photo = np.asarray(fit(open_photo(SAMPLES["tower"].path), 128))
    visit.set("#fade", "50")
    page.wait_for_function("document.querySelector('#picture .painting').style.opacity === '0.5'")
    half = pixels(visit.saved(tmp_path / "half"))
    assert np.abs(half - (full + photo) / 2).mean() < 3
    page.check("#recolour input")
    assert np.abs(pixels(visit.saved(tmp_path / "recoloured")) - half).mean() > 3
    visit.link()
    scrub = page.locator("#scrub input[type=range]")
    assert int(scrub.get_attribute("max")) >= 3
    before = page.evaluate(PAINTING)
    scrub.focus()
    scrub.press("Home")
    page.wait_for_function(f"{PAINTING} !== {before!r}")
    visit.saved(tmp_path / "first")


def test_any_result_is_live_and_a_reload_loses_nothing(visit, tmp_path):
    page = visit.open(QUICK)
    visit.paint()
    first = pixels(visit.saved(tmp_path))
    visit.set("#strength", "80")
    visit.caption("Preview")
    visit.paint()
    visit.saved(tmp_path / "second")
    page.wait_for_function("document.querySelectorAll('#strip button img').length === 2")
    assert page.locator("#strip button").first.bounding_box()["width"] < 120
    page.locator("#strip button").last.click()
    visit.caption("An earlier result: Mosaic")
    assert (pixels(visit.saved(tmp_path / "earlier")) == first).all()
    page.locator("#strip button").first.click()
    visit.caption("")
    page.reload()
    page.wait_for_function("document.querySelectorAll('#strip button img').length === 2")
    visit.becomes("#strength", "80")
    visit.caption("")
    visit.wait("#status", "Done")
    page.click("#keep")
    visit.wait("#status", "Continued from an earlier result")
    page.wait_for_function("document.querySelectorAll('#strip button img').length === 3")


@pytest.mark.slow  # two paintings at 1024 px beside each other
def test_standard_goes_on_in_place_until_somebody_waits(app, browser, visit, tmp_path):
    page = visit.open("?v=1&size=512&photo=lion&style=mosaic")
    page.click("#go")
    visit.wait("#status", "Going on to 1024 pixels")
    assert Image.open(visit.saved(tmp_path)).size == (512, 512)
    page.click("#share")
    page.get_by_label("Film", exact=True).check()
    other = Painter(browser, app.url)
    other.open(QUICK)
    other.paint()
    other.leave()
    page.wait_for_function("!document.querySelector('#status').innerText.includes('Going on')")
    assert "Done" in page.inner_text("#status")
    assert page.locator("#stop").is_disabled()
    assert page.get_by_label("Film", exact=True).is_checked()  # it did not close meanwhile


def test_a_painting_is_enlarged(visit, tmp_path):
    page = visit.open("?v=1&size=256&steps=12")
    visit.paint()
    small = pixels(visit.saved(tmp_path))
    assert re.fullmatch(r"Larger, about \d+ (s|min)", page.inner_text("#larger"))
    page.click("#larger")
    visit.wait("#status", "1024 × 1024")
    larger = Image.open(visit.saved(tmp_path / "larger"))
    again = np.asarray(larger.resize((256, 256), Image.Resampling.BOX)).astype(int)
    photo = np.asarray(Image.open(SAMPLES["lion"].path).convert("RGB").resize((256, 256)))
    assert np.abs(again - small).mean() < 0.6 * np.abs(again - photo).mean()
    assert page.is_checked("#quality input[value='256']")  # what the next Paint will do


def test_a_result_is_shared_in_its_shapes_and_by_a_link_that_can_be_taken_back(visit, tmp_path):
    page = visit.open(QUICK)
    visit.paint()
    page.click("#share")
    page.locator("#publish").wait_for()
    page.wait_for_function(
        "document.querySelector('#publish').getBoundingClientRect().bottom < innerHeight"
    )
    for kind, shape, button in (
        ("Picture", "Original", "#send"),  # which saves where there is no sheet to share
        ("Before and after", "Square", "#save"),
        ("Film", "9:16", "#save"),
    ):
        page.get_by_label(kind, exact=True).check()
        page.get_by_label(shape, exact=True).check()
        path = visit.download(button, tmp_path / shape.replace(":", "-"))
        if kind == "Film":
            with av.open(str(path)) as film:
                stream = film.streams.video[0]
                assert (stream.width, stream.height) == (80, 142)
        else:
            assert Image.open(path).size == {"Picture": (80, 128)}.get(kind, (160, 160))
    page.click("#publish")
    visit.wait("#publish", "Take it back")
    link = page.locator("#picture-link input, #picture-link textarea").input_value()
    assert page.request.get(link).ok
    page.click("#publish")
    visit.wait("#publish", "Make a link")
    assert page.request.get(link).status == 404


def test_a_clip_is_repainted_and_a_wrong_one_refused(visit, tmp_path):
    clip = tmp_path / "clip.mp4"
    with mp4(clip, 8, (128, 96)) as (_, add):
        for shade in range(0, 160, 20):
            add(Image.new("RGB", (128, 96), (shade, 90, 120)))
    wrong = tmp_path / "wrong.mp4"
    wrong.write_bytes(b"no film")
    page = visit.open()
    page.click("[role=tab][data-tab-id=film]")
    page.locator("input[type=file]:has(+ #clip)").set_input_files(wrong)
    visit.wait("#film-status", "This is not a clip")
    page.locator("input[type=file]:has(+ #clip)").set_input_files(clip)
    visit.wait("#film-status", "8 frames, 128 × 96: about")
    page.click("#film-go")
    page.wait_for_selector("#film-stop:enabled")
    visit.wait("#film-status", "Done in")
    page.wait_for_selector("#film-stop:disabled")
    page.wait_for_function("document.querySelector('#painted video')?.duration === 1")


def test_ones_own_photo_is_seen_in_every_painting_and_previewed_during_a_run(visit, mine):
    page = visit.open(SLOW)
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


def test_a_link_restores_controls_and_picture_for_someone_else(visit, app, browser, tmp_path):
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


def test_a_link_says_by_name_what_is_missing_or_too_much(visit):
    for query, says in (
        ("?v=1&size=200&photo=giraffe&strength=banana", "no sample photo called 'giraffe'"),
        ("?v=1&charm=9", "This link could not be read"),
        ("?v=1&photo=lion&style=mosaic&size=4096", "may have at most 2048"),
    ):
        visit.page.goto(visit.url + query)
        visit.wait("#status", says)


def test_a_photo_is_brought_by_click_or_drop_and_a_wrong_file_is_refused(
    visit, mine, wrong, tmp_path
):
    page = visit.open(QUICK)
    before = visit.photo()
    visit.bring("#photo img", wrong)
    visit.wait("#refusal", "cannot be used")
    assert visit.photo() == before
    visit.bring("#upload", mine)
    visit.another_photo(before)
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


def test_a_painting_of_ones_own_and_one_that_was_made_here(visit, mine, wrong, tmp_path):
    page = visit.open(QUICK)
    first = "#styles .thumbnail-item >> nth=0"
    visit.bring(first, wrong)
    visit.wait("#manner", "cannot be used")
    visit.bring(first, mine)
    visit.wait("#manner", "Your own painting")
    page.get_by_text("Mix in a second painting").click()
    page.locator("#seconds button[aria-label='Yours']").wait_for()
    visit.set("#strength", "71")
    visit.paint()
    assert "style=" not in visit.link()
    painting = visit.saved(tmp_path)

    page = visit.open("?v=1&photo=lion&style=mosaic")
    before = visit.photo()
    visit.bring("#upload", painting)
    visit.wait("#status", "its settings are back")
    visit.becomes("#strength", "71")
    assert visit.photo() != before  # the tower, which it was made from


def test_a_scan_is_shown_by_a_copy_and_a_plain_painting_is_warned_of(visit, tmp_path):
    scan, plain = tmp_path / "scan.tif", tmp_path / "plain.png"
    Image.open(SAMPLES["runner"].path).convert("RGB").resize((300, 200)).save(scan)
    Image.new("RGB", (64, 64), "red").save(plain)
    page = visit.open(QUICK)
    before = visit.photo()
    visit.bring("#upload", scan)
    visit.another_photo(before)
    page.wait_for_function("document.querySelector('#photo img').naturalWidth === 300")
    visit.bring("#styles .thumbnail-item >> nth=0", plain)
    visit.wait("#concern", "The style is of one colour")
    visit.paint()
    assert Image.open(visit.saved(tmp_path)).size == (128, 85)


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
    page.evaluate(STILL, "#mask canvas")  # the editor draws the photo in its own time
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


@pytest.mark.parametrize("width", [1440, 390])
def test_the_picture_is_whole_and_stays_where_it_is(app, browser, width):
    visit = Painter(browser, app.url, width, 844, has_touch=width < 800, reduced_motion="reduce")
    page = visit.open(QUICK + "&photo=lion")
    page.evaluate("scrollTo(0, 250)")
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


def test_on_a_phone_another_photo_moves_nothing_below_the_picture(app, browser, tmp_path):
    Image.new("RGB", (200, 400), "teal").save(tmp_path / "tall.png")
    visit = Painter(browser, app.url, 390, 844, has_touch=True, reduced_motion="reduce")
    page = visit.open()
    page.click(".choose >> nth=0")
    before = page.locator("#styles").bounding_box()["y"]
    tall = page.locator("#picture").bounding_box()["height"]
    visit.bring("#upload", tmp_path / "tall.png")
    visit.caption("Preview")
    assert page.locator("#picture").bounding_box()["height"] > tall + 100
    assert page.locator("#styles").bounding_box()["y"] == pytest.approx(before, abs=2)
    visit.leave()


def test_everything_is_reached_by_keyboard_and_named(visit):
    page = visit.open(QUICK)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to Paint"
    reached = set()
    for _ in range(80):
        page.keyboard.press("Tab")
        reached.add(
            page.evaluate(
                """() => { const e = document.activeElement;
                return e.id || e.getAttribute('aria-label') || e.textContent.trim(); }"""
            )
        )
        if "go" in reached:
            break
    assert {preset.title for preset in load_presets()[0]} | {"go"} <= reached
    page.focus("#strength input[type=range]")
    page.keyboard.press("Tab")
    low = "(document.activeElement.closest('label') ?? document.activeElement)"
    assert page.evaluate(
        f"{low}.getBoundingClientRect().bottom"
        " <= document.querySelector('#actions').getBoundingClientRect().top"
    )
    page.focus("#colours input")
    page.keyboard.press("ArrowRight")
    assert page.is_checked("#colours input[value=photo]")
    page.click("#advanced button")
    page.wait_for_selector("#advanced button[aria-expanded=true]")
    assert page.evaluate("document.documentElement.lang") == "en"


@pytest.mark.parametrize("look", ["light", "dark"])
def test_nothing_on_any_tab_is_against_wcag(app, browser, look):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    visit = Painter(browser, app.url, color_scheme=look, reduced_motion="reduce")
    page = visit.open(QUICK)
    visit.paint()
    page.click("#share")
    visit.link()
    page.click("#advanced button")
    page.locator("#send").wait_for()
    found = []
    for tab in ("paint", "compare", "camera", "film", "about"):
        page.click(f"[role=tab][data-tab-id={tab}]")
        page.evaluate(STILL, "body")
        # Gradio's own empty box has a label and no role.
        report = axe.run(page, context={"exclude": [[".empty"]]}, options={"runOnly": WCAG})
        for wrong in report.response["violations"]:
            where = [" ".join(node["target"]) for node in wrong["nodes"]]
            found.append((tab, wrong["id"], wrong["help"], where))
    assert not found, found
    visit.leave()
