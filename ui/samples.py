"""The sample photographs, and what was painted from them before.

The photographs are those that ship inside Gradio, so that none is copied.
"""

from dataclasses import dataclass
from pathlib import Path

from gradio.media import get_image

from nst.presets import EXAMPLES


@dataclass(frozen=True)
class Sample:
    """A photograph with an id for links."""

    id: str
    title: str
    path: Path


SAMPLES = {
    name: Sample(name, title, Path(get_image(file)))
    for name, title, file in (
        ("lion", "Lion", "lion.jpg"),
        ("tower", "Tower", "tower.jpg"),
        ("cheetah", "Cheetah", "cheetah1.jpg"),
        ("runner", "Running cheetah", "cheetah.jpg"),
    )
}
OPENING = ("lion", "swirling-night")  # sample and preset that the page opens on


def painted_before(sample: str | None, preset: str | None) -> Path | None:
    """The picture that `tools/samples.py` painted from a sample in a preset's own recipe."""
    if sample not in SAMPLES or not preset:
        return None
    path = EXAMPLES / "samples" / f"{sample}-{preset}.jpg"
    return path if path.exists() else None


def sample_id(path: str | Path | None) -> str | None:
    """The id of the sample that a file is, by its content; None for a visitor's own picture."""
    file = Path(path or "")
    try:
        alike = [s for s in SAMPLES.values() if s.path.stat().st_size == file.stat().st_size]
        return next((s.id for s in alike if s.path.read_bytes() == file.read_bytes()), None)
    except OSError:
        return None
