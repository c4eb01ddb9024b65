"""What audits conclude of scores whose worth is known: eight targets, twelve scores, one table.

    verdicts.py PROGRAM WORK [--targets A,B] [--molecules N] [--decoys K] [--decoy-set v2] [--jobs N] [--out FILE]
                 [--stored]

PROGRAM is the hetero2 binary; WORK keeps the data, decoys, score files and packs. Decoys are made again each time; score
files only where the decoys or the molecules changed. For every target and score the program audits the test molecules
three times: without outcomes, with outcomes, and with outcomes and training molecules. Prints a line for each score, and
puts tables in Markdown between the marks of FILE; exits 1 where a verdict is not one that the score may have.
"""

import argparse
import csv
import hashlib
import json
import pathlib
import random
import shutil
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
KINDS = ["blind", "outcomes", "train"]
# Scores that know no activity, or were told the answers.
NEVER_SUPPORTED = {
    "y_scrambled", "inverted", "inverted_plus_similarity", "random", "constant", "logp", "qed", "fragments", "sa_score",
    "nearest_neighbour",
}
# Scores that an audit without outcomes may not let pass either.
NOT_EVEN_NOT_REFUTED = {"constant", "random", "y_scrambled", "fragments"}


def write(path, header, rows):
    with open(path, "w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(header)
        table.writerows(rows)


def threshold(name, values):
    """The value from which a molecule is active: that of the upper third, unless one is published."""
    return ACTIVE_FROM.get(name, sorted(values)[2 * len(values) // 3])


def stored(work, names):
    """Evidence and thresholds that an earlier run left in WORK."""
    found, thresholds = {}, {}
    for name in names:
        with open(work / name / "truth.csv", newline="") as file:
            thresholds[name] = threshold(name, [float(row["value"]) for row in csv.DictReader(file)])
        for score in NAMES:
            for kind in KINDS:
                found[name, score, kind] = json.loads((work / name / f"evidence-{score}-{kind}.json").read_text())
    return found, thresholds


class Target:
    """Library, outcomes, training molecules, decoys and score files of a target, and its base pack."""

    def __init__(self, settings, wheel, name):
        self.name = name
        self.folder = settings.work / name
        self.folder.mkdir(parents=True, exist_ok=True)
        rows = targets.rows(wheel, name)
        self.train = [r for r in rows if r["split"] == "train"]
        test = [r for r in rows if r["split"] == "test"]
        self.test = sorted(random.Random(0).sample(test, min(settings.molecules, len(test))), key=lambda r: r["id"])
        self.threshold = threshold(name, [r["value"] for r in self.test])
        self.labels = [r["value"] >= self.threshold for r in self.test]
        write(self.folder / "library.csv", ["id", "smiles"], [(r["id"], r["smiles"]) for r in self.test])
        write(self.folder / "truth.csv", ["molecule_id", "value"], [(r["id"], r["value"]) for r in self.test])
        write(self.folder / "train.csv", ["smiles", "value"], [(r["smiles"], r["value"]) for r in self.train])
        # The leaky model was trained on the test molecules too, and its training file says so.
        both = [(r["smiles"], r["value"]) for r in self.train + self.test]
        write(self.folder / "train-leaky.csv", ["smiles", "value"], both)
        self.options = ["--decoy-set", settings.decoy_set, "--decoys", settings.decoys, "--threads", 1]
        self.run(settings.program, "decoys", self.folder / "library.csv", "--out", self.folder / "decoys.csv", "--force",
                 *self.options)
        self.aucs = self.score()
        # Packs whose stored controls serve all scores.
        self.packs = {}
        for kind, name in [("blind", ""), ("outcomes", ""), ("train", ""), ("train", "leaky")]:
            base = self.folder / f"base-{kind}{name}"
            shutil.rmtree(base, ignore_errors=True)
            self.run(settings.program, "run", self.folder / "library.csv", "--out", base, "--scores",
                     self.folder / "constant.csv", "--no-zip", *self.options, *self.known(name, kind))
            self.packs[kind, name] = base / "pack"

    def run(self, program, *arguments):
        done = subprocess.run([program, *map(str, arguments), "--quiet"], capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"{self.name}: {' '.join(map(str, arguments))}: {done.stderr.strip()}")

    def known(self, name, kind):
        """What an audit of a kind is told."""
        more = []
        if kind != "blind":
            more += ["--truth", self.folder / "truth.csv", "--active-if", f">={self.threshold}"]
        if kind == "train":
            more += ["--train", self.folder / ("train-leaky.csv" if name == "leaky" else "train.csv")]
        return more

    def score(self):
        """Writes the score files; the area under the ROC curve of each score on the outcomes."""
        state = hashlib.sha256()
        for file in [self.folder / "decoys.csv", self.folder / "train-leaky.csv", pathlib.Path(models.__file__)]:
            state.update(file.read_bytes())
        known = self.folder / "aucs.json"
        if known.exists():
            found = json.loads(known.read_text())
            if found["state"] == state.hexdigest():
                return found["aucs"]
        with open(self.folder / "decoys.csv", newline="") as file:
            smiles = sorted({row["decoy_smiles"] for row in csv.DictReader(file)})
        molecules = [Chem.MolFromSmiles(s) for s in smiles]
        kept = [(s, m) for s, m in zip(smiles, molecules) if m is not None]
        originals = [Chem.MolFromSmiles(r["smiles"]) for r in self.test]
        functions = models.scores(
            [Chem.MolFromSmiles(r["smiles"]) for r in self.train], [r["value"] for r in self.train],
            originals, [r["value"] for r in self.test], self.folder / "forests.joblib",
        )
        aucs = {}
        for name, score in functions.items():
            own = np.asarray(score(originals), dtype=float)
            aucs[name] = float(roc_auc_score(self.labels, own))
            of_decoys = score([m for _, m in kept])
            write(
                self.folder / f"{name}.csv", ["role", "molecule_id", "decoy_smiles", "score"],
                [("original", r["id"], "", repr(float(x))) for r, x in zip(self.test, own)]
                + [("decoy", "", s, repr(float(x))) for (s, _), x in zip(kept, of_decoys)],
            )
        known.write_text(json.dumps({"state": state.hexdigest(), "aucs": aucs}))
        return aucs

    def audit(self, program, name, kind):
        """The evidence of one score."""
        out = self.folder / f"audit-{name}-{kind}"
        shutil.rmtree(out, ignore_errors=True)
        pack = self.packs[kind, "leaky" if (name, kind) == ("leaky", "train") else ""]
        self.run(program, "audit", "--pack", pack, "--scores", self.folder / f"{name}.csv", "--out", out,
                 "--threads", 1, "--no-zip", *self.known(name, kind))
        # `audit` writes the pack itself or a directory with it, by version.
        metrics = next(path for path in [out / "metrics.json", out / "pack" / "metrics.json"] if path.exists())
        evidence = json.loads(metrics.read_text())["evidence"]
        (self.folder / f"evidence-{name}-{kind}.json").write_text(json.dumps(evidence, indent=1))
        shutil.rmtree(out)
        return evidence


def allowed(name, kind, evidence):
    """Whether a score may have what was concluded of it."""
    verdict = evidence["verdict"]
    if kind == "blind":
        if name in NOT_EVEN_NOT_REFUTED:
            return verdict in ("REFUTED", "INCONCLUSIVE", "NOTHING_AUDITED")
        return verdict not in ("SUPPORTED", "NOT_SUPPORTED")
    if name == "honest":
        # Supported wherever it is above every control beyond the interval.
        above = all(difference["above"] for difference in evidence["outcomes"]["differences"])
        return (verdict == "SUPPORTED") == above
    if name == "leaky" and kind == "train":
        return verdict != "SUPPORTED"
    return name not in NEVER_SUPPORTED or verdict != "SUPPORTED"


# Of each verdict, what the table says.
SHORT = {"NOTHING_AUDITED": "0", "REFUTED": "R", "INCONCLUSIVE": "I", "NOT_REFUTED": "N", "NOT_SUPPORTED": "–", "SUPPORTED": "**S**"}
NAMES = {
    "honest": "honest random forest on ECFP4",
    "leaky": "trained on the test molecules too",
    "y_scrambled": "y-scrambled forest",
    "inverted": "inverted forest",
    "inverted_plus_similarity": "inverted, plus similarity to the training molecules",
    "random": "random, by a hash of the SMILES",
    "constant": "constant",
    "logp": "logP",
    "qed": "QED",
    "fragments": "minus the number of fragments",
    "sa_score": "minus synthetic accessibility",
    "nearest_neighbour": "similarity to the nearest training molecule",
}


def number(figure, sign=""):
    """A figure of the document with its interval."""
    if not figure:
        return "–"
    ends = f" [{figure['low']:{sign}.2f}, {figure['high']:{sign}.2f}]" if figure.get("low") is not None else ""
    return f"{figure['value']:{sign}.2f}{ends}"


def closest(evidence):
    """The control that the model is least clearly above, with the paired difference."""
    found = [d for d in (evidence.get("outcomes") or {}).get("differences", []) if d["p_value"] is not None]
    if not found:
        return "–"
    one = max(found, key=lambda d: (d["p_value"], -d["difference"]["value"]))
    return f"{one['control']} {number(one['difference'], '+')}"


def markdown(found, thresholds):
    """The tables of docs/method.md, of evidence by target, score and kind."""
    names = list(thresholds)
    short = [name.removesuffix("_Ki").removesuffix("_EC50").removeprefix("CHEMBL") for name in names]
    yield "| score | " + " | ".join(short) + " |"
    yield "|---" * (len(short) + 1) + "|"
    for score in NAMES:
        cells = [" ".join(SHORT[found[name, score, kind]["verdict"]] for kind in KINDS) for name in names]
        yield f"| {NAMES[score]} | " + " | ".join(cells) + " |"
    yield ""
    yield "The honest model:"
    yield ""
    yield ("| target | active from | test AUC | mean AUC against decoys | random weights | contrast | "
           "closest control | with training molecules |")
    yield "|---|---|---|---|---|---|---|---|"
    for name in names:
        blind, outcomes, train = (found[name, "honest", kind] for kind in KINDS)
        model = outcomes["outcomes"]["model"]
        spread = (blind.get("separability") or {}).get("random_weights_spread", 0.0)
        yield (f"| {name.replace('_', ' ')} | {thresholds[name]:.2f} | {number(model['roc_auc'])} | {number(blind['audit_auc'])} | "
               f"± {spread:.3f} | {number(model['contrast'], '+')} | {closest(outcomes)} | {closest(train)} |")


def insert(path, lines):
    """Puts the lines between the marks of a document."""
    begin, end = "<!-- made by benches/usefulness/run.sh -->", "<!-- end -->"
    text = path.read_text()
    before, rest = text.split(begin)
    after = rest.split(end)[1]
    path.write_text(before + begin + "\n\n" + "\n".join(lines) + "\n\n" + end + after)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("work", type=pathlib.Path)
    parser.add_argument("--targets", default=",".join(targets.TARGETS))
    parser.add_argument("--molecules", type=int, default=200)
    parser.add_argument("--decoys", type=int, default=20)
    parser.add_argument("--decoy-set", default="v2")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("--stored", action="store_true", help="no audits: the tables of what WORK has")
    settings = parser.parse_args()
    names = settings.targets.split(",")
    if settings.stored:
        found, thresholds = stored(settings.work, names)
        wrong = [f"{' '.join(key)}: {one['verdict']}" for key, one in found.items() if not allowed(*key[1:], one)]
        return finish(settings, found, thresholds, wrong)
    settings.program = str(pathlib.Path(settings.program).resolve())
    wheel = targets.archive(settings.work / "packages")
    print("target,score,test AUC,mean AUC,p,contrast," + ",".join(f"{kind},reasons" for kind in KINDS), flush=True)
    found, thresholds, wrong = {}, {}, []
    for name in names:
        target = Target(settings, wheel, name)
        work = [(score, kind) for score in target.aucs for kind in KINDS]
        with ThreadPoolExecutor(settings.jobs) as pool:
            evidence = dict(zip(work, pool.map(lambda job: target.audit(settings.program, *job), work)))
        thresholds[name] = target.threshold
        for score, auc in target.aucs.items():
            of_kinds = [evidence[score, kind] for kind in KINDS]
            blind, outcomes, _ = of_kinds
            cells = [name, score, f"{auc:.2f}", f"{blind['audit_auc']['value']:.3f}", f"{blind['chance']['p_value']:.2g}"]
            cells.append(number(outcomes["outcomes"]["model"]["contrast"], "+").replace(", ", " "))
            for kind, one in zip(KINDS, of_kinds):
                found[name, score, kind] = one
                reasons = one["reasons"]
                cells += [one["verdict"], " ".join(reasons[:2]) + (f" +{len(reasons) - 2}" if len(reasons) > 2 else "")]
                if not allowed(score, kind, one):
                    wrong.append(f"{name} {score} {kind}: {one['verdict']}")
            print(",".join(cells), flush=True)
    return finish(settings, found, thresholds, wrong)


def finish(settings, found, thresholds, wrong):
    """Writes the tables; the exit code."""
    lines = list(markdown(found, thresholds))
    if settings.out:
        insert(settings.out, lines)
    else:
        print("\n".join(lines))
    for line in wrong:
        print("not allowed:", line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
