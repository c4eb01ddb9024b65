//! `admin plan` and `admin quota`: what organisations may use, and at which
//! price.

use hetero2::service::quota::plan::{self, Plan, PlanError};
use hetero2::service::quota::{Limits, UNLIMITED};
use hetero2::service::store::Store;
use serde_json::json;

use super::admin_user::{OrgArguments, find_org};
use super::arguments::GlobalArguments;
use super::failure::Failure;
use super::output::{print_json, print_text};

/// What is done to plans.
#[derive(Debug, clap::Subcommand)]
pub enum PlanCommand {
    /// List the plans: free, team, enterprise, and those that were set
    List,
    /// Make a plan, or change it for the organisations that have it
    ///
    /// What is not given stays as it is; in a new plan nothing is limited, and nothing costs.
    Set {
        /// Its name: 1 to 40 characters of a-z, 0-9 and -
        name: String,
        /// Share of a busy pool that an organisation gets beside others, 1 to 1000
        #[arg(long, value_name = "N")]
        weight: Option<i64>,
        /// Price of a core-hour, at most six decimals
        #[arg(long, value_name = "PRICE", value_parser = price)]
        price: Option<i64>,
        /// Currency of the price (ISO 4217), as in EUR
        #[arg(long, value_name = "CODE")]
        currency: Option<String>,
        #[command(flatten)]
        limits: LimitArguments,
    },
}

/// What is done to quotas.
#[derive(Debug, clap::Subcommand)]
pub enum QuotaCommand {
    /// Give an organisation a plan, and limits of its own in place of the plan's
    ///
    /// Limits that are not given are the plan's, whatever they were before. An organisation without
    /// a plan has no limits.
    Set {
        /// The plan
        #[arg(long, value_name = "NAME")]
        plan: String,
        #[command(flatten)]
        limits: LimitArguments,
        #[command(flatten)]
        org: OrgArguments,
    },
    /// Take an organisation's plan and limits away
    Clear {
        #[command(flatten)]
        org: OrgArguments,
    },
}

/// Limits: a number, or `unlimited`.
#[derive(Debug, clap::Args)]
pub struct LimitArguments {
    /// Jobs that run at once, or unlimited
    #[arg(long, value_name = "N", value_parser = limit)]
    running_jobs: Option<i64>,
    /// Jobs that are queued or held, or unlimited
    #[arg(long, value_name = "N", value_parser = limit)]
    waiting_jobs: Option<i64>,
    /// Seconds of cores in a month (UTC), or unlimited
    #[arg(long, value_name = "SECONDS", value_parser = limit)]
    core_seconds: Option<i64>,
    /// Bytes of uploads, datasets and artifacts, or unlimited
    #[arg(long, value_name = "BYTES", value_parser = limit)]
    stored_bytes: Option<i64>,
}

fn limit(text: &str) -> Result<i64, String> {
    match text {
        "unlimited" => Ok(UNLIMITED),
        _ => text
            .parse()
            .ok()
            .filter(|limit| *limit >= 0)
            .ok_or_else(|| "a whole number, or unlimited".to_owned()),
    }
}

/// Millionths of `text`.
fn price(text: &str) -> Result<i64, String> {
    let wrong = || "a number with at most six decimals, as in 0.05".to_owned();
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let are_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty()
        || whole.len() > 9
        || part.len() > 6
        || !are_digits(whole)
        || !are_digits(part)
    {
        return Err(wrong());
    }
    format!("{whole}{part:0<6}").parse().map_err(|_| wrong())
}

impl LimitArguments {
    /// As they replace a plan's.
    fn own(&self) -> Limits {
        Limits {
            running_jobs: self.running_jobs,
            waiting_jobs: self.waiting_jobs,
            core_seconds: self.core_seconds,
            stored_bytes: self.stored_bytes,
        }
    }

