"""A fast, reproducible first truth filter for generated molecules.

    import hetero2 as h2

    audit = h2.audit(smiles, scorer=model_scores, outcomes=active)
    print(audit.verdict)

Tables are Arrow tables: `pyarrow.table(t)`, `polars.DataFrame(t)` and
`t.to_pandas()` take them without a copy. SMILES are given as a list, a Series of
pandas or polars, or an Arrow column. The results are those of the program
`hetero2`, which the wheel installs beside this module, to the byte.
"""

from ._audit import Audit, audit
from ._errors import HeteroError, InputError, ScorerError
from ._native import __version__
from ._runs import Pack, Report, Verification, open_pack, run, verify
from ._tables import Decoys, Table, decoys, molecules, spectra

__all__ = [
    "Audit",
    "Decoys",
    "HeteroError",
    "InputError",
    "Pack",
    "Report",
    "ScorerError",
    "Table",
    "Verification",
    "__version__",
    "audit",
    "decoys",
    "molecules",
    "open_pack",
    "run",
    "spectra",
    "verify",
]
