"""What the simulation must know of a built design: read from ``design.json`` and checked.

A build folder holds ``design.json`` beside its Verilog (`sterna.design`). From it the simulation
takes the name of the top, what the edges carry, the stages, each behind those that it reads
(instances in the top, one output of which carries the values of a layer, or of none that the golden
model knows), the build hash, and the predicted cycles. Nothing here knows what a layer computes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sterna_hw.accelerator import AcceleratorConfig
from sterna_hw.base import IntegerRange
from sterna_hw.beat import beat_count
from sterna_hw.stage import port_shape

__all__ = ["DesignDescription", "FrameShape", "WatchedStream", "describe"]

VERSION = 1


@dataclass(frozen=True)
class FrameShape:
    """A stream's frames: ``elements`` of a range, ``count`` of them in a beat."""

    elements: int
    values: IntegerRange
    count: int

    @property
    def beats(self) -> int:
        """Beats of a frame."""
        return beat_count(self.elements, self.count)

    def to_json(self) -> dict[str, Any]:
        values = [self.values.low, self.values.high]
        return {"elements": self.elements, "range": values, "count": self.count}


@dataclass(frozen=True)
class WatchedStream:
    """An output of an instance in the top, and the layer whose values it carries, if any."""

    instance: str
    layer: str | None
    shape: FrameShape
    port: str = "o"


@dataclass(frozen=True)
class DesignDescription:
    """What simulation needs of ``design.json``; ``latency`` and ``interval`` in cycles, ``memory``
    what it says of weights in external memory, as it stands there."""

    top: str
    input: FrameShape
    output: FrameShape
    streams: tuple[WatchedStream, ...] = ()
    build_hash: int = 0
    latency: int | None = None
    interval: int | None = None
    memory: Mapping[str, Any] | None = None

    @property
    def memory_ports(self) -> int:
        """AXI4 ports that read weights."""
        return len(self.memory["ports"]) if self.memory else 0

    @classmethod
    def read(cls, directory: Path) -> DesignDescription:
        """The description in a build folder.

        Raises
        ------
        ValueError
            If the folder is not a build, or its description is damaged or of another version.
        """
        path = Path(directory) / "design.json"
        try:
            content = json.loads(path.read_text())
            if content["version"] != VERSION:
                raise ValueError(f"Version of {path} must be {VERSION}, not {content['version']!r}")
            cycles = content.get("cycles") or {}
            return cls(
                top=content["name"],
                input=_shape(content["input"]),
                output=_shape(content["output"]),
                streams=tuple(
                    WatchedStream(
                        stage["name"], stage["layer"], _shape(stage), stage.get("port", "o")
                    )
                    for stage in content["stages"]
                ),
                build_hash=int(content["build_hash"], 16),
                latency=cycles.get("latency"),
                interval=cycles.get("interval"),
                memory=content.get("memory"),
            )
        except FileNotFoundError:
            raise ValueError(f"Folder must be a build with design.json, not {directory}") from None
        except (KeyError, TypeError, AttributeError, json.JSONDecodeError) as error:
            raise ValueError(f"Description {path} must be whole, but lacks {error}") from None

    def write(self, directory: Path) -> None:
        """Writes the part of ``design.json`` that is known here."""
        stages = [
            {
                "name": stream.instance,
                "layer": stream.layer,
                "port": stream.port,
                **stream.shape.to_json(),
            }
            for stream in self.streams
        ]
        content: dict[str, Any] = {
            "version": VERSION,
            "name": self.top,
            "build_hash": f"{self.build_hash:08x}",
            "input": self.input.to_json(),
            "output": self.output.to_json(),
            "stages": stages,
        }
        if self.latency is not None:
            content["cycles"] = {"latency": self.latency, "interval": self.interval}
        (Path(directory) / "design.json").write_text(json.dumps(content, indent=1) + "\n")


def describe(
    config: AcceleratorConfig, latency: int | None = None, interval: int | None = None
) -> DesignDescription:
    """The description of an accelerator whose layers are known under their stages' names."""
    streams = []
    for stage in config.stages:
        name = stage.outputs[0]
        port = port_shape(stage.part, name)
        shape = FrameShape(port.elements, port.values, port.count)
        streams.append(WatchedStream(stage.name, stage.name, shape, name))
    entry, exit_ = (
        FrameShape(edge.elements, edge.values, edge.count)
        for edge in (config.input_edge, config.output_edge)
    )
    hash_ = config.build_hash
    return DesignDescription(config.name, entry, exit_, tuple(streams), hash_, latency, interval)


def _shape(content: Mapping[str, Any]) -> FrameShape:
    return FrameShape(content["elements"], IntegerRange(*content["range"]), content["count"])
