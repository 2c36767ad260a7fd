"""The pipeline: which encoder paints, what the visitor is told, and pictures in and out."""

import platform
import subprocess
import sys
import threading

import numpy as np
import pytest
import torch
from PIL import Image
from small import photo as lion

from nst import hardware, pipeline
from nst.engine.encoders import Encoder
from nst.errors import WeightsUnavailable
from nst.pipeline import Pipeline, open_pipeline
from nst.published import RECIPES, get_recipe
from nst.recipe import Recipe
from nst.weights import build_encoder

# Local statistics want more steps than these to settle.
QUICK = Recipe(encoder="compact", size=64, scales=1, steps=3, local_weight=0)
VGG_BLOCKS = ((4, 4), (4, 4), (4,) * 4, (4,) * 4, (4,) * 4)
GONE = "The Hugging Face Hub does not answer."
MISSING = "is not on this machine yet."


class Machine:
    """A machine to set up: its device, which VGGs it has, and what was built on it."""

    def __init__(self) -> None:
        self.device, self.cached, self.offline = "cpu", set(), False
        self.built: list[tuple[str, str | None]] = []

    def load(self, name) -> None:
        if self.offline or name not in self.cached:
            raise WeightsUnavailable(GONE)

    def build(self, name, pooling, dtype, device, download) -> Encoder:
        assert not download
        if name != "compact":
            self.load(name)
        self.built.append((name, pooling))
        return Encoder(name, VGG_BLOCKS, pooling or "max")


@pytest.fixture
def machine(monkeypatch):
    here = Machine()
    monkeypatch.setattr(pipeline, "pick_device", lambda: torch.device(here.device))
    monkeypatch.setattr(pipeline, "fastest_dtype", lambda device, width: torch.float32)
    monkeypatch.setattr(pipeline, "is_cached", lambda name: name in here.cached)
    monkeypatch.setattr(pipeline, "build_encoder", here.build)
    monkeypatch.setattr(pipeline, "load_vgg", here.load)
    pipeline._built.cache_clear()
    yield here
    pipeline._built.cache_clear()


@pytest.fixture(scope="module")
def compact() -> Pipeline:
    return Pipeline(build_encoder("compact"))


def chosen(recipe: Recipe, strict: bool = False) -> tuple[str, str | None, str]:
    """Who paints, who finishes, and why."""
    found = open_pipeline(recipe, strict=strict)
    return found.encoder.name, found.finish and found.finish.name, found.reason


def test_auto_is_vgg19_on_a_gpu_that_has_its_weights_and_compact_elsewhere(machine):
    auto = Recipe(encoder="auto", finish="off")
    for device, cached, name, why in (
        ("mps", {"vgg19"}, "compact", "On an Apple GPU"),
        ("cuda", {"vgg19"}, "vgg19", "There is a GPU here"),
        ("cuda", set(), "compact", f"VGG-19 {MISSING}"),
        ("cpu", {"vgg16", "vgg19"}, "compact", "There is no GPU here"),
    ):
        machine.device, machine.cached = device, cached
        encoder, reason = pipeline.choose_encoder(auto)
        assert encoder == name
        assert reason.startswith(why)
    assert chosen(auto)[0] == "compact"


def test_encoder_asked_for_by_name_is_it_or_is_stood_in_for_with_the_reason(machine):
    compact, lodaya = Recipe(encoder="compact"), get_recipe("lodaya")
    assert chosen(compact) == ("compact", None, "")
    assert chosen(lodaya) == ("compact", None, f"VGG-19 {MISSING}")
    assert chosen(get_recipe("ghorpade-vgg16")) == ("compact", None, f"VGG-16 {MISSING}")
    with pytest.raises(WeightsUnavailable, match="does not answer"):
        open_pipeline(lodaya, strict=True)
    machine.cached, machine.offline = {"vgg16", "vgg19"}, True  # cached, and cannot be read
    assert chosen(lodaya) == ("compact", None, GONE)
    assert chosen(compact) == ("compact", None, f"VGG-19 cannot finish: {GONE}")
    machine.offline = False
    for name in ("vgg16", "vgg19"):
        assert chosen(Recipe(encoder=name)) == (name, None, "")
    assert chosen(lodaya, strict=True) == ("vgg19", None, "")


def test_a_download_keeps_nobody_from_painting(machine, monkeypatch):
    asked, arrived = threading.Event(), threading.Event()

    def load(name) -> None:
        asked.set()
        assert arrived.wait(60)
        machine.cached.add(name)

    monkeypatch.setattr(pipeline, "load_vgg", load)
    waiting = threading.Thread(target=chosen, args=(get_recipe("lodaya"), True))
    waiting.start()
    assert asked.wait(60)
    assert chosen(Recipe(encoder="compact"))[0] == "compact"
    arrived.set()
    waiting.join(60)
    assert machine.built == [("compact", None), ("vgg19", "average")]


