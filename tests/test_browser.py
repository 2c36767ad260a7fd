"""The Paint tab in a real chromium: clicks and keys, not internals."""

import io
import re
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from visits import Visit

from nst.pictures.export import read_recipe
from nst.pictures.images import fit, open_photo
from nst.presets import load_presets
from ui.parts.samples import SAMPLES

pytestmark = pytest.mark.browser

QUICK = "?v=1&size=128&steps=24"
SLOW = "?v=1&size=256&steps=20000"
STATUS = "(document.querySelector('#status')?.innerText ?? '')"
PAINTING = "document.querySelector('#picture .painting')?.src"
CAPTION = "(document.querySelector('#picture .caption')?.textContent ?? '')"
PLACE = """() => { const box = document.querySelector('#picture .painting').getBoundingClientRect();
  return [box.x, box.y, box.width, box.height].map((number) => Math.round(number)).join(); }"""


class Painter(Visit):
    """A visitor of the Paint tab."""

    def __init__(self, browser, url: str, **options) -> None:
        permissions = ["clipboard-read", "clipboard-write"]
        super().__init__(browser, url, 90, permissions=permissions, **options)

    def open(self, query: str = "") -> "Painter":
        self.arrive(query)
        return self

    def told(self, words: str) -> str:
        return self.wait("#status", words)

    def download(self, button: str, folder: Path) -> Path:
        self.page.wait_for_timeout(250)  # a button's file follows the text it came with
        with self.page.expect_download() as coming:
            self.page.click(button)
        path = folder / coming.value.suggested_filename
        coming.value.save_as(path)
        return path

    def open_more(self) -> None:
        self.page.click("#more > button")
        self.page.wait_for_selector("#link textarea, #link input")

    def value(self, control: str) -> str:
        return self.page.locator(f"{control} input, {control} textarea").first.input_value()


@pytest.fixture
def visit(app, browser) -> Iterator[Painter]:
    visit = Painter(browser, app.url, viewport={"width": 1440, "height": 900})
    yield visit
    visit.leave()


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB"))


def test_it_opens_on_a_finished_sample(visit):
    page = visit.open().page
    page.wait_for_function("document.querySelector('#picture .painting').naturalWidth > 200")
    page.wait_for_function(f"{CAPTION} === 'Painted before: Lion, Swirling Night'")
    assert "Press Paint" in page.inner_text("#status")
    assert page.locator("#go").bounding_box()["y"] < 900


def test_a_first_visit_is_light(visit):
    sent: list[float] = []
    traffic = visit.page.context.new_cdp_session(visit.page)
    traffic.send("Network.enable")
    traffic.on("Network.loadingFinished", lambda loaded: sent.append(loaded["encodedDataLength"]))
    visit.open().page.wait_for_selector("#picture .there")
    visit.page.wait_for_timeout(4000)  # the network is never idle: a page listens to its server
    assert 300_000 < sum(sent) < 1_050_000


def test_one_click_paints_and_the_picture_changes_as_it_goes(visit, tmp_path):
    page = visit.open("?v=1&size=256&steps=40").page
    page.evaluate(
        """() => { window.seen = new Set(); setInterval(() => {
        window.seen.add(document.querySelector('#picture .painting').src); }, 20); }"""
    )
    page.click("#go")
    assert re.search(r"^Painting, [12] of 2(, about \d+ s left)?", visit.told(" of 2"))
    visit.told("Done")
    assert page.evaluate("window.seen.size") >= 3
    page.click("#details button")
    visit.wait("#technical", "Step 40 of 40, 256 × 256")
    painted = visit.download("#png", tmp_path)
    assert painted.suffix == ".png"
    assert Image.open(painted).size == (256, 256)
    assert read_recipe(painted).steps == 40
    photo = Image.open(SAMPLES["lion"].path).convert("RGB").resize((256, 256))
    assert np.abs(pixels(painted).astype(int) - np.asarray(photo)).mean() > 5


