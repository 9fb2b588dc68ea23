"""Builds Verilator models once, quickly, and runs cocotb tests on them.

A model's folder in the cache is named by a hash of its sources, options and tools, so the same
Verilog is never compiled twice, in whatever test, folder or process. The Verilator is the one that
`sterna_sim.verilator_tool` finds.

What makes a cold build quick (processor time on two busy cores; cocotb 2.1, Verilator 5.048):

- Verilator's own C++ runtime takes 14 s. Its object files are kept and put into the next build's
  folder before make looks for them; a small design then takes 2 s instead of 20 s, without ccache
  (where ccache is found, it is used as well).
- Only the top module's ports are visible to VPI: cocotb's default makes every signal public, which
  stops most of Verilator's optimisation.
- Files of generated C++ are five times larger than by default, since each pays for the headers
  again: 16 s instead of 23 s for a ternary MLP of 270,000 weights.
- Verilator's search for statements that can be moved together under one condition took 32 of the 43
  seconds that a random decoder of 1.8 MB of Verilog needs before any C++ is compiled. It is off,
  but in models for long runs.
- That MLP at -O0, -O1, -O2, -O3: 18, 23, 28 and 32 s to compile (with small files), then about 70,
  100, 140 and 110 thousand cycles a second. So -O1, and -O2 (``fast=True``) for long runs.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from sterna.cache import cache_folder

from .verilator_tool import SimulatorError, ToolError, Verilator, find_verilator

__all__ = [
    "SimulatorError",
    "ToolError",
    "build_model",
    "find_verilator",
    "run_model",
]

KEPT_MODELS = 300
"""So many models stay in the cache, a few megabytes each."""


def build_model(
    sources: Mapping[str, str],
    top: str,
    *,
    fast: bool = False,
    waves: bool = False,
    arguments: Sequence[str] = (),
) -> Path:
    """The folder of the model of ``sources`` (file name to text), built unless it is in the cache.

    Parameters
    ----------
    sources : mapping of :class:`str` to :class:`str`
        Verilog files; others (memory contents) are left for the run.
    top : :class:`str`
        The top module.
    fast : :class:`bool`
        Spend compile time for simulation speed.
    waves : :class:`bool`
        Build with tracing to VCD, controlled by ``$dumpvars`` and ``$dumpoff`` in the Verilog. (FST
        would need the development files of lz4 on the user's machine.)
    arguments : sequence of :class:`str`
        More arguments for Verilator.

    Raises
    ------
    SimulatorError
        If Verilator or the compiler rejects the sources.
    """
    tool = find_verilator()
    verilog = {name: text for name, text in sources.items() if name.endswith((".v", ".sv", ".vlt"))}
    options = ["--no-public-flat-rw", "--public-depth", "1", "-Wno-fatal"]
    options += ["--output-split", "100000", *arguments]
    if not fast:
        options.append("-fno-merge-cond-motion")
    flags = f"OPT_FAST={'-O2' if fast else '-O1'} OPT_SLOW=-O0 OPT_GLOBAL=-O1"
    if tool.root is not None:
        # The wheel was configured without a compiler: it does not know how to use a precompiled
        # header, which it makes and names for every model of more than one file.
        flags += " CFG_CXXFLAGS_PCH_I=-include"
    import cocotb_tools.config

    key = [str(tool), str(cocotb_tools.config.libs_dir), flags, top, str(waves), *options]
    digest = hashlib.sha256("\0".join(key).encode())
    runtime = cache_folder() / "runtime" / _digest([str(tool), _compiler(), str(waves)])
    for name, text in sorted(verilog.items()):
        digest.update(f"\0{name}\0{text}".encode())
    folder = cache_folder() / "models" / digest.hexdigest()[:24]
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _locked(folder.with_suffix(".lock")):
        if not folder.exists():
            temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix="building-"))
            try:
                _build(tool, verilog, top, options, flags, waves, temporary, runtime)
                temporary.rename(folder)
            finally:
                shutil.rmtree(temporary, ignore_errors=True)
            _drop_oldest(folder.parent)
        folder.touch()
    return folder


def _drop_oldest(models: Path) -> None:
    """Keeps the models that were used last."""
    folders = [path for path in models.iterdir() if path.is_dir()]
    for old in sorted(folders, key=lambda path: path.stat().st_mtime)[:-KEPT_MODELS]:
        shutil.rmtree(old, ignore_errors=True)
        old.with_suffix(".lock").unlink(missing_ok=True)


def _digest(parts: Sequence[str]) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]


def _build(
    tool: Verilator,
    verilog: Mapping[str, str],
    top: str,
    options: Sequence[str],
    flags: str,
    waves: bool,
    folder: Path,
    runtime: Path,
) -> None:
    from cocotb_tools.runner import get_runner

    for name, text in verilog.items():
        (folder / name).write_text(text)
    for kept in sorted(runtime.glob("*.o")):
        shutil.copy(kept, folder / kept.name)
        # Verilator's rules remake whatever is older than the Makefile that it is about to write.
        soon = time.time() + 3600
        os.utime(folder / kept.name, (soon, soon))
    # The wheel's makefiles call a plain `python`, which not every machine has.
    variables = {**tool.environment, "MAKEFLAGS": f"{flags} PYTHON3={sys.executable}"}
    if shutil.which("ccache"):
        variables["OBJCACHE"] = "ccache"
    log = folder / "build.log"
    with _environment(variables):
        try:
            get_runner("verilator").build(
                sources=[folder / name for name in sorted(verilog)],
                hdl_toplevel=top,
                build_dir=folder,
                build_args=list(options),
                timescale=("1ns", "1ps"),
                waves=waves,
                log_file=log,
            )
        except (RuntimeError, SystemExit) as error:
            raise SimulatorError(f"Verilator could not build {top}:\n{_tail(log)}") from error
    if not runtime.exists():
        runtime.mkdir(parents=True, exist_ok=True)
        for made in folder.glob("verilated*.o"):
            shutil.copy(made, runtime / f".{made.name}.{os.getpid()}")
            (runtime / f".{made.name}.{os.getpid()}").rename(runtime / made.name)
    for made in folder.iterdir():
        if made.is_file() and made.name not in (top, log.name):
            made.unlink()


def run_model(
    folder: Path,
    top: str,
    test_module: str,
    work: Path,
    *,
    environment: Mapping[str, str] | None = None,
    plusargs: Sequence[str] = (),
) -> None:
    """Runs a built model with a cocotb test module, with ``work`` as current folder.

    Raises
    ------
    SimulatorError
        If the simulation ended abnormally or a cocotb test failed.
    """
    from cocotb_tools.check_results import get_results
    from cocotb_tools.runner import get_runner

    work.mkdir(parents=True, exist_ok=True)
    log, results = work / "simulation.log", work / "results.xml"
    variables = dict(environment or {})
    try:
        get_runner("verilator").test(
            test_module=test_module,
            hdl_toplevel=top,
            hdl_toplevel_lang="verilog",
            build_dir=folder,
            test_dir=work,
            results_xml=str(results.resolve()),
            extra_env=variables,
            plusargs=list(plusargs),
            log_file=log,
            timescale=("1ns", "1ps"),
        )
        _, failed = get_results(results)
    except (SystemExit, RuntimeError) as error:
        raise SimulatorError(f"Simulation of {top} failed:\n{_tail(log)}") from error
    if failed:
        raise SimulatorError(f"Simulation of {top} failed:\n{_tail(log)}")


@lru_cache(maxsize=1)
def _compiler() -> str:
    return subprocess.run(["g++", "--version"], capture_output=True, text=True).stdout


def _tail(log: Path, lines: int = 15) -> str:
    if not log.exists():
        return "(no log)"
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])


@contextlib.contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Environment variables for as long as the runner works: it has no other way to take them."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
