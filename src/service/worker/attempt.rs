//! One attempt at a job, from its lease to its end: staged, computed, verified,
//! published, ended. It must not know how leases are renewed.

use std::io::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use hetero2_common::files::disk::DiskFile;
use hetero2_common::files::write_atomically;
use tokio::sync::watch;
use tracing::{Instrument as _, info_span};

use super::child::{Bounds, Ran, Told};
use super::failed::{Broken, Failed};
use super::folder::{JobFolder, Staged};
use super::keeper::Hold;
use super::order::{ChildOrder, ChildSays, ChildStage};
use super::publish::upload;
use super::report::{Shown, broken, shown};
use super::signal::{Signal, unless};
use super::slot::{Size, Slot};
use super::stage::stage;
use super::transport::{Link, LinkError};
use super::usage::Used;
use super::{Places, Program, Purpose, Workplace};
use crate::job::protocol::{End, Lease, Outcome, Reason, Usage, WorkerEvents};
use crate::job::{JobKind, Phase};

/// How long to wait for whoever works in the job's folder.
const FOLDER: Duration = Duration::from_secs(45);
/// How long the server is asked to take an end.
const ENDING: Duration = Duration::from_secs(900);
/// The same where the worker stops.
const STOPPING: Duration = Duration::from_secs(15);
/// Bytes of inputs up to which a job is small.
const SMALL: u64 = 4 << 20;
/// Bytes of a command's log that are kept.
const KEPT_LOG: u64 = 4 << 20;
/// Bytes of a job's log beyond which no more is added.
const LONGEST_LOG: u64 = 32 << 20;

/// What an attempt works with.
pub(super) struct Attempt<'a> {
    pub place: &'a Workplace,
    pub link: &'a Link,
    pub lease: &'a Lease,
    pub hold: &'a Hold,
    pub signals: watch::Receiver<Signal>,
    pub slot: &'a mut Slot,
    pub used: Used,
    pub until: Instant,
    pub rows: u64,
}

/// What becomes of the folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Removed,
    Kept,
}

/// Works on a leased job until it has ended, or is another's.
pub(super) async fn attempt(
    place: &Workplace,
    link: &Link,
    lease: &Lease,
    (hold, signals): (Hold, watch::Receiver<Signal>),
    slot: &mut Slot,
) {
    let started = Instant::now();
    let until = started + Duration::from_secs(lease.spec.limits.seconds);
    let used = Used::default();
    let hold_of = &hold;
    let mut attempt =
        Attempt { place, link, lease, hold: hold_of, signals, slot, used, until, rows: 0 };
    let taken = attempt.folder().await;
    let result = match &taken {
        Ok(folder) => attempt.work(folder).await,
        Err(broken) => Err(broken.clone()),
    };
    let folder = taken.ok();
    let (outcome, fate) = match attempt.outcome(result, folder.as_ref()).await {
        Some(end) => end,
        None => {
            tracing::warn!("the job is another worker's now");
            return;
        }
    };
    if matches!(outcome, Outcome::Failed { .. }) {
        tracing::Span::current().record("otel.status", "error");
    }
    let usage = Usage {
        core_seconds: attempt.used.core_seconds,
        wall_seconds: started.elapsed().as_secs_f64(),
        peak_memory_mib: attempt.used.peak_kib / 1024,
        rows: attempt.rows,
    };
    let size = attempt.size();
    attempt.slot.tidy(size);
    let patience = match *attempt.signals.borrow() {
        Signal::Stop => STOPPING,
        _ => ENDING,
    };
    match link.end(lease, &End { outcome, usage }, patience).await {
        Ok(()) => {}
        Err(LinkError::Fenced) => {
            tracing::warn!("the job is another worker's now");
            return;
        }
        // Its lease runs out, and another attempt finds the folder.
        Err(error) => {
            tracing::warn!("the server does not take the end of the job: {error}");
            return;
        }
    }
    if let (Some(folder), Fate::Removed) = (folder, fate)
        && let Err(error) = folder.remove()
    {
        tracing::warn!("{error}: {}", error.source);
    }
}

