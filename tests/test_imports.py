"""The arrows between the rooms: who may import whom, read from the source with `ast`.

A rule covers one module and everything below it; the longest matching rule decides. It names the
project modules that may be imported, and which outside packages may be imported at the top of a
file and which only inside a function (so that importing the room does not need them). `None` stands
for any outside package. The check is itself checked: bad imports are planted in a copy of nothing
but themselves and must be found.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = {
    "sterna_hw": "hw",
    "sterna": "sw",
    "sterna_sim": "sim",
    "sterna_models": "models",
    "sterna_flows": "flows",
}


@dataclass(frozen=True)
class Rule:
    """What one module and the modules below it may import; itself is always allowed."""

    module: str
    project: tuple[str, ...] = ()
    outside: tuple[str, ...] | None = None
    lazy: tuple[str, ...] = ()


RULES = (
    Rule("sterna_hw", outside=("amaranth", "numpy")),
    Rule("sterna_hw.base", outside=("numpy",)),
    Rule("sterna_hw.solve_sums", ("sterna_hw",), ("numpy",), lazy=("da4ml",)),
    Rule("sterna", ("sterna_hw",), ("numpy", "onnx"), lazy=("torch", "brevitas")),
    Rule("sterna.decoder.checkpoint", ("sterna_hw", "sterna"), ("numpy", "safetensors")),
    Rule("sterna.driver", outside=("numpy",)),
    Rule("sterna.ir", ("sterna_hw.base", "sterna.golden"), ("numpy",)),
    Rule("sterna.golden", ("sterna.ir",), ("numpy",)),
    Rule("sterna_sim", ("sterna", "sterna_hw")),
    Rule("sterna_models", ("sterna",)),
    Rule("sterna_flows", ("sterna", "sterna_hw", "sterna_sim", "sterna_models")),
)


def within(module: str, parent: str) -> bool:
    return module == parent or module.startswith(parent + ".")


def imports(tree: ast.Module, package: str) -> Iterator[tuple[int, str, bool]]:
    """Line, absolute name and laziness of every import; ``package`` resolves relative ones.

    What is below `if TYPE_CHECKING` never runs and counts as lazy.
    """

    def visit(node: ast.AST, lazy: bool) -> Iterator[tuple[int, str, bool]]:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name, lazy
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = package.split(".")
                parents = parents[: len(parents) - node.level + 1]
                base = ".".join([*parents, base] if base else parents)
            # `from . import a` may name a module or a value; both are judged by the longer name.
            for alias in node.names:
                yield node.lineno, f"{base}.{alias.name}", lazy
        else:
            functions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
            types_only = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
            for child in ast.iter_child_nodes(node):
                yield from visit(child, lazy or types_only or isinstance(node, functions))

    return visit(tree, False)


def violations(root: Path) -> list[str]:
    """One line for each import under ``root`` that no rule allows."""
    found = []
    for room, folder in FOLDERS.items():
        for path in sorted((root / folder / room).rglob("*.py")):
            parts = path.relative_to(root / folder).with_suffix("").parts
            is_package = parts[-1] == "__init__"
            module = ".".join(parts[:-1] if is_package else parts)
            package = module if is_package else module.rpartition(".")[0]
            rule = max(
                (rule for rule in RULES if within(module, rule.module)), key=lambda r: len(r.module)
            )
            for line, name, lazy in imports(ast.parse(path.read_text()), package):
                top = name.partition(".")[0]
                if top in sys.stdlib_module_names:
                    continue
                if top in FOLDERS:
                    allowed = any(within(name, other) for other in (rule.module, *rule.project))
                else:
                    allowed = (
                        rule.outside is None or top in rule.outside or (lazy and top in rule.lazy)
                    )
                if not allowed:
                    found.append(f"{path.relative_to(root)}:{line}: {module} imports {name}")
    return found


def test_rooms_exist() -> None:
    for room, folder in FOLDERS.items():
        assert (ROOT / folder / room / "__init__.py").is_file()


def test_no_arrow_runs_back_up() -> None:
    assert violations(ROOT) == []


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("hw/sterna_hw/part.py", "import sterna.ir"),
        ("hw/sterna_hw/part.py", "from sterna import cycles"),
        ("hw/sterna_hw/part.py", "import onnx"),
        ("hw/sterna_hw/part.py", "def late():\n    import torch"),
        ("hw/sterna_hw/base/range.py", "import amaranth"),
        ("hw/sterna_hw/base/range.py", "from ..beat import beat_count"),
        ("hw/sterna_hw/base/range.py", "from .. import beat"),
        ("sw/sterna/build.py", "import sterna_sim"),
        ("sw/sterna/importers/brevitas.py", "import torch"),
        ("sw/sterna/importers/brevitas.py", "class C:\n    import brevitas.nn"),
        ("sw/sterna/golden.py", "from sterna_hw.requantize import RequantizeConfig"),
        ("sw/sterna/golden.py", "import sterna_hw.base"),
        ("sw/sterna/driver/bus.py", "from sterna_hw.register_map import MAGIC"),
        ("sw/sterna/driver/bus.py", "from ..ir import Graph"),
        ("sw/sterna/golden.py", "from .cycles import Network"),
        ("sw/sterna/golden.py", "def late():\n    from sterna_hw import table_matmul"),
        ("sim/sterna_sim/bench.py", "import sterna_flows"),
        ("models/sterna_models/digits.py", "from sterna_flows import build"),
        ("models/sterna_models/digits.py", "import sterna_hw.table_matmul"),
    ],
)
def test_planted_import_is_found(tmp_path: Path, path: str, source: str) -> None:
    file = tmp_path / path
    file.parent.mkdir(parents=True)
    file.write_text(source)
    found = violations(tmp_path)
    assert len(found) == 1 and found[0].startswith(path)


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("sw/sterna/importers/brevitas.py", "def read():\n    import torch"),
        (
            "sw/sterna/importers/brevitas.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import torch",
        ),
        ("sw/sterna/golden.py", "import numpy as np\nfrom .ir import Graph\nfrom . import ir"),
        (
            "hw/sterna_hw/part.py",
            "from .base import Cost\nimport math\nfrom amaranth.lib import data",
        ),
        ("flows/sterna_flows/cli.py", "import rich\nfrom sterna_models import zoo"),
    ],
)
def test_allowed_import_passes(tmp_path: Path, path: str, source: str) -> None:
    file = tmp_path / path
    file.parent.mkdir(parents=True)
    file.write_text(source)
    assert violations(tmp_path) == []
