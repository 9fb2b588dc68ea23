"""Decoder-only ternary transformers: their shapes, checkpoints and the accelerator made of them."""