def test_stop_keeps_the_latest_picture(visit, tmp_path):
    page = visit.open(SLOW).page
    page.click("#go")
    visit.told("left")
    page.click("#stop")
    assert "the picture is kept" in visit.told("Stopped at step")
    assert visit.download("#png", tmp_path).stat().st_size > 10_000
    page.wait_for_timeout(1500)
    assert "Stopped at step" in page.evaluate(STATUS)
    assert page.locator("#stop").is_disabled()


def test_keep_painting_goes_on_from_the_picture(visit, tmp_path):
    page = visit.open(QUICK).page
    visit.paint()
    first = visit.download("#png", tmp_path)
    page.click("#keep")
    visit.told("went on from an earlier picture")
    visit.told("Done")
    second = visit.download("#png", tmp_path / "again")
    assert (pixels(first) != pixels(second)).any()


def test_a_finished_painting_is_painted_larger_for_a_print(visit, tmp_path):
    page = visit.open("?v=1&size=256&steps=12").page
    visit.paint()
    first = visit.download("#png", tmp_path)
    assert page.is_checked("#quality input[value='256']")
    assert re.fullmatch(r"Larger, about \d+ (s|min)", page.inner_text("#larger"))
    page.click("#larger")
    visit.told("1024 × 1024")
    larger = Image.open(visit.download("#png", tmp_path / "larger"))
    assert larger.size == (1024, 1024)
    # The same picture, not another one.
    again = np.asarray(larger.resize((256, 256), Image.Resampling.BOX)).astype(int)
    photo = np.asarray(Image.open(SAMPLES["lion"].path).convert("RGB").resize((256, 256)))
    assert np.abs(again - pixels(first)).mean() < 0.6 * np.abs(again - photo).mean()
    # The controls still say what the next Paint will do.
    assert page.is_checked("#quality input[value='256']")


def settled(page) -> str:
    """The painting that is seen, once it has not changed for a second."""
    seen = page.evaluate(PAINTING)
    while True:
        page.wait_for_timeout(1000)
        before, seen = seen, page.evaluate(PAINTING)
        if seen == before:
            return seen


def test_the_frames_of_the_run_can_be_scrubbed(visit):
    page = visit.open("?v=1&size=128&steps=100").page
    visit.paint()
    visit.open_more()
    whole = settled(page)  # the last preview may still be there when the run says that it is done
    slider = page.locator("#scrub input[type=range]")
    assert int(slider.get_attribute("max")) >= 3
    slider.focus()
    slider.press("Home")
    page.wait_for_function(f"{PAINTING} !== {whole!r}")
    first = settled(page)
    slider.press("ArrowRight")
    page.wait_for_function(f"{PAINTING} !== {first!r}")
    slider.press("End")
    page.wait_for_function(f"{PAINTING} === {whole!r}")


def test_what_is_seen_is_what_is_saved(visit, tmp_path):
    page = visit.open(QUICK).page
    visit.paint()
    full = pixels(visit.download("#png", tmp_path)).astype(int)
    photo = Image.open(SAMPLES["lion"].path).convert("RGB").resize((128, 128), Image.LANCZOS)

    def seen() -> np.ndarray:
        data = page.evaluate(
            "nst.seen().then((b) => b.arrayBuffer()).then((d) => [...new Uint8Array(d)])"
        )
        return np.asarray(Image.open(io.BytesIO(bytes(data))).convert("RGB")).astype(int)

    fade = page.locator("#fade input[type=range]")
    fade.focus()
    for _ in range(10):
        fade.press("ArrowLeft")  # by keyboard: five per cent each
    page.wait_for_timeout(800)
    half = pixels(visit.download("#png", tmp_path / "half")).astype(int)
    assert np.abs(half - (full + np.asarray(photo)) / 2).mean() < 3
    assert np.abs(seen() - half).mean() < 6  # JPEG's own loss
    page.check("#recolour input")
    page.wait_for_timeout(800)
    recoloured = pixels(visit.download("#png", tmp_path / "recoloured")).astype(int)
    assert np.abs(recoloured - half).mean() > 3
    assert np.abs(seen() - recoloured).mean() < 6


