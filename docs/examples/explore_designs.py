"""Explore a network of the zoo from a script, and look at what was found with pandas."""

import pandas

import sterna_flows

found = sterna_flows.explore(
    "can_intrusion_mlp",
    target="xck26",
    out="build/explored",
    trials=24,
    objectives=("throughput", "lut", "bram"),
    workers=1,
)
frame = pandas.DataFrame(found.rows())

# The smallest design that takes a frame in 500 cycles, and what its layers are made of.
fast = frame[frame.feasible & (frame.interval <= 500)]
best = fast.loc[fast.lut.idxmin()]
foldings = found.points[best.number].outcome.design["foldings"]
print(f"Point {best.number}: {best.interval} cycles a frame, {best.lut:.0f} LUT estimated")
for layer, folding in foldings.items():
    print(f"  {layer}: {folding}")

# Every frontier is a table; here as a file for a spreadsheet.
frame[frame.on_frontier].to_csv("build/explored/frontier.csv", index=False)
