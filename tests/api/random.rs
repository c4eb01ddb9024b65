//! The generator against numbers drawn by CPython's `random.Random`.

use hetero2::random::PythonRandom;
use serde_json::Value;

fn cases() -> Vec<Value> {
    serde_json::from_str(include_str!("../../fixtures/rng_mt19937.json")).unwrap()
}

fn numbers(value: &Value) -> Vec<u64> {
    value.as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).collect()
}

#[test]
fn words_and_floats_are_cpythons() {
    for case in cases() {
        let seed = case["seed"].as_i64().unwrap();
        let mut rng = PythonRandom::new(seed);
        for word in numbers(&case["u32"]) {
            assert_eq!(u64::from(rng.bits(32)), word, "seed {seed}");
        }
        let mut rng = PythonRandom::new(seed);
        for float in case["random"].as_array().unwrap() {
            assert_eq!(rng.random(), float.as_f64().unwrap(), "seed {seed}");
        }
    }
}

#[test]
fn choices_are_cpythons() {
    for case in cases() {
        let seed = case["seed"].as_i64().unwrap();
        for bound in [7usize, 100] {
            let items: Vec<u64> = (0..bound as u64).collect();
            let mut rng = PythonRandom::new(seed);
            for item in numbers(&case[format!("choice_{bound}")]) {
                assert_eq!(*rng.choice(&items), item, "seed {seed}, {bound} items");
            }
        }
    }
}

#[test]
fn shuffles_are_cpythons() {
    for case in cases() {
        let seed = case["seed"].as_i64().unwrap();
        for length in [8u64, 13] {
            let mut items: Vec<u64> = (0..length).collect();
            PythonRandom::new(seed).shuffle(&mut items);
            assert_eq!(items, numbers(&case[format!("shuffle_{length}")]), "seed {seed}");
        }
    }
}

#[test]
fn seeds_differ_by_magnitude_only() {
    assert_eq!(PythonRandom::new(-5).bits(32), PythonRandom::new(5).bits(32));
    let long = PythonRandom::new(i64::MIN).random();
    assert_ne!(long, PythonRandom::new(0).random());
}

#[test]
fn samples_are_cpythons() {
    for case in cases() {
        let seed = case["seed"].as_i64().unwrap();
        for (population, count) in [(10, 3), (10, 10), (100, 5), (200, 200), (1_000, 20)] {
            let have = PythonRandom::new(seed).sample_indices(population, count);
            let want = numbers(&case[format!("sample_{population}_{count}")]);
            assert!(
                have.iter().map(|&i| i as u64).eq(want),
                "seed {seed}: {count} of {population}"
            );
        }
    }
}
