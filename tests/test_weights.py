"""Weights that arrive: from the package, from the caches, and from a Hub that works."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch
import torchvision
from filelock import FileLock
from hub import CLASSIFIER_SHAPES, TINY, TINY_SHAPES, Hub, Model
from safetensors.torch import load_file, save_file

from nst.errors import BadInput, WeightsUnavailable
from nst.weights import store as weights
from nst.weights.checksum import CorruptWeights, find_block, load_checksummed, save_checksummed

CLIENT = """
import sys
from nst.weights import hub
from nst.weights import store as weights
from nst.errors import NstError
from hub import TINY
if "true size" not in sys.argv:
    weights.SOURCES["vgg19"] = TINY
try:
    exec(sys.argv[1])
except NstError as error:
    sys.exit(str(error))
"""
FETCH = "weights.fetch(['vgg19'])"


def start(hub: Hub, home: Path, code: str = FETCH, size: str = "tiny", **environment: str):
    """A process that runs `code` with this Hub and this cache."""
    return subprocess.Popen(
        [sys.executable, "-c", CLIENT, code, size],
        env=hub.environment(home, **environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(hub: Hub, home: Path, code: str = FETCH, size: str = "tiny", **environment: str) -> str:
    """What such a process prints."""
    client = start(hub, home, code, size, **environment)
    out, err = client.communicate(timeout=120)
    assert client.returncode == 0, err
    return out.strip()


def cached(home: Path) -> Path:
    folder = home / "assets" / "nst" / TINY.repo.replace("/", "--") / TINY.commit
    return folder / "features.safetensors"


def assert_arrived(hub: Hub, home: Path) -> None:
    """The cache holds what the Hub has, byte for byte and name by name."""
    found = load_file(cached(home))
    expected = {name for name in hub.model.table if name.startswith("features.")}
    assert found.keys() == expected
    for name, tensor in found.items():
        begin, end = hub.model.table[name]["data_offsets"]
        assert list(tensor.shape) == hub.model.table[name]["shape"]
        assert tensor.numpy().tobytes() == hub.model.features[begin:end]
    assert {path.suffix for path in cached(home).parent.iterdir()} == {".safetensors", ".lock"}


@pytest.fixture
def hub():
    with Hub(Model(TINY_SHAPES, {"head.fc.weight": (100, 100)})) as hub:
        yield hub


@pytest.fixture(scope="module")
def true_model():
    return Model(weights.feature_shapes("vgg19"), CLASSIFIER_SHAPES)


@pytest.mark.parametrize("name", ["vgg16", "vgg19"])
def test_the_layout_is_torchvisions(name):
    with torch.device("meta"):
        network = getattr(torchvision.models, name)()
    theirs = {key: tuple(t.shape) for key, t in network.state_dict().items() if "features" in key}
    assert weights.feature_shapes(name) == theirs


@pytest.mark.parametrize(("name", "size"), [("vgg16", 58_858_752), ("vgg19", 80_097_536)])
def test_only_the_convolutions_are_wanted(name, size):
    assert weights.SOURCES[name].size == size


def test_another_name_is_refused_with_the_names_there_are():
    with pytest.raises(BadInput, match="called 'vgg11'; there are vgg16, vgg19"):
        weights.load_vgg("vgg11")


def test_a_checksummed_file_is_an_ordinary_safetensors_file_with_its_metadata(tmp_path):
    path = tmp_path / "checked.safetensors"
    tensors = {"a": torch.arange(6.0).reshape(2, 3).T, "b": torch.ones(4, dtype=torch.float16)}
    save_checksummed(path, tensors, {"layers": "three"})
    found, metadata = load_checksummed(path)
    assert metadata["layers"] == "three"
    for name, tensor in tensors.items():
        assert torch.equal(found[name], tensor)
        assert torch.equal(load_file(path)[name], tensor)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("where", [20, -1, None], ids=["header", "data", "cut short"])
def test_a_shipped_file_that_changed_is_called_damaged(tmp_path, monkeypatch, where):
    path = tmp_path / "compact.safetensors"
    save_checksummed(path, {"a": torch.rand(100)}, {})
    data = bytearray(path.read_bytes())
    if where is None:
        del data[-40:]
    else:
        data[where] ^= 1
    path.write_bytes(data)
    monkeypatch.setattr(weights, "COMPACT", path)
    with pytest.raises(WeightsUnavailable, match=r"is damaged: .* Install this package again"):
        weights.load_compact()


def test_a_missing_shipped_file_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "COMPACT", tmp_path / "compact.safetensors")
    with pytest.raises(WeightsUnavailable, match="cannot be read: No such file"):
        weights.load_compact()


def test_a_file_without_a_checksum_is_not_believed(tmp_path):
    save_file({"a": torch.ones(3)}, tmp_path / "plain.safetensors")
    with pytest.raises(CorruptWeights, match="its metadata says None"):
        load_checksummed(tmp_path / "plain.safetensors")


def entry(shape=(2,), begin=0, dtype="F32", length=None):
    end = begin + (4 * shape[0] if length is None else length)
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}


@pytest.mark.parametrize(
    ("header", "complaint"),
    [
        ({"features.0.bias": entry()}, "no tensor features.2.bias"),
        ({"features.0.bias": entry(), "features.2.bias": entry((3,), 8)}, r"F32 \[3\], not F32"),
        ({"features.0.bias": entry(), "features.2.bias": entry((2,), 8, "F16")}, "is F16"),
        ({"features.0.bias": entry(), "features.2.bias": entry((2,), 12)}, "byte 12, not at 8"),
        ({"features.0.bias": entry(), "features.2.bias": entry((2,), 4)}, "byte 4, not at 8"),
        ({"features.0.bias": entry(), "features.2.bias": entry((2,), 8, length=6)}, "not its len"),
        ({"features.0.bias": entry(), "features.2.bias": {}}, "is None None"),
        (
            {"features.0.bias": entry((2,), 100), "features.2.bias": entry((2,), 108)},
            "end at byte 126, the file at 50",
        ),
        (
            {"features.0.bias": entry((2,), -8), "features.2.bias": entry()},
            r"lies at \[-8, 0\]",
        ),
        (
            {
                "features.0.bias": entry(),
                "features.2.bias": entry((2,), 8),
                "features.4.bias": entry((2,), 16),
            },
            "features.4.bias that does not belong",
        ),
    ],
)
def test_a_header_that_is_not_the_architectures_is_refused(header, complaint):
    shapes = {"features.0.bias": (2,), "features.2.bias": (2,)}
    with pytest.raises(CorruptWeights, match=complaint):
        find_block(header, 10, 50, shapes)


def test_the_features_are_found_behind_other_tensors():
    header = {"embedding": entry((5,)), "features.0.bias": entry((2,), 20), "tail": entry((1,), 28)}
    block = find_block(header, 100, 132, {"features.0.bias": (2,)})
    assert (block.start, block.size) == (120, 8)
    assert block.entries["features.0.bias"]["data_offsets"] == [0, 8]


def test_vgg19_takes_80_of_575_megabytes_once(true_model, tmp_path):
    with Hub(true_model) as hub:
        assert hub.model.size > 574_000_000
        said = run(hub, tmp_path, size="true size")
        assert said == f"VGG-19: 80.1 MB, checksum verified, at {cached(tmp_path)}"
        assert hub.served <= 81_000_000
        assert_arrived(hub, tmp_path)
        hub.requests.clear()
        run(hub, tmp_path, size="true size")
        assert not hub.requests


def test_eight_processes_starting_together_are_served_once(true_model, tmp_path):
    with Hub(true_model) as hub:
        clients = [start(hub, tmp_path, size="true size") for _ in range(8)]
        outcomes = [(client.communicate(timeout=300), client.returncode) for client in clients]
        assert [code for _, code in outcomes] == [0] * 8, outcomes
        assert hub.served <= 81_000_000
        assert_arrived(hub, tmp_path)


def test_threads_of_one_process_share_one_download(hub, tmp_path):
    hub.pause = 0.1
    code = """
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(4) as pool:
    print([len(t) for t in pool.map(weights.load_vgg, ["vgg19"] * 4)])
