"""Where weights come from, and in which order.

The compact encoder ships with this package (`load_compact`). VGG-16 and VGG-19 (`load_vgg`) come
from the first of: the whole file in the Hub's cache at the pinned commit; the features cached
here earlier; the Hugging Face Hub, of whose file only the `features.*` block is read, 59 MB of
553 for VGG-16 and 80 MB of 575 for VGG-19. Nothing here unpickles.

A download grows as a checksummed file whose checksum is still empty. So it is its own record of
what it is a part of, and can go on after any interruption; at its end it gets its checksum, then
its name.
"""

import hashlib
import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import torch
from filelock import FileLock, Timeout
from huggingface_hub import HfFileMetadata, cached_assets_path, constants, try_to_load_from_cache
from huggingface_hub.errors import HTTPError
from huggingface_hub.utils import tqdm

from nst.engine.encoders import torchvision_names, vgg
from nst.errors import BadInput, WeightsUnavailable
from nst.weights.checksum import (
    HEADER_LIMIT,
    Block,
    CorruptWeights,
    add_checksum,
    header_bytes,
    load_block,
    load_checksummed,
    read_block,
)
from nst.weights.hub import RetryPolicy, Source, contact, stream

__all__ = [
    "COMPACT",
    "SOURCES",
    "Progress",
    "describe",
    "feature_shapes",
    "fetch",
    "is_cached",
    "is_fetchable",
    "load_compact",
    "load_vgg",
    "progress_bar",
]

logger = logging.getLogger(__name__)

Progress = Callable[[int, int], None]
"""Called with the bytes of the features so far and in all, many times a second."""

COMPACT = Path(__file__).parents[1] / "data" / "compact.safetensors"

DOWNLOAD_SECONDS = 3600.0  # for one download; the next one goes on where it stopped


