"""Weight and activation quantisers: injectors that Brevitas layers take as `weight_quant` and
`act_quant`."""

from .activations import (
    LearnedSignedActivation,
    LearnedUnsignedActivation,
    SignedActivation,
    UnsignedActivation,
)
from .statistics import AbsoluteMean, AbsoluteMedian
from .weights import (
    BinaryWeight,
    BinaryWeightPowerOfTwo,
    IntegerWeight,
    IntegerWeightPerChannel,
    IntegerWeightPowerOfTwo,
    TernaryMeanWeight,
    TernaryMeanWeightPowerOfTwo,
    TernaryMedianWeight,
    TernaryMedianWeightPowerOfTwo,
    TernaryThresholdWeight,
    TernaryThresholdWeightPowerOfTwo,
    TwoBitWeight,
    TwoBitWeightPowerOfTwo,
)

__all__ = [
    "AbsoluteMean",
    "AbsoluteMedian",
    "BinaryWeight",
    "BinaryWeightPowerOfTwo",
    "IntegerWeight",
    "IntegerWeightPerChannel",
    "IntegerWeightPowerOfTwo",
    "LearnedSignedActivation",
    "LearnedUnsignedActivation",
    "SignedActivation",
    "TernaryMeanWeight",
    "TernaryMeanWeightPowerOfTwo",
    "TernaryMedianWeight",
    "TernaryMedianWeightPowerOfTwo",
    "TernaryThresholdWeight",
    "TernaryThresholdWeightPowerOfTwo",
    "TwoBitWeight",
    "TwoBitWeightPowerOfTwo",
    "UnsignedActivation",
]
