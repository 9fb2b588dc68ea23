"""Evaluates points: in this process, in processes of its own, or on an existing Dask cluster.

Each way gives the same outcomes, in whatever order they finish. One worker is this process; several
are a local cluster of `dask.distributed`, whose processes end with this one, however it ends. With
an address points go to a scheduler that runs already. What comes to a worker is a job and a design;
what comes back is an outcome. A worker first compares the text of its Sterna with that of the
process that asks: another one may well give other outcomes.

Local processes do not read the script that explores, so that needs no guard against being run
again, and may come from standard input.
"""

from __future__ import annotations

import hashlib
import logging
import signal
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from importlib.util import find_spec
from multiprocessing import resource_tracker
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol

from ..tools import ToolError
from .sampling import Point
from .space import Job, Outcome, evaluate

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["Evaluator", "evaluator"]

PATIENCE_SECONDS = 60
"""How long a cluster may take until it has a worker."""

PACKAGES = ("sterna_hw", "sterna", "sterna_flows")

_main_hidden = threading.Lock()


class Evaluator(Protocol):
    """Evaluates points whose outcomes hold a design only; they come back with whole outcomes as
    they finish."""

    def __call__(self, points: Sequence[Point]) -> Iterator[Point]: ...


@contextmanager
def evaluator(job: Job, workers: int, scheduler: str | None) -> Iterator[Evaluator]:
    """An evaluator of a job's points.

    Parameters
    ----------
    job : :class:`Job`
    workers : :class:`int`
        How many local processes, if there is no address.
    scheduler : :class:`str`, optional
        Address of a Dask scheduler, such as ``tcp://host:8786``.

    Raises
    ------
    ValueError
        If there is no scheduler at that address, or no worker with this Sterna behind it.
    ToolError
        If workers die.
    """
    if scheduler is None and workers == 1:
        yield lambda points: _here(job, points)
        return
    from dask import config
    from distributed import Client, LocalCluster

    # What workers say when they are told to end is of no use to anybody.
    config.set({"logging.distributed": "critical"})
    if scheduler is not None:
        try:
            client = Client(scheduler, timeout=10)
        except (OSError, ValueError) as error:
            raise ValueError(
                f"Scheduler must be the address of a Dask scheduler that runs, not {scheduler!r}: "
                f"{error}"
            ) from None
        with client:
            _wait_for_worker(client, scheduler)
            yield lambda points: _there(client, job, points)
        return
    with _without_main(), _without_interruption():
        cluster = LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            # Any free port: the usual one belongs to whoever came first.
            dashboard_address=":0",
            silence_logs=logging.CRITICAL,
        )
    with cluster, Client(cluster) as client:
        yield lambda points: _there(client, job, points)


@contextmanager
def _without_main() -> Iterator[None]:
    """Hides the script from processes that start meanwhile: they would run it first."""
    with _main_hidden:
        main = sys.modules["__main__"]
        sys.modules["__main__"] = ModuleType("__main__")
        try:
            yield
        finally:
            sys.modules["__main__"] = main


@contextmanager
def _without_interruption() -> Iterator[None]:
    """Processes that start meanwhile take no notice of an interruption from the keyboard, which
    goes to all of them: the one that explores ends the others. One that comes meanwhile waits."""
    # Python's own helper lets the signal through again when it starts: so it starts before.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _wait_for_worker(client: Client, scheduler: str) -> None:
    """Asks something easy, so that a cluster that grows on demand does."""
    future = client.submit(len, (), pure=False)
    try:
        future.result(timeout=PATIENCE_SECONDS)
    except TimeoutError:
        raise ValueError(
            f"Scheduler {scheduler} must have a worker within {PATIENCE_SECONDS} seconds: "
            f"dask worker {scheduler} starts one"
        ) from None


def _here(job: Job, points: Sequence[Point]) -> Iterator[Point]:
    for point in points:
        yield replace(point, outcome=evaluate(job, point.outcome.design))


def _there(client: Client, job: Job, points: Sequence[Point]) -> Iterator[Point]:
    from distributed import KilledWorker, as_completed

    futures = {
        client.submit(
            _evaluate_alike, text_of_sterna(), job, dict(point.outcome.design), pure=False
        ): point
        for point in points
    }
    for future in as_completed(futures):
        point = futures[future]
        try:
            outcome = future.result()
        except KilledWorker as error:
            raise ToolError(
                f"Workers must stay alive, but several died over point {point.number}, as happens "
                f"where memory runs out: {error}"
            ) from None
        except ImportError as error:
            raise ValueError(f"Workers must have Sterna installed: {error}") from None
        yield replace(point, outcome=outcome)


def _evaluate_alike(expected: str, job: Job, design: Mapping[str, Any]) -> Outcome:
    """`evaluate`, by a worker with the same Sterna.

    Raises
    ------
    ValueError
        If it is another one.
    """
    if text_of_sterna() != expected:
        raise ValueError("Workers must have the same Sterna as the process that explores")
    return evaluate(job, design)


@lru_cache(maxsize=1)
def text_of_sterna() -> str:
    """A digest of the program text that outcomes depend on, as it is installed here."""
    digest = hashlib.sha256()
    for package in PACKAGES:
        spec = find_spec(package)
        assert spec is not None and spec.origin is not None
        folder = Path(spec.origin).parent
        for path in sorted(folder.rglob("*.py")):
            digest.update(f"{package}/{path.relative_to(folder)}\n".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()
