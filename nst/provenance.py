"""What painted a picture: written inside it, for anyone who opens it elsewhere."""

import importlib.metadata
from functools import lru_cache

import torch

from nst.hardware import dtype_name
from nst.pipeline import Pipeline, choose_dtype, choose_encoder, choose_finish
from nst.recipe import Recipe
from nst.weights import SOURCES, load_compact

NOTE = "painted-by"  # the note's name inside a PNG
LONGEST = 300  # letters of a note that are read
SHORT = 8  # letters of a sha256 that tell one set of weights from another


def painted_by(pipeline: Pipeline) -> str:
    """Encoders, the beginnings of their weights' sha256, precision and versions, in one line."""
    finish = pipeline.finish.name if pipeline.finish else ""
    return _line(pipeline.encoder.name, finish, pipeline.dtype)


def otherwise_here(note: str, recipe: Recipe) -> str:
    """One sentence where a picture with this note would come out differently here; else empty.

    No network is loaded for the answer.
    """
    painter, _ = choose_encoder(recipe)
    finish, _ = choose_finish(recipe, painter)
    here = _line(painter, finish, dtype_name(choose_dtype(painter))).split(", ")
    there = note[:LONGEST].split(", ")
    if not note or there == here:
        return ""
    theirs, ours = (
        ", ".join(part for part in one if part not in other)
        for one, other in ((there, here), (here, there))
    )
    return f"It was painted by {theirs}; here it is {ours}, so results may differ."


def _line(painter: str, finish: str, precision: str) -> str:
    last = f" finished by {finish} {_weights(finish)}" if finish else ""
    versions = f"nst {_own_version()}, torch {torch.__version__}"
    return f"{painter} {_weights(painter)}{last}, {precision}, {versions}"


@lru_cache(maxsize=8)
def _weights(name: str) -> str:
    """Of the sha256 of the whole file for VGG, of the tensors for the encoder that is shipped."""
    sha256 = SOURCES[name].sha256 if name in SOURCES else load_compact()[1]["sha256"]
    return sha256[:SHORT]


def _own_version() -> str:
    try:
        return importlib.metadata.version("nst")
    except importlib.metadata.PackageNotFoundError:
        return "from its repository"
