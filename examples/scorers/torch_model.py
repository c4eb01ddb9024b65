"""Scores molecules by a PyTorch model on Morgan fingerprints, a batch at a time, on the
GPU that the process sees: each process of a scorer is given one.

    hetero2 run library.csv --out run --score-batch 8192 \
        --score-command 'python examples/scorers/torch_model.py model.pt'

model.pt is a TorchScript module that takes floats of shape (molecules, 2048) and gives one
number for each.
"""

import sys

import numpy as np
import torch
from rdkit import Chem, RDLogger
from rdkit.Chem import rdFingerprintGenerator

RDLogger.DisableLog("rdApp.*")
GENERATOR = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def main(path):
    model = torch.jit.load(path, map_location=DEVICE).eval()  # no dropout
    batch = []
    for line in sys.stdin:
        if line.strip():
            batch.append(line.strip())
            continue
        molecules = [Chem.MolFromSmiles(smiles) for smiles in batch]
        read = [molecule is not None for molecule in molecules]
        scores = ["nan"] * len(batch)
        if any(read):
            rows = np.vstack([GENERATOR.GetFingerprintAsNumPy(m) for m in molecules if m is not None])
            with torch.inference_mode():
                found = model(torch.from_numpy(rows).float().to(DEVICE)).flatten().cpu()
            # Matrix products round by the size of the batch: the digits that do not are printed.
            numbers = iter(f"{number:.4f}" for number in found.tolist())
            scores = [next(numbers) if is_read else "nan" for is_read in read]
        print(*scores, "", sep="\n", flush=True)
        batch = []


if __name__ == "__main__":
    main(sys.argv[1])
