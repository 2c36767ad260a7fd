"""How an event is handled: what Gradio's listeners are told besides function, inputs, outputs."""

from typing import Any

from ui.server.limits import RUN_LIMITS

PRIVATE: dict[str, Any] = {"api_visibility": "private"}
# Nowhere, not only hidden: hidden, every output counts tenths of a second sixty times a second on
# the visitor's processor, which here may be the one that paints.
UNSEEN: dict[str, Any] = {"show_progress": "hidden", "show_progress_on": []}
QUICK: dict[str, Any] = {"queue": False, **UNSEEN, **PRIVATE}
DECODES = QUICK  # of events that decode or make a picture
# Gradio's own queue: one painting at a time, the others wait in the order in which they came.
PAINTS: dict[str, Any] = {"concurrency_id": "painting", "concurrency_limit": RUN_LIMITS.concurrency}
# The instant painter waits for no painting, and no more than two of it are at work.
AT_ONCE: dict[str, Any] = {"concurrency_id": "instant", "concurrency_limit": 2} | UNSEEN | PRIVATE
# What is made of a result, one at a time.
MADE: dict[str, Any] = {
    "concurrency_limit": 1,
    "concurrency_id": "exports",
    "show_progress": "minimal",
} | PRIVATE
