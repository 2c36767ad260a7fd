"""The sample photographs, and what was painted from them before.

The photographs are those that ship inside Gradio, so that none is copied.
"""

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from gradio.media import get_image

from nst.presets import EXAMPLES

__all__ = ["OPENING", "SAMPLES", "Sample", "painted_before", "sample_id"]


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


@lru_cache(maxsize=1)
def _prints() -> dict[tuple[int, str], str]:
    """(bytes, sha256) of every sample to its id."""
    return {
        (sample.path.stat().st_size, hashlib.sha256(sample.path.read_bytes()).hexdigest()): name
        for name, sample in SAMPLES.items()
    }


def sample_id(path: str | Path | None) -> str | None:
    """The id of the sample that a file is, by its content; None for a visitor's own picture."""
    try:
        if path is None or Path(path).stat().st_size not in {size for size, _ in _prints()}:
            return None
        data = Path(path).read_bytes()
    except OSError:
        return None
    return _prints().get((len(data), hashlib.sha256(data).hexdigest()))
