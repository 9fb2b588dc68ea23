"""Weight and activation quantisers: injectors that Brevitas layers take as `weight_quant` and
`act_quant`."""

from .activations import (
    LearnedSignedActivation,
    LearnedUnsignedActivation,
    SignedActivation,
    UnsignedActivation,
)
from .shifts import (
    DenseShiftWeight,
    DenseShiftWeightPowerOfTwo,
    ShiftWeight,
    ShiftWeightPowerOfTwo,
)
from .statistics import AbsoluteMean, AbsoluteMedian
from .weights import (
    BinaryWeight,
    BinaryWeightPowerOfTwo,
    IntegerWeight,
    IntegerWeightLearnedPowerOfTwo,
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
    "DenseShiftWeight",
    "DenseShiftWeightPowerOfTwo",
    "IntegerWeight",
    "IntegerWeightLearnedPowerOfTwo",
    "IntegerWeightPerChannel",
    "IntegerWeightPowerOfTwo",
    "LearnedSignedActivation",
    "LearnedUnsignedActivation",
    "ShiftWeight",
    "ShiftWeightPowerOfTwo",
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
