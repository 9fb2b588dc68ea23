"""Elements of an IP-XACT text: names in the namespace of IEEE 1685-2009, children in order."""

from __future__ import annotations

from collections.abc import Mapping
from xml.etree import ElementTree

__all__ = ["SPIRIT", "XILINX", "component", "node", "parameters", "vendor_node"]

SPIRIT = "http://www.spiritconsortium.org/XMLSchema/SPIRIT/1685-2009"

XILINX = "http://www.xilinx.com"
"""Of the extensions without which Vivado does not take a component into its catalogue."""

ElementTree.register_namespace("spirit", SPIRIT)
ElementTree.register_namespace("xilinx", XILINX)


def _named(name: str) -> str:
    return f"{{{SPIRIT}}}{name}"


def component(vendor: str, library: str, name: str, version: str) -> ElementTree.Element:
    """The root of a component with its identity."""
    root = ElementTree.Element(_named("component"))
    for tag, text in zip(
        ("vendor", "library", "name", "version"), (vendor, library, name, version)
    ):
        node(root, tag, text)
    return root


def node(
    parent: ElementTree.Element,
    tag: str,
    text: str | None = None,
    attributes: Mapping[str, str] | None = None,
) -> ElementTree.Element:
    """A new last child."""
    named = {_named(key): value for key, value in (attributes or {}).items()}
    child = ElementTree.SubElement(parent, _named(tag), named)
    child.text = text
    return child


def vendor_node(
    parent: ElementTree.Element,
    tag: str,
    text: str | None = None,
    attributes: Mapping[str, str] | None = None,
) -> ElementTree.Element:
    """A new last child in Xilinx's namespace."""
    named = {f"{{{XILINX}}}{key}": value for key, value in (attributes or {}).items()}
    child = ElementTree.SubElement(parent, f"{{{XILINX}}}{tag}", named)
    child.text = text
    return child


def parameters(parent: ElementTree.Element, values: Mapping[str, str], prefix: str) -> None:
    """Parameters of a bus by name, each with the identifier by which Vivado finds it."""
    group = node(parent, "parameters")
    for name, value in values.items():
        entry = node(group, "parameter")
        node(entry, "name", name)
        node(entry, "value", value, {"id": f"{prefix}.{name}"})
