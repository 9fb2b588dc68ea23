"""Trained networks for Sterna: data, quantisers, recipes, and the zoo of committed artefacts.

`RECIPES` maps names to recipes, which train a network from a seed (torch and Brevitas are imported
only then); `sterna_models.zoo` gives the committed networks without torch.
"""

from .networks import RECIPES

__all__ = ["RECIPES"]
