"""What a build folder carries for other tools: C header, IP-XACT, Vivado and LiteX."""

from .write import WRAPPERS, check_wrapper, write_hand_over

__all__ = ["WRAPPERS", "check_wrapper", "write_hand_over"]
