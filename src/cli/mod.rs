//! The command line: reads arguments into typed requests, calls the library,
//! prints. Every subcommand has a file of its own.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

mod accept;
#[cfg(feature = "service")]
mod admin;
#[cfg(feature = "service")]
mod admin_data;
#[cfg(feature = "service")]
mod admin_plan;
#[cfg(feature = "service")]
mod admin_pool;
#[cfg(feature = "service")]
mod admin_user;
mod arguments;
mod audit;
mod batch;
mod bench;
#[cfg(feature = "service")]
mod catalogue;
mod compare;
mod cost_lift;
mod cure;
mod decoy_arguments;
mod decoys;
mod describe;
mod devices;
mod diff;
mod failure;
mod fingerprint;
mod force;
mod forecast;
mod generate;
mod granted;
mod keygen;
mod library_files;
mod logging;
mod mpi;
mod output;
mod plan;
mod progress;
mod proxy_truth;
mod publish;
mod reduce;
mod registry;
#[cfg(feature = "service")]
mod remote;
#[cfg(feature = "service")]
mod remote_jobs;
mod rerun;
mod run;
mod run_settings;
mod schema;
mod scorer_arguments;
#[cfg(feature = "service")]
mod serve;
mod shard;
mod sign;
mod spectrum;
mod status;
mod stop;
mod submit;
mod suite;
mod verify;
mod wait;
#[cfg(all(feature = "service", unix))]
mod worker;
#[cfg(all(feature = "service", unix))]
mod worker_child;

use arguments::GlobalArguments;
use failure::Failure;

/// The fast, reproducible first truth filter for generated molecules.
///
/// Reads a library of molecules, computes graph-operator spectra, makes
/// matched decoys, audits scores against them with exact negative controls,
/// and writes one checksummed evidence pack.
#[derive(Debug, Parser)]
#[command(name = "hetero2", version = version(), max_term_width = 100, after_help = EXAMPLES)]
struct Arguments {
    #[command(flatten)]
    global: GlobalArguments,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "Examples:
  hetero2 run                                    the shipped demo: a model and its verdict
  hetero2 run library.smi --out screen           a library of yours
  hetero2 run library.csv --out screen --scores scores.json
  hetero2 verify screen/pack                     every checksum and count
  hetero2 describe 'CC(=O)Oc1ccccc1C(=O)O'       one molecule, everything about it

Exit codes: 0 done; 1 failed; 2 wrong usage or input; 3 a pack, a shard or a published fact fails
verification; 4 work is missing or was stopped.";

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::RunArguments),
    Plan(plan::PlanArguments),
    Shard(shard::ShardArguments),
    Reduce(reduce::ReduceArguments),
    Submit(submit::SubmitArguments),
    Status(status::StatusArguments),
    Wait(wait::WaitArguments),
    Cancel(status::CancelArguments),
    Resume(submit::ResumeArguments),
    Mpi(mpi::MpiArguments),
    Verify(verify::VerifyArguments),
    Diff(diff::DiffArguments),
    Describe(describe::DescribeArguments),
    Devices(devices::DevicesArguments),
    Rerun(rerun::RerunArguments),
    Suite(suite::SuiteArguments),
    Keygen(keygen::KeygenArguments),
    Sign(sign::SignArguments),
    Publish(publish::PublishArguments),
    Registry(registry::RegistryArguments),
    Schema(schema::SchemaArguments),
    Decoys(decoys::DecoysArguments),
    Fingerprint(fingerprint::FingerprintArguments),
    Spectrum(spectrum::SpectrumArguments),
    Audit(audit::AuditArguments),
    CostLift(cost_lift::CostLiftArguments),
    Accept(accept::AcceptArguments),
    Compare(compare::CompareArguments),
    ProxyTruth(proxy_truth::ProxyTruthArguments),
    Batch(batch::BatchArguments),
    Bench(bench::BenchArguments),
    #[cfg(feature = "service")]
    Serve(serve::ServeArguments),
    #[cfg(feature = "service")]
    Admin(admin::AdminArguments),
    #[cfg(feature = "service")]
    Remote(remote::RemoteArguments),
    #[cfg(all(feature = "service", unix))]
    Worker(worker::WorkerArguments),
    #[cfg(all(feature = "service", unix))]
    #[command(hide = true)]
    WorkerChild(worker_child::WorkerChildArguments),
    Completions(generate::CompletionsArguments),
    Man(generate::ManArguments),
}

