"""How few ternary digits the weights of a network need: accuracy against look-up tables."""

import pandas

import sterna_flows

found = sterna_flows.explore_bits("digits_int4_mlp", target="xck26", out="build/bits", budgets=4)
frame = pandas.DataFrame(found.rows())
print(frame[["method", "trits", "accuracy", "lut", "on_frontier"]].to_string(index=False))

# The smallest network that loses at most two points in a hundred, ready to be built or explored.
good = frame[frame.accuracy >= frame.accuracy[0] - 0.02]
best = good.loc[good.lut.idxmin()]
graph = found.graphs[best.number]
print(f"Point {best.number}: planes {dict(found.points[best.number].planes)}")
print(f"{best.lut / frame.lut[0]:.0%} of the look-up tables, accuracy {best.accuracy:.2%}")
print(f"{len(graph.ops)} operations as before")
