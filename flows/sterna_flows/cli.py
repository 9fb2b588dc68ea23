"""The `sterna` command.

Each command reads its arguments, calls the function that does the work, and prints what came out;
the functions are the Python API and know nothing of a terminal. Bad input ends with exit status 2
and one line that says what is wrong and what would work; a tool that fails, or a comparison that
does not come out equal, ends with status 1. Progress goes to the error stream, results to the
output, so results can be piped.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from .bench_commands import bench
from .build_command import Approximate, InputType, build
from .estimate_command import estimate
from .explore_command import explore
from .fuzz_command import fuzz
from .generate_command import generate
from .report_command import report
from .run_command import run as run_command
from .terminal import (
    CheckFailed,
    end_tools_when_terminated,
    fail_unless_equal,
    guarded,
    telling,
)

__all__ = ["app", "main", "run"]

app = typer.Typer(
    name="sterna",
    help="Quantised neural networks in, verified FPGA accelerators out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(bench, name="bench")
for command in (build, generate, estimate, explore, report, fuzz):
    app.command()(command)
app.command("run")(run_command)

Model = Annotated[str, typer.Argument(help="A QONNX file, or the name of a zoo network.")]
Build = Annotated[Path, typer.Argument(metavar="DIR", help="A folder made by `sterna build`.")]
Target = Annotated[str, typer.Option("--target", "-t", help="The device, such as ecp5-85k.")]
Output = Annotated[Path, typer.Option("--output", "-o", help="The folder to make.")]


@app.command()
def doctor() -> None:
    """Show the tools found, their versions, what is missing and how to get it."""
    from .doctor import examine
    from .tables import output_console, print_table

    findings = examine()
    print_table(
        output_console(),
        "Tools",
        ("tool", "for", "version", "how to get it"),
        [
            (
                finding.name,
                finding.purpose,
                finding.version or ("MISSING" if finding.required else "missing (optional)"),
                "" if finding.version else finding.remedy,
            )
            for finding in findings
        ],
    )
    missing = [item for item in findings if item.required and item.version is None]
    if missing:
        raise CheckFailed(f"Missing tools: {', '.join(item.name for item in missing)}")


@app.command()
def zoo() -> None:
    """Show the committed networks with their accuracy, text models with their loss."""
    from sterna_models import text_zoo
    from sterna_models import zoo as networks

    from .tables import output_console, print_table

    rows = []
    for name in networks.names():
        card = networks.card(name)
        data = card.data["name"] + (" (synthetic)" if card.data["synthetic"] else "")
        shares = (card.accuracy[kind] for kind in ("float", "quantized", "golden"))
        percents = (f"{100 * share:.2f}" for share in shares)
        rows.append((name, data, card.data["test_count"], card.size["weights"], *percents))
    heads = ("network", "data", "test samples", "weights", "float %", "Brevitas %", "golden %")
    print_table(output_console(), "Zoo", heads, rows)
    rows = []
    for name in text_zoo.names():
        card = text_zoo.card(name)
        kinds = ("float_sampled", "quantised_sampled", "golden_sampled")
        losses = (None if card.loss[kind] is None else f"{card.loss[kind]:.4f}" for kind in kinds)
        windows = card.loss["sampled_windows"]
        rows.append((name, card.data["name"], windows, card.size["ternary_weights"], *losses))
    heads = ("text model", "data", "windows", "weights", "float", "Brevitas", "golden")
    print_table(output_console(), "Nats a token", heads, rows)


@app.command()
def check(
    model: Model,
    target: Annotated[str | None, typer.Option("--target", "-t")] = None,
    input_type: InputType = None,
    approximate: Approximate = False,
) -> None:
    """Say what of a model is supported, what is not and why; builds nothing."""
    from .check import check_model
    from .decoder_check import check_decoder
    from .decoder_flow import find_model
    from .tables import output_console

    if (decoder := find_model(model)) is not None:
        if input_type is not None or approximate:
            option = "--approximate" if approximate else "--input-type"
            raise ValueError(
                f"Option {option} must go with a streaming network (an MLP or a CNN), "
                f"not with the decoder {model!r}"
            )
        check_decoder(decoder, model, target, output_console())
        return
    check_model(model, target, output_console(), input_type, approximate)


@app.command()
def train(
    recipe: Annotated[str, typer.Argument(help="Name of a recipe: see `sterna zoo`.")],
    output: Output = Path("."),
    seed: Annotated[int | None, typer.Option(help="Another seed than the recipe's.")] = None,
) -> None:
    """Train a recipe and write its network, test samples and card (needs sterna[train])."""
    from importlib.util import find_spec

    from sterna_models.networks import RECIPES
    from sterna_models.train import train_to_folder
    from sterna_models.train_text import TEXT_RECIPES, train_text_to_folder

    known = [*RECIPES, *TEXT_RECIPES]
    if recipe not in known:
        raise ValueError(f"Recipe must be one of {', '.join(known)}, not {recipe!r}")
    if find_spec("torch") is None or find_spec("brevitas") is None:
        raise ValueError("Training must have torch and Brevitas: pip install 'sterna[train]'")
    if recipe in TEXT_RECIPES:
        with telling() as tell:
            loss = train_text_to_folder(recipe, output, seed, tell).loss
        losses = ", ".join(f"{kind} {loss[kind]:.4f}" for kind in ("float", "quantised"))
        print(f"{recipe}: {losses} nats a character; files in {output}")
        return
    with telling() as tell:
        card = train_to_folder(recipe, output, seed, tell)
    shares = ", ".join(
        f"{kind} {card.accuracy[kind]:.2%}" for kind in ("float", "quantized", "golden")
    )
    print(f"{recipe}: {shares}; files in {output}")


@app.command()
def demo(
    output: Output = Path("build/demo"),
    target: Target = "ecp5-85k",
    digits: Annotated[int, typer.Option(help="How many test digits to simulate.")] = 32,
    pnr: Annotated[
        bool, typer.Option("--pnr", help="Also place, route, write a bitstream.")
    ] = False,
) -> None:
    """Do the main job on a committed, really trained network."""
    from .demo import run_demo
    from .simulation import failures
    from .tables import output_console, print_report

    with telling() as tell:
        shown = run_demo(output, target=target, count=digits, pnr=pnr, tell=tell)
    console = output_console()
    console.print(shown.picture, markup=False, highlight=False)
    print_report(console, shown.report)
    console.print(f"Golden accuracy: {shown.accuracy:.2%} of {shown.samples:,} test digits")
    console.print(f"Files: {output}", markup=False, highlight=False, soft_wrap=True)
    fail_unless_equal(failures(shown.runs))


@app.command()
def sim(
    directory: Build,
    inputs: Annotated[str, typer.Option(help="How many samples, or a .npy file of them.")] = "32",
    stall: Annotated[list[str] | None, typer.Option(help="Stall profile; all for all.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of stalls and of chosen samples.")] = 0,
    tokens: Annotated[int, typer.Option(help="Decoders: tokens to generate.")] = 64,
) -> None:
    """Run the Verilog by cocotb and Verilator against the golden model.

    For a decoder, inputs are tokens of a prompt, stall profiles are those of its memory.
    """
    if (directory / "decoder.json").is_file():
        _sim_decoder(directory, inputs, tokens, stall or ["none"], seed)
        return
    from .report_file import read_report
    from .simulation import failures, read_inputs, simulate
    from .tables import output_console, print_report

    samples = read_inputs(inputs)
    with telling() as tell:
        results = simulate(
            directory,
            samples,
            profiles=stall or ["none"],
            seed=seed,
            progress=lambda done, total: tell(f"Simulating frame {done} of {total}"),
        )
    print_report(output_console(), read_report(directory))
    fail_unless_equal(failures(results))


def _sim_decoder(
    directory: Path, inputs: str, tokens: int, memories: Sequence[str], seed: int
) -> None:
    from .decoder_simulation import cycles_line, simulate_decoder
    from .report_file import check_files, read_report

    if not inputs.isdecimal():
        raise ValueError(f"Inputs of a decoder must be a number of tokens, not {inputs!r}")
    check_files(directory, read_report(directory))
    with telling() as tell:
        results = simulate_decoder(directory, int(inputs), tokens, memories, seed, tell)
    for result in results:
        print(result.line)
    if line := cycles_line(read_report(directory)):
        print(line)
    fail_unless_equal([result.line for result in results if result.problem])


@app.command()
def synth(
    directory: Build,
    pnr: Annotated[bool, typer.Option("--pnr", help="Place, route, write a bitstream.")] = False,
    frequency: Annotated[float, typer.Option(help="MHz that the placer strives for.")] = 200.0,
    seed: Annotated[int, typer.Option(help="Seed of the placer.")] = 1,
    seeds: Annotated[int, typer.Option(help="How many seeds to try; the fastest stays.")] = 1,
    pins: Annotated[Path | None, typer.Option(help="LPF file with pin locations.")] = None,
) -> None:
    """Count resources by Yosys; with --pnr also time the routed design and leave a bitstream."""
    from .synthesis import synthesise_design
    from .tables import output_console, print_report

    with telling() as tell:
        report = synthesise_design(
            directory,
            pnr,
            frequency_mhz=frequency,
            seed=seed,
            seeds=seeds,
            pins=pins,
            progress=tell,
        )
    print_report(output_console(), report)


def run(arguments: Sequence[str]) -> int:
    """Run one command; gives the exit status."""
    return guarded(typer.main.get_command(app), arguments)


def main() -> None:
    """The console script. The tools that are started find the scripts of this environment first,
    although it need not be activated: Verilator's makefiles call `python`."""
    scripts = str(Path(sys.executable).parent)
    os.environ["PATH"] = scripts + os.pathsep + os.environ.get("PATH", os.defpath)
    end_tools_when_terminated()
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