def feature_shapes(name: str) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the convolutions of "vgg16" or "vgg19", as torchvision numbers them.

    `{"features.0.weight": (64, 3, 3, 3), "features.0.bias": (64,), ...}`, shallowest first.
    """
    with torch.device("meta"):
        named = torchvision_names(vgg(name))
    return {
        f"{layer}.{key}": tuple(tensor.shape)
        for layer, conv in named.items()
        for key, tensor in conv.named_parameters()
    }


# BSD-3; torchvision's ImageNet weights: RGB in 0..1, less the mean, over the deviation.
SOURCES = {
    "vgg16": Source(
        title="VGG-16",
        repo="timm/vgg16.tv_in1k",
        commit="3394518cba29aee1ea82a49d971be90d2dd1dab7",
        filename="model.safetensors",
        sha256="57b026918159a6bf9faf8405c3a551903768e7138989d9c6224a14227203fad8",
        shapes=feature_shapes("vgg16"),
    ),
    "vgg19": Source(
        title="VGG-19",
        repo="timm/vgg19.tv_in1k",
        commit="128d4708565b3a414bcbb9bbad440b2fe37b9f18",
        filename="model.safetensors",
        sha256="11aea017b543ff59233749d8f1cf544cda749378f5790d2fedab841fb86b7669",
        shapes=feature_shapes("vgg19"),
    ),
}


def load_compact() -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """The shipped encoder's tensors and metadata.

    Raises WeightsUnavailable when the file is missing or is not what was shipped.
    """
    try:
        return load_checksummed(COMPACT)
    except CorruptWeights as error:
        raise WeightsUnavailable(
            f"The compact encoder at {COMPACT} is damaged: {error} Install this package again."
        ) from error
    except OSError as error:
        raise WeightsUnavailable(
            f"The compact encoder at {COMPACT} cannot be read: {error.strerror}."
        ) from error


def load_vgg(
    name: str, progress: Progress | None = None, *, download: bool = True
) -> dict[str, torch.Tensor]:
    """The convolutions of "vgg16" or "vgg19": `{"features.0.weight": ...}`, float32.

    The tensors own their memory. Without a Hub this takes at most about 3 seconds to say so.
    Threads and processes that ask together wait for one download. download: whether to fetch what
    is not here. Raises WeightsUnavailable with the reason, BadInput for another name.
    """
    source = _source(name)
    tensors = _load_cached(source)
    if tensors is None and not download:
        raise WeightsUnavailable(f"{source.title} is not on this machine yet.")
    if tensors is None:
        retries = RetryPolicy(source)
        file = contact(source, retries)
        with _alone(source):
            # Whoever held the lock before may have done the work.
            tensors = _load_cached(source, alone=True)
            if tensors is None:
                tensors = _download(source, file, retries, progress or (lambda done, total: None))
    return tensors


def is_cached(name: str) -> bool:
    """Whether `load_vgg` would need no network. Looks for the files, not into them."""
    source = _source(name)
    try:
        return _whole_file(source) is not None or _cached_path(source).is_file()
    except WeightsUnavailable:
        return False


def is_fetchable(name: str) -> bool:
    """Whether these weights are not here and nobody forbids to ask the Hub for them."""
    return not is_cached(name) and not constants.is_offline_mode()


def describe(name: str) -> str:
    """One line: where these weights lie, how large they are, and that they are whole.

    Reads and hashes everything. Raises WeightsUnavailable when what lies there is damaged.
    """
    source = _source(name)
    whole = _whole_file(source)
    if whole is not None:
        size = _verify_whole(source, whole) / 1e6
        return f"{source.title}: the whole file, {size:.1f} MB, sha256 verified, at {whole}"
    path, size = _cached_path(source), source.size / 1e6
    try:
        load_checksummed(path, source.shapes)
    except FileNotFoundError:
        return f"{source.title}: not here yet; {size:.1f} MB of {source.place}"
    except (CorruptWeights, OSError) as error:
        raise WeightsUnavailable(f"{source.title} at {path} is damaged: {error}") from error
    return f"{source.title}: {size:.1f} MB, checksum verified, at {path}"


def fetch(names: Iterable[str]) -> None:
    """Have these weights ("vgg16", "vgg19", "all") here and verified; print where each lies.

    Features that lie damaged in this project's cache are fetched again. A bar on standard error
    shows the bytes arrive. Raises BadInput for another name, WeightsUnavailable with the reason.
    """
    for name in [n for given in names for n in (SOURCES if given == "all" else [given])]:
        with progress_bar(name) as progress:
            load_vgg(name, progress)
        print(describe(name))


@contextmanager
def progress_bar(name: str) -> Iterator[Progress]:
    """A tqdm bar for `load_vgg` on standard error, there only once bytes arrive."""
    bar: tqdm | None = None

    def show(done: int, total: int) -> None:
        nonlocal bar
        if bar is None:
            title = _source(name).title
            bar = tqdm(desc=title, total=total, initial=done, unit="B", unit_scale=True)
        bar.update(done - bar.n)

    try:
        yield show
    finally:
        if bar is not None:
            bar.close()


def _source(name: str) -> Source:
    if name not in SOURCES:
        raise BadInput(f"There are no weights called {name!r}; there are {', '.join(SOURCES)}.")
    return SOURCES[name]


def _whole_file(source: Source) -> Path | None:
    """The whole file in the Hub's cache, where a Space preloads it or another program left it."""
    with _cache_errors(constants.HF_HUB_CACHE):
        found = try_to_load_from_cache(source.repo, source.filename, revision=source.commit)
    return Path(found) if isinstance(found, str) else None


def _verify_whole(source: Source, path: Path) -> int:
    """Hold a whole file against the pinned sha256; returns its size in bytes."""
    with _cache_errors(constants.HF_HUB_CACHE), path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
        size = file.tell()
    if found != source.sha256:
        raise WeightsUnavailable(
            f"{source.title} at {path} has the sha256 {found}, not the pinned {source.sha256}; "
            "delete that file and fetch it again."
        )
    return size


def _cached_path(source: Source) -> Path:
    """Where the features are cached; makes the folder."""
    with _cache_errors():
        folder = cached_assets_path("nst", namespace=source.repo, subfolder=source.commit)
    return folder / "features.safetensors"


@contextmanager
def _cache_errors(cache: str = constants.HF_ASSETS_CACHE) -> Iterator[None]:
    try:
        yield
    # cached_assets_path raises ValueError for a file where a folder should be
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error).rstrip(".")
        raise WeightsUnavailable(f"The weights' cache at {cache} fails: {reason}.") from error


@contextmanager
def _alone(source: Source) -> Iterator[None]:
    """Hold this source's lock against all threads and processes that share the cache."""
    lock = FileLock(_cached_path(source).with_suffix(".lock"), timeout=DOWNLOAD_SECONDS)
    with _cache_errors():
        try:
            lock.acquire()
        except Timeout as error:
            raise WeightsUnavailable(
                f"Another process has held {lock.lock_file} for an hour; end it and try again."
            ) from error
    try:
        yield
    finally:
        lock.release()


