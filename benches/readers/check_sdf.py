"""Compares what `hetero2 run` read of the records of make_sdf.py with what they say.

    hetero2 run OUT.sdf -o RUN --decoys 0 --allow-disconnected
    python check_sdf.py OUT.sdf RUN/pack/summary.parquet

Prints each record that was refused or read as another molecule, with what RDKit reads of it, then the counts of each kind.
"""

import sys
from collections import Counter

import pyarrow.parquet
from rdkit import Chem, RDLogger

RDLogger.DisableLog("rdApp.*")


def canonical(mol):
    return mol and Chem.MolToSmiles(mol)


def main():
    with open(sys.argv[1]) as file:
        records = [record for record in file.read().split("$$$$\n") if record.strip()]
    columns = ["canonical_smiles", "reason", "warnings"]
    rows = pyarrow.parquet.read_table(sys.argv[2], columns=columns).to_pylist()
    assert len(records) == len(rows)
    counts = Counter()
    for record, row in zip(records, rows):
        item = {key: record.split(f"> <{key}>\n")[1].split("\n")[0] for key in ("EXPECTED", "KIND", "FORM")}
        kind, expected = item["KIND"], canonical(Chem.MolFromSmiles(item["EXPECTED"]))
        counts[kind, "records"] += 1
        found = row["canonical_smiles"] and canonical(Chem.MolFromSmiles(row["canonical_smiles"]))
        if found == expected:
            continue
        counts[kind, "wrong" if found else "refused"] += 1
        rdkit = canonical(Chem.MolFromMolBlock(record.split("> <")[0]))
        print(record.split("\n", 1)[0], kind, item["FORM"], row["reason"] or "", *row["warnings"])
        print(f"  expected {expected}\n  found    {found}\n  RDKit    {rdkit}")
    for kind in sorted({kind for kind, _ in counts}):
        print(kind, *(f"{what} {counts[kind, what]}" for what in ("records", "wrong", "refused")))


main()
