"""The few figures at the head of the page, each with its source."""

from __future__ import annotations

from .content import KeyFigure, as_time
from .facts import Facts
from .verification import verdict

__all__ = ["key_figures"]


def key_figures(facts: Facts) -> list[KeyFigure]:
    """Rate, latency, resources, clock, verification and accuracy, as far as they are known."""
    found = [*_rates(facts), *_resources(facts)] if facts.report else []
    if facts.exploration is not None:
        tried = len(facts.exploration.points) + facts.exploration.refused
        measured = sum(point.measured is not None for point in facts.exploration.points)
        found.append(KeyFigure("designs explored", f"{tried:,}", f"estimated; {measured} measured"))
        frontier = str(len(facts.exploration.frontier))
        found.append(KeyFigure("dominated by none", frontier, "by the estimates"))
    if facts.report:
        found.append(
            KeyFigure("verification", verdict(facts.report), "Verilator against golden model")
        )
    card = facts.card
    if card is not None and hasattr(card, "accuracy"):
        share = f"{card.accuracy['golden']:.2%}"
        found.append(
            KeyFigure("accuracy", share, f"golden model, {card.data['test_count']:,} samples")
        )
    elif card is not None:
        found.append(
            KeyFigure("loss", f"{card.loss['golden_sampled']:.3f} nats", "golden model, a token")
        )
    return found


def _rates(facts: Facts) -> list[KeyFigure]:
    cycles = facts.report["cycles"]
    clock = facts.clock_mhz
    what = "tokens a second" if facts.is_decoder else "frames a second"
    known = {
        name: ("simulated" if "simulated" in cycles[name] else "predicted")
        for name in ("interval", "latency")
        if name in cycles
    }
    found = []
    if "interval" in known:
        source = known["interval"]
        rate = clock * 1e6 / cycles["interval"][source]
        text = f"{rate:,.0f}" if rate >= 100 else f"{rate:,.2f}"
        found.append(KeyFigure(what, text, f"cycles {source}, at {clock:g} MHz"))
    source = known["latency"]
    text = as_time(cycles["latency"][source], clock)
    label = f"{cycles['prompt']} tokens to the first" if facts.is_decoder else "latency"
    found.append(KeyFigure(label, text, f"{cycles['latency'][source]:,} cycles {source}"))
    return found


def _resources(facts: Facts) -> list[KeyFigure]:
    used, source = facts.report.get("resources"), "counted"
    if used is None:
        used, source = facts.report["estimated"], "estimated"
    share = used["lut"] / facts.device.lut
    found = [KeyFigure("LUT", f"{used['lut']:,g}", f"{source}, {share:.1%} of the device")]
    if "fmax_mhz" in facts.report:
        fmax = f"{facts.report['fmax_mhz']:g} MHz"
        found.append(KeyFigure("Fmax", fmax, "timing analysis, routed"))
    return found
