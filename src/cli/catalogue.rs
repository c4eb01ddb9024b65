//! What a job may ask of the program's commands: which of their options and
//! inputs, with their own help, judged by their own parser. An option that names a
//! file is an input, or none: jobs name no paths.

use std::collections::BTreeMap;
use std::path::Path;

use clap::error::{ContextKind, ContextValue};
use clap::parser::ValueSource;
use clap::{ArgAction, Args as _, FromArgMatches as _};

use hetero2::service::job::catalogue::{
    Catalogue, ChoiceDescription, InputDescription, KindDescription, OptionDescription,
    Unacceptable, ValueDescription,
};
use hetero2::service::job::{InputRole, JobKind, JobSpec, OptionValue};

use super::failure::Failure;
use super::{audit, cost_lift, rerun, run, suite};

/// An input of a kind, and the argument of the command that takes it.
struct Input {
    role: InputRole,
    /// Its id; a positional argument where it has no long name.
    argument: &'static str,
    need: Need,
    count: Count,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    Required,
    Optional,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Count {
    One,
    Several,
}

const fn input(role: InputRole, argument: &'static str, need: Need, count: Count) -> Input {
    Input { role, argument, need, count }
}

const RUN_INPUTS: [Input; 6] = [
    input(InputRole::Library, "library", Need::Optional, Count::Several),
    input(InputRole::Scores, "scores", Need::Optional, Count::One),
    input(InputRole::Truth, "truth", Need::Optional, Count::One),
    input(InputRole::Train, "train", Need::Optional, Count::One),
    input(InputRole::DecoysFrom, "decoys_from", Need::Optional, Count::One),
    input(InputRole::DecoyPool, "decoy_pool", Need::Optional, Count::One),
];
const AUDIT_INPUTS: [Input; 4] = [
    input(InputRole::Pack, "pack", Need::Required, Count::One),
    input(InputRole::Scores, "scores", Need::Required, Count::One),
    input(InputRole::Truth, "truth", Need::Optional, Count::One),
    input(InputRole::Train, "train", Need::Optional, Count::One),
];
const COST_LIFT_INPUTS: [Input; 2] = [
    input(InputRole::Pack, "pack", Need::Required, Count::One),
    input(InputRole::Truth, "truth", Need::Required, Count::One),
];
const RERUN_INPUTS: [Input; 5] = [
    input(InputRole::Pack, "pack", Need::Required, Count::One),
    input(InputRole::Library, "input", Need::Optional, Count::Several),
    input(InputRole::Scores, "scores", Need::Optional, Count::One),
    input(InputRole::Train, "train", Need::Optional, Count::One),
    input(InputRole::DecoysFrom, "decoys_from", Need::Optional, Count::One),
];

/// Options of `run` that a job may give: none names a file, a device or threads.
const RUN_OPTIONS: [&str; 24] = [
    "demo",
    "decoys",
    "seed",
    "seed-strategy",
    "physics",
    "edge-weights",
    "potential-scale",
    "decoy-set",
    "decoy-strategy",
    "hard-decoys",
    "max-atoms",
    "allow-disconnected",
    "largest-fragment",
    "strip-salts",
    "artifacts",
    "precision",
    "timeout-per-row",
    "active-if",
    "budget",
    "default-original-score",
    "audit-top",
    "format",
    "smiles-column",
    "id-column",
];
const AUDIT_OPTIONS: [&str; 3] = ["active-if", "budget", "audit-top"];
const COST_LIFT_OPTIONS: [&str; 3] = ["budget", "seed", "resamples"];
/// The first is the command's one positional argument.
const SUITE_OPTIONS: [&str; 2] = ["suite", "rows"];

fn inputs(kind: JobKind) -> &'static [Input] {
    match kind {
        JobKind::Run => &RUN_INPUTS,
        JobKind::Audit => &AUDIT_INPUTS,
        JobKind::CostLift => &COST_LIFT_INPUTS,
        JobKind::Rerun => &RERUN_INPUTS,
        JobKind::Suite => &[],
    }
}

