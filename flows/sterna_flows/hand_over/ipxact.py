"""`component.xml`: the accelerator as an IP-XACT component (IEEE 1685-2009), as Vivado reads it.

The folder of the build is the IP: add it as a repository (`set_property ip_repo_paths`), and the
accelerator appears under `sterna`. The component names its buses by Xilinx's bus definitions, so a
block design connects them as wholes: AXI4-Stream, AXI4-Lite, AXI4 masters, the clock with what
belongs to it, the reset with its polarity, the interrupt. Registers stand in the memory map with
their fields. File sets hold the Verilog and the contents of memories. Xilinx's extensions name the
families of devices.

The text is checked against the standard's schema by a test; this project has not opened it in
Vivado. Addresses of memory ports are given as the bits that they drive.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from .ipxact_registers import memory_maps
from .ipxact_text import component, node, parameters, vendor_node
from .ports import Interface, Top

__all__ = ["ip_xact"]

VENDOR = "sterna"
LIBRARY = "accelerator"

_BUSES = {"axis": "axis", "axi4lite": "aximm", "axi4": "aximm"}
_SEVEN = ("artix7", "kintex7", "virtex7", "spartan7", "zynq")
_PLUS = ("artixuplus", "kintexuplus", "virtexuplus", "virtexuplusHBM", "zynquplus")
_FAMILIES = {"xc7": _SEVEN, "xcup": _PLUS}
"""Vivado's families by the family of a target: a design for one may use cells that another lacks.
One for a target of another vendor uses none of Xilinx's cells, and is offered for all."""
VIVADO = "2022.1"
"""The release whose form of a component this is."""

_VIEWS = (
    ("xilinx_anylanguagesynthesis", ":vivado.xilinx.com:synthesis"),
    ("xilinx_anylanguagebehavioralsimulation", ":vivado.xilinx.com:simulation"),
)


