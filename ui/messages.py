"""What the page tells a visitor: status lines, and errors as one plain sentence."""

import errno
import html
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import gradio as gr

from nst.errors import NstError

log = logging.getLogger(__name__)
SHOWN_SECONDS = 12
DISK_FULL = (
    "The disk here is full, so the picture cannot be written. It is kept: "
    "try again in a few minutes, or move the blend a little to have it written then."
)
UNFORESEEN = "Something failed here that should not have. Please try again."


@contextmanager
def user_errors(*, plain: bool = False) -> Iterator[None]:
    """Turn errors into one sentence; unforeseen ones go to the log, not to the page.

    plain: for programs, which want no HTML in it.
    """

    def told(sentence: str, title: str = "That did not work") -> gr.Error:
        shown = sentence if plain else html.escape(sentence)
        return gr.Error(shown, title=title, duration=SHOWN_SECONDS, print_exception=False)

    try:
        yield
    except NstError as error:
        raise told(str(error)) from None
    except gr.Error:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise told(DISK_FULL) from None
        log.exception("a handler failed")
        raise told(UNFORESEEN, "Our mistake") from None


def status_html(line: str, notes: Sequence[str] = (), share: float | None = None) -> str:
    """The status under the picture, as HTML. share: of the work that is done, while it goes on."""
    bar = "" if share is None else f'<div class="bar"><i style="width:{share:.1%}"></i></div>'
    below = "".join(f'<div class="note">{html.escape(note)}</div>' for note in dict.fromkeys(notes))
    # A line that changes four times a second would never let a screen reader finish.
    live = "off" if share is not None else "polite"
    return f'{bar}<div class="now" aria-live="{live}">{html.escape(line)}</div>{below}'


def refusal_html(picture: str, error: Exception) -> str:
    """Why an uploaded photo or painting is not taken, as HTML."""
    told = html.escape(str(error))
    return f'<p role="alert" class="refused">This {picture} cannot be used. {told}</p>'
