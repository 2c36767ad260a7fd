"""Somebody who visits the page with a real chromium."""

import time
from pathlib import Path

import numpy as np
from PIL import Image

__all__ = ["QUICK", "Painter", "Visit", "pixels"]

QUICK = "?v=1&size=128&steps=24&photo=tower&style=mosaic"
CAPTION = "(document.querySelector('#picture .caption')?.textContent ?? '')"
STILL = """(place) => new Promise((done) => {
  let since = performance.now(), was = "";
  const look = () => {
    const now = JSON.stringify(document.querySelector(place).getBoundingClientRect());
    if (now !== was) [was, since] = [now, performance.now()];
    performance.now() - since > 1000 ? done() : requestAnimationFrame(look);
  };
  look();
})"""


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB")).astype(int)


class Visit:
    """One visitor's page, with everything that went wrong on it. patience: in seconds."""

    def __init__(self, browser, url: str, patience: float, **options) -> None:
        self.url = url
        self.context = browser.new_context(**options)
        self.page = self.context.new_page()
        self.page.set_default_timeout(1000 * patience)
        self.troubles: list[str] = []
        self.page.on("console", lambda m: m.type == "error" and self.troubles.append(m.text))
        self.page.on("pageerror", lambda error: self.troubles.append(str(error)))
        self.page.on("request", self._only_ours)

    def _only_ours(self, request) -> None:
        if not request.url.startswith((self.url, "data:", "blob:")):
            self.troubles.append(f"request to {request.url}")

    def arrive(self, query: str = "") -> None:
        """Open the page; with a query, wait until its settings are in the controls."""
        self.page.goto(self.url + query)
        self.page.wait_for_selector("#go")
        if query:
            self.wait("#status", "settings are here")

    def wait(self, place: str, words: str) -> str:
        """Wait until these words stand there; returns all that stands there then."""
        seen = f"document.querySelector('{place}')?.innerText ?? ''"
        self.page.wait_for_function(f"({seen}).includes({words!r})")
        return self.page.evaluate(seen)

    def paint(self) -> str:
        """Press Paint and wait until this run, not one before it, is done; returns what is told."""
        self.page.evaluate("document.querySelector('#status .now').textContent = ''")
        self.page.click("#go")
        return self.wait("#status", "Done")

    def leave(self) -> None:
        """Close the page; nothing may have gone wrong on it."""
        self.context.close()
        assert not self.troubles, self.troubles


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

    def still(self, place: str) -> None:
        """Wait until it has neither moved nor grown for a second."""
        self.page.evaluate(STILL, place)

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
