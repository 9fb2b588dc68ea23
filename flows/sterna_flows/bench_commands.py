"""The commands `sterna bench ...`: measurements that documents quote, each with the command that
makes it again. `sterna bench` alone writes the page that has them all.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from .terminal import fail_unless_equal, telling

__all__ = ["bench"]

bench = typer.Typer(
    help="Measurements that documents quote; alone: all of them, as docs/benchmarks.md.",
    invoke_without_command=True,
)

Keep = Annotated[
    Path | None,
    typer.Option(help="JSON file that keeps the run for `sterna bench`: docs/measured.json."),
]


@bench.callback()
def record(
    context: typer.Context,
    docs: Annotated[Path, typer.Option(help="Folder of the stored records.")] = Path("docs"),
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Markdown file.")] = None,
    small: Annotated[
        bool, typer.Option("--small", help="A part of everything, in less than a minute.")
    ] = False,
) -> None:
    """Measure the zoo (builds, cycles, speeds), read what took longer, and write it all down."""
    if context.invoked_subcommand is not None:
        if output is not None or small or docs != Path("docs"):
            raise ValueError(
                f"Options of `sterna bench` must stand behind {context.invoked_subcommand},"
                " not in front of it"
            )
        return
    from .performance.record import SMALL, full_setting, measure_record, shortcomings

    command = "sterna bench --small" if small else "sterna bench"
    output = output or (Path("build/benchmarks.md") if small else docs / "benchmarks.md")
    with telling() as tell:
        found, page = measure_record(SMALL if small else full_setting(), docs, command, tell)
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(page)
    print(page)
    fail_unless_equal(shortcomings(found.builds, found.networks, found.decoders))


@bench.command("zoo")
def measure_networks(
    models: Annotated[
        list[str] | None, typer.Argument(metavar="[MODEL]...", help="Of the zoo; all if none.")
    ] = None,
    target: Annotated[
        list[str] | None, typer.Option("--target", "-t", help="A device, or several.")
    ] = None,
) -> None:
    """Build, simulate and run networks of the zoo: cycles, seconds, speeds."""
    from .performance.record import full_setting, measure_zoo, shortcomings
    from .performance.zoo_tables import zoo_tables

    setting = full_setting()
    if target:
        setting = replace(setting, targets=target, simulated=target)
    if models:
        setting = replace(setting, models=models)
    with telling() as tell:
        found = measure_zoo(setting, tell)
    print(zoo_tables(found.builds, found.networks, found.phases, found.decoders))
    fail_unless_equal(shortcomings(found.builds, found.networks, found.decoders))


@bench.command()
def placed(
    model: Annotated[str, typer.Argument(help="A streaming network.")],
    target: Annotated[str, typer.Option("--target", "-t", help="The device.")] = "ecp5-85k",
    interval: Annotated[int | None, typer.Option(help="Cycles between frames to reach.")] = None,
    top: Annotated[int | None, typer.Option(help="Give only the best so many classes.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the placer.")] = 1,
    keep: Keep = None,
) -> None:
    """Build a network, place and route it; takes minutes."""
    from .effort import Stopwatch
    from .performance.placed import place_network
    from .performance.stored_runs import keep_run

    watch = Stopwatch()
    with telling() as tell:
        figures = place_network(model, target, interval=interval, top=top, seed=seed, tell=tell)
    print(
        f"{model} on {target}: {figures['lut']:,} LUT, {figures['ff']:,} FF,"
        f" {figures['interval']:,} cycles a frame, Fmax {figures['fmax_mhz']:g} MHz"
    )
    given = {"--interval": interval, "--top": top}
    options = [f"{name} {value}" for name, value in given.items() if value is not None]
    if keep is not None:
        command = " ".join(
            ["sterna bench placed", model, f"-t {target}", *options, f"--seed {seed}"]
        )
        keep_run(keep, command, "placed", figures, watch.effort())


@bench.command()
def engines(
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Folder to write.")] = None,
    full: Annotated[bool, typer.Option("--full", help="Every row; takes an hour or two.")] = False,
) -> None:
    """Compare the matrix engines: LUT and FF per multiply-accumulate a cycle, and Fmax."""
    from .engines import compare

    output = output or Path("docs" if full else "build/engines")
    with telling() as tell:
        compare(output, full=full, progress=tell)
    print((output / "engines.md").read_text())


@bench.command()
def costs(
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Folder to write.")] = None,
    table: Annotated[
        Path | None, typer.Option(help="File of coefficients to write; that of the package.")
    ] = None,
    kind: Annotated[
        list[str] | None, typer.Option(help="Only this kind of part; or several.")
    ] = None,
    count: Annotated[
        int | None, typer.Option(help="Configurations of each kind, fitted and held out.", min=1)
    ] = None,
    designs: Annotated[bool, typer.Option(help="Synthesise whole designs too.")] = True,
) -> None:
    """Fit the parts' cost estimates to synthesis, and tell how far off they are; takes an hour.

    With --kind or --count it is a trial, which leaves documents and coefficients alone.
    """
    from .calibrate.bench import calibrate

    is_whole = kind is None and count is None
    output = output or Path("docs" if is_whole else "build/costs")
    if table is None:
        package = Path("hw/sterna_hw/base")
        table = (package if is_whole else output) / "cost_table.json"
    with telling() as tell:
        page = calibrate(output, table, kinds=kind, count=count, designs=designs, progress=tell)
    print(page)


@bench.command("decoder-engine")
def decoder_engine(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write.")] = Path(
        "build/engines"
    ),
    lanes: Annotated[
        list[int] | None, typer.Option(help="Token lanes; 8, or several.", min=1, max=16)
    ] = None,
) -> None:
    """Measure the decoder's engine: LUT and DSP per multiply-accumulate; takes half an hour."""
    from .decoder_engine import measure_decoder_engine

    with telling() as tell:
        measure_decoder_engine(output, lanes=lanes or [8], progress=tell)
    print((output / "decoder-engine.md").read_text())


