"""The convolutions of MobileFaceNet, which were taught to tell people apart, as the beginning of another network.

The weights are those of `pipit.training.mobilefacenet`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from pipit.errors import InvalidInput
from pipit.training.mobilefacenet import FEATURES, STAGES, STEM, read_weights
from torch import Tensor, nn

_HEAD = ("linear7", "linear1")
"""What makes the embedding of a person, and is left out."""


class MobileFaceNet(nn.Module):
    """Faces, RGB, (x - 127.5) / 128, (n, 3, height, width), to features (n, 512, height / 16, width / 16).

    It was taught with 112 x 96. Layers bear the names of the published weights.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = _Convolution(3, STEM, 3, stride=2)
        self.dw_conv1 = _Convolution(STEM, STEM, 3, groups=STEM)
        blocks: list[nn.Module] = []
        channels = STEM
        for expansion, wide, count, stride in STAGES:
            for number in range(count):
                blocks.append(_Bottleneck(channels, wide, 1 if number else stride, expansion))
                channels = wide
        self.blocks = nn.Sequential(*blocks)
        self.conv2 = _Convolution(channels, FEATURES, 1)

    def forward(self, faces: Tensor) -> Tensor:
        """See `torch.nn.Module`."""
        features: Tensor = self.conv2(self.blocks(self.dw_conv1(self.conv1(faces))))
        return features


def load_pretrained(network: MobileFaceNet, path: Path) -> None:
    """Puts the published weights into it. Raises InvalidInput for a file with others."""
    weights = {name: torch.from_numpy(values) for name, values in read_weights(path).items()}
    try:
        missing, unexpected = network.load_state_dict(
            {name: values for name, values in weights.items() if name.partition(".")[0] not in _HEAD}, strict=False
        )
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise InvalidInput(f"{path} holds no weights of MobileFaceNet: {reason}; fetch it again") from error
    lost = [name for name in missing if not name.endswith("num_batches_tracked")]
    if lost or unexpected:
        name = (lost or unexpected)[0]
        raise InvalidInput(f"{path} holds no weights of MobileFaceNet: {name} does not fit; fetch it again")


class _PReLU(nn.PReLU):
    """The same function; its gradient takes half the time. PyTorch's own is not vectorised on a processor."""

    def forward(self, value: Tensor) -> Tensor:
        if not self.training:
            return super().forward(value)
        result: Tensor = _VectorisedPReLU.apply(value, self.weight)  # type: ignore[no-untyped-call]
        return result


class _VectorisedPReLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, value: Tensor, slope: Tensor) -> Tensor:
        ctx.save_for_backward(value, slope)
        return nn.functional.prelu(value, slope)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        (gradient,) = gradients
        value, slope = ctx.saved_tensors
        positive = torch.ops.aten.threshold_backward(gradient, value, 0.0)
        negative = gradient - positive
        of_value = torch.addcmul(positive, negative, slope.view(1, -1, 1, 1))
        return of_value, negative.mul_(value).sum(dim=(0, 2, 3))


class _Convolution(nn.Module):
    """Convolution, batch norm, PReLU."""

    def __init__(self, before: int, after: int, size: int, *, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(before, after, size, stride, size // 2, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(after)
        self.prelu = _PReLU(after)

    def forward(self, value: Tensor) -> Tensor:
        result: Tensor = self.prelu(self.bn(self.conv(value)))
        return result


class _Bottleneck(nn.Module):
    """Widened, convolved channel by channel, narrowed; added to what came in where the shape allows."""

    def __init__(self, before: int, after: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = before * expansion
        self._shortcut = stride == 1 and before == after
        self.conv = nn.Sequential(
            nn.Conv2d(before, wide, 1, bias=False),
            nn.BatchNorm2d(wide),
            _PReLU(wide),
            nn.Conv2d(wide, wide, 3, stride, 1, groups=wide, bias=False),
            nn.BatchNorm2d(wide),
            _PReLU(wide),
            nn.Conv2d(wide, after, 1, bias=False),
            nn.BatchNorm2d(after),
        )

    def forward(self, value: Tensor) -> Tensor:
        result: Tensor = self.conv(value)
        return value + result if self._shortcut else result
