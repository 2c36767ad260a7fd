"""The encoders against torchvision and a float64 convolution: names, cut, pooling, reach."""

import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from small import initialised, lion
from torch import Tensor, nn
from torchvision.models import get_model
from torchvision.transforms.functional import normalize

from nst import weights as weighted
from nst.engine.encoders import Encoder
from nst.errors import BadInput
from nst.recipe import layer_name
from nst.weights import build_encoder

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
COMPACT = ((2,), (3,) * 2, (4,) * 3, (5,) * 3, (6,) * 3)
VGG19 = ((2,) * 2, (3,) * 2, (4,) * 4, (5,) * 4, (6,) * 4)
SHALLOW = ((4, 5), (6, 3), (7, 2, 5))
WIDTHS = (64, 128, 256, 512, 512)  # of VGG's blocks
STYLE = [f"relu{block}_1" for block in range(1, 6)]


def random_encoder(blocks, pooling="max", padding="zeros") -> Encoder:
    return initialised(Encoder("tiny", blocks, pooling, padding=padding), seed=0)


def noise(height: int, width: int) -> Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(0))


def layers_of(encoder: Encoder) -> list[str]:
    return [kind + name[4:] for name in encoder.convs for kind in ("conv", "relu")]


def assert_near(found: Tensor, expected: Tensor) -> None:
    near = 1e-5 * float(expected.abs().max())
    torch.testing.assert_close(found.to(expected), expected, rtol=0, atol=near)


@pytest.mark.parametrize("name", ["vgg16", "vgg19"])
def test_vgg_is_torchvisions_frozen_and_in_the_precision_asked_for(name, monkeypatch):
    with torch.device("meta"):
        features = get_model(name, weights=None).features
    features = features.to_empty(device="cpu").requires_grad_(False)
    torch.manual_seed(1)
    for parameter in features.parameters():
        nn.init.normal_(parameter, std=(2 / max(9, parameter[0].numel())) ** 0.5)
    weights = {f"features.{key}": tensor for key, tensor in features.state_dict().items()}
    monkeypatch.setattr(weighted, "load_vgg", lambda name, download: weights)
    image = noise(48, 64)
    for pooling in (None, "max", "average"):
        encoder = build_encoder(name, pooling)
        found, x = encoder(image, layers_of(encoder)), normalize(image, MEAN, STD)
        layers = iter(layers_of(encoder))
        for module in features:
            if isinstance(module, nn.MaxPool2d):
                x = F.avg_pool2d(x, 2) if pooling == "average" else module(x)
            else:
                x = module(x) if isinstance(module, nn.Conv2d) else x.relu()
                assert_near(found.pop(next(layers)), x)
        assert not found
    encoder = build_encoder(name, dtype=torch.bfloat16)
    assert not encoder.training
    assert not any(parameter.requires_grad for parameter in encoder.parameters())
    assert encoder(image, ["relu2_1"])["relu2_1"].dtype == encoder.dtype == torch.bfloat16


def test_nothing_deeper_than_the_deepest_layer_asked_for_is_computed():
    encoder, called = random_encoder(VGG19), []
    for name, conv in encoder.convolutions.items():
        conv.register_forward_hook(lambda *_, name=name: called.append(name))
    for asked, deepest in {
        "relu1_1": 1,
        "relu3_2 relu1_2": 6,
        "relu5_1 relu1_1 relu4_2": 13,
        "relu5_4": 16,
    }.items():
        called.clear()
        assert encoder(noise(32, 32), asked.split()).keys() == set(asked.split())
        assert called == list(encoder.convs)[:deepest]


def test_layer_goes_by_the_fields_names_and_what_there_is_not_is_refused():
    vgg16 = Encoder("vgg16", ((1, 1), (1, 1), (1,) * 3, (1,) * 3, (1,) * 3))
    for name, layer in {
        "relu4_2": "relu4_2",
        "conv5_3": "conv5_3",
        "block4_conv2": "relu4_2",
    }.items():
        assert layer_name(name) == vgg16.resolve_layer(name, "content") == layer
    for name in " relu relu6_1 relu0_1 relu1_0 relu1_5 pool4 block4_relu2 21".split(" "):
        with pytest.raises(BadInput, match="relu4_2, conv4_2 or block4_conv2"):
            layer_name(name)
    with pytest.raises(BadInput, match="vgg16 has no layer relu4_4; its last is conv5_3"):
        vgg16.resolve_layer("relu4_4", "style")


def test_compact_encoder_stands_in_by_block_and_role():
    encoder = build_encoder("compact")
    for role, asked, layer in (
        ("content", "relu4_3 block4_conv2", "relu4_2"),
        ("content", "relu3_2", "relu3_1"),
        ("content", "relu5_2", "relu5_1"),
        ("style", "relu4_2", "relu4_1"),
        ("style", "block5_conv1", "relu5_1"),
    ):
        assert {encoder.resolve_layer(name, role) for name in asked.split()} == {layer}
        # Which it has learned from VGG, in whose space and width it is compared.
        assert encoder.teacher_layer(layer) == layer
        width = encoder.blocks[int(layer[4]) - 1][int(layer[6]) - 1]
        assert encoder.projections[layer].shape[1] == width + 1
        assert encoder.channels(layer) == WIDTHS[int(layer[4]) - 1]


