"""A Brevitas network of your own, as Verilog that is checked against it, in ten lines."""

import torch
from brevitas.nn import QuantIdentity, QuantLinear, QuantReLU

import sterna
import sterna_flows
from sterna_models.quantizers import TernaryMeanWeight

data = torch.rand(500, 16)  # yours: 500 samples of 16 features
layer1 = QuantLinear(16, 32, bias=True, weight_quant=TernaryMeanWeight)
layer2 = QuantLinear(32, 4, bias=True, weight_quant=TernaryMeanWeight)
network = torch.nn.Sequential(QuantIdentity(bit_width=8), layer1, QuantReLU(bit_width=4), layer2)
network(data)  # yours: train it; here the quantisers are merely calibrated

graph = sterna.from_brevitas(network.eval(), input_shape=(16,))
design = sterna_flows.build(graph, target="ecp5-25k", out="build/own", interval=64)
(run,) = sterna_flows.simulate(design, data[:100].numpy())
print(run.words, "words,", run.mismatches, "mismatches, cycle difference", run.cycle_difference)
