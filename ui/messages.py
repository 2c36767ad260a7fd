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
DISK_FULL = "The disk here is full. Your picture is kept: try again in a few minutes."
UNFORESEEN = "Something failed here that should not have. Please try again."


@contextmanager
def user_errors(*, plain: bool = False) -> Iterator[None]:
    """Turn errors into one sentence; unforeseen ones go to the log, not to the page.

    plain: for programs, which want no HTML in it.
    """
    title = "That did not work"
    try:
        yield
        return
    except gr.Error:
        raise
    except Exception as error:
        if isinstance(error, NstError):
            told = str(error)
        elif isinstance(error, OSError) and error.errno == errno.ENOSPC:
            told = DISK_FULL
        else:
            log.exception("a handler failed")
            told, title = UNFORESEEN, "Our mistake"
    shown = told if plain else html.escape(told)
    raise gr.Error(shown, title=title, duration=SHOWN_SECONDS, print_exception=False)


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
