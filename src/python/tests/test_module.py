"""The module against the program, and against what a user can do wrong.

    python -m unittest discover -s src/python/tests

`HETERO2_PROGRAM` is the program, built with the module from the same tree.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
import unittest
from pathlib import Path

import hetero2 as h2
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

PROGRAM = os.environ["HETERO2_PROGRAM"]

SMILES = [
    "CC(=O)Oc1ccccc1C(=O)O",
    "CN1C=NC2=C1C(=O)N(C(=O)N2C)C",
    "CC(C)Cc1ccc(cc1)C(C)C(=O)O",
    "c1ccc2c(c1)[nH]cc2CCN",
    "OCC1OC(O)C(O)C(O)C1O",
    "not a molecule",
    "",
    "CCN(CC)CCNC(=O)c1ccc(N)cc1",
    "[Na+].[Cl-]",
    "C1CCCCC1N",
    "CC(C)(C)NCC(O)c1ccc(O)c(CO)c1",
    "Clc1ccccc1C(=O)NCC",
]


def program(*words):
    """What the program prints as JSON."""
    done = subprocess.run([PROGRAM, *map(str, words), "--json", "-q"], capture_output=True, text=True)
    if done.returncode != 0:
        raise AssertionError(done.stderr + done.stdout)
    return json.loads(done.stdout)


def length(smiles):
    """A score that any model beats."""
    return [float(len(text)) + 0.01 * sum(map(ord, text)) for text in smiles]


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def library(self, smiles=SMILES):
        path = self.folder / "library.csv"
        rows = "".join(f"m{row},{text}\n" for row, text in enumerate(smiles))
        path.write_text("id,smiles\n" + rows)
        return path


class Tables(Case):
    def test_molecules_are_those_of_a_run(self):
        ids = [f"m{row}" for row in range(len(SMILES))]
        found = pa.table(h2.molecules(SMILES, ids=ids)).to_pydict()
        program("run", self.library(), "--out", self.folder / "run", "--decoys", 0, "--artifacts", "full")
        expected = pq.read_table(self.folder / "run/pack/summary.parquet").to_pydict()
        for column in ("id", "status", "reason", "canonical_smiles", "heavy_atoms", "mw", "logp", "tpsa", "hbd", "qed"):
            self.assertEqual(found[column], expected[column], column)
        self.assertEqual(found["status"].count("OK"), 9)
        self.assertEqual(found["reason"][5], "invalid_smiles")

    def test_spectra_are_those_of_a_run(self):
        words = ["--decoys", 0, "--artifacts", "full", "--edge-weights", "bond-order-delta-chi"]
        program("run", self.library(), "--out", self.folder / "run", *words)
        stored = pq.read_table(self.folder / "run/pack/spectra.parquet").to_pydict()
        found = pa.table(h2.spectra(SMILES, operators=["L", "H", "W", "WH"], backend="cpu")).to_pydict()
        kept = [row for row, status in enumerate(found["status"]) if status == "OK"]
        self.assertEqual(len(kept), 9)
        for operator in ("L", "H", "W", "WH"):
            column = f"{operator}_eigenvalues"
            self.assertEqual([found[column][row] for row in kept], stored[column], operator)
        self.assertEqual(found["L_eigenvalues"][5], [])

    def test_a_known_spectrum(self):
        found = pa.table(h2.spectra(["CC"], operators="L")).to_pydict()
        self.assertEqual(found["L_eigenvalues"], [[0.0, 2.0]])
        self.assertEqual(found["H_eigenvalues"], [[]])

    def test_decoys_are_those_of_the_program(self):
        out = self.folder / "decoys.parquet"
        program("decoys", self.library(), "--out", out, "--decoys", 7, "--seed", 3)
        expected = pq.read_table(out).to_pydict()
        found = h2.decoys(SMILES, k=7, seed=3)
        table = pa.table(found).to_pydict()
        self.assertGreater(len(found), 20)
        for column in ("row", "decoy_index", "decoy_smiles", "decoy_hash", "tanimoto", "hardness_bin"):
            self.assertEqual(table[column], expected[column], column)
        self.assertEqual(
            [(row.row, row.reason) for row in found.left_out][:3],
            [(1, "no_decoys_generated"), (5, "invalid_smiles"), (6, "missing_smiles")],
        )

    def test_columns_come_in_any_form(self):
        expected = pa.table(h2.molecules(["CCO", None, "c1ccccc1"]))
        array = pa.array(["CCO", None, "c1ccccc1"])
        forms = [
            ("CCO", None, "c1ccccc1"),
            iter(["CCO", None, "c1ccccc1"]),
            pd.Series(["CCO", None, "c1ccccc1"]),
            pd.Series(["CCO", None, "c1ccccc1"], dtype=object),
            array,
            array.cast(pa.large_string()),
            array.cast(pa.string_view()),
            pa.chunked_array([["CCO"], [None, "c1ccccc1"]]),
            pa.array(["N", "CCO", None, "c1ccccc1"]).slice(1),
        ]
        for form in forms:
            self.assertEqual(pa.table(h2.molecules(form)), expected, type(form))

    def test_a_table_goes_anywhere(self):
        table = h2.molecules(["CCO", "CC"])
        self.assertEqual((len(table), table.shape), (2, (2, len(table.columns))))
        self.assertEqual(list(table.to_pandas()["canonical_smiles"]), ["CCO", "CC"])
        self.assertEqual(pa.schema(table).names, table.columns)
        self.assertIn("canonical_smiles: Utf8", repr(table))
        self.assertIn("<table", table._repr_html_())
        # Its memory lives as long as what was made of it.
        arrow = pa.table(table)
        del table
        self.assertEqual(arrow["canonical_smiles"].to_pylist(), ["CCO", "CC"])
        self.assertEqual(len(h2.molecules([])), 0)

    def test_wrong_inputs_say_what_and_where(self):
        for given, said in [
            ("CCO", "one str"),
            (["CCO", 7], "row 1"),
            (pa.array([1, 2]), "cast to string"),
            (5, "give a list"),
        ]:
            with self.assertRaises(h2.InputError) as raised:
                h2.molecules(given)
            self.assertIn(said, str(raised.exception))
        with self.assertRaisesRegex(h2.InputError, "1 ids of 2 SMILES"):
            h2.molecules(["C", "CC"], ids=["a"])
        with self.assertRaisesRegex(h2.InputError, "k is 20000: it must be at most 10000"):
            h2.decoys(["CCO"], k=20000)
        with self.assertRaisesRegex(h2.InputError, "k is 0"):
            h2.decoys(["CCO"], k=0)
        with self.assertRaisesRegex(h2.InputError, "connectivity"):
            h2.molecules(["CCO"], connectivity="some")
        with self.assertRaisesRegex(h2.InputError, "operators"):
            h2.spectra(["CCO"], operators=["Q"])
        with self.assertRaisesRegex(h2.InputError, "there is no setting kay"):
            h2.run(self.library(), self.folder / "run", kay=3)


class Runs(Case):
    def test_a_run_has_the_digest_of_the_program(self):
        library = self.library()
        expected = program("run", library, "--out", self.folder / "program", "--decoys", 5)
        stages = []
        report = h2.run(library, self.folder / "module", k=5, progress=lambda *it: stages.append(it))
        self.assertEqual(report.content_digest, expected["content_digest"])
        self.assertEqual(report.counts, expected["counts"])
        self.assertIsNone(report.evidence)
        self.assertTrue(h2.run(library, self.folder / "module", k=5).already_complete)
        with self.assertRaisesRegex(h2.HeteroError, "give another out="):
            h2.run(library, self.folder / "module", k=6)
        with self.assertRaises(h2.InputError):
            h2.run(self.folder / "none.csv", self.folder / "other")

    def test_packs_are_read_and_verified(self):
        h2.run(self.library(), self.folder / "run", k=5)
        for path in (self.folder / "run", self.folder / "run/pack", self.folder / "run/pack/evidence_pack.zip"):
            pack = h2.open_pack(path)
            self.assertTrue(pack.verify())
            self.assertEqual(pack.verify().content_digest, pack.content_digest)
            self.assertEqual(len(pack.table), len(SMILES))
            self.assertGreater(len(pack.decoys), 10)
        with (self.folder / "run/pack/summary.csv").open("a") as file:
            file.write("x\n")
        found = h2.verify(self.folder / "run/pack")
        self.assertFalse(found)
        self.assertTrue(found.failures)
        with self.assertRaises(h2.HeteroError):
            h2.open_pack(self.folder)
        with self.assertRaisesRegex(h2.HeteroError, "without scores"):
            pack.controls

    def test_an_audit_has_the_digest_of_the_program(self):
        library = self.library()
        outcomes = self.folder / "outcomes.csv"
        outcomes.write_text("molecule_id,active\n" + "".join(f"m{row},{row % 2}\n" for row in range(12)))
        audit = h2.audit(library, scorer=length, k=6, outcomes=outcomes, out=self.folder / "audit")
        words = ["--decoys", 6, "--scores", self.folder / "audit/scores.csv", "--truth", outcomes]
        expected = program("run", library, "--out", self.folder / "program", *words)
        self.assertEqual(audit.content_digest, expected["content_digest"])
        script = self.folder / "score.py"
        script.write_text(
            "import sys\n"
            "for line in sys.stdin:\n"
            "    text = line.strip()\n"
            "    print(float(len(text)) + 0.01 * sum(map(ord, text)) if text else '', flush=True)\n"
        )
        words = ["--decoys", 6, "--score-command", f'"{sys.executable}" "{script}"', "--truth", outcomes]
        command = program("run", library, "--out", self.folder / "command", *words)
        self.assertEqual(audit.content_digest, command["content_digest"])
        self.assertEqual(audit.verdict, expected["verdict"])
        self.assertEqual(audit.evidence, expected["evidence"])
        self.assertTrue(audit.pack.verify())
        self.assertTrue(all(score is not None for score in pa.table(audit.decoys)["score"].to_pylist()))
        self.assertEqual(pa.table(audit.controls).num_rows, expected["rows_audited"])

    def test_an_audit_of_columns_lasts_and_can_be_kept(self):
        active = [True, False] * 6
        audit = h2.audit(SMILES, scorer=length, outcomes=active, k=5)
        same = h2.audit(SMILES, scorer=length, outcomes=active, k=5, threads=1)
        self.assertEqual(audit.content_digest, same.content_digest)
        kept = audit.save(self.folder / "kept")
        self.assertEqual(h2.verify(kept).content_digest, audit.content_digest)
        self.assertIn(audit.verdict.split(":")[0], audit._repr_html_())
        with self.assertRaisesRegex(h2.HeteroError, "there already"):
            audit.save(kept)
        scores = {row["decoy_smiles"]: row["score"] for row in pa.table(audit.decoys).to_pylist()}
        given = h2.audit(SMILES, scores=scores, k=5)
        self.assertEqual(len(given.table), len(SMILES))

    def test_each_molecule_is_scored_once(self):
        seen = []

        def scorer(smiles):
            seen.extend(smiles)
            return length(smiles)

        h2.audit(["CCO", "OCC", "CCCN"], scorer=scorer, k=5)
        self.assertEqual(len(seen), len(set(seen)))

    def test_a_scorer_that_fails_is_named_with_the_molecule(self):
        def with_nan(smiles):
            seen.extend(smiles)
            return [float("nan") if place == 1 else 1.0 for place, _ in enumerate(smiles)]

        seen = []
        with self.assertRaisesRegex(h2.ScorerError, r"gave nan \(molecule 1, .*\): give") as raised:
            h2.audit(["CCCN", "CCOCC"], scorer=with_nan, k=3)
        self.assertEqual((raised.exception.row, raised.exception.smiles), (1, seen[1]))
        with self.assertRaisesRegex(h2.ScorerError, "scores of"):
            h2.audit(["CCCN", "CCOCC"], scorer=lambda smiles: [1.0], k=3)
        with self.assertRaisesRegex(h2.ScorerError, "gave None"):
            h2.audit(["CCCN", "CCOCC"], scorer=lambda smiles: [None] * len(smiles), k=3)
        with self.assertRaisesRegex(ZeroDivisionError, "division"):
            h2.audit(["CCCN", "CCOCC"], scorer=lambda smiles: [1 / 0], k=3)
        with self.assertRaisesRegex(h2.InputError, "one of them"):
            h2.audit(["CCO"])
        with self.assertRaisesRegex(h2.InputError, "rows 0 and 1 have the same id"):
            h2.audit(["CCO", "CCN"], ids=["a", "a"], scorer=length)


class Behaviour(Case):
    def test_other_threads_go_on_meanwhile(self):
        turns, done = 0, threading.Event()

        def count():
            nonlocal turns
            while not done.is_set():
                turns += 1
                time.sleep(0.001)

        thread = threading.Thread(target=count)
        thread.start()
        smiles = [f"{'C' * (3 + row % 8)}OCC{'N' * (1 + row % 2)}" for row in range(1000)]
        begin = time.monotonic()
        h2.decoys(smiles, k=20)
        seconds = time.monotonic() - begin
        done.set()
        thread.join()
        self.assertGreater(turns, 20 * seconds)

    def test_progress_is_told_and_can_stop(self):
        class Enough(Exception):
            pass

        smiles = [f"{'C' * (3 + row % 8)}OCC(N)CC" for row in range(20_000)]
        calls = []

        def progress(stage, done, total):
            calls.append((stage, done, total))
            if len(calls) == 3:
                raise Enough

        with self.assertRaises(Enough):
            h2.decoys(smiles, k=50, progress=progress)
        self.assertEqual(len(calls), 3)

    @unittest.skipIf(os.name == "nt", "no SIGINT for another process")
    def test_ctrl_c_stops_cleanly_and_the_run_goes_on(self):
        smiles = [f"{'C' * (4 + row % 12)}OC{'C' * (row % 9)}N" for row in range(30_000)]
        library, out = self.library(smiles), self.folder / "run"
        code = textwrap.dedent(f"""
            import hetero2 as h2
            try:
                h2.run({str(library)!r}, {str(out)!r}, k=0, progress=lambda *it: print(*it, flush=True))
            except KeyboardInterrupt:
                print("stopped", flush=True)
        """)
        child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        self.assertTrue(any(line.startswith("computing") for line in child.stdout))
        child.send_signal(signal.SIGINT)
        rest, _ = child.communicate(timeout=60)
        self.assertTrue(rest.endswith("stopped\n"), rest)
        self.assertEqual(child.returncode, 0)
        with self.assertRaisesRegex(h2.HeteroError, "resume=True goes on"):
            h2.run(library, out, k=0)
        resumed = h2.run(library, out, k=0, resume=True)
        expected = program("run", library, "--out", self.folder / "program", "--decoys", 0)
        self.assertEqual(resumed.content_digest, expected["content_digest"])


if __name__ == "__main__":
    unittest.main()
