//! A plan that does not hold together is refused, whoever wrote it.

use std::fs;

use hetero2::run::{Plan, RunError};
use serde_json::{Value, json};

use super::world::{Step, World};

#[test]
fn plans_are_checked_when_they_are_read() {
    let world = World::before(Step::Shards);
    let path = world.dir().plan();
    let sound: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    assert_eq!(sound["shards"].as_array().unwrap().len(), 2);
    let wrong: [(&str, Value, &str); 11] = [
        ("/rows", json!(4_101), "shards end at row 4100 of 4101"),
        ("/rows", json!(1_u64 << 41), "more than"),
        ("/shards/1/first_row", json!(0), "overlap"),
        ("/shards/1/first_row", json!(8_192), "gap"),
        ("/shards/1/rows", json!(u64::MAX), "of 4100"),
        ("/shards/1/rows", json!(0), "of 4100"),
        ("/shards/1/index", json!(0), "stands at place 1"),
        ("/shards/0", json!({"index": 0, "first_row": 1, "rows": 4_099}), "gap or overlap"),
        ("/packed/0/file/name", json!("../../letter.txt"), "is called"),
        ("/packed/0/first_row", json!(4_096), "packed files have a gap"),
        ("/config/decoys", json!(4_000_000), "decoys"),
    ];
    for (field, value, why) in wrong {
        let mut plan = sound.clone();
        *plan.pointer_mut(field).unwrap() = value;
        fs::write(&path, plan.to_string()).unwrap();
        match Plan::load(&world.dir()) {
            Err(RunError::NotAPlan { why: found, .. }) => {
                assert!(found.contains(why), "{field}: {found}");
            }
            other => panic!("{field}: {other:?}"),
        }
        assert!(world.take(Step::Shards).is_err());
        assert!(world.take(Step::Run).is_err());
        world.expect_letters(2);
    }
    fs::write(&path, sound.to_string()).unwrap();
    world.take(Step::Shards).unwrap();
}
