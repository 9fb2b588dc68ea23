"""Verilog from a component: one file a module, contents of memories in files of their own.

Amaranth converts the design to Verilog in one text. Its submodules have dotted names, which need
escapes and make poor file names, so the dots become double underscores and the text is cut into one
file a module, named after it. It also adds a wire for each field of a struct, named like
``\\o__payload.data[0]``, that nothing reads: those are dropped, because Yosys 0.70 takes the name
for a bit of another wire and fails. Memories of `memory` do not appear as text with their contents:
each is an instance of the hand-written module ``sterna_memory``, which reads a hexadecimal file by
a relative name. Nothing depends on time, place, or the order of a hash table.
"""

from __future__ import annotations

import gc
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from amaranth.back import verilog
from amaranth.lib import wiring

__all__ = ["MEMORY_MODULE", "VerilogPlatform", "emit"]

MEMORY_MODULE = """\
// One read port with a latency of one or two cycles, contents from a file, optionally loadable.
module sterna_memory #(
    parameter DEPTH = 2,
    parameter WIDTH = 1,
    parameter ADDRESS_WIDTH = 1,
    parameter READ_LATENCY = 2,
    parameter RELOADABLE = 0,
    parameter RAM_STYLE = "block",
    parameter ROM_STYLE = "block",
    parameter INIT_FILE = ""
) (
    input  wire                     clk,
    input  wire [ADDRESS_WIDTH-1:0] read_address,
    output wire [WIDTH-1:0]         read_data,
    input  wire                     load_enable,
    input  wire [ADDRESS_WIDTH-1:0] load_address,
    input  wire [WIDTH-1:0]         load_data
);
    (* ram_style = RAM_STYLE, rom_style = ROM_STYLE, no_rw_check *)
    reg [WIDTH-1:0] rows [0:DEPTH-1];
    reg [WIDTH-1:0] memory_register;

    initial begin
        if (INIT_FILE != "") $readmemh(INIT_FILE, rows);
    end

    always @(posedge clk) memory_register <= rows[read_address];

    generate
        if (RELOADABLE != 0) begin : writable
            always @(posedge clk) if (load_enable) rows[load_address] <= load_data;
        end else begin : fixed
            wire unused = &{1'b0, load_enable, load_address, load_data};
        end
        if (READ_LATENCY == 2) begin : output_registered
            reg [WIDTH-1:0] output_register;
            always @(posedge clk) output_register <= memory_register;
            assign read_data = output_register;
        end else begin : direct
            assign read_data = memory_register;
        end
    endgenerate
endmodule
"""


class VerilogPlatform:
    """Given to ``elaborate`` in place of a platform: says that Verilog is wanted, and collects the
    contents of memories (``files``: file name -> text)."""

    def __init__(self) -> None:
        self.files: dict[str, str] = {}
        self.has_memory = False

    def add_memory(self, name: str, rows: Sequence[int] | None, width: int) -> str:
        """The name of the file that holds ``rows``; empty when there are none.

        A second memory of the same name gets a number behind it, unless its contents are equal.
        """
        self.has_memory = True
        if rows is None:
            return ""
        digits = -(-width // 4)
        text = "".join(f"{row:0{digits}x}\n" for row in rows)
        number, file = 1, f"{name}.hex"
        while self.files.get(file, text) != text:
            number += 1
            file = f"{name}_{number}.hex"
        self.files[file] = text
        return file


def emit(component: wiring.Component, name: str) -> dict[str, str]:
    """All files of a component as Verilog: file name -> text.

    ``<name>.v`` is the top, ``<name>__<path>.v`` its submodules, ``sterna_memory.v`` and
    ``*.hex`` come with memories. Ports have flat names (``i__payload``, ``i__valid``, ...), the
    clock is ``clk``, the synchronous reset ``rst``.

    Raises
    ------
    ValueError
        If ``name`` is not an identifier.
    """
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        raise ValueError(f"Name of a module must be an identifier, not {name!r}")
    platform = VerilogPlatform()
    with _collector_paused():
        text = verilog.convert(
            component, name=name, platform=platform, strip_internal_attrs=True, emit_src=False
        )
    files = {
        name: _without_field_wires(module) for name, module in _one_module_a_file(text).items()
    }
    files.update(platform.files)
    if platform.has_memory:
        files["sterna_memory.v"] = MEMORY_MODULE
    return dict(sorted(files.items()))


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Amaranth makes millions of objects that all stay until it is done: looking for unused ones
    among them took a fifth of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _one_module_a_file(text: str) -> dict[str, str]:
    """Cuts Verilog into modules, after their dotted names have become plain identifiers."""
    for escaped in sorted(set(re.findall(r"^module (\\\S+) ", text, re.MULTILINE))):
        plain = re.sub(r"\W", "_", escaped[1:].replace(".", "__"))
        text = text.replace(escaped + " ", plain + " ")
    files = {}
    # Attributes stand before the module they belong to.
    for match in re.finditer(
        r"(?:^\(\*[^\n]*\*\)\n)*^module (\w+).*?^endmodule\n", text, re.MULTILINE | re.DOTALL
    ):
        files[f"{match[1]}.v"] = match[0]
    return files


def _without_field_wires(text: str) -> str:
    """Drops wires with escaped names like ``\\a.b[0]`` that are assigned and never read."""
    declared = re.findall(r"^  wire (?:\[\d+:0\] )?(\\\S*[.\[]\S*) ;$", text, re.MULTILINE)
    names = Counter(re.findall(r"\\\S+", text))
    unread = {name for name in declared if names[name] == 2}
    kept = []
    for line in text.splitlines(keepends=True):
        found = re.match(r"  (?:wire (?:\[\d+:0\] )?|assign )(\\\S+) ", line)
        if not (found and found[1] in unread):
            kept.append(line)
    return "".join(kept)
