"""A Vivado script that puts an accelerator on a board: block design, address map, bitstream.

For the KV260 (Zynq UltraScale+) and the PYNQ-Z2 (Zynq-7000). The accelerator comes from the build
folder itself, which is an IP repository by its `component.xml`. Around it: the processing system
with its clock, a reset block, the interrupt, a path from the processor to the registers; for
streaming designs an AXI DMA (simple mode, both directions) at one high-performance port, with
converters between its width and those of the streams; and a high-performance port for each memory
port, of decoders or of weights in external memory. Names and addresses are those that
`sterna_driver` looks for.

This project runs no Vivado: a test runs the script in a plain Tcl interpreter in which Vivado's
commands only record how they were called, and checks what was recorded. Versions of IP are the
newest that the installed Vivado has.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from .ports import Top

__all__ = ["BOARDS", "Board", "block_design", "dma_bytes", "has_ports"]

CONVERTER_BYTES = 512
"""The widest word inside Xilinx's width converter, which is a common multiple of both widths."""


@dataclass(frozen=True)
class Board:
    """How a board's processing system is called and set up.

    ``ports`` pairs each high-performance port with its clock and the options that switch it on and
    make it as wide as can be; ``options`` hold ``{clock}``, in MHz.
    """

    name: str
    part: str
    boards: str
    ip: str
    automation: str
    options: str
    clock: str
    reset: str
    interrupt: str
    control: tuple[str, str]
    ports: tuple[tuple[str, str, str], ...]
    base: int


BOARDS = {
    "xck26": Board(
        name="KV260",
        part="xck26-sfvc784-2LV-c",
        boards="*kv260_som*",
        ip="zynq_ultra_ps_e",
        automation='apply_board_preset "1"',
        options="CONFIG.PSU__USE__M_AXI_GP0 {{1}} CONFIG.PSU__USE__M_AXI_GP1 {{0}} "
        "CONFIG.PSU__USE__M_AXI_GP2 {{0}} CONFIG.PSU__USE__IRQ0 {{1}} "
        "CONFIG.PSU__FPGA_PL0_ENABLE {{1}} CONFIG.PSU__CRL_APB__PL0_REF_CTRL__FREQMHZ {{{clock}}}",
        clock="pl_clk0",
        reset="pl_resetn0",
        interrupt="pl_ps_irq0",
        control=("M_AXI_HPM0_FPD", "maxihpm0_fpd_aclk"),
        ports=tuple(
            (
                f"S_AXI_HP{number}_FPD",
                f"saxihp{number}_fpd_aclk",
                f"CONFIG.PSU__USE__S_AXI_GP{number + 2} {{1}} "
                f"CONFIG.PSU__SAXIGP{number + 2}__DATA_WIDTH {{128}}",
            )
            for number in range(4)
        ),
        base=0xA000_0000,
    ),
    "xc7z020": Board(
        name="PYNQ-Z2",
        part="xc7z020clg400-1",
        boards="*pynq-z2*",
        ip="processing_system7",
        automation='make_external "FIXED_IO, DDR" apply_board_preset "1"',
        options="CONFIG.PCW_USE_M_AXI_GP0 {{1}} CONFIG.PCW_USE_FABRIC_INTERRUPT {{1}} "
        "CONFIG.PCW_IRQ_F2P_INTR {{1}} CONFIG.PCW_EN_CLK0_PORT {{1}} "
        "CONFIG.PCW_FPGA0_PERIPHERAL_FREQMHZ {{{clock}}}",
        clock="FCLK_CLK0",
        reset="FCLK_RESET0_N",
        interrupt="IRQ_F2P",
        control=("M_AXI_GP0", "M_AXI_GP0_ACLK"),
        ports=tuple(
            (
                f"S_AXI_HP{number}",
                f"S_AXI_HP{number}_ACLK",
                f"CONFIG.PCW_USE_S_AXI_HP{number} {{1}} "
                f"CONFIG.PCW_S_AXI_HP{number}_DATA_WIDTH {{64}}",
            )
            for number in range(4)
        ),
        base=0x4000_0000,
    ),
}
"""Boards by target."""


