"""Weights: shipped, cached, and from a Hub that works or fails; each failure is one sentence."""

import os
import resource
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
import torchvision
from hub import SHAPES, TINY, Hub, model, tiny_vgg
from huggingface_hub import close_session, constants
from PIL import Image
from safetensors.torch import load, load_file

from nst import command_line, weights
from nst.engine.encoders import torchvision_names, vgg
from nst.errors import BadInput, WeightsUnavailable

CLIENT = """
import sys
from nst import weights
from nst.errors import NstError
from hub import TINY, tiny_vgg
weights.SOURCES["vgg19"], weights.vgg = TINY, tiny_vgg
try:
    exec(sys.argv[1])
except NstError as error:
    sys.exit(str(error))
"""


def start(hub: Hub, home: Path, code: str, **environment: str) -> subprocess.Popen:
    """A process that runs `code` with this Hub and this cache."""
    command, pipe = [sys.executable, "-c", CLIENT, code], subprocess.PIPE
    environment = hub.environment(home, **environment)
    return subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe, text=True)


@pytest.fixture
def cached(tmp_path) -> Path:
    """Where this process and others keep VGG-19."""
    folder = tmp_path / "assets" / "nst" / TINY.repo.replace("/", "--") / TINY.commit
    return folder / "features.safetensors"


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A Hub that works, for this process too, whose cache is empty."""
    with Hub() as hub:
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        close_session()
        reach(hub.url, monkeypatch)
        monkeypatch.setattr(constants, "HF_ASSETS_CACHE", str(tmp_path / "assets"))
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
        monkeypatch.setattr(weights, "vgg", tiny_vgg)
        monkeypatch.setitem(weights.SOURCES, "vgg19", TINY)
        yield hub


def reach(url: str, monkeypatch) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", url)
    template = url + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)


def assert_arrived(hub: Hub, cached: Path) -> None:
    """The cache holds what the Hub has, byte for byte and name by name, and nothing else."""
    found, whole = load_file(cached), load(hub.file)
    assert found.keys() == SHAPES.keys()
    assert all(torch.equal(found[name], whole[name]) for name in found)
    assert {path.suffix for path in cached.parent.iterdir()} == {".safetensors", ".lock"}


def left(home: Path) -> list[str]:
    """Whatever lies in the cache besides lock files."""
    files = [path for path in (home / "assets").rglob("*") if path.is_file()]
    return [path.name for path in files if path.suffix != ".lock"]


def fail() -> str:
    """The sentence with which the weights cannot be had."""
    with pytest.raises(WeightsUnavailable) as caught:
        weights.load_vgg("vgg19")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_layout_and_sizes_are_torchvisions():
    for name in weights.SOURCES:
        with torch.device("meta"):
            layout = torchvision.models.get_model(name).features.state_dict()
            ours = torchvision_names(vgg(name))
        shapes = {
            f"{la}.{key}": t.shape for la, c in ours.items() for key, t in c.named_parameters()
        }
        assert shapes == {f"features.{key}": tensor.shape for key, tensor in layout.items()}
        assert weights.SOURCES[name].size == 4 * sum(t.numel() for t in layout.values())


def test_a_shipped_file_that_is_damaged_or_missing_is_one_sentence(tmp_path, monkeypatch):
    with pytest.raises(BadInput, match="'vgg11'; choose from compact, vgg16, vgg19"):
        weights.build_encoder("vgg11")
    good, path = weights.COMPACT.read_bytes(), tmp_path / "compact.safetensors"
    monkeypatch.setattr(weights, "COMPACT", path)
    with pytest.raises(WeightsUnavailable, match="is missing or damaged: No such file"):
        weights.build_encoder("compact")
    for damaged in (good[:20] + b"?" + good[21:], good[:-40], good + b"?", b""):
        path.write_bytes(damaged)
        with pytest.raises(WeightsUnavailable, match=r"compact\.safetensors is missing or damaged"):
            weights.load_compact()


def test_only_the_front_of_the_file_is_fetched_and_only_once(hub, cached, capsys):
    hub.file += bytes(1 << 20)
    whole = len(hub.file)
    tensors = weights.load_vgg("vgg19")
    assert hub.served < whole / 2
    hub.file = model()
    assert_arrived(hub, cached)
    assert "VGG-19: 100%" in capsys.readouterr().err
    hub.requests.clear()
    assert command_line.main(["weights", "vgg19"]) == command_line.DONE
    assert capsys.readouterr() == (f"VGG-19 is at {cached}\n", "")
    assert not hub.requests
    encoder = weights.build_encoder("vgg19", download=False)
    assert torch.equal(encoder.convolutions["conv2_1"].bias, tensors["features.5.bias"])


def test_threads_and_processes_starting_together_are_served_once(hub, tmp_path, cached):
    hub.pause = 0.1
    client = start(hub, tmp_path, "weights.load_vgg('vgg19')")
    with ThreadPoolExecutor(2) as threads:
        counts = [len(found) for found in threads.map(weights.load_vgg, ["vgg19"] * 2)]
    assert counts == [len(SHAPES)] * 2
    _, err = client.communicate(timeout=120)
    assert client.returncode == 0, err
    assert hub.served < 2 * TINY.size
    assert_arrived(hub, cached)


def test_a_download_cut_off_half_way_goes_on_where_it_stopped(hub, cached, monkeypatch):
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 1 << 14)
    hub.cuts = [200_000]
    weights.load_vgg("vgg19")
    assert hub.served < 1.5 * TINY.size
    assert_arrived(hub, cached)


def test_a_preloaded_file_needs_no_network(hub, tmp_path, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert not weights.is_cached("vgg19")
    snapshots = tmp_path / "hub" / f"models--{TINY.repo.replace('/', '--')}" / "snapshots"
    path = snapshots / TINY.commit / TINY.filename
    path.parent.mkdir(parents=True)
    path.write_bytes(hub.file)
    assert weights.is_cached("vgg19")
    tensors, whole = weights.load_vgg("vgg19"), load(hub.file)
    assert tensors.keys() == SHAPES.keys()
    assert all(torch.equal(tensors[name], whole[name]) for name in SHAPES)
    assert not hub.requests
    os.truncate(path, 100_000)
    assert fail().startswith(f"{path} is missing or damaged: ")


def test_a_damaged_cache_is_fetched_again_or_named(hub, cached):
    weights.load_vgg("vgg19")
    good = cached.read_bytes()
    for short in (good[:5000], b""):
        cached.write_bytes(short)
        assert not weights.is_cached("vgg19")
        with pytest.raises(WeightsUnavailable, match="VGG-19 is not on this machine yet"):
            weights.load_vgg("vgg19", download=False)
        weights.load_vgg("vgg19")
        assert_arrived(hub, cached)
    for damaged in (good[:2] + b"?" + good[3:], good[:20] + b"?" + good[21:], good + b"?"):
        cached.write_bytes(damaged)
        assert fail().startswith(f"{cached} is ")


def test_a_file_of_other_tensors_and_a_refusal_are_one_sentence(hub, tmp_path, cached):
    wrong = model({**SHAPES, "features.2.weight": (64, 64, 5, 5)})
    fewer = model({name: SHAPES[name] for name in list(SHAPES)[:4]})
    for file in (b"x" * len(wrong), (100).to_bytes(8, "little") + b"x" * len(wrong), wrong, fewer):
        hub.file = file
        assert fail().startswith(("VGG-19 cannot be fetched: ", f"{cached} is "))
        cached.unlink(missing_ok=True)
    for status in (401, 403, 404, 429, 503):
        hub.refuse = (status, {"Retry-After": "3600"})
        told = fail()
        assert told.startswith("VGG-19 cannot be fetched: ")
        assert str(status) in told
    assert left(tmp_path) == []


def test_no_hub_is_one_sentence(hub, tmp_path, monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: refused
        reach(f"http://127.0.0.1:{taken.getsockname()[1]}", monkeypatch)
        assert "Connection refused" in fail()
    assert weights.is_fetchable("vgg19")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    close_session()
    assert "HF_HUB_OFFLINE" in fail()
    assert not weights.is_fetchable("vgg19")
    monkeypatch.setenv("ALL_PROXY", "pigeon://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY")
    close_session()
    assert "pigeon" in fail()
    assert left(tmp_path) == []


def test_a_cache_that_cannot_be_written_is_one_sentence(hub, tmp_path):
    (tmp_path / "assets").write_text("a file where the folder should be")
    assert not weights.is_cached("vgg19")
    assert fail().startswith("VGG-19 cannot be fetched: [Errno 20] Not a directory: ")
    (tmp_path / "assets").unlink()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, before[1]))
        assert fail() == "VGG-19 cannot be fetched: [Errno 27] File too large."
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert left(tmp_path) == []


def test_the_command_line_says_how_vgg19_comes_here(hub, tmp_path, monkeypatch, capsys):
    Image.effect_noise((80, 60), 60).convert("RGB").save(tmp_path / "photo.jpg")
    words = [str(tmp_path / "photo.jpg"), "ink-wash", "-o", str(tmp_path / "out.png")]
    words += "--encoder compact --size 64 --steps 3 --overwrite".split()

    def advised(*more: str) -> bool:
        assert command_line.main([*words, *more]) == command_line.DONE
        line = "For better paintings fetch VGG-19, 0 MB: python -m nst weights vgg19"
        return line in capsys.readouterr().err.splitlines()

    assert advised()
    assert not hub.requests
    assert not advised("--finish", "off")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert not advised()
