//! Makes the fixture libraries from public collections; `fixtures/README.md`
//! says which. Usage: `make_fixtures COLLECTIONS FIXTURES`, two directories.

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use hetero2::library::{ReadOptions, Source};
use hetero2::molecule::{Molecule, ParseLimits};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// A collection, and how many of its molecules the demo takes.
struct Collection {
    file: &'static str,
    prefix: &'static str,
    count: usize,
    largest: usize,
}

const DEMO: [Collection; 4] = [
    Collection { file: "chembl10k.smi.gz", prefix: "chembl_demo_", count: 450, largest: 50 },
    Collection { file: "znp50k.smi.gz", prefix: "", count: 300, largest: 50 },
    Collection { file: "nci5k.smi.gz", prefix: "nci_", count: 210, largest: 50 },
    Collection { file: "polymers.smi.gz", prefix: "polymer_demo_", count: 40, largest: 80 },
];

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [collections, fixtures] = arguments.as_slice() else {
        return Err("usage: make_fixtures COLLECTIONS FIXTURES".into());
    };
    let (collections, fixtures) = (Path::new(collections), Path::new(fixtures));
    let demo = demo(collections)?;
    let text: String = demo.iter().fold(String::new(), |mut text, (id, smiles)| {
        let _ = writeln!(text, "{smiles}\t{id}");
        text
    });
    fs::write(fixtures.join("demo.smi"), text)?;
    let small: Vec<(String, String)> = demo.into_iter().step_by(50).collect();
    write_small(&small, &fixtures.join("libraries"))
}

/// Connected molecules of 8 heavy atoms or more, spread evenly over each
/// collection.
fn demo(collections: &Path) -> Result<Vec<(String, String)>> {
    let limits = ParseLimits::default();
    let mut demo = Vec::new();
    for collection in DEMO {
        let path = collections.join(collection.file);
        let mut good = Vec::new();
        for record in Source::open(&path, &ReadOptions::default())? {
            let record = record?;
            let Ok(molecule) = Molecule::from_smiles(&record.smiles, &limits) else { continue };
            let size = 8..=collection.largest;
            if molecule.component_count() == 1 && size.contains(&molecule.heavy_atom_count()) {
                good.push((record.id, String::from_utf8(record.smiles)?));
            }
        }
        for index in 0..collection.count {
            let (id, smiles) = &good[index * good.len() / collection.count];
            let id = match collection.prefix {
                "" => id.clone(),
                "nci_" => format!("nci_{id}"),
                prefix => format!("{prefix}{:04}", index + 1),
            };
            demo.push((id, smiles.clone()));
        }
    }
    Ok(demo)
}

fn write_small(molecules: &[(String, String)], out: &Path) -> Result<()> {
    fs::create_dir_all(out)?;
    let mut csv = String::from("id,smiles\n");
    let mut smi = String::new();
    let mut sdf = String::new();
    for (id, smiles) in molecules {
        writeln!(csv, "{id},{smiles}")?;
        writeln!(smi, "{smiles} {id}")?;
        let block = molblock(id, smiles)?;
        let block = if sdf.len() > 20_000 { v3000(&block)? } else { block };
        write!(sdf, "{block}> <compound_id>\n{id}\n\n$$$$\n")?;
    }
    fs::write(out.join("small.csv"), &csv)?;
    fs::write(out.join("small.tsv"), csv.replace(',', "\t"))?;
    fs::write(out.join("small.sdf"), &sdf)?;
    // Two members, as `cat a.gz b.gz` makes them.
    let (first, second) = csv.split_at(csv.len() / 2);
    let mut gz = Vec::new();
    for part in [first, second] {
        let mut encoder = flate2::write::GzEncoder::new(&mut gz, flate2::Compression::best());
        encoder.write_all(part.as_bytes())?;
        encoder.finish()?;
    }
    fs::write(out.join("small.csv.gz"), gz)?;
    let (first, second) = smi.split_at(smi.len() / 2);
    let mut zst = zstd::encode_all(first.as_bytes(), 19)?;
    zst.extend(zstd::encode_all(second.as_bytes(), 19)?);
    fs::write(out.join("small.smi.zst"), zst)?;
    write_parquet(molecules, &out.join("small.parquet"))?;
    write_edge_cases(molecules, out)
}

fn write_parquet(molecules: &[(String, String)], path: &Path) -> Result<()> {
    let column = |values: Vec<&str>| Arc::new(StringArray::from(values)) as ArrayRef;
    let ids = column(molecules.iter().map(|(id, _)| id.as_str()).collect());
    let smiles = column(molecules.iter().map(|(_, smiles)| smiles.as_str()).collect());
    let batch = RecordBatch::try_from_iter([("id", ids), ("smiles", smiles)])?;
    let file = fs::File::create(path)?;
    let mut writer = parquet::arrow::ArrowWriter::try_new(file, batch.schema(), None)?;
    writer.write(&batch)?;
    writer.close()?;
    Ok(())
}

