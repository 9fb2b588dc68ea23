"""The golden interpreter: what every operation means, retold on plain numpy integers.

This is the second, independent telling of `docs/numerics.md`: it shares no code with the hardware
parts' `compute` and imports numpy and the graph only. It is batched over samples, so that thousands
of them take seconds. All arithmetic is exact; matrix products go through float64 only where every
product and partial sum stays below 2**53, where float64 arithmetic on integers is exact too.
"""

from __future__ import annotations

import numpy as np

from . import ir

__all__ = ["quantize_input", "run", "run_values"]

_EXACT_FLOAT = 2**53
_CHUNK_ELEMENTS = 1 << 24


def quantize_input(graph: ir.Graph, x: np.ndarray) -> np.ndarray:
    """Codes of real inputs: ``round_half_even(clip(x / scale + zero_point))`` in float32.

    Raises
    ------
    ValueError
        If the number of elements does not fit the graph's input, or a value is not a number.
    """
    kind = graph.types[graph.input_name]
    edge = graph.inputs[graph.input_name]
    x = np.asarray(x, dtype=np.float32)
    if x.ndim < 1 or x.size == 0 or x[0].size != kind.size:
        raise ValueError(f"Inputs must have {kind.size} elements a sample, not shape {x.shape}")
    if np.isnan(x).any():
        raise ValueError("Inputs must be numbers, not NaN")
    # A sign-only input has the smallest scale there is: its quotients may reach infinity, and clip.
    with np.errstate(over="ignore"):
        scaled = edge.arrange(x, kind.shape) / np.float32(edge.scale)
    scaled = scaled + np.float32(edge.zero_point)
    clipped = np.clip(scaled, np.float32(kind.range.low), np.float32(kind.range.high))
    return np.rint(clipped).astype(np.int64)


