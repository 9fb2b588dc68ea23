"""Benches of decoder accelerators: the Verilog, a DRAM behind it and a host in front of it."""