fn options(kind: JobKind) -> &'static [&'static str] {
    match kind {
        JobKind::Run => &RUN_OPTIONS,
        JobKind::Audit => &AUDIT_OPTIONS,
        JobKind::CostLift => &COST_LIFT_OPTIONS,
        JobKind::Rerun => &[],
        JobKind::Suite => &SUITE_OPTIONS,
    }
}

/// The command's own parser.
fn parser(kind: JobKind) -> clap::Command {
    let command = clap::Command::new(kind.word());
    match kind {
        JobKind::Run => run::RunArguments::augment_args(command),
        JobKind::Audit => audit::AuditArguments::augment_args(command),
        JobKind::CostLift => cost_lift::CostLiftArguments::augment_args(command),
        JobKind::Rerun => rerun::RerunArguments::augment_args(command),
        JobKind::Suite => suite::SuiteArguments::augment_args(command),
    }
}

/// An option's argument in the command.
fn find<'a>(command: &'a clap::Command, name: &str) -> Option<&'a clap::Arg> {
    command.get_arguments().find(|argument| match argument.get_long() {
        Some(long) => long == name,
        None => argument.get_id() == name,
    })
}

fn is_flag(argument: &clap::Arg) -> bool {
    matches!(argument.get_action(), ArgAction::SetTrue | ArgAction::SetFalse)
}

/// All kinds, as the program knows them.
pub fn catalogue() -> Catalogue {
    Catalogue { kinds: JobKind::ALL.map(describe).to_vec(), check }
}

fn describe(kind: JobKind) -> KindDescription {
    let mut command = parser(kind);
    command.build();
    let help = |argument: &clap::Arg| argument.get_help().map(ToString::to_string);
    let inputs = inputs(kind).iter().map(|input| {
        let argument = command.get_arguments().find(|it| it.get_id() == input.argument);
        InputDescription {
            role: input.role,
            help: argument.and_then(help).unwrap_or_default(),
            is_required: input.need == Need::Required,
            takes_several: input.count == Count::Several,
        }
    });
    let options = options(kind).iter().filter_map(|name| {
        let argument = find(&command, name)?;
        let defaults = argument.get_default_values();
        Some(OptionDescription {
            name: (*name).to_owned(),
            help: help(argument).unwrap_or_default(),
            value: value(argument),
            default: match is_flag(argument) {
                true => None,
                false => defaults.first().map(|value| value.to_string_lossy().into_owned()),
            },
            heading: argument.get_help_heading().map(str::to_owned),
        })
    });
    KindDescription {
        kind,
        inputs: inputs.collect(),
        options: options.collect(),
        about: command.get_about().map(ToString::to_string).unwrap_or_default(),
    }
}

fn value(argument: &clap::Arg) -> ValueDescription {
    if is_flag(argument) {
        return ValueDescription::Flag;
    }
    let choices = argument.get_possible_values();
    if choices.is_empty() {
        let name = argument.get_value_names().and_then(|names| names.first());
        let name = name.map_or_else(|| "VALUE".to_owned(), ToString::to_string);
        return ValueDescription::Text { name };
    }
    let described = choices.iter().map(|choice| ChoiceDescription {
        value: choice.get_name().to_owned(),
        help: choice.get_help().map(ToString::to_string).unwrap_or_default(),
    });
    ValueDescription::Choice { values: described.collect() }
}

fn refused(field: &str, problem: impl Into<String>) -> Unacceptable {
    Unacceptable { field: field.to_owned(), problem: problem.into() }
}

/// The arguments of a job's command but for what a worker adds: options, inputs,
/// and positional arguments at the end, which no text of a job can make options.
struct JobArguments {
    named: Vec<String>,
    positional: Vec<String>,
}

