"""What the spectral fingerprint is worth: ROC AUC on the 30 targets of MoleculeACE, against ECFP4 and descriptors.

    fingerprint.py FOLDER_OF_CSV [--only TARGET,…] [--program hetero2] > table.md

FOLDER_OF_CSV is MoleculeACE/Data/benchmark_data. At most 800 molecules a target (drawn by a fixed seed), active = above
the median, the largest scaffolds in training (80 %), one random forest of 100 trees. `bytes_of` computes
`hetero_spectral_fp.v1` with NumPy, apart from the program; --program compares the two byte for byte.
"""

import argparse
import csv
import math
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
from rdkit import Chem, RDLogger
from rdkit.Chem import QED, Crippen, Descriptors, rdFingerprintGenerator, rdMolDescriptors
from rdkit.Chem.Scaffolds import MurckoScaffold
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import roc_auc_score

RDLogger.DisableLog("rdApp.*")
ROOT = pathlib.Path(__file__).resolve().parents[2]
# The definition was chosen on these.
DEVELOPMENT = [
    "CHEMBL204_Ki", "CHEMBL214_Ki", "CHEMBL233_Ki", "CHEMBL244_Ki",
    "CHEMBL4792_Ki", "CHEMBL219_Ki", "CHEMBL239_EC50", "CHEMBL2147_Ki",
]  # fmt: skip
POINTS, RANGES, MOST = 32, [(-1.5, 8.0), (-1.5, 20.0)], 800
ATOMS = {int(row["Z"]): row for row in csv.DictReader(open(ROOT / "src/chemistry/data/atoms.csv"))}
ECFP4 = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)


def graph(smiles):
    molecule = Chem.RemoveHs(Chem.MolFromSmiles(smiles))
    bonds = [(b.GetBeginAtomIdx(), b.GetEndAtomIdx(), int(2 * b.GetBondTypeAsDouble())) for b in molecule.GetBonds()]
    return [a.GetAtomicNum() for a in molecule.GetAtoms()], bonds


def classes(z, bonds):
    n = len(z)
    order, degree = np.zeros(n, int), np.zeros(n, int)
    aromatic, polar, beside = np.zeros(n, bool), np.zeros(n, bool), np.zeros(n, bool)
    for i, j, o in bonds:
        for a, b in ((i, j), (j, i)):
            order[a] += o
            degree[a] += 1
            aromatic[a] |= o == 3
            polar[a] |= o == 4 and z[b] in (7, 8, 16)
    for i, j, o in bonds:
        if o == 2:
            beside[i] |= polar[j]
            beside[j] |= polar[i]
    found = np.zeros((8, n))
    for i, x in enumerate(z):
        donor = {7: order[i] <= 4 and not aromatic[i], 8: order[i] <= 2, 16: order[i] <= 2 and not aromatic[i]}.get(x, False)
        basic = x == 7 and not donor and order[i] <= 6 and not beside[i] and (not aromatic[i] or degree[i] == 2)
        halogen = x in (9, 17, 35, 53)
        found[:, i] = [
            x == 6 and not aromatic[i], aromatic[i], x == 7, x == 8,
            halogen, x not in (6, 7, 8) and not halogen, donor, x == 8 or basic,
        ]  # fmt: skip
    return found


def bytes_of(smiles):
    z, bonds = graph(smiles)
    n, found = len(z), []
    epsilon, chi = (np.array([float(ATOMS[x][key]) for x in z]) for key in ("epsilon", "chi"))
    members = classes(z, bonds)
    for (first, last), is_weighted in zip(RANGES, (False, True)):
        matrix = np.zeros((n, n))
        for i, j, o in bonds:
            matrix[i, j] = matrix[j, i] = -(o / 2 * (1 + abs(chi[i] - chi[j])) if is_weighted else 1.0)
        matrix += np.diag(epsilon - matrix.sum(1))
        values, vectors = np.linalg.eigh(matrix)
        spacing = (last - first) / (POINTS - 1)
        place = (np.clip(values, first, last) - first) / spacing
        distance = np.arange(POINTS)[:, None] - place
        kernel = np.where(np.abs(np.arange(POINTS)[:, None] - np.round(place)) <= 5, np.exp(-0.5 * distance**2), 0)
        density = kernel @ (members @ vectors**2).T
        found.append(np.minimum(np.floor(8 * density.T + 0.5), 255).ravel())
    return np.concatenate(found).astype(np.uint8)


