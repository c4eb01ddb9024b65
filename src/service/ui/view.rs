//! The API's documents as far as pages show them. What they do not know of an
//! answer they leave out.

use serde::Deserialize;

/// A page of a list.
#[derive(Deserialize)]
pub struct Listing<T> {
    pub items: Vec<T>,
    #[serde(default)]
    pub next: Option<String>,
}

#[derive(Deserialize)]
pub struct Provider {
    pub name: String,
}

#[derive(Deserialize)]
pub struct Org {
    pub id: String,
    pub name: String,
}

#[derive(Deserialize)]
pub struct Member {
    pub id: String,
    pub login: String,
    pub name: String,
    pub role: String,
}

/// The account that is signed in.
#[derive(Deserialize)]
pub struct Me {
    pub org: Org,
    pub member: Member,
    pub has_password: bool,
    pub has_totp: bool,
    pub credential: String,
}

#[derive(Deserialize)]
pub struct Project {
    pub id: String,
    pub name: String,
    pub description: String,
    pub created_at: String,
}

impl Project {
    pub fn created(&self) -> String {
        when(&self.created_at)
    }
}

#[derive(Deserialize)]
pub struct Dataset {
    pub id: String,
    pub name: String,
    pub description: String,
    pub size: u64,
    pub sha256: String,
    pub version: i64,
    pub created_at: String,
}

impl Dataset {
    pub fn created(&self) -> String {
        when(&self.created_at)
    }

    pub fn size_text(&self) -> String {
        size(self.size)
    }
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub struct Progress {
    pub rows_done: u64,
    pub rows_total: Option<u64>,
    pub rows_per_second: Option<f64>,
    pub seconds_left: Option<u64>,
    pub scheduler_jobs: Vec<String>,
    pub log_tail: String,
}

impl Progress {
    /// Rows done, of how many, how fast and for how long still.
    pub fn summary(&self) -> String {
        let mut text = match self.rows_total {
            Some(total) => format!("{} of {total} rows", self.rows_done),
            None => format!("{} rows", self.rows_done),
        };
        if let Some(speed) = self.rows_per_second {
            text.push_str(&format!(", {speed:.1} rows/s"));
        }
        if let Some(seconds) = self.seconds_left {
            text.push_str(&format!(", about {} left", span(seconds)));
        }
        text
    }

    /// The same, where the number of rows is known.
    pub fn total(&self) -> Option<u64> {
        self.rows_total.filter(|total| *total > 0)
    }
}

#[derive(Deserialize)]
pub struct Limits {
    pub seconds: u64,
    pub memory_mib: u64,
    pub attempts: u32,
}

#[derive(Deserialize)]
pub struct Spec {
    #[serde(default)]
    pub inputs: Vec<serde_json::Value>,
    #[serde(default)]
    pub options: std::collections::BTreeMap<String, serde_json::Value>,
    pub limits: Limits,
}

#[derive(Deserialize)]
pub struct Job {
    pub id: String,
    pub name: String,
    pub kind: String,
    pub pool: String,
    pub priority: i64,
    pub spec: Spec,
    pub state: String,
    #[serde(default)]
    pub is_hold_asked: bool,
    pub attempt: i64,
    pub phase: Option<String>,
    pub progress: Option<Progress>,
    pub run: Option<String>,
    pub reason: Option<String>,
    pub message: Option<String>,
    pub content_digest: Option<String>,
    pub verdict: Option<String>,
    pub created_at: String,
    pub started_at: Option<String>,
    pub ended_at: Option<String>,
}

impl Job {
    /// The class of the state's badge.
    pub fn tone(&self) -> &'static str {
        match self.state.as_str() {
            "succeeded" => "good",
            "failed" | "cancelled" => "bad",
            "held" | "cancelling" => "wait",
            _ => "",
        }
    }

    pub fn is_final(&self) -> bool {
        matches!(self.state.as_str(), "succeeded" | "failed" | "cancelled")
    }

    pub fn has_succeeded(&self) -> bool {
        self.state == "succeeded"
    }

    pub fn can_cancel(&self) -> bool {
        matches!(self.state.as_str(), "queued" | "held" | "running")
    }

    pub fn can_hold(&self) -> bool {
        matches!(self.state.as_str(), "queued" | "running") && !self.is_hold_asked
    }

    pub fn can_release(&self) -> bool {
        self.state == "held" || self.is_hold_asked
    }