impl JobArguments {
    /// `paths` are those of the job's inputs, in their order.
    fn of<'a>(
        spec: &JobSpec,
        paths: impl Iterator<Item = (InputRole, &'a Path)>,
    ) -> Result<Self, Unacceptable> {
        let mut command = parser(spec.kind);
        command.build();
        let (mut named, mut positional) = (Vec::new(), Vec::new());
        for (name, value) in &spec.options {
            let field = format!("options.{name}");
            let is_known = options(spec.kind).contains(&name.as_str());
            let Some(argument) = find(&command, name).filter(|_| is_known) else {
                let what = format!("jobs of kind {} have no such option", spec.kind.word());
                return Err(refused(&field, what));
            };
            let text = match (is_flag(argument), value) {
                (true, OptionValue::Flag(false)) => continue,
                (true, OptionValue::Flag(true)) => {
                    named.push(format!("--{name}"));
                    continue;
                }
                (true, _) => return Err(refused(&field, "it takes no value but true or false")),
                (false, OptionValue::Flag(_)) => return Err(refused(&field, "it takes a value")),
                (false, OptionValue::Whole(number)) => number.to_string(),
                (false, OptionValue::Number(number)) => number.to_string(),
                (false, OptionValue::Text(text)) => text.clone(),
            };
            match argument.get_long() {
                Some(_) => named.push(format!("--{name}={text}")),
                None => positional.push(text),
            }
        }
        let mut counts: BTreeMap<InputRole, usize> = BTreeMap::new();
        for (role, path) in paths {
            let Some(input) = inputs(spec.kind).iter().find(|input| input.role == role) else {
                let what = format!("jobs of kind {} take no {}", spec.kind.word(), role.word());
                return Err(refused("inputs", what));
            };
            let count = counts.entry(role).or_default();
            *count += 1;
            if input.count == Count::One && *count > 1 {
                return Err(refused("inputs", format!("only one {} can be given", role.word())));
            }
            let path = path.display().to_string();
            let argument = command.get_arguments().find(|it| it.get_id() == input.argument);
            match argument.and_then(clap::Arg::get_long) {
                Some(long) => named.push(format!("--{long}={path}")),
                None => positional.push(path),
            }
        }
        for input in inputs(spec.kind).iter().filter(|input| input.need == Need::Required) {
            if !counts.contains_key(&input.role) {
                return Err(refused("inputs", format!("the {} is missing", input.role.word())));
            }
        }
        Ok(Self { named, positional })
    }

    fn joined(self, command: &str, more: Vec<String>) -> Vec<String> {
        let name = std::iter::once(command.to_owned());
        let mut all: Vec<String> = name.chain(self.named).chain(more).collect();
        if !self.positional.is_empty() {
            all.push("--".to_owned());
            all.extend(self.positional);
        }
        all
    }
}

/// Says what the program would refuse, by parsing alone.
fn check(spec: &JobSpec) -> Result<(), Unacceptable> {
    let place = Path::new("/input");
    let paths = spec.inputs.iter().map(|input| (input.role, place));
    let out = match spec.kind {
        JobKind::CostLift => Vec::new(),
        _ => vec!["--out=/out".to_owned()],
    };
    let words = JobArguments::of(spec, paths)?.joined(spec.kind.word(), out);
    let matches = parser(spec.kind).try_get_matches_from(words).map_err(|error| of_clap(&error))?;
    if spec.kind == JobKind::Run {
        let arguments = run::RunArguments::from_arg_matches(&matches);
        let arguments = arguments.map_err(|error| of_clap(&error))?;
        arguments.check().map_err(|failure| refused("options", failure.message()))?;
    }
    Ok(())
}

/// What the parser says, in the API's words.
fn of_clap(error: &clap::Error) -> Unacceptable {
    let text = error.to_string();
    let said: Vec<&str> = text
        .lines()
        .map(str::trim)
        .take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more"))
        .filter(|line| !line.is_empty())
        .collect();
    let said = said.join("; ");
    let problem = said.strip_prefix("error: ").unwrap_or(&said);
    let argument = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(argument)) => argument.strip_prefix("--"),
        _ => None,
    };
    let name = argument.and_then(|text| text.split([' ', '=']).next());
    let field = name.map_or_else(|| "options".to_owned(), |name| format!("options.{name}"));
    refused(&field, problem)
}