def descriptors(molecule):
    functions = [
        Descriptors.MolWt, Crippen.MolLogP, Crippen.MolMR, rdMolDescriptors.CalcTPSA, rdMolDescriptors.CalcNumHBD,
        rdMolDescriptors.CalcNumHBA, rdMolDescriptors.CalcNumRotatableBonds, rdMolDescriptors.CalcNumRings,
        rdMolDescriptors.CalcNumAromaticRings, rdMolDescriptors.CalcFractionCSP3, QED.qed,
    ]  # fmt: skip
    return [function(molecule) for function in functions]


def load(path):
    """SMILES, whether active, whether for training."""
    rows = list(csv.DictReader(open(path)))
    if len(rows) > MOST:
        rows = [rows[i] for i in np.sort(np.random.RandomState(0).permutation(len(rows))[:MOST])]
    smiles = [row["smiles"] for row in rows]
    value = np.array([9 - math.log10(float(row["exp_mean [nM]"])) for row in rows])
    groups = {}
    for i, text in enumerate(smiles):
        groups.setdefault(MurckoScaffold.MurckoScaffoldSmiles(mol=Chem.MolFromSmiles(text)), []).append(i)
    train, count = np.zeros(len(smiles), bool), 0
    for group in sorted(groups.values(), key=lambda group: (-len(group), group[0])):
        if count + len(group) <= 0.8 * len(smiles):
            train[group] = True
            count += len(group)
    return smiles, value > np.median(value), train


def predictions(features, active, train):
    forest = RandomForestClassifier(100, random_state=0, min_samples_leaf=2, max_features="sqrt", n_jobs=1)
    return forest.fit(features[train], active[train]).predict_proba(features[~train])[:, 1]


def compare(program, smiles, expected):
    """How many molecules' bytes differ from the program's, and by how many places."""
    import pyarrow.parquet as parquet

    with tempfile.TemporaryDirectory() as folder:
        library, out = pathlib.Path(folder) / "library.smi", pathlib.Path(folder) / "out.parquet"
        library.write_text("".join(f"{text} m{i}\n" for i, text in enumerate(smiles)))
        subprocess.run([program, "fingerprint", str(library), "--out", str(out), "--quiet"], check=True, stdout=subprocess.DEVNULL)
        rows = parquet.read_table(out).column("fingerprint").to_pylist()
    missing = sum(row is None for row in rows)
    unequal = [np.sum(np.array(row) != wanted) for row, wanted in zip(rows, expected) if row is not None]
    print(f"{len(rows)} rows, {missing} without; {np.count_nonzero(unequal)} differ, {sum(unequal)} places", file=sys.stderr)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--only")
    parser.add_argument("--program")
    arguments = parser.parse_args()
    names = arguments.only.split(",") if arguments.only else sorted(p.stem for p in arguments.folder.glob("*.csv"))
    columns = ["fingerprint", "ECFP4", "both", "descriptors"]
    print("| target | " + " | ".join(columns) + " |\n|---|" + "---|" * len(columns))
    table = {}
    for name in names:
        smiles, active, train = load(arguments.folder / f"{name}.csv")
        molecules = [Chem.MolFromSmiles(text) for text in smiles]
        prints = np.array([bytes_of(text) for text in smiles])
        if arguments.program:
            compare(arguments.program, smiles, prints)
            continue
        spectral = predictions(prints, active, train)
        ecfp = predictions(np.array([ECFP4.GetFingerprintAsNumPy(m) for m in molecules]), active, train)
        plain = predictions(np.array([descriptors(m) for m in molecules]), active, train)
        table[name] = [roc_auc_score(active[~train], p) for p in (spectral, ecfp, (spectral + ecfp) / 2, plain)]
        mark = " (development)" if name in DEVELOPMENT else ""
        print(f"| {name}{mark} | " + " | ".join(f"{auc:.3f}" for auc in table[name]) + " |", flush=True)
    for title, some in (("all", list(table)), ("not development", [n for n in table if n not in DEVELOPMENT])):
        if len(some) < 2:
            continue
        values = np.array([table[name] for name in some])
        print(f"| **mean of {len(some)}, {title}** | " + " | ".join(f"{auc:.3f}" for auc in values.mean(0)) + " |")
        draws = np.random.RandomState(0).randint(len(some), size=(10_000, len(some)))
        for k, column in enumerate(columns):
            difference = values[:, k] - values[:, 1]
            low, high = np.percentile(difference[draws].mean(1), [2.5, 97.5])
            if k != 1:
                print(f"| {column} − ECFP4, 95 % over targets | {difference.mean():+.4f} ({low:+.4f} to {high:+.4f}) | | | |")


if __name__ == "__main__":
    main()