def dma_bytes(stream_bytes: int) -> int:
    """Bytes of the DMA's stream beside a design's: eight, or fewer where the converter between them
    could not be so wide."""
    fitting = (n for n in (8, 4, 2) if math.lcm(n, stream_bytes) <= CONVERTER_BYTES)
    return next(fitting, 1)


def has_ports(top: Top, target: str) -> bool:
    """Whether a board with the target has a port for each that the design needs."""
    needed = int(top.has_streams) + len(top.memory_ports)
    return target in BOARDS and needed <= len(BOARDS[target].ports)


def block_design(top: Top, target: str, clock_mhz: float) -> str:
    """The text of the script.

    Raises
    ------
    ValueError
        If the target is on no board of the table, or has too few memory ports.
    """
    if target not in BOARDS:
        raise ValueError(f"Target of a block design must be one of {', '.join(BOARDS)}")
    board = BOARDS[target]
    first = int(top.has_streams)
    used = first + len(top.memory_ports)
    if not has_ports(top, target):
        raise ValueError(
            f"Memory ports of a design on a {board.name}, one for the DMA of streams included, "
            f"must be at most {len(board.ports)}, not {used}"
        )
    own = board.options.format(clock=f"{clock_mhz:g}")
    options = " ".join([own, *(port[2] for port in board.ports[:used])])
    parts = [_start(top, board, options), _control(top, board)]
    if top.has_streams:
        parts.append(_streams(top, board))
    parts += [
        _memory(interface.name, number, *board.ports[first + number][:2])
        for number, interface in enumerate(top.memory_ports)
    ]
    parts.append(_end(top, board))
    return "\n".join(parts)


def _start(top: Top, board: Board, options: str) -> str:
    return f"""\
# vivado -mode batch -source {top.name}_board.tcl
# {board.name}: leaves design.bit and design.hwh in this folder.
set here [file dirname [file normalize [info script]]]
cd $here
proc newest {{name}} {{
    return [lindex [lsort -dictionary [get_ipdefs "xilinx.com:ip:${{name}}:*"]] end]
}}
proc clocked {{args}} {{
    foreach pin $args {{ connect_bd_net [get_bd_pins ps/{board.clock}] [get_bd_pins $pin] }}
}}
proc reset_by {{args}} {{
    foreach pin $args {{
        connect_bd_net [get_bd_pins reset/peripheral_aresetn] [get_bd_pins $pin]
    }}
}}
proc joined {{from to}} {{
    connect_bd_intf_net [get_bd_intf_pins $from] [get_bd_intf_pins $to]
}}

create_project {top.name}_board [file join $here vivado_board] -part {board.part} -force
set boards [lsort -dictionary [get_board_parts -quiet {{{board.boards}}}]]
if {{![llength $boards]}} {{
    error "Vivado must know the board {board.name}, to set up its memory: install its board files"
}}
set_property board_part [lindex $boards end] [current_project]
set_property ip_repo_paths [list $here] [current_project]
update_ip_catalog
create_bd_design design

create_bd_cell -type ip -vlnv [newest {board.ip}] ps
apply_bd_automation -rule xilinx.com:bd_rule:{board.ip} \\
    -config {{{board.automation}}} [get_bd_cells ps]
set_property -dict [list {options}] [get_bd_cells ps]
create_bd_cell -type ip -vlnv sterna:accelerator:{top.name}:1.0 sterna
create_bd_cell -type ip -vlnv [newest proc_sys_reset] reset
connect_bd_net [get_bd_pins ps/{board.reset}] [get_bd_pins reset/ext_reset_in]
clocked reset/slowest_sync_clk sterna/aclk
reset_by sterna/aresetn
connect_bd_net [get_bd_pins sterna/interrupt] [get_bd_pins ps/{board.interrupt}]
"""


def _control(top: Top, board: Board) -> str:
    master, clock = board.control
    count = 2 if top.has_streams else 1
    return f"""\
# From the processor to the registers.
create_bd_cell -type ip -vlnv [newest smartconnect] control
set_property -dict [list CONFIG.NUM_SI {{1}} CONFIG.NUM_MI {{{count}}}] [get_bd_cells control]
clocked ps/{clock} control/aclk
reset_by control/aresetn
joined ps/{master} control/S00_AXI
joined control/M00_AXI sterna/S_AXI_LITE
"""