"""
    assert run(hub, tmp_path, code) == "[6, 6, 6, 6]"
    assert len(hub.gets) == 2


def test_progress_counts_up_to_all_bytes(hub, tmp_path):
    hub.pause = 0.02
    code = "weights.load_vgg('vgg19', lambda done, total: print(done, total))"
    lines = [tuple(map(int, line.split())) for line in run(hub, tmp_path, code).splitlines()]
    done = [first for first, _ in lines]
    assert len(lines) > 3
    assert done == sorted(done)
    assert done[0] == 0
    assert done[-1] == TINY.size
    assert {total for _, total in lines} == {TINY.size}


def test_the_command_line_sees_a_bar_only_while_bytes_arrive(hub, tmp_path):
    hub.pause = 0.05
    first, second = (start(hub, tmp_path).communicate(timeout=120)[1] for _ in range(2))
    assert "VGG-19" in first
    assert second == ""


def test_a_file_kept_elsewhere_is_followed_there_without_the_token(hub, tmp_path):
    hub.redirects = True
    run(hub, tmp_path, HF_TOKEN="hf_secret")
    assert_arrived(hub, tmp_path)
    assert {r.token for r in hub.requests if r.path == "/storage"} == {None}
    assert {r.token for r in hub.requests if "/resolve/" in r.path} == {"Bearer hf_secret"}
    assert not [r for r in hub.requests if r.path == "/storage" and r.method == "HEAD"]


def test_a_server_without_ranges_is_read_from_the_beginning(hub, tmp_path):
    hub.ranges = False
    hub.cuts = {1: 200_000}
    run(hub, tmp_path)
    assert_arrived(hub, tmp_path)
    assert {request.start for request in hub.gets} == {0}


def whole_file(hub: Hub, home: Path) -> Path:
    """Put the whole file where hf_hub_download, or a Space that preloads it, leaves it."""
    folder = home / "hub" / f"models--{TINY.repo.replace('/', '--')}" / "snapshots" / TINY.commit
    folder.mkdir(parents=True)
    hub.model.write(folder / TINY.filename)
    return folder / TINY.filename


def test_a_preloaded_file_needs_no_network(hub, tmp_path):
    whole_file(hub, tmp_path)
    code = """
