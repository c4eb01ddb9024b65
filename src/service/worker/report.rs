//! What the program said of its work, as the server is told. It must not know
//! how the work was done.

use std::collections::BTreeMap;

use serde_json::Value;

use super::child::Ran;
use super::failed::{Broken, Failed};
use crate::job::JobKind;
use crate::job::protocol::Reason;

/// What an attempt has to show.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Shown {
    pub content_digest: Option<String>,
    pub verdict: Option<String>,
    pub rows: BTreeMap<String, u64>,
    /// The document, without what is of this attempt alone.
    pub summary: Value,
}

/// Fields of reports that say where and how fast a worker works, not what came out.
const OF_THE_ATTEMPT: [&str; 6] =
    ["pack", "seconds", "rows_per_second", "already_complete", "rerun_pack", "out"];

/// What a command of `kind` came to, which ended by itself with `code`.
///
/// # Errors
/// The failure that its code and document say.
pub(super) fn shown(kind: JobKind, code: u8, document: &str) -> Result<Shown, Failed> {
    let mut summary: Value = serde_json::from_str(document).unwrap_or_default();
    let error = summary.get("error").and_then(Value::as_str).map(str::to_owned);
    // A rerun that differs and a suite that does not hold are results.
    let is_result = matches!(kind, JobKind::Rerun | JobKind::Suite) && code == 3 && error.is_none();
    if code != 0 && !(is_result && summary.is_object()) {
        let message = error.unwrap_or_else(|| format!("the program ended with exit code {code}"));
        return Err(failure(code, &message));
    }
    if !summary.is_object() {
        return Err(Failed::new(Reason::Program, "the program gave no report"));
    }
    let text = |at: &str| summary.pointer(at).and_then(Value::as_str).map(str::to_owned);
    let shown = match kind {
        JobKind::Run | JobKind::Audit => Shown {
            content_digest: text("/content_digest"),
            verdict: text("/evidence"),
            rows: rows(&summary),
            summary: Value::Null,
        },
        JobKind::Rerun => Shown {
            content_digest: text("/rerun_content_digest"),
            verdict: text("/verdict"),
            ..Shown::default()
        },
        JobKind::Suite => Shown {
            verdict: Some(if code == 0 { "holds" } else { "does_not_hold" }.to_owned()),
            ..Shown::default()
        },
        JobKind::CostLift => Shown::default(),
    };
    if let Some(fields) = summary.as_object_mut() {
        fields.retain(|name, _| !OF_THE_ATTEMPT.contains(&name.as_str()));
    }
    Ok(Shown { summary, ..shown })
}

/// Rows by status.
fn rows(summary: &Value) -> BTreeMap<String, u64> {
    let count = |name: &str| summary.pointer(&format!("/counts/{name}")).and_then(Value::as_u64);
    ["OK", "SKIP", "ERROR"]
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), count(name)?)))
        .collect()
}

/// The failure that an exit code means.
fn failure(code: u8, message: &str) -> Failed {
    let is_full = ["No space left", "disk quota exceeded", "Disk quota exceeded"]
        .iter()
        .any(|words| message.contains(words));
    let reason = match code {
        _ if is_full => Reason::DiskFull,
        2 => Reason::Input,
        3 => Reason::Verification,
        _ => Reason::Program,
    };
    Failed::new(reason, message)
}

/// What became of a command that the worker, or something else, ended.
pub(super) fn broken(ran: Ran, log: &str, seconds: u64, memory_mib: u64) -> Broken {
    let failed = match ran {
        Ran::Stopped(signal) => return signal.into(),
        Ran::TooLong => Failed::new(
            Reason::TimeLimit,
            &format!("it took longer than its limit of {seconds} s (limits.seconds)"),
        ),
        Ran::TooMuchMemory(kib) => Failed::new(
            Reason::MemoryLimit,
            &format!(
                "it held {} MiB of memory, more than its limit of {memory_mib} MiB \
                 (limits.memory_mib)",
                kib / 1024
            ),
        ),
        Ran::TooMuchLog => Failed::new(Reason::Program, "it wrote too long a log"),
        // What Rust says where an allocation is refused.
        Ran::Died(_) if log.contains("memory allocation of") => Failed::new(
            Reason::MemoryLimit,
            &format!(
                "it asked for more memory than its limit of {memory_mib} MiB (limits.memory_mib)"
            ),
        ),
        Ran::Died(status) => {
            let last = log.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
            Failed::new(Reason::Killed, &format!("the program was ended ({status}): {last}"))
        }
        Ran::Ended { code, document } => failure(code, &document),
    };
    failed.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_says_what_came_out_and_not_where() {
        let document = r#"{"counts": {"OK": 9, "SKIP": 1, "ERROR": 0}, "pack": "/w/job/run/pack",
            "content_digest": "ab", "evidence": "SUPPORTED", "seconds": 1.0, "verdict": "words"}"#;
        let shown = shown(JobKind::Run, 0, document).unwrap();
        assert_eq!(shown.content_digest.as_deref(), Some("ab"));
        assert_eq!(shown.verdict.as_deref(), Some("SUPPORTED"));
        assert_eq!(shown.rows["OK"], 9);
        assert!(!shown.summary.to_string().contains("/w/job"));
        assert!(shown.summary.to_string().contains("words"));
    }

    #[test]
    fn exit_codes_are_reasons() {
        let reason = |kind, code, document| shown(kind, code, document).unwrap_err().reason;
        let error = r#"{"error": "no such column", "exit_code": 2}"#;
        assert_eq!(reason(JobKind::Run, 2, error), Reason::Input);
        assert_eq!(reason(JobKind::Run, 3, error), Reason::Verification);
        assert_eq!(reason(JobKind::Run, 1, error), Reason::Program);
        assert_eq!(reason(JobKind::Run, 101, ""), Reason::Program);
        assert_eq!(reason(JobKind::Run, 0, "no document"), Reason::Program);
        let full = r#"{"error": "cannot write x: No space left on device"}"#;
        assert_eq!(reason(JobKind::Run, 1, full), Reason::DiskFull);
        assert_eq!(reason(JobKind::Rerun, 3, error), Reason::Verification);
        let differs = r#"{"verdict": "different", "rerun_content_digest": "cd"}"#;
        let differs = shown(JobKind::Rerun, 3, differs).unwrap();
        assert_eq!(differs.verdict.as_deref(), Some("different"));
        let holds = shown(JobKind::Suite, 3, r#"{"facts": []}"#).unwrap();
        assert_eq!(holds.verdict.as_deref(), Some("does_not_hold"));
    }

    #[test]
    fn limits_name_themselves() {
        let told = |ran, log| match broken(ran, log, 5, 64) {
            Broken::Failed(failed) => (failed.reason, failed.message),
            other => panic!("{other:?}"),
        };
        let (reason, message) = told(Ran::TooLong, "");
        assert_eq!(reason, Reason::TimeLimit);
        assert!(message.contains("5 s (limits.seconds)"), "{message}");
        let (reason, message) = told(Ran::TooMuchMemory(70 << 10), "");
        assert_eq!(reason, Reason::MemoryLimit);
        assert!(message.contains("70 MiB") && message.contains("64 MiB"), "{message}");
        let refused = "memory allocation of 17 bytes failed\n";
        assert_eq!(told(Ran::Died("signal 6".into()), refused).0, Reason::MemoryLimit);
        assert_eq!(told(Ran::Died("signal 9".into()), "").0, Reason::Killed);
    }
}
