"""The preset style pictures: what `examples/presets.toml` says about `examples/styles`.

Dropping a picture and an entry into `examples/` adds a preset. An entry that is wrong is reported
by name and left out, so that one mistake never keeps the rest from being used.
"""

import hashlib
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from PIL import Image

from nst.errors import BadInput
from nst.pictures.images import open_photo
from nst.recipe import Recipe

# Inside the package where it is installed, beside it in the repository.
_INSIDE = Path(__file__).resolve().parent / "examples"
EXAMPLES = _INSIDE if _INSIDE.is_dir() else _INSIDE.parents[1] / "examples"
NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
TEXTS = ("title", "manner", "author", "licence", "file")
# A preset may tune how it is painted, not what the visitor asked for.
NOT_TUNED = {"name", "size", "seed", "encoder", "mix"}


@dataclass(frozen=True)
class Preset:
    """A style picture of the project's own.

    manner: one line about how it is painted. tuned: the settings that suit it.
    """

    id: str
    title: str
    manner: str
    author: str
    licence: str
    path: Path
    tuned: dict[str, Any]

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
        entries = tomllib.loads((folder / "presets.toml").read_text("utf-8")).get("preset", [])
    except (OSError, ValueError) as error:
        return (), (f"The presets cannot be read: {error}.",)
    if not isinstance(entries, list):
        return (), ("The presets cannot be read: they must be a list of [[preset]] tables.",)
    presets: list[Preset] = []
    problems: list[str] = []
    for number, entry in enumerate(entries, start=1):
        try:
            presets.append(_preset(folder, entry, presets))
        except BadInput as error:
            name = entry.get("id") if isinstance(entry, dict) else None
            problems.append(f"Preset {name or f'number {number}'} is left out: {error}")
    return tuple(presets), tuple(problems)


def _preset(folder: Path, entry: Any, before: Sequence[Preset]) -> Preset:
    if not isinstance(entry, dict):
        raise BadInput("it is not a table.")
    name = entry.get("id")
    if not isinstance(name, str) or not NAME.fullmatch(name) or len(name) > 32:
        raise BadInput("its id must be words of small letters and digits, joined by hyphens.")
    if any(name == preset.id for preset in before):
        raise BadInput("its id is already taken.")
    for key in TEXTS:
        if not isinstance(entry.get(key), str) or not entry[key].strip():
            raise BadInput(f"its {key} must be a text.")
    return Preset(
        id=name,
        path=_picture(folder, entry),
        tuned=_tuned(entry.get("recipe", {})),
        **{key: entry[key] for key in TEXTS if key != "file"},
    )


def _picture(folder: Path, entry: dict[str, Any]) -> Path:
    """The entry's file, if it is inside the folder, can be opened and is the one meant."""
    path = (folder / entry["file"]).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise BadInput("its file lies outside the folder of examples.")
    open_photo(path)
    wanted = entry.get("sha256")
    if wanted is not None and hashlib.sha256(path.read_bytes()).hexdigest() != wanted:
        raise BadInput(f"{path.name} does not match its sha256; it is not the picture meant.")
    return path


def _tuned(settings: Any) -> dict[str, Any]:
    if not isinstance(settings, dict):
        raise BadInput("its recipe must be a table of settings.")
    if refused := sorted(NOT_TUNED & settings.keys()):
        raise BadInput(f"its recipe may not set {', '.join(refused)}.")
    recipe = Recipe().replace(**settings)
    return {key: getattr(recipe, key) for key in settings}


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
