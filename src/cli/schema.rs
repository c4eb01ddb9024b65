//! `schema`: the layout of a document.

use std::process::ExitCode;

use serde_json::json;

use hetero2::schema::{DOCUMENTS, Document};

use super::arguments::GlobalArguments;
use super::failure::Failure;
use super::output::{print_document, print_json, print_text};

/// Print the JSON Schema of a document, or list the documents that have one
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hetero2 schema
  hetero2 schema manifest > manifest.schema.json

Exit codes: 0 done; 2 there is no such document.")]
pub struct SchemaArguments {
    /// Document; lists them without it
    #[arg(value_parser = clap::builder::PossibleValuesParser::new(DOCUMENTS.map(|d| d.name)))]
    name: Option<String>,
}

/// Runs `schema`.
pub fn schema(arguments: &SchemaArguments, global: &GlobalArguments) -> Result<ExitCode, Failure> {
    let named = |document: &&Document| Some(document.name) == arguments.name.as_deref();
    if let Some(document) = DOCUMENTS.iter().find(named) {
        print_document(document.text)?;
    } else if global.json {
        let listed: Vec<_> =
            DOCUMENTS.iter().map(|d| json!({ "name": d.name, "version": d.version })).collect();
        print_json(&listed)?;
    } else {
        let line = |d: &Document| format!("{:<18} {}\n", d.name, d.version);
        print_text(&DOCUMENTS.iter().map(line).collect::<String>())?;
    }
    Ok(ExitCode::SUCCESS)
}