def _streams(top: Top, board: Board) -> str:
    port, clock, _ = board.ports[0]
    given, taken = (top.width(name) // 8 for name in ("s_axis_tdata", "m_axis_tdata"))
    sides = (
        _converter("give", dma_bytes(given), given, "dma/M_AXIS_MM2S", "sterna/S_AXIS"),
        _converter("take", taken, dma_bytes(taken), "sterna/M_AXIS", "dma/S_AXIS_S2MM"),
    )
    return f"""\
# Between memory and the streams.
create_bd_cell -type ip -vlnv [newest axi_dma] dma
set_property -dict [list CONFIG.c_include_sg {{0}} CONFIG.c_sg_include_stscntrl_strm {{0}} \\
    CONFIG.c_sg_length_width {{26}} CONFIG.c_m_axi_mm2s_data_width {{64}} \\
    CONFIG.c_m_axis_mm2s_tdata_width {{{8 * dma_bytes(given)}}} \\
    CONFIG.c_m_axi_s2mm_data_width {{64}}] [get_bd_cells dma]
clocked dma/s_axi_lite_aclk dma/m_axi_mm2s_aclk dma/m_axi_s2mm_aclk
reset_by dma/axi_resetn
joined control/M01_AXI dma/S_AXI_LITE
{"".join(sides)}\
create_bd_cell -type ip -vlnv [newest smartconnect] memory
set_property -dict [list CONFIG.NUM_SI {{2}} CONFIG.NUM_MI {{1}}] [get_bd_cells memory]
clocked memory/aclk ps/{clock}
reset_by memory/aresetn
joined dma/M_AXI_MM2S memory/S00_AXI
joined dma/M_AXI_S2MM memory/S01_AXI
joined memory/M00_AXI ps/{port}
"""


def _converter(name: str, given: int, taken: int, source: str, sink: str) -> str:
    """Words of another width, unless both are the same."""
    if given == taken:
        return f"joined {source} {sink}\n"
    return f"""\
create_bd_cell -type ip -vlnv [newest axis_dwidth_converter] {name}
set_property -dict [list CONFIG.S_TDATA_NUM_BYTES {{{given}}} \\
    CONFIG.M_TDATA_NUM_BYTES {{{taken}}} CONFIG.HAS_TLAST {{1}} CONFIG.HAS_TKEEP {{1}}] \\
    [get_bd_cells {name}]
clocked {name}/aclk
reset_by {name}/aresetn
joined {source} {name}/S_AXIS
joined {name}/M_AXIS {sink}
"""


def _memory(name: str, number: int, port: str, clock: str) -> str:
    return f"""\
# Memory port {number}.
create_bd_cell -type ip -vlnv [newest smartconnect] memory{number}
set_property -dict [list CONFIG.NUM_SI {{1}} CONFIG.NUM_MI {{1}}] [get_bd_cells memory{number}]
clocked memory{number}/aclk ps/{clock}
reset_by memory{number}/aresetn
joined sterna/{name} memory{number}/S00_AXI
joined memory{number}/M00_AXI ps/{port}
"""


def _end(top: Top, board: Board) -> str:
    segments = [("sterna/S_AXI_LITE/registers", board.base, "8K")]
    if top.has_streams:
        segments.append(("dma/S_AXI_LITE/Reg", board.base + 0x1_0000, "64K"))
    places = "".join(
        f"assign_bd_address -offset {base:#x} -range {size} \\\n"
        f"    -target_address_space [get_bd_addr_spaces ps/Data] \\\n"
        f"    [get_bd_addr_segs {segment}] -force\n"
        for segment, base, size in segments
    )
    return f"""\
# Where the processor finds what; memory is where it is for the processor.
{places}assign_bd_address
validate_bd_design
save_bd_design

set wrapper [make_wrapper -files [get_files design.bd] -top]
add_files -norecurse $wrapper
set_property top design_wrapper [current_fileset]
launch_runs impl_1 -to_step write_bitstream -jobs 4
wait_on_run impl_1
set run [get_property DIRECTORY [get_runs impl_1]]
file copy -force [file join $run design_wrapper.bit] [file join $here design.bit]
foreach found [get_files -quiet -all *.hwh] {{
    if {{[file tail $found] eq "design.hwh"}} {{
        file copy -force $found [file join $here design.hwh]
    }}
}}
"""