def run(graph: ir.Graph, x: np.ndarray) -> np.ndarray:
    """Real inputs to real outputs (float64): quantise, interpret, dequantise."""
    codes = quantize_input(graph, x)
    step = max(1, _CHUNK_ELEMENTS // max(kind.size for kind in graph.types.values()))
    parts = [codes[start : start + step] for start in range(0, len(codes), step)]
    values = np.concatenate([run_values(graph, part)[graph.output_name] for part in parts])
    edge = graph.outputs[graph.output_name]
    return (values - edge.zero_point) * edge.scale


def run_values(graph: ir.Graph, codes: np.ndarray) -> dict[str, np.ndarray]:
    """Every value of the graph (int64, batch axis first) for a batch of input codes.

    Raises
    ------
    ValueError
        If the codes are not integers, of the wrong size, or outside the input's range.
    """
    kind = graph.types[graph.input_name]
    codes = np.asarray(codes)
    if codes.dtype.kind not in "iu":
        raise ValueError(f"Input codes must be integers, not {codes.dtype}")
    if codes.ndim < 1 or codes.size == 0 or codes[0].size != kind.size:
        raise ValueError(f"Inputs must have {kind.size} elements a sample, not shape {codes.shape}")
    codes = codes.reshape(len(codes), *kind.shape).astype(np.int64)
    if not kind.range.contains(codes):
        raise ValueError(f"Input codes must lie in {kind.range}, not beyond")
    values: dict[str, np.ndarray] = {}
    for op in graph.ops:
        inputs = [values[name] for name in op.inputs]
        values[op.name] = codes if isinstance(op, ir.Input) else _evaluate(op, inputs)
    return values


def _evaluate(op: ir.Op, inputs: list[np.ndarray]) -> np.ndarray:
    x = inputs[0]
    match op:
        case ir.Add():
            return np.sum([a * branch for a, branch in zip(op.factors, inputs)], axis=0)
        case ir.Concat():
            return np.concatenate(inputs, axis=-1)
        case ir.MatMul():
            return _matmul(x, op.weights)
        case ir.GroupMatMul():
            return _group_matmul(x, op)
        case ir.Threshold():
            return _threshold(x, op)
        case ir.Table():
            rows = np.zeros(x.shape[-1], dtype=np.int64)
            if len(op.table) > 1:
                rows = np.arange(x.shape[-1])
            return op.table[rows, x - op.low]
        case ir.Requantize():
            return _requantize(x, op)
        case ir.Reshape():
            return x.reshape(len(x), *op.shape)
        case ir.TopK():
            return _top_k(x, op.k)
        case ir.Window():
            return _window(x, op)
        case ir.GlobalPool():
            return (np.max if op.mode == "max" else np.sum)(x, axis=(1, 2), keepdims=True)
        case ir.Upsample():
            return x.repeat(op.down, axis=1).repeat(op.across, axis=2)
        case ir.PixelShuffle():
            return _pixel_shuffle(x, op)
        case ir.Pool():
            windows = x.reshape(*x.shape[:-1], op.taps, -1)
            return windows.max(axis=-2) if op.mode == "max" else windows.sum(axis=-2)
    raise TypeError(f"Operation must be known to the golden interpreter, not {op.kind}")


def _window(x: np.ndarray, op: ir.Window) -> np.ndarray:
    axes = (op.rows, op.columns)
    edges = [(axis.before, axis.after) for axis in axes]
    padded = np.pad(x, ((0, 0), *edges, (0, 0)), constant_values=op.pad_value)
    places = []
    for axis, size in zip(axes, padded.shape[1:3]):
        taps = np.arange(axis.kernel) * axis.dilation
        places.append(np.arange(0, size - taps[-1], axis.stride)[:, np.newaxis] + taps)
    down, across = places
    windows = padded[:, down[:, np.newaxis, :, np.newaxis], across[np.newaxis, :, np.newaxis, :]]
    return windows.reshape(len(x), len(down), len(across), -1)


def _matmul(x: np.ndarray, weights: np.ndarray) -> np.ndarray:
    bound = int(np.abs(weights).sum(axis=1).max()) * max(1, int(np.abs(x).max()))
    if bound < _EXACT_FLOAT:
        return np.rint(x.astype(np.float64) @ weights.T.astype(np.float64)).astype(np.int64)
    return x @ weights.T


def _group_matmul(x: np.ndarray, op: ir.GroupMatMul) -> np.ndarray:
    """Each group by itself, as a plain matrix product."""
    windows = x.reshape(*x.shape[:-1], op.taps, op.groups, -1)
    parts = []
    for group, rows in enumerate(np.split(op.weights, op.groups)):
        seen = windows[..., group, :].reshape(*x.shape[:-1], -1)
        parts.append(_matmul(seen, rows))
    return np.concatenate(parts, axis=-1)


def _pixel_shuffle(x: np.ndarray, op: ir.PixelShuffle) -> np.ndarray:
    batch, height, width, channels = x.shape
    parts = np.split(x, op.down * op.across, axis=-1)
    shape = (batch, height * op.down, width * op.across, channels // len(parts))
    result = np.empty(shape, dtype=np.int64)
    for number, part in enumerate(parts):
        row, column = divmod(number, op.across)
        result[:, row :: op.down, column :: op.across] = part
    return result


def _threshold(x: np.ndarray, op: ir.Threshold) -> np.ndarray:
    result = np.empty_like(x)
    count = op.thresholds.shape[1]
    for channel, (row, falls) in enumerate(zip(op.thresholds, op.descending)):
        met = np.searchsorted(row, x[..., channel], side="right")
        result[..., channel] = op.low + op.step * (count - met if falls else met)
    return result


def _requantize(x: np.ndarray, op: ir.Requantize) -> np.ndarray:
    scaled = x * op.multiplier + op.offset
    if op.shift:
        quotient, rest = np.divmod(scaled, 1 << op.shift)
        half = 1 << (op.shift - 1)
        if op.rounding.value == "half_up":
            quotient = quotient + (rest >= half)
        elif op.rounding.value == "half_even":
            quotient = quotient + ((rest > half) | ((rest == half) & (quotient % 2 == 1)))
        scaled = quotient
    return scaled if op.clip is None else np.clip(scaled, op.clip.low, op.clip.high)


def _top_k(x: np.ndarray, k: int) -> np.ndarray:
    order = np.argsort(-x, axis=-1, kind="stable")[..., :k]
    return np.stack([order, np.take_along_axis(x, order, axis=-1)], axis=-1)
