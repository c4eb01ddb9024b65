"""An audit in one call: decoys, scores, controls, verdict."""

from __future__ import annotations

import csv
import html
import math
import os
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from . import _native
from ._errors import InputError, ScorerError
from ._runs import AnyPath, Pack, Report, outcomes_of, path_of, run
from ._settings import check_threads
from ._tables import Progress, Table, Texts

Scorer = Callable[[list[str]], Iterable[float]]
"""Gives one finite score for each SMILES of a list, in order; higher is better."""

BATCH = 4096
"""Molecules that a scorer is given at a time."""


class Audit:
    """What an audit concludes, and its pack, which lasts as long as this object does
    unless it was saved."""

    def __init__(self, report: Report):
        self.report = report
        """What the run came to."""
        self.pack = Pack(report.pack)
        """The evidence pack."""

    @property
    def verdict(self) -> str:
        """What the evidence says, in one sentence, beginning with its word."""
        return self.report.verdict or "no verdict"

    @property
    def evidence(self) -> str | None:
        """The word of the verdict, as in SUPPORTED."""
        return self.report.evidence

    @property
    def content_digest(self) -> str:
        """SHA-256 of the pack but for its provenance: that of the program's pack."""
        return self.report.content_digest

    @property
    def table(self) -> Table:
        """The molecules, a row each: `status`, `verdict` (PASS, FAIL), `auc_tie_aware`, `p_value`, …"""
        return self.pack.table

    @property
    def decoys(self) -> Table:
        """The decoys with their scores."""
        return self.pack.decoys

    @property
    def controls(self) -> Table:
        """What controls that know no activity make of the same decoys."""
        return self.pack.controls

    @property
    def metrics(self) -> dict[str, Any]:
        """Its `metrics.json`; `["evidence"]` holds what the verdict rests on."""
        return self.pack.metrics

    def save(self, directory: AnyPath) -> Path:
        """Keeps the pack in a directory, which must not exist."""
        return self.pack.save(directory)

    def __repr__(self) -> str:
        return f"hetero2.Audit: {self.verdict}"

    def _repr_html_(self) -> str:
        counts = ", ".join(f"{count} {status}" for status, count in self.report.counts.items())
        rows = [
            ("verdict", self.verdict),
            ("rows", counts),
            ("content digest", self.content_digest),
        ]
        cells = "".join(f"<tr><th>{name}</th><td>{html.escape(value)}</td></tr>" for name, value in rows)
        return f"<table>{cells}</table>"


def audit(
    smiles: Texts | AnyPath,
    *,
    scorer: Scorer | None = None,
    scores: AnyPath | Mapping[str, float] | None = None,
    ids: Texts | None = None,
    outcomes: AnyPath | Sequence[Any] | None = None,
    active_if: str | None = None,
    budget: int = 100,
    train: AnyPath | Texts | None = None,
    out: AnyPath | None = None,
    zip: bool = False,
    backend: str = "auto",
    threads: int | None = None,
    progress: Progress | None = None,
    **settings: Any,
) -> Audit:
    """Audits a model: decoys of each molecule are scored, and held against controls
    that know no activity.

    Args:
        smiles: The molecules: a column of SMILES, or a path of a library.
        scorer: Called with lists of at most 4,096 SMILES, gives one score for each;
            higher is better. Each molecule and each decoy is scored once.
        scores: Instead of a scorer: a file of scores, or scores by canonical SMILES.
        ids: Identifiers of the molecules, where `smiles` is a column; they must differ.
        outcomes: Known outcomes: a file, or one for each molecule, either true or false,
            or a number with `active_if`, or `None` where it is not known. Only with
            outcomes can scores be supported.
        active_if: Which numbers are active, as in `">=8.5"`.
        budget: Molecules that can be afforded.
        train: What the model was trained on: a file, or a column of SMILES. Adds
            controls that know them.
        out: Directory of the run, kept; a temporary one without.
        zip: Whether to write `evidence_pack.zip`.
        backend: Device that computes spectra: `auto`, `cpu` or `gpu`.
        threads: Threads; the cores that this process may use by default.
        progress: Called with `(stage, done, total)` now and then.
        **settings: Those of `run`.

    Returns:
        An `Audit`. Its pack has the content digest of the program's with the same
        library, scores and settings.

    Raises:
        ScorerError: The scorer gave too few scores, or one that is not finite; it names
            the molecule.
        InputError: An input or a setting cannot be used.
    """
    if (scorer is None) == (scores is None):
        raise InputError("give a scorer or scores: one of them")
    inputs = Path(tempfile.mkdtemp(prefix="hetero2-audit-"))
    try:
        given = _Inputs(inputs, smiles, ids, outcomes, train)
        report = given.report(
            home=inputs if out is None else Path(out),
            scorer=scorer,
            scores=scores,
            truth={"active_if": active_if, "budget": budget},
            how={"backend": backend, "threads": threads, "progress": progress},
            zip=zip,
            settings=settings,
        )
        done = Audit(report)
    except BaseException:
        shutil.rmtree(inputs, ignore_errors=True)
        raise
    if out is None:
        weakref.finalize(done, shutil.rmtree, inputs, ignore_errors=True)
    else:
        shutil.rmtree(inputs, ignore_errors=True)
    return done