fn write_edge_cases(molecules: &[(String, String)], out: &Path) -> Result<()> {
    let mut bom = String::from("\u{feff}ID,Name,Canonical_SMILES\r\n");
    let mut quoted = String::from("# quoted fields, line breaks, a bad row\nname,smiles,note\n");
    let mut ragged = String::from("id,smiles,note\n");
    let mut bytes = Vec::new();
    for (index, (id, smiles)) in molecules.iter().enumerate() {
        writeln!(bom, "{id},Nº {index},{smiles}\r")?;
        if index % 5 == 0 {
            bom.push_str("\r\n");
        }
        match index % 4 {
            0 => writeln!(quoted, "\"{id}, first\",\"{smiles}\",\"two\nlines\"")?,
            1 => writeln!(quoted, "\"{id} \"\"x\"\"\",{smiles},5\" nail")?,
            2 => writeln!(quoted, "{id},\"{smiles}\"x,text after a closing quote")?,
            _ => writeln!(quoted, "{id},{smiles},")?,
        }
        match index % 4 {
            0 => writeln!(ragged, "{id},{smiles}")?,
            1 => writeln!(ragged, "{id},{smiles},a,b")?,
            2 => writeln!(ragged, ",{smiles},no id")?,
            _ => writeln!(ragged, "{id},,no SMILES")?,
        }
        bytes.extend_from_slice(smiles.as_bytes());
        // Latin-1 letters, in the name or (every tenth) in the SMILES.
        bytes.extend_from_slice(if index % 10 == 0 { b"\xe9 " } else { b"\tcaf\xe9 " });
        bytes.extend_from_slice(id.as_bytes());
        bytes.push(b'\n');
    }
    quoted.push_str("unclosed,\"CCO,the quote is never closed\n");
    fs::write(out.join("bom_crlf.csv"), bom)?;
    fs::write(out.join("quoted.csv"), quoted)?;
    fs::write(out.join("ragged.csv"), ragged)?;
    fs::write(out.join("non_utf8.smi"), bytes)?;
    let mut table = String::from("#Mol_ID\tStructure\tFormula\n");
    for (id, smiles) in molecules {
        writeln!(table, "{id}\t{smiles}\t?")?;
    }
    fs::write(out.join("columns.smi"), table)?;
    fs::write(
        out.join("duplicate_ids.csv"),
        "id,smiles\n../x,CCO\n../x,CCN\n,CCC\n\"a\tb\",CCF\n",
    )?;
    Ok(())
}

/// The same molfile as an extended connection table.
fn v3000(block: &str) -> Result<String> {
    let lines: Vec<&str> = block.lines().collect();
    let count = |from: usize| lines[3][from..from + 3].trim().parse::<usize>();
    let (atoms, bonds) = (count(0)?, count(3)?);
    let mut charges = vec![String::new(); atoms];
    for line in lines.iter().filter_map(|line| line.strip_prefix("M  CHG")) {
        let numbers: Vec<i32> = line
            .split_whitespace()
            .skip(1)
            .map(str::parse)
            .collect::<std::result::Result<_, _>>()?;
        for pair in numbers.chunks_exact(2) {
            charges[pair[0] as usize - 1] = format!(" CHG={}", pair[1]);
        }
    }
    let mut text =
        format!("{}\n{}\n\n  0  0  0  0  0  0            999 V3000\n", lines[0], lines[1]);
    writeln!(text, "M  V30 BEGIN CTAB\nM  V30 COUNTS {atoms} {bonds} 0 0 0\nM  V30 BEGIN ATOM")?;
    for (index, line) in lines[4..4 + atoms].iter().enumerate() {
        let cells: Vec<&str> = line.split_whitespace().collect();
        let [x, y, z, element, ..] = cells[..] else { return Err("short atom line".into()) };
        writeln!(text, "M  V30 {} {element} {x} {y} {z} 0{}", index + 1, charges[index])?;
    }
    writeln!(text, "M  V30 END ATOM\nM  V30 BEGIN BOND")?;
    for (index, line) in lines[4 + atoms..4 + atoms + bonds].iter().enumerate() {
        let cell = |at: usize| line[at..at + 3].trim();
        let wedge = match cell(9) {
            "1" => " CFG=1",
            "6" => " CFG=3",
            _ => "",
        };
        writeln!(text, "M  V30 {} {} {} {}{wedge}", index + 1, cell(6), cell(0), cell(3))?;
    }
    text.push_str("M  V30 END BOND\nM  V30 END CTAB\nM  END\n");
    Ok(text)
}

/// A molfile with two-dimensional coordinates.
fn molblock(id: &str, smiles: &str) -> Result<String> {
    let model = chematic::smiles::parse(smiles)?;
    let block =
        chematic::smiles::rdkit_mol_block_2d(&model).map_err(|error| format!("{id}: {error:?}"))?;
    let body = block.splitn(3, '\n').nth(2).map_or("", |body| body);
    Ok(format!("{id}\n  HETERO2           2D\n{}\n", body.trim_end()))
}
