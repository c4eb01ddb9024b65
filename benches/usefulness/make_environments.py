"""Makes src/chemistry/data/environments.bin, the reference table of atom environments.

    pip install rdkit==2026.9.1
    python benches/usefulness/make_environments.py

The table is that of RDKit's Contrib/SA_Score (fpscores.pkl.gz; BSD-3-Clause, see NOTICE): Morgan identifiers up to radius
2 with the logarithm of how often they occur among about a million molecules of PubChem (Ertl and Schuffenhauer 2009).

Format: the magic b"HETERO2ENV1\\n", the number of environments and the number of distinct scores (two little-endian u32),
then one zlib stream: the distinct scores in units of 0.0001 (i16), and per environment, by ascending identifier, its step
from the one before, as planes of low, middle and high bytes, and its score's index, as planes of low and high bytes.
"""

import gzip
import pathlib
import pickle
import struct
import zlib

from rdkit import RDConfig

source = pathlib.Path(RDConfig.RDContribDir) / "SA_Score" / "fpscores.pkl.gz"
target = pathlib.Path(__file__).parents[2] / "src/chemistry/data/environments.bin"

rows = pickle.loads(gzip.decompress(source.read_bytes()))
# The commonest scores first, so that their indices are small.
scores, entries = [], []
for score, *identifiers in sorted(rows, key=lambda row: (-len(row), row[0])):
    units = round(score * 10_000)
    assert units / 10_000 == score and -32_768 <= units < 32_768
    entries += [(identifier, len(scores)) for identifier in identifiers]
    scores.append(units)
entries.sort()
assert len({identifier for identifier, _ in entries}) == len(entries)
steps, before = [], 0
for identifier, _ in entries:
    steps.append(identifier - before)
    before = identifier
assert max(steps) < 1 << 24 and len(scores) < 1 << 16
planes = [bytes(step >> shift & 255 for step in steps) for shift in (0, 8, 16)]
planes += [bytes(index >> shift & 255 for _, index in entries) for shift in (0, 8)]
body = struct.pack(f"<{len(scores)}h", *scores) + b"".join(planes)
head = b"HETERO2ENV1\n" + struct.pack("<II", len(entries), len(scores))
target.write_bytes(head + zlib.compress(body, 9))
print(f"{len(entries)} environments, {len(scores)} scores, {target.stat().st_size} bytes")
