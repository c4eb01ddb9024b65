//! Dead Simple Signing Envelope, version 1.0.2 of its protocol: the bytes that
//! are signed, and the JSON that carries them. Knows nothing of statements.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::key::{PrivateKey, PublicKey};
use super::{KeyId, SignatureError};

/// Payload type of in-toto statements.
pub(super) const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// Signatures of one envelope that are tried; we write one.
const MAX_SIGNATURES: usize = 16;

/// A payload and its signatures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Envelope {
    /// Base64 of the payload.
    pub payload: String,
    /// What the payload is.
    #[serde(rename = "payloadType")]
    pub payload_type: String,
    /// At least one.
    pub signatures: Vec<EnvelopeSignature>,
}

/// One signature of an envelope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EnvelopeSignature {
    /// Which key made it: a hint that nothing proves.
    #[serde(default)]
    pub keyid: Option<KeyId>,
    /// Base64 of the signature.
    pub sig: String,
}

impl Envelope {
    /// Signs `payload`.
    pub(super) fn sign(payload: &[u8], key: &PrivateKey) -> Result<Self, SignatureError> {
        let signature = key.sign(&pre_authentication_encoding(PAYLOAD_TYPE, payload));
        Ok(Self {
            payload: STANDARD.encode(payload),
            payload_type: PAYLOAD_TYPE.to_owned(),
            signatures: vec![EnvelopeSignature {
                keyid: Some(key.public()?.id().clone()),
                sig: STANDARD.encode(signature),
            }],
        })
    }

    /// The payload's bytes; the protocol allows both alphabets of base64.
    pub(super) fn payload_bytes(&self) -> Result<Vec<u8>, String> {
        decode(&self.payload).ok_or_else(|| "its payload is not base64".to_owned())
    }

    /// The first of `keys` that made one of the signatures of `payload`.
    pub(super) fn signer<'k>(
        &self,
        payload: &[u8],
        keys: &'k [PublicKey],
    ) -> Option<&'k PublicKey> {
        let message = pre_authentication_encoding(&self.payload_type, payload);
        let signatures: Vec<Vec<u8>> =
            self.signatures.iter().take(MAX_SIGNATURES).filter_map(|s| decode(&s.sig)).collect();
        keys.iter().find(|key| signatures.iter().any(|sig| key.verifies(&message, sig)))
    }
}

fn decode(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).or_else(|_| URL_SAFE.decode(text)).ok()
}

/// PAE of the protocol: `DSSEv1 <length> <type> <length> <payload>`.
fn pre_authentication_encoding(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len());
    [head.as_bytes(), payload].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The protocol's own example.
    #[test]
    fn the_bytes_that_are_signed_are_those_of_the_protocol() {
        let encoded = pre_authentication_encoding("http://example.com/HelloWorld", b"hello world");
        assert_eq!(encoded, b"DSSEv1 29 http://example.com/HelloWorld 11 hello world");
    }
}
