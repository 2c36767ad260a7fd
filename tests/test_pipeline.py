"""The pipeline: which encoder paints, what the visitor is told, and pictures in and out."""

import platform
import subprocess
import sys
import threading

import gradio.media
import numpy as np
import pytest
import torch
from PIL import Image

from nst import hardware
from nst import pipeline as pipeline
from nst import weights as weighted
from nst.engine.encoders import Encoder
from nst.errors import WeightsUnavailable
from nst.pictures.images import fit, open_photo
from nst.pipeline import Pipeline, open_pipeline
from nst.published import RECIPES, get_recipe
from nst.recipe import Recipe
from nst.weights import build_encoder

# Local statistics want more steps than these to settle.
QUICK = Recipe(encoder="compact", size=64, scales=1, steps=3, local_weight=0)
VGG_BLOCKS = ((4, 4), (4, 4), (4,) * 4, (4,) * 4, (4,) * 4)
GONE = "The Hugging Face Hub does not answer."


def lion(width: int = 96) -> Image.Image:
    photo = fit(open_photo(gradio.media.get_image("lion.jpg")), width)
    return photo.crop((0, 0, width, width * 3 // 4))


@pytest.fixture
def machine(monkeypatch):
    """A machine to set up: a GPU or none, VGGs cached or not, and what is built on it."""

    class Machine:
        def __init__(self) -> None:
            self.gpu, self.cached, self.offline = False, set(), False
            self.built: list[tuple[str, str | None]] = []

        def load(self, name) -> None:
            if self.offline or name not in self.cached:
                raise WeightsUnavailable(GONE)

        def build(self, name, pooling, dtype, device, download) -> Encoder:
            assert not download
            if name != "compact" and (self.offline or name not in self.cached):
                raise WeightsUnavailable(GONE)
            self.built.append((name, pooling))
            return Encoder(name, VGG_BLOCKS, pooling or "max")

    here = Machine()
    monkeypatch.setattr(
        pipeline, "pick_device", lambda: torch.device("cuda" if here.gpu else "cpu")
    )
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


# Which encoder, and why


def test_auto_is_the_compact_encoder_without_a_gpu(machine):
    machine.cached = {"vgg16", "vgg19"}
    found = open_pipeline(Recipe(encoder="auto"))
    assert found.encoder.name == "compact"
    assert "no GPU" in found.reason


def test_auto_is_the_compact_encoder_on_an_apple_gpu_which_is_not_denied(machine, monkeypatch):
    monkeypatch.setattr(pipeline, "pick_device", lambda: torch.device("mps"))
    name, reason = pipeline.choose_encoder(Recipe(encoder="auto"))
    assert name == "compact"
    assert "Apple GPU" in reason
    assert "no GPU" not in reason


def test_auto_is_vgg19_on_a_gpu_that_has_its_weights(machine):
    machine.gpu, machine.cached = True, {"vgg19"}
    found = open_pipeline(Recipe(encoder="auto"))
    assert found.encoder.name == "vgg19"
    assert "GPU" in found.reason


def test_auto_is_the_compact_encoder_on_a_gpu_until_the_weights_are_there(machine):
    machine.gpu = True
    found = open_pipeline(Recipe(encoder="auto"))
    assert found.encoder.name == "compact"
    assert "VGG-19 is not on this machine yet" in found.reason


@pytest.mark.parametrize("name", ["compact", "vgg16", "vgg19"])
def test_encoder_asked_for_by_name_needs_no_reason(machine, name):
    machine.cached = {"vgg16", "vgg19"}
    found = open_pipeline(Recipe(encoder=name))
    assert (found.encoder.name, found.reason) == (name, "")


def test_vgg_that_is_not_here_is_stood_in_for_at_once_and_the_reason_says_so(machine):
    found = open_pipeline(get_recipe("ghorpade-vgg16"))
    assert found.encoder.name == "compact"
    assert found.reason == "VGG-16 is not on this machine yet."


def test_cached_vgg_that_cannot_be_read_is_stood_in_for_with_the_reason(machine):
    machine.cached, machine.offline = {"vgg19"}, True
    found = open_pipeline(get_recipe("lodaya"))
    assert (found.encoder.name, found.reason) == ("compact", GONE)


def test_strict_asks_for_the_vgg_or_raises(machine):
    with pytest.raises(WeightsUnavailable, match="does not answer"):
        open_pipeline(get_recipe("lodaya"), strict=True)
    machine.cached = {"vgg19"}
    assert open_pipeline(get_recipe("lodaya"), strict=True).encoder.name == "vgg19"


def test_a_download_keeps_nobody_from_painting(machine, monkeypatch):
    asked, arrived = threading.Event(), threading.Event()

    def load(name) -> None:
        asked.set()
        assert arrived.wait(60)
        machine.cached.add(name)

    monkeypatch.setattr(pipeline, "load_vgg", load)
    waiting = threading.Thread(
        target=open_pipeline, args=(get_recipe("lodaya"),), kwargs={"strict": True}
    )
    waiting.start()
    assert asked.wait(60)
    assert open_pipeline(Recipe(encoder="compact")).encoder.name == "compact"
    arrived.set()
    waiting.join(60)
    assert machine.built == [("compact", None), ("vgg19", "average")]


def test_missing_compact_encoder_is_never_hidden(monkeypatch):
    def gone():
        raise WeightsUnavailable("The compact encoder is damaged.")

    monkeypatch.setattr(weighted, "load_compact", gone)
    pipeline._built.cache_clear()
    with pytest.raises(WeightsUnavailable, match="damaged"):
        open_pipeline(Recipe(encoder="compact"))


def test_pooling_of_the_recipe_reaches_vgg_and_leaves_compact_alone(machine):
    machine.cached = {"vgg19"}
    for encoder in ("vgg19", "compact"):
        for pooling in ("own", "max", "average"):
            open_pipeline(Recipe(encoder=encoder, pooling=pooling, finish="off"))
    assert machine.built == [
        ("vgg19", None),
        ("vgg19", "max"),
        ("vgg19", "average"),
        ("compact", None),
    ]


def test_encoder_is_built_once_and_the_last_few_are_kept(machine):
    machine.cached = {"vgg16", "vgg19"}
    first = open_pipeline(Recipe(encoder="vgg19")).encoder
    assert open_pipeline(Recipe(encoder="vgg19", size=64)).encoder is first
    for recipe in (
        get_recipe("lodaya"),
        get_recipe("ghorpade-vgg16"),
        get_recipe("ghorpade-vgg19"),
    ):
        open_pipeline(recipe)
    assert pipeline._built.cache_info().currsize <= pipeline.KEPT_ENCODERS
    assert open_pipeline(Recipe(encoder="vgg19")).encoder is not first


def test_title_says_what_did_the_work(monkeypatch, compact):
    monkeypatch.setattr(pipeline, "device_name", lambda device: "CPU, 2 cores")
    assert compact.title == "the compact encoder on CPU, 2 cores, fp32"
    vgg = Pipeline(Encoder("vgg19", VGG_BLOCKS).bfloat16())
    assert vgg.title == "VGG-19 on CPU, 2 cores, bf16"


# Who finishes


def finishes(recipe: Recipe) -> str | None:
    finish = open_pipeline(recipe).finish
    return finish and finish.name


@pytest.mark.parametrize("gpu", [False, True])
def test_vgg19_finishes_for_the_compact_encoder_where_its_weights_are(machine, gpu):
    machine.gpu = gpu
    assert finishes(Recipe(encoder="compact")) is None
    machine.cached = {"vgg19"}
    assert finishes(Recipe(encoder="compact")) == "vgg19"
    assert finishes(Recipe(encoder="vgg19")) is None
    assert finishes(Recipe(encoder="compact", finish="off")) is None
    assert open_pipeline(Recipe(encoder="compact")).reason == ""


@pytest.mark.parametrize("name", [name for name in RECIPES if name != "default"])
def test_nobody_finishes_a_published_recipe(machine, name):
    machine.cached = {"vgg19"}
    assert finishes(get_recipe(name).replace(encoder="compact", size=128)) is None


def test_no_network_is_loaded_to_finish_no_step(machine):
    machine.cached = {"vgg19"}
    for none in ({"finish_share": 0}, {"finish_share": 0.005}, {"steps": 3}):
        assert finishes(Recipe(encoder="compact", **none)) is None
    assert finishes(Recipe(encoder="compact", size=128, steps=3)) == "vgg19"


def test_finish_asked_for_by_name_that_is_not_here_is_told_in_a_sentence(machine):
    wanted = Recipe(encoder="compact", finish="vgg19")
    found = open_pipeline(wanted)
    assert found.finish is None
    assert found.reason == "VGG-19 cannot finish: it is not on this machine yet."
    with pytest.raises(WeightsUnavailable, match="does not answer"):
        open_pipeline(wanted, strict=True)
    machine.cached = {"vgg19"}
    assert open_pipeline(wanted, strict=True).finish.name == "vgg19"


def test_finish_that_cannot_be_read_is_told_and_the_painting_goes_on(machine):
    machine.cached, machine.offline = {"vgg19"}, True
    found = open_pipeline(Recipe(encoder="compact"))
    assert (found.encoder.name, found.finish) == ("compact", None)
    assert found.reason == f"VGG-19 cannot finish: {GONE}"


def test_credit_says_who_finished_once_it_has(monkeypatch, compact):
    monkeypatch.setattr(pipeline, "device_name", lambda device: "CPU, 2 cores")
    both = Pipeline(compact.encoder, finish=Encoder("vgg19", VGG_BLOCKS).requires_grad_(False))
    recipe = QUICK.replace(size=128, scales=2, steps=10, finish_share=0.3)
    *_, last = both.paint(lion(), [lion()], recipe, every=None)
    assert both.credit(last) == "the compact encoder, finished by VGG-19, on CPU, 2 cores, fp32"
    *_, last = both.paint(lion(), [lion()], recipe.replace(finish_share=0), every=None)
    assert both.credit(last) == both.title


# Which layers stand in


def test_nothing_stands_in_for_vggs_own_layers_or_the_default_recipe(compact):
    vgg = Pipeline(Encoder("vgg19", VGG_BLOCKS))
    assert vgg.substitutes(get_recipe("lodaya")) == ""
    assert vgg.substitutes(get_recipe("lodaya").replace(content_layer="block5_conv4")) == ""
    assert compact.substitutes(get_recipe("default")) == ""


@pytest.mark.parametrize(
    ("name", "wanted", "pairs"),
    [
        ("ghorpade-vgg16", "VGG-16", ["relu4_2 for relu4_3"]),
        ("ghorpade-vgg19", "VGG-19", ["relu4_2 for relu4_3"]),
        ("keras-tv", "VGG-19", ["relu5_1 for relu5_2"]),
        ("tf-keras", "VGG-19", ["relu5_1 for relu5_2"]),
        ("lodaya", "VGG-19", []),
        ("five-minute", "VGG-19", []),
    ],
)
def test_layers_that_stand_in_for_a_published_recipes_are_named(compact, name, wanted, pairs):
    sentence = compact.substitutes(get_recipe(name))
    assert sentence.startswith(f"The compact encoder stands in for {wanted}")
    for pair in pairs:
        assert pair in sentence
    assert sentence.count(" for relu") == len(pairs)


def test_layers_before_their_relu_are_named_too(compact):
    recipe = get_recipe("lodaya").replace(
        style_layers=("conv1_1", "relu2_2"), style_layer_weights=(1, 1), content_layer="conv4_2"
    )
    sentence = compact.substitutes(recipe)
    for pair in ("relu4_2 for conv4_2", "relu1_1 for conv1_1", "relu2_1 for relu2_2"):
        assert pair in sentence


@pytest.mark.parametrize("encoder", ["compact", "auto"])
def test_no_layer_is_replaced_silently(compact, encoder):
    recipe = Recipe(encoder=encoder, content_layer="relu3_2")
    assert compact.encoder.resolve_layer("relu3_2", "content") == "relu3_1"
    assert "relu3_1 for relu3_2" in compact.substitutes(recipe)


# Pictures in, pictures out


def numbers(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture) / 255


def result(compact: Pipeline, photo: Image.Image, **rest):
    for step in compact.paint(photo, [lion().rotate(90, expand=True)], QUICK, every=None, **rest):
        final = step
    return final


def test_photo_is_painted_at_the_recipes_size(compact):
    for photo in (lion(96), lion(48)):
        step = result(compact, photo)
        assert step.size == (48, 64)
        assert (step.picture.mode, step.picture.size) == ("RGB", (64, 48))
        painted = step.canvas.picture[0].permute(1, 2, 0).numpy()
        np.testing.assert_allclose(numbers(step.picture), painted, atol=0.51 / 255)


def test_photo_keeps_its_transparency(compact):
    photo = lion()
    alpha = Image.linear_gradient("L").resize(photo.size)
    photo.putalpha(alpha)
    picture = result(compact, photo).picture
    assert (picture.mode, picture.size) == ("RGBA", (64, 48))
    expected = np.asarray(alpha.resize(picture.size), float)
    assert np.abs(np.asarray(picture.getchannel("A")) - expected).max() <= 2


def test_a_transparent_photo_is_not_composited_at_every_picture(compact, monkeypatch):
    composited = []

    def watched(image, ground, alpha):
        composited.append(image.size)
        return composite(image, ground, alpha)

    composite = Image.composite
    monkeypatch.setattr(Image, "composite", watched)
    photo = lion()
    photo.putalpha(Image.linear_gradient("L").resize(photo.size))
    result(compact, photo)
    assert composited == [(64, 48)] * 2  # for the instant painter, and for the engine


def test_what_lies_under_transparent_pixels_is_of_no_account(compact):
    def with_colour(colour: tuple[int, int, int]) -> Image.Image:
        photo = lion()
        photo.paste(colour, (0, 0, 30, 72))
        alpha = Image.new("L", photo.size, 255)
        alpha.paste(0, (0, 0, 30, 72))
        photo.putalpha(alpha)
        return photo

    black, pink = (
        numbers(result(compact, with_colour(colour)).picture)[:, 28:, :3]
        for colour in ((0, 0, 0), (255, 0, 255))
    )
    # The edge itself mixes both colours when the photo is made smaller.
    assert np.abs(black - pink).mean() < 0.02


def test_what_cannot_be_seen_of_a_mask_is_not_painted(compact):
    mask = Image.new("RGBA", (64, 48), (255, 255, 255, 0))
    mask.paste((255, 255, 255, 255), (0, 0, 32, 48))
    left = Image.new("L", (64, 48))
    left.paste(255, (0, 0, 32, 48))
    pictures = [numbers(result(compact, lion(), mask=m).picture) for m in (mask, left)]
    assert np.array_equal(*pictures)


@pytest.mark.parametrize("mode", ["L", "RGB", "1"])
def test_mask_is_white_where_to_paint_and_of_any_size(compact, mode):
    mask = Image.new("L", (40, 30))
    mask.paste(255, (0, 0, 20, 30))
    photo = lion(64)
    picture = numbers(result(compact, photo, mask=mask.convert(mode)).picture)
    difference = np.abs(picture - numbers(photo))
    assert difference[:, 36:].max() < 1e-6
    assert difference[:, :28].mean() > 0.005


def test_start_is_a_picture_or_a_canvas(compact):
    first = result(compact, lion())
    again = result(compact, lion(), start=first.picture)
    on = result(compact, lion(), start=first.canvas)
    assert on.canvas.steps == first.canvas.steps + on.total
    assert again.losses.total < first.losses.total
    assert on.losses.total < first.losses.total


# The machine


@pytest.fixture
def cores(monkeypatch):
    def count(asked: str | None) -> int:
        monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
        if asked is not None:
            monkeypatch.setenv("OMP_NUM_THREADS", asked)
        hardware.cores.cache_clear()
        return hardware.cores()

    yield count
    hardware.cores.cache_clear()


def test_cores_are_no_more_than_what_is_asked_for(cores):
    every = cores(None)
    assert every >= 1
    assert cores("1") == 1
    assert cores("1,4") == 1
    assert cores("100000") == every


@pytest.mark.parametrize("asked", ["", "many", "0", "-3", " 1 "])
def test_nonsense_about_cores_stops_nothing(cores, asked):
    assert cores(asked) >= 1


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has these options")
def test_freed_memory_is_handed_out_again_without_the_system():
    """A block below glibc's usual 128 kB to 32 MB, freed and asked for again, costs no page."""
    program = (
        "import resource, torch; from nst.hardware import use_machine; use_machine()\n"
        "faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "for turn in range(4):\n"
        "    before = faults()\n"
        "    x = [torch.zeros(6 * 2**20) for _ in range(8)]; del x\n"
        "print(faults() - before)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert int(done.stdout) < 100, done.stderr


@pytest.mark.parametrize("library", [object(), None])
def test_another_c_library_stops_nothing(monkeypatch, library):
    def load(name: None) -> object:
        if library is None:
            raise OSError("no library")
        return library

    monkeypatch.setattr(hardware.ctypes, "CDLL", load)
    hardware._keep_freed_memory.__wrapped__()
    hardware.use_machine()
    assert torch.get_num_threads() == hardware.cores()


@pytest.mark.parametrize(
    ("built", "here", "runs"),
    [
        (["sm_75", "sm_80", "sm_90", "compute_90"], (8, 6), True),
        (["sm_75", "sm_80", "sm_90", "compute_90"], (12, 0), True),  # by PTX
        (["sm_75", "sm_80", "sm_90", "compute_90"], (6, 1), False),
        (["sm_75", "sm_80", "sm_90"], (12, 0), False),
        (["sm_100", "sm_120a"], (12, 1), True),
        (["gfx90a", "gfx942"], (9, 4), True),  # ROCm
        ([], (9, 0), True),
    ],
)
def test_a_gpu_that_torch_has_no_code_for_is_left_alone(monkeypatch, built, here, runs):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_arch_list", lambda: built)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: here)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    hardware._is_built_for.cache_clear()
    assert hardware.pick_device().type == ("cuda" if runs else "cpu")
    hardware._is_built_for.cache_clear()


@pytest.mark.parametrize(
    ("fp32", "bf16", "dtype"),
    [(1.0, 0.5, torch.bfloat16), (1.0, 0.99, torch.float32), (0.5, 1.0, torch.float32)],
)
def test_precision_with_fewer_digits_has_to_be_faster_here(monkeypatch, fp32, bf16, dtype):
    seconds = {torch.float32: fp32, torch.bfloat16: bf16}
    monkeypatch.setattr(hardware, "_time_convolutions", lambda width: seconds)
    hardware.fastest_dtype.cache_clear()
    assert hardware.fastest_dtype(torch.device("cpu"), 32) == dtype
    hardware.fastest_dtype.cache_clear()
