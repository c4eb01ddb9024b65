"""numpy's batched eigvalsh on drug-like graphs: the peer of benches/spectra.rs.

    python -m venv venv && venv/bin/pip install numpy
    venv/bin/python benches/peers/eigvalsh.py [count [target/criterion]]

Prints microseconds of CPU per matrix, one thread, and how many times faster
the benchmark's results in the given folder are. The matrices are packed
beforehand, grouped by size in arrays of shape (m, n, n): numpy's best case,
while our figure includes packing.
"""

import json
import os
import pathlib

os.environ["OPENBLAS_NUM_THREADS"] = "1"

import random
import sys
import time

import numpy as np


def molecule(n, rng):
    """As `molecule` in tests/api/spectra/graphs.rs: a tree with rings of 5 and 6."""
    a, degree, placed = np.zeros((n, n)), [0] * n, 1

    def bond(i, j):
        a[i, j] = a[j, i] = -rng.choice((1.0, 1.5, 2.0))
        degree[i] += 1
        degree[j] += 1

    while placed < n:
        free = [i for i in range(placed) if degree[i] < 3]
        bond(rng.choice(free) if free else placed - 1, placed)
        ring = rng.choice((5, 6, 6))
        if rng.random() < 0.16 and placed + ring <= n:
            for step in range(ring):
                bond(placed + step, placed + (step + 1) % ring)
            placed += ring
        else:
            placed += 1
    a -= np.diag(a.sum(axis=0))
    return a + np.diag([rng.choice((0.0, 0.0, 0.55, 1.5)) for _ in range(n)])


def ours(folder, count):
    """Median microseconds a matrix of each backend, from criterion's files."""
    for path in sorted(pathlib.Path(folder).glob("n~N*/values/*/new/estimates.json")):
        nanoseconds = json.loads(path.read_text())["median"]["point_estimate"]
        yield path.parent.parent.name, nanoseconds / 1e3 / count


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 8192
    rng, groups = random.Random(1), {}
    for _ in range(count):
        n = min(60, max(5, round(rng.gauss(25, 7))))
        groups.setdefault(n, []).append(molecule(n, rng))
    stacks = [np.stack(group) for _, group in sorted(groups.items())]
    for name, solve in (("eigvalsh", np.linalg.eigvalsh), ("eigh", np.linalg.eigh)):
        times = []
        for _ in range(5):
            start = time.process_time()
            for stack in stacks:
                solve(stack)
            times.append((time.process_time() - start) / count * 1e6)
        peer = sorted(times)[2]
        print(f"numpy {np.__version__} {name}: {peer:.2f} us a matrix")
        if name == "eigvalsh" and len(sys.argv) > 2:
            for backend, mine in ours(sys.argv[2], count):
                print(f"  {backend}: {mine:.2f} us a matrix, {peer / mine:.1f} times faster")


if __name__ == "__main__":
    main()
