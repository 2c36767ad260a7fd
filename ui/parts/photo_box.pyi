"""A box for a picture that nothing but `nst.pictures.images.open_photo` opens."""

import gradio as gr
from gradio.data_classes import ImageData

__all__ = ["PhotoBox"]

class PhotoBox(gr.Image):
    """`gr.Image` that hands over the file as it came.

    Gradio's own opens it first, which for a file that is no picture ends in an error that says
    nothing to a visitor. (Gradio writes a stub beside the module of every component class, which
    git ignores. It also reads the constructor's signature, so that is left as it is.)
    """

    is_template = True  # the browser's side of it is `gr.Image`'s

    def preprocess(self, payload: ImageData | None) -> str | None:
        """The path of the upload, which Gradio has checked to lie in its cache."""
        return payload.path if payload else None
    from collections.abc import Callable, Sequence
    from typing import TYPE_CHECKING, Any, Literal

    from gradio.blocks import Block

    if TYPE_CHECKING:
        from gradio.components import Timer
        from gradio.components.base import Component
