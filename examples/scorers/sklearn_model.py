"""Scores molecules by a model of scikit-learn on Morgan fingerprints, a batch at a time.

    python examples/scorers/sklearn_model.py --fit training.csv model.joblib
    hetero2 run library.csv --out run --train training.csv \
        --score-command 'python examples/scorers/sklearn_model.py model.joblib'

The training table has the columns smiles and active (1 or 0).
"""

import csv
import sys

import joblib
import numpy as np
from rdkit import Chem, RDLogger
from rdkit.Chem import rdFingerprintGenerator

RDLogger.DisableLog("rdApp.*")
GENERATOR = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)


def fingerprints(smiles):
    """Fingerprints of the molecules that can be read, and which those are."""
    molecules = [Chem.MolFromSmiles(text) for text in smiles]
    read = np.array([molecule is not None for molecule in molecules], dtype=bool)
    rows = [GENERATOR.GetFingerprintAsNumPy(molecule) for molecule in molecules if molecule is not None]
    return (np.vstack(rows) if rows else np.zeros((0, 2048))), read


def fit(training, model):
    from sklearn.ensemble import RandomForestClassifier

    with open(training, newline="") as file:
        rows = list(csv.DictReader(file))
    features, read = fingerprints([row["smiles"] for row in rows])
    active = np.array([int(row["active"]) for row in rows])[read]
    joblib.dump(RandomForestClassifier(200, random_state=0).fit(features, active), model)


def batches(lines):
    """The molecules up to each empty line."""
    batch = []
    for line in lines:
        if line.strip():
            batch.append(line.strip())
        else:
            yield batch
            batch = []


def serve(model):
    model = joblib.load(model)
    for batch in batches(sys.stdin):
        features, read = fingerprints(batch)
        scores = np.full(len(batch), np.nan)
        if read.any():
            scores[read] = model.predict_proba(features)[:, 1]
        print(*scores, "", sep="\n", flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "--fit":
        fit(*sys.argv[2:])
    else:
        serve(sys.argv[1])