@bench.command()
def unrolled(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write.")] = Path(
        "build/unrolled"
    ),
    full: Annotated[
        bool, typer.Option("--full", help="256 inputs too; takes half an hour.")
    ] = False,
    operands: Annotated[int, typer.Option(help="Operands of an adder: 2 or 3.")] = 3,
    levels: Annotated[int, typer.Option(help="Levels of adders between registers.")] = 2,
) -> None:
    """Compare the unrolled engine with da4ml's own Verilog at equal latency (needs da4ml)."""
    from .unrolled_bench import compare_unrolled

    with telling() as tell:
        rows = compare_unrolled(output, full=full, operands=operands, levels=levels, progress=tell)
    print((output / "unrolled.md").read_text())
    fail_unless_equal(
        [
            f"LUTs of {row.inputs} inputs with {row.zeros} zeros must be at most da4ml's, "
            f"not {row.ratio:.3f} times as many"
            for row in rows
            if row.ratio > 1
        ]
    )


@bench.command()
def decoders(
    count: Annotated[int, typer.Option(help="How many random decoders.")] = 30,
    seed: Annotated[int, typer.Option(help="The first one's seed.")] = 0,
) -> None:
    """Build random decoders and compare every code, logit and token with the golden model."""
    from .decoder_campaign import run_campaign
    from .tables import output_console, print_table

    with telling() as tell:
        results = run_campaign(count, seed, tell)
    rows = [(number, what, problem or "equal") for number, what, problem in results]
    print_table(output_console(), "Random decoders", ("seed", "decoder", "result"), rows)
    fail_unless_equal([f"seed {n}: {problem}" for n, _, problem in results if problem])


@bench.command()
def large(
    model: Annotated[str, typer.Option(help="A published shape.")] = "bitnet-0.7b",
    layers: Annotated[int, typer.Option(help="So many of its layers.")] = 24,
    lanes: Annotated[int, typer.Option(help="Token lanes.")] = 1,
    prompt: Annotated[int, typer.Option(help="Tokens taken in.")] = 1,
    position: Annotated[int, typer.Option(help="Position of the first of them.")] = 0,
    keep: Keep = None,
) -> None:
    """Simulate a published shape with random weights: one token, or a prompt."""
    from sterna_hw.base import find_device

    from .decoder_large import published_shape, run_large, usual_hardware
    from .effort import Stopwatch
    from .performance.stored_runs import keep_run

    watch = Stopwatch()
    shape = published_shape(model)
    with telling() as tell:
        result = run_large(
            shape,
            layers=layers,
            hardware=usual_hardware(shape, lanes),
            prompt=prompt,
            position=position,
            progress=tell,
        )
    share = "" if result.roofline is None else f", {result.roofline:.1%} of the memory roofline"
    print(f"{model} (random weights), {layers} layers: {result.cycles:,} cycles{share}")
    if keep is not None:
        figures = {
            "model": model,
            "layers": layers,
            "lanes": lanes,
            "prompt": prompt,
            "position": position,
            "cycles": result.cycles,
            "roofline": result.roofline,
            "equal": result.equal,
            "clock_mhz": find_device("xck26").clock_mhz,
        }
        options = f"--layers {layers} --lanes {lanes} --prompt {prompt} --position {position}"
        command = f"sterna bench large --model {model} {options}"
        keep_run(keep, command, "large", figures, watch.effort())
    fail_unless_equal([] if result.equal else ["The logits are not those of the golden model"])


