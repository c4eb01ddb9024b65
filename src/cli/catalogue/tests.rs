//! What jobs may ask for, against the program's own parser.

use serde_json::{Value, json};

use super::*;

fn spec(value: Value) -> JobSpec {
    serde_json::from_value(value).unwrap()
}

fn dataset(role: &str) -> Value {
    json!({"role": role, "source": {"dataset": "dataset_1"}})
}

fn problem(value: Value) -> (String, String) {
    let refused = check(&spec(value)).unwrap_err();
    (refused.field, refused.problem)
}

#[test]
fn every_kind_has_its_commands_help_and_options() {
    for kind in catalogue().kinds {
        assert!(!kind.about.is_empty(), "{kind:?}");
        assert_eq!(kind.options.len(), options(kind.kind).len(), "{:?}", kind.kind);
        assert_eq!(kind.inputs.len(), inputs(kind.kind).len());
        for option in &kind.options {
            assert!(!option.help.is_empty(), "{option:?}");
        }
        for input in &kind.inputs {
            assert!(!input.help.is_empty(), "{input:?}");
        }
        // A file is an input, and where and how fast is the worker's.
        for name in ["out", "files-from", "threads", "backend", "resume", "scores", "pack"] {
            assert!(!options(kind.kind).contains(&name), "{name}");
        }
    }
    let run = describe(JobKind::Run);
    let find = |name: &str| run.options.iter().find(|option| option.name == name).unwrap();
    assert_eq!(find("decoys").default.as_deref(), Some("20"));
    assert!(matches!(find("strip-salts").value, ValueDescription::Flag));
    let ValueDescription::Choice { values } = &find("physics").value else { panic!() };
    assert!(values.iter().any(|choice| choice.value == "both"));
}

#[test]
fn what_the_program_takes_is_accepted() {
    for good in [
        json!({"kind": "run"}),
        json!({"kind": "run", "inputs": [dataset("library"), dataset("library")],
            "options": {"decoys": 10, "seed": -3, "strip-salts": true, "potential-scale": 0.5,
                "hard-decoys": "0.65..0.95", "allow-disconnected": false}}),
        json!({"kind": "run", "inputs": [dataset("library"), dataset("scores"),
            dataset("truth")], "options": {"active-if": "<100", "budget": 5}}),
        json!({"kind": "audit", "inputs": [dataset("pack"), dataset("scores")]}),
        json!({"kind": "cost-lift", "inputs": [dataset("pack"), dataset("truth")],
            "options": {"budget": 10}}),
        json!({"kind": "rerun", "inputs": [dataset("pack"), dataset("library")]}),
        json!({"kind": "suite", "options": {"suite": "ring", "rows": 50}}),
    ] {
        assert_eq!(check(&spec(good.clone())), Ok(()), "{good}");
    }
}

#[test]
fn what_the_program_refuses_is_refused_by_name() {
    let (field, problem_of) = problem(json!({"kind": "run", "options": {"decoys": "many"}}));
    assert_eq!(field, "options.decoys");
    assert!(problem_of.contains("many"), "{problem_of}");
    let refused = |value: Value| problem(value).0;
    assert_eq!(refused(json!({"kind": "run", "options": {"decoys": 20_000}})), "options");
    assert_eq!(refused(json!({"kind": "run", "options": {"out": "/etc"}})), "options.out");
    assert_eq!(refused(json!({"kind": "run", "options": {"scores": "x"}})), "options.scores");
    assert_eq!(refused(json!({"kind": "run", "options": {"decoys": true}})), "options.decoys");
    assert_eq!(
        refused(json!({"kind": "run", "options": {"strip-salts": 1}})),
        "options.strip-salts"
    );
    assert_eq!(refused(json!({"kind": "audit"})), "inputs");
    assert_eq!(refused(json!({"kind": "suite", "inputs": [dataset("library")]})), "inputs");
    let two = json!({"kind": "run", "inputs": [dataset("scores"), dataset("scores")]});
    assert_eq!(refused(two), "inputs");
    // A value that begins like an option is none.
    let (_, said) = problem(json!({"kind": "suite", "options": {"suite": "--out=/etc"}}));
    assert!(said.contains("--out=/etc") && said.contains("invalid value"), "{said}");
    let (_, said) = problem(json!({"kind": "run", "options": {"demo": "none", "budget": 1}}));
    assert!(!said.contains("Usage"), "{said}");
}

#[test]
fn a_command_line_gives_the_options_of_a_job() {
    let words = |text: &str| -> Vec<String> { text.split(' ').map(str::to_owned).collect() };
    let found = options_of(
        JobKind::Run,
        &[InputRole::Library],
        &words("--decoys 10 --strip-salts --hard-decoys=0.6..0.9"),
    );
    let found = found.unwrap();
    assert_eq!(found["decoys"], OptionValue::Text("10".into()));
    assert_eq!(found["strip-salts"], OptionValue::Flag(true));
    assert_eq!(found.len(), 3);
    let suite = options_of(JobKind::Suite, &[], &words("ring --rows 20")).unwrap();
    assert_eq!(suite["suite"], OptionValue::Text("ring".into()));
    assert!(options_of(JobKind::Run, &[], &words("--threads 3")).is_err());
    assert!(options_of(JobKind::Run, &[], &words("--decoys many")).is_err());
}
