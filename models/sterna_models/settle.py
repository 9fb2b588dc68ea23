"""Rewrites trained batch norms so that their float arithmetic rounds once, the same everywhere.

In evaluation a batch norm is ``alpha * x + beta``, but how the last bit comes out depends on the
processor (with or without fused multiply-add) and on the program (torch and onnxruntime differ). A
settled batch norm has mean 0 and a variance that makes the inverse deviation exactly 1; its weight
is ``alpha`` rounded to so few significant bits that the product with every possible accumulator is
exact in float32. What is left is one addition with one rounding: every evaluator agrees. It is done
once, after training and before any accuracy is measured, so the settled network is the network.

The module is traced with torch.fx, so batch norms may stand in branches. In front of each one must
be a linear or convolutional layer that reads codes of one quantiser, itself or through a maximum,
and all scales must be powers of two.
"""

from __future__ import annotations

from typing import Any

import brevitas.nn as qnn
import numpy as np
import torch
from torch import fx, nn

__all__ = ["settle_batch_norms"]

_MANTISSA_BITS = 24
_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)
_WEIGHTED = (qnn.QuantLinear, qnn.QuantConv1d, qnn.QuantConv2d)
_QUANTISERS = (qnn.QuantIdentity, qnn.QuantReLU)
_PASSED = (nn.Flatten, nn.Identity, nn.Dropout, nn.MaxPool1d, nn.MaxPool2d)
"""Layers behind which codes are still those of the quantiser in front."""


class _Tracer(fx.Tracer):
    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        """Layers of Brevitas are leaves, like those of torch."""
        is_brevitas = type(m).__module__.startswith("brevitas.")
        return is_brevitas or super().is_leaf_module(m, module_qualified_name)


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


def _producer(module: nn.Module, node: fx.Node) -> tuple[fx.Node, nn.Module | None]:
    """The node that a layer reads, and its layer; none if it is the input or a function."""
    (source,) = node.all_input_nodes
    is_layer = source.op == "call_module"
    return source, module.get_submodule(str(source.target)) if is_layer else None


def _largest_code(module: nn.Module, node: fx.Node) -> int:
    """The largest magnitude of the codes that a layer reads."""
    source, layer = _producer(module, node)
    while isinstance(layer, _PASSED):
        source, layer = _producer(module, source)
    if not isinstance(layer, _QUANTISERS):
        raise ValueError(
            f"Layer {node.target} in front of a batch norm must read a quantiser, not {layer!r}"
        )
    quantizer: Any = layer.act_quant
    scale = quantizer.scale()
    if not isinstance(scale, torch.Tensor) or not _is_power_of_two(scale):
        raise ValueError(f"Scale of an activation must be a power of two, not {scale}")
    bits = int(quantizer.bit_width())
    return 2 ** (bits - 1) if quantizer.is_signed else 2**bits - 1


def _accumulator_bits(linear: Any, largest_code: int) -> int:
    """Bits of the largest magnitude that an accumulator of the layer can reach."""
    weight = linear.quant_weight()
    if not _is_power_of_two(weight.scale):
        raise ValueError(
            f"Scale of a settled layer must be one power of two, not {weight.scale.tolist()!r}"
        )
    integers = torch.round(weight.value / weight.scale)
    return int(integers.abs().flatten(1).sum(dim=1).max().item() * largest_code).bit_length()


def settle_batch_norms(module: nn.Module) -> None:
    """Settles every batch norm of a trained network in place.

    ``module`` is a network of Brevitas layers in which each batch norm follows a linear layer, and
    that layer a quantiser.

    Raises
    ------
    ValueError
        If a scale is not a power of two or a batch norm does not follow such a layer.
    """
    with torch.no_grad():
        for node in _Tracer().trace(module).nodes:
            norm = module.get_submodule(str(node.target)) if node.op == "call_module" else None
            if not isinstance(norm, _NORMS):
                continue
            source, linear = _producer(module, node)
            if not isinstance(linear, _WEIGHTED):
                raise ValueError(f"Batch norm must follow a linear layer, not {linear!r}")
            bits = _accumulator_bits(linear, _largest_code(module, source))
            _settle(norm, _MANTISSA_BITS - bits)


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
