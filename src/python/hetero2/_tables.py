"""Molecules, spectra and decoys as tables."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from . import _native
from ._errors import HeteroError
from ._settings import options

Progress = Callable[[str, int, int], object]
"""Called about twenty times a second with what is done, rows done, and rows in all
(0 where that is not known). What it raises stops the work."""


class Table:
    """An Arrow table: rows and named columns, in memory once.

    Anything that knows the Arrow PyCapsule interface takes it without a copy:
    `pyarrow.table(t)`, `polars.DataFrame(t)`, DuckDB, `nanoarrow`.
    """

    def __init__(self, native: _native.Table):
        self._native = native

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self._native.__arrow_c_stream__(requested_schema)

    def __arrow_c_schema__(self) -> object:
        return self._native.__arrow_c_schema__()

    def __len__(self) -> int:
        return len(self._native)

    @property
    def columns(self) -> list[str]:
        """Names of the columns, in their order."""
        return self._native.columns

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return len(self), len(self.columns)

    def to_arrow(self) -> Any:
        """A `pyarrow.Table`, without a copy."""
        return _needed("pyarrow").table(self._native)

    def to_pandas(self) -> Any:
        """A `pandas.DataFrame`; needs pandas and pyarrow."""
        _needed("pandas")
        return self.to_arrow().to_pandas()

    def to_polars(self) -> Any:
        """A `polars.DataFrame`, without a copy where polars can."""
        return _needed("polars").DataFrame(self._native)

    def __repr__(self) -> str:
        pairs = zip(self._native.columns, self._native.types, strict=True)
        columns = "\n".join(f"  {name}: {kind}" for name, kind in pairs)
        return f"hetero2.Table of {len(self):,} rows\n{columns}"

    def _repr_html_(self) -> str:
        try:
            return self.to_arrow().slice(0, 10).to_pandas().to_html()
        except (HeteroError, ImportError):
            return f"<pre>{html.escape(repr(self))}</pre>"


def _needed(name: str) -> Any:
    """A package that the module itself does without."""
    import importlib

    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise HeteroError(
            f"{name} is not installed: `pip install {name}`, or hand the table to what is"
        ) from error


class LeftOut(NamedTuple):
    """A row that has no decoys."""

    row: int
    """Row of the SMILES, from 0."""
    id: str
    """Its identifier."""
    reason: str
    """Why a run would not audit it, as in `invalid_smiles`."""


class Decoys(Table):
    """Decoys, a row each; `left_out` names the molecules that have none."""

    def __init__(self, native: _native.Table, left_out: Sequence[LeftOut]):
        super().__init__(native)
        self.left_out = list(left_out)
        """Molecules without decoys, and why."""


Texts = Iterable[str | None]
"""Text as a list, a Series of pandas or polars, or an Arrow column; no text is an
empty one."""


def molecules(
    smiles: Texts,
    *,
    ids: Texts | None = None,
    max_atoms: int | None = None,
    connectivity: str | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Table:
    """Molecules as a run reads them: one row for each SMILES, in order.

    Args:
        smiles: The molecules, n of them.
        ids: Their identifiers, n of them; `mol_0`, `mol_1` and so on without.
        max_atoms: Most heavy atoms of a molecule, 200 by default; 0 for any number.
        connectivity: What becomes of several fragments: `required` (they are
            skipped, the default), `any`, `largest_fragment`, `without_salts`.
        threads: Threads; the cores that this process may use by default.
        progress: Called with `(stage, done, total)` now and then.

    Returns:
        A table of n rows: `row` (from 0), `id`, `smiles`, `status` (OK, SKIP or ERROR),
        `reason` (why not OK), `canonical_smiles`, `heavy_atoms`, `mw` (g/mol), `logp`
        (Crippen), `tpsa` (Å²), `hbd`, `hba`, `qed` (0 to 1), `warnings`.

    Raises:
        InputError: What was given is no column of text, or a setting is out of range.
            A SMILES that cannot be read is no error: its row says so.
    """
    settings = {"max_atoms": max_atoms, "connectivity": connectivity}
    given = options(settings, backend="cpu", threads=threads)
    return Table(_native.molecules(smiles, ids, given, progress))


def spectra(
    smiles: Texts,
    *,
    ids: Texts | None = None,
    operators: str | Sequence[str] = ("L", "H"),
    potential_scale: float | None = None,
    precision: str | None = None,
    max_atoms: int | None = None,
    connectivity: str | None = None,
    backend: str = "auto",
    gpu_adapter: str | int | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Table:
    """Spectra of the operators of molecular graphs: one row for each SMILES, in order.

    Args:
        smiles: The molecules, n of them.
        ids: Their identifiers, n of them.
        operators: Which of `L` (Laplacian), `H = L + V`, `W` (weighted by bond order
            and electronegativity) and `WH = W + V`. W and WH come with those of L and H
            that are named; `L` or `H` must be among them.
        potential_scale: Scale of the potential V, dimensionless, 1 by default.
        precision: `double` (8 decimals, the same on every device; the default) or
            `screening` (4 decimals).
        max_atoms: Most heavy atoms of a molecule, 200 by default; 0 for any number.
        connectivity: What becomes of several fragments, as in `molecules`.
        backend: `auto`, `cpu` or `gpu`. No result in double precision depends on it.
        gpu_adapter: A certain adapter, by number or part of its name.
        threads: Threads; the cores that this process may use by default.
        progress: Called with `(stage, done, total)` now and then.

    Returns:
        A table of n rows: as `molecules` up to `heavy_atoms`, then the features
        `spectral_gap`, `spectral_entropy`, …, and for each operator a list of its
        eigenvalues, ascending, dimensionless, one for each heavy atom
        (`L_eigenvalues`, …); lists are empty where the row is not OK.
    """
    wanted = {operators} if isinstance(operators, str) else set(operators)
    unknown = wanted - {"L", "H", "W", "WH"}
    from ._errors import InputError

    if unknown or not wanted & {"L", "H", "W", "WH"}:
        raise InputError(f"operators are {sorted(wanted)}: they must be of L, H, W, WH")
    has_potential, has_none = bool(wanted & {"H", "WH"}), bool(wanted & {"L", "W"})
    settings = {
        "physics": "both" if has_potential and has_none else ("hamiltonian" if has_potential else "topological"),
        "edge_weights": "bond_order_delta_chi" if wanted & {"W", "WH"} else None,
        "potential_scale": potential_scale,
        "precision": precision,
        "max_atoms": max_atoms,
        "connectivity": connectivity,
    }
    given = options(settings, backend, gpu_adapter, threads)
    return Table(_native.spectra(smiles, ids, given, progress))


def decoys(
    smiles: Texts,
    *,
    ids: Texts | None = None,
    k: int = 20,
    seed: int = 0,
    decoy_set: str | None = None,
    hard_decoys: tuple[float, float] | None = None,
    max_atoms: int | None = None,
    connectivity: str | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Decoys:
    """Decoys of molecules, before any score exists: those that a run makes.

    Args:
        smiles: The molecules.
        ids: Their identifiers.
        k: Decoys for each molecule, 1 to 10,000; fewer where fewer exist.
        seed: Seed of the choice.
        decoy_set: `v2` (the default) or `v1`.
        hard_decoys: Keep only decoys whose Tanimoto similarity lies between these two.
        max_atoms: Most heavy atoms of a molecule, 200 by default; 0 for any number.
        connectivity: What becomes of several fragments, as in `molecules`.
        threads: Threads; the cores that this process may use by default.
        progress: Called with `(stage, done, total)` now and then.

    Returns:
        A table of a row for each decoy, in the order of the molecules: `row` (of the
        molecule, from 0), `molecule_id`, `decoy_index`, `decoy_smiles` (canonical),
        `decoy_hash` (its SHA-256, the key of scores), `strategy`, `tanimoto` (0 to 1, ECFP4),
        `hardness_bin`. Its `left_out` names molecules without decoys.
    """
    settings = {
        "k": k,
        "seed": seed,
        "decoy_set": decoy_set,
        "hard_decoys": hard_decoys,
        "max_atoms": max_atoms,
        "connectivity": connectivity,
    }
    given = options(settings, backend="cpu", threads=threads)
    table, left_out = _native.decoys(smiles, ids, given, progress)
    return Decoys(table, [LeftOut(*row) for row in left_out])
