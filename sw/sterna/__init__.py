"""Sterna: quantised networks in, verified Verilog out."""