@bench.command()
def timeline(
    output: Annotated[Path, typer.Option("--output", "-o", help="SVG or PNG file.")] = Path(
        "build/timeline.svg"
    ),
    model: Annotated[str, typer.Option(help="A published shape.")] = "bitnet-0.7b",
    layers: Annotated[int, typer.Option(help="So many of its layers.")] = 2,
    lanes: Annotated[int, typer.Option(help="Token lanes.")] = 8,
    position: Annotated[int, typer.Option(help="Position of the token.")] = 128,
    until: Annotated[int | None, typer.Option(help="Draw only so many cycles.")] = None,
) -> None:
    """Simulate one token and draw which unit works when."""
    from .decoder_large import published_shape, usual_hardware
    from .decoder_schedule import UNITS
    from .decoder_timeline import draw, simulate_timeline

    if output.suffix not in (".svg", ".png"):
        raise ValueError(f"Output must be an .svg or .png file, not {str(output)!r}")
    shape = published_shape(model)
    with telling() as tell:
        found = simulate_timeline(
            shape,
            layers=layers,
            hardware=usual_hardware(shape, lanes),
            position=position,
            progress=tell,
        )
    output.parent.mkdir(parents=True, exist_ok=True)
    draw(found, output, f"{model}, one token at position {position}, simulated", until)
    for unit in UNITS:
        print(f"{unit}: {found.busy(unit):,} cycles")
    print(f"Written: {output}")


@bench.command()
def memories(
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Markdown file.")] = None,
    model: Annotated[str, typer.Option(help="A published shape.")] = "bitnet-0.7b",
    lanes: Annotated[int, typer.Option(help="Token lanes.")] = 8,
    prompt: Annotated[int, typer.Option(help="Tokens of the prompt.")] = 128,
) -> None:
    """Estimate prompt and decode under memories of other bandwidth, latency and gaps."""
    from .decoder_large import published_shape, usual_hardware
    from .decoder_sweep import as_markdown, sweep_memories

    shape = published_shape(model)
    with telling() as tell:
        rows = sweep_memories(model, shape, usual_hardware(shape, lanes), prompt, tell)
    text = as_markdown(rows)
    if output is not None:
        output.write_text(text)
    print(text)


@bench.command()
def published(
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Markdown file.")] = None,
    lanes: Annotated[int, typer.Option(help="Token lanes.")] = 8,
) -> None:
    """Set the 0.7B shape's estimated figures beside published ones."""
    from .decoder_large import published_shape, usual_hardware
    from .decoder_published import compare_with_published

    shape = published_shape("bitnet-0.7b")
    with telling() as tell:
        text = compare_with_published(shape, usual_hardware(shape, lanes), tell)
    if output is not None:
        output.write_text(text)
    print(text)


@bench.command()
def exploration(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to explore in.")] = Path(
        "build/reach"
    ),
    target: Annotated[str, typer.Option("--target", "-t", help="The device.")] = "xck26",
    model: Annotated[list[str] | None, typer.Option(help="Network of the zoo; or several.")] = None,
    trials: Annotated[int, typer.Option(help="Points of each exploration.")] = 200,
    workers: Annotated[int, typer.Option(help="Processes.")] = 2,
) -> None:
    """Compare the frontier of each zoo network with every design of one engine and folding."""
    from .exploration.reach import as_markdown, measure_reach

    with telling() as tell:
        rows = measure_reach(output, target, model, trials, workers, tell)
    print(as_markdown(rows))
    fail_unless_equal(
        [
            f"{row.model}: the frontier does not reach {', '.join(row.known.missed)}"
            for row in rows
            if row.known.missed
        ]
    )