fn version() -> &'static str {
    concat!(env!("CARGO_PKG_VERSION"), " (", env!("HETERO2_COMMIT"), ")")
}

/// The whole command line. Options take negative numbers, so that one which must
/// not be negative says so.
fn command() -> clap::Command {
    with_negative_numbers(Arguments::command())
}

fn with_negative_numbers(command: clap::Command) -> clap::Command {
    let takes_value =
        |argument: &clap::Arg| !argument.is_positional() && argument.get_action().takes_values();
    command
        .mut_args(|argument| match takes_value(&argument) {
            true => argument.allow_negative_numbers(true),
            false => argument,
        })
        .mut_subcommands(with_negative_numbers)
}

/// Runs the program on its arguments and returns its exit code.
pub fn main(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.map(kebab_flag).collect();
    let is_json = arguments.iter().take_while(|a| *a != "--").any(|a| a == "--json");
    let command = command();
    let completed = match run_settings::complete(&command, arguments) {
        Ok(completed) => completed,
        Err(failure) => return failure.report(is_json),
    };
    let matches = command.try_get_matches_from(completed.arguments);
    let arguments = match matches.and_then(|m| Arguments::from_arg_matches(&m)) {
        Ok(arguments) => arguments,
        Err(error) => return refuse(&error, is_json),
    };
    if !arguments.global.quiet {
        completed.added.iter().for_each(|line| eprintln!("options of {line}"));
    }
    let traces = match logging::start(&arguments.global, &arguments.command) {
        Ok(traces) => traces,
        Err(failure) => return failure.report(arguments.global.json),
    };
    if arguments.global.quiet {
        output::be_quiet();
    }
    let done = {
        // Sent before the exit code is given, where the features have any.
        let _traces = traces;
        dispatch(&arguments)
    };
    match done {
        Ok(code) => code,
        Err(failure) => failure.report(arguments.global.json),
    }
}

