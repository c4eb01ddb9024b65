"""The Python implementation's `hetero2-batch` and our `hetero2 batch`, with the
same arguments on the same molecules in one run.

    batch.py PEER PROGRAM LIBRARY [DECOYS [ROWS]]

PEER is the command `hetero2-batch`, PROGRAM ours, LIBRARY a SMILES file, plain
or gzipped. The peer audits ROWS rows (300) spread evenly over the library, 2
decoys each unless DECOYS says otherwise. Ours audits the same rows, to see
that statuses and numbers of decoys agree, and the whole library, before and
after the peer. Printed is CPU time for a molecule, one thread; what the start
takes, measured on one row, is taken off both.
"""

import csv
import gzip
import itertools
import os
import pathlib
import resource
import shlex
import statistics
import subprocess
import sys
import tempfile

# One thread of the peer's linear algebra, and the kernels of its choice.
ENVIRONMENT = {k: v for k, v in os.environ.items() if not k.startswith("OPENBLAS_")}
ENVIRONMENT |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


def read(library):
    """Pairs of id and SMILES."""
    opened = gzip.open if library.suffix == ".gz" else open
    with opened(library, "rt", encoding="utf-8") as file:
        fields = (line.split() for line in file)
        return [(f"{i}", row[0]) for i, row in enumerate(fields) if row]


def write(path, rows):
    with open(path, "w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([("id", "smiles"), *rows])


def seconds(command, table, out, decoys):
    """CPU time of a run on `table`, which writes its pack to `out`."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    arguments = ["--input", table, "--out_dir", out, "--k_decoys", str(decoys), "--seed_strategy"]
    arguments += ["per_row", "--physics_mode", "both", "--artifacts", "light", "--score_mode", "mock"]
    arguments += ["--workers", "1"]
    done = subprocess.run([*command, *arguments], env=ENVIRONMENT, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{shlex.join(command)} failed:\n{done.stderr[-2000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def outcomes(pack):
    """Status and number of decoys of each row by its id."""
    with open(pack / "summary.csv", newline="") as file:
        return {row["id"]: (row["status"], row["n_decoys"]) for row in csv.DictReader(file)}


def main(peer, program, library, decoys="2", sample="300"):
    peer, ours, library = shlex.split(peer), [program, "batch"], pathlib.Path(library)
    rows = read(library)
    step = max(1, len(rows) // int(sample))
    some = rows[::step][: int(sample)]
    if len(some) < 2:
        sys.exit(f"{library} and ROWS ask for {len(some)} row(s): two are the least")
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        tables = {"one": some[:1], "some": some, "all": rows}
        for name, content in tables.items():
            write(folder / name, content)
        packs = (folder / f"pack{i}" for i in itertools.count())

        def measure(command, name):
            """Milliseconds of CPU a molecule beyond those of the start, and the pack."""
            start = seconds(command, folder / "one", next(packs), decoys)
            pack = next(packs)
            whole = seconds(command, folder / name, pack, decoys)
            return 1e3 * (whole - start) / (len(tables[name]) - 1), pack

        mine = [measure(ours, "all")[0] for _ in range(2)]
        theirs, pack = measure(peer, "some")
        mine += [measure(ours, "all")[0] for _ in range(2)]
        _, same = measure(ours, "some")
        expected, found = outcomes(pack), outcomes(same)
    agree = sum(found.get(key) == value for key, value in expected.items())
    middle = statistics.median(mine)
    print(f"| {library.name} | {decoys} | {theirs:.1f} of {len(some)} rows | ", end="")
    print(f"{', '.join(f'{x:.3f}' for x in mine)} of {len(rows):,} | {theirs / middle:.0f} | ", end="")
    print(f"{agree} of {len(expected)} |")


if __name__ == "__main__":
    if not 4 <= len(sys.argv) <= 6:
        sys.exit(__doc__)
    main(*sys.argv[1:])
