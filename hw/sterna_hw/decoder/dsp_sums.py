"""Sums in the SIMD lanes of DSP48E2: signed looked-up values first, then the running totals.

A DSP48E2 adds two or three 48-bit words as four fields of 12 bits or two of 24, without carries
between them. Four token lanes share their weights and so the signs of what they look up, and a
sign can be obeyed by the operation chosen for the whole word: a chain of blocks sums up to five
leaves of each of four lanes. The first block takes two leaves in any pair of signs (C + AB, C - AB,
-C + AB as ~C + AB + 1 with the rounding constant for the ones, -(C + AB)), each further one adds or
subtracts one leaf to what its neighbour cascades. A second kind of chain adds up to three partial
sums and the running total of two lanes, in fields of 24 bits. A third use is a running sum of one
block, which fills tables.

In Verilog each chain is a hand-written module: for synthesis (macro ``SYNTHESIS``, which Yosys and
Vivado define) it names the blocks, otherwise it says the same in plain Verilog. In Amaranth's
simulator it is plain registers and adders. Timing: words of leaf k >= 2 come k - 2 cycles after the
first two, signs one cycle after their word for k >= 2 and with it for the others.
"""

from __future__ import annotations

from collections.abc import Sequence

from amaranth.hdl import Cat, ClockSignal, Const, Instance, Module, Mux, Signal, Value

from ..credit import delay
from ..verilog import VerilogPlatform
from .dsp_verilog import DSP_SUMS_FILES

__all__ = [
    "FIELDS",
    "LEAF_FIELD",
    "TOTAL_FIELD",
    "leaf_chain",
    "pack_fields",
    "running_sum",
    "total_chain",
]

WORD = 48
LEAF_FIELD = 12
TOTAL_FIELD = 24
FIELDS = WORD // LEAF_FIELD
"""Token lanes that share a block where leaves are summed."""


def pack_fields(values: Sequence[Value], field: int) -> Value:
    """A 48-bit word of signed values, each sign-extended to ``field`` bits; zero where missing."""
    fields = []
    for value in values:
        wide = value.as_signed()
        fields.append(Cat(wide, wide[-1].replicate(field - len(wide))))
    missing = WORD - field * len(values)
    return Cat(*fields, Const(0, missing)) if missing else Cat(*fields)


def leaf_chain(
    m: Module, platform: object, name: str, words: Sequence[Value], negatives: Sequence[Value]
) -> Value:
    """The sum of two or more words with their signs, in fields of 12 bits.

    The result appears ``len(words)`` cycles after the first two words.
    """
    result = Signal(WORD, name=f"{name}_sum")
    if isinstance(platform, VerilogPlatform):
        platform.files.update(DSP_SUMS_FILES)
        m.submodules[name] = Instance(
            "sterna_leaf_chain",
            p_TERMS=len(words),
            i_clk=ClockSignal(),
            i_words=Cat(words),
            i_negative=Cat(negatives),
            o_sum=result,
        )
        return result
    first = _apply(Const(0, WORD), delay(m, words[0], 1), delay(m, negatives[0], 1), LEAF_FIELD)
    total = _register(
        m, _apply(first, delay(m, words[1], 1), delay(m, negatives[1], 1), LEAF_FIELD)
    )
    for word, negative in zip(words[2:], negatives[2:]):
        sums = _apply(total, delay(m, word, 2), delay(m, negative, 1), LEAF_FIELD)
        total = _register(m, sums)
    m.d.comb += result.eq(total)
    return result


def running_sum(
    m: Module, platform: object, name: str, word: Value, negative: Value, clear: Value
) -> Value:
    """Adds or subtracts a word in every cycle, in fields of 12 bits.

    ``negative`` comes with the word, ``clear`` (the sum becomes zero instead) one cycle later; the
    sum appears two cycles after the word.
    """
    result = Signal(WORD, name=f"{name}_sum")
    if isinstance(platform, VerilogPlatform):
        platform.files.update(DSP_SUMS_FILES)
        m.submodules[name] = Instance(
            "sterna_running_sum",
            i_clk=ClockSignal(),
            i_word=word,
            i_negative=negative,
            i_clear=clear,
            o_sum=result,
        )
        return result
    kept = Signal(WORD, reset_less=True, name=f"{name}_kept")
    value = _apply(kept, delay(m, word, 1), delay(m, negative, 1), LEAF_FIELD)
    m.d.sync += kept.eq(Mux(clear, 0, value))
    m.d.comb += result.eq(kept)
    return result


def total_chain(
    m: Module,
    platform: object,
    name: str,
    words: Sequence[Value],
    previous: Value,
    clear: Value,
) -> Value:
    """``previous`` (zero with ``clear``) plus one to three words, in fields of 24 bits.

    With one word, ``previous`` comes with it and the result two cycles later. With more, the
    words come together, ``previous`` and ``clear`` one cycle later, the result three cycles after
    the words.
    """
    result = Signal(WORD, name=f"{name}_sum")
    if isinstance(platform, VerilogPlatform):
        platform.files.update(DSP_SUMS_FILES)
        m.submodules[name] = Instance(
            "sterna_total_chain",
            p_TERMS=len(words),
            i_clk=ClockSignal(),
            i_words=Cat(words),
            i_previous=previous,
            i_clear=clear,
            o_total=result,
        )
        return result
    kept = Signal(WORD, reset_less=True, name=f"{name}_previous")
    m.d.sync += kept.eq(Mux(clear, 0, previous))
    plus = Const(0)
    if len(words) == 1:
        m.d.comb += result.eq(_register(m, _apply(kept, delay(m, words[0], 1), plus, TOTAL_FIELD)))
        return result
    pair = [delay(m, word, 1) for word in words[:2]]
    total = _apply(
        _register(m, _apply(pair[0], pair[1], plus, TOTAL_FIELD)), kept, plus, TOTAL_FIELD
    )
    if len(words) == 3:
        total = _apply(total, delay(m, words[2], 2), plus, TOTAL_FIELD)
    m.d.comb += result.eq(_register(m, total))
    return result


def _register(m: Module, value: Value) -> Signal:
    register = Signal(len(value), reset_less=True)
    m.d.sync += register.eq(value)
    return register


def _apply(left: Value, right: Value, negative: Value, field: int) -> Value:
    """``left - right`` if negative, else ``left + right``, field by field."""
    fields = []
    for low in range(0, WORD, field):
        a, b = left[low : low + field], right[low : low + field]
        fields.append(Mux(negative, a - b, a + b)[:field])
    return Cat(fields)