    pub fn can_retry(&self) -> bool {
        matches!(self.state.as_str(), "failed" | "cancelled")
    }

    pub fn created(&self) -> String {
        when(&self.created_at)
    }

    pub fn started(&self) -> String {
        self.started_at.as_deref().map(when).unwrap_or_default()
    }

    pub fn ended(&self) -> String {
        self.ended_at.as_deref().map(when).unwrap_or_default()
    }

    /// Inputs in words.
    pub fn inputs(&self) -> Vec<String> {
        let of = |input: &serde_json::Value| {
            let source = input["source"].as_object().and_then(|source| source.values().next());
            let source = source.and_then(|source| source.as_str()).unwrap_or_default();
            format!("{}: {source}", input["role"].as_str().unwrap_or_default())
        };
        self.spec.inputs.iter().map(of).collect()
    }

    /// Options as on the command line.
    pub fn options(&self) -> Vec<String> {
        let of = |(name, value): (&String, &serde_json::Value)| match value {
            serde_json::Value::Bool(_) => format!("--{name}"),
            serde_json::Value::String(text) => format!("--{name} {text}"),
            other => format!("--{name} {other}"),
        };
        self.spec.options.iter().map(of).collect()
    }
}

#[derive(Deserialize)]
pub struct Event {
    pub number: i64,
    pub at: String,
    pub line: String,
}

impl Event {
    pub fn time(&self) -> String {
        let day = self.at.get(..10).unwrap_or_default();
        format!("{day} {} ", self.at.get(11..19).unwrap_or_default())
    }
}

#[derive(Deserialize)]
pub struct Artifact {
    pub name: String,
    pub size: u64,
    pub sha256: String,
}

impl Artifact {
    pub fn size_text(&self) -> String {
        size(self.size)
    }
}

#[derive(Deserialize)]
pub struct Run {
    pub id: String,
    pub name: String,
    pub state: String,
    pub created_at: String,
}

#[derive(Deserialize)]
pub struct Token {
    pub id: String,
    pub member: String,
    pub name: String,
    pub scope: String,
    pub expires_at: String,
}

impl Token {
    pub fn expires(&self) -> String {
        when(&self.expires_at)
    }
}

#[derive(Deserialize)]
pub struct Session {
    pub id: String,
    pub member: String,
    pub method: String,
    pub source_address: String,
    pub last_used_at: String,
}

impl Session {
    pub fn used(&self) -> String {
        when(&self.last_used_at)
    }
}

#[derive(Deserialize)]
pub struct Input {
    pub role: String,
    pub help: String,
    pub is_required: bool,
    pub takes_several: bool,
}

#[derive(Deserialize)]
pub struct Choice {
    pub value: String,
    pub help: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case", tag = "type")]
pub enum OptionValue {
    Flag,
    Text { name: String },
    Choice { values: Vec<Choice> },
}

#[derive(Deserialize)]
pub struct KindOption {
    pub name: String,
    pub help: String,
    pub value: OptionValue,
    pub default: Option<String>,
    pub heading: Option<String>,
}

#[derive(Deserialize)]
pub struct Kind {
    pub kind: String,
    pub about: String,
    pub inputs: Vec<Input>,
    pub options: Vec<KindOption>,
}

/// An instant to the minute.
pub fn when(instant: &str) -> String {
    match (instant.get(..10), instant.get(11..16)) {
        (Some(day), Some(time)) => format!("{day} {time} UTC"),
        _ => instant.to_owned(),
    }
}

/// Bytes in words.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} bytes");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut units = UNITS.iter();
    let mut unit = units.next().copied().unwrap_or_default();
    for larger in units {
        if value < 1024.0 {
            break;
        }
        (value, unit) = (value / 1024.0, larger);
    }
    format!("{value:.1} {unit}")
}

/// Seconds in words.
pub fn span(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_spans_and_instants() {
        assert_eq!((size(7), size(1536)), ("7 bytes".to_owned(), "1.5 KiB".to_owned()));
        assert_eq!((size(5 << 20), size(3 << 40)), ("5.0 MiB".to_owned(), "3.0 TiB".to_owned()));
        assert_eq!(
            (span(59), span(3599), span(7260)),
            ("59 s".into(), "59 min".into(), "2 h 1 min".into())
        );
        assert_eq!(when("2026-12-01T02:52:54.123Z"), "2026-12-01 02:52 UTC");
    }
}
