//! The pages: what they need of the API alone, what they forbid the browser, and a
//! person who works with them in a real one.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::login::{PASSWORD, cookie, person};
use crate::rig::house::House;
use crate::rig::server::hetero2;
use crate::rig::{skip, worker};

const LIBRARY: &str = "CCO ethanol\nc1ccccc1O phenol\nCC(=O)Oc1ccccc1C(=O)O aspirin\n\
    Cn1cnc2c1c(=O)n(C)c(=O)n2C caffeine\nCC(C)Cc1ccc(cc1)C(C)C(=O)O ibuprofen\n";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The files of the pages with an ending.
fn files(folder: &str, ending: &str) -> Vec<(PathBuf, String)> {
    let entries = std::fs::read_dir(root().join("src/service/ui").join(folder)).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let paths = paths.filter(|path| path.extension().is_some_and(|found| found == ending));
    let read = |path: PathBuf| (path.clone(), std::fs::read_to_string(path).unwrap());
    let read: Vec<_> = paths.map(read).collect();
    assert!(!read.is_empty(), "{folder}/*.{ending}");
    read
}

#[test]
fn pages_use_nothing_of_the_server_but_its_api() {
    for (path, text) in files(".", "rs") {
        assert!(!text.contains("crate::"), "{}", path.display());
        assert!(!text.contains("hetero2_"), "{}", path.display());
    }
}

#[test]
fn templates_have_no_inline_script_or_style() {
    for (path, text) in files("templates", "html") {
        let path = path.display();
        assert!(!text.contains(" style=") && !text.contains("<style"), "{path}");
        for script in text.match_indices("<script") {
            assert!(text[script.0..].starts_with("<script src=\"/assets/"), "{path}");
        }
        for handler in [" onclick", " onload", " onsubmit", " hx-on", "javascript:", "|safe"] {
            assert!(!text.contains(handler), "{path}: {handler}");
        }
    }
}

#[test]
fn pages_ask_for_a_login_and_forbid_what_they_do_not_need() {
    let house = House::sqlite(&[]);
    let stranger = house.server.stranger();
    let login = stranger.get("/login").expect(200);
    let policy = login.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    for allowed in ["unsafe", "*", "http:", "data:"] {
        assert!(!policy.contains(allowed), "{policy}");
    }
    for name in ["style.css", "app.js", "htmx.min.js", "icon.svg", "htmx.LICENSE"] {
        stranger.get(format!("/assets/{name}")).expect(200);
    }
    stranger.get("/assets/none").expect(404);

    person(&house, "ada");
    let ada = house.seat(&cookie(&house.login("ada", PASSWORD, None).expect(200)));
    ada.get("/projects").expect(200);
    ada.get("/account").expect(200);
    ada.get("/projects/prj_nothing/jobs").expect(404);
    // Another site's page can send a form, but it is refused.
    let secret = cookie(&house.login("ada", PASSWORD, None).expect(200));
    let ask = stranger.ask("POST", "/projects");
    let ask = ask.header("cookie", &format!("hetero2_session={secret}"));
    let answer = ask.header("sec-fetch-site", "cross-site").send();
    assert!(matches!(answer.status, 403 | 422), "{}", answer.status);
    let mine = ada.get(house.at("projects")).expect(200).value();
    assert_eq!(mine["items"].as_array().map(Vec::len), Some(0), "{mine}");
}

/// The folder of what drives the browser, and the browser.
fn browser() -> Result<(PathBuf, PathBuf), String> {
    let modules = match std::env::var_os("HETERO2_BROWSER_MODULES") {
        Some(folder) => PathBuf::from(folder),
        None => root().join("target/ci/browser"),
    };
    if !modules.join("node_modules/playwright-core").exists() {
        return Err(format!("{} has no playwright-core", modules.display()));
    }
    let names = ["/usr/bin/chromium", "/usr/bin/chromium-browser"];
    let chromium = names.map(PathBuf::from).into_iter().find(|path| path.exists());
    Ok((modules, chromium.ok_or("there is no Chromium")?))
}

#[test]
fn a_person_works_with_the_pages_by_keyboard() {
    let (modules, chromium) = match browser() {
        Ok(found) => found,
        Err(why) => return skip("browser", &why),
    };
    let house = House::sqlite(&["--requests-per-second", "1000"]);
    person(&house, "ada");
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("work");
    let token = worker::token(&house.server.data());
    let options = ["--slots", "1", "--threads", "1"];
    let _worker = worker::start(&house.server.url, &token, &directory, &options);
    let library = folder.path().join("library.smi");
    std::fs::write(&library, LIBRARY).unwrap();
    let many: String = (0..40_000).map(|n| format!("C{}O m{n}\n", "C".repeat(n % 40))).collect();
    let path = folder.path().join("many.smi");
    std::fs::write(&path, many).unwrap();

    let output = Command::new("node")
        .arg(root().join("tests/service/browser/pages.mjs"))
        .env("SERVER", &house.server.url)
        .env("ORG", house.slug)
        .env("LOGIN", "ada")
        .env("PASSWORD", PASSWORD)
        .env("LIBRARY", &library)
        .env("MANY", &path)
        .env("OUT", folder.path())
        .env("CHROMIUM", chromium)
        .env("BROWSER_MODULES", modules)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(said["heading"].as_str().map(str::is_empty), Some(false), "{said}");

    // What the person has is what the page said.
    let pack = folder.path().join("pack.zip");
    let verified = hetero2().arg("verify").arg(&pack).arg("--json").output().unwrap();
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
    let verified: Value = serde_json::from_slice(&verified.stdout).unwrap();
    assert_eq!(verified["content_digest"], said["digest"]);
}