def ip_xact(
    top: Top,
    table: Mapping[str, Any],
    sources: Sequence[str],
    contents: Sequence[str],
    title: str,
    family: str,
) -> str:
    """The text of the component.

    Parameters
    ----------
    top : :class:`Top`
        The module and its interfaces.
    table : mapping
        Its registers, as `driver_table` gives them.
    sources, contents : sequences of :class:`str`
        Names of Verilog files and of files with contents of memories.
    title : :class:`str`
        One line that says what it is.
    family : :class:`str`
        Of the target (`sterna_hw.base.Device`).
    """
    root = component(VENDOR, LIBRARY, top.name, "1.0")
    interfaces = node(root, "busInterfaces")
    for interface in top.interfaces:
        _bus(interfaces, interface, top)
    _clock_and_reset(interfaces, top)
    if "interrupt" in top.ports:
        bus = _signal(interfaces, "interrupt", "interrupt", "INTERRUPT", master=True)
        parameters(bus, {"SENSITIVITY": "LEVEL_HIGH"}, "BUSIFPARAM_VALUE.INTERRUPT")
    if top.memory_ports:
        spaces = node(root, "addressSpaces")
        for interface in top.memory_ports:
            space = node(spaces, "addressSpace")
            node(space, "name", interface.name)
            node(space, "range", str(1 << top.width(interface.signals["araddr"])))
            node(space, "width", str(top.width(interface.signals["rdata"])))
    memory_maps(root, "S_AXI_LITE", table, 1 << top.width("s_axil_awaddr"))
    _model(root, top)
    _file_sets(root, sources, contents)
    node(root, "description", title)
    values = node(root, "parameters")
    name = node(values, "parameter")
    node(name, "name", "Component_Name")
    attributes = {"resolve": "user", "id": "PARAM_VALUE.Component_Name"}
    node(name, "value", top.name, attributes)
    _extensions(root, title, family)
    ElementTree.indent(root, " ")
    text = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _bus(parent: ElementTree.Element, interface: Interface, top: Top) -> None:
    bus = node(parent, "busInterface")
    node(bus, "name", interface.name)
    kind = _BUSES[interface.kind]
    where = {"vendor": "xilinx.com", "library": "interface", "version": "1.0"}
    node(bus, "busType", None, {**where, "name": kind})
    node(bus, "abstractionType", None, {**where, "name": f"{kind}_rtl"})
    role = node(bus, "master" if interface.master else "slave")
    if interface.kind == "axi4lite":
        node(role, "memoryMapRef", None, {"memoryMapRef": interface.name})
    if interface.kind == "axi4":
        node(role, "addressSpaceRef", None, {"addressSpaceRef": interface.name})
    _port_maps(bus, {signal.upper(): port for signal, port in interface.signals.items()})
    values: dict[str, str] = {}
    if interface.kind == "axis":
        signals = interface.signals
        values["TDATA_NUM_BYTES"] = str(top.width(signals["tdata"]) // 8)
        for signal in ("tkeep", "tlast", "tready", "tstrb"):
            values[f"HAS_{signal.upper()}"] = str(int(signal in signals))
    else:
        values["PROTOCOL"] = "AXI4LITE" if interface.kind == "axi4lite" else "AXI4"
        values["DATA_WIDTH"] = str(top.width(interface.signals["rdata"]))
        if "awaddr" not in interface.signals:
            values["READ_WRITE_MODE"] = "READ_ONLY"
        values["ADDR_WIDTH"] = str(top.width(interface.signals["araddr"]))
    parameters(bus, values, f"BUSIFPARAM_VALUE.{interface.name}")


def _clock_and_reset(parent: ElementTree.Element, top: Top) -> None:
    bus = _signal(parent, "aclk", "clock", "CLK")
    associated = ":".join(interface.name for interface in top.interfaces)
    values = {"ASSOCIATED_BUSIF": associated, "ASSOCIATED_RESET": "aresetn"}
    parameters(bus, values, "BUSIFPARAM_VALUE.ACLK")
    bus = _signal(parent, "aresetn", "reset", "RST")
    parameters(bus, {"POLARITY": "ACTIVE_LOW"}, "BUSIFPARAM_VALUE.ARESETN")


def _signal(
    parent: ElementTree.Element, port: str, kind: str, logical: str, master: bool = False
) -> ElementTree.Element:
    bus = node(parent, "busInterface")
    node(bus, "name", port)
    where = {"vendor": "xilinx.com", "library": "signal", "version": "1.0"}
    node(bus, "busType", None, {**where, "name": kind})
    node(bus, "abstractionType", None, {**where, "name": f"{kind}_rtl"})
    node(bus, "master" if master else "slave")
    _port_maps(bus, {logical: port})
    return bus


def _port_maps(bus: ElementTree.Element, pairs: Mapping[str, str]) -> None:
    maps = node(bus, "portMaps")
    for logical, physical in pairs.items():
        pair = node(maps, "portMap")
        node(node(pair, "logicalPort"), "name", logical)
        node(node(pair, "physicalPort"), "name", physical)


def _model(root: ElementTree.Element, top: Top) -> None:
    model = node(root, "model")
    views = node(model, "views")
    for name, environment in _VIEWS:
        view = node(views, "view")
        node(view, "name", name)
        node(view, "envIdentifier", environment)
        node(view, "language", "Verilog")
        node(view, "modelName", top.name)
        node(node(view, "fileSetRef"), "localName", f"{name}_view_fileset")
    ports = node(model, "ports")
    for port_name, port in top.ports.items():
        entry = node(ports, "port")
        node(entry, "name", port_name)
        wire = node(entry, "wire")
        node(wire, "direction", {"input": "in", "output": "out"}[port.direction])
        if port.width > 1:
            vector = node(wire, "vector")
            node(vector, "left", str(port.width - 1), {"format": "long"})
            node(vector, "right", "0", {"format": "long"})
        kind = node(node(wire, "wireTypeDefs"), "wireTypeDef")
        node(kind, "typeName", "std_logic_vector" if port.width > 1 else "std_logic")
        for name, _ in _VIEWS:
            node(kind, "viewNameRef", name)


def _file_sets(root: ElementTree.Element, sources: Sequence[str], contents: Sequence[str]) -> None:
    sets = node(root, "fileSets")
    for name, _ in _VIEWS:
        group = node(sets, "fileSet")
        node(group, "name", f"{name}_view_fileset")
        for source in sources:
            file = node(group, "file")
            node(file, "name", Path(source).name)
            node(file, "fileType", "verilogSource")
        for content in contents:
            file = node(group, "file")
            node(file, "name", Path(content).name)
            node(file, "userFileType", "mem")


def _extensions(root: ElementTree.Element, title: str, family: str) -> None:
    """What Vivado wants beside the standard: families, a place in the catalogue, a name."""
    extensions = node(root, "vendorExtensions")
    core = vendor_node(extensions, "coreExtensions")
    families = vendor_node(core, "supportedFamilies")
    for name in _FAMILIES.get(family, (*_SEVEN, *_PLUS)):
        vendor_node(families, "family", name, {"lifeCycle": "Production"})
    vendor_node(vendor_node(core, "taxonomies"), "taxonomy", "/UserIP")
    vendor_node(core, "displayName", title)
    vendor_node(core, "coreRevision", "1")
    vendor_node(vendor_node(extensions, "packagingInfo"), "xilinxVersion", VIVADO)