def test_an_encoder_is_built_once_a_pooling_and_the_last_few_are_kept(machine):
    machine.cached = {"vgg19"}
    for encoder in ("compact", "vgg19"):
        for pooling in ("own", "max", "average"):
            open_pipeline(Recipe(encoder=encoder, pooling=pooling, finish="off"))
    vgg = [("vgg19", pooling) for pooling in (None, "max", "average")]
    assert machine.built == [("compact", None), *vgg]
    open_pipeline(Recipe(encoder="compact", finish="off"))
    assert len(machine.built) == 5


def test_vgg19_finishes_for_the_compact_encoder_where_its_weights_are(machine):
    wanted = Recipe(encoder="compact", finish="vgg19")
    for machine.device in ("cpu", "cuda"):
        machine.cached = set()
        assert chosen(wanted) == ("compact", None, f"VGG-19 cannot finish: it {MISSING}")
        with pytest.raises(WeightsUnavailable, match="does not answer"):
            open_pipeline(wanted, strict=True)
        machine.cached = {"vgg19"}
        assert chosen(wanted, strict=True) == ("compact", "vgg19", "")
        assert chosen(Recipe(encoder="compact")) == ("compact", "vgg19", "")
    # But no step of its own, none that is asked for, and none of a published recipe.
    none = [{"encoder": "vgg19"}, {"finish": "off"}, {"finish_share": 0.005}, {"steps": 3}]
    for changes in none:
        assert chosen(Recipe(**{"encoder": "compact"} | changes))[1] is None
    assert chosen(Recipe(encoder="compact", size=128, steps=3))[1] == "vgg19"
    for name in RECIPES.keys() - {"default"}:
        assert chosen(get_recipe(name).replace(encoder="compact", size=128))[1] is None


def test_title_and_credit_say_what_did_the_work(monkeypatch, compact):
    monkeypatch.setattr(pipeline, "device_name", lambda device: "CPU, 2 cores")
    assert compact.title == "the compact encoder on CPU, 2 cores, fp32"
    vgg = Encoder("vgg19", VGG_BLOCKS).requires_grad_(False)
    both = Pipeline(compact.encoder, finish=vgg)
    recipe = QUICK.replace(name="gatys", finish_share=0.5)
    for share, credit in (
        (0.5, "the compact encoder, finished by VGG-19, on CPU, 2 cores, fp32"),
        (0, both.title),
    ):
        *_, last = both.paint(lion(), [lion()], recipe.replace(finish_share=share), every=None)
        assert both.credit(last) == credit
    assert Pipeline(vgg.bfloat16()).title == "VGG-19 on CPU, 2 cores, bf16"


def test_no_layer_is_replaced_silently(compact):
    vgg, lodaya = Pipeline(Encoder("vgg19", VGG_BLOCKS)), get_recipe("lodaya")
    assert vgg.substitutes(lodaya) == vgg.substitutes(lodaya.replace(content_layer="conv5_4")) == ""
    assert compact.substitutes(get_recipe("default")) == ""
    before = {"style_layers": ("conv1_1", "relu2_2"), "style_layer_weights": (1, 1)}
    several = ["relu4_2 for conv4_2", "relu1_1 for conv1_1", "relu2_1 for relu2_2"]
    for recipe, wanted, pairs in (
        (get_recipe("ghorpade-vgg16"), "VGG-16", ["relu4_2 for relu4_3"]),
        (get_recipe("keras-tv"), "VGG-19", ["relu5_1 for relu5_2"]),
        (lodaya, "VGG-19", []),
        (lodaya.replace(content_layer="conv4_2", **before), "VGG-19", several),
        (Recipe(encoder="auto", content_layer="relu3_2"), "", ["relu3_1 for relu3_2"]),
    ):
        sentence = compact.substitutes(recipe)
        assert not wanted or sentence.startswith(f"The compact encoder stands in for {wanted}")
        assert all(pair in sentence for pair in pairs)
        assert sentence.count(" for relu") + sentence.count(" for conv") == len(pairs)


def numbers(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture) / 255


def result(compact: Pipeline, photo: Image.Image, **rest):
    styles = [lion().rotate(90, expand=True)]
    *_, final = compact.paint(photo, styles, QUICK, every=None, **rest)
    return final