@pytest.mark.parametrize(("width", "scrolled"), [(1440, 0), (1440, 350), (390, 60)])
def test_the_picture_stays_where_it_is_when_a_run_begins_ends_goes_on_or_is_stopped(
    app, browser, width, scrolled
):
    visit = Painter(browser, app.url, viewport={"width": width, "height": 900})
    page = visit.open(QUICK).page
    page.evaluate("nst.toPicture = () => {}")  # which a press does, once, before a run begins
    page.evaluate(f"scrollTo(0, {scrolled})")
    page.wait_for_timeout(500)
    page.evaluate(
        f"""() => {{ const place = {PLACE}; window.places = new Set();
        const look = () => {{ window.places.add(place()); requestAnimationFrame(look); }};
        look(); }}"""
    )
    page.dispatch_event("#go", "click")  # which scrolls nothing itself
    visit.told("Done")
    page.wait_for_timeout(300)
    page.dispatch_event("#larger", "click")
    page.wait_for_function("document.querySelector('#after').inert")
    visit.told("left")
    page.dispatch_event("#stop", "click")
    visit.told("topped")
    page.wait_for_timeout(300)
    assert page.evaluate("scrollY") == scrolled
    assert len(page.evaluate("[...window.places]")) == 1
    # It ends on the whole painting, with the divider at its edge.
    assert page.input_value("#picture .reach") == "0"
    visit.leave()


@pytest.mark.parametrize(("width", "scrolled"), [(1440, 0), (1440, 350), (390, 0), (390, 700)])
def test_a_press_of_paint_brings_the_whole_picture_into_view(app, browser, width, scrolled):
    size = {"width": width, "height": 900}
    visit = Painter(browser, app.url, viewport=size, reduced_motion="reduce")
    page = visit.open(QUICK).page
    page.evaluate(f"scrollTo(0, {scrolled})")
    page.wait_for_timeout(300)
    page.dispatch_event("#go", "click")  # which scrolls nothing itself
    visit.told("Done")
    box, bar = page.locator("#picture").bounding_box(), page.locator("#actions").bounding_box()
    assert box["y"] >= 0
    assert box["y"] + box["height"] <= (bar["y"] if width < 800 else 900)
    if not scrolled:  # it was whole, and stays where it was
        assert page.evaluate("scrollY") == 0
    visit.leave()


def test_the_divider_sweeps_once_but_not_for_those_who_want_no_motion(app, browser):
    for motion in ("no-preference", "reduce"):
        visit = Painter(browser, app.url, reduced_motion=motion)
        page = visit.open(QUICK).page
        page.evaluate(
            """() => { window.far = 0; window.between = false;
            const frame = document.querySelector('#picture .frame');
            const at = () => parseFloat(getComputedStyle(frame).getPropertyValue('--at'));
            const look = () => { const now = at(); window.far = Math.max(window.far, now);
              window.between ||= now > 10 && now < 70; requestAnimationFrame(look); };
            document.querySelector('#go').addEventListener('click', () => setTimeout(look, 300));
            }"""
        )
        visit.paint()
        page.wait_for_timeout(2800)
        moves = motion == "no-preference"
        assert (page.evaluate("window.far") > 80) == moves
        assert page.evaluate("window.between") == moves  # it glides, and does not jump
        assert page.input_value("#picture .reach") == "0"
        visit.leave()


def test_while_a_print_runs_the_panel_of_the_result_before_is_not_live(visit):
    page = visit.open(QUICK).page
    visit.paint()
    assert not page.evaluate("document.querySelector('#after').inert")
    page.click("#larger")
    visit.told("left")
    assert page.evaluate("document.querySelector('#after').inert")
    assert page.locator("#go").is_disabled()
    page.click("#stop")
    visit.told("topped")
    page.wait_for_function("!document.querySelector('#after').inert")


