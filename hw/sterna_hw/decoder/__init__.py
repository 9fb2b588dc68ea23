"""The transformer accelerator: one engine shared by all layers, and the units around it."""
