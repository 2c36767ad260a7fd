"""The recipes that can be asked for by name: our own, the method itself, five published systems.

Their values and texts are in `data/recipes.toml`.
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from nst.errors import BadInput
from nst.recipe import FORMER_NAMES, Recipe


@dataclass(frozen=True)
class NamedRecipe:
    """A recipe, where it comes from, and `ours`: what the source leaves open."""

    recipe: Recipe
    about: str
    source: str
    ours: str

    @property
    def title(self) -> str:
        """What people are shown as its name."""
        return "Default" if self.recipe.name == "default" else self.recipe.name


def _read(path: Path) -> dict[str, NamedRecipe]:
    found: dict[str, NamedRecipe] = {}
    for name, entry in tomllib.loads(path.read_text("utf-8")).items():
        base = found.get(entry.get("from", "default"))
        recipe = (base.recipe if base else Recipe()).replace(name=name, **entry.get("settings", {}))
        texts = {key: entry.get(key) or getattr(base, key) for key in ("about", "source", "ours")}
        found[name] = NamedRecipe(recipe, **texts)
    return found


RECIPES = _read(Path(__file__).parent / "data" / "recipes.toml")


def get_recipe(name: str) -> Recipe:
    """The recipe of that name. Raises BadInput for one that does not exist."""
    name = FORMER_NAMES.get(name, name)
    if name not in RECIPES:
        known = ", ".join(RECIPES)
        raise BadInput(f"There is no recipe called {name[:40]!r}; choose from {known}.")
    return RECIPES[name].recipe
