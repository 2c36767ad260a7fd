"""The Space: creates the page and launches it."""

import os
import tempfile

# Threads that spin for long while they wait slow down everything else on a small machine; those
# that never spin wake up late: a Draft takes a fifth longer.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")
# A folder of our own: what is in it expires, and Gradio's default one is shared with other apps. By
# its real name, as Gradio keeps its files', or none of them would be known there: macOS has a link.
os.environ["GRADIO_TEMP_DIR"] = os.path.realpath(
    os.environ.get("GRADIO_TEMP_DIR") or os.path.join(tempfile.gettempdir(), "nst")
)
# Gradio sums up all the events it remembers after each one, 10,000 of them, for a page we close.
os.environ.setdefault("GRADIO_ANALYTICS_MAX_EVENTS", "20")

import logging
from threading import Thread
from typing import Any

from nst.pictures.limits import MEGABYTE
from nst.presets import load_presets
from ui.page import create_demo
from ui import zero
from ui.run import calibrate, prepare
from ui.server.gradio_internals import upload_folder
from ui.server.guard import launch_options
from ui.server.limits import RUN_LIMITS
from ui.theme import CSS, HEAD, JS, theme

__all__ = ["check_folder", "main", "options"]


def options() -> dict[str, Any]:
    """What `launch()` is told."""
    return {
        "theme": theme(),
        "css": CSS,
        "js": JS,
        "head": HEAD,
        "ssr_mode": False,
        "footer_links": ["api"],
        # More than `NST_VISITS`, for whom to forget the guard decides.
        "state_session_capacity": 2 * RUN_LIMITS.visits,
        "show_error": False,
        **launch_options(),
    }


def check_folder() -> None:
    """End with a sentence where no picture can be written."""
    folder = upload_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(MEGABYTE))
    except OSError as error:
        raise SystemExit(
            f"Pictures cannot be written to {folder}: {error.strerror}. "
            "Make room there, or set GRADIO_TEMP_DIR to another folder."
        ) from None


def main() -> None:
    """Say which presets are wrong, get ready to paint, serve."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)  # tells of every request
    check_folder()
    for problem in load_presets()[1]:
        logging.warning(problem)
    if zero.ACTIVE:
        prepare()
    else:
        Thread(target=calibrate, daemon=True).start()
    create_demo().launch(**options())


if __name__ == "__main__":
    main()
