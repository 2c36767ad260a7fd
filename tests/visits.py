"""Somebody who visits the page with a real chromium."""

__all__ = ["Visit"]


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
