"""Runs the driver of a build folder on its Verilog, for `test_driver_simulated`.

The job (``driver_job.json`` in the folder of the simulation) names the build folder; what the
driver gave goes into ``driver_result.json``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles

from sterna_sim.simulated_bus import SimulatedBus

JOB, RESULT = Path("driver_job.json"), Path("driver_result.json")


async def start(dut: Any, streams: bool) -> SimulatedBus:
    bus = SimulatedBus(dut, dut.aclk, dut.aresetn, patience_ns=10_000_000, streams=streams)
    Clock(dut.aclk, 10, "ns", impl="gpi").start()
    dut.aresetn.value = 0
    await ClockCycles(dut.aclk, 4)
    dut.aresetn.value = 1
    await ClockCycles(dut.aclk, 4)
    return bus


@cocotb.test()
async def drive(dut: Any) -> None:
    job = json.loads(JOB.read_text())
    sys.path.insert(0, job["folder"])
    import sterna_driver as driver  # pyright: ignore[reportMissingImports]

    assert Path(str(driver.__file__)).parent.parent == Path(job["folder"])
    record = driver.read_record(job["folder"])
    work = accelerator if record["kind"] == "accelerator" else decoder
    bus = await start(dut, record["kind"] == "accelerator")
    RESULT.write_text(json.dumps(await work(driver, record, bus, job)))


async def accelerator(driver: Any, record: Any, bus: SimulatedBus, job: Any) -> dict[str, Any]:
    device = driver.AcceleratorDriver(record)

    async def do(steps: Any) -> Any:
        return await driver.run_awaiting(bus, steps)

    samples = np.load(job["samples"])
    codes = device.input.codes(samples)
    await do(device.identify())
    result: dict[str, Any] = {
        "labels": (await do(device.classify(samples))).tolist(),
        "outputs": (await do(device.infer(codes, ahead=3))).tolist(),
        "counters": await do(device.read_counters()),
    }
    # A frame that is too short is completed with zeros, and told.
    await bus.send(device.input.frames(codes[:1])[0][: -record["input"]["bytes"]])
    await bus.receive(device.output.frame_bytes)
    try:
        await do(device.infer(codes[:1]))
    except driver.DriverError as error:
        result["message"] = str(error)
    result["errors"] = await do(device.read_errors())
    await do(device.clear_errors())
    result["cleared"] = await do(device.read_errors())
    if job["reload"]:
        rows = {int(number): [int(row) for row in rows] for number, rows in job["reload"].items()}
        await do(device.reload(rows))
        result["reloaded"] = (await do(device.infer(codes))).tolist()
        last = max(rows)
        try:
            await do(device.reload({last: [*rows[last], 0]}))
        except OSError:
            result["refused"] = await do(device.read_errors())
    return result


async def decoder(driver: Any, record: Any, bus: SimulatedBus, job: Any) -> dict[str, Any]:
    device = driver.DecoderDriver(record)

    async def do(steps: Any) -> Any:
        return await driver.run_awaiting(bus, steps)

    await do(device.identify())
    assert await do(device.load_image(job["folder"])) == []
    heard: list[int] = []
    run = await do(device.run(job["prompt"], job["count"], on_token=heard.append))
    refused = await do(device.run([len(record["characters"])], 1))
    await do(device.registers.write("memory_words", 1))
    failed = await do(device.run(job["prompt"], 1))
    try:
        await do(device.run(job["prompt"], 1))
    except driver.DriverError as error:
        message = str(error)
    await do(device.recover())
    await do(device.place_memory([]))
    again = await do(device.run(job["prompt"], 1))
    return {
        "heard": heard,
        "tokens": run.tokens,
        "best": run.best,
        "scale": run.scale,
        "position": run.position,
        "errors": run.errors,
        "refused": refused.errors,
        "failed": [failed.failed, failed.errors],
        "message": message,
        "again": again.tokens,
        "cleared": await do(device.read_errors()),
    }