def test_waiting_is_said_and_the_queue_can_be_left(app, browser, visit):
    first = Painter(browser, app.url)
    first.open(SLOW)
    first.page.click("#go")
    first.told("left")
    page = visit.open(QUICK).page
    page.click("#go")
    assert re.search(r"1 before you", visit.told("before you"))
    page.get_by_role("button", name="Leave the queue").click()
    visit.told("You have left the queue")
    page.wait_for_function("document.querySelector('#stop').textContent.trim() === 'Stop'")
    assert page.locator("#go").is_enabled()
    first.page.click("#stop")
    first.told("topped")
    first.leave()
    visit.paint()


def test_the_old_result_says_that_it_is_the_previous_one(visit):
    page = visit.open(QUICK + "&photo=tower").page
    visit.paint()
    assert page.evaluate(CAPTION) == ""
    page.locator("#strength input[type=number]").fill("72")
    page.locator("#strength input[type=number]").press("Tab")
    page.wait_for_function(f"{CAPTION} === 'Your previous result'")
    page.locator("#strength input[type=number]").fill("50")
    page.locator("#strength input[type=number]").press("Tab")
    page.wait_for_function(f"{CAPTION} === ''")


def test_the_last_results_can_be_looked_at_set_side_by_side_and_survive_a_reload(visit, tmp_path):
    page = visit.open(QUICK).page
    visit.paint()
    first = pixels(visit.download("#png", tmp_path))
    page.locator("#strength input[type=number]").fill("80")
    page.locator("#strength input[type=number]").press("Tab")
    page.wait_for_timeout(300)
    visit.paint()
    page.wait_for_function("document.querySelectorAll('#strip button img').length === 2")
    page.locator("#strip button").last.click()
    page.wait_for_function(f"{CAPTION}.startsWith('An earlier result')")
    assert (pixels(visit.download("#png", tmp_path / "earlier")) == first).all()
    page.click("#beside")
    page.wait_for_function(
        "document.querySelector('#picture .left').textContent.includes('Earlier')"
    )
    assert page.input_value("#picture .reach") == "50"
    page.click("#latest")
    page.wait_for_function(f"{CAPTION} === ''")
    page.reload()
    page.wait_for_function("document.querySelectorAll('#strip button img').length === 2")
    page.locator("#strip button").last.click()
    page.wait_for_function(f"{CAPTION}.startsWith('An earlier result')")
    assert (pixels(visit.download("#png", tmp_path / "reloaded")) == first).all()


def test_the_divider_is_reached_and_moved_by_keyboard(visit):
    page = visit.open().page
    page.wait_for_selector("#picture .there")  # its script has run
    page.focus("#picture .reach")
    page.keyboard.press("End")
    frame = "getComputedStyle(document.querySelector('#picture .frame')).getPropertyValue('--at')"
    page.wait_for_function(f"{frame}.startsWith('100')")
    assert page.get_attribute("#picture .reach", "aria-valuetext") == "100 % photo"


def test_what_has_the_focus_is_not_hidden_by_the_bar(visit):
    page = visit.open(QUICK).page
    page.focus("#strength input[type=range]")
    page.keyboard.press("Tab")
    box = page.evaluate(
        """() => { const e = document.activeElement.closest('label') ?? document.activeElement;
        return [e.getBoundingClientRect().bottom,
          document.querySelector('#actions').getBoundingClientRect().top]; }"""
    )
    assert box[0] <= box[1]


def test_the_curves_show_the_losses(visit):
    page = visit.open(QUICK).page
    visit.paint()
    visit.open_more()
    page.wait_for_selector("#curves svg")
    assert page.locator("#curves polyline").count() >= 2
    assert "total" in page.locator("#curves svg").get_attribute("aria-label")


