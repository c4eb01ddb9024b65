"""What audits conclude of scores whose worth is known: eight targets, twelve scores, one table.

    verdicts.py PROGRAM WORK [--targets A,B] [--molecules N] [--decoys K] [--jobs N]

PROGRAM is the hetero2 binary; WORK keeps the data, score files and packs, and what is there is used again. For every
target and score the program audits the test molecules three times: without outcomes, with outcomes, and with outcomes
and training molecules. Prints Markdown; exits 1 where a verdict is not one that the score may have.
"""

import argparse
import csv
import json
import pathlib
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from rdkit import Chem, RDLogger
from sklearn.metrics import roc_auc_score

import models
import targets

RDLogger.DisableLog("rdApp.*")
ACTIVE_FROM = {"CHEMBL244_Ki": 8.5}
# Scores that know activity only because they were told the answers, or know none.
NEVER_SUPPORTED = {
    "y_scrambled", "inverted", "inverted_plus_similarity", "random", "constant", "logp", "qed", "fragments", "sa_score",
    "nearest_neighbour",
}


def write(path, header, rows):
    with open(path, "w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(header)
        table.writerows(rows)


def prepare(program, work, wheel, target, most, decoys):
    """Library, outcomes, training molecules and decoys of a target, and its score files; the names of the scores."""
    folder = work / target
    folder.mkdir(parents=True, exist_ok=True)
    rows = targets.rows(wheel, target)
    train = [r for r in rows if r["split"] == "train"]
    test = [r for r in rows if r["split"] == "test"]
    test = sorted(random.Random(0).sample(test, min(most, len(test))), key=lambda r: r["id"])
    values = sorted(r["value"] for r in test)
    threshold = ACTIVE_FROM.get(target, values[2 * len(values) // 3])
    write(folder / "library.csv", ["id", "smiles"], [(r["id"], r["smiles"]) for r in test])
    write(folder / "truth.csv", ["molecule_id", "value"], [(r["id"], r["value"]) for r in test])
    write(folder / "train.csv", ["smiles", "value"], [(r["smiles"], r["value"]) for r in train])
    # The leaky model was trained on the test molecules too, and its training file says so.
    write(folder / "train-leaky.csv", ["smiles", "value"], [(r["smiles"], r["value"]) for r in train + test])
    table = folder / "decoys.csv"
    if not table.exists():
        command = [program, "decoys", folder / "library.csv", "--out", table, "--decoys", str(decoys), "--quiet"]
        subprocess.run(command, check=True)
    with open(table, newline="") as file:
        smiles = sorted({row["decoy_smiles"] for row in csv.DictReader(file)})
    molecules = [Chem.MolFromSmiles(s) for s in smiles]
    kept = [(s, m) for s, m in zip(smiles, molecules) if m is not None]
    originals = [Chem.MolFromSmiles(r["smiles"]) for r in test]
    functions = models.scores(
        [Chem.MolFromSmiles(r["smiles"]) for r in train], [r["value"] for r in train],
        originals, [r["value"] for r in test],
    )
    aucs = {}
    labels = [r["value"] >= threshold for r in test]
    for name, score in functions.items():
        own = np.asarray(score(originals), dtype=float)
        aucs[name] = roc_auc_score(labels, own)
        path = folder / f"{name}.csv"
        if path.exists():
            continue
        of_decoys = score([m for _, m in kept])
        write(
            path, ["role", "molecule_id", "decoy_smiles", "score"],
            [("original", r["id"], "", repr(float(x))) for r, x in zip(test, own)]
            + [("decoy", "", s, repr(float(x))) for (s, _), x in zip(kept, of_decoys)],
        )
    return folder, threshold, aucs


def audit(program, folder, threshold, decoys, name, kind):
    """The evidence of one run."""
    out = folder / f"run-{name}-{kind}"
    command = [program, "run", folder / "library.csv", "--out", out, "--scores", folder / f"{name}.csv",
               "--decoys", str(decoys), "--threads", "1", "--quiet", "--resume"]
    if kind != "blind":
        command += ["--truth", folder / "truth.csv", "--active-if", f">={threshold}"]
    if kind == "train":
        command += ["--train", folder / ("train-leaky.csv" if name == "leaky" else "train.csv")]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{name} {kind}: {done.stderr.strip()}")
    return json.loads((out / "pack" / "metrics.json").read_text())["evidence"]


def allowed(name, kind, verdict):
    """Whether a score may get a verdict; an honest model's is looked at by a reader of the table."""
    if kind == "blind":
        if name in ("constant", "random", "y_scrambled", "fragments"):
            return verdict in ("REFUTED", "INCONCLUSIVE", "NOTHING_AUDITED")
        return verdict not in ("SUPPORTED", "NOT_SUPPORTED")
    if name == "leaky" and kind == "train":
        return verdict != "SUPPORTED"
    return name not in NEVER_SUPPORTED or verdict != "SUPPORTED"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("work", type=pathlib.Path)
    parser.add_argument("--targets", default=",".join(targets.TARGETS))
    parser.add_argument("--molecules", type=int, default=200)
    parser.add_argument("--decoys", type=int, default=20)
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    program = str(pathlib.Path(arguments.program).resolve())
    wheel = targets.archive(arguments.work / "packages")
    kinds = ["blind", "outcomes", "train"]
    print("| target | score | test AUC | without outcomes | with outcomes | and training molecules |")
    print("|---|---|---|---|---|---|")
    wrong = []
    for target in arguments.targets.split(","):
        folder, threshold, aucs = prepare(program, arguments.work, wheel, target, arguments.molecules, arguments.decoys)
        work = [(name, kind) for name in aucs for kind in kinds]
        with ThreadPoolExecutor(arguments.jobs) as pool:
            found = pool.map(lambda job: audit(program, folder, threshold, arguments.decoys, *job), work)
            evidence = dict(zip(work, found))
        for name, auc in aucs.items():
            cells = []
            for kind in kinds:
                one = evidence[name, kind]
                reasons = one.get("reasons") or []
                shown = ", ".join(reasons[:2]) + (f" and {len(reasons) - 2} more" if len(reasons) > 2 else "")
                cells.append(one["verdict"] + (f" ({shown})" if shown else ""))
                if not allowed(name, kind, one["verdict"]):
                    wrong.append(f"{target} {name} {kind}: {one['verdict']}")
            print(f"| {target} | {name} | {auc:.2f} | " + " | ".join(cells) + " |", flush=True)
    for line in wrong:
        print("not allowed:", line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
