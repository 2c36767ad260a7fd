"""A first student in closed form: every layer is solved for by least squares.

The first layer is learned from random weights. Every further layer answers for the teacher's layer
of its own name: it shall predict some of that layer's channels, those that tell most of all of
them, from what the student has of the layer before. So every layer makes up for what those before
it got wrong. A few minutes of this stand for hours of descent from a random start.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nst.engine.encoders import Encoder
from tools.distil.networks import Student

__all__ = ["solve_layers"]

POSITIONS = 40_000  # at which a layer is solved for
RIDGE = 1e-3  # of the mean variance
FIRST_STEPS = 400


@torch.no_grad()
def solve_layers(student: Student, teacher: Encoder, pictures: Tensor) -> None:
    """Solve the student's convolutions, shallow to deep. pictures: (N, 3, H, W) in 0..1."""
    learn_first(student.encoder, teacher, pictures)
    x = (pictures - teacher.mean) / teacher.std
    theirs, ours = x, F.pad(x, (1, 1, 1, 1), mode="reflect")
    for name, conv in student.encoder.convolutions.items():
        if name.endswith("_1") and name != "conv1_1":
            theirs, ours = F.max_pool2d(theirs, 2), F.max_pool2d(ours, 2)
        truth = in_parts(teacher.convolutions[name], theirs)
        if name != "conv1_1":
            solve(conv, ours, truth)
            ours = in_parts(conv, ours)
        else:
            ours = in_parts(lambda part, c=conv: F.conv2d(part, c.weight, c.bias), ours)
        theirs, ours = truth.relu_(), ours.relu_()


@torch.enable_grad()
def learn_first(student: Encoder, teacher: Encoder, pictures: Tensor) -> None:
    """Let the first layer's features, times some matrix, become the teacher's."""
    conv = student.convolutions["conv1_1"]
    width, wide = conv.weight.shape[0], teacher.convolutions["conv1_1"].weight.shape[0]
    head = nn.Conv2d(width, wide, 1).to(pictures.device)
    adam = torch.optim.Adam([*conv.parameters(), *head.parameters()], 5e-3)
    for step in range(FIRST_STEPS):
        for group in adam.param_groups:
            group["lr"] = 5e-3 * (1 - step / FIRST_STEPS)
        some = pictures[torch.randint(len(pictures), (8,)), :, :48, :48]
        with torch.no_grad():
            truth = teacher(some, {"relu1_1"})["relu1_1"].float()[..., 1:-1, 1:-1]
        said = head(student(some, {"relu1_1"})["relu1_1"])[..., 1:-1, 1:-1]
        loss = F.mse_loss(said, truth) / truth.var()
        adam.zero_grad()
        loss.backward()
        adam.step()


def in_parts(convolution, pictures: Tensor) -> Tensor:
    return torch.cat([convolution(part) for part in pictures.split(8)])


def solve(conv: nn.Conv2d, inputs: Tensor, truth: Tensor) -> None:
    """Set a 3x3 convolution to predict the most informative channels of `truth` from `inputs`."""
    count, _, height, width = truth.shape
    each = max(1, POSITIONS // count)
    flat = torch.stack([torch.randperm(height * width)[:each] for _ in range(count)])
    y = torch.stack([t.flatten(1)[:, p] for t, p in zip(truth, flat, strict=True)])
    y = y.transpose(1, 2).flatten(0, 1)
    chosen = most_informative(y.relu(), conv.weight.shape[0])
    padded = F.pad(inputs, (1, 1, 1, 1))
    rows, columns = flat // width, flat % width
    patches = [
        torch.stack([padded[i][:, rows[i] + dy, columns[i] + dx] for i in range(count)])
        for dy in range(3)
        for dx in range(3)
    ]
    x = torch.stack(patches, 2).permute(0, 3, 1, 2).flatten(0, 1).flatten(1)
    x = torch.cat([x, x.new_ones(len(x), 1)], 1)
    square, cross = (x.T @ x).double(), (x.T @ y[:, chosen]).double()
    square.diagonal().add_(RIDGE * square.diagonal().mean())
    found = torch.linalg.solve(square, cross).float().T
    conv.weight.copy_(found[:, :-1].reshape(conv.weight.shape))
    conv.bias.copy_(found[:, -1])


def most_informative(features: Tensor, count: int) -> Tensor:
    """Indices of the channels from which all others are told best: pivoted Cholesky's order."""
    centred = features - features.mean(0)
    left = (centred.T @ centred).double()
    chosen: list[int] = []
    for _ in range(count):
        # What each channel would explain of all that is left, were it chosen next.
        gain = left.square().sum(0) / left.diagonal().clamp_min(1e-9)
        gain[chosen] = -1
        best = int(gain.argmax())
        chosen.append(best)
        left = left - torch.outer(left[:, best], left[best]) / left[best, best].clamp_min(1e-9)
    return torch.tensor(chosen)
