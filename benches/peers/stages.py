"""RDKit and numpy on the molecules of the demo library: the peers of
benches/stages.rs.

    stages.py measure FILE                      CPU time of each stage, as JSON
    stages.py compare BEFORE AFTER CRITERION    a table with ours and ratios

One thread. RDKit keeps some results with a molecule, so every repetition gets
molecules that were parsed anew, outside the measurement. numpy gets matrices
that were packed beforehand, grouped by size: its best case, while our figure
includes packing. Both peers are called from Python, which adds some 0.1 µs a
call.
"""

import csv
import json
import os
import pathlib
import sys
import time

os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np
import rdkit
from rdkit import Chem, RDLogger
from rdkit.Chem import QED, Crippen, Descriptors, rdFingerprintGenerator, rdMolDescriptors

REPEATS = 7
FIXTURES = pathlib.Path(__file__).resolve().parents[2] / "fixtures"

# Stages of ours by the name of the peer's; "" where ours has no such stage.
OURS = {
    "parse, sanitise": "",
    "parse, sanitise, canonical SMILES": "molecule/parse, sanitise, canonicalise",
    "Morgan fingerprint": "molecule/Morgan fingerprint",
    "molecular weight": "molecule/molecular weight",
    "logP (Crippen)": "molecule/logP",
    "TPSA": "molecule/TPSA",
    "QED": "molecule/QED",
    "eigenvalues": "spectra/eigenvalues",
    "eigensystems": "spectra/local spectra",
}


def hamiltonian(mol, epsilon):
    """H = L + diag(ε) of the heavy-atom graph; None where there is no ε."""
    potential = [epsilon.get(atom.GetAtomicNum()) for atom in mol.GetAtoms()]
    if None in potential:
        return None
    h = np.diag(np.array(potential))
    for bond in mol.GetBonds():
        i, j = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()
        h[i, j] = h[j, i] = -1.0
        h[i, i] += 1.0
        h[j, j] += 1.0
    return h


def epsilon_table():
    """ε by atomic number."""
    with open(FIXTURES / "atoms.csv", newline="") as file:
        rows = csv.DictReader(file)
        return {int(r["Z"]): float(r["epsilon"]) for r in rows if r["epsilon"]}


def demo_smiles():
    return [line.split("\t")[0] for line in (FIXTURES / "demo.smi").read_text().splitlines()]


def hamiltonians(mols):
    """Of all molecules that have one."""
    epsilon = epsilon_table()
    found = (hamiltonian(mol, epsilon) for mol in mols)
    return [matrix for matrix in found if matrix is not None]


def measure(path):
    smiles = demo_smiles()
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)
    times = {}

    def stage(name, work, make, count=len(smiles)):
        found = []
        for _ in range(REPEATS + 1):
            items = make()
            start = time.process_time()
            for item in items:
                work(item)
            found.append(1e6 * (time.process_time() - start) / count)
        # The first repetition warms up.
        times[name] = sorted(found[1:])[REPEATS // 2]

    mols = lambda: [Chem.MolFromSmiles(s) for s in smiles]
    stage("parse, sanitise", Chem.MolFromSmiles, lambda: smiles)
    both = lambda s: Chem.MolToSmiles(Chem.MolFromSmiles(s))
    stage("parse, sanitise, canonical SMILES", both, lambda: smiles)
    stage("Morgan fingerprint", generator.GetFingerprint, mols)
    stage("molecular weight", Descriptors.MolWt, mols)
    stage("logP (Crippen)", Crippen.MolLogP, mols)
    stage("TPSA", rdMolDescriptors.CalcTPSA, mols)
    stage("QED", QED.qed, mols)
    groups = {}
    for matrix in hamiltonians(mols()):
        groups.setdefault(len(matrix), []).append(matrix)
    # As many times as ours, so that stacks are not too small.
    stacks = [np.stack(8 * group) for _, group in sorted(groups.items())]
    count = sum(len(stack) for stack in stacks)
    stage("eigenvalues", np.linalg.eigvalsh, lambda: stacks, count)
    stage("eigensystems", np.linalg.eigh, lambda: stacks, count)
    versions = f"RDKit {rdkit.__version__}, numpy {np.__version__}"
    pathlib.Path(path).write_text(json.dumps({"versions": versions, "us": times}))


def ours(folder, stage):
    """Median microseconds an element, from criterion's files."""
    path = pathlib.Path(folder) / stage / "new"
    nanoseconds = json.loads((path / "estimates.json").read_text())["median"]["point_estimate"]
    benchmark = json.loads((path / "benchmark.json").read_text())
    return nanoseconds / 1e3 / benchmark["throughput"]["Elements"]


def compare(before, after, criterion):
    before, after = (json.loads(pathlib.Path(path).read_text()) for path in (before, after))
    print(f"\nCPU time for a molecule of the demo library, one thread; {before['versions']}\n")
    print("| stage | peer before, after: µs | ours, µs | ratio |")
    print("|---|---|---|---|")
    for name, stage in OURS.items():
        a, b = before["us"][name], after["us"][name]
        cells = "| — | — |"
        if stage:
            mine = ours(criterion, stage)
            cells = f"| {mine:.2f} | {(a + b) / 2 / mine:.1f} |"
        print(f"| {name} | {a:.2f}, {b:.2f} {cells}")


if __name__ == "__main__":
    RDLogger.DisableLog("rdApp.*")
    {"measure": measure, "compare": compare}[sys.argv[1]](*sys.argv[2:])