class _Inputs:
    """What is audited, as files."""

    def __init__(self, folder: Path, smiles: Any, ids: Any, outcomes: Any, train: Any):
        self.folder = folder
        names: list[str] | None = None
        if isinstance(smiles, str | os.PathLike):
            if ids is not None:
                raise InputError(
                    "ids are of a column of SMILES; a library has its own: name their id_column"
                )
            self.library = Path(smiles)
        else:
            self.library = folder / "library.csv"
            names = _write_library(self.library, smiles, ids)
        self.outcomes = _outcomes(folder / "outcomes.csv", outcomes, names)
        self.train = _training(folder / "training.csv", train)

    def report(
        self,
        *,
        home: Path,
        scorer: Scorer | None,
        scores: AnyPath | Mapping[str, float] | None,
        truth: dict[str, Any],
        how: dict[str, Any],
        zip: bool,
        settings: dict[str, Any],
    ) -> Report:
        """Runs the library with the scores, or with those that the scorer gives."""
        if scorer is None:
            if isinstance(scores, Mapping):
                file = self.folder / "scores.csv"
                _write_scores(file, [(name, float(score)) for name, score in scores.items()])
            else:
                file = Path(scores)  # type: ignore[arg-type]
            known = {"outcomes": self.outcomes, "train": self.train, **truth}
            return run(self.library, home / "run", scores=file, zip=zip, **known, **how, **settings)
        # Decoys and spectra first; the scores are audited against those.
        settings = dict(settings)
        audit_top = settings.pop("audit_top", None)
        unscored = run(self.library, self.folder / "unscored", zip=False, **how, **settings)
        home.mkdir(parents=True, exist_ok=True)
        file = home / "scores.csv"
        _score(Pack(unscored.pack), scorer, file)
        request = {
            "pack": unscored.pack,
            "scores": file,
            "outcomes": outcomes_of(self.outcomes, **truth),
            "train": self.train,
            "audit_top": audit_top,
            "out": home / "pack",
            "threads": check_threads(how["threads"]),
            "zip": zip,
        }
        return Report._read(_native.audit(request, how["progress"]))


def _write_library(path: Path, smiles: Texts, ids: Texts | None) -> list[str]:
    """Writes a library of a column; its identifiers."""
    column = _native.texts(smiles, "smiles")
    given = _native.texts(ids, "ids") if ids is not None else [None] * len(column)
    if len(given) != len(column):
        raise InputError(f"{len(given)} ids of {len(column)} SMILES")
    names = [name or f"mol_{row}" for row, name in enumerate(given)]
    seen: dict[str, int] = {}
    for row, name in enumerate(names):
        if seen.setdefault(name, row) != row:
            raise InputError(f"rows {seen[name]} and {row} have the same id {name!r}: scores and outcomes are by id")
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["id", "smiles"])
        table.writerows((name, text or "") for name, text in zip(names, column, strict=True))
    return names


def _outcomes(path: Path, outcomes: Any, names: list[str] | None) -> Path | None:
    """The file of outcomes, written where there is none."""
    if outcomes is None or isinstance(outcomes, str | os.PathLike):
        return path_of(outcomes)
    if names is None:
        raise InputError("outcomes of a library that is a file are a file, too: they are by its ids")
    values = list(outcomes)
    if len(values) != len(names):
        raise InputError(f"{len(values)} outcomes of {len(names)} SMILES")
    known = [(name, value) for name, value in zip(names, values, strict=True) if not _missing(value)]
    words = {True: "1", False: "0"}
    active = all(value in (0, 1) for _, value in known)
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["molecule_id", "active" if active else "value"])
        for name, value in known:
            table.writerow([name, words[bool(value)] if active else repr(float(value))])
    return path


def _missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _training(path: Path, train: Any) -> Path | None:
    if train is None or isinstance(train, str | os.PathLike):
        return path_of(train)
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["smiles"])
        table.writerows((text,) for text in _native.texts(train, "train") if text)
    return path


def _write_scores(path: Path, rows: list[tuple[str, float]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["decoy_smiles", "score"])
        for row, (name, score) in enumerate(rows):
            if not math.isfinite(score):
                raise ScorerError(f"the score is {score}", "give finite numbers", row, name)
            table.writerow([name, repr(score)])


def _score(pack: Pack, scorer: Scorer, path: Path) -> None:
    """Scores every molecule and every decoy of a pack once, into a file."""
    originals = _native.audited(pack.path)
    decoys = _native.decoy_keys(pack.path)
    wanted = list(dict.fromkeys([smiles for _, smiles in originals] + [smiles for _, smiles in decoys]))
    found: dict[str, float] = {}
    for begin in range(0, len(wanted), BATCH):
        batch = wanted[begin : begin + BATCH]
        for place, (smiles, score) in enumerate(zip(batch, _scores(scorer, batch), strict=True)):
            if not math.isfinite(score):
                raise ScorerError(
                    f"the scorer gave {score}",
                    "give every molecule a finite score, a low one to what cannot be scored",
                    begin + place,
                    smiles,
                )
            found[smiles] = score
    with path.open("x", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["role", "molecule_id", "decoy_hash", "score"])
        table.writerows(("original", name, "", _text(found[smiles])) for name, smiles in originals)
        table.writerows(("decoy", "", key, _text(found[smiles])) for key, smiles in sorted(decoys))


def _text(score: float) -> str:
    """A score as `hetero2 run --score-command` writes it, so that the file is the same."""
    digits, mark, exponent = repr(score + 0.0).partition("e")
    return f"{digits}e{int(exponent)}" if mark else digits


def _scores(scorer: Scorer, batch: list[str]) -> list[float]:
    """The scores of a batch, as many as it has molecules."""
    given = list(scorer(list(batch)))
    if len(given) != len(batch):
        short = len(given) if len(given) < len(batch) else None
        raise ScorerError(
            f"the scorer gave {len(given)} scores of {len(batch)} molecules",
            "give one for each, in their order",
            short,
            None if short is None else batch[short],
        )
    scores = []
    for place, score in enumerate(given):
        try:
            scores.append(float(score))
        except (TypeError, ValueError) as error:
            raise ScorerError(
                f"the scorer gave {score!r}", "give numbers", place, batch[place]
            ) from error
    return scores