/// Prints why a command line is refused, or the help that it asks for.
fn refuse(error: &clap::Error, is_json: bool) -> ExitCode {
    // Help and version also arrive here, with exit code 0.
    if error.exit_code() == 0 {
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    if is_json {
        failure::print_error_document(&usage_message(error), failure::USAGE);
    }
    let _ = error.print();
    ExitCode::from(failure::USAGE)
}

/// What is wrong with a command line, without the usage that follows.
fn usage_message(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let end = text.find("\n\nUsage:").or_else(|| text.find("\n\nFor more")).unwrap_or(text.len());
    let message = text[..end].trim().trim_start_matches("error: ");
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Carries out a command of a worker's, and returns its exit code. No file of
/// settings has a say in it: the job decides every option.
#[cfg(all(feature = "service", unix))]
fn carry_out(arguments: &[String]) -> u8 {
    let name = std::iter::once("hetero2".to_owned());
    let matches = command().try_get_matches_from(name.chain(arguments.iter().cloned()));
    let arguments = match matches.and_then(|m| Arguments::from_arg_matches(&m)) {
        Ok(arguments) => arguments,
        Err(error) => {
            failure::print_error_document(&usage_message(&error), failure::USAGE);
            return failure::USAGE;
        }
    };
    match dispatch(&arguments) {
        // The type does not say its number.
        Ok(code) => (0..=u8::MAX).find(|number| ExitCode::from(*number) == code).unwrap_or(1),
        Err(failure) => {
            let _ = failure.report(arguments.global.json);
            failure.code()
        }
    }
}

fn dispatch(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let global = &arguments.global;
    match &arguments.command {
        Command::Run(arguments) => run::run(arguments, global),
        Command::Devices(arguments) => devices::devices(arguments, global),
        Command::Plan(arguments) => plan::plan(arguments, global),
        Command::Shard(arguments) => shard::shard(arguments, global),
        Command::Reduce(arguments) => reduce::reduce(arguments, global),
        Command::Submit(arguments) => submit::submit(arguments, global),
        Command::Status(arguments) => status::status(arguments, global),
        Command::Wait(arguments) => wait::wait(arguments, global),
        Command::Cancel(arguments) => status::cancel(arguments, global),
        Command::Resume(arguments) => submit::resume(arguments, global),
        Command::Mpi(arguments) => mpi::mpi(arguments, global),
        Command::Verify(arguments) => verify::verify(arguments, global),
        Command::Diff(arguments) => diff::diff(arguments, global),
        Command::Describe(arguments) => describe::describe(arguments, global),
        Command::Rerun(arguments) => rerun::rerun(arguments, global),
        Command::Suite(arguments) => suite::suite(arguments, global),
        Command::Keygen(arguments) => keygen::keygen(arguments, global),
        Command::Sign(arguments) => sign::sign(arguments, global),
        Command::Publish(arguments) => publish::publish(arguments, global),
        Command::Registry(arguments) => registry::registry(arguments, global),
        Command::Schema(arguments) => schema::schema(arguments, global),
        Command::Decoys(arguments) => decoys::decoys(arguments, global),
        Command::Fingerprint(arguments) => fingerprint::fingerprint(arguments, global),
        Command::Spectrum(arguments) => spectrum::spectrum(arguments, global),
        Command::Audit(arguments) => audit::audit(arguments, global),
        Command::CostLift(arguments) => cost_lift::cost_lift(arguments, global),
        Command::Accept(arguments) => accept::accept(arguments, global),
        Command::Compare(arguments) => compare::compare(arguments, global),
        Command::ProxyTruth(arguments) => proxy_truth::proxy_truth(arguments, global),
        Command::Batch(arguments) => batch::batch(arguments, global),
        Command::Bench(arguments) => bench::bench(arguments, global),
        #[cfg(feature = "service")]
        Command::Serve(arguments) => serve::serve(arguments, global),
        #[cfg(feature = "service")]
        Command::Admin(arguments) => admin::admin(arguments, global),
        #[cfg(feature = "service")]
        Command::Remote(arguments) => remote::remote(arguments, global),
        #[cfg(all(feature = "service", unix))]
        Command::Worker(arguments) => worker::worker(arguments, global),
        #[cfg(all(feature = "service", unix))]
        Command::WorkerChild(arguments) => worker_child::worker_child(arguments),
        Command::Completions(arguments) => generate::completions(arguments),
        Command::Man(arguments) => generate::man(arguments),
    }
}

/// `--k_decoys` and `--k-decoys` are one flag: users of the Python
/// implementation have the former in their scripts.
fn kebab_flag(argument: OsString) -> OsString {
    let Some(text) = argument.to_str().filter(|text| text.starts_with("--")) else {
        return argument;
    };
    let (flag, value) = text.split_once('=').map_or((text, None), |(f, v)| (f, Some(v)));
    let flag = flag.replace('_', "-");
    OsString::from(value.map_or_else(|| flag.clone(), |value| format!("{flag}={value}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_accept_both_spellings_and_values_are_left_alone() {
        assert_eq!(kebab_flag("--k_decoys=a_b".into()), OsString::from("--k-decoys=a_b"));
        assert_eq!(kebab_flag("a_b".into()), OsString::from("a_b"));
        assert_eq!(kebab_flag("--out_dir".into()), OsString::from("--out-dir"));
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }
}
