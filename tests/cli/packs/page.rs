//! The reports of a pack with outcomes and training molecules, as a reader sees
//! them: of the demo.

use std::fs;

use crate::support::{hetero2_with, scratch};

/// The words of a page, a line for each block; drawings are left out.
fn words(page: &str) -> String {
    let body = page.split_once("<body>").map_or("", |(_, body)| body);
    let mut text = String::new();
    let mut rest = body;
    while let Some((before, after)) = rest.split_once('<') {
        text.push_str(before);
        if after.starts_with("svg") {
            text.push_str("[drawing]");
            rest = after.split_once("</svg>").map_or("", |(_, rest)| rest);
            continue;
        }
        let (tag, later) = after.split_once('>').unwrap_or((after, ""));
        let name = tag.trim_start_matches('/').split(' ').next().unwrap_or_default();
        match name {
            "td" | "th" => text.push_str(if tag.starts_with('/') { " | " } else { "" }),
            "b" | "code" | "span" => {}
            _ => text.push('\n'),
        }
        rest = later;
    }
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.fold(String::new(), |text, line| text + line + "\n")
}

/// What depends on the build is replaced.
fn stable(text: &str) -> String {
    let digest = |word: &str| word.len() == 64 && word.bytes().all(|b| b.is_ascii_hexdigit());
    let shown =
        |word: &str| if digest(word.trim_matches('`')) { "[digest]" } else { word }.to_owned();
    let lines = text.lines().map(|line| line.split(' ').map(shown).collect::<Vec<_>>().join(" "));
    lines.fold(String::new(), |text, line| text + &line + "\n")
}

/// The page and the text of a demo.
fn reports(model: &str) -> (String, String) {
    let scratch = scratch();
    let out = scratch.path().join("run");
    hetero2_with(&["run", "--demo", model, "--out", out.to_str().unwrap()]).expect_code(0);
    let read = |name| fs::read_to_string(out.join("pack").join(name)).unwrap();
    (stable(&words(&read("index.html"))), stable(&read("index.md")))
}

fn in_order(shown: &str, texts: &[&str]) {
    let place = |text: &&str| shown.find(text).unwrap_or_else(|| panic!("{text}: {shown}"));
    assert!(texts.iter().map(place).is_sorted(), "{shown}");
}

#[test]
fn the_page_of_a_supported_model() {
    let (page, text) = reports("honest");
    let order = [
        "honest on factor_xa.smi",
        "SUPPORTED",
        "The model beside controls",
        "Known outcomes",
        "What a budget of 20 buys",
        "Choosing among PASS",
    ];
    in_order(&page, &order);
    in_order(&text, &order);
    assert!(page.contains("ROC curves of the model"));
    insta::assert_snapshot!("page_of_an_honest_model", page);
}

#[test]
fn what_the_model_has_seen_comes_before_all_figures() {
    let (page, text) = reports("leaky");
    let order = [
        "leaky on factor_xa.smi",
        "INCONCLUSIVE",
        "What the model has seen",
        "The model beside controls",
        "Known outcomes",
    ];
    in_order(&page, &order);
    in_order(&text, &order);
    insta::assert_snapshot!("index_md_of_a_leaky_model", text);
}
