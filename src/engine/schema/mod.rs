//! What layout does each document have? JSON Schemas, made from the Rust types
//! that write and read them; `docs/contracts/schemas/` holds them as files.
//!
//! Knows every module's documents and nothing of how they come about.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde_json::{Value, json};

pub use hetero2_contract::SummaryMetadata;
use hetero2_contract::evidence::{COST_LIFT_V2_SCHEMA, CostLiftV2};
use hetero2_contract::metrics::METRICS_SCHEMA;
use hetero2_contract::scores::ScoresDocument;
use hetero2_contract::summary_metadata::METADATA_SCHEMA;

use crate::run::{CONFIG_SCHEMA, PLAN_SCHEMA, Plan, RunConfig, SHARD_SCHEMA, ShardRecord};
use hetero2_audit::SCORES_SCHEMA;
use hetero2_evidence::pack::manifest::{MANIFEST_SCHEMA, Manifest, PROVENANCE_SCHEMA, Provenance};
use hetero2_evidence::registry::{ENTRY_SCHEMA, Entry};
use hetero2_evidence::signature::{SIGNATURE_SCHEMA, Statement};

/// `metrics.json` with the configuration of a run.
pub type Metrics = hetero2_contract::Metrics<RunConfig>;

/// A document with a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Document {
    /// Short name, as `hetero2 schema` takes it.
    pub name: &'static str,
    /// Version of its layout.
    pub version: &'static str,
    /// Its schema, as it is stored in `docs/contracts/schemas/`.
    pub text: &'static str,
}

macro_rules! document {
    ($name:literal, $version:ident, $file:literal) => {
        Document {
            name: $name,
            version: $version,
            text: include_str!(concat!("../../../docs/contracts/schemas/", $file, ".json")),
        }
    };
}

/// Every document that has a schema.
pub const DOCUMENTS: [Document; 11] = [
    document!("manifest", MANIFEST_SCHEMA, "hetero2_manifest.v1"),
    document!("provenance", PROVENANCE_SCHEMA, "hetero2_provenance.v1"),
    document!("metrics", METRICS_SCHEMA, "hetero2_metrics.v1"),
    document!("summary_metadata", METADATA_SCHEMA, "hetero2_summary_metadata.v1"),
    document!("run_config", CONFIG_SCHEMA, "hetero2_run_config.v1"),
    document!("plan", PLAN_SCHEMA, "hetero2_plan.v1"),
    document!("shard", SHARD_SCHEMA, "hetero2_shard.v1"),
    document!("cost_lift", COST_LIFT_V2_SCHEMA, "cost_lift.v2"),
    document!("scores", SCORES_SCHEMA, "hetero_scores.v1"),
    document!("registry_entry", ENTRY_SCHEMA, "hetero2_registry_entry.v1"),
    document!("signature", SIGNATURE_SCHEMA, "hetero2_signature.v1"),
];

impl Document {
    /// The schema as the types give it, with a final newline: what is stored.
    ///
    /// # Errors
    /// A schema always serialises.
    pub fn generate(&self) -> Result<String, serde_json::Error> {
        let mut schema = match self.name {
            "manifest" => written::<Manifest>(),
            "provenance" => written::<Provenance>(),
            "metrics" => written::<Metrics>(),
            "summary_metadata" => written::<SummaryMetadata>(),
            "run_config" => written::<RunConfig>(),
            "plan" => written::<Plan>(),
            "shard" => written::<ShardRecord>(),
            "cost_lift" => written::<CostLiftV2>(),
            "registry_entry" => written::<Entry>(),
            "signature" => written::<Statement>(),
            // Others write it, so it says what is accepted.
            _ => SchemaSettings::draft2020_12()
                .into_generator()
                .into_root_schema_for::<ScoresDocument>(),
        };
        schema.insert("$id".to_owned(), json!(format!("urn:hetero2:schema:{}", self.version)));
        // These name their version otherwise.
        if !["signature", "cost_lift"].contains(&self.name) {
            name_version(&mut schema, self.version);
        }
        let mut schema = serde_json::to_value(&schema)?;
        without_links(&mut schema);
        let mut text = serde_json::to_string_pretty(&schema)?;
        text.push('\n');
        Ok(text)
    }
}

/// The schema of what the program writes: fields that may be undefined are
/// there, as `null`.
fn written<T: JsonSchema>() -> Schema {
    SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<T>()
}

/// Descriptions come from the documentation, whose links mean nothing here.
fn without_links(value: &mut Value) {
    match value {
        Value::Object(map) => {
            if let Some(Value::String(text)) = map.get_mut("description") {
                *text = text.replace("[`", "`").replace("`]", "`");
            }
            map.values_mut().for_each(without_links);
        }
        Value::Array(items) => items.iter_mut().for_each(without_links),
        _ => {}
    }
}

/// Pins `schema_version`, which some types do not carry themselves.
fn name_version(schema: &mut Schema, version: &str) {
    let fields = schema.ensure_object();
    let properties = fields.entry("properties").or_insert_with(|| json!({}));
    properties["schema_version"] =
        json!({ "description": "Version of this layout.", "const": version });
    let required = fields.entry("required").or_insert_with(|| json!([]));
    if let Some(required) = required.as_array_mut()
        && !required.contains(&json!("schema_version"))
    {
        required.push(json!("schema_version"));
    }
}
