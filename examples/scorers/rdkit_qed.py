"""Scores molecules by a descriptor of RDKit: drug-likeness (QED), 0 to 1.

    hetero2 run library.csv --out run --score-command 'python examples/scorers/rdkit_qed.py'

One SMILES a line comes in, one score a line goes out; an empty line ends a batch and is
answered by an empty line.
"""

import sys

from rdkit import Chem, RDLogger
from rdkit.Chem import QED

RDLogger.DisableLog("rdApp.*")  # it would write to standard error, which is no harm

for line in sys.stdin:
    smiles = line.strip()
    if not smiles:
        print(flush=True)
        continue
    molecule = Chem.MolFromSmiles(smiles)
    # What cannot be scored is said so, and never a 0.
    print(QED.qed(molecule) if molecule is not None else "nan")
