"""The encoders against torchvision and a float64 convolution: names, cut, pooling, reach."""

import json
from collections.abc import Iterator
from pathlib import Path

import gradio.media
import numpy as np
import pytest
import torch
import torch.nn.functional as F
import torchvision
from numpy.lib.stride_tricks import sliding_window_view
from safetensors.torch import load_file
from torch import Tensor, nn

from nst import weights as weighted
from nst.engine.encoders import Encoder, load_features
from nst.errors import BadInput, WeightsUnavailable
from nst.pictures.images import fit, open_photo, to_tensor
from nst.recipe import layer_name
from nst.weights import build_encoder

MEAN = np.array([0.485, 0.456, 0.406]).reshape(3, 1, 1)
STD = np.array([0.229, 0.224, 0.225]).reshape(3, 1, 1)
COMPACT = ((2,), (3,) * 2, (4,) * 3, (5,) * 3, (6,) * 3)
VGG19 = ((2,) * 2, (3,) * 2, (4,) * 4, (5,) * 4, (6,) * 4)
SHALLOW = ((4, 5), (6, 3), (7, 2, 5))
REAL = "shared/data/teacher/vgg19_conv1_1_to_conv3_4.safetensors"


def random_encoder(blocks, pooling="max", padding="zeros", seed: int = 0) -> Encoder:
    torch.manual_seed(seed)
    encoder = Encoder("tiny", blocks, pooling, padding=padding)
    for conv in encoder.convolutions.values():
        # So that what reaches the deepest layer is as large as what went in.
        nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
        nn.init.uniform_(conv.bias, -0.2, 0.2)
    return encoder.requires_grad_(False)


def noise(height: int, width: int, seed: int = 0) -> Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed))


def lion(side: int) -> Tensor:
    return to_tensor(fit(open_photo(gradio.media.get_image("lion.jpg")), side))


def layers_of(encoder: Encoder) -> list[str]:
    return [kind + name[4:] for name in encoder.convs for kind in ("conv", "relu")]


