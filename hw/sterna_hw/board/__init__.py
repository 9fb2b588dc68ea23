"""What stands around an accelerator on a board without a processor: UART, requests, top."""

from .board_top import BoardTop, BoardTopConfig
from .bridge import RequestBridge, RequestBridgeConfig
from .uart import UartConfig, UartReceiver, UartTransmitter

__all__ = [
    "BoardTop",
    "BoardTopConfig",
    "RequestBridge",
    "RequestBridgeConfig",
    "UartConfig",
    "UartReceiver",
    "UartTransmitter",
]