def _load_cached(source: Source, alone: bool = False) -> dict[str, torch.Tensor] | None:
    """The features from the whole file or from those cached here; None if neither is there.

    alone: whether the lock is held. Damaged features of ours are removed. A damaged file in the
    Hub's cache is not ours to remove. Its sha256 is left to `describe`: to hash half a gigabyte
    takes a second or more at every start.
    """
    whole = _whole_file(source)
    if whole is not None:
        try:
            return load_block(whole, source.shapes)
        except (CorruptWeights, OSError) as error:
            logger.warning("Passing over %s: %s", whole, error)
    path = _cached_path(source)
    with _cache_errors():
        try:
            return load_checksummed(path, source.shapes)[0]
        except FileNotFoundError:
            return None
        except CorruptWeights as error:
            if alone:
                logger.warning("Removing the damaged %s: %s", path, error)
                path.unlink(missing_ok=True)
                return None
        # Another process may have put a good one there meanwhile, or be about to.
        with suppress(Timeout), FileLock(path.with_suffix(".lock"), timeout=0):
            return _load_cached(source, alone=True)
    return None


def _download(
    source: Source, file: HfFileMetadata, retries: RetryPolicy, progress: Progress
) -> dict[str, torch.Tensor]:
    """Fetch the features into the cache and load them from there. The lock must be held.

    The pinned sha256 is that of the whole file and says nothing about 80 MB out of 575. Checked
    instead: the commit, whose name covers the contents, against the one the Hub says it serves;
    the header against the architecture; every length; every value for being finite.
    """
    path = _cached_path(source)
    partial = path.with_suffix(".partial")
    origin = {"repo": source.repo, "commit": source.commit, "etag": file.etag or ""}
    try:
        block = _remote_block(source, file, retries)
        with _cache_errors():
            try:
                _receive(source, block, origin, partial, retries, progress)
                add_checksum(partial, block, origin)
                tensors, _ = load_checksummed(partial, source.shapes)
                os.replace(partial, path)
            except OSError:
                partial.unlink(missing_ok=True)  # a full disk needs the room
                raise
    except CorruptWeights as error:
        partial.unlink(missing_ok=True)
        raise WeightsUnavailable(
            f"What the Hugging Face Hub sent is not {source.title}: {error}"
        ) from error
    return tensors


def _remote_block(source: Source, file: HfFileMetadata, retries: RetryPolicy) -> Block:
    """Where the features are in the file on the Hub, by the header that it sends."""
    if file.commit_hash not in (None, source.commit):
        raise CorruptWeights(f"it is from commit {file.commit_hash}, not {source.commit}.")
    if file.size is None:
        raise CorruptWeights("it does not say how long it is.")
    while True:
        try:
            with stream(source, 0, 8 + HEADER_LIMIT) as chunks:
                return read_block(_reader(chunks), file.size, source.shapes)
        except HTTPError as error:
            retries.pause(error)


def _reader(chunks: Iterator[bytes]) -> Callable[[int], bytes]:
    """Read chunks like a file: n bytes at a time, fewer only at the end."""
    buffer = bytearray()

    def read(size: int) -> bytes:
        while len(buffer) < size and (chunk := next(chunks, b"")):
            buffer.extend(chunk)
        taken = bytes(buffer[:size])
        del buffer[:size]
        return taken

    return read


def _receive(
    source: Source,
    block: Block,
    origin: Mapping[str, str],
    partial: Path,
    retries: RetryPolicy,
    progress: Progress,
) -> None:
    """Let `partial` grow to the whole block, going on from what it holds of this very file."""
    held = _held(partial, block, origin)
    progress(held, block.size)
    deadline = time.monotonic() + DOWNLOAD_SECONDS
    with partial.open("ab") as out:
        while held < block.size:
            before, error = held, None
            try:
                with stream(source, block.start + held, block.start + block.size) as chunks:
                    for chunk in chunks:
                        out.write(chunk)
                        out.flush()  # what has arrived outlives this process
                        held += len(chunk)
                        progress(held, block.size)
                        _keep_to(deadline, source)
            except HTTPError as broken:
                error = broken
            if held < block.size:
                retries.pause(error, progressed=held > before)


def _held(partial: Path, block: Block, origin: Mapping[str, str]) -> int:
    """Bytes of the block that `partial` holds; begins it anew if it is of another file."""
    beginning = header_bytes(block, origin)
    if partial.is_file():
        with partial.open("rb") as file:
            held = partial.stat().st_size - len(beginning)
            if file.read(len(beginning)) == beginning and held <= block.size:
                return held
    partial.write_bytes(beginning)
    return 0


def _keep_to(deadline: float, source: Source) -> None:
    if time.monotonic() > deadline:
        raise WeightsUnavailable(
            f"The download of {source.title} was stopped after an hour; the next one goes on."
        )
