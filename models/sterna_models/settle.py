"""Rewrites trained batch norms so that their float arithmetic rounds once, the same everywhere.

In evaluation a batch norm is ``alpha * x + beta``, but how the last bit comes out depends on the
processor (with or without fused multiply-add) and on the program (torch and onnxruntime differ). A
settled batch norm has mean 0 and a variance that makes the inverse deviation exactly 1; its weight
is ``alpha`` rounded to so few significant bits that the product with every possible accumulator is
exact in float32. What is left is one addition with one rounding: every evaluator agrees. It is done
once, after training and before any accuracy is measured, so the settled network is the network.

Only plain sequences of linear and convolutional layers with power-of-two scales can be settled.
"""

from __future__ import annotations

from typing import Any

import brevitas.nn as qnn
import numpy as np
import torch
from torch import nn

__all__ = ["settle_batch_norms"]

_MANTISSA_BITS = 24


def _round_significant(values: np.ndarray, bit_count: int) -> np.ndarray:
    """Values rounded to ``bit_count`` significant bits, as float32."""
    mantissas, exponents = np.frexp(values.astype(np.float64))
    return np.ldexp(np.round(np.ldexp(mantissas, bit_count)), exponents - bit_count).astype(
        np.float32
    )


def _unit_variance(eps: float) -> np.float32:
    """The float32 variance v for which v + eps is exactly 1."""
    variance = np.float32(1) - np.float32(eps)
    for candidate in (variance, np.nextafter(variance, np.float32(2)), np.nextafter(variance, 0)):
        if np.float32(candidate) + np.float32(eps) == np.float32(1):
            return np.float32(candidate)
    raise ValueError(f"Epsilon of a batch norm must let variance + epsilon be 1, not {eps!r}")


def _is_power_of_two(scale: torch.Tensor) -> bool:
    return scale.numel() == 1 and float(np.frexp(float(scale))[0]) == 0.5


def _accumulator_bits(linear: qnn.QuantLinear | qnn.QuantConv2d, largest_code: int) -> int:
    """Bits of the largest magnitude that an accumulator of the layer can reach."""
    weight = linear.quant_weight()
    if not _is_power_of_two(weight.scale):
        raise ValueError(
            f"Scale of a settled layer must be one power of two, not {weight.scale.tolist()!r}"
        )
    integers = torch.round(weight.value / weight.scale)
    return int(integers.abs().flatten(1).sum(dim=1).max().item() * largest_code).bit_length()


def settle_batch_norms(module: nn.Sequential) -> None:
    """Settles every batch norm of a trained network in place.

    ``module`` is a sequence of Brevitas layers in which each batch norm follows a linear layer.

    Raises
    ------
    ValueError
        If a scale is not a power of two or a batch norm does not follow a linear layer.
    """
    largest_code, previous = 0, None
    with torch.no_grad():
        for layer in module:
            if isinstance(layer, (qnn.QuantIdentity, qnn.QuantReLU)):
                quantizer: Any = layer.act_quant
                scale = quantizer.scale()
                if not isinstance(scale, torch.Tensor) or not _is_power_of_two(scale):
                    raise ValueError(f"Scale of an activation must be a power of two, not {scale}")
                bits = int(quantizer.bit_width())
                largest_code = 2 ** (bits - 1) if quantizer.is_signed else 2**bits - 1
            elif isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
                if not isinstance(previous, qnn.QuantLinear | qnn.QuantConv2d):
                    raise ValueError(f"Batch norm must follow a linear layer, not {previous!r}")
                _settle(layer, _MANTISSA_BITS - _accumulator_bits(previous, largest_code))
            previous = layer


def _settle(norm: nn.BatchNorm1d | nn.BatchNorm2d, significant_bits: int) -> None:
    if norm.running_mean is None or norm.running_var is None:
        raise ValueError("Batch norm must keep running statistics, not compute them by batch")
    if significant_bits < 4:
        raise ValueError(f"Batch norm must keep 4 significant bits or more, not {significant_bits}")
    mean = norm.running_mean.double().numpy()
    deviation = np.sqrt(norm.running_var.double().numpy() + norm.eps)
    alpha = _round_significant(norm.weight.double().numpy() / deviation, significant_bits)
    beta = norm.bias.double().numpy() - mean * alpha.astype(np.float64)
    norm.weight.copy_(torch.from_numpy(alpha))
    norm.bias.copy_(torch.from_numpy(beta.astype(np.float32)))
    norm.running_mean.zero_()
    norm.running_var.fill_(float(_unit_variance(norm.eps)))
