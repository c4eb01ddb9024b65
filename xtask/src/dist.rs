//! `cargo xtask dist`: the wheel, the tarball, the SBOM and their checksums, from
//! one build. Knows which programs make them, not what is inside.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::sbom::sbom;
use crate::tools::{Outcome, cargo, copy, output, read, run, target, tool};

/// Shells that there are completions for.
const SHELLS: [(&str, &str); 5] = [
    ("bash", "hetero2.bash"),
    ("zsh", "_hetero2"),
    ("fish", "hetero2.fish"),
    ("powershell", "_hetero2.ps1"),
    ("elvish", "hetero2.elv"),
];

/// Oldest C library that a wheel for Linux works with.
const GLIBC: &str = "2.28";

/// What is packed beside the program.
const TEXTS: [&str; 5] = ["README.md", "CHANGELOG.md", "LICENSE-APACHE", "LICENSE-MIT", "NOTICE"];

/// How things are built.
struct Options {
    profile: String,
    /// Linked against the C library that is here.
    native: bool,
}

impl Options {
    fn read(words: &[&str]) -> Result<Self, String> {
        match words {
            [] => Ok(Self { profile: "dist".into(), native: false }),
            ["--native", rest @ ..] => Ok(Self { native: true, ..Self::read(rest)? }),
            ["--profile", name, rest @ ..] => {
                Ok(Self { profile: (*name).to_owned(), ..Self::read(rest)? })
            }
            [other, ..] => Err(format!("{other} is neither --native nor --profile NAME")),
        }
    }

    /// Whether zig links, against an old C library.
    fn zig(&self) -> bool {
        !self.native && env::consts::OS == "linux"
    }
}

/// Makes everything in `target/dist-out`.
pub fn dist(words: &[&str]) -> Outcome {
    let options = Options::read(words)?;
    let host = host()?;
    let version = version()?;
    let out = fresh("dist-out")?;
    let program = program(&options, &host)?;
    let name = format!("hetero2-{version}-{host}");
    tarball(&program, &name, &out)?;
    write(&out.join("hetero2.cdx.json"), &sbom(&version)?)?;
    wheel(&options, &program, &out)?;
    checksums(&out)?;
    println!("\n== {}", out.display());
    Ok(())
}

/// The platform that the compiler builds for.
fn host() -> Result<String, String> {
    let said = output(Command::new("rustc").arg("-vV"))?;
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| "rustc names no host".to_owned())
}

fn version() -> Result<String, String> {
    let manifest = read("Cargo.toml")?;
    let version = manifest.lines().find_map(|line| line.strip_prefix("version = "));
    version.map(|text| text.trim_matches('"').to_owned()).ok_or("no version".to_owned())
}

/// Builds the program; where it lies.
fn program(options: &Options, host: &str) -> Result<PathBuf, String> {
    let audited = output(cargo().args(["auditable", "--version"])).is_ok();
    if !audited {
        println!("cargo-auditable is not installed: the program will not list its dependencies");
    }
    let mut build = cargo();
    if audited {
        build.arg("auditable");
    }
    // Both at once: their crates are compiled once.
    build.arg(if options.zig() { "zigbuild" } else { "build" });
    build.args(["--locked", "--package", "hetero2", "--package", "hetero2-python"]);
    build.args(["--profile", &options.profile]);
    let folder = match options.zig() {
        true => {
            tool("cargo-zigbuild")?;
            build.args(["--target", &format!("{host}.{GLIBC}")]);
            target().join(host)
        }
        false => target(),
    };
    run(&mut build)?;
    let program = folder.join(&options.profile);
    Ok(program.join(format!("hetero2{}", env::consts::EXE_SUFFIX)))
}

