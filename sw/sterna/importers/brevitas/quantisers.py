"""What layers do to activations: activation functions, and quantisers with what is fused into them.

Brevitas keeps the quantiser of an input, of an output or of an activation in a proxy, which also
holds the activation function in front of it. A quantiser is integer or binary, with a scale that
does not depend on the input; others are refused.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...source import Clip, Function, LeakyRelu, Relu, SourceBuilder
from .tensors import array

__all__ = ["REMEDY", "activation", "quantised_by"]

_FUNCTIONS = ("Sigmoid", "Tanh", "Softplus", "SiLU", "GELU", "Hardswish")
REMEDY = "use linear, conv1d, conv2d, pooling, batch norm, activations, identity and flatten"
"""What the reader of modules knows."""


def activation(builder: SourceBuilder, name: str, function: Any, value: str) -> str | None:
    """Adds an activation function; ``None`` if it is not known."""
    kind = type(function).__name__
    if kind == "Identity":
        return value
    if kind == "ReLU":
        return builder.add(name, Relu(), value)
    if kind in _FUNCTIONS:
        unlike = (getattr(function, "approximate", "none"), getattr(function, "beta", 1))
        if unlike != ("none", 1):
            return None
        return builder.add(name, Function(kind.lower()), value)
    if kind in ("LeakyReLU", "PReLU"):
        slope = function.negative_slope if kind == "LeakyReLU" else array(function.weight)
        slope = np.asarray(slope, dtype=builder.number_type)
        slope = slope.reshape(()) if slope.size == 1 else slope
        return builder.add(name, LeakyRelu(slope), value)
    if kind in ("Hardtanh", "ReLU6"):
        clip = Clip(float(function.min_val), float(function.max_val))
        return builder.add(name, clip, value)
    return None


def quantised_by(builder: SourceBuilder, name: str, proxy: Any, value: str) -> str:
    """Adds what an activation proxy does: its activation function and its quantiser."""
    fused = getattr(proxy, "fused_activation_quant_proxy", None)
    if fused is None:
        return value
    quantises = proxy.is_quant_enabled
    function = activation(
        builder, f"{name}.function" if quantises else name, fused.activation_impl, value
    )
    if function is None:
        kind = type(fused.activation_impl).__name__
        return builder.refuse(name, value, f"activation {kind} is unknown", REMEDY)
    if not quantises:
        return function
    kind = type(fused.tensor_quant).__name__
    if kind not in ("RescalingIntQuant", "ClampedBinaryQuant", "BinaryQuant"):
        kind = getattr(fused.tensor_quant, "original_name", kind)
    if kind in ("ClampedBinaryQuant", "BinaryQuant"):
        bits, rounding = 1.0, "ROUND"
    elif kind == "RescalingIntQuant":
        bits, rounding = float(proxy.bit_width()), proxy.rounding_mode or "ROUND"
    else:
        remedy = "use an integer or binary activation quantiser"
        shape = builder.shape(value)
        return builder.refuse(name, function, f"quantiser {kind} is unknown", remedy, shape)
    return builder.quantise(
        name,
        function,
        array(proxy.scale()),
        float(proxy.zero_point()),
        bits,
        bool(proxy.is_signed),
        bool(proxy.is_narrow_range),
        str(rounding),
    )
