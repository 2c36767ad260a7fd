"""The Space: creates the page and launches it."""

import os

# Threads that spin while they wait slow down everything else on a small machine.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import logging
from threading import Thread
from typing import Any

from nst.images import LIMITS
from nst.presets import load_presets
from ui.page import create_demo
from ui.painting import pace
from ui.theme import CSS, HEAD, JS, theme

__all__ = ["main", "options"]


def options() -> dict[str, Any]:
    """What `launch()` is told."""
    return {
        "theme": theme(),
        "css": CSS,
        "js": JS,
        "head": HEAD,
        "ssr_mode": False,
        "footer_links": ["api"],
        "run_history": False,
        "max_file_size": LIMITS.max_bytes,
        "state_session_capacity": 500,
        "show_error": False,
        "app_kwargs": {"docs_url": None, "redoc_url": None, "openapi_url": None},
    }


def main() -> None:
    """Say which presets are wrong, time this machine on the side, serve."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    for problem in load_presets()[1]:
        logging.warning(problem)
    Thread(target=pace.calibrate, daemon=True).start()
    create_demo().launch(**options())


if __name__ == "__main__":
    main()