def test_a_film_a_gif_and_a_card_can_be_taken_home(visit, tmp_path):
    visit.open(QUICK)
    visit.paint()
    with av.open(str(visit.download("#film", tmp_path))) as film:
        assert film.streams.video[0].codec_context.name == "h264"
    visit.open_more()
    assert Image.open(visit.download("#gif", tmp_path)).format == "GIF"
    assert Image.open(visit.download("#card", tmp_path)).size == (1200, 630)


def test_a_link_restores_controls_and_picture_for_someone_else(visit, app, browser, tmp_path):
    page = visit.open("?v=1&size=128&steps=24&strength=71&seed=9&start=noise&style=mosaic").page
    visit.paint()
    mine = visit.download("#png", tmp_path)
    visit.open_more()
    page.click("#copy")
    page.wait_for_function("document.querySelector('#copy').textContent.includes('copied')")
    link = page.evaluate("navigator.clipboard.readText()")
    assert link == visit.value("#link")
    assert "No picture of yours" in page.inner_text("#link")

    other = Painter(browser, app.url)
    other.page.goto(link)
    other.told("settings are here")
    assert other.value("#strength") == "71"
    other.page.click("#advanced button")
    assert other.value("#seed") == "9"
    assert "Mosaic" in other.page.inner_text("#manner")
    other.paint()
    theirs = other.download("#png", tmp_path / "theirs")
    other.leave()
    assert (pixels(mine) == pixels(theirs)).all()


def test_over_plain_http_share_copies_the_link_all_the_same(visit):
    """There a page has no clipboard to write to."""
    page = visit.open(QUICK).page
    visit.paint()
    page.evaluate("window.board = navigator.clipboard")
    page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    page.click("#share")
    page.wait_for_function("document.querySelector('#share').textContent.includes('copied')")
    visit.open_more()
    assert page.evaluate("window.board.readText()") == visit.value("#link")


def test_a_painting_dropped_on_the_page_restores_its_settings(visit, tmp_path):
    visit.open("?v=1&size=128&steps=24&strength=64&brush=1.5&style=ink-wash&photo=tower")
    visit.paint()
    painting = visit.download("#png", tmp_path)
    page = visit.open().page
    page.click("#advanced button")
    page.locator("#open-painting input[type=file]").set_input_files(painting)
    visit.told("painting's settings are here")
    assert visit.value("#strength") == "64"
    assert visit.value("#brush") == "1.5"
    assert "Ink Wash" in page.inner_text("#manner")
    visit.paint()
    again = visit.download("#png", tmp_path / "again")
    assert (pixels(painting) == pixels(again)).all()


def test_an_uploaded_photo_is_painted_and_is_not_in_the_link(visit, tmp_path):
    mine = tmp_path / "me.jpg"
    Image.open(SAMPLES["tower"].path).crop((0, 100, 377, 400)).save(mine)
    page = visit.open(QUICK).page
    page.wait_for_selector("#photo img")
    before = page.locator("#photo img").get_attribute("src")
    page.locator("input[type=file]:has(+ #upload)").set_input_files(mine)
    page.wait_for_function(f"document.querySelector('#photo img').src !== {before!r}")
    visit.paint()
    assert Image.open(visit.download("#png", tmp_path)).size == (128, 102)
    visit.open_more()
    assert "photo=" not in visit.value("#link")


def test_a_file_that_is_no_picture_gets_a_sentence_and_nothing_is_lost(visit, tmp_path):
    wrong = tmp_path / "wrong.png"
    wrong.write_bytes(b"no picture")
    page = visit.open(QUICK).page
    visit.paint()
    page.locator("input[type=file]:has(+ #upload)").set_input_files(wrong)
    page.get_by_text("not a picture of a kind").wait_for()
    assert page.locator("#photo img").is_visible()
    assert page.locator("#picture .painting").is_visible()
    assert visit.download("#png", tmp_path).stat().st_size > 1000


