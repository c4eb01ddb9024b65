//! The self-consistent potential and its audit.

use hetero2::operator::{EdgeWeights, GraphOperators};
use hetero2::spectra::projectors::ShellProjectors;
use hetero2::spectra::scf::{
    PotentialMode, ScfAudit, ScfAuditRow, ScfError, ScfResult, ScfRunStatus, ScfSettings, ScfState,
    ScfStatus, ScfVerdict, ScfVerdictReason, StopReason, solve,
};

use super::fixture::{assert_close, cases, graph, operators, star};
use super::solver::{shells, shells_in_another_basis};

fn run(operators: &GraphOperators) -> ScfResult {
    let potential = operators.potential().unwrap();
    solve(operators.scf_base(), potential, ScfSettings::default(), shells).unwrap()
}

#[test]
fn agrees_with_the_python_implementation() {
    let comparable: Vec<_> = cases().into_iter().filter(|case| case.scf.comparable).collect();
    assert!(comparable.iter().any(|case| !case.scf.converged));
    assert!(comparable.iter().any(|case| case.scf.converged));
    for case in comparable {
        let result = run(&case.operators());
        assert_eq!(result.status == ScfStatus::Converged, case.scf.converged, "{}", case.id);
        let residuals: Vec<f64> = result.trace.iter().map(|t| t.residual_inf).collect();
        assert_close(&residuals, &case.scf.residuals, 1e-8, &case.id);
        assert_close(&result.potential, &case.scf.v, 1e-8, &case.id);
        assert_close(&result.density, &case.scf.rho, 1e-8, &case.id);
    }
}

