"""How an event is handled: what Gradio's listeners are told besides function, inputs, outputs."""

from typing import Any

from ui.server.limits import RULES

__all__ = ["DEVICE", "PAINTS", "PRIVATE", "QUICK"]

DEVICE = "device"  # the queue of everything that paints

PRIVATE: dict[str, Any] = {"api_visibility": "private"}
QUICK: dict[str, Any] = {"queue": False, "show_progress": "hidden", **PRIVATE}
PAINTS: dict[str, Any] = {"concurrency_id": DEVICE, "concurrency_limit": RULES.concurrency}
