"""Evaluates points: in this process, in processes of its own, or on an existing Dask cluster.

Each way gives the same outcomes, in whatever order they finish. One worker is this process; several
are a local cluster of `dask.distributed`, whose processes end with this one, however it ends. With
an address points go to a scheduler that runs already; its workers must have the same Sterna
installed. What comes to a worker is a job and a design; what comes back is an outcome.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Protocol

from .sampling import Point
from .space import Job, evaluate

__all__ = ["Evaluator", "evaluator"]


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
        If there is no scheduler at that address.
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
            yield lambda points: _there(client, job, points)
        return
    with (
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            # Any free port: the usual one belongs to whoever came first.
            dashboard_address=":0",
            silence_logs=logging.CRITICAL,
        ) as cluster,
        Client(cluster) as client,
    ):
        yield lambda points: _there(client, job, points)


def _here(job: Job, points: Sequence[Point]) -> Iterator[Point]:
    for point in points:
        yield replace(point, outcome=evaluate(job, point.outcome.design))


def _there(client: object, job: Job, points: Sequence[Point]) -> Iterator[Point]:
    from distributed import Client, as_completed

    assert isinstance(client, Client)
    futures = {
        client.submit(evaluate, job, dict(point.outcome.design), pure=False): point
        for point in points
    }
    for future in as_completed(futures):
        yield replace(futures[future], outcome=future.result())
