"""What painted a picture: written inside it, for anyone who opens it elsewhere."""

import importlib.metadata
from contextlib import suppress
from functools import lru_cache

import torch

from nst.hardware import dtype_name
from nst.pipeline import Pipeline, choose_dtype, choose_encoder, choose_finish
from nst.recipe import Recipe
from nst.weights import SOURCES, load_compact

NOTE = "painted-by"  # the note's name inside a PNG
LONGEST = 300  # letters of a note that are read


def painted_by(pipeline: Pipeline) -> str:
    """Encoders, the beginnings of their weights' sha256, precision and versions, in one line."""
    finish = pipeline.finish.name if pipeline.finish else ""
    return _line(pipeline.encoder.name, finish, pipeline.dtype)


def otherwise_here(note: str, recipe: Recipe) -> str:
    """One sentence where a picture with this note would come out differently here; else empty."""
    painter, _ = choose_encoder(recipe)
    finish, _ = choose_finish(recipe, painter)
    here = _line(painter, finish, dtype_name(choose_dtype(painter))).split(", ")
    there = note[:LONGEST].split(", ")
    if not note or there == here:
        return ""
    theirs = ", ".join(part for part in there if part not in here)
    ours = ", ".join(part for part in here if part not in there)
    return f"It was painted by {theirs}; here it is {ours}, so results may differ."


@lru_cache(maxsize=8)
def _line(painter: str, finish: str, precision: str) -> str:
    version = "from its repository"
    with suppress(importlib.metadata.PackageNotFoundError):
        version = importlib.metadata.version("nst")
    networks = [
        # The sha256 of its file, for the shipped encoder of its tensors.
        f"{name} {(SOURCES[name].sha256 if name in SOURCES else load_compact()[1]['sha256'])[:8]}"
        for name in filter(None, (painter, finish))
    ]
    painted = " finished by ".join(networks)
    return f"{painted}, {precision}, nst {version}, torch {torch.__version__}"
