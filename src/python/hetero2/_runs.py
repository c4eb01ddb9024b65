"""Runs and packs: what the program does, from Python."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import _native
from ._errors import HeteroError, InputError
from ._settings import check_threads, to_json
from ._tables import Progress, Table

AnyPath = str | os.PathLike[str]


@dataclass(frozen=True)
class Report:
    """What a run or an audit came to."""

    pack: Path
    """Directory of the pack."""
    content_digest: str
    """SHA-256 over what the pack holds but for its provenance: equal for equal inputs,
    settings and versions."""
    verdict: str | None
    """What the pack concludes, in one sentence; none without scores."""
    evidence: str | None
    """SUPPORTED, CONTRADICTED or another word of the verdict; none without scores."""
    reasons: list[str]
    """Its reasons."""
    counts: Mapping[str, int]
    """Rows by status."""
    already_complete: bool
    """Whether the pack was there before."""
    details: Mapping[str, Any]
    """All of the report, as `hetero2 run --json` prints it."""

    @classmethod
    def _read(cls, text: str) -> Report:
        found = json.loads(text)
        return cls(
            pack=Path(found["pack"]),
            content_digest=found["content_digest"],
            verdict=found.get("verdict"),
            evidence=found.get("evidence"),
            reasons=found.get("reasons", []),
            counts=found["counts"],
            already_complete=found["already_complete"],
            details=found,
        )


@dataclass(frozen=True)
class Verification:
    """What verification found; true where the pack is whole."""

    passed: bool
    """Whether no check failed."""
    content_digest: str | None
    """As computed from the files."""
    checks: list[dict[str, str]]
    """Every check: `name`, `outcome` (PASS, WARN, FAIL), `detail`."""

    def __bool__(self) -> bool:
        return self.passed

    @property
    def failures(self) -> list[dict[str, str]]:
        """The checks that failed."""
        return [check for check in self.checks if check["outcome"] == "FAIL"]


class Pack:
    """An evidence pack, a directory or a zip.

    What it claims of itself is not checked by opening it: `verify()` does that.
    """

    def __init__(self, path: AnyPath):
        self.path = Path(path)
        """Where it is."""
        self.manifest: dict[str, Any] = json.loads(_native.document(self.path, "manifest.json"))
        """Its `manifest.json`."""

    @property
    def files(self) -> list[str]:
        """Names of its files."""
        return _native.files(self.path)

    @property
    def content_digest(self) -> str:
        """The content digest that it claims."""
        return self.manifest["content_digest"]

    @property
    def metrics(self) -> dict[str, Any]:
        """Its `metrics.json`: counts, significance, the evidence."""
        return json.loads(_native.document(self.path, "metrics.json"))

    @property
    def table(self) -> Table:
        """Its molecules, a row for each row of the library (`summary.parquet`)."""
        return Table(_native.table(self.path, "summary.parquet"))

    @property
    def decoys(self) -> Table:
        """Its decoys with their scores (`decoys.parquet`)."""
        return Table(_native.table(self.path, "decoys.parquet"))

    @property
    def controls(self) -> Table:
        """What controls that know no activity score (`controls.parquet`); only where
        scores were audited."""
        if "controls.parquet" not in self.files:
            raise HeteroError(f"{self.path} has no controls: it was made without scores")
        return Table(_native.table(self.path, "controls.parquet"))

    def text(self, name: str) -> str:
        """A document of it, as in `index.md`."""
        return _native.document(self.path, name)

    def verify(self) -> Verification:
        """Computes again all that it claims about itself."""
        return verify(self.path)

    def save(self, directory: AnyPath) -> Path:
        """Copies it to a directory, which must not exist.

        Raises:
            HeteroError: There is something already.
        """
        to = Path(directory)
        if to.exists():
            raise HeteroError(f"{to} is there already: give another directory")
        if self.path.is_dir():
            shutil.copytree(self.path, to)
        else:
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(self.path, to)
        return to

    def __repr__(self) -> str:
        return f"hetero2.Pack({str(self.path)!r}, content digest {self.content_digest[:12]}…)"


def open_pack(path: AnyPath) -> Pack:
    """Opens the pack at `path`: its directory, its zip, or the directory of its run.

    Raises:
        HeteroError: There is no pack.
    """
    path = Path(path)
    inside = path / "pack"
    return Pack(inside if path.is_dir() and not (path / "manifest.json").exists() and inside.is_dir() else path)


def verify(path: AnyPath) -> Verification:
    """Verifies a pack as `hetero2 verify` does, signatures aside.

    Raises:
        HeteroError: There is no pack, or it cannot be read. What is wrong with one that
            can be read is in the result.
    """
    text, passed = _native.verify(Path(path))
    found = json.loads(text)
    return Verification(passed, found.get("content_digest"), found["checks"])


def run(
    library: AnyPath | Sequence[AnyPath],
    out: AnyPath,
    *,
    scores: AnyPath | None = None,
    outcomes: AnyPath | None = None,
    active_if: str | None = None,
    budget: int = 100,
    train: AnyPath | None = None,
    decoys_file: AnyPath | None = None,
    format: str | None = None,
    smiles_column: str | None = None,
    id_column: str | None = None,
    resume: bool = False,
    shards: int | None = None,
    backend: str = "auto",
    gpu_adapter: str | int | None = None,
    zip: bool = True,
    threads: int | None = None,
    progress: Progress | None = None,
    **settings: Any,
) -> Report:
    """Turns a library into an evidence pack, as `hetero2 run` does, with its digest.

    Args:
        library: A file of molecules, or several that are one library.
        out: Run directory; the pack comes to lie in `out/pack`.
        scores: File of scores of the molecules and their decoys.
        outcomes: File of known outcomes (`molecule_id` with `active` or `value`).
        active_if: Which values are active, as in `">=8.5"`.
        budget: Molecules that can be afforded.
        train: File of molecules that the model was trained on.
        decoys_file: What the decoy sets `given` and `matched` choose from.
        format, smiles_column, id_column: How the library is read, where its name and
            content do not say.
        resume: Go on from what an interrupted run left in `out`.
        shards: Number of shards; no result depends on it.
        backend, gpu_adapter: Device that computes spectra; no result in double
            precision depends on it.
        zip: Whether to write `evidence_pack.zip`.
        threads: Threads; the cores that this process may use by default.
        progress: Called with `(stage, done, total)` now and then.
        **settings: `k`, `seed`, `seed_strategy`, `decoy_set`, `hard_decoys`, `physics`,
            `edge_weights`, `potential_scale`, `max_atoms`, `connectivity`, `precision`,
            `artifacts`, `audit_top`, `timeout_per_row`.

    Raises:
        InputError: An input or a setting cannot be used.
        HeteroError: Anything else; what was finished stays, for `resume=True`.
        KeyboardInterrupt: Ctrl-C, after a clean stop: `resume=True` goes on.
    """
    one = isinstance(library, str | os.PathLike)
    files = [Path(library)] if one else [Path(file) for file in library]  # type: ignore[arg-type, union-attr]
    if not files:
        raise InputError("the library has no files")
    request = {
        "library": files,
        "format": format,
        "smiles_column": smiles_column,
        "id_column": id_column,
        "scores": path_of(scores),
        "outcomes": outcomes_of(outcomes, active_if, budget),
        "train": path_of(train),
        "decoys_file": path_of(decoys_file),
        "out": Path(out),
        "settings": to_json(settings),
        "resume": resume,
        "threads": check_threads(threads),
        "shards": shards,
        "backend": backend,
        "adapter": None if gpu_adapter is None else str(gpu_adapter),
        "zip": zip,
    }
    return Report._read(_native.run(request, progress))


def path_of(path: AnyPath | None) -> Path | None:
    """A path, where there is one."""
    return None if path is None else Path(path)


def outcomes_of(path: AnyPath | None, active_if: str | None, budget: int) -> dict[str, Any] | None:
    """Known outcomes as the library is given them."""
    if path is None:
        if active_if is not None:
            raise InputError("active_if says which outcomes are active: give outcomes, too")
        return None
    return {"path": Path(path), "active_if": active_if, "budget": budget}
