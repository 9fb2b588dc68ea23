"""The networks of the zoo, one file each: data, shape, quantisers and training of one recipe."""

from . import (
    can_intrusion_mlp,
    digits_binary_mlp,
    digits_int4_mlp,
    digits_int4_separable,
    digits_shift_mlp,
    digits_ternary_cnn,
    digits_ternary_mlp,
    digits_ternary_residual,
    fashion_ternary_cnn,
    shuttle_anomaly_mlp,
    vowels_ternary_cnn,
)

__all__ = ["RECIPES"]

RECIPES = {
    module.RECIPE.name: module.RECIPE
    for module in (
        digits_ternary_mlp,
        digits_binary_mlp,
        digits_int4_mlp,
        digits_shift_mlp,
        digits_ternary_cnn,
        digits_ternary_residual,
        digits_int4_separable,
        fashion_ternary_cnn,
        vowels_ternary_cnn,
        can_intrusion_mlp,
        shuttle_anomaly_mlp,
    )
}
