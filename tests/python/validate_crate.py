"""Validates a pack as an RO-Crate 1.1 and a Process Run Crate 0.5 with roc-validator.

    python validate_crate.py PACK

Exits with 1 where a REQUIRED check fails; prints those of RECOMMENDED too. Works without a
network: the one remote document that a pack refers to, the context of RO-Crate 1.1, comes from
the package `rocrate`, which ships it.
"""

import json
import pathlib
import sys
from importlib import resources

import rdflib.plugins.shared.jsonld.context as jsonld
from rocrate_validator import models, services
from rocrate_validator.utils.http import HttpRequester

CONTEXT = "https://w3id.org/ro/crate/1.1/context"
PROFILES = ["ro-crate-1.1", "process-run-crate-0.5"]

text = resources.files("rocrate").joinpath("data/ro-crate.jsonld").read_text()
assert json.loads(text)["@id"] == CONTEXT, "the package rocrate has another context"


class Answer:
    """What a web server answers."""

    status_code = 200
    headers = {"Content-Type": "application/ld+json"}
    text = text

    def json(self):
        return json.loads(text)


def get(uri, **_):
    if uri != CONTEXT:
        raise RuntimeError(f"a pack must not refer to {uri}")
    return Answer()


read_any = jsonld.source_to_json


def read(source, *arguments, **options):
    if source == CONTEXT:
        return json.loads(text), None
    return read_any(source, *arguments, **options)


jsonld.source_to_json = read
pack = pathlib.Path(sys.argv[1]).resolve()
failed = False
for profile in PROFILES:
    settings = services.ValidationSettings(
        rocrate_uri=str(pack),
        profile_identifier=profile,
        requirement_severity=models.Severity.RECOMMENDED,
    )
    HttpRequester().session.get = get
    result = services.validate(settings)
    valid = True
    for issue in result.get_issues():
        valid &= issue.severity < models.Severity.REQUIRED
        print(f"{issue.severity.name}: {issue.message} ({issue.check.identifier})")
    print(f"{profile}: {'valid' if valid else 'NOT valid'}")
    failed |= not valid
sys.exit(failed)
