//! The software bill of materials: every package that is linked into the program,
//! as CycloneDX 1.6. Knows what cargo says of packages, not how they are built.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::tools::{cargo, output, read};

/// The document.
pub fn sbom(version: &str) -> Result<String, String> {
    let tree = output(cargo().args([
        "tree",
        "--locked",
        "--package",
        "hetero2",
        "--edges",
        "normal",
        "--prefix",
        "none",
        "--format",
        "{p}\t{l}",
    ]))?;
    let sums = checksums(&read("Cargo.lock")?);
    let packages: BTreeSet<Package> = tree.lines().filter_map(Package::read).collect();
    if packages.len() < 50 {
        return Err(format!("cargo tree lists {} packages only", packages.len()));
    }
    let mut text =
        String::from("{\n  \"bomFormat\": \"CycloneDX\",\n  \"specVersion\": \"1.6\",\n");
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "  \"version\": 1,\n  \"metadata\": {{\n    \"component\": {{\"type\": \"application\", \
         \"bom-ref\": \"hetero2\", \"name\": \"hetero2\", \"version\": \"{version}\"}}\n  }},\n  \
         \"components\": ["
    );
    let components: Vec<String> = packages.iter().map(|package| package.component(&sums)).collect();
    let _ = writeln!(text, "{}\n  ]\n}}", components.join(",\n"));
    Ok(text)
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Package {
    name: String,
    version: String,
    licence: String,
}

impl Package {
    /// A line of `cargo tree`: `name vVERSION (…)`, a tab, the licence. None of
    /// packages of this workspace, nor of those shown before, which end in `(*)`.
    fn read(line: &str) -> Option<Self> {
        let (package, licence) = line.split_once('\t')?;
        let mut words = package.split(' ');
        let (name, version) = (words.next()?, words.next()?.strip_prefix('v')?);
        let is_ours = words.any(|word| word.starts_with("(/") || word.contains(":\\"));
        let licence = licence.trim_end_matches("(*)").trim().replace('/', " OR ");
        (!is_ours).then(|| Self { name: name.into(), version: version.into(), licence })
    }

    fn component(&self, sums: &BTreeMap<(String, String), String>) -> String {
        let Self { name, version, licence } = self;
        let purl = format!("pkg:cargo/{name}@{version}");
        let mut text = format!(
            "    {{\"type\": \"library\", \"bom-ref\": {}, \"name\": {}, \"version\": {}, \"purl\": {}",
            quoted(&purl),
            quoted(name),
            quoted(version),
            quoted(&purl)
        );
        if !licence.is_empty() {
            let _ = write!(text, ", \"licenses\": [{{\"expression\": {}}}]", quoted(licence));
        }
        if let Some(sum) = sums.get(&(name.clone(), version.clone())) {
            let sum = quoted(sum);
            let _ = write!(text, ", \"hashes\": [{{\"alg\": \"SHA-256\", \"content\": {sum}}}]");
        }
        text + "}"
    }
}

/// Checksums of packages by name and version, as `Cargo.lock` has them.
fn checksums(lock: &str) -> BTreeMap<(String, String), String> {
    let value = |block: &str, key: &str| {
        let start = format!("{key} = \"");
        let line = block.lines().find_map(|line| line.strip_prefix(start.as_str()))?;
        Some(line.trim_end_matches('"').to_owned())
    };
    let entry = |block: &str| {
        Some(((value(block, "name")?, value(block, "version")?), value(block, "checksum")?))
    };
    lock.split("[[package]]").filter_map(entry).collect()
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
