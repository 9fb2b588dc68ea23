"""Where things are kept that take a while to make and can be made again: compiled models, mostly.

Nothing in it is needed: whoever finds nothing there makes it, and it may be deleted at any time.
"""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["cache_folder"]


def cache_folder() -> Path:
    """``STERNA_CACHE``, or ``sterna`` in the user's cache folder."""
    if "STERNA_CACHE" in os.environ:
        return Path(os.environ["STERNA_CACHE"])
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sterna"