/// The options that `words` give a job of `kind`, as they stand on the command
/// line, next to inputs of the roles `given`.
pub fn options_of(
    kind: JobKind,
    given: &[InputRole],
    words: &[String],
) -> Result<BTreeMap<String, OptionValue>, Failure> {
    let spec = JobSpec {
        kind,
        inputs: Vec::new(),
        options: BTreeMap::new(),
        limits: hetero2::service::job::Limits::default(),
    };
    let wrong = |refused: Unacceptable| Failure::usage(anyhow::anyhow!("{}", refused.problem));
    let paths = given.iter().map(|role| (*role, Path::new("/input")));
    let mut more = words.to_vec();
    if kind != JobKind::CostLift {
        more.push("--out=/out".to_owned());
    }
    let arguments = JobArguments::of(&spec, paths).map_err(wrong)?.joined(kind.word(), more);
    let mut command = parser(kind);
    let matches =
        command.try_get_matches_from_mut(arguments).map_err(|error| wrong(of_clap(&error)))?;
    let taken: Vec<&str> = inputs(kind).iter().map(|input| input.argument).collect();
    let mut found = BTreeMap::new();
    for argument in command.get_arguments() {
        let id = argument.get_id().as_str();
        let is_given = matches.value_source(id) == Some(ValueSource::CommandLine);
        if !is_given || taken.contains(&id) || id == "out" {
            continue;
        }
        let name = argument.get_long().unwrap_or(id).to_owned();
        if !options(kind).contains(&name.as_str()) {
            let error = anyhow::anyhow!("--{name} is no option of a job: the worker decides it");
            return Err(Failure::usage(error));
        }
        let raw = matches.get_raw(id).and_then(|mut values| values.next());
        let value = match (is_flag(argument), raw) {
            (false, Some(text)) => OptionValue::Text(text.to_string_lossy().into_owned()),
            _ => OptionValue::Flag(true),
        };
        found.insert(name, value);
    }
    Ok(found)
}

#[cfg(unix)]
pub use for_workers::{command, verify};

/// The commands that a worker has its children carry out.
#[cfg(unix)]
mod for_workers {
    use hetero2::service::worker::{Places, Purpose};

    use super::*;

    /// The arguments that compute a job.
    pub fn command(spec: &JobSpec, places: &Places<'_>) -> Result<Vec<String>, Unacceptable> {
        let paths = places.inputs.iter().map(|input| (input.role, input.path.as_path()));
        let arguments = JobArguments::of(spec, paths)?;
        let name = match places.purpose {
            Purpose::Plan => "plan",
            Purpose::Compute => spec.kind.word(),
        };
        let mut more = vec!["--json".to_owned()];
        if spec.kind != JobKind::CostLift {
            more.push(format!("--out={}", places.out.display()));
        }
        let threads = places
            .threads
            .filter(|_| places.purpose == Purpose::Compute && spec.kind != JobKind::CostLift);
        more.extend(threads.map(|threads| format!("--threads={threads}")));
        if places.purpose == Purpose::Compute {
            // The zip is what becomes the job's artifact, however large.
            more.extend(match spec.kind {
                JobKind::Run => vec!["--resume".to_owned(), "--zip".to_owned()],
                JobKind::Audit => vec!["--zip".to_owned()],
                JobKind::CostLift | JobKind::Rerun | JobKind::Suite => Vec::new(),
            });
        }
        Ok(arguments.joined(name, more))
    }

    /// The arguments that verify a pack.
    pub fn verify(pack: &Path) -> Vec<String> {
        let words = ["verify".to_owned(), "--json".to_owned(), "--".to_owned()];
        words.into_iter().chain([pack.display().to_string()]).collect()
    }
}

#[cfg(test)]
mod tests;
