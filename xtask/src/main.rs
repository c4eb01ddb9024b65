//! `cargo xtask ci [STEP…]`: what must hold before a change is taken, each
//! step runnable alone. `cargo xtask dist`: what is handed on. Knows which
//! commands are run, not what they check; `.ci/run` installs what they need.

mod dist;
mod sbom;
mod steps;
mod tools;

use std::process::ExitCode;
use std::time::Instant;

use steps::STEPS;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let names: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if let ["dist", options @ ..] = names.as_slice() {
        return match tools::enter_root().and_then(|()| dist::dist(options)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("xtask: dist: {error}");
                ExitCode::FAILURE
            }
        };
    }
    let chosen = match names.as_slice() {
        ["ci"] => STEPS.iter().collect(),
        ["ci", names @ ..] => {
            let mut chosen = Vec::new();
            for name in names {
                match STEPS.iter().find(|step| step.name == *name) {
                    Some(step) => chosen.push(step),
                    None => return usage(&format!("there is no step {name:?}")),
                }
            }
            chosen
        }
        _ => return usage("say what to do"),
    };
    let all = chosen.len() == STEPS.len();
    let ready = tools::enter_root().and_then(|()| if all { steps::note_tree() } else { Ok(()) });
    if let Err(error) = ready {
        eprintln!("xtask: {error}");
        return ExitCode::FAILURE;
    }
    let start = Instant::now();
    for step in chosen {
        println!("\n== {} ({} s)", step.name, start.elapsed().as_secs());
        if let Err(error) = (step.run)() {
            eprintln!("xtask: {}: {error}", step.name);
            return ExitCode::FAILURE;
        }
    }
    println!("\n== done ({} s)", start.elapsed().as_secs());
    ExitCode::SUCCESS
}

/// Says what went wrong and what there is.
fn usage(problem: &str) -> ExitCode {
    eprintln!(
        "xtask: {problem}\n\nUsage: cargo xtask ci [STEP…]\n       cargo xtask dist [--profile NAME] \
         [--native]\n\nSteps, all of them without one named:"
    );
    for step in STEPS {
        eprintln!("  {:<20} {}", step.name, step.what);
    }
    ExitCode::from(2)
}
