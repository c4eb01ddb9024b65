"""What is raised."""

from __future__ import annotations

from ._native import HeteroError, NativeInputError

InputError = NativeInputError


class ScorerError(HeteroError):
    """A scorer gave what is no score.

    Attributes:
        row: Place of the molecule among those that it was given, from 0.
        smiles: The molecule.
        cure: What to do.
    """

    def __init__(self, what: str, cure: str, row: int | None = None, smiles: str | None = None):
        where = "" if smiles is None else f" (molecule {row}, {smiles})"
        super().__init__(f"{what}{where}: {cure}")
        self.row = row
        self.smiles = smiles
        self.cure = cure
