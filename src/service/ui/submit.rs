//! The form that starts a job. Its inputs and options, and their help, are those
//! that the API lists of each kind.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::client::{Api, Refusal};
use super::form::Form;
use super::view::{Dataset, Input, Kind, KindOption, Listing, OptionValue, Run};
use super::{Frame, Section, page, page_with};

/// Options under one heading of the program's help.
struct Group {
    heading: String,
    options: Vec<KindOption>,
}

/// Something that an input can be.
struct Choice {
    value: String,
    label: String,
}

#[derive(Template)]
#[template(path = "submit.html")]
struct Submit {
    frame: Frame,
    kinds: Vec<String>,
    kind: String,
    about: String,
    inputs: Vec<Input>,
    groups: Vec<Group>,
    datasets: Vec<Choice>,
    runs: Vec<Choice>,
    form: Form,
    refusal: Option<Refusal>,
}

impl Submit {
    fn is_kind(&self, word: &str) -> bool {
        self.kind == word
    }

    /// What can be chosen for `input`: packs come from runs, and all else from
    /// datasets; a pack may be an uploaded one.
    fn choices(&self, input: &Input) -> Vec<&Choice> {
        let runs = if input.role == "pack" { self.runs.as_slice() } else { &[] };
        runs.iter().chain(&self.datasets).collect()
    }

    fn is_chosen(&self, input: &Input, choice: &Choice) -> bool {
        self.form.all(&format!("input.{}", input.role)).any(|value| value == choice.value)
    }

    fn text(&self, name: &str, usual: &str) -> String {
        self.form.given(name).unwrap_or(usual).to_owned()
    }

    fn option(&self, option: &KindOption) -> String {
        self.form.text(&format!("option.{}", option.name)).to_owned()
    }

    fn is_option(&self, option: &KindOption, value: &str) -> bool {
        self.option(option) == value
    }

    fn is_flag(&self, option: &KindOption) -> bool {
        !self.form.text(&format!("flag.{}", option.name)).is_empty()
    }

    fn is_held(&self) -> bool {
        !self.form.text("held").is_empty()
    }
}

/// Which kind the form is of; `run` unless given.
#[derive(Default, Deserialize)]
pub(super) struct Which {
    kind: Option<String>,
}

async fn submit_page(
    api: &Api,
    project: &str,
    kind: &str,
    form: Form,
    refusal: Option<Refusal>,
) -> Result<Submit, Refusal> {
    let frame = Frame::within(api, project, "Start a job", Section::Submit).await?;
    let all: Listing<Kind> = api.get("/v1/kinds").await?;
    let kinds: Vec<String> = all.items.iter().map(|kind| kind.kind.clone()).collect();
    let place = kinds.iter().position(|known| known == kind).unwrap_or_default();
    let chosen = all.items.into_iter().nth(place);
    let (kind, about, inputs, options) = chosen
        .map_or_else(Default::default, |kind| (kind.kind, kind.about, kind.inputs, kind.options));
    let path = format!("{}?limit=200", frame.within_project(&["datasets"]));
    let datasets: Listing<Dataset> = api.get(&path).await?;
    let datasets = datasets.items.into_iter().map(|dataset| Choice {
        label: format!("{} ({}, {})", dataset.name, dataset.size_text(), dataset.created()),
        value: format!("dataset:{}", dataset.id),
    });
    let path = format!("{}?limit=200", frame.within_project(&["runs"]));
    let runs: Listing<Run> = api.get(&path).await?;
    let succeeded = runs.items.into_iter().filter(|run| run.state == "succeeded");
    let runs = succeeded.map(|run| Choice {
        label: format!("run {} ({})", run.name, super::view::when(&run.created_at)),
        value: format!("run:{}", run.id),
    });
    Ok(Submit {
        frame,
        kinds,
        kind,
        about,
        inputs,
        groups: grouped(options),
        datasets: datasets.collect(),
        runs: runs.collect(),
        form,
        refusal,
    })
}

/// Options by heading, both in their order.
fn grouped(options: Vec<KindOption>) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for option in options {
        let heading = option.heading.clone().unwrap_or_else(|| "Options".to_owned());
        match groups.iter_mut().find(|group| group.heading == heading) {
            Some(group) => group.options.push(option),
            None => groups.push(Group { heading, options: vec![option] }),
        }
    }
    groups
}

/// The form.
pub(super) async fn show(
    api: Api,
    Path(project): Path<String>,
    Query(which): Query<Which>,
) -> Result<Response, Refusal> {
    let kind = which.kind.as_deref().unwrap_or("run");
    Ok(page(&submit_page(&api, &project, kind, Form::default(), None).await?))
}

/// Submits what the form says; shows it again with what was wrong.
pub(super) async fn send(
    api: Api,
    Path(project): Path<String>,
    form: Form,
) -> Result<Response, Refusal> {
    let frame = Frame::within(&api, &project, "Start a job", Section::Submit).await?;
    match api.post(&frame.within_project(&["jobs"]), &document(&form)).await {
        Ok(answer) => {
            let id = answer.value["id"].as_str().unwrap_or_default();
            Ok(Redirect::to(&format!("/projects/{}/jobs/{id}", frame.project_id())).into_response())
        }
        Err(refusal) => {
            let refusal = refusal.of_form()?;
            let kind = form.text("kind").to_owned();
            let shown = submit_page(&api, &project, &kind, form, Some(refusal)).await?;
            Ok(page_with(StatusCode::UNPROCESSABLE_ENTITY, &shown))
        }
    }
}

/// A number where the text is one; else the text, which the API then refuses.
fn number(text: &str) -> Value {
    text.trim().parse::<i64>().map_or_else(|_| json!(text), Value::from)
}

/// The API's document of a form.
fn document(form: &Form) -> Value {
    let (mut inputs, mut options) = (Vec::new(), BTreeMap::new());
    for (name, value) in form.fields() {
        if value.trim().is_empty() {
            continue;
        }
        if let Some(role) = name.strip_prefix("input.") {
            let (source, id) = value.split_once(':').unwrap_or(("dataset", value));
            inputs.push(json!({ "role": role, "source": { source: id } }));
        } else if let Some(option) = name.strip_prefix("option.") {
            options.insert(option, json!(value.trim()));
        } else if let Some(option) = name.strip_prefix("flag.") {
            options.insert(option, json!(true));
        }
    }
    let mut limits = Map::new();
    for (field, scale) in
        [("seconds", "minutes"), ("memory_mib", "memory_mib"), ("attempts", "attempts")]
    {
        if let Some(text) = form.given(scale) {
            let value = match (scale, text.parse::<i64>()) {
                ("minutes", Ok(minutes)) => json!(minutes.saturating_mul(60)),
                _ => number(text),
            };
            limits.insert(field.to_owned(), value);
        }
    }
    let spec = json!({
        "kind": form.text("kind"), "inputs": inputs, "options": options, "limits": limits,
    });
    let mut job = Map::new();
    job.insert("spec".to_owned(), spec);
    job.insert("held".to_owned(), json!(!form.text("held").is_empty()));
    if let Some(name) = form.given("name") {
        job.insert("name".to_owned(), json!(name));
    }
    if let Some(pool) = form.given("pool") {
        job.insert("pool".to_owned(), json!(pool));
    }
    if let Some(priority) = form.given("priority") {
        job.insert("priority".to_owned(), number(priority));
    }
    Value::Object(job)
}