    /// As they change a plan's.
    fn change(&self, limits: &mut Limits) {
        let change = |limit: &mut Option<i64>, given: Option<i64>| {
            if let Some(given) = given {
                *limit = Some(given).filter(|given| *given != UNLIMITED);
            }
        };
        change(&mut limits.running_jobs, self.running_jobs);
        change(&mut limits.waiting_jobs, self.waiting_jobs);
        change(&mut limits.core_seconds, self.core_seconds);
        change(&mut limits.stored_bytes, self.stored_bytes);
    }
}

/// Runs `admin plan`.
pub async fn plan(
    command: &PlanCommand,
    store: &Store,
    global: &GlobalArguments,
) -> Result<(), Failure> {
    let known = plan::list(store).await.map_err(Failure::other)?;
    let PlanCommand::Set { name, weight, price, currency, limits } = command else {
        return show(&known, global);
    };
    let new = || Plan {
        name: name.clone(),
        weight: 1,
        limits: Limits::default(),
        price: 0,
        currency: "EUR".to_owned(),
    };
    let mut plan = known.into_iter().find(|plan| plan.name == *name).unwrap_or_else(new);
    plan.weight = weight.unwrap_or(plan.weight);
    plan.price = price.unwrap_or(plan.price);
    plan.currency = currency.clone().unwrap_or(plan.currency);
    limits.change(&mut plan.limits);
    plan::set(store, &plan).await.map_err(failure)?;
    show(&[plan], global)
}

/// Runs `admin quota`.
pub async fn quota(
    command: &QuotaCommand,
    store: &Store,
    global: &GlobalArguments,
) -> Result<(), Failure> {
    let (org, name, own) = match command {
        QuotaCommand::Set { plan, limits, org } => (org, Some(plan.as_str()), limits.own()),
        QuotaCommand::Clear { org } => (org, None, Limits::default()),
    };
    let org = find_org(store, org).await?;
    plan::assign(store, &org, name, &own).await.map_err(failure)?;
    match global.json {
        true => print_json(&json!({"organisation": org.as_str(), "plan": name})),
        false => {
            print_text(&format!("organisation  {org}\nplan          {}\n", name.unwrap_or("none")))
        }
    }
}

fn show(plans: &[Plan], global: &GlobalArguments) -> Result<(), Failure> {
    if global.json {
        return print_json(&json!({ "plans": plans }));
    }
    let number = |limit: Option<i64>| limit.map_or("-".to_owned(), |limit| limit.to_string());
    let mut text = format!(
        "{:<12} {:>6} {:>8} {:>8} {:>12} {:>16} {:>10}\n",
        "plan", "weight", "running", "waiting", "core-seconds", "bytes", "core-hour"
    );
    for plan in plans {
        let Limits { running_jobs, waiting_jobs, core_seconds, stored_bytes } = plan.limits;
        text += &format!(
            "{:<12} {:>6} {:>8} {:>8} {:>12} {:>16} {:>10} {}\n",
            plan.name,
            plan.weight,
            number(running_jobs),
            number(waiting_jobs),
            number(core_seconds),
            number(stored_bytes),
            hetero2::service::quota::usage::money(plan.price),
            plan.currency
        );
    }
    print_text(&text)
}

fn failure(error: PlanError) -> Failure {
    match error {
        PlanError::Absent(_) => {
            Failure::usage(error).with_cure("hetero2 admin plan list names them")
        }
        PlanError::Unusable(_) => Failure::usage(error),
        error => Failure::other(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_read_to_the_millionth() {
        assert_eq!(price("0.05"), Ok(50_000));
        assert_eq!(price("12"), Ok(12_000_000));
        assert_eq!(price("1.000001"), Ok(1_000_001));
        for wrong in ["", ".5", "-1", "1.0000001", "1e3", "1,5", "1.", "9999999999"] {
            assert_eq!(price(wrong).is_ok(), wrong == "1.", "{wrong}");
        }
    }
}
