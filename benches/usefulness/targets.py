"""Targets of MoleculeACE (van Tilborg, Alenicheva and Grisoni 2022): activities from ChEMBL with a published split."""

import csv
import io
import math
import pathlib
import subprocess
import sys
import zipfile

PACKAGE = "MoleculeACE==3.0.0"
# Eight targets; CHEMBL1862, 2034, 218 and 287 were used while the method was made, and are left out.
TARGETS = [
    "CHEMBL204_Ki",
    "CHEMBL214_Ki",
    "CHEMBL228_Ki",
    "CHEMBL233_Ki",
    "CHEMBL234_Ki",
    "CHEMBL236_Ki",
    "CHEMBL244_Ki",
    "CHEMBL264_Ki",
]


def archive(folder):
    """The package's wheel, from the package index unless it lies in `folder`."""
    folder = pathlib.Path(folder)
    found = sorted(folder.glob("moleculeace*.whl")) + sorted(folder.glob("MoleculeACE*.whl"))
    if not found:
        folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "-d", str(folder), PACKAGE]
        subprocess.run(command, check=True)
        return archive(folder)
    return found[0]


def rows(wheel, target):
    """Rows of a target: `id`, `smiles`, `value` (−log10 of the molar concentration), `split`."""
    with zipfile.ZipFile(wheel) as package:
        text = package.read(f"MoleculeACE/Data/benchmark_data/{target}.csv").decode()
    found = []
    for at, row in enumerate(csv.DictReader(io.StringIO(text))):
        value = 9 - math.log10(float(row["exp_mean [nM]"]))
        found.append({"id": f"{target}_{at}", "smiles": row["smiles"], "value": round(value, 4), "split": row["split"]})
    return found
