"""What a decoder's build folder carries for other tools: constraints, a Vivado script."""

from __future__ import annotations

from pathlib import Path

import pytest

from sterna.decoder.hardware import DecoderHardware
from sterna.decoder.source import DecoderSource
from sterna_flows.decoder_flow import build_decoder_folder
from sterna_flows.report import read_report
from tests.sw.decoder.random_decoder import TINY

SMALL = DecoderHardware(
    ports=2,
    lanes=1,
    tables=16,
    queries=4,
    best_count=2,
    prefetch_words=64,
    burst_beats=16,
    large_style="block",
)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("decoder") / "tiny"
    source = DecoderSource("synthetic:tiny", shape=TINY, seed=3)
    build_decoder_folder(source, "xck26", folder, hardware=SMALL)
    return folder


def test_the_folder_has_what_other_tools_need(built: Path) -> None:
    period = "create_clock -name aclk -period 4.000 [get_ports aclk]\n"
    assert (built / "decoder.xdc").read_text() == (built / "decoder.sdc").read_text() == period
    script = (built / "decoder.tcl").read_text()
    assert "synth_design -top decoder" in script and "read_xdc decoder.xdc" in script
    files = {str(path.relative_to(built)) for path in built.rglob("*") if path.is_file()}
    assert set(read_report(built)["files"]) == files
    assert (built / "sources.f").read_text().split()[0] in files
    for name in files:
        assert str(built.parent).encode() not in (built / name).read_bytes(), name
