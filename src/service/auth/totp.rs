//! The second factor: codes of an authenticator (RFC 6238), each used once. It
//! must not know passwords, nor HTTP.
//!
//! The shared secret is encrypted for the organisation's key, as wrapped keys
//! are: a copy of the database alone gives no codes.

use data_encoding::BASE32_NOPAD;
use totp_rs::{Algorithm, Builder, Totp};
use zeroize::Zeroizing;

use super::secret::{NoRandomness, SecretText};
use crate::object;

/// Bytes of a shared secret, as RFC 4226 recommends.
const BYTES: usize = 20;

/// Seconds of a step.
const STEP: u64 = 30;

/// Steps before and after this moment whose codes are taken: clocks drift.
const SKEW: u16 = 1;

/// A shared secret.
pub struct SharedSecret(object::Secret);

impl SharedSecret {
    /// A fresh secret.
    ///
    /// # Errors
    ///
    /// Where the system has no randomness.
    pub fn fresh() -> Result<Self, NoRandomness> {
        let mut bytes = Zeroizing::new([0; BYTES]);
        getrandom::fill(bytes.as_mut())?;
        Ok(Self(object::Secret::new(BASE32_NOPAD.encode(bytes.as_ref()))))
    }

    /// A secret that was kept as text.
    #[must_use]
    pub fn kept(text: object::Secret) -> Self {
        Self(text)
    }

    /// The secret in base32, for its owner's authenticator and for sealing.
    #[must_use]
    pub fn text(&self) -> &object::Secret {
        &self.0
    }

    fn totp(&self) -> Option<Totp> {
        let bytes = BASE32_NOPAD.decode(self.0.reveal().as_bytes()).ok()?;
        Builder::new()
            .with_algorithm(Algorithm::SHA1)
            .with_digits(6)
            .with_skew(SKEW)
            .with_step_duration(STEP)
            .with_secret(bytes)
            .build()
            .ok()
    }

    /// The step whose code `code` is, at `seconds` since 1970, if it is later
    /// than `last`, the newest that was used.
    #[must_use]
    pub fn step(&self, code: &str, seconds: u64, last: Option<i64>) -> Option<i64> {
        let step = self.totp()?.check(code, seconds)?;
        let step = i64::try_from(step).ok()?;
        last.is_none_or(|last| step > last).then_some(step)
    }

    /// What an authenticator scans: `otpauth://totp/…` with the organisation as
    /// issuer.
    #[must_use]
    pub fn url(&self, org: &str, login: &str) -> SecretText {
        let encoded = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
        let (org, login): (String, String) = (encoded(org), encoded(login));
        Zeroizing::new(format!(
            "otpauth://totp/HETERO-2%20{org}:{login}?secret={}&issuer=HETERO-2%20{org}\
             &algorithm=SHA1&digits=6&period={STEP}",
            self.0.reveal()
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The secret of RFC 6238's test vectors.
    fn rfc() -> SharedSecret {
        let text = BASE32_NOPAD.encode(b"12345678901234567890");
        SharedSecret::kept(object::Secret::new(text))
    }

    #[test]
    fn codes_are_those_of_rfc_6238() {
        // Its table has eight digits; six are the last six.
        for (seconds, code) in
            [(59, "287082"), (1_111_111_109, "081804"), (2_000_000_000, "279037")]
        {
            let step = i64::try_from(seconds / STEP).unwrap();
            assert_eq!(rfc().step(code, seconds, None), Some(step), "{seconds}");
        }
    }

    #[test]
    fn a_clock_may_drift_by_a_step_and_no_code_works_twice() {
        let secret = rfc();
        // The code of step 1, seen from steps 0 to 3.
        let seen = [0, 30, 60, 90].map(|seconds| secret.step("287082", seconds, None));
        assert_eq!(seen, [Some(1), Some(1), Some(1), None]);
        assert_eq!(secret.step("287082", 59, Some(0)), Some(1));
        assert_eq!(secret.step("287082", 59, Some(1)), None);
        assert_eq!(secret.step("287082", 59, Some(2)), None);
    }

    #[test]
    fn what_is_no_code_is_refused() {
        for code in ["", "28708", "2870820", "28708a", "٢٨٧٠٨٢", "287 082", "-87082"] {
            assert_eq!(rfc().step(code, 59, None), None, "{code}");
        }
        let broken = SharedSecret::kept(object::Secret::new("not base32!".into()));
        assert_eq!(broken.step("287082", 59, None), None);
    }

    #[test]
    fn an_authenticator_reads_the_address() {
        let url = rfc().url("acme", "ada@example.org");
        let expected = "otpauth://totp/HETERO-2%20acme:ada%40example.org?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=HETERO-2%20acme&algorithm=SHA1&digits=6&period=30";
        assert_eq!(url.as_str(), expected);
        assert!(url::Url::parse(&url).is_ok());
    }
}
