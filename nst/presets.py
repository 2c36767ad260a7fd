"""The preset style pictures: what `examples/presets.toml` says about `examples/styles`.

Dropping a picture and an entry into `examples/` adds a preset. An entry that is wrong is reported
by name and left out, so that one mistake never keeps the rest from being used.
"""

import hashlib
import re
import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

from PIL import Image
from pydantic import BaseModel, Field, ValidationError

from nst.errors import BadInput
from nst.pictures.images import open_photo
from nst.recipe import Recipe

# Inside the package where it is installed, beside it in the repository.
_INSIDE = Path(__file__).resolve().parent / "examples"
EXAMPLES = _INSIDE if _INSIDE.is_dir() else _INSIDE.parents[1] / "examples"
# A preset may tune how it is painted, not what the visitor asked for.
NOT_TUNED = {"name", "size", "seed", "encoder", "mix"}

Text = Annotated[str, Field(min_length=1)]


class Preset(BaseModel, frozen=True):
    """A style picture of the project's own."""

    id: str = Field(pattern="^[a-z0-9]+(-[a-z0-9]+)*$", max_length=32)
    title: Text
    manner: Text  # in one line, how it is painted
    author: Text
    licence: Text
    path: Path = Field(alias="file")
    tuned: dict[str, Any] = Field({}, alias="recipe")  # the settings that suit it
    sha256: str = ""

    def recipe(self, base: Recipe) -> Recipe:
        """`base` with this preset's settings; a published recipe keeps its own."""
        return base.replace(**self.tuned) if base.name == "default" else base


@lru_cache(maxsize=1)
def load_presets() -> tuple[tuple[Preset, ...], tuple[str, ...]]:
    """The presets shipped in `examples/` and a sentence on every entry that is wrong."""
    return read_presets(EXAMPLES)


def read_presets(folder: Path) -> tuple[tuple[Preset, ...], tuple[str, ...]]:
    """Read `presets.toml` in a folder: (presets, sentences on the entries that are wrong)."""
    try:
        text = (folder / "presets.toml").read_text("utf-8")
        entries = [dict(entry) for entry in tomllib.loads(text)["preset"]]
    except (OSError, ValueError, TypeError, LookupError) as error:
        return (), (f"The presets cannot be read: {error}.",)
    presets: dict[str, Preset] = {}
    problems: list[str] = []
    for number, entry in enumerate(entries, start=1):
        try:
            preset = Preset(**entry | {"file": folder / str(entry.get("file"))})
            _check(preset)
            if presets.setdefault(preset.id, preset) is not preset:
                raise BadInput("its id is already taken.")
        except (BadInput, ValidationError) as error:
            said = str(error)
            if isinstance(error, ValidationError):
                wrong = error.errors()[0]
                said = f"its {wrong['loc'][0]} is wrong: {wrong['msg']}."
            problems.append(f"Preset {entry.get('id') or f'number {number}'} is left out: {said}")
    return tuple(presets.values()), tuple(problems)


def _check(preset: Preset) -> None:
    if refused := sorted(NOT_TUNED & preset.tuned.keys()):
        raise BadInput(f"its recipe may not set {', '.join(refused)}.")
    preset.recipe(Recipe())
    open_photo(preset.path)
    if preset.sha256 not in ("", hashlib.sha256(preset.path.read_bytes()).hexdigest()):
        raise BadInput(f"{preset.path.name} does not match its sha256.")


def preset_of(name: object) -> Preset | None:
    """The preset of that id or title, if there is one; "Swirling Night" is `swirling-night`."""
    wanted = "-".join(re.split(r"[\s_-]+", str(name).strip().lower()))
    return next((preset for preset in load_presets()[0] if preset.id == wanted), None)


def find_style(name: str | Path) -> Image.Image:
    """A style picture by a preset's id or a file's path. Raises BadInput when it is neither."""
    return open_photo(style_path(name))


def style_path(name: str | Path) -> Path:
    """The file of a style by a preset's id, or the path given. BadInput for an id of no preset."""
    if preset := preset_of(name):
        return preset.path
    if not (Path(name).suffix or len(Path(name).parts) > 1 or Path(name).exists()):
        known = ", ".join(preset.id for preset in load_presets()[0])
        raise BadInput(f"There is no style called {str(name)!r}; give a picture or one of {known}.")
    return Path(name)
