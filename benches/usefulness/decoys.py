"""Whether decoys can be told from their originals without knowing any activity.

    pip install rdkit==2026.9.1 scikit-learn
    hetero2 decoys library.smi --decoy-set v2 --decoys 20 --out v2.csv
    python benches/usefulness/decoys.py v1.csv v2.csv

For each table of `hetero2 decoys`: how many molecules have decoys, the share with at least 20, and the cross-fitted area
under the curve (five folds by molecule, logistic regression, up to 20 decoys a molecule) of telling originals from decoys,
averaged within molecules, by SA score alone, by seven descriptors, and by Morgan bits (radius 2, 2,048 bits). One half
means that they cannot be told. Stereo marks are left out of all of them.
"""

import csv
import pathlib
import sys

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


for name in sys.argv[1:]:
    sets = {}
    with open(name, newline="") as table:
        for row in csv.DictReader(table):
            own = sets.setdefault(row["molecule_id"], [None, []])
            if row["role"] == "original":
                own[0] = row["decoy_smiles"]
            else:
                own[1].append(row["decoy_smiles"])
    counts = np.array([len(found) for _, found in sets.values()])
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
    shown = [("SA score", -table[:, 4]), ("descriptors", cross_fitted(scaled, original, group)),
             ("Morgan bits", cross_fitted(morgan, original, group))]
    areas = ", ".join("{} {:.2f} ± {:.2f}".format(what, *within(scores, original, group)) for what, scores in shown)
    print(f"{pathlib.Path(name).name}: {len(counts)} molecules, median {np.median(counts):.0f} decoys, "
          f"{np.mean(counts >= 20):.2f} with 20: {areas}", flush=True)
