//! `completions` and `man`: files that shells and manuals want.

use std::process::ExitCode;

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::Arguments;
use super::failure::Failure;
use super::output::print_document;

/// Print a shell completion script
///
/// For example: hetero2 completions bash > ~/.local/share/bash-completion/completions/hetero2
#[derive(Debug, clap::Args)]
pub struct CompletionsArguments {
    /// Shell to complete for
    shell: Shell,
}

/// Print the manual page (roff)
///
/// For example: hetero2 man run | man -l -
#[derive(Debug, clap::Args)]
pub struct ManArguments {
    /// Subcommand to describe; the whole program without it
    subcommand: Option<String>,
}

/// Prints a completion script.
pub fn completions(arguments: &CompletionsArguments) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    let mut command = Arguments::command();
    clap_complete::generate(arguments.shell, &mut command, "hetero2", &mut script);
    print_document(&String::from_utf8_lossy(&script))?;
    Ok(ExitCode::SUCCESS)
}

/// Prints a manual page.
pub fn man(arguments: &ManArguments) -> Result<ExitCode, Failure> {
    let mut command = Arguments::command();
    command.build();
    if let Some(name) = &arguments.subcommand {
        command = command
            .find_subcommand(name)
            .cloned()
            .ok_or_else(|| {
                Failure::usage(anyhow::anyhow!("no subcommand {name}: `hetero2 --help` lists them"))
            })?
            .display_name(format!("hetero2-{name}"));
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page).map_err(Failure::other)?;
    print_document(&String::from_utf8_lossy(&page))?;
    Ok(ExitCode::SUCCESS)
}
