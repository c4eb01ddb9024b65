"""States of chains, rings and polymers by scipy, beside `hetero2 bench scale`.

    python -m venv venv && venv/bin/pip install numpy scipy
    hetero2 bench scale --dense-up-to 4000 --sizes 1000,4000,20000,100000,1000000 --json >ours.json
    venv/bin/python benches/peers/scale.py ours.json

eigvalsh: all eigenvalues (LAPACK), up to 4,000 atoms. eigh_tridiagonal: all eigenvalues of the
chain, which alone is tridiagonal (stemr), up to 20,000 atoms. ARPACK: the 8 lowest eigenvalues by
shift and invert (eigsh, sigma = -0.01), for what ours gives by counts at 256 energies and more. One
thread. Beside times it compares counts with all eigenvalues.
"""

import json
import os
import sys
import time

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np
import scipy
import scipy.linalg as dense
import scipy.sparse as sparse
import scipy.sparse.linalg as arpack

DENSE_UP_TO = 4000
TRIDIAGONAL_UP_TO = 20_000


def bonds(shape, n):
    """As src/engine/density/named.rs has them."""
    pairs = []
    if shape == "chain":
        pairs = [(i - 1, i) for i in range(1, n)]
    elif shape == "ring":
        pairs = [(i - 1, i) for i in range(1, n)] + ([(0, n - 1)] if n > 2 else [])
    elif shape == "branched":
        for f in range(0, n, 4):
            pairs += [(f, f + 1), (f + 1, f + 2), (f + 1, f + 4), (f + 2, f + 3)]
    elif shape == "styrene":
        for f in range(0, n, 8):
            pairs += [(f, f + 1), (f + 1, f + 2), (f + 1, f + 8), (f + 2, f + 3), (f + 2, f + 7)]
            pairs += [(f + at, f + at + 1) for at in range(3, 7)]
    return np.array([pair for pair in pairs if pair[1] < n])


def laplacian(shape, n):
    pairs = bonds(shape, n)
    ones = np.ones(len(pairs))
    upper = sparse.coo_array((ones, (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    a = (upper + upper.T).tocsr()
    return (sparse.diags_array(a.sum(axis=1)) - a).tocsc()


def timed(work):
    start = time.perf_counter()
    found = work()
    return found, time.perf_counter() - start


def main():
    ours = json.load(open(sys.argv[1]))
    print(f"scipy {scipy.__version__}, numpy {np.__version__}; ours: hetero2 {ours['version']}, total of 256 energies")
    print(f"{'graph':>18} {'ours s':>9} {'peer':>17} {'peer s':>9} {'ratio':>9}")
    for m in ours["measurements"]:
        shape, n = m["graph"].split(":")
        n, mine = int(n), m["total_s"]["median"]
        if n < 3:
            continue
        matrix = laplacian(shape, n)
        peers = []
        if n <= DENSE_UP_TO:
            full = matrix.toarray()
            peers.append(("eigvalsh", timed(lambda: dense.eigvalsh(full))[1]))
        if shape == "chain" and n <= TRIDIAGONAL_UP_TO:
            d, e = matrix.diagonal(), np.full(n - 1, -1.0)
            found, seconds = timed(lambda: dense.eigh_tridiagonal(d, e, eigvals_only=True))
            closed = 2 - 2 * np.cos(np.pi * np.arange(n) / n)
            assert np.abs(found - closed).max() < 1e-9, "not the closed form"
            peers.append(("eigh_tridiagonal", seconds))
        if n > 8:
            work = lambda: arpack.eigsh(matrix, k=8, sigma=-0.01, return_eigenvectors=False)
            peers.append(("ARPACK, 8 lowest", timed(work)[1]))
        for name, seconds in peers:
            print(f"{m['graph']:>18} {mine:9.4f} {name:>17} {seconds:9.4f} {seconds / mine:9.1f}")


if __name__ == "__main__":
    main()
