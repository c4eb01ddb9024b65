"""Settings by their Python names, as the library knows them."""

from __future__ import annotations

import json
import os
from typing import Any

from ._errors import InputError

# Settings that keep their names, or have another one here.
_SETTINGS = {
    "k": "decoys",
    "seed": "seed",
    "seed_strategy": "seed_strategy",
    "decoy_set": "decoy_set",
    "hard_decoys": "hard_decoys",
    "physics": "physics",
    "edge_weights": "edge_weights",
    "potential_scale": "potential_scale",
    "max_atoms": "max_atoms",
    "connectivity": "connectivity",
    "precision": "precision",
    "artifacts": "artifacts",
    "audit_top": "audit_top",
    "timeout_per_row": "timeout_per_row_s",
}


def to_json(given: dict[str, Any]) -> str:
    """The settings as the library reads them; those that are `None` are left out."""
    found: dict[str, Any] = {}
    for name, value in given.items():
        if name not in _SETTINGS:
            raise InputError(f"there is no setting {name}; there are {', '.join(_SETTINGS)}")
        if value is None:
            continue
        if name == "hard_decoys":
            low, high = value
            value = {"min": float(low), "max": float(high)}
        elif isinstance(value, str):
            value = value.replace("-", "_")
        found[_SETTINGS[name]] = value
    return json.dumps(found)


def options(
    settings: dict[str, Any],
    backend: str = "auto",
    gpu_adapter: str | int | None = None,
    threads: int | None = None,
) -> dict[str, Any]:
    """What every computation is given."""
    return {
        "settings": to_json(settings),
        "backend": backend,
        "adapter": None if gpu_adapter is None else str(gpu_adapter),
        "threads": check_threads(threads),
    }


def check_threads(threads: int | None) -> int | None:
    """A number of threads, or those that the process may use."""
    if threads is None:
        return granted()
    if not 1 <= threads <= 1024:
        raise InputError(f"threads is {threads}: it must be 1 to 1024")
    return threads


def granted() -> int:
    """Cores that this process may use."""
    for name in ("SLURM_CPUS_PER_TASK",):
        value = os.environ.get(name, "")
        if value.isdigit() and int(value) > 0:
            return min(int(value), 1024)
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1
