"""Pictures to choose from, and pictures that come in as files that nobody has opened yet."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.data_classes import FileData, ImageData
from pydantic import model_validator

from nst.errors import BadInput
from nst.pictures.images import browser_preview
from ui.messages import user_errors
from ui.result import jpeg
from ui.server.gradio_internals import keep_file, upload_folder

NONE = -1  # of a gallery's pictures is selected; None would leave it as it is
LOOKS: dict[str, Any] = {
    "show_label": False,
    "format": "jpeg",
    "allow_preview": False,
    "interactive": False,
    "object_fit": "cover",
    "buttons": [],
}


def thumbs(
    tiles: Any,
    label: str,
    columns: int,
    *,
    named: bool = False,
    selected: int = NONE,
    **options: Any,
) -> gr.Gallery:
    """A gallery of small pictures, one of which can be chosen. named: with titles under them."""
    classes = ["thumbs", "named"] if named else ["thumbs"]
    looks = {"columns": columns, "selected_index": selected, "elem_classes": classes, **LOOKS}
    return gr.Gallery(tiles, label=label, **looks, **options)


def picks(meant: Sequence[Any]) -> Callable[[gr.SelectData], Any]:
    """A handler that gives what the tile that was clicked stands for."""

    def pick(event: gr.SelectData) -> Any:
        with user_errors():
            return meant[index_of(event, len(meant))]

    return pick


def index_of(chosen: gr.SelectData, count: int) -> int:
    """Which of so many pictures was clicked. Raises BadInput where there is no such picture."""
    index = chosen.index
    if not isinstance(index, int) or not 0 <= index < count:
        raise BadInput("There is no such picture to choose.")
    return index


class Upload(ImageData):
    """The data of a picture; a text in its place becomes its `url`."""

    @model_validator(mode="before")
    @classmethod
    def _text(cls, data: Any) -> Any:
        return {"url": data} if isinstance(data, str) else data


class PhotoBox(gr.Image):
    """`gr.Image` that hands over the file as it came, which `open_photo` then checks.

    Where browsers cannot show that, a copy is shown whose `orig_name` is the file's path. (Gradio
    writes a stub beside the module of every component class, which git ignores. It also reads the
    constructor's signature, so that is left as it is.)
    """

    is_template = True  # the browser's side of it is `gr.Image`'s
    data_model = Upload

    def example_payload(self) -> None:
        """The page's own API example: no file, so that it runs as it is copied."""

    example_value = example_payload

    def preprocess(self, payload: ImageData | None) -> str | None:
        """The path of the file, which lies in Gradio's cache."""
        if payload is None:
            return None
        if payload.path is None:
            told = f"{str(payload.url)[:40]!r} is no picture: send handle_file('photo.jpg')."
            raise gr.Error(told, print_exception=False)
        original = Path(payload.orig_name or "")
        kept = original.resolve().is_relative_to(upload_folder()) and original.is_file()
        return str(original) if kept else payload.path

    def postprocess(self, value: Any) -> Any:
        """What a browser is given for the path of a picture."""
        if value is None or (preview := browser_preview(value)) is None:
            return super().postprocess(value)
        return Upload(path=keep_file(self, jpeg(preview), "preview.jpg"), orig_name=str(value))


class PictureButton(gr.UploadButton):
    """`gr.UploadButton` that hands over the file as it came, whatever its name ends in."""

    is_template = True

    def preprocess(self, payload: FileData | None) -> str | None:  # type: ignore[override]
        """The path of the upload, which Gradio has checked to lie in its cache."""
        return payload.path if payload else None
