"""Encoders with their weights: shipped, cached on this machine, or from the Hugging Face Hub.

Of VGG only the convolutions are fetched, 80 of 575 MB: safetensors sorts tensors by name, so they
lie at the front of the file and one ranged request brings them.
"""

import hashlib
import json
import logging
import os
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from filelock import FileLock
from huggingface_hub import HfApi, constants, hf_hub_url, try_to_load_from_cache
from huggingface_hub.errors import HfHubHTTPError, HTTPError, SafetensorsParsingError
from huggingface_hub.file_download import http_get
from huggingface_hub.utils import build_hf_headers, tqdm
from safetensors import SafetensorError, safe_open
from safetensors.torch import load, save
from torch import Tensor

from nst.engine.encoders import Encoder, load_features, torchvision_names, vgg
from nst.errors import BadInput, WeightsUnavailable

COMPACT = Path(__file__).parent / "data" / "compact.safetensors"
FEATURES = "features."  # what torchvision calls the convolutions
HEADER_ROOM = 1 << 14  # bytes at the front of the file; timm's headers take 4 KB
REST_SECONDS = 60.0  # after a failed download in the background

logger = logging.getLogger(__name__)


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
        return self.part if os.path.isfile(self.part) else None


# BSD-3; torchvision's ImageNet weights: RGB in 0..1, less the mean, over the deviation.
SOURCES = {
    "vgg16": Source(
        "VGG-16",
        "timm/vgg16.tv_in1k",
        "3394518cba29aee1ea82a49d971be90d2dd1dab7",
        "57b026918159a6bf9faf8405c3a551903768e7138989d9c6224a14227203fad8",
        58_858_752,
    ),
    "vgg19": Source(
        "VGG-19",
        "timm/vgg19.tv_in1k",
        "128d4708565b3a414bcbb9bbad440b2fe37b9f18",
        "11aea017b543ff59233749d8f1cf544cda749378f5790d2fedab841fb86b7669",
        80_097_536,
    ),
}


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
        encoder = _compact()
    else:
        weights = load_vgg(name, download=download)
        encoder = load_features(vgg(name, pooling or "max"), weights)
    encoder = encoder.to(device, dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return encoder.requires_grad_(False).eval()


def _compact() -> Encoder:
    """The shipped network, whose file says what shape it has."""
    tensors, shape = load_compact()
    tensors = {key: tensor.float() for key, tensor in tensors.items()}
    heads = {k.removeprefix("lifts."): t for k, t in tensors.items() if k.startswith("lifts.")}
    blocks, content = json.loads(shape["blocks"]), shape["content_layer"]
    encoder = Encoder("compact", blocks, shape["pooling"], heads, content, shape["padding"])
    encoder.load_state_dict({k: t for k, t in tensors.items() if k.startswith("convs.")})
    return encoder


def load_compact() -> tuple[dict[str, Tensor], dict[str, str]]:
    """The shipped encoder's tensors and metadata. Raises WeightsUnavailable if it is damaged."""
    return load_checksummed(COMPACT)


def load_vgg(name: str, *, download: bool = True) -> dict[str, Tensor]:
    """The convolutions of "vgg16" or "vgg19": `{"features.0.weight": ...}`, float32.

    A download shows a bar on standard error; all who ask meanwhile, in any process, wait for it.
    Raises WeightsUnavailable with the reason, BadInput for another name.
    """
    if name not in SOURCES:
        raise BadInput(f"There is no encoder called {name!r}; choose from compact, vgg16, vgg19.")
    source = SOURCES[name]
    if tensors := _load_cached(source):
        return tensors
    if not download:
        raise WeightsUnavailable(f"{source.title} is not on this machine yet.")
    try:
        source.part.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(source.part.with_suffix(".lock")):
            return _load_cached(source) or _download(name, source)
    except (HTTPError, OSError, SafetensorError, SafetensorsParsingError, ValueError) as error:
        raise WeightsUnavailable(f"{source.title} cannot be had: {_reason(error)}.") from error


def is_cached(name: str) -> bool:
    """Whether `load_vgg` would need no network. Looks for the files, not into them."""
    return SOURCES[name].found is not None


def is_fetchable(name: str) -> bool:
    """Whether these weights are not here and nobody forbids asking the Hub for them."""
    return not is_cached(name) and not constants.is_offline_mode()


def fetch(names: Iterable[str]) -> None:
    """Have these weights ("vgg16", "vgg19", "all") here; print where they lie. As `load_vgg`."""
    for name in [n for given in names for n in (SOURCES if given == "all" else [given])]:
        load_vgg(name)
        print(f"{SOURCES[name].title} is at {SOURCES[name].found}")


def _load_cached(source: Source) -> dict[str, Tensor] | None:
    """The convolutions if they are here; None if they are not, or our part of them is damaged."""
    path = source.found
    try:
        return load_checksummed(path, FEATURES)[0] if path else None
    except WeightsUnavailable as error:
        if path != source.part:  # the Hub's cache is not ours to mend
            raise
        logger.warning("It will be fetched again. %s", error)
        source.part.unlink(missing_ok=True)
        return None


def _download(name: str, source: Source) -> dict[str, Tensor]:
    """Fetch the front of the file on the Hub, and keep its convolutions. Raises as the Hub does."""
    repo, file, commit = source.repo, source.filename, source.commit
    header = HfApi().parse_safetensors_file_metadata(repo, file, revision=commit).tensors
    header = {key: entry for key, entry in header.items() if key.startswith(FEATURES)}
    with torch.device("meta"):
        layers = torchvision_names(vgg(name)).items()
    shapes = {f"{la}.{k}": ["F32", *t.shape] for la, c in layers for k, t in c.named_parameters()}
    if shapes != {key: [entry.dtype, *entry.shape] for key, entry in header.items()}:
        raise ValueError(f"{file} of {repo} does not hold its tensors")

    end, partial = HEADER_ROOM + source.size, source.part.with_suffix(".partial")
    headers = {**build_hf_headers(), "Range": f"bytes=0-{end - 1}"}
    url = hf_hub_url(repo, file, revision=commit)
    try:
        with (
            partial.open("wb") as out,
            tqdm(desc=source.title, total=end, unit="B", unit_scale=True) as bar,
        ):
            http_get(url, out, headers=headers, expected_size=end, _tqdm_bar=bar)
        front = partial.read_bytes()
    finally:
        partial.unlink(missing_ok=True)
    start = 8 + int.from_bytes(front[:8], "little")
    text = json.dumps({key: vars(entry) for key, entry in header.items()}).encode()
    part = len(text).to_bytes(8, "little") + text + front[start : start + source.size]
    save_checksummed(source.part, load(part), {"repo": repo, "commit": commit})
    return load(part)


def _reason(error: Exception) -> str:
    """What went wrong on the way to the weights, for somebody who wants to paint."""
    hub = f"the Hugging Face Hub at {constants.ENDPOINT}"
    if isinstance(error, HfHubHTTPError):
        return f"{hub} answers {error.response.status_code} {error.response.reason_phrase}"
    if isinstance(error, HTTPError):
        return f"{hub} cannot be reached, or the connection broke ({error or type(error)})"
    return getattr(error, "strerror", None) or str(error).partition("\n")[0].rstrip(".")


class Background:
    """Fetches VGG weights while everybody goes on painting."""

    def __init__(self) -> None:
        self._threads: dict[str, threading.Thread] = {}
        self._failures: dict[str, tuple[str, float]] = {}

    def want(self, name: str) -> str:
        """Start fetching unless it is under way or failed a moment ago; say how it stands."""
        _, rests_until = self._failures.get(name, ("", 0.0))
        if not (is_cached(name) or self.is_fetching(name) or time.monotonic() < rests_until):
            self._threads[name] = threading.Thread(target=self._fetch, args=(name,), daemon=True)
            self._threads[name].start()
        return self.status(name)

    def status(self, name: str) -> str:
        """How it stands, in one sentence; empty for weights that nobody wanted yet."""
        source = SOURCES[name]
        if is_cached(name):
            return f"{source.title} is ready."
        if not self.is_fetching(name):
            return self._failures.get(name, ("", 0.0))[0]
        partial = source.part.with_suffix(".partial")
        arrived = partial.stat().st_size if partial.is_file() else 0
        so_far = f"{arrived / 1e6:.0f} of {source.size / 1e6:.0f} MB"
        return f"{source.title} is being fetched from the Hub: {so_far}."

    def is_fetching(self, name: str) -> bool:
        """Whether a download is under way."""
        return name in self._threads and self._threads[name].is_alive()

    def _fetch(self, name: str) -> None:
        try:
            load_vgg(name)
        except WeightsUnavailable as error:
            self._failures[name] = str(error), time.monotonic() + REST_SECONDS


def save_checksummed(
    path: Path | str, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]
) -> None:
    """Write a safetensors file with the sha256 of its data, whole or not at all. Raises OSError."""
    tensors = {name: tensor.contiguous() for name, tensor in tensors.items()}
    unfinished = Path(f"{path}.{os.getpid()}")
    try:
        unfinished.write_bytes(save(tensors, {**metadata, "sha256": _sha256(tensors)}))
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def load_checksummed(path: Path, prefix: str = "") -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata of a safetensors file, checked against the sha256 in it, if any.

    prefix: of the tensors wanted. Raises WeightsUnavailable for damage, or no such file.
    """
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            names = [name for name in sorted(file.keys()) if name.startswith(prefix)]
            tensors = {name: file.get_tensor(name) for name in names}
    except (OSError, SafetensorError) as error:
        raise WeightsUnavailable(f"{path} cannot be read: {error}.") from error
    if "sha256" in metadata and metadata["sha256"] != _sha256(tensors):
        raise WeightsUnavailable(f"{path} is damaged: its sha256 is not the one it names.")
    return tensors, metadata


def _sha256(tensors: dict[str, Tensor]) -> str:
    """Of a safetensors file's data, which follows a header that begins with its own length."""
    data = save(tensors)
    return hashlib.sha256(memoryview(data)[8 + int.from_bytes(data[:8], "little") :]).hexdigest()
