"""The regression that a build folder carries, run by plain `make` as a stranger would."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sterna.driver.record import RECORD_VERSION
from sterna.driver_files import write_driver
from sterna.folding import SelectFolding
from sterna_flows.build_flow import build_with_regression

from ..sw.graphs import mlp
from .toy_build import toy_sums, write_toy_build

ROOT = Path(__file__).resolve().parent.parent.parent
SOURCE = ROOT / "flows" / "sterna_flows" / "regression"
BUS = ROOT / "sim" / "sterna_sim" / "simulated_bus.py"

WORDS = 4
# The toy takes a word every other cycle and shows the sum two cycles after the last one; the next
# frame begins when it is gone.
LATENCY, INTERVAL = 2 * WORDS, 2 * WORDS + 1


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_toy_build(tmp_path_factory.mktemp("toy"), "ecp5-25k")
    (folder / "sources.f").write_text("toy.v\n")
    shutil.copyfile(SOURCE / "regression.mk", folder / "Makefile")
    write_driver(folder, toy_record())
    (folder / "regression").mkdir()
    shutil.copyfile(BUS, folder / "regression" / BUS.name)
    for name in ("run.py", "simulated_memory.py", "test_regression.py"):
        shutil.copyfile(SOURCE / name, folder / "regression" / name)
    return folder


def toy_record(magic: int = 0) -> dict[str, object]:
    """What the driver must know: the toy's only register reads zero, wherever it is looked for."""

    def register(offset: int, access: str) -> dict[str, object]:
        field = {"low": 0, "width": 32, "access": access, "reset": magic}
        return {"offset": offset, "fields": {"value": field}}

    def edge(elements: int, size: int) -> dict[str, object]:
        return {"elements": elements, "range": [0, 256**size - 1], "count": 1, "bytes": size}

    registers = {"magic": register(0, "constant"), "error": register(0x18, "read only")}
    given, wanted = edge(8 * WORDS, 1), edge(1, 2)
    return {"version": RECORD_VERSION, "registers": registers, "input": given, "output": wanted}


def run_make(folder: Path, magic: int = 0, **changes: object) -> tuple[int, str]:
    """Writes the vectors, with changes, and runs `make` without Sterna on the path."""
    draw = random.Random(0)
    frames = [[draw.randbytes(8) for _ in range(WORDS)] for _ in range(5)]
    pairs = zip(frames, toy_sums(frames))
    vectors = {
        "top": "toy",
        "latency": LATENCY,
        "interval": INTERVAL,
        "patience_ns": 100_000,
        "frames": [
            [list(b"".join(given)), [int.from_bytes(wanted, "little")]] for given, wanted in pairs
        ],
        **changes,
    }
    (folder / "regression" / "vectors.json").write_text(json.dumps(vectors))
    (folder / "driver.json").write_text(json.dumps(toy_record(magic)))
    # Within pytest, cocotb ends a run that broke off with status 0.
    hidden = ("PYTHONPATH", "PYTEST_CURRENT_TEST")
    environment = {key: value for key, value in os.environ.items() if key not in hidden}
    done = subprocess.run(
        ["make", f"PYTHON={sys.executable}"],
        cwd=folder,
        capture_output=True,
        text=True,
        env=environment,
    )
    return done.returncode, done.stdout + done.stderr


def test_right_vectors_pass(toy: Path) -> None:
    status, output = run_make(toy)
    assert status == 0, output
    assert "TESTS=5 PASS=5 FAIL=0" in output


@pytest.mark.parametrize("name", ["toy.v", "toy_weights.hex"])
def test_a_missing_file_is_named(toy: Path, tmp_path: Path, name: str) -> None:
    """Before anything is compiled: a memory without its contents would hold zeros."""
    folder = tmp_path / "part"
    shutil.copytree(toy, folder, ignore=shutil.ignore_patterns("build"))
    report = json.loads((folder / "report.json").read_text())
    files = [*report["files"], "toy.v", "toy_weights.hex"]
    (folder / "report.json").write_text(json.dumps({**report, "files": files}))
    (folder / "toy_weights.hex").touch()
    (folder / name).unlink()
    status, output = run_make(folder)
    assert status == 2 and f"lacks {name}" in output and "Traceback" not in output
    assert not (folder / "regression" / "build").exists()


@pytest.mark.parametrize(
    ("change", "said", "failing"),
    [
        ({"latency": LATENCY + 1}, "assert", 1),
        ({"interval": INTERVAL - 1}, "assert", 1),
        ({"magic": 1}, "magic must read 0x1, as in the build, not 0x0", 1),
        ({"frames": [[[0] * 32, [0xFFFF]]] * 2}, "frame 0: [0], not [65535]", 4),
    ],
    ids=["latency", "interval", "register", "word"],
)
def test_wrong_vectors_fail(toy: Path, change: dict[str, Any], said: str, failing: int) -> None:
    status, output = run_make(toy, **change)
    assert status != 0
    assert said in output and f"FAIL={failing}" in output


def test_weights_in_external_memory(tmp_path: Path) -> None:
    """A small memory in the regression has their image; a changed one is refused."""
    foldings = {"fc0": SelectFolding(8, 4, external=True), "fc1": SelectFolding(2, 2)}
    build_with_regression(
        mlp(12, 16, 3), "ecp5-25k", tmp_path / "build", vectors=3, foldings=foldings
    )
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}

    def make() -> subprocess.CompletedProcess[str]:
        command = ["make", f"PYTHON={sys.executable}"]
        return subprocess.run(
            command, cwd=tmp_path / "build", capture_output=True, text=True, env=environment
        )

    done = make()
    assert done.returncode == 0, done.stdout[-3000:]
    image = tmp_path / "build" / "weights.bin"
    content = image.read_bytes()
    image.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    done = make()
    assert done.returncode != 0
    assert "weights.bin must be as it was built: its sha256 differs" in done.stdout + done.stderr
