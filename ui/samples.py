"""The sample photographs, which ship inside Gradio, and what was painted from them before."""

from pathlib import Path
from typing import NamedTuple

from gradio.media import get_image

from nst.presets import EXAMPLES


class Sample(NamedTuple):
    """A photograph with an id for links."""

    id: str
    title: str
    path: Path


SAMPLES = {
    "lion": Sample("lion", "Lion", Path(get_image("lion.jpg"))),
    "tower": Sample("tower", "Tower", Path(get_image("tower.jpg"))),
    "cheetah": Sample("cheetah", "Cheetah", Path(get_image("cheetah1.jpg"))),
    "runner": Sample("runner", "Running cheetah", Path(get_image("cheetah.jpg"))),
}
OPENING = ("lion", "swirling-night")  # sample and preset that the page opens on


def painted_before(sample: str | None, preset: str | None) -> Path | None:
    """The picture that `tools/samples.py` painted from a sample in a preset's own recipe."""
    path = EXAMPLES / "samples" / f"{sample}-{preset}.jpg"
    return path if sample in SAMPLES and path.exists() else None


def sample_id(path: str | Path | None) -> str | None:
    """The id of the sample that a file is, by its content; None for a visitor's own picture."""
    file = Path(path or "")
    try:
        alike = [s for s in SAMPLES.values() if s.path.stat().st_size == file.stat().st_size]
        return next((s.id for s in alike if s.path.read_bytes() == file.read_bytes()), None)
    except OSError:
        return None
