"""Verifies a pack's signatures without HETERO-2, with securesystemslib (DSSE) and
in-toto-attestation (statements), the libraries of the in-toto project.

    python verify_signature.py PACK PACK.intoto.jsonl KEY.pub...

Every envelope must be signed by one of the keys and be a valid statement, and its subject must
be exactly the files of PACK, the zip left out. Exits with 1 where that is not so.
"""

import hashlib
import json
import pathlib
import sys

from cryptography.hazmat.primitives import serialization
from google.protobuf import json_format
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.statement import Statement
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey

pack, bundle, *key_files = (pathlib.Path(argument) for argument in sys.argv[1:])


def load(path):
    """A public key under the key id that HETERO-2 uses: SHA-256 of its DER form."""
    key = serialization.load_pem_public_key(path.read_bytes())
    der = key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return SSlibKey.from_crypto(key, keyid=hashlib.sha256(der).hexdigest())


keys = [load(path) for path in key_files]
files = {
    path.name: hashlib.sha256(path.read_bytes()).hexdigest()
    for path in pack.iterdir()
    if path.name != "evidence_pack.zip"
}
lines = bundle.read_text().splitlines()
good = 0
for line in lines:
    envelope = Envelope.from_dict(json.loads(line))
    try:
        envelope.verify(keys, threshold=1)
    except VerificationError as error:
        print(f"signature: {error}")
        continue
    proto = json_format.Parse(envelope.payload, statement_pb2.Statement())
    Statement.copy_from_pb(proto).validate()
    subject = {s.name: s.digest["sha256"] for s in proto.subject}
    if subject != files:
        print("subject: not the files of the pack")
        continue
    good += 1
print(f"{good} of {len(lines)} signatures verify")
sys.exit(0 if lines and good == len(lines) else 1)
