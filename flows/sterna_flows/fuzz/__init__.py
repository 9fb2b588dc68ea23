"""Random small networks from seeds, built and compared with the golden model in every beat."""
