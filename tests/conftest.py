"""Settings that hold for every test: repeatable generated cases and one thread per process.

Generated cases come from fixed seeds (`derandomize`), so a failure on one machine is a failure on
every machine. Numerical libraries get one thread each: the suite itself runs on all cores, and
threads that compete make it slower.
"""

from __future__ import annotations

import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import pytest  # noqa: E402  (the variables must be set before a library reads them)
from hypothesis import settings  # noqa: E402

settings.register_profile("sterna", derandomize=True, deadline=None, database=None)
settings.load_profile("sterna")

# Folders whose tests start compilers or place and route: first, so that neither core ends alone.
SLOW_FIRST = ("tests/flows/", "tests/sim/", "tests/docs/", "tests/models/")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def rank(item: pytest.Item) -> int:
        ranks = [i for i, folder in enumerate(SLOW_FIRST) if item.nodeid.startswith(folder)]
        return ranks[0] if ranks else len(SLOW_FIRST)

    items.sort(key=rank)