/// Eight equivalent leaves have a seven-fold level that five filled states cut
/// through: the density must not tell the leaves apart.
#[test]
fn equivalent_atoms_keep_equal_potentials() {
    let operators = operators(&star(8, 8), EdgeWeights::Unweighted);
    let result = run(&operators);
    assert_eq!(result.status, ScfStatus::Converged);
    let leaves = &result.potential[1..];
    assert_close(leaves, &[leaves[0]; 8], 1e-12, "leaves");
    assert!((result.density.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    assert!((result.potential[0] - result.static_potential[0]).abs() > 1e-3);
}

#[test]
fn the_basis_inside_a_shell_does_not_matter() {
    let graphs = [star(8, 8), star(7, 5), star(16, 12)];
    for graph in &graphs {
        let operators = operators(graph, EdgeWeights::BondOrderDeltaChi);
        let potential = operators.potential().unwrap();
        let turned =
            solve(operators.scf_base(), potential, ScfSettings::default(), shells_in_another_basis)
                .unwrap();
        let straight = run(&operators);
        assert_eq!(turned.trace.len(), straight.trace.len());
        assert_close(&turned.potential, &straight.potential, 1e-11, "turned basis");
    }
}

#[test]
fn a_potential_that_need_not_move_is_trivial() {
    let pair = operators(&graph(&[6, 6], &[(0, 1, 2)]), EdgeWeights::Unweighted);
    let result = run(&pair);
    assert_eq!(result.trace.last().unwrap().stop, StopReason::TrivialFixedPoint);
    assert_eq!((result.status, result.trace.len()), (ScfStatus::Converged, 1));
    assert!(!ScfAuditRow::of(&result).unwrap().nontrivial());
}

#[test]
fn potential_modes_have_their_published_names() {
    for name in ["static", "self_consistent", "both"] {
        let mode: PotentialMode = name.replace('_', "-").parse().unwrap();
        assert_eq!(mode.to_string(), name);
        assert_eq!(serde_json::to_string(&mode).unwrap(), format!("{name:?}"));
        assert_eq!(mode.is_self_consistent(), name != "static");
    }
    assert!("dynamic".parse::<PotentialMode>().is_err());
}

#[test]
fn bad_settings_and_shapes_are_named() {
    let one = operators(&star(8, 3), EdgeWeights::Unweighted);
    let start = |settings| ScfState::new(one.scf_base(), one.potential().unwrap(), settings);
    let default = ScfSettings::default();
    let wrong = [
        (ScfSettings { max_iter: 0, ..default }, "max_iter"),
        (ScfSettings { tol: f64::NAN, ..default }, "tol"),
        (ScfSettings { damping: 1.5, ..default }, "damping"),
        (ScfSettings { occ_k: 0, ..default }, "occ_k"),
        (ScfSettings { tau: -1.0, ..default }, "tau"),
        (ScfSettings { gamma: f64::INFINITY, ..default }, "gamma"),
    ];
    for (settings, setting) in wrong {
        match start(settings) {
            Err(ScfError::Setting { name, .. }) => assert_eq!(name, setting),
            other => panic!("{setting}: {other:?}"),
        }
    }
    let short = ScfState::new(one.scf_base(), &[0.0], default);
    assert!(matches!(short, Err(ScfError::Shape { atoms: 4, potential: 1 })));
    let none = operators(&graph(&[], &[]), EdgeWeights::Unweighted);
    assert!(ScfState::new(none.scf_base(), &[], default).is_err());
}

#[test]
fn a_broken_spectrum_ends_as_a_numerical_error() {
    let operators = operators(&star(8, 3), EdgeWeights::Unweighted);
    let potential = operators.potential().unwrap();
    for values in [vec![f64::NAN; 4], vec![0.0; 3]] {
        let result =
            solve::<ScfError>(operators.scf_base(), potential, ScfSettings::default(), |_| {
                Ok(ShellProjectors::from_eigenvectors(values.clone(), |_, _| 0.5))
            })
            .unwrap();
        assert_eq!(result.status, ScfStatus::ErrorNumerical);
        assert_eq!(result.trace.len(), 1);
        assert_eq!(ScfAuditRow::of(&result), None);
    }
}

fn row(status: ScfStatus, scf_iters: u32, delta_v: f64) -> ScfAuditRow {
    ScfAuditRow {
        status,
        scf_iters,
        residual_init: 0.02,
        residual_final: 9.5e-7,
        residual_max: 0.02,
        delta_v_max: delta_v,
        delta_v_p95: delta_v,
    }
}

#[test]
fn verdicts_follow_the_contract() {
    let good = row(ScfStatus::Converged, 15, 0.04);
    let open = row(ScfStatus::MaxIter, 50, 0.04);
    let still = row(ScfStatus::Converged, 1, 0.0);
    let audit = |rows: &[(&str, ScfAuditRow, u32)]| {
        let mut audit = ScfAudit::default();
        for &(id, row, times) in rows {
            (0..times).for_each(|_| audit.add(id, &row));
        }
        audit.verdict()
    };
    use ScfVerdict as V;
    use ScfVerdictReason as R;
    let cases = [
        (audit(&[]), (V::InconclusiveInsufficientAsym, R::NoRows)),
        (audit(&[("asym_1", good, 94), ("x", open, 6)]), (V::Nonconverged, R::ConvergedRate)),
        (audit(&[("asym_1", still, 20)]), (V::TrivialFixedPoint, R::IterationsOrDeltaV)),
        (
            audit(&[("mol_1", good, 90), ("asym_1", good, 9)]),
            (V::InconclusiveInsufficientAsym, R::AsymmetricRows(9)),
        ),
        (
            audit(&[("asym_1", good, 10), ("mol_1", still, 11)]),
            (V::TrivialFixedPoint, R::NontrivialRate),
        ),
        (
            audit(&[("asym_1", good, 10), ("mol_1", still, 10)]),
            (V::Success, R::NontrivialAndConverged),
        ),
    ];
    for (got, want) in cases {
        assert_eq!(got, want);
    }
    assert_eq!(R::AsymmetricRows(9).to_string(), "insufficient_asym_fixture_rows:9");
    let verdict = serde_json::to_string(&V::InconclusiveInsufficientAsym).unwrap();
    assert_eq!(verdict, "\"INCONCLUSIVE_INSUFFICIENT_ASYM\"");

    let mut run = ScfAudit::default();
    assert_eq!(run.status(0, 0), ScfRunStatus::ErrorNumerical);
    run.add("a", &good);
    assert_eq!(run.status(0, 0), ScfRunStatus::Converged);
    assert_eq!(run.status(1, 1), ScfRunStatus::ErrorMissingParams);
    assert_eq!(run.status(0, 1), ScfRunStatus::ErrorNumerical);
    run.add("b", &open);
    assert_eq!(run.status(0, 0), ScfRunStatus::MaxIter);
}

#[test]
fn the_audit_does_not_depend_on_the_partition() {
    let rows: Vec<(String, ScfAuditRow)> = (0_u32..300)
        .map(|k| {
            let value = f64::from(k * 7919 % 1000) / 1e5;
            let status = if k % 40 == 0 { ScfStatus::MaxIter } else { ScfStatus::Converged };
            let id = if k % 9 == 0 { format!("asym_{k}") } else { format!("mol_{k}") };
            (id, ScfAuditRow { residual_init: value, ..row(status, 1 + k % 31, value) })
        })
        .collect();
    let count = |rows: &[(String, ScfAuditRow)]| {
        let mut audit = ScfAudit::default();
        rows.iter().for_each(|(id, row)| audit.add(id, row));
        audit
    };
    let whole = count(&rows);
    let (a, b, c) = (count(&rows[..17]), count(&rows[17..200]), count(&rows[200..]));
    let mut right = b.clone();
    right.merge(&c);
    let mut merged = a;
    merged.merge(&right);
    assert_eq!(merged, whole);

    let text = serde_json::to_string(&whole).unwrap();
    assert_eq!(serde_json::from_str::<ScfAudit>(&text).unwrap(), whole);

    let stats = whole.all.stats().unwrap();
    let mut iterations: Vec<u32> = rows.iter().map(|(_, row)| row.scf_iters).collect();
    iterations.sort_unstable();
    assert_eq!(stats.iters_p95, iterations[284]);
    assert_eq!(stats.iters_median, f64::from(iterations[149] + iterations[150]) / 2.0);
    assert_eq!((stats.rows, stats.iters_max), (300, 31));
    assert_eq!(ScfAudit::default().all.stats(), None);
}