impl Attempt<'_> {
    pub fn program(&self) -> &Program {
        &self.place.program
    }

    fn size(&self) -> Size {
        let bytes: u64 = self.lease.inputs.iter().map(|input| input.size).sum();
        match self.lease.spec.kind {
            JobKind::Suite => Size::Large,
            _ if bytes > SMALL => Size::Large,
            _ => Size::Small,
        }
    }

    /// The job's folder, once nobody else works there.
    async fn folder(&mut self) -> Result<JobFolder, Broken> {
        let until = Instant::now() + FOLDER;
        loop {
            match JobFolder::take(&self.place.directory, self.lease) {
                Ok(Some(folder)) => return Ok(folder),
                Ok(None) if Instant::now() < until => {}
                Ok(None) => {
                    let why = "another worker of the same directory still works on it";
                    return Err(Broken::GivenBack(why.to_owned()));
                }
                Err(error) => {
                    return Err(Failed::disk(error.action, &error.path, error.source).into());
                }
            }
            let pause = tokio::time::sleep(Duration::from_millis(500));
            unless(&mut self.signals, Signal::Hold, pause).await?;
        }
    }

    async fn work(&mut self, folder: &JobFolder) -> Result<Outcome, Broken> {
        let mut signals = self.signals.clone();
        if folder.log().exists() {
            self.tell("goes on from what an earlier attempt left").await;
        }
        let staging = stage(self.link, self.lease, folder).instrument(info_span!("staging"));
        let staged = unless(&mut signals, Signal::Hold, staging).await??;
        let (made, files) =
            self.compute(folder, &staged).instrument(info_span!("computing")).await?;
        self.hold.phase(Phase::Publishing);
        // What is done is not held any more.
        let publishing = self.publish(folder, &made, files).instrument(info_span!("publishing"));
        let artifacts = unless(&mut signals, Signal::Stop, publishing).await??;
        let Shown { content_digest, verdict, rows, .. } = made;
        Ok(Outcome::Succeeded { content_digest, verdict, rows, artifacts })
    }

    /// Adds a line to the job's history, if the server takes it.
    pub async fn tell(&self, line: &str) {
        let events = WorkerEvents { lines: vec![line.to_owned()] };
        if let Err(error) = self.link.events(self.lease, &events).await {
            self.hold.fence(&error);
            tracing::info!("not in the job's history: {error}");
        }
    }

    /// What the job comes to, and the files to be published besides summary and log.
    async fn compute(
        &mut self,
        folder: &JobFolder,
        staged: &[Staged],
    ) -> Result<(Shown, Vec<(&'static str, PathBuf)>), Broken> {
        let kind = self.lease.spec.kind;
        let bytes: u64 = self.lease.inputs.iter().map(|input| input.size).sum();
        let (code, document) = match &self.place.scheduler {
            Some(scheduler) if kind == JobKind::Run && bytes >= scheduler.inline_bytes => {
                self.scheduled(scheduler, folder, staged).await?
            }
            _ => {
                self.hold.phase(match kind {
                    JobKind::Run => Phase::Planning,
                    _ => Phase::Computing,
                });
                let arguments = self.arguments(folder, staged, Purpose::Compute)?;
                if kind != JobKind::Run {
                    clear(folder)?;
                }
                self.command(folder, arguments).await?
            }
        };
        let made = shown(kind, code, &folder.without_places(&document))?;
        self.rows = made.rows.values().sum();
        let files = match kind {
            JobKind::Run | JobKind::Audit => {
                let pack = match kind {
                    JobKind::Run => folder.run().join("pack"),
                    _ => folder.made("out"),
                };
                let zip = pack.join("evidence_pack.zip");
                self.verify(folder, &zip, made.content_digest.as_deref()).await?;
                vec![("pack.zip", zip), ("report.html", pack.join("index.html"))]
            }
            JobKind::CostLift | JobKind::Rerun | JobKind::Suite => Vec::new(),
        };
        Ok((made, files))
    }

    pub fn arguments(
        &self,
        folder: &JobFolder,
        staged: &[Staged],
        purpose: Purpose,
    ) -> Result<Vec<String>, Failed> {
        let out = match self.lease.spec.kind {
            JobKind::Run => folder.run(),
            _ => folder.made("out"),
        };
        let places = Places { inputs: staged, out: &out, purpose, threads: self.place.threads };
        (self.program().command)(&self.lease.spec, &places)
            .map_err(|refused| Failed::new(Reason::Input, &refused.to_string()))
    }

    /// Whether the pack is whole and says what the report says.
    async fn verify(
        &mut self,
        folder: &JobFolder,
        zip: &std::path::Path,
        digest: Option<&str>,
    ) -> Result<(), Broken> {
        self.hold.phase(Phase::Verifying);
        let arguments = (self.program().verify)(zip);
        let (code, document) = self.command(folder, arguments).await?;
        let report: serde_json::Value = serde_json::from_str(&document).unwrap_or_default();
        let found = report.pointer("/content_digest").and_then(serde_json::Value::as_str);
        if code == 0 && found.is_some() && found == digest {
            return Ok(());
        }
        let why = match code {
            0 => "its content digest is another than the report's".to_owned(),
            _ => folder.without_places(&document),
        };
        Err(Failed::new(Reason::Verification, &format!("the pack does not verify: {why}")).into())
    }

    /// Has the child carry out a command; gives exit code and document.
    pub async fn command(
        &mut self,
        folder: &JobFolder,
        arguments: Vec<String>,
    ) -> Result<(u8, String), Broken> {
        let limits = self.lease.spec.limits;
        let memory_kib = limits.memory_mib * 1024;
        let order = ChildOrder { arguments, memory_mib: limits.memory_mib };
        let bounds = Bounds { until: self.until, memory_kib };
        let hold = self.hold;
        let child = self.slot.child(&self.place.program, &self.lease.org)?;
        let told = |told: Told<'_>| match told {
            Told::Says(ChildSays::Progress { stage, done, total }) => {
                hold.phase(match stage {
                    ChildStage::Reading => Phase::Planning,
                    ChildStage::Computing => Phase::Computing,
                    ChildStage::Writing => Phase::Reducing,
                });
                if *stage != ChildStage::Writing {
                    hold.rows(*done, *total);
                }
            }
            Told::Says(ChildSays::Ended { .. }) => {}
            Told::Tail(text) => {
                let text = folder.without_places(&text);
                hold.progress(|progress| progress.log_tail = text);
            }
        };
        let ran = child.run(&order, bounds, &mut self.signals, &mut self.used, told).await;
        let log = child.said(KEPT_LOG);
        keep_log(folder, self.lease.attempt, &log);
        match ran {
            Ran::Ended { code, document } => Ok((code, document)),
            ran => {
                self.slot.discard();
                Err(broken(ran, &log, limits.seconds, limits.memory_mib))
            }
        }
    }

    /// Uploads summary, log and `files`; gives the uploads.
    async fn publish(
        &self,
        folder: &JobFolder,
        made: &Shown,
        files: Vec<(&'static str, PathBuf)>,
    ) -> Result<Vec<String>, Broken> {
        let summary = folder.made("summary.json");
        let mut text = serde_json::to_string_pretty(&made.summary).unwrap_or_default();
        text.push('\n');
        write_atomically(&summary, |out| out.write_all(text.as_bytes()))
            .map_err(|error| Failed::disk(error.action, &error.path, error.source))?;
        if !folder.log().exists() {
            keep_log(folder, self.lease.attempt, "");
        }
        let more = [("summary.json", summary), ("log.txt", folder.log())];
        let mut uploads = Vec::new();
        for (name, path) in files.into_iter().chain(more) {
            uploads.push(self.send(name, &path).await?);
        }
        Ok(uploads)
    }

    async fn send(&self, name: &str, path: &std::path::Path) -> Result<String, Broken> {
        upload(self.link, self.lease, name, path).await.map_err(|error| {
            self.hold.fence(&error);
            match error {
                LinkError::Fenced => Broken::Fenced,
                error => {
                    let what = format!("{name} cannot be uploaded: {error}");
                    Failed::new(Reason::Transfer, &what).into()
                }
            }
        })
    }

    /// How the attempt ends; none where the job is another's.
    async fn outcome(
        &mut self,
        result: Result<Outcome, Broken>,
        folder: Option<&JobFolder>,
    ) -> Option<(Outcome, Fate)> {
        let broken = match result {
            Ok(outcome) => return Some((outcome, Fate::Removed)),
            Err(broken) => broken,
        };
        tracing::info!("the attempt ends: {broken:?}");
        Some(match broken {
            Broken::Fenced | Broken::Told(Signal::Fenced) => return None,
            Broken::Told(Signal::Cancel) => (Outcome::Cancelled, Fate::Removed),
            Broken::Told(Signal::Hold) => {
                let message = "it was asked to wait; what is computed is kept".to_owned();
                (Outcome::Held { message }, Fate::Kept)
            }
            Broken::Told(Signal::Stop | Signal::Go) | Broken::GivenBack(_) => {
                (Outcome::Released, Fate::Kept)
            }
            Broken::Held(message) => (Outcome::Held { message }, Fate::Kept),
            Broken::Failed(Failed { reason, message }) => {
                let is_last = self.lease.attempt >= self.lease.spec.limits.attempts;
                let fate = match reason.is_retryable() && !is_last {
                    true => Fate::Kept,
                    false => Fate::Removed,
                };
                let log = match folder {
                    Some(folder) if folder.log().exists() => {
                        match self.send("log.txt", &folder.log()).await {
                            Ok(upload) => Some(upload),
                            Err(Broken::Fenced) => return None,
                            Err(_) => None,
                        }
                    }
                    _ => None,
                };
                let message = match folder {
                    Some(folder) => folder.without_places(&message),
                    None => message,
                };
                (Outcome::Failed { reason, message, log }, fate)
            }
        })
    }
}

/// Removes what an earlier attempt left of a command that does not go on from it.
fn clear(folder: &JobFolder) -> Result<(), Failed> {
    let out = folder.made("out");
    match hetero2_common::files::disk::gone(hetero2_common::files::disk::remove_dir_all(&out)) {
        Ok(()) => Ok(()),
        Err(error) => Err(Failed::disk("remove", &out, error)),
    }
}

/// Adds what a command said to the job's log.
fn keep_log(folder: &JobFolder, attempt: u32, said: &str) {
    let path = folder.log();
    let is_full = path.metadata().is_ok_and(|found| found.len() > LONGEST_LOG);
    let text = folder.without_places(said);
    let added = match is_full {
        true => Ok(()),
        false => DiskFile::append(&path).and_then(|mut file| {
            if !text.is_empty() || file.as_file().metadata()?.len() == 0 {
                writeln!(file, "attempt {attempt}")?;
            }
            file.write_all(text.as_bytes())
        }),
    };
    if let Err(error) = added {
        tracing::warn!("the job's log is not kept: {error}");
    }
}
