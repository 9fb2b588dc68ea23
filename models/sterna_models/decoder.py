"""A decoder-only BitNet b1.58 transformer in torch, of any shape, trained with its quantisers on.

One layer: RMSNorm, int8 rows, ternary q, k, v; rotary positions on pairs of neighbouring elements;
queries, keys and values int8, one step a token over all heads; causal grouped-query attention;
RMSNorm, int8 rows, ternary o, added to the residual. Then RMSNorm, int8 rows, ternary gate and up;
activation of gate times up; RMSNorm, int8 rows, ternary down, added to the residual. At the end
RMSNorm, int8 rows and an int8 head. The embedding is int16 with a power-of-two step.

Ternary matrices are Brevitas layers with BitNet's scale (mean or median of the magnitudes). Every
matrix multiplies integer codes, and scales are applied to the sums; with ``matmul_dtype`` bfloat16
training is several times faster, its sums rounded; float32 sums are exact. After ``double()`` and
with ``matmul_dtype`` float64 everything is.

It has no key-value cache and no dropout.
"""

from __future__ import annotations

import math

import brevitas.nn as qnn
import torch
from torch import Tensor, nn
from torch.nn import functional

from sterna.decoder.shape import DecoderShape

from .quantizers import TernaryMeanWeight, TernaryMedianWeight
from .row_quantizer import LARGEST_CODE, QuantisedRows, quantise_rows, round_through

__all__ = ["Decoder", "DecoderLayer", "RmsNorm", "TernaryLinear"]

_STATISTICS = {"mean": TernaryMeanWeight, "median": TernaryMedianWeight}
_EPSILON = 1e-6
_INT16_LARGEST = 32767


class RmsNorm(nn.Module):
    """Rows divided by the root of their mean square (plus 1e-6), times learned gains."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(size))

    def forward(self, values: Tensor) -> Tensor:
        return functional.rms_norm(values, self.gain.shape, self.gain, _EPSILON)


class TernaryLinear(qnn.QuantLinear):
    """A matrix of ternary weights with one scale, without bias.

    ``statistic`` is ``"mean"`` or ``"median"``: of which magnitude the scale is made.
    """

    def __init__(self, inputs: int, outputs: int, statistic: str = "mean") -> None:
        if statistic not in _STATISTICS:
            raise ValueError(
                f"Statistic must be one of {', '.join(_STATISTICS)}, not {statistic!r}"
            )
        super().__init__(inputs, outputs, bias=False, weight_quant=_STATISTICS[statistic])
        self._fixed: tuple[Tensor, Tensor] | None = None

    def fix(self, trits: Tensor, scale: float) -> None:
        """From now on uses these weights, without asking the quantiser; they are not trained."""
        self._fixed = (trits.float(), torch.tensor(scale, dtype=torch.float32))

    def trits(self) -> tuple[Tensor, Tensor]:
        """Weights -1, 0, 1 as floats (outputs, inputs), and the scale, a scalar."""
        if self._fixed is not None:
            return self._fixed
        weight = self.quant_weight()
        return weight.value / weight.scale, weight.scale

    def product(self, rows: QuantisedRows, dtype: torch.dtype) -> Tensor:
        """Real outputs, of the rows' format: integer sums (in ``dtype``) times the two scales."""
        trits, scale = self.trits()
        sums = functional.linear(rows.codes.to(dtype), trits.to(dtype))
        return sums.to(rows.step.dtype) * (rows.step * scale)


