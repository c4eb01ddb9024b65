//! Eigenvalues of L, H, W and WH of 3,200 real molecules against golden ones
//! (LAPACK through numpy), from the directory that `HETERO2_GOLDEN` names.

use super::graphs::Graph;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int16Type, Int32Type, Int64Type, UInt8Type};
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;
use hetero2::spectra::{CpuBackend, SpectraBackend};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

/// Row `row` of a column of lists of numbers.
fn numbers(column: &ArrayRef, row: usize) -> Option<Vec<f64>> {
    if column.is_null(row) {
        return None;
    }
    let values = match column.data_type() {
        DataType::List(_) => column.as_list::<i32>().value(row),
        _ => column.as_list::<i64>().value(row),
    };
    Some(match values.data_type() {
        DataType::Float64 => values.as_primitive::<Float64Type>().values().to_vec(),
        DataType::Int64 => {
            values.as_primitive::<Int64Type>().values().iter().map(|&x| x as f64).collect()
        }
        DataType::Int32 => {
            values.as_primitive::<Int32Type>().values().iter().map(|&x| x.into()).collect()
        }
        DataType::Int16 => {
            values.as_primitive::<Int16Type>().values().iter().map(|&x| x.into()).collect()
        }
        DataType::UInt8 => {
            values.as_primitive::<UInt8Type>().values().iter().map(|&x| x.into()).collect()
        }
        other => panic!("unexpected type {other}"),
    })
}

/// epsilon and chi by atomic number; NaN where the table has none.
fn atoms() -> Vec<(f64, f64)> {
    let table = std::fs::read_to_string("src/chemistry/data/atoms.csv").unwrap();
    let mut atoms = vec![(f64::NAN, f64::NAN); 130];
    for line in table.lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        let number = |cell: &str| cell.trim().parse().unwrap_or(f64::NAN);
        atoms[cells[0].parse::<usize>().unwrap()] = (number(cells[2]), number(cells[3]));
    }
    atoms
}

/// L, H, W and WH of a molecule; those whose atom parameters are missing
/// hold NaN.
fn operators(z: &[f64], edges: &[(u32, u32)], orders: &[f64], atoms: &[(f64, f64)]) -> [Graph; 4] {
    let (epsilon, chi): (Vec<f64>, Vec<f64>) = z.iter().map(|&z| atoms[z as usize]).unzip();
    let l = Graph::laplacian(z.len(), edges.to_vec());
    let mut w = Graph { diagonal: vec![0.0; z.len()], ..l.clone() };
    for (k, &(i, j)) in edges.iter().enumerate() {
        let (i, j) = (i as usize, j as usize);
        let weight = orders[k] * (1.0 + (chi[i] - chi[j]).abs());
        w.off_diagonal[k] = -weight;
        w.diagonal[i] += weight;
        w.diagonal[j] += weight;
    }
    let with_potential = |base: &Graph| {
        let diagonal = base.diagonal.iter().zip(&epsilon).map(|(d, v)| d + v).collect();
        Graph { diagonal, ..base.clone() }
    };
    let (h, wh) = (with_potential(&l), with_potential(&w));
    [l, h, w, wh]
}

#[test]
fn golden_eigenvalues_are_met_within_1e_10() {
    let Ok(golden) = std::env::var("HETERO2_GOLDEN") else {
        eprintln!("NOT CHECKED: set HETERO2_GOLDEN to the directory of golden files");
        return;
    };
    let file = std::fs::File::open(format!("{golden}/molecules.parquet")).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
    let atoms = atoms();
    let (mut graphs, mut expected) = (Vec::new(), Vec::new());
    for batch in reader {
        let batch = batch.unwrap();
        let column = |name| batch.column_by_name(name).unwrap();
        for row in 0..batch.num_rows() {
            let list = |name| numbers(column(name), row);
            let Some(z) = list("z") else { continue };
            let pairs = list("edge_i").unwrap().into_iter().zip(list("edge_j").unwrap());
            let edges: Vec<(u32, u32)> = pairs.map(|(i, j)| (i as u32, j as u32)).collect();
            let built = operators(&z, &edges, &list("edge_order").unwrap(), &atoms);
            for (graph, name) in built.into_iter().zip(["L_eigs", "H_eigs", "W_eigs", "WH_eigs"]) {
                if let Some(values) = list(name) {
                    graphs.push(graph);
                    expected.push(values);
                }
            }
        }
    }
    let spectra = CpuBackend::new().eigenvalues(&Graph::views(&graphs)).unwrap();
    let (mut worst, mut largest) = (0.0f64, 0);
    for (found, expected) in spectra.iter().zip(&expected) {
        assert_eq!(found.len(), expected.len());
        largest = largest.max(found.len());
        for (x, y) in found.iter().zip(expected) {
            worst = worst.max((x - y).abs());
        }
    }
    eprintln!("{} spectra up to n = {largest}: largest error {worst:e}", spectra.len());
    assert!(spectra.len() > 12_000 && largest >= 328);
    assert!(worst <= 1e-10, "largest error {worst:e}");
}
