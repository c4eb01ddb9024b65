//! `diff`: what differs between two packs.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use hetero2::pack::diff::{Difference, FileDiff, PackDiff};

use hetero2::pack::locate;

use super::arguments::GlobalArguments;
use super::failure::Failure;
use super::output::{print_json, print_text};

/// Tell what differs between two packs, down to rows and columns
///
/// Configuration and inputs come first, since they explain the rest. Rows are matched by their
/// identifier: a molecule that was put in or left out moves no other.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hetero2 diff monday/pack tuesday/pack
  hetero2 diff monday/pack evidence_pack.zip --json

Exit codes: 0 equal evidence; 1 the packs differ; 2 there is no pack.")]
pub struct DiffArguments {
    /// Directory or zip of the first pack, or its run directory
    a: PathBuf,
    /// Directory or zip of the second pack, or its run directory
    b: PathBuf,
}

/// Runs `diff`.
pub fn diff(arguments: &DiffArguments, global: &GlobalArguments) -> Result<ExitCode, Failure> {
    let found = locate(&arguments.a)
        .and_then(|a| hetero2::pack::diff(&a, &locate(&arguments.b)?))
        .map_err(Failure::from_pack)?;
    if global.json {
        print_json(&found)?;
    } else {
        print_text(&as_text(&found))?;
    }
    Ok(ExitCode::from(u8::from(!found.is_same_evidence())))
}

// Writing to a String cannot fail, hence the discarded results below.

/// The differences, for a person to read.
pub fn as_text(diff: &PackDiff) -> String {
    let mut text = String::new();
    for (side, names) in [("first", &diff.only_in_a), ("second", &diff.only_in_b)] {
        for name in names {
            let _ = writeln!(text, "only in the {side} pack: {name}");
        }
    }
    for file in &diff.files {
        write_file(&mut text, file);
    }
    let _ = match (diff.is_empty(), diff.is_same_evidence()) {
        (true, _) => writeln!(text, "the packs are equal, byte for byte"),
        (_, true) => {
            writeln!(text, "equal evidence: only what tells of times and machines differs")
        }
        _ => writeln!(text, "the packs DIFFER; {} files are equal", diff.same),
    };
    text
}

fn write_file(text: &mut String, file: &FileDiff) {
    let name = &file.name;
    let _ = match &file.difference {
        Difference::Table(table) => {
            let _ = writeln!(
                text,
                "{name}: {} against {} rows, {} rows differ",
                table.rows_a, table.rows_b, table.rows_differing
            );
            let alone = [
                ("first", table.rows_only_in_a, &table.ids_only_in_a),
                ("second", table.rows_only_in_b, &table.ids_only_in_b),
            ];
            for (side, count, ids) in alone.into_iter().filter(|(_, count, _)| *count > 0) {
                let more = if count > ids.len() as u64 { ", …" } else { "" };
                let _ = writeln!(
                    text,
                    "  only in the {side} pack: {count} rows: {}{more}",
                    ids.join(", ")
                );
            }
            for (column, count) in &table.cells_differing {
                let _ = writeln!(text, "  column {column}: {count} cells");
            }
            table.cells.iter().try_for_each(|cell| {
                let id = cell.id.as_deref().unwrap_or("");
                writeln!(
                    text,
                    "  row {} {id} {}: {:?} against {:?}",
                    cell.row, cell.column, cell.a, cell.b
                )
            })
        }
        Difference::Json(json) => {
            let _ = writeln!(text, "{name}: {} paths differ", json.total);
            json.paths.iter().try_for_each(|path| {
                let value = |v: &Option<String>| v.clone().unwrap_or_else(|| "nothing".into());
                writeln!(text, "  {}: {} against {}", path.path, value(&path.a), value(&path.b))
            })
        }
        Difference::Bytes { bytes_a, bytes_b, first_line } => {
            let line = first_line.map_or_else(String::new, |n| format!(", from line {n}"));
            writeln!(text, "{name}: {bytes_a} against {bytes_b} bytes{line}")
        }
        Difference::Unreadable { detail } => writeln!(text, "{name}: {detail}"),
    };
}
