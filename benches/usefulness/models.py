"""Scores of molecules for one target: models that were trained, and scores that know no activity.

A score is a function from a list of molecules to a list of numbers, higher is better. `scores` names them all; each is
made from the training molecules and values of its target alone, and repeats for the same input.
"""

import collections
import os
import sys
import zlib

import joblib
import numpy as np
from rdkit import Chem, DataStructs, RDConfig
from rdkit.Chem import QED, Crippen, rdFingerprintGenerator
from sklearn.ensemble import RandomForestRegressor

sys.path.append(os.path.join(RDConfig.RDContribDir, "SA_Score"))
import sascorer  # noqa: E402  (RDKit ships it outside its package)

GENERATOR = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)
TREES = 100


def fingerprints(molecules):
    return [GENERATOR.GetFingerprint(m) for m in molecules]


def matrix(prints):
    """Fingerprints as rows of zeros and ones, one byte a bit."""
    packed = [np.frombuffer(DataStructs.BitVectToBinaryText(p), dtype=np.uint8) for p in prints]
    return np.unpackbits(np.array(packed), axis=1)


def forest(prints, values, seed=0):
    model = RandomForestRegressor(TREES, max_features="sqrt", min_samples_leaf=2, n_jobs=1, random_state=seed)
    return model.fit(matrix(prints), values)


def from_text(molecule):
    """A number in [0, 1) that depends on the canonical SMILES alone."""
    return zlib.crc32(Chem.MolToSmiles(molecule).encode()) / 2**32


def forests(train_prints, values, test_prints, test_values):
    """The honest, the y-scrambled and the leaky model."""
    values = np.asarray(values)
    return (
        forest(train_prints, values),
        forest(train_prints, np.random.RandomState(0).permutation(values)),
        forest(train_prints + test_prints, np.concatenate([values, test_values])),
    )


def scores(train, values, test, test_values, cache):
    """All scores of a target.

    `train` and `test` are molecules, `values` and `test_values` their activities (higher is better). The leaky model is
    the only one that sees `test_values`. The file `cache` keeps what was fitted on the same molecules before.
    """
    train_prints, test_prints = fingerprints(train), fingerprints(test)
    smiles = [Chem.MolToSmiles(m) for m in train + test]
    key = repr((TREES, smiles, [float(v) for v in values], [float(v) for v in test_values]))
    known = joblib.load(cache) if cache.exists() else None
    if known is None or known[0] != key:
        known = (key, forests(train_prints, values, test_prints, test_values))
        joblib.dump(known, cache, compress=3)
    honest, shuffled, leaky = known[1]
    prints = {}

    def of(molecules):
        key = tuple(map(id, molecules))
        if key not in prints:
            prints.clear()
            prints[key] = (fingerprints(molecules), molecules)
        return prints[key][0]

    def predict(model):
        return lambda molecules: model.predict(matrix(of(molecules)))

    def nearest(molecules):
        return [max(DataStructs.BulkTanimotoSimilarity(p, train_prints)) for p in of(molecules)]

    def each(function):
        return lambda molecules: [function(m) for m in molecules]

    return collections.OrderedDict(
        honest=predict(honest),
        y_scrambled=predict(shuffled),
        leaky=predict(leaky),
        inverted=lambda molecules: -honest.predict(matrix(of(molecules))),
        inverted_plus_similarity=lambda molecules: -honest.predict(matrix(of(molecules))) + 20 * np.array(nearest(molecules)),
        random=each(from_text),
        constant=each(lambda _: 1.0),
        logp=each(Crippen.MolLogP),
        qed=each(QED.qed),
        fragments=each(lambda m: -float(Chem.MolToSmiles(m).count("."))),
        sa_score=each(lambda m: -sascorer.calculateScore(m)),
        nearest_neighbour=nearest,
    )