def convolve(x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """3x3 over (C, H, W) with a frame of zeros, in float64."""
    around = sliding_window_view(np.pad(x, ((0, 0), (1, 1), (1, 1))), (3, 3), axis=(1, 2))
    return np.tensordot(weight, around, ([1, 2, 3], [0, 3, 4])) + bias[:, None, None]


def pooled(x: np.ndarray, pooling: str) -> np.ndarray:
    even = x[:, : x.shape[1] // 2 * 2, : x.shape[2] // 2 * 2]
    windows = even.reshape(x.shape[0], even.shape[1] // 2, 2, even.shape[2] // 2, 2)
    return windows.max((2, 4)) if pooling == "max" else windows.mean((2, 4))


def reference(encoder: Encoder, x: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """(layer, features) of a network of these weights, from what its first layer is given."""
    for name, conv in encoder.convolutions.items():
        if name.endswith("_1") and name != "conv1_1":
            x = pooled(x, encoder.pooling)
        x = convolve(x, conv.weight.double().numpy(), conv.bias.double().numpy())
        yield name, x
        x = np.maximum(x, 0)
        yield name.replace("conv", "relu"), x


def assert_near(found: Tensor, expected: np.ndarray, tolerance: float = 1e-5) -> None:
    assert tuple(found.shape[1:]) == expected.shape
    difference = np.abs(found[0].double().numpy() - expected).max()
    assert difference <= tolerance * np.abs(expected).max()


@pytest.fixture(params=["vgg16", "vgg19"])
def vgg(request, monkeypatch) -> tuple[str, nn.Sequential]:
    """A VGG's name and torchvision's own `features` with random weights, which are "loaded"."""
    with torch.device("meta"):
        features = getattr(torchvision.models, request.param)(weights=None).features
    features = features.to_empty(device="cpu").requires_grad_(False)
    torch.manual_seed(1)
    for module in features:
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            nn.init.uniform_(module.bias, -0.2, 0.2)
    weights = {f"features.{key}": tensor for key, tensor in features.state_dict().items()}
    monkeypatch.setattr(weighted, "load_vgg", lambda name, download: weights)
    return request.param, features


@pytest.mark.parametrize("pooling", ["max", "average"])
def test_vgg_computes_what_torchvisions_does_at_every_layer(vgg, pooling):
    name, features = vgg
    encoder = build_encoder(name, pooling)
    image = noise(48, 64)
    found = encoder(image, layers_of(encoder))

    x = torchvision.transforms.functional.normalize(image, MEAN.ravel(), STD.ravel())
    block, i = 1, 0
    for module in features:
        if isinstance(module, nn.MaxPool2d):
            block, i = block + 1, 0
            x = nn.functional.avg_pool2d(x, 2) if pooling == "average" else module(x)
        elif isinstance(module, nn.Conv2d):
            i += 1
            x = module(x)
            assert_near(found.pop(f"conv{block}_{i}"), x[0].double().numpy())
        else:
            x = x.relu()
            assert_near(found.pop(f"relu{block}_{i}"), x[0].double().numpy())
    assert not found


def test_vgg_pools_the_maximum_unless_told_otherwise(vgg):
    assert build_encoder(vgg[0]).pooling == "max"


def test_built_encoder_is_frozen_and_in_the_precision_asked_for(vgg):
    encoder = build_encoder(vgg[0], dtype=torch.bfloat16)
    assert not encoder.training
    assert not any(parameter.requires_grad for parameter in encoder.parameters())
    assert encoder.dtype == torch.bfloat16
    assert encoder(noise(32, 32), ["relu2_1"])["relu2_1"].dtype == torch.bfloat16


@pytest.mark.parametrize("pooling", ["max", "average"])
@pytest.mark.parametrize("size", [(24, 32), (27, 35)])
def test_features_are_those_of_a_float64_convolution(pooling, size):
    encoder = random_encoder(SHALLOW, pooling)
    image = noise(*size)
    found = encoder(image, layers_of(encoder))
    for layer, expected in reference(encoder, (image[0].double().numpy() - MEAN) / STD):
        assert_near(found.pop(layer), expected)
    assert not found


def test_layer_is_before_its_relu_or_after():
    found = random_encoder(SHALLOW)(noise(24, 24), ["conv2_2", "relu2_2"])
    assert found["conv2_2"].min() < 0
    torch.testing.assert_close(found["relu2_2"], found["conv2_2"].clamp_min(0), rtol=0, atol=0)


@pytest.mark.parametrize(
    ("asked", "deepest"),
    [
        (["relu1_1"], 1),
        (["conv2_1"], 3),
        (["relu3_2", "relu1_2"], 6),
        (["conv4_4"], 12),
        (["relu5_1", "relu1_1", "relu4_2"], 13),
        (["relu5_4"], 16),
    ],
)
def test_nothing_deeper_than_the_deepest_layer_asked_for_is_computed(asked, deepest):
    encoder = random_encoder(VGG19)
    called: list[str] = []
    for name, conv in encoder.convolutions.items():
        conv.register_forward_hook(lambda *_, name=name: called.append(name))
    assert encoder(noise(32, 32), asked).keys() == set(asked)
    assert called == list(encoder.convs)[:deepest]


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("relu4_2", "relu4_2"),
        ("conv4_2", "conv4_2"),
        ("block4_conv2", "relu4_2"),
        ("block1_conv1", "relu1_1"),
    ],
)
def test_layer_goes_by_the_fields_names(name, layer):
    assert layer_name(name) == layer


@pytest.mark.parametrize(
    "name", ["", "relu", "relu6_1", "relu0_1", "relu1_0", "relu1_5", "pool4", "block4_relu2", "21"]
)
def test_what_is_no_layer_is_refused_with_examples(name):
    with pytest.raises(BadInput, match="relu4_2, conv4_2 or block4_conv2"):
        layer_name(name)


def test_vgg_answers_for_its_own_layers_and_refuses_others(vgg):
    encoder = build_encoder(vgg[0])
    assert encoder.resolve_layer("block4_conv2", "content") == "relu4_2"
    assert encoder.resolve_layer("conv5_3", "style") == "conv5_3"
    if vgg[0] == "vgg16":
        with pytest.raises(BadInput, match="vgg16 has no layer relu4_4; its last is conv5_3"):
            encoder.resolve_layer("relu4_4", "style")


def test_compact_encoder_stands_in_by_block_and_role():
    encoder = build_encoder("compact")
    for layer, mine in {
        "relu4_3": "relu4_2", "block4_conv2": "relu4_2", "conv4_1": "relu4_1",
        "relu1_2": "relu1_1", "relu3_2": "relu3_1", "relu5_2": "relu5_1",
    }.items():  # fmt: skip
        assert encoder.resolve_layer(layer, "content") == mine
    assert encoder.resolve_layer("relu4_2", "style") == "relu4_1"
    assert encoder.resolve_layer("conv3_4", "style") == "relu3_1"
    assert encoder.resolve_layer("block5_conv1", "style") == "relu5_1"
    assert encoder.teacher_layer("relu5_1") == "relu5_1"
    assert encoder.teacher_layer("relu4_2") == "relu4_2"


def test_shape_of_the_compact_encoder_is_what_its_file_says(monkeypatch):
    widths = ((4,), (5, 5), (6,) * 3, (7,) * 3, (8,) * 3)
    answers = {"relu1_1": 4, "relu2_2": 5, "relu3_3": 6, "relu4_2": 7, "relu5_3": 8, "relu4_3": 7}
    shape = {
        "blocks": json.dumps(widths),
        "pooling": "max",
        "padding": "picture",
        "content_layer": "relu4_3",
    }
    told = random_encoder(widths)
    tensors = {f"convs.{k}": t for k, t in told.convs.state_dict().items()}
    tensors |= {f"lifts.{layer}": torch.rand(3, c + 1) for layer, c in answers.items()}
    monkeypatch.setattr(weighted, "load_compact", lambda: (tensors, shape))
    encoder = build_encoder("compact")
    assert (encoder.blocks, encoder.pooling, encoder.padding) == (widths, "max", "picture")
    for layer in (f"relu{block}_1" for block in range(1, 6)):
        mine = encoder.resolve_layer(layer, "style")
        assert mine in answers
        assert encoder.teacher_layer(mine) == layer
        assert encoder.channels(mine) == (64, 128, 256, 512, 512)[int(layer[4]) - 1]
    assert encoder.resolve_layer("relu4_2", "content") == "relu4_3"
    assert encoder.teacher_layer("relu4_3") == "relu4_2"


def test_width_in_the_formulas_is_the_layers_own_or_vggs_where_a_lift_stands_for_it():
    lifts = {"relu2_1": torch.eye(7)}
    encoder = Encoder("tiny", SHALLOW, projections=lifts)
    assert encoder.channels("relu1_2") == 5
    assert encoder.channels("relu2_1") == 128
    assert encoder.channels("conv3_3") == 5


def test_compact_encoder_lifts_every_layer_it_stands_in_with():
    encoder = build_encoder("compact")
    assert encoder.pooling == "max"
    for layer in ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1", "relu4_2"):
        width = encoder.blocks[int(layer[4]) - 1][int(layer[6]) - 1]
        assert encoder.projections[layer].shape[1] == width + 1
        assert encoder.channels(layer) == (64, 128, 256, 512, 512)[int(layer[4]) - 1]


def test_normalisation_and_lifts_stay_exact_in_another_precision():
    lift = torch.randn(6, 5)
    encoder = Encoder("tiny", SHALLOW, projections={"relu1_1": lift}).bfloat16()
    torch.testing.assert_close(encoder.projections["relu1_1"], lift, rtol=0, atol=0)
    np.testing.assert_allclose(encoder.mean[0].numpy(), MEAN, rtol=1e-7)
    np.testing.assert_allclose(encoder.std[0].numpy(), STD, rtol=1e-7)


def test_compact_encoder_in_bf16_is_within_3_percent_of_fp32():
    layers = ["relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1", "relu4_2"]
    image = lion(128)
    exact = build_encoder("compact")(image, layers)
    rounded = build_encoder("compact", dtype=torch.bfloat16)(image, layers)
    for layer in layers:
        assert rounded[layer].dtype == torch.bfloat16
        error = (rounded[layer].float() - exact[layer]).norm() / exact[layer].norm()
        assert error < 0.03, layer


@pytest.mark.parametrize("padding", ["zeros", "picture"])
@pytest.mark.parametrize("pooling", ["max", "average"])
@pytest.mark.parametrize("blocks", [VGG19, COMPACT], ids=["vgg19", "compact"])
def test_pixels_beyond_the_reach_leave_a_position_as_it_is(blocks, pooling, padding):
    encoder = random_encoder([[len(block) + 1] * len(block) for block in blocks], pooling, padding)
    layers = layers_of(encoder)
    image = noise(32, 400)
    before = encoder(image, layers)
    for layer in layers:
        stride, reach = encoder.stride(layer), encoder.receptive_radius(layer)
        position = 200 // stride
        changed = 1 - image
        own = slice(position * stride - reach, (position + 1) * stride + reach)
        assert own.start > 0
        assert own.stop < 400
        changed[..., own] = image[..., own]
        after = encoder(changed, [layer])[layer]
        torch.testing.assert_close(
            after[..., position], before[layer][..., position], rtol=0, atol=1e-6
        )


def test_reach_is_not_much_more_than_what_a_position_depends_on():
    encoder = random_encoder(VGG19, "average")
    for conv in encoder.convolutions.values():
        conv.weight.abs_()
        conv.bias.fill_(10.0)
    for layer in layers_of(encoder):
        image = noise(16, 400).requires_grad_()
        stride, position = encoder.stride(layer), 200 // encoder.stride(layer)
        features = encoder(image, [layer])[layer]
        (gradient,) = torch.autograd.grad(features[..., position].sum(), image)
        (seen,) = gradient.abs().sum((0, 1, 2)).nonzero(as_tuple=True)
        left = position * stride - int(seen[0])
        right = int(seen[-1]) + 1 - (position + 1) * stride
        assert max(left, right) <= encoder.receptive_radius(layer) < max(left, right) + stride + 1


@pytest.mark.parametrize("size", [(32, 48), (37, 83)])
def test_stride_is_the_pixels_between_positions(size):
    encoder = random_encoder(VGG19)
    for layer, features in encoder(noise(*size), layers_of(encoder)).items():
        stride = encoder.stride(layer)
        assert tuple(features.shape[2:]) == (size[0] // stride, size[1] // stride)


def test_unknown_encoder_is_refused_with_the_names_there_are():
    with pytest.raises(BadInput, match="'resnet'; choose from compact, vgg16, vgg19"):
        build_encoder("resnet")


def test_vgg_whose_weights_cannot_be_had_says_so(monkeypatch):
    def gone(name, download):
        raise WeightsUnavailable("The Hub is away.")

    monkeypatch.setattr(weighted, "load_vgg", gone)
    with pytest.raises(WeightsUnavailable, match="away"):
        build_encoder("vgg19")


def test_real_vgg_features_come_out_of_the_same_architecture():
    path = Path(__file__).resolve().parents[1].parent / REAL
    if not path.is_file():
        pytest.skip("the original VGG-19's first convolutions are not on this machine")
    weights = load_file(path)
    encoder = Encoder("vgg19", ((64,) * 2, (128,) * 2, (256,) * 4)).requires_grad_(False)
    load_features(encoder, weights)
    # These weights see BGR in 0..255 less the means of ImageNet.
    means = np.array([103.939, 116.779, 123.68])
    encoder.mean.copy_(torch.from_numpy(means / 255).view(1, 3, 1, 1))
    encoder.std.fill_(1 / 255)
    image = lion(64).flip(1)
    found = encoder(image, layers_of(encoder))
    x = 255 * image[0].double().numpy() - means.reshape(3, 1, 1)
    for layer, expected in reference(encoder, x):
        assert_near(found.pop(layer), expected)
    assert not found


@pytest.mark.parametrize("size", [(8, 6), (7, 6), (8, 5), (9, 7)])
def test_average_pooling_goes_back_as_torchs_own_does(size):
    encoder = Encoder("tiny", [[2], [2]], pooling="average")
    image = torch.rand(1, 3, *size)
    features, slopes = [], []
    for own in (False, True):
        leaf = image.clone().requires_grad_()
        if own:
            y = F.relu(encoder.convolutions["conv1_1"]((leaf - encoder.mean) / encoder.std))
            y = encoder.convolutions["conv2_1"](F.avg_pool2d(y, 2))
        else:
            y = encoder(leaf, ["conv2_1"])["conv2_1"]
        features.append(y.detach())
        slopes.append(torch.autograd.grad(y.square().sum(), leaf)[0])
    torch.testing.assert_close(*features)
    torch.testing.assert_close(*slopes)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_max_pooling_goes_back_as_torchs_own_does_and_keeps_no_indices(dtype):
    """bf16 has few digits, so that several of the four are often the largest."""
    encoder = Encoder("tiny", [[4], [4]]).to(dtype)
    image, kept = torch.rand(1, 3, 23, 30), []

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        kept.append(tensor.dtype)
        return tensor

    ours = image.clone().requires_grad_()
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        found = encoder(ours, ["conv2_1"])["conv2_1"]
    found.float().square().sum().backward()

    plain = image.clone().requires_grad_()
    normal = ((plain - encoder.mean) / encoder.std).to(dtype)
    y = F.max_pool2d(encoder.convolutions["conv1_1"](normal).relu(), 2)
    encoder.convolutions["conv2_1"](y).float().square().sum().backward()

    torch.testing.assert_close(ours.grad, plain.grad)
    assert kept
    assert torch.int64 not in kept