class DecoderLayer(nn.Module):
    """Attention and gated feed-forward network, each added to the residual."""

    attention_norm: RmsNorm
    attention_sub_norm: RmsNorm
    feed_forward_norm: RmsNorm
    feed_forward_sub_norm: RmsNorm
    q: TernaryLinear
    k: TernaryLinear
    v: TernaryLinear
    o: TernaryLinear
    gate: TernaryLinear
    up: TernaryLinear
    down: TernaryLinear

    def __init__(self, shape: DecoderShape, statistic: str = "mean") -> None:
        super().__init__()
        self.shape = shape
        for name, size in shape.norm_sizes.items():
            setattr(self, name, RmsNorm(size))
        for name, (outputs, inputs) in shape.matrix_sizes.items():
            setattr(self, name, TernaryLinear(inputs, outputs, statistic))

    def _attend(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Causal attention, (batch, time, heads * size) in and out.

        The query heads of one key head are stacked along time, so that no key is repeated.
        """
        batch, time, _ = key.shape
        kv_heads, group, size = self.shape.kv_heads, self.shape.group, self.shape.head_size
        query = query.view(batch, time, kv_heads, group, size).permute(0, 2, 3, 1, 4)
        key = key.view(batch, time, kv_heads, size).permute(0, 2, 3, 1)
        value = value.view(batch, time, kv_heads, size).transpose(1, 2)
        scores = query.reshape(batch, kv_heads, group * time, size) @ key
        scores = scores.view(batch, kv_heads, group, time, time) / math.sqrt(size)
        future = torch.full((time, time), -math.inf).triu(diagonal=1)
        # Adding float32 lifts bfloat16 scores to float32, and leaves float64 ones as they are.
        shares = (scores + future).softmax(dim=-1).to(value.dtype)
        mixed = shares.view(batch, kv_heads, group * time, time) @ value
        mixed = mixed.view(batch, kv_heads, group, time, size).permute(0, 3, 1, 2, 4)
        return mixed.flatten(2)

    def forward(
        self, residual: Tensor, turns: tuple[Tensor, Tensor], quantised: bool, dtype: torch.dtype
    ) -> Tensor:
        rows = quantise_rows(self.attention_norm(residual), quantised)
        query = _rotate(self.q.product(rows, dtype), turns, self.shape.head_size)
        key = _rotate(self.k.product(rows, dtype), turns, self.shape.head_size)
        value = self.v.product(rows, dtype)
        mixed = self._attend(
            *(quantise_rows(part, quantised).values.to(dtype) for part in (query, key, value))
        ).to(residual.dtype)
        rows = quantise_rows(self.attention_sub_norm(mixed), quantised)
        residual = residual + self.o.product(rows, dtype)
        rows = quantise_rows(self.feed_forward_norm(residual), quantised)
        gate, up = self.gate.product(rows, dtype), self.up.product(rows, dtype)
        if self.shape.activation == "silu":
            hidden = functional.silu(gate) * up
        else:
            hidden = functional.relu(gate).square() * up
        rows = quantise_rows(self.feed_forward_sub_norm(hidden), quantised)
        return residual + self.down.product(rows, dtype)


def _rotate(rows: Tensor, turns: tuple[Tensor, Tensor], head_size: int) -> Tensor:
    """Pairs (2i, 2i+1) of every head turned by the position's angles.

    ``rows`` is (batch, time, heads * size); ``turns`` are cosine and sine, (time, 1, size / 2).
    """
    pairs = rows.unflatten(-1, (-1, head_size // 2, 2))
    even, odd = pairs.unbind(-1)
    cosine, sine = turns
    turned = torch.stack([even * cosine - odd * sine, even * sine + odd * cosine], dim=-1)
    return turned.flatten(-3)


class Decoder(nn.Module):
    """The whole network.

    Parameters
    ----------
    shape : :class:`DecoderShape`
        Sizes and kinds.
    statistic : :class:`str`
        ``"mean"`` or ``"median"``, for the scales of all ternary matrices.

    Attributes
    ----------
    matmul_dtype : torch dtype
        In which format products are summed; float32 unless changed.
    """

    def __init__(self, shape: DecoderShape, statistic: str = "mean") -> None:
        super().__init__()
        self.shape = shape
        self.matmul_dtype = torch.float32
        self.embedding = nn.Parameter(torch.randn(shape.vocabulary, shape.hidden) * 0.5)
        self.layers = nn.ModuleList(DecoderLayer(shape, statistic) for _ in range(shape.layers))
        self.final_norm = RmsNorm(shape.hidden)
        if not shape.tied:
            start = torch.randn(shape.vocabulary, shape.hidden) / math.sqrt(shape.hidden)
            self.head = nn.Parameter(start)

    def embedding_codes(self) -> tuple[Tensor, int]:
        """Int16 codes as floats (vocabulary, hidden) and the exponent: value = code * 2**-exponent.

        The exponent is the largest with which no code leaves the 16 bits.
        """
        largest = max(float(self.embedding.detach().abs().max()), 2.0**-15)
        exponent = math.floor(math.log2(_INT16_LARGEST / largest))
        return round_through(self.embedding * 2.0**exponent), exponent

    def head_codes(self) -> tuple[Tensor, Tensor]:
        """Int8 codes of the head as floats (vocabulary, hidden) and their step, a scalar."""
        if self.shape.tied:
            codes, exponent = self.embedding_codes()
            real = codes * 2.0**-exponent
        else:
            real = self.head
        step = real.detach().abs().max().clamp(min=1e-5) / LARGEST_CODE
        return round_through(real / step), step

    def _turns(self, time: int) -> tuple[Tensor, Tensor]:
        size = self.shape.head_size
        frequencies = self.shape.rope_base ** (
            -torch.arange(0, size, 2, dtype=torch.float64) / size
        )
        angles = torch.arange(time, dtype=torch.float64)[:, None, None] * frequencies
        kind = self.embedding.dtype
        return angles.cos().to(kind), angles.sin().to(kind)

    def forward(self, tokens: Tensor, quantised: bool = True) -> Tensor:
        """Logits (batch, time, vocabulary) of integer ``tokens`` (batch, time).

        Weights are always on their grids; ``quantised`` is about activations, keys and values.

        Raises
        ------
        ValueError
            If there are more tokens than the context has positions.
        """
        if tokens.shape[1] > self.shape.context:
            raise ValueError(
                f"Tokens must be at most {self.shape.context}, not {tokens.shape[1]} in a row"
            )
        codes, exponent = self.embedding_codes()
        residual = functional.embedding(tokens, codes) * 2.0**-exponent
        turns = self._turns(tokens.shape[1])
        for layer in self.layers:
            residual = layer(residual, turns, quantised, self.matmul_dtype)
        rows = quantise_rows(self.final_norm(residual), quantised)
        head, step = self.head_codes()
        return functional.linear(rows.codes, head) * (rows.step * step)

    @torch.no_grad()
    def quantised_logits(self, tokens: Tensor) -> Tensor:
        """Logits with all quantisers on and no gradient; see `forward`."""
        return self(tokens)

    @torch.no_grad()
    def float_logits(self, tokens: Tensor) -> Tensor:
        """Logits of the same trained weights with activations, keys and values left in float."""
        return self(tokens, quantised=False)
