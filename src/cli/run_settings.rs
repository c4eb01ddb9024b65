//! Options of `run` from settings files: the table `[run]` of `hetero2.toml`,
//! under what the command line says. It must not know what an option means.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use clap::parser::ValueSource;
use clap::{ArgAction, ArgMatches, Command};
use hetero2::cluster::SettingsFile;
use serde_json::Value;

use super::failure::Failure;

/// The commands that make what `run` makes, or its first part.
const COMMANDS: [&str; 3] = ["run", "plan", "decoys"];

/// Options that are of one run alone, or decide which code runs.
const OF_ONE_RUN: [&str; 7] =
    ["out", "resume", "demo", "files-from", "score-command", "score-lock", "help"];

/// Set to anything, the settings files are not read: for programs that call this
/// one and decide every option themselves.
const IGNORED: &str = "HETERO2_NO_SETTINGS";

/// The command line with what the settings files add to it.
pub struct Completed {
    /// The arguments.
    pub arguments: Vec<OsString>,
    /// What was added, by file.
    pub added: Vec<String>,
}

/// Adds to `arguments` the options of the settings files that it does not give.
///
/// # Errors
/// A settings file is wrong, or does not fit what the command line says.
pub fn complete(command: &Command, arguments: Vec<OsString>) -> Result<Completed, Failure> {
    let unchanged = |arguments| Completed { arguments, added: Vec::new() };
    if std::env::var_os(IGNORED).is_some() {
        return Ok(unchanged(arguments));
    }
    // What is wrong with the command line itself is said by whoever parses it next.
    let Ok(matches) = command.clone().try_get_matches_from(&arguments) else {
        return Ok(unchanged(arguments));
    };
    let Some((name, given)) = matches.subcommand().filter(|(name, _)| COMMANDS.contains(name))
    else {
        return Ok(unchanged(arguments));
    };
    let (Some(run), Some(asked)) = (command.find_subcommand("run"), command.find_subcommand(name))
    else {
        return Ok(unchanged(arguments));
    };
    // The project's options go over the user's.
    let mut options = BTreeMap::new();
    for file in SettingsFile::load_all()? {
        for (key, value) in file.run {
            options.insert(key.replace('_', "-"), (value, file.path.clone()));
        }
    }
    let mut flags = Vec::new();
    let mut added = Vec::new();
    for (key, (value, path)) in &options {
        check(run, key, path)?;
        let new = flags_of(asked, given, key, value, path)?;
        if !new.is_empty() {
            added.push(format!("{}: {}", path.display(), new.join(" ")));
            flags.extend(new.into_iter().map(OsString::from));
        }
    }
    if flags.is_empty() {
        return Ok(unchanged(arguments));
    }
    // Directly behind the command's name: what follows may be positional.
    let place = arguments.iter().position(|argument| argument == name).map_or(1, |i| i + 1);
    let mut completed = arguments;
    completed.splice(place..place, flags);
    command.clone().try_get_matches_from(&completed).map_err(|error| {
        let problem = super::usage_message(&error);
        Failure::usage(anyhow::anyhow!("{problem}; options came from {}", added.join(", ")))
    })?;
    Ok(Completed { arguments: completed, added })
}

/// Refuses a key that is no option of `run`, or not for a settings file.
fn check(run: &Command, key: &str, path: &Path) -> Result<(), Failure> {
    let path = path.display();
    let is_option = run.get_arguments().any(|argument| argument.get_long() == Some(key));
    if !is_option {
        return Err(Failure::usage(anyhow::anyhow!(
            "{path}: [run] has {key}, which is no option of `hetero2 run`; `hetero2 run --help` lists them"
        )));
    }
    if OF_ONE_RUN.contains(&key) {
        return Err(Failure::usage(anyhow::anyhow!(
            "{path}: [run] has {key}, which is for one run alone: give --{key} on the command line"
        )));
    }
    Ok(())
}

/// The flags that a setting comes to; none where the command line decides it, or
/// the command has no such option.
fn flags_of(
    command: &Command,
    given: &ArgMatches,
    key: &str,
    value: &Value,
    path: &Path,
) -> Result<Vec<String>, Failure> {
    let found = command.get_arguments().find(|argument| argument.get_long() == Some(key));
    let Some(argument) = found else { return Ok(Vec::new()) };
    if given.value_source(argument.get_id().as_str()) == Some(ValueSource::CommandLine) {
        return Ok(Vec::new());
    }
    let takes_none = matches!(argument.get_action(), ArgAction::SetTrue);
    let wrong = |expected: &str| {
        let path = path.display();
        Failure::usage(anyhow::anyhow!("{path}: [run] {key} = {value}: {expected} is expected"))
    };
    let flag = |value: &Value| match value {
        Value::String(text) => Ok(format!("--{key}={text}")),
        Value::Number(number) => Ok(format!("--{key}={number}")),
        _ => Err(wrong("a text or a number")),
    };
    match (takes_none, value) {
        (true, Value::Bool(true)) => Ok(vec![format!("--{key}")]),
        (true, Value::Bool(false)) => Ok(Vec::new()),
        (true, _) => Err(wrong("true or false")),
        (false, Value::Array(values)) => values.iter().map(flag).collect(),
        (false, value) => Ok(vec![flag(value)?]),
    }
}