tensors = weights.load_vgg("vgg19")
print(weights.is_cached("vgg19"), len(tensors), tensors["features.5.bias"].numpy().tobytes().hex())
"""
    begin, end = hub.model.table["features.5.bias"]["data_offsets"]
    expected = f"True 6 {hub.model.features[begin:end].hex()}"
    assert run(hub, tmp_path, code, HF_HUB_OFFLINE="1") == expected
    assert not hub.requests


def test_a_damaged_preloaded_file_is_passed_over(hub, tmp_path):
    path = whole_file(hub, tmp_path)
    os.truncate(path, 100_000)
    run(hub, tmp_path, "weights.load_vgg('vgg19')")
    assert path.exists()
    assert_arrived(hub, tmp_path)


def test_verifying_holds_a_preloaded_file_against_the_pinned_hash(hub, tmp_path):
    path = whole_file(hub, tmp_path)
    code = """
import dataclasses, hashlib, pathlib
print(hashlib.sha256(pathlib.Path(PATH).read_bytes()).hexdigest())
try:
    weights.fetch(["vgg19"])
except NstError as error:
    print(error)
honest = hashlib.sha256(pathlib.Path(PATH).read_bytes()).hexdigest()
weights.SOURCES["vgg19"] = dataclasses.replace(TINY, sha256=honest)
weights.fetch(["vgg19"])
""".replace("PATH", repr(str(path)))
    found, refusal, verified = run(hub, tmp_path, code).splitlines()
    assert refusal == (
        f"VGG-19 at {path} has the sha256 {found}, not the pinned {TINY.sha256}; "
        "delete that file and fetch it again."
    )
    assert verified == f"VGG-19: the whole file, 0.5 MB, sha256 verified, at {path}"


def test_what_is_not_here_is_described_as_such(hub, tmp_path):
    code = "print(weights.is_cached('vgg19'), weights.describe('vgg19'))"
    assert run(hub, tmp_path, code) == (
        "False VGG-19: not here yet; 0.5 MB of model.safetensors in timm/vgg19.tv_in1k "
        "at commit 128d470"
    )
    assert not hub.requests


def test_fetching_all_names_both(hub, tmp_path):
    code = """
