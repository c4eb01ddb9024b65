"""Whether decoys can be told from their originals without knowing any activity, how many there are, and what they cost.

    pip install rdkit==2026.9.1 scikit-learn
    cargo build --release
    python benches/usefulness/decoys.py --program target/release/hetero2 chembl.smi natural.smi polymers.smi
    python benches/usefulness/decoys.py v1.csv v2.csv      # tables of `hetero2 decoys`

With --program, for each library and the sets v1 and v2: how many molecules have 20, 50 and 200 decoys, the median, the CPU time
a molecule, and the separability at 20, as rows of docs/benchmarks.md. Of the libraries connected molecules of 8 to 60 heavy
atoms are taken, --molecules of each in a seeded order.

Separability: the cross-fitted area under the curve (five folds by molecule, logistic regression, up to 20 decoys a molecule) of
telling originals from decoys, averaged within molecules, by SA score alone, by seven descriptors, and by Morgan bits (radius 2,
2,048 bits). One half means that they cannot be told. Stereo marks are left out of all of them.
"""


import argparse
import csv
import gzip
import pathlib
import random
import resource
import subprocess
import sys
import tempfile

import numpy as np
from rdkit import Chem, DataStructs, RDConfig, RDLogger
from rdkit.Chem import QED, Crippen, rdFingerprintGenerator
from rdkit.Chem import rdMolDescriptors as descriptors
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

sys.path.append(f"{RDConfig.RDContribDir}/SA_Score")
import sascorer  # noqa: E402

RDLogger.DisableLog("rdApp.*")
MORGAN = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)
MOST = 20


def molecule(smiles):
    read = Chem.MolFromSmiles(smiles)
    Chem.RemoveStereochemistry(read)
    return Chem.MolFromSmiles(Chem.MolToSmiles(read))


def simple(read):
    return [QED.qed(read), Crippen.MolLogP(read), descriptors.CalcTPSA(read), descriptors.CalcNumRotatableBonds(read),
            sascorer.calculateScore(read), descriptors.CalcNumRings(read), descriptors.CalcFractionCSP3(read)]


def bits(read):
    array = np.zeros(2048, dtype=np.float32)
    DataStructs.ConvertToNumpyArray(MORGAN.GetFingerprint(read), array)
    return array


def cross_fitted(features, original, group):
    scores = np.zeros(len(original))
    for train, test in GroupKFold(5).split(features, original, group):
        fitted = LogisticRegression(C=0.3, max_iter=500, class_weight="balanced").fit(features[train], original[train])
        scores[test] = fitted.decision_function(features[test])
    return scores


def within(scores, original, group):
    """Mean over molecules of how often the original scores above its decoys."""
    areas = []
    for one in np.unique(group):
        inside = group == one
        top, rest = scores[inside & original][0], scores[inside & ~original]
        areas.append(np.mean(top > rest) + 0.5 * np.mean(top == rest))
    return np.mean(areas), 1.96 * np.std(areas) / np.sqrt(len(areas))


def read_table(name):
    """Original and decoys of each molecule."""
    sets = {}
    with open(name, newline="") as table:
        for row in csv.DictReader(table):
            own = sets.setdefault(row["molecule_id"], [None, []])
            if row["role"] == "original":
                own[0] = row["decoy_smiles"]
            else:
                own[1].append(row["decoy_smiles"])
    return sets


def separability(sets):
    """Area and interval by SA score, descriptors and Morgan bits."""
    read, original, group = [], [], []
    for number, (own, found) in enumerate(sets.values()):
        for smiles in [own, *found[:MOST]] if found else []:
            read.append(molecule(smiles))
            original.append(smiles == own)
            group.append(number)
    original, group = np.array(original), np.array(group)
    table = np.array([simple(one) for one in read])
    scaled = (table - table.mean(0)) / table.std(0)
    morgan = np.array([bits(one) for one in read])
    scores = [-table[:, 4], cross_fitted(scaled, original, group), cross_fitted(morgan, original, group)]
    return [within(one, original, group) for one in scores]


def chosen(library, most):
    """Connected molecules of 8 to 60 heavy atoms, in a seeded order."""
    opened = gzip.open if library.suffix == ".gz" else open
    with opened(library, "rt") as lines:
        smiles = [line.split()[0] for line in lines if line.strip()]
    random.Random(5).shuffle(smiles)
    found = []
    for one in smiles:
        read = None if "." in one else Chem.MolFromSmiles(one)
        if read is not None and 8 <= read.GetNumHeavyAtoms() <= 60:
            found.append(one)
        if len(found) == most:
            break
    return found


def decoys_of(program, library, decoy_set, count, out):
    """CPU seconds of `hetero2 decoys`."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [program, "decoys", library, "--decoy-set", decoy_set, "--decoys", str(count), "--threads", "1", "--out", out,
               "--force", "--quiet"]
    subprocess.run(command, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime


def measure(program, libraries, molecules):
    print("| collection | set | with 20 | with 50 | with 200 | median of 200 | k = 20 | k = 50 | k = 200 | SA score | descriptors | Morgan bits |")
    print("|---|---|---|---|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as work:
        for library in libraries:
            smiles = chosen(library, molecules)
            small, out = pathlib.Path(work) / "library.smi", pathlib.Path(work) / "decoys.csv"
            small.write_text("".join(f"{one} m{number}\n" for number, one in enumerate(smiles)))
            for decoy_set in ["v1", "v2"]:
                cells, times = [], []
                for count in [20, 50, 200]:
                    times.append(f"{1000 * decoys_of(program, small, decoy_set, count, out) / len(smiles):.1f} ms")
                    sets = read_table(out)
                    found = sorted([len(found) for _, found in sets.values()] + [0] * (len(smiles) - len(sets)))
                    cells.append(f"{100 * np.mean(np.array(found) >= count):.0f} %")
                    if count == 20:
                        areas = [f"{area:.2f} ± {spread:.2f}" for area, spread in separability(sets)]
                cells.append(f"{np.median(found):.0f}")
                name = library.name.split(".")[0]
                print("| " + " | ".join([f"{name} ({len(smiles)})", decoy_set, *cells, *times, *areas]) + " |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", type=pathlib.Path, nargs="+")
    parser.add_argument("--program", type=pathlib.Path)
    parser.add_argument("--molecules", type=int, default=150)
    arguments = parser.parse_args()
    if arguments.program:
        return measure(arguments.program, arguments.files, arguments.molecules)
    for name in arguments.files:
        sets = read_table(name)
        counts = np.array([len(found) for _, found in sets.values()])
        shown = zip(["SA score", "descriptors", "Morgan bits"], separability(sets))
        areas = ", ".join(f"{what} {area:.2f} ± {spread:.2f}" for what, (area, spread) in shown)
        print(f"{name.name}: {len(counts)} molecules, median {np.median(counts):.0f} decoys, "
              f"{np.mean(counts >= 20):.2f} with 20: {areas}", flush=True)


if __name__ == "__main__":
    main()