/// The program with its completions and manual pages, in an archive whose bytes
/// depend on them alone.
fn tarball(program: &Path, name: &str, out: &Path) -> Outcome {
    let folder = fresh("dist-tar")?;
    let root = folder.join(name);
    let place = |path: &str| {
        let place = root.join(path);
        fs::create_dir_all(&place).map_err(|error| format!("{}: {error}", place.display()))?;
        Ok::<_, String>(place)
    };
    stripped(program, &place("bin")?.join(format!("hetero2{}", env::consts::EXE_SUFFIX)))?;
    let completions = place("share/completions")?;
    for (shell, file) in SHELLS {
        let script = output(Command::new(program).args(["completions", shell]))?;
        write(&completions.join(file), &script)?;
    }
    let pages = place("share/man/man1")?;
    write(&pages.join("hetero2.1"), &output(Command::new(program).arg("man"))?)?;
    for command in commands(program)? {
        let page = output(Command::new(program).args(["man", &command]))?;
        write(&pages.join(format!("hetero2-{command}.1")), &page)?;
    }
    for text in TEXTS {
        copy(Path::new(text), &root.join(text))?;
    }
    let archive = out.join(format!("{name}.tar.gz"));
    let mut tar = Command::new("tar");
    if env::consts::OS == "linux" {
        tar.args(["--sort=name", "--owner=0", "--group=0", "--numeric-owner"]);
        tar.args(["--mtime=2000-01-01 00:00:00Z", "--format=ustar"]);
    }
    run(tar.env("GZIP", "-9n").arg("-czf").arg(archive).arg("-C").arg(&folder).arg(name))
}

/// Subcommands that the program's help lists.
fn commands(program: &Path) -> Result<Vec<String>, String> {
    let help = output(Command::new(program).arg("--help"))?;
    let lines = help.lines().skip_while(|line| !line.starts_with("Commands:")).skip(1);
    let words = lines.take_while(|line| line.starts_with("  ")).filter_map(|line| {
        let word = line.strip_prefix("  ")?.split(' ').next()?;
        (!word.is_empty() && word != "help").then(|| word.to_owned())
    });
    Ok(words.collect())
}

/// The wheel: the module, and the program as a script of it.
fn wheel(options: &Options, program: &Path, out: &Path) -> Outcome {
    let data = fresh("dist-wheel")?.join("hetero2.data");
    let scripts = data.join("scripts");
    fs::create_dir_all(&scripts).map_err(|error| format!("{}: {error}", scripts.display()))?;
    stripped(program, &scripts.join(format!("hetero2{}", env::consts::EXE_SUFFIX)))?;
    let mut texts = Vec::new();
    for text in ["LICENSE-APACHE", "LICENSE-MIT", "NOTICE"] {
        let copied = Path::new("src/python").join(text);
        copy(Path::new(text), &copied)?;
        texts.push(copied);
    }
    let mut maturin = Command::new(tool("maturin")?);
    maturin.args(["build", "--locked", "--manifest-path", "src/python/Cargo.toml"]);
    maturin.args(["--profile", &options.profile, "--out"]).arg(out);
    if options.zig() {
        maturin.args(["--zig", "--compatibility", "manylinux_2_28"]);
    }
    let made = run(&mut maturin);
    for text in texts {
        let _ = fs::remove_file(text);
    }
    made
}

/// A copy of a program without its symbols, where `strip` is there.
fn stripped(program: &Path, to: &Path) -> Outcome {
    copy(program, to)?;
    if env::consts::OS == "linux" && output(Command::new("strip").arg("--version")).is_ok() {
        run(Command::new("strip").arg(to))?;
    }
    Ok(())
}

/// `SHA256SUMS` of all that lies in `out`.
fn checksums(out: &Path) -> Outcome {
    let entries = fs::read_dir(out).map_err(|error| format!("{}: {error}", out.display()))?;
    let mut names: Vec<String> = entries
        .filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()))
        .collect();
    names.sort();
    let (sum, words): (&str, &[&str]) = match env::consts::OS {
        "macos" => ("shasum", &["-a", "256"]),
        _ => ("sha256sum", &[]),
    };
    let sums = output(Command::new(sum).args(words).args(&names).current_dir(out))?;
    write(&out.join("SHA256SUMS"), &sums)
}

/// A fresh folder below `target/`.
fn fresh(name: &str) -> Result<PathBuf, String> {
    let path = target().join(name);
    if path.exists() {
        fs::remove_dir_all(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    fs::create_dir_all(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(path)
}

fn write(path: &Path, text: &str) -> Outcome {
    fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}
