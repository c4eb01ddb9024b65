"""Validates documents by their JSON Schemas (draft 2020-12) with the package `jsonschema`.

    python validate_documents.py SCHEMA DOCUMENT [SCHEMA DOCUMENT]...

Exits with 1 where a document is not valid.
"""

import json
import pathlib
import sys

from jsonschema import Draft202012Validator

paths = [pathlib.Path(argument) for argument in sys.argv[1:]]
bad = 0
for schema_path, path in zip(paths[::2], paths[1::2], strict=True):
    schema = json.loads(schema_path.read_text())
    Draft202012Validator.check_schema(schema)
    errors = list(Draft202012Validator(schema).iter_errors(json.loads(path.read_text())))
    for error in errors:
        print(f"{path}: {error.json_path}: {error.message}")
    bad += bool(errors)
if not bad:
    print(f"{len(paths) // 2} documents are valid")
sys.exit(bool(bad))
