"""PyTorch and CuPy on a GPU, beside `hetero2 bench spectra` on the same one.

    gpu.py OURS.json

OURS is an answer of `hetero2 bench spectra --json`. Eigenvalues in double
precision of the Hamiltonians of the demo library (set `library`) and of
molecule-like graphs of each order that OURS has (as eigvalsh.py makes them),
as many as ours took, by `torch.linalg.eigvalsh` and `cupy.linalg.eigvalsh`.

Peers at their best: matrices lie on the device, results stay there. The library
is given to them twice, in stacks of one order each and padded to powers of
two; the quicker counts. Ours includes packing, sending, and reading back.

The floor is the larger of two times: of the bytes that ours moves, over the
bandwidth measured by copying, and of (4/3)·n³ operations (Householder, Golub
and Van Loan, 8.3), over the speed measured by multiplying matrices.

Without a GPU the peers take the CPU, which tries the script and says nothing of
GPUs.
"""

import collections
import itertools
import json
import pathlib
import random
import statistics
import sys
import time

import numpy as np
import torch

try:
    import cupy
except ImportError:
    cupy = None

REPEATS = 5
# Larger stacks take too much memory in cuSOLVER's workspace.
MOST_IN_A_STACK = 8192
# Beyond all eigenvalues of the graphs, so that padding mixes with none.
PADDING = 1e3


class Torch:
    name = f"torch {torch.__version__}"

    def __init__(self, device):
        self.device = device

    def put(self, stack):
        return torch.from_numpy(stack).to(self.device)

    def get(self, values):
        return values.cpu().numpy()

    def solve(self, stack):
        return torch.linalg.eigvalsh(stack)

    def wait(self):
        if self.device == "cuda":
            torch.cuda.synchronize()


class Cupy:
    name = f"cupy {cupy.__version__}" if cupy else None

    def put(self, stack):
        return cupy.asarray(stack)

    def get(self, values):
        return cupy.asnumpy(values)

    def solve(self, stack):
        return cupy.linalg.eigvalsh(stack)

    def wait(self):
        cupy.cuda.get_current_stream().synchronize()


def seconds(work, wait):
    """Median wall time of `work`; the first call warms up."""
    found = []
    for _ in range(REPEATS + 1):
        wait()
        start = time.perf_counter()
        work()
        wait()
        found.append(time.perf_counter() - start)
    return statistics.median(found[1:])


def floors(peer):
    """Measured bytes and operations in double precision a second."""
    size, n = (1 << 28, 8192) if peer.device == "cuda" else (1 << 24, 512)
    source = torch.zeros(size // 8, dtype=torch.float64, device=peer.device)
    target = torch.empty_like(source)
    copied = seconds(lambda: target.copy_(source), peer.wait)
    a = torch.ones(n, n, dtype=torch.float64, device=peer.device)
    multiplied = seconds(lambda: a @ a, peer.wait)
    return 2 * size / copied, 2 * n**3 / multiplied


def of_library():
    from rdkit import Chem, RDLogger

    from stages import demo_smiles, hamiltonians

    RDLogger.DisableLog("rdApp.*")
    return hamiltonians(map(Chem.MolFromSmiles, demo_smiles()))


def of_order(n):
    from eigvalsh import molecule

    rng = random.Random(n)
    return [molecule(n, rng) for _ in range(64)]


def padded(matrix):
    n = 1 << max(3, (len(matrix) - 1).bit_length())
    out = np.diag(np.full(n, PADDING))
    out[: len(matrix), : len(matrix)] = matrix
    return out


def stacks(matrices, count):
    """`count` matrices, repeated in turn, in stacks of one order each."""
    groups = collections.defaultdict(list)
    for matrix in itertools.islice(itertools.cycle(matrices), count):
        groups[len(matrix)].append(matrix)
    for _, group in sorted(groups.items()):
        for start in range(0, len(group), MOST_IN_A_STACK):
            yield np.stack(group[start : start + MOST_IN_A_STACK])


def measure(peer, matrices, count):
    """Microseconds a matrix, after checking a stack against numpy."""
    given = list(stacks(matrices, count))
    error = abs(peer.get(peer.solve(peer.put(given[0]))) - np.linalg.eigvalsh(given[0])).max()
    if error > 1e-9:
        sys.exit(f"{peer.name}: eigenvalues differ from numpy's by {error:.1e}")
    resident = [peer.put(stack) for stack in given]
    return 1e6 * seconds(lambda: [peer.solve(stack) for stack in resident], peer.wait) / count


def main(path):
    ours = collections.defaultdict(list)
    for row in json.loads(pathlib.Path(path).read_text())["measurements"]:
        if row["work"] == "values":
            ours[row["set"], row["matrices"]].append(row)
    cuda = torch.cuda.is_available()
    peers = [Torch("cuda" if cuda else "cpu")]
    if cuda and cupy:
        peers.append(Cupy())
    where = torch.cuda.get_device_name() if cuda else "the CPU: no GPU was found, a trial only"
    bandwidth, speed = floors(peers[0])
    print(f"\nPeers on {where}; {bandwidth / 1e9:.0f} GB/s, {speed / 1e9:.0f} GFLOP/s\n")
    print("| set | ours, by | µs | peers, µs | best peer / ours | floor, µs | ours / floor |")
    print("|---|---|---|---|---|---|---|")
    for (name, count), rows in ours.items():
        matrices = of_library() if name == "library" else of_order(int(name))
        ways = [matrices, [padded(m) for m in matrices]] if name == "library" else [matrices]
        times = {peer.name: min(measure(peer, way, count) for way in ways) for peer in peers}
        n = np.array([len(m) for m in matrices])
        # Sent: an edge takes 4 bytes, a weight and a potential 8; back: 8 a value.
        edges = np.array([np.count_nonzero(np.triu(m, 1)) for m in matrices])
        moved = (12 * edges + 16 * n + 16).mean()
        floor = 1e6 * max(moved / bandwidth, (4 / 3 * n**3.0).mean() / speed)
        cells = ", ".join(f"{peer} {us:.3g}" for peer, us in times.items())
        best = min(times.values())
        for row in rows:
            mine, by = row["us_per_matrix"]["median"], f"{row['backend']}, {row['threads']} threads"
            print(f"| {name} | {by} | {mine:.3g} | {cells} | {best / mine:.2f} | ", end="")
            print(f"{floor:.2g} | {mine / floor:.1f} |")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
