"""Folding: how much of a layer works in parallel, and on which engine.

One folding per matmul layer: a `TableFolding` says how many tables of how many inputs each stand
side by side and how many outputs are looked up a cycle, a `SelectFolding` the same for the
select-and-add engine, a `MacFolding` for multipliers; an `UnrolledFolding` has the whole layer in
logic and says only how that is pipelined. A layer of N inputs and M outputs takes about
``ceil(N / inputs) * ceil(M / queries) * planes`` cycles, and exactly what the engine's own timing
says. Any value up to the layer's size is allowed; the last step is padded. Foldings come from the
planner, or from a JSON file:

    {"fc1": {"engine": "table", "group": 3, "tables": 16, "queries": 4,
             "sign_fold": true, "buffers": 2},
     "fc2": {"engine": "select", "block_inputs": 16, "queries": 8},
     "fc3": {"engine": "mac", "block_inputs": 4, "queries": 2, "port": 27},
     "fc4": {"engine": "unrolled", "levels": 2, "operands": 3}}

A grouped convolution has an engine of its own and may have a folding too (`sterna.grouping`).

On the chip, weights are in the memory of the device that wastes least (`sterna_hw.memory_sizing`),
unless ``"memory": "block"`` or ``"memory": "distributed"`` says which.
With ``"external": true`` a layer's weights are not kept on the chip: they come from external memory
while it works (`sterna_hw.weight_stream`). A layer in logic has none to be kept.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path
from typing import Any

from sterna_hw.base import Device, IntegerRange
from sterna_hw.mac_matmul import MacMatmulConfig, integers
from sterna_hw.packed_products import multiplier_port
from sterna_hw.recommended import recommended
from sterna_hw.select_matmul import SelectMatmulConfig
from sterna_hw.table_matmul import TableMatmulConfig
from sterna_hw.table_plan import plan_table
from sterna_hw.unrolled_matmul import UnrolledMatmulConfig

from .grouping import GroupFolding
from .ir import MatMul

__all__ = [
    "AUTO",
    "ENGINES",
    "EngineConfig",
    "Folding",
    "LayerFolding",
    "MEMORIES",
    "MacFolding",
    "SelectFolding",
    "TableFolding",
    "UnrolledFolding",
    "as_record",
    "engine_style",
    "foldings_of",
    "parameters_of",
    "read_foldings",
    "recommended_folding",
]

AUTO = "auto"
MEMORIES = (AUTO, "block", "distributed")
"""What weights on the chip may be in."""

EngineConfig = TableMatmulConfig | SelectMatmulConfig | MacMatmulConfig | UnrolledMatmulConfig


@dataclass(frozen=True)
class TableFolding:
    """A layer on the table-lookup engine: ``tables`` groups of ``group`` inputs, ``queries``
    outputs a cycle."""

    group: int
    tables: int
    queries: int
    sign_fold: bool = False
    buffers: int = 1
    external: bool = False
    memory: str = AUTO

    @property
    def engine(self) -> str:
        return "table"

    def engine_config(
        self, layer: MatMul, inputs: IntegerRange, accumulator: IntegerRange | None
    ) -> TableMatmulConfig:
        """The engine for a layer.

        Raises
        ------
        ValueError
            If the folding goes beyond the layer's size; the message begins with the layer's name.
        """
        outputs_count, inputs_count = layer.weights.shape
        try:
            return TableMatmulConfig(
                inputs=inputs_count,
                outputs=outputs_count,
                input_range=inputs,
                alphabet=layer.alphabet,
                planes=layer.planes,
                group=self.group,
                tables=self.tables,
                queries=self.queries,
                sign_fold=self.sign_fold,
                buffers=self.buffers,
                accumulator_range=accumulator,
            )
        except ValueError as error:
            raise ValueError(f"Folding of {layer.name}: {error}") from error


@dataclass(frozen=True)
class SelectFolding:
    """A layer on the select-and-add engine."""

    block_inputs: int
    queries: int
    external: bool = False
    memory: str = AUTO

    @property
    def engine(self) -> str:
        return "select"

    def engine_config(
        self, layer: MatMul, inputs: IntegerRange, accumulator: IntegerRange | None
    ) -> SelectMatmulConfig:
        """The engine for a layer; raises as `TableFolding.engine_config` does."""
        outputs_count, inputs_count = layer.weights.shape
        try:
            return SelectMatmulConfig(
                inputs=inputs_count,
                outputs=outputs_count,
                input_range=inputs,
                alphabet=layer.alphabet,
                planes=layer.planes,
                block_inputs=self.block_inputs,
                queries=self.queries,
                accumulator_range=accumulator,
            )
        except ValueError as error:
            raise ValueError(f"Folding of {layer.name}: {error}") from error


@dataclass(frozen=True)
class MacFolding:
    """A layer on multipliers whose wide port has ``port`` bits (`multiplier_port`)."""

    block_inputs: int
    queries: int
    port: int = 18
    external: bool = False
    memory: str = AUTO

    @property
    def engine(self) -> str:
        return "mac"

    def engine_config(
        self, layer: MatMul, inputs: IntegerRange, accumulator: IntegerRange | None
    ) -> MacMatmulConfig:
        """The engine for a layer; raises as `TableFolding.engine_config` does. Without an
        accumulator's range, for any weights that the layer's alphabet can write."""
        outputs_count, inputs_count = layer.weights.shape
        values = layer.alphabet.plane_range(layer.planes)
        if accumulator is not None:
            values = IntegerRange.of_values(layer.weights)
        try:
            return MacMatmulConfig(
                inputs=inputs_count,
                outputs=outputs_count,
                input_range=inputs,
                alphabet=integers(values),
                block_inputs=self.block_inputs,
                queries=self.queries,
                port=self.port,
                accumulator_range=accumulator,
            )
        except ValueError as error:
            raise ValueError(f"Folding of {layer.name}: {error}") from error


@dataclass(frozen=True)
class UnrolledFolding:
    """A whole layer in logic, with ``levels`` of adders of ``operands`` operands a register."""

    levels: int = 2
    operands: int = 2

    @property
    def external(self) -> bool:
        """Weights in logic come from nowhere."""
        return False

    @property
    def memory(self) -> str:
        """They are in no memory."""
        return AUTO

    @property
    def engine(self) -> str:
        return "unrolled"

    def engine_config(
        self, layer: MatMul, inputs: IntegerRange, accumulator: IntegerRange | None
    ) -> UnrolledMatmulConfig:
        """The engine for a layer; raises as `TableFolding.engine_config` does."""
        try:
            return UnrolledMatmulConfig(
                weights=layer.weights,
                input_range=inputs,
                levels=self.levels,
                operands=self.operands,
                accumulator_range=accumulator,
            )
        except ValueError as error:
            raise ValueError(f"Folding of {layer.name}: {error}") from error


Folding = TableFolding | SelectFolding | MacFolding | UnrolledFolding
LayerFolding = Folding | GroupFolding
"""Of a matrix, or of a grouped convolution, which may do without."""

_ENGINES: Mapping[str, type[LayerFolding]] = {
    "table": TableFolding,
    "select": SelectFolding,
    "mac": MacFolding,
    "unrolled": UnrolledFolding,
    "group": GroupFolding,
}
ENGINES = tuple(name for name in _ENGINES if name != "group")
"""Names of the engines of matrices."""


def read_foldings(path: str | Path) -> dict[str, LayerFolding]:
    """Foldings by layer name from a JSON file.

    Raises
    ------
    ValueError
        If the file is not such JSON; the message names the file and the layer.
    """
    try:
        record = json.loads(Path(path).read_text())
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"Folding file {path} must be readable JSON: {error}") from error
    if not isinstance(record, dict):
        raise ValueError(f"Folding file {path} must map layers to foldings")
    return foldings_of(record, str(path))


def foldings_of(record: Mapping[str, dict], source: str) -> dict[str, LayerFolding]:
    """Foldings by layer name from their JSON form; ``source`` names it in messages.

    Raises
    ------
    ValueError
        If a folding is not of that form; the message names the layer.
    """
    foldings: dict[str, LayerFolding] = {}
    for layer, values in record.items():
        try:
            if not isinstance(values, Mapping):
                raise ValueError(f"it must be an object, not {values!r}")
            values = dict(values)
            kind = values.pop("engine", "table")
            if kind not in list(_ENGINES):
                raise ValueError(f"there is no engine {kind!r}")
            engine = _ENGINES[kind]
            _check_values(engine, values)
            foldings[layer] = engine(**values)
        except (KeyError, TypeError, ValueError) as error:
            names = f"engine (one of {', '.join(_ENGINES)}) and its parameters"
            raise ValueError(
                f"Folding of {layer} in {source} must give {names}: {error}"
            ) from error
    return foldings


def _check_values(engine: type[LayerFolding], values: Mapping[str, Any]) -> None:
    """Refuses values of another kind, parameters that the engine does not have, and the lack of
    those that it must have."""
    required = {item.name: item.default is MISSING for item in fields(engine)}
    strange = [name for name in values if name not in required]
    if strange:
        raise ValueError(f"it must not give {', '.join(strange)}, only {', '.join(required)}")
    flags = {item.name for item in fields(engine) if isinstance(item.default, bool)}
    memory = values.get("memory", AUTO)
    if memory not in MEMORIES:
        raise ValueError(f"memory must be one of {', '.join(MEMORIES)}, not {memory!r}")
    if memory != AUTO and values.get("external") is True:
        raise ValueError(f"memory must not be {memory} where weights are external")
    for name, value in values.items():
        if name == "memory":
            continue
        if name in flags and not isinstance(value, bool):
            raise ValueError(f"{name} must be true or false, not {value!r}")
        if name not in flags and (isinstance(value, bool) or not isinstance(value, int)):
            raise ValueError(f"{name} must be a whole number, not {value!r}")
    missing = [name for name, is_needed in required.items() if is_needed and name not in values]
    if missing:
        raise ValueError(f"it lacks {', '.join(missing)}")


def as_record(foldings: Mapping[str, LayerFolding]) -> dict[str, dict]:
    """The JSON form that `read_foldings` reads."""
    return {name: {"engine": item.engine, **parameters_of(item)} for name, item in foldings.items()}


def parameters_of(folding: LayerFolding) -> dict[str, Any]:
    """A folding's parameters by name; that weights are on the chip, in the memory that suits them,
    goes without saying."""
    unsaid = {"external": False, "memory": AUTO}
    return {key: value for key, value in asdict(folding).items() if unsaid.get(key) != value}


def recommended_folding(layer: MatMul, device: Device) -> Folding:
    """The engine style for a layer on a device: the planner varies its parallelism only.

    What measured best on the device's family (`sterna_hw.recommended`). On a family that nothing
    was measured on, a folded table whose entries fit the rows of its distributed memory.
    """
    try:
        engine = recommended(device, layer.alphabet)["engine"]
    except ValueError:
        engine = "table"
    return engine_style(engine, layer, device)


def engine_style(engine: str, layer: MatMul, device: Device) -> Folding:
    """A named engine as it suits a layer and a device, at the least parallelism.

    Raises
    ------
    ValueError
        If there is no such engine.
    """
    match engine:
        case "select":
            return SelectFolding(1, 1)
        case "mac":
            return MacFolding(1, 1, multiplier_port(device))
        case "unrolled":
            # One carry chain adds three operands on Xilinx.
            return UnrolledFolding(operands=2 if device.family == "ecp5" else 3)
        case "table":
            try:
                style = recommended(device, layer.alphabet)
            except ValueError:
                return _table_that_fits(layer, device)
            group = min(style["group"], layer.weights.shape[1])
            return TableFolding(group, 1, 1, style["sign_fold"], style["buffers"])
    raise ValueError(f"Engine must be one of {', '.join(ENGINES)}, not {engine!r}")


def _table_that_fits(layer: MatMul, device: Device) -> TableFolding:
    """The largest group whose table fits, on a double-buffered table engine."""
    alphabet, group = layer.alphabet, 1
    while (
        group < layer.weights.shape[1]
        and len(alphabet) ** (group + 1) <= 4 * device.lutram_depth
        and plan_table(alphabet, group + 1, alphabet.symmetric).entry_count <= device.lutram_depth
    ):
        group += 1
    return TableFolding(group, 1, 1, alphabet.symmetric, 2)
