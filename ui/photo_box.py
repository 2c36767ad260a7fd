"""Pictures to choose from, and pictures that come in as files that nobody has opened yet."""

from collections.abc import Sequence
from typing import Any

import gradio as gr
from gradio.data_classes import FileData, ImageData

NONE = -1  # of a gallery's pictures is selected; None would leave it as it is


def thumbs(
    tiles: Sequence[tuple[Any, str]] | None,
    label: str,
    columns: int,
    *,
    named: bool = False,
    selected: int = NONE,
    **options: Any,
) -> gr.Gallery:
    """A gallery of small pictures, one of which can be chosen. named: with titles under them."""
    return gr.Gallery(
        tiles,
        label=label,
        show_label=False,
        columns=columns,
        format="jpeg",
        allow_preview=False,
        interactive=False,
        object_fit="cover",
        elem_classes=["thumbs", "named"] if named else "thumbs",
        selected_index=selected,
        buttons=[],
        **options,
    )


class PhotoBox(gr.Image):
    """`gr.Image` that hands over the file as it came.

    Gradio's own opens it first, which for a file that is no picture ends in an error that says
    nothing to a visitor. (Gradio writes a stub beside the module of every component class, which
    git ignores. It also reads the constructor's signature, so that is left as it is.)
    """

    is_template = True  # the browser's side of it is `gr.Image`'s

    def example_payload(self) -> None:
        """The page's own API example: no file, so that it runs as it is copied."""

    def example_value(self) -> None:
        """The same for what comes back."""

    def preprocess(self, payload: ImageData | None) -> str | None:
        """The path of the upload, which Gradio has checked to lie in its cache."""
        return payload.path if payload else None


class PictureButton(gr.UploadButton):
    """`gr.UploadButton` that hands over the file as it came, whatever its name ends in.

    A box that takes uploads itself shows a file before anyone has looked at it; what comes
    through a button is shown once it is known to be good.
    """

    is_template = True

    def preprocess(self, payload: FileData | None) -> str | None:  # type: ignore[override]
        """The path of the upload, which Gradio has checked to lie in its cache."""
        return payload.path if payload else None