def left(size: tuple[int, int], inside, outside, mode: str = "L") -> Image.Image:
    """A picture whose left half is one thing and whose right another."""
    picture = Image.new(mode, size, outside)
    picture.paste(inside, (0, 0, size[0] // 2, size[1]))
    return picture


def test_photo_is_painted_at_the_recipes_size(compact):
    for photo in (lion(96), lion(48)):
        step = result(compact, photo)
        assert step.size == (48, 64)
        assert (step.picture.mode, step.picture.size) == ("RGB", (64, 48))
        painted = step.canvas.picture[0].permute(1, 2, 0).numpy()
        np.testing.assert_allclose(numbers(step.picture), painted, atol=0.51 / 255)


def test_photo_keeps_its_transparency_and_what_lies_under_it_is_of_no_account(compact):
    found = []
    for colour in ((0, 0, 0), (255, 0, 255)):
        photo = left((96, 72), colour, 0, "RGB")
        photo.paste(lion().crop((30, 0, 96, 72)), (30, 0))
        alpha = left(photo.size, 0, 255)
        photo.putalpha(alpha)
        picture = result(compact, photo).picture
        assert (picture.mode, picture.size) == ("RGBA", (64, 48))
        expected = np.asarray(alpha.resize(picture.size), float)
        assert np.abs(np.asarray(picture.getchannel("A")) - expected).max() <= 2
        found.append(numbers(picture)[:, 40:, :3])
    # The edge itself mixes both colours when the photo is made smaller.
    assert np.abs(found[0] - found[1]).mean() < 0.02


def test_mask_is_white_where_to_paint_and_of_any_size_and_mode(compact):
    photo, mask = lion(64), left((40, 30), 255, 0)
    pictures = [
        numbers(result(compact, photo, mask=mask.convert(mode)).picture)
        for mode in ("L", "RGB", "1")
    ]
    for picture in pictures:
        difference = np.abs(picture - numbers(photo))
        assert difference[:, 36:].max() < 1e-6
        assert difference[:, :28].mean() > 0.005
    # What cannot be seen of a mask is not painted.
    clear = left((40, 30), (255,) * 4, (255, 255, 255, 0), "RGBA")
    assert np.array_equal(numbers(result(compact, photo, mask=clear).picture), pictures[0])


def test_cores_are_no_more_than_what_is_asked_for_and_nonsense_stops_nothing(monkeypatch):
    def cores(asked: str) -> int:
        monkeypatch.setenv("OMP_NUM_THREADS", asked)
        hardware.cores.cache_clear()
        return hardware.cores()

    every = cores("100000")
    assert every >= 1
    assert cores("1") == cores("1,4") == cores(" 1 ") == 1
    for nonsense in ("", "many", "0", "-3"):
        assert 1 <= cores(nonsense) <= every
    hardware.cores.cache_clear()


@pytest.mark.slow
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has these options")
def test_freed_memory_is_handed_out_again_without_the_system():
    """A block below glibc's usual 128 kB to 32 MB, freed and asked for again, costs no page."""
    program = (
        "import resource, torch; from nst.hardware import use_machine; use_machine()\n"
        "faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "def turn():\n"
        "    before = faults()\n"
        "    x = [torch.zeros(6 * 2**20) for _ in range(2)]; del x\n"
        "    return faults() - before\n"
        "print(min(turn() for _ in range(6)))"  # a busy system takes pages back now and then
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert int(done.stdout) < 100, done.stderr


def test_a_gpu_that_torch_has_no_code_for_is_left_alone(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    built = ["sm_75", "sm_80", "sm_90"]
    for codes, here, runs in (
        (built, (8, 6), True),
        ([*built, "compute_90"], (12, 0), True),  # by PTX
        ([*built, "compute_90"], (6, 1), False),
        (built, (12, 0), False),
        (["sm_100", "sm_120a"], (12, 1), True),
        (["gfx90a", "gfx942"], (9, 4), True),  # ROCm
    ):
        monkeypatch.setattr(torch.cuda, "get_arch_list", lambda codes=codes: codes)
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda here=here: here)
        hardware._is_built_for.cache_clear()
        assert hardware.pick_device().type == ("cuda" if runs else "cpu")
    hardware._is_built_for.cache_clear()


def test_precision_with_fewer_digits_has_to_be_faster_here(monkeypatch):
    for fp32, bf16, dtype in ((1.0, 0.5, torch.bfloat16), (1.0, 0.99, torch.float32)):
        seconds = {torch.float32: fp32, torch.bfloat16: bf16}
        monkeypatch.setattr(hardware, "_time_convolutions", lambda width, told=seconds: told)
        hardware.fastest_dtype.cache_clear()
        assert hardware.fastest_dtype(torch.device("cpu"), 32) == dtype
    hardware.fastest_dtype.cache_clear()
