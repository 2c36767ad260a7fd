"""The Paint tab in a real chromium, from Paint on: clicks and keys, not internals."""

import re

import av
import numpy as np
import pytest
from PIL import Image
from visits import QUICK, Painter, pixels

from nst.pictures.animation import mp4
from nst.pictures.export import read_recipe
from nst.pictures.images import fit, open_photo
from nst.presets import load_presets
from ui.samples import SAMPLES

pytestmark = [pytest.mark.browser, pytest.mark.flaky(reruns=2)]

WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]
OF_COLOURS = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}
PAINTING = "document.querySelector('#picture .painting')?.src"


def test_it_opens_light_on_a_finished_example_and_all_is_reached_by_keyboard_and_named(visit):
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


def test_one_press_paints_and_what_is_seen_of_the_picture_is_what_is_saved(visit, tmp_path):
    page = visit.open(QUICK + "&steps=100")
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
    page.wait_for_selector("#go:focus")
    page.click("#details button")
    visit.wait("#technical", "Step 100 of 100, 80 × 128")
    painted = visit.saved(tmp_path)
    assert read_recipe(painted).steps == 100
    full, photo = pixels(painted), np.asarray(fit(open_photo(SAMPLES["tower"].path), 128))
    assert np.abs(full - photo).mean() > 5
    visit.set("#fade", "50")
    page.wait_for_function("document.querySelector('#picture .painting').style.opacity === '0.5'")
    half = pixels(visit.saved(tmp_path / "half"))
    assert np.abs(half - (full + photo) / 2).mean() < 3
    page.check("#recolour input")
    assert np.abs(pixels(visit.saved(tmp_path / "recoloured")) - half).mean() > 3
    visit.link()
    page.wait_for_selector("#curves svg")
    scrub = page.locator("#scrub input[type=range]")
    assert int(scrub.get_attribute("max")) >= 3
    before = page.evaluate(PAINTING)
    scrub.focus()
    scrub.press("Home")
    page.wait_for_function(f"{PAINTING} !== {before!r}")
    visit.saved(tmp_path / "first")


def test_stop_keeps_the_picture_and_a_queue_can_be_left(app, browser, visit, tmp_path):
    first = Painter(browser, app.url)
    first.open("?v=1&size=128&steps=20000").click("#go")
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
    first.page.wait_for_selector("#go:focus")
    first.page.wait_for_selector("#stop:disabled")
    assert first.saved(tmp_path).stat().st_size > 5_000
    first.leave()
    visit.wait("#status", "Done")


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


def test_a_result_is_enlarged_or_shared_in_its_shapes_by_a_link_that_can_be_taken_back(
    visit, tmp_path
):
    page = visit.open(QUICK + "&steps=6")
    visit.paint()
    small, photo = pixels(visit.saved(tmp_path)), open_photo(SAMPLES["tower"].path)
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
    assert re.fullmatch(r"Larger, about \d+ (s|min)", page.inner_text("#larger"))
    page.click("#larger")
    visit.wait("#status", "643 × 1024")
    larger = Image.open(visit.saved(tmp_path / "larger")).resize((80, 128), Image.Resampling.BOX)
    again = np.asarray(larger).astype(int)
    assert np.abs(again - small).mean() < 0.6 * np.abs(again - np.asarray(fit(photo, 128))).mean()
    assert page.is_checked("#quality input[value='128']")  # what the next Paint will do


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


def test_nothing_on_any_tab_is_against_wcag_in_light_or_dark(app, browser):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    visit = Painter(browser, app.url, color_scheme="light", reduced_motion="reduce")
    page = visit.open(QUICK)
    visit.paint()
    page.click("#share")
    visit.link()
    page.click("#advanced button")
    page.locator("#send").wait_for()
    found = []
    for tab in ("paint", "compare", "camera", "film", "about"):
        page.click(f"[role=tab][data-tab-id={tab}]")
        visit.still("body")
        for look, rules in (("light", WCAG), ("dark", OF_COLOURS)):
            page.emulate_media(color_scheme=look)
            page.wait_for_function(
                f"document.body.matches('.dark') === {str(look == 'dark').lower()}"
            )
            # Gradio's own empty box has a label and no role.
            report = axe.run(page, context={"exclude": [[".empty"]]}, options={"runOnly": rules})
            for wrong in report.response["violations"]:
                where = [" ".join(node["target"]) for node in wrong["nodes"]]
                found.append((tab, look, wrong["id"], wrong["help"], where))
    assert not found, found
    visit.leave()
