"""Links that restore a recipe: everything is in the query string, nothing on the server.

Only settings and the ids of shipped pictures can be in a link; a visitor's own picture never is.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

from nst.errors import BadInput
from nst.pictures.export import read_notes, read_recipe
from nst.presets import Preset, load_presets
from nst.provenance import NOTE, otherwise_here
from nst.published import RECIPES, get_recipe
from nst.recipe import Recipe, parse_value
from ui.samples import SAMPLES

LAYERS = {"style_layers", "style_layer_weights"}  # are only right together
LONGEST = 4096  # letters of a program's settings
# {what a link names: (what a visitor calls it, what it is when it ships with the app)}
PICTURES = {
    "photo": ("The photo", "sample photo"),
    "style": ("The painting", "painting"),
    "second": ("The second painting", "painting"),
}


@dataclass(frozen=True)
class Shared:
    """What a link or a picture's metadata can hold: a recipe, and ids of shipped pictures."""

    recipe: Recipe
    photo: str | None = None
    style: str | None = None
    second: str | None = None

    @property
    def ids(self) -> dict[str, str]:
        """Those of the pictures that ship with the app."""
        return {name: found for name in PICTURES if (found := getattr(self, name))}


def to_query(shared: Shared) -> str:
    """The query string, without "?". Settings that a named recipe has anyway are left out."""
    known = RECIPES.get(shared.recipe.name)
    settings = shared.recipe.to_query(known.recipe if known else Recipe())
    return "&".join(filter(None, [settings, urlencode(shared.ids)]))


def from_query(query: Mapping[str, str]) -> Shared | None:
    """Read a link back; None when it holds nothing of ours. Never raises.

    Unknown keys and ids are ignored, values out of range are brought to the nearest end of it.
    """
    known = RECIPES.get(query.get("name", ""))
    shared = from_notes(Recipe.from_query(query, known.recipe if known else Recipe()), query)
    return None if query.get("v") is None and shared == Shared(Recipe()) else shared


def from_notes(recipe: Recipe, notes: Mapping[str, str]) -> Shared:
    """What a picture's metadata holds (see `nst.pictures.export`), as a link would."""
    ours = recipe if recipe.name in RECIPES else recipe.replace(name="default")
    return Shared(ours, **{name: notes[name] for name in PICTURES if _is_here(name, notes)})


def inside(path: str) -> tuple[Shared, tuple[str, ...]]:
    """What a picture painted by this project remembers, and sentences on what is otherwise here.

    Raises BadInput for any other picture, and where there is none.
    """
    if not isinstance(path, str):
        raise BadInput("There is no painting to open; choose one that was made here.")
    recipe, notes = read_recipe(path), read_notes(path)
    otherwise = otherwise_here(notes.get(NOTE, ""), recipe)
    told = (*missing(notes, bool(recipe.mix)), *filter(None, [otherwise]))
    return from_notes(recipe, notes), told


def missing(found: Mapping[str, str], mixed: bool) -> tuple[str, ...]:
    """Sentences on the pictures that a link or a painting was made with and that are not here.

    found: ids of shipped pictures; where one is left out, the picture was a visitor's own.
    mixed: whether it was painted with two styles.
    """
    return tuple(
        f"There is no {kind} called {str(found[name])[:40]!r} here: choose another."
        if name in found
        else f"{title} it was made with was not shared: choose it yourself."
        for name, (title, kind) in PICTURES.items()
        if not _is_here(name, found) and (mixed or name != "second")
    )


def _is_here(name: str, found: Mapping[str, str]) -> bool:
    return found.get(name) in (SAMPLES if name == "photo" else [p.id for p in load_presets()[0]])


def unread(query: Mapping[str, str]) -> tuple[str, ...]:
    """Sentences on the settings of a link that cannot be used as they stand, by name."""
    told = []
    for name in sorted(Recipe.model_fields.keys() & query.keys() - LAYERS):
        try:
            Recipe().replace(**{name: parse_value(name, query[name])})
        except BadInput as error:
            told.append(str(error))
    return tuple(told)


def read_settings(text: str, preset: Preset | None) -> Recipe:
    """A program's settings as a query string, over the preset's own.

    Unlike a link's, a wrong one is an error: raises BadInput that names it.
    """
    pairs = dict(parse_qsl(text[:LONGEST], keep_blank_values=True))
    base = get_recipe(pairs.pop("name", "default"))
    base = preset.recipe(base) if preset else base
    known = Recipe.model_fields
    return base.replace(**{k: parse_value(k, v) if k in known else v for k, v in pairs.items()})


def address(query: str, own: str) -> str:
    """The whole link: the Space's page on Hugging Face, or the app's own address elsewhere."""
    space = os.environ.get("SPACE_ID")
    base = f"https://huggingface.co/spaces/{space}" if space else own.split("?")[0].rstrip("/")
    return f"{base}{'' if space else '/'}?{query}"