import dataclasses
weights.SOURCES["vgg16"] = dataclasses.replace(TINY, title="VGG-16")
weights.fetch(["all"])
"""
    lines = run(hub, tmp_path, code).splitlines()
    assert [line.split(":")[0] for line in lines] == ["VGG-16", "VGG-19"]


def test_a_damaged_cache_is_not_fetched_where_nobody_may_wait(hub, tmp_path):
    run(hub, tmp_path)
    cached(tmp_path).write_bytes(b"")
    hub.requests.clear()
    client = start(hub, tmp_path, "weights.load_vgg('vgg19', download=False)")
    assert "VGG-19 is not on this machine yet." in client.communicate(timeout=120)[1]
    assert not hub.requests


def test_a_file_replaced_while_it_was_found_damaged_is_looked_at_again(hub, tmp_path):
    run(hub, tmp_path)
    code = """
load = weights.load_checksummed
def before_it_was_replaced(path, shapes):
    weights.load_checksummed = load
    raise weights.CorruptWeights("The checksum is another.")
weights.load_checksummed = before_it_was_replaced
print(len(weights.load_vgg("vgg19", download=False)))
"""
    assert run(hub, tmp_path, code) == "6"
    assert_arrived(hub, tmp_path)


def test_a_damaged_cache_is_left_to_whoever_is_replacing_it(hub, tmp_path):
    run(hub, tmp_path)
    cached(tmp_path).write_bytes(b"")
    with FileLock(cached(tmp_path).with_suffix(".lock")):
        client = start(hub, tmp_path, "weights.load_vgg('vgg19', download=False)")
        assert "VGG-19 is not on this machine yet." in client.communicate(timeout=120)[1]
    assert cached(tmp_path).exists()


@pytest.mark.parametrize("damage", ["flipped", "short", "empty"])
def test_a_damaged_cache_is_fetched_again(hub, tmp_path, damage):
    run(hub, tmp_path)
    data = bytearray(cached(tmp_path).read_bytes())
    data[-5] ^= 4
    cached(tmp_path).write_bytes({"flipped": data, "short": data[:5000], "empty": b""}[damage])
    hub.requests.clear()
    run(hub, tmp_path)
    assert len(hub.gets) == 2
    assert_arrived(hub, tmp_path)


def test_a_killed_download_goes_on_where_it_stopped(hub, tmp_path):
    hub.stalls = {1: 200_000}
    client = start(hub, tmp_path)
    assert hub.stalling.wait(60)
    partial = cached(tmp_path).with_suffix(".partial")
    full = threading.Event()
    for _ in range(600):
        if partial.exists() and partial.stat().st_size > 200_000:
            break
        full.wait(0.05)
    client.send_signal(signal.SIGKILL)
    client.communicate(timeout=60)
    run(hub, tmp_path)
    first, second = hub.gets[1], hub.gets[3]
    assert second.start == first.start + 200_000
    assert first.sent + second.sent == TINY.size
    assert_arrived(hub, tmp_path)
