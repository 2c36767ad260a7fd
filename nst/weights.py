"""Encoders with their weights: shipped, cached on this machine, or from the Hugging Face Hub.

Of VGG only the convolutions are fetched, 80 of 575 MB: safetensors sorts tensors by name, so they
lie at the front of the file and one ranged request brings them.
"""

import io
import json
import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from filelock import FileLock
from huggingface_hub import HfApi, constants, hf_hub_url, try_to_load_from_cache
from huggingface_hub.errors import HTTPError, SafetensorsParsingError
from huggingface_hub.file_download import http_get
from huggingface_hub.utils import build_hf_headers, tqdm
from safetensors import SafetensorError, safe_open
from torch import Tensor

from nst.engine.encoders import Encoder, load_features, torchvision_names, vgg
from nst.errors import BadInput, WeightsUnavailable

DATA = Path(__file__).parent / "data"
COMPACT = DATA / "compact.safetensors"
FEATURES = "features."  # what torchvision calls the convolutions
HEADER_ROOM = 1 << 14  # bytes at the front of the file; timm's headers take 4 KB


@dataclass(frozen=True)
class Source:
    """VGG in a file on the Hub, at a commit in full: nobody can change its contents later."""

    title: str
    repo: str
    commit: str
    sha256: str  # of the whole file
    size: int  # bytes of the convolutions
    filename: str = "model.safetensors"

    @property
    def part(self) -> Path:
        """Where the convolutions are cached."""
        folder = Path(constants.HF_ASSETS_CACHE, "nst", self.repo.replace("/", "--"), self.commit)
        return folder / "features.safetensors"

    @property
    def found(self) -> Path | None:
        """The file on this machine: the whole one, where a Space preloads it, or our part."""
        whole = try_to_load_from_cache(self.repo, self.filename, revision=self.commit)
        if isinstance(whole, str):
            return Path(whole)
        kept = os.path.isfile(self.part) and os.path.getsize(self.part) > self.size
        return self.part if kept else None  # one cut short is fetched again


_PINS = tomllib.loads((DATA / "vgg.toml").read_text("utf-8"))
SOURCES = {name: Source(**pins) for name, pins in _PINS.items()}


def build_encoder(
    name: str,
    pooling: str | None = None,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
    download: bool = True,
) -> Encoder:
    """A frozen encoder with its weights: "compact", "vgg16" or "vgg19".

    pooling: "max", "average" or None for the network's own. download: whether VGG may be fetched.
    Raises BadInput for another name, WeightsUnavailable where the weights cannot be had.
    """
    if name == "compact":
        tensors, shape = load_compact()
        tensors = {key: tensor.float() for key, tensor in tensors.items()}
        heads = {k.removeprefix("lifts."): t for k, t in tensors.items() if k.startswith("lifts.")}
        blocks, content = json.loads(shape["blocks"]), shape["content_layer"]
        encoder = Encoder(name, blocks, shape["pooling"], heads, content, shape["padding"])
        encoder.load_state_dict({k: t for k, t in tensors.items() if k.startswith("convs.")})
    else:
        encoder = load_features(vgg(name, pooling or "max"), load_vgg(name, download=download))
    encoder = encoder.to(device, dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return encoder.requires_grad_(False).eval()


def load_compact() -> tuple[dict[str, Tensor], dict[str, str]]:
    """The shipped encoder's tensors and metadata. Raises WeightsUnavailable if it is damaged."""
    return _read(COMPACT)


def load_vgg(name: str, *, download: bool = True) -> dict[str, Tensor]:
    """The convolutions of "vgg16" or "vgg19": `{"features.0.weight": ...}`, float32.

    All who ask during a download, in any process, wait for it. Raises as `build_encoder`.
    """
    if name not in SOURCES:
        raise BadInput(f"There is no encoder called {name!r}; choose from compact, vgg16, vgg19.")
    source = SOURCES[name]
    if not source.found:
        if not download:
            raise WeightsUnavailable(f"{source.title} is not on this machine yet.")
        try:
            _download(source)
        except (HTTPError, OSError, SafetensorsParsingError, ValueError) as error:
            reason = str(error).partition("\n")[0].rstrip(".") or type(error).__name__
            raise WeightsUnavailable(f"{source.title} cannot be fetched: {reason}.") from error
    path = source.found or source.part
    tensors, _ = _read(path, FEATURES)
    layers = torchvision_names(vgg(name)).items()
    shapes = {f"{la}.{key}": t.shape for la, c in layers for key, t in c.named_parameters()}
    if shapes != {key: tensor.shape for key, tensor in tensors.items()}:
        raise WeightsUnavailable(f"{path} is damaged: its tensors are not {source.title}'s.")
    return tensors


def is_cached(name: str) -> bool:
    """Whether `load_vgg` would need no network. Looks for the files, not into them."""
    return SOURCES[name].found is not None


def is_fetchable(name: str) -> bool:
    """Whether these weights are not here and nobody forbids asking the Hub for them."""
    return not is_cached(name) and not constants.is_offline_mode()


def _download(source: Source) -> None:
    """Fetch the front of the file on the Hub and keep its convolutions. Raises as the Hub does."""
    (folder := source.part.parent).mkdir(parents=True, exist_ok=True)
    with FileLock(source.part.with_suffix(".lock")), TemporaryDirectory(dir=folder) as temporary:
        if source.found:  # it has come meanwhile
            return
        place, end = (source.repo, source.filename), HEADER_ROOM + source.size
        # Asked first, as `http_get` waits where the Hub says to come back in an hour.
        table = HfApi().parse_safetensors_file_metadata(*place, revision=source.commit).tensors
        header = {key: vars(entry) for key, entry in table.items() if key.startswith(FEATURES)}
        url, front = hf_hub_url(*place, revision=source.commit), io.BytesIO()
        headers = {**build_hf_headers(), "Range": f"bytes=0-{end - 1}"}
        with tqdm(desc=source.title, total=end, unit="B", unit_scale=True) as bar:
            http_get(url, front, headers=headers, expected_size=end, _tqdm_bar=bar)
        data, text = front.getbuffer(), json.dumps(header).encode()
        start = 8 + int.from_bytes(data[:8], "little")
        part = Path(temporary, source.part.name)
        part.write_bytes(len(text).to_bytes(8, "little") + text + data[start:][: source.size])
        part.replace(source.part)


def _read(path: Path, prefix: str = "") -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors of this prefix, and the metadata, of a file. Raises WeightsUnavailable."""
    try:
        with safe_open(path, "pt") as file:
            names = [name for name in sorted(file.keys()) if name.startswith(prefix)]
            return {name: file.get_tensor(name) for name in names}, file.metadata() or {}
    except (OSError, SafetensorError) as error:
        raise WeightsUnavailable(f"{path} is missing or damaged: {error}.") from error
