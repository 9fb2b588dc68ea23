"""Gives up shared sums that cost more than they save, where adders take three operands.

With adders of two operands a pair of terms that occurs twice is worth a sum of its own: it saves
one adder. With adders of three, which on Xilinx take one carry chain like those of two, a sum of t
terms takes only half as many, t / 2 rounded down: a pair that occurs twice now saves nothing, and
what is read once never did. So a shared sum is put back into its readers wherever the adders do not
become more; among equals there are fewer registers and the trees balance better. Terms that
meet their like on the way add up or cancel. This is repeated until nothing changes, smallest
sources first; the result is as good as single steps make it, not the best there is.

With adders of two operands only what is read once is put back: it costs nothing and leaves the
order of its additions open.
"""

from __future__ import annotations

from collections import defaultdict

from .shared_sums import SharedSums, Sum, terms

__all__ = ["merge_sums", "sum_adders"]

TERM_WEIGHT = 1 / 64
"""What a term counts beside an adder, so that among equals the shorter sums are kept."""


def sum_adders(count: int, operands: int) -> int:
    """Adders of so many operands that a sum of ``count`` terms takes."""
    return max(-(-(count - 1) // (operands - 1)), 0)


def merge_sums(sums: SharedSums, operands: int) -> SharedSums:
    """Equal sums with fewer adders of ``operands`` (2 or 3) operands."""
    names = [*range(sums.inputs, sums.inputs + len(sums.shared))]
    ends = [-1 - place for place in range(len(sums.outputs))]
    parts = dict(zip(names + ends, map(dict, (*sums.shared, *sums.outputs))))
    readers: dict[int, set[int]] = defaultdict(set)
    for reader, content in parts.items():
        for source in content:
            readers[source].add(reader)

    def cost(content: dict[int, int]) -> float:
        count = terms(tuple(content.items()))
        return sum_adders(count, operands) + count * TERM_WEIGHT * (operands - 2)

    changed = True
    while changed:
        changed = False
        for name in names:
            if name not in parts:
                continue
            content, reading = parts[name], sorted(readers[name])
            merged = {reader: _put_back(parts[reader], name, content) for reader in reading}
            before = cost(content) + sum(cost(parts[reader]) for reader in reading)
            after = sum(map(cost, merged.values()))
            if after > before or (after == before and len(reading) > 1):
                continue
            changed = True
            for source in content:
                readers[source].discard(name)
            for reader, new in merged.items():
                for source in parts[reader]:
                    readers[source].discard(reader)
                for source in new:
                    readers[source].add(reader)
                parts[reader] = new
            del parts[name]
    return _renumbered(sums.inputs, [name for name in names if name in parts], ends, parts)


def _put_back(reader: dict[int, int], name: int, content: dict[int, int]) -> dict[int, int]:
    factor = reader[name]
    result = {source: value for source, value in reader.items() if source != name}
    for source, value in content.items():
        total = result.pop(source, 0) + factor * value
        if total:
            result[source] = total
    return result


def _renumbered(
    inputs: int, names: list[int], ends: list[int], parts: dict[int, dict[int, int]]
) -> SharedSums:
    """Shared sums under new numbers without gaps; sources stay below their readers."""
    numbers = {place: place for place in range(inputs)}
    numbers |= {name: inputs + place for place, name in enumerate(names)}

    def renamed(name: int) -> Sum:
        found = ((numbers[source], value) for source, value in parts[name].items())
        return tuple(sorted(found))

    return SharedSums(inputs, tuple(map(renamed, names)), tuple(map(renamed, ends)))