def test_a_preset_is_chosen_by_click_and_named(visit, tmp_path):
    page = visit.open(QUICK).page
    preset = load_presets()[0][3]
    page.get_by_role("button", name=preset.title).click()
    page.wait_for_function(
        f"document.querySelector('#manner').innerText.includes({preset.title!r})"
    )
    page.wait_for_timeout(300)
    page.click("#advanced button")
    page.locator("#steps input").fill("24")
    page.locator("#steps input").press("Tab")
    visit.paint()
    visit.open_more()
    assert f"style={preset.id}" in visit.value("#link")


def test_a_recipe_sets_every_control_and_says_what_has_left_it(visit):
    page = visit.open().page
    page.click("#advanced button")
    page.locator("#recipe input").click()
    page.get_by_role("option", name="lodaya").click()
    page.wait_for_function("document.querySelector('#changed').innerText.includes('Lodaya')")
    assert visit.value("#steps") == "200"
    assert visit.value("#size") == "400"
    page.locator("#size input").fill("300")
    page.locator("#size input").press("Tab")
    page.wait_for_function("document.querySelector('#changed').innerText.includes('changed:')")
    assert "long side" in page.inner_text("#changed")


def test_it_fits_a_phone(app, browser):
    visit = Painter(browser, app.url, viewport={"width": 390, "height": 844}, has_touch=True)
    page = visit.open(QUICK).page
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    go = page.locator("#go").bounding_box()
    assert go["y"] + go["height"] <= 844  # always at hand, without scrolling
    visit.paint()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.wait_for_timeout(500)
    picture, bar = (page.locator(name).bounding_box() for name in ("#picture", "#actions"))
    assert 0 <= picture["y"] < picture["y"] + picture["height"] <= bar["y"]  # all of it is seen
    visit.leave()


def test_everything_can_be_reached_and_painted_by_keyboard(visit):
    page = visit.open(QUICK).page
    reached = []
    for _ in range(80):
        page.keyboard.press("Tab")
        name = page.evaluate(
            """() => { const e = document.activeElement; return e.id || e.getAttribute('aria-label')
            || e.name || e.textContent.trim().slice(0, 30); }"""
        )
        reached.append(name)
        if name == "go":
            break
    presets = [preset.title for preset in load_presets()[0]]
    assert set(presets) <= set(reached)
    assert reached[-1] == "go"
    page.keyboard.press("Enter")
    visit.told("Done")


def test_controls_have_names_for_a_screen_reader(visit):
    page = visit.open().page
    page.click("#advanced button")
    page.wait_for_timeout(500)
    nameless = page.evaluate(
        """() => [...document.querySelectorAll('button, input, textarea, select')]
        .filter(e => e.checkVisibility() && e.type !== 'file'
            && !(e.labels && [...e.labels].some(l => l.textContent.trim()))
            && !e.getAttribute('aria-label') && !e.getAttribute('aria-labelledby')
            && !e.textContent.trim() && !e.title)
        .map(e => e.outerHTML.slice(0, 120))"""
    )
    assert nameless == []
    assert page.evaluate("document.documentElement.lang") == "en"


def test_what_is_brushed_is_painted_and_the_rest_stays(visit, tmp_path):
    page = visit.open("?v=1&size=128&steps=24&photo=tower").page
    page.get_by_text("Only part of the photo").click()
    canvas = page.locator("#mask canvas").first
    canvas.wait_for()
    page.wait_for_timeout(3000)  # the editor draws the photo in its own time
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] * 0.3
    page.mouse.move(x - 30, y)
    page.mouse.down()
    page.mouse.move(x + 30, y, steps=8)
    page.mouse.up()
    page.wait_for_timeout(500)
    visit.paint()
    visit.told("that was brushed")
    painted = pixels(visit.download("#png", tmp_path)).astype(int)
    photo = fit(open_photo(SAMPLES["tower"].path), 128)
    difference = np.abs(painted - np.asarray(photo)).mean(2)
    third = len(difference) // 3
    assert difference[:third].mean() > 3
    assert (difference[-third:] == 0).all()  # the photo's own pixels
