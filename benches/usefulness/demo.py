"""Makes the shipped demo: molecules with known activities, and scores of three models whose worth is known.

    pip install rdkit==2026.9.1 scikit-learn
    cargo build --release
    python benches/usefulness/demo.py target/release/hetero2 [FOLDER]

Writes into FOLDER (src/engine/demo/data without one, and the first of them into src/library/data):

- factor_xa.smi: molecules of one target of MoleculeACE (activities from ChEMBL, CC BY-SA 3.0), of its published test split, two
  of a scaffold at most;
- outcomes.csv: their pKi;
- honest.csv.gz: scores of a random forest on ECFP4 that was trained on other molecules of the target, for the molecules and
  their decoys, as `hetero2 decoys` writes them;
- y-scrambled.csv.gz: of the same forest trained on shuffled activities;
- leaky.csv.gz: of the same forest trained on the library too;
- training.csv.gz: what the leaky one was trained on.

The package comes from the package index by pip. The same program and packages give the same files.
"""

import argparse
import csv
import gzip
import io
import pathlib
import random
import subprocess
import tempfile

from rdkit import Chem, RDLogger
from rdkit.Chem.Scaffolds import MurckoScaffold
from sklearn.metrics import roc_auc_score

import models
import targets

RDLogger.DisableLog("rdApp.*")
ROOT = pathlib.Path(__file__).parents[2]
TARGET = "CHEMBL244_Ki"
NAME = "fxa"
ACTIVE_FROM = 8.5
MOLECULES = 140
OTHERS = 600
OF_A_SCAFFOLD = 2
DECOYS = 20


def scaffold(smiles):
    return MurckoScaffold.MurckoScaffoldSmiles(mol=Chem.MolFromSmiles(smiles), includeChirality=False)


def varied(rows, most):
    """Some rows in a seeded order, few of one scaffold."""
    seen, found = {}, []
    for row in random.Random(0).sample(rows, len(rows)):
        key = scaffold(row["smiles"])
        if "." not in row["smiles"] and seen.get(key, 0) < OF_A_SCAFFOLD and len(found) < most:
            seen[key] = seen.get(key, 0) + 1
            found.append(row)
    return sorted(found, key=lambda row: int(row["id"].rsplit("_", 1)[1]))


def table(header, rows):
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


def packed(text):
    return gzip.compress(text.encode(), 9, mtime=0)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=pathlib.Path)
    parser.add_argument("folder", type=pathlib.Path, nargs="?")
    parser.add_argument("--packages", type=pathlib.Path, default=ROOT / "target/usefulness/packages")
    parser.add_argument("--target", default=TARGET)
    parser.add_argument("--active-from", type=float, default=ACTIVE_FROM)
    parser.add_argument("--decoy-set", default="v2")
    arguments = parser.parse_args()
    folder = arguments.folder or ROOT / "src/engine/demo/data"
    folder.mkdir(parents=True, exist_ok=True)
    library = (arguments.folder or ROOT / "src/library/data") / "factor_xa.smi"

    rows = targets.rows(targets.archive(arguments.packages), arguments.target)
    test = varied([row for row in rows if row["split"] == "test"], MOLECULES)
    for number, row in enumerate(test):
        row["id"] = f"{NAME}_{number + 1:03}"
    train = random.Random(1).sample([row for row in rows if row["split"] == "train"], OTHERS)
    library.write_text("".join(f"{row['smiles']} {row['id']}\n" for row in test))
    (folder / "outcomes.csv").write_text(table(["molecule_id", "value"], [(row["id"], row["value"]) for row in test]))
    seen = sorted(train + test, key=lambda row: row["smiles"])
    training = table(["smiles", "value"], [(row["smiles"], row["value"]) for row in seen])
    (folder / "training.csv.gz").write_bytes(packed(training))

    with tempfile.TemporaryDirectory() as work:
        decoys = pathlib.Path(work) / "decoys.csv"
        command = [arguments.program, "decoys", library, "--out", decoys, "--decoys", str(DECOYS), "--decoy-set",
                   arguments.decoy_set, "--quiet"]
        subprocess.run(command, check=True)
        with open(decoys, newline="") as file:
            structures = list(csv.DictReader(file))
    smiles = sorted({row["decoy_smiles"] for row in structures if row["role"] == "decoy"})
    prints = models.fingerprints([Chem.MolFromSmiles(row["smiles"]) for row in train])
    originals = models.fingerprints([Chem.MolFromSmiles(row["smiles"]) for row in test])
    # A decoy that RDKit cannot read ends this.
    made = models.matrix(models.fingerprints([Chem.MolFromSmiles(text) for text in smiles]))
    values = [[row["value"] for row in rows] for rows in (train, test)]
    forests = models.forests(prints, values[0], originals, values[1])
    active = [row["value"] >= arguments.active_from for row in test]
    for name, model in zip(["honest", "y-scrambled", "leaky"], forests):
        own = model.predict(models.matrix(originals))
        scored = [("original", row["id"], "", f"{score:.4f}") for row, score in zip(test, own)]
        scored += [("decoy", "", text, f"{score:.4f}") for text, score in zip(smiles, model.predict(made))]
        text = table(["role", "molecule_id", "decoy_smiles", "score"], scored)
        (folder / f"{name}.csv.gz").write_bytes(packed(text))
        print(f"{name}: ROC AUC {roc_auc_score(active, own):.3f}")
    scaffolds = len({scaffold(row["smiles"]) for row in test})
    print(f"{len(test)} molecules of {scaffolds} scaffolds, {sum(active)} active, {len(smiles)} decoys")


if __name__ == "__main__":
    main()