def test_shape_of_the_compact_encoder_is_what_its_file_says(monkeypatch):
    blocks = ((4,), (5, 5), (6,) * 3, (7,) * 3, (8,) * 3)
    answers = {"relu1_1": 4, "relu2_2": 5, "relu3_3": 6, "relu4_2": 7, "relu5_3": 8, "relu4_3": 7}
    shape = {"pooling": "max", "padding": "picture", "content_layer": "relu4_3"}
    told = random_encoder(blocks)
    tensors = {f"convs.{k}": t for k, t in told.convs.state_dict().items()}
    tensors |= {f"lifts.{layer}": torch.rand(3, c + 1) for layer, c in answers.items()}
    shape["blocks"] = json.dumps(blocks)
    monkeypatch.setattr(weighted, "load_compact", lambda: (tensors, shape))
    encoder = build_encoder("compact")
    assert (encoder.blocks, encoder.pooling, encoder.padding) == (blocks, "max", "picture")
    for layer, width in zip(STYLE, WIDTHS, strict=True):
        mine = encoder.resolve_layer(layer, "style")
        assert mine in answers
        assert (encoder.teacher_layer(mine), encoder.channels(mine)) == (layer, width)
    assert encoder.resolve_layer("relu4_2", "content") == "relu4_3"
    assert encoder.teacher_layer("relu4_3") == "relu4_2"
    assert encoder.channels("relu2_1") == 5  # which stands for nothing


def test_normalisation_and_lifts_stay_exact_in_another_precision():
    lift = torch.randn(6, 5)
    encoder = Encoder("tiny", SHALLOW, projections={"relu1_1": lift}).bfloat16()
    assert torch.equal(encoder.projections["relu1_1"], lift)
    for found, exact in ((encoder.mean, MEAN), (encoder.std, STD)):
        np.testing.assert_allclose(found.flatten(), exact, rtol=1e-7)


def test_compact_encoder_in_bf16_is_within_3_percent_of_fp32():
    layers = [*STYLE, "relu4_2"]
    exact, rounded = (
        build_encoder("compact", dtype=dtype)(lion(128), layers)
        for dtype in (torch.float32, torch.bfloat16)
    )
    for layer in layers:
        assert rounded[layer].dtype == torch.bfloat16
        error = (rounded[layer].float() - exact[layer]).norm() / exact[layer].norm()
        assert error < 0.03, layer


@pytest.mark.parametrize("padding", ["zeros", "picture"])
@pytest.mark.parametrize("pooling", ["max", "average"])
@pytest.mark.parametrize("blocks", [VGG19, COMPACT], ids=["vgg19", "compact"])
def test_pixels_beyond_the_reach_leave_a_position_as_it_is(blocks, pooling, padding):
    encoder = random_encoder([[len(block) + 1] * len(block) for block in blocks], pooling, padding)
    layers, image = layers_of(encoder), noise(32, 400)
    before = encoder(image, layers)
    for layer in layers:
        stride, reach = encoder.stride(layer), encoder.receptive_radius(layer)
        assert before[layer].shape[2:] == (32 // stride, 400 // stride)
        position, changed = 200 // stride, 1 - image
        own = slice(position * stride - reach, (position + 1) * stride + reach)
        assert 0 < own.start < own.stop < 400
        changed[..., own] = image[..., own]
        pair = (features[layer][..., position] for features in (encoder(changed, [layer]), before))
        torch.testing.assert_close(*pair, rtol=0, atol=1e-6)


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
        left, right = position * stride - int(seen[0]), int(seen[-1]) + 1 - (position + 1) * stride
        assert max(left, right) <= encoder.receptive_radius(layer) < max(left, right) + stride + 1


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("pooling", [F.max_pool2d, F.avg_pool2d])
def test_pooling_goes_back_as_torchs_own_does_and_keeps_no_indices(pooling, dtype):
    """bf16 has few digits, so that several of the four are often the largest."""
    name = "max" if pooling is F.max_pool2d else "average"
    encoder, kept = Encoder("tiny", [[4], [4]], name).to(dtype), []
    first, second = encoder.convolutions.values()
    hooks = torch.autograd.graph.saved_tensors_hooks(
        lambda t: kept.append(t.dtype) or t, lambda t: t
    )
    for size in ((8, 6), (7, 6), (8, 5), (23, 30)):
        ours, plain = (noise(*size).requires_grad_() for _ in range(2))
        with hooks:
            found = encoder(ours, ["conv2_1"])["conv2_1"]
        normal = ((plain - encoder.mean) / encoder.std).to(dtype)
        expected = second(pooling(first(normal).relu(), 2))
        (found.float().square().sum() + expected.float().square().sum()).backward()
        torch.testing.assert_close(found, expected)
        torch.testing.assert_close(ours.grad, plain.grad)
    assert kept
    assert torch.int64 not in kept
