"""What painted a picture: written inside it, for whoever opens it elsewhere."""

import importlib.metadata
from functools import lru_cache

import torch

from nst.pipeline import Pipeline
from nst.weights.store import SOURCES, load_compact

__all__ = ["NOTE", "otherwise_here", "painted_by"]

NOTE = "painted-by"  # the note's name inside a PNG
SHORT = 8  # letters of a sha256 that tell one set of weights from another


def painted_by(pipeline: Pipeline) -> str:
    """Encoder, the beginning of its weights' sha256, precision and versions, in one line."""
    name = pipeline.encoder.name
    versions = f"nst {_own_version()}, torch {torch.__version__}"
    return f"{name} {_weights(name)[:SHORT]}, {pipeline.dtype}, {versions}"


def otherwise_here(note: str, pipeline: Pipeline) -> str:
    """One sentence where a picture of this note would come out otherwise here; else empty."""
    here = painted_by(pipeline)
    if not note or note == here:
        return ""
    return (
        f"It was painted by {note[:200]}; here it would be painted by {here}, "
        "so it may come out otherwise."
    )


@lru_cache(maxsize=8)
def _weights(name: str) -> str:
    """The sha256 of the whole file for VGG, of the tensors for the encoder that is shipped."""
    return SOURCES[name].sha256 if name in SOURCES else load_compact()[1]["sha256"]


def _own_version() -> str:
    try:
        return importlib.metadata.version("nst")
    except importlib.metadata.PackageNotFoundError:
        return "from its repository"
