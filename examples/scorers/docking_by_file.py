"""Scores molecules by a program that reads a file and writes a file, as docking programs do.

    hetero2 run library.csv --out run --score-batch 64 --score-timeout 7200 \
        --score-command 'python examples/scorers/docking_by_file.py ./dock.sh'

./dock.sh IN OUT gets a file with a SMILES and a name a line, and writes lines of a name and an
energy, in any order; a molecule that it leaves out has no score. Low energies are good,
high scores are, so the sign is turned. Fix the seed of the program.
"""

import subprocess
import sys
import tempfile
from pathlib import Path


def dock(program, batch):
    """The energies of a batch by the place of the molecule."""
    with tempfile.TemporaryDirectory() as folder:
        given, found = Path(folder, "in.smi"), Path(folder, "out.txt")
        given.write_text("".join(f"{smiles} {place}\n" for place, smiles in enumerate(batch)))
        # Its output would be taken for scores.
        subprocess.run([*program, given, found], check=True, stdout=sys.stderr)
        lines = (line.split() for line in found.read_text().splitlines())
        return {int(name): float(energy) for name, energy in lines}


def main(program):
    batch = []
    for line in sys.stdin:
        if line.strip():
            batch.append(line.strip())
            continue
        energies = dock(program, batch) if batch else {}
        for place in range(len(batch)):
            print(-energies[place] if place in energies else "nan")
        print(flush=True)
        batch = []


if __name__ == "__main__":
    main(sys.argv[1:])
