//! Every statement of the server, which a test prepares on both databases. It
//! must not know what they mean.

use crate::store::Statement;
use crate::{
    api, auth, backup, dataset, directory, job, object, quota, run, store, telemetry, tenancy,
    trail, upload,
};

/// The lists of all modules that have statements.
const LISTS: &[&[Statement]] = &[
    api::once::ALL,
    auth::ALL,
    auth::credential::ALL,
    auth::login::ALL,
    auth::oidc::ACCOUNT_STATEMENTS,
    auth::oidc::FLOW_STATEMENTS,
    auth::session::ALL,
    auth::token::ALL,
    backup::RESTORE_STATEMENTS,
    backup::WRITE_STATEMENTS,
    dataset::STATEMENTS,
    dataset::link::STATEMENTS,
    directory::group::ALL,
    directory::member::ALL,
    directory::org::ALL,
    directory::project::ALL,
    directory::project_member::ALL,
    job::artifact::ALL,
    job::claim::ALL,
    job::end::ALL,
    job::lease::ALL,
    job::pool::ALL,
    job::record::ALL,
    job::submit::ALL,
    object::KEY_STATEMENTS,
    object::SWEEP_STATEMENTS,
    object::VERIFY_STATEMENTS,
    quota::STATEMENTS,
    quota::plan::STATEMENTS,
    quota::statement::STATEMENTS,
    quota::usage::STATEMENTS,
    run::ALL,
    store::migrate::ALL,
    telemetry::snapshot::STATEMENTS,
    tenancy::STATEMENTS,
    trail::ALL,
    trail::list::ALL,
    upload::STATEMENTS,
];

/// Every statement that the server runs on either database.
pub fn all() -> impl Iterator<Item = Statement> {
    LISTS.iter().copied().flatten().copied()
}

#[cfg(test)]
mod tests {
    /// A list that is not named above is prepared by no test.
    #[test]
    fn every_module_with_statements_is_listed() {
        let mut directories = vec![std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR"))];
        let mut count = 0;
        while let Some(directory) = directories.pop() {
            for entry in std::fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    directories.push(path);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    let text = std::fs::read_to_string(&path).unwrap();
                    count += text.lines().filter(|line| *line == "statements! {").count();
                }
            }
        }
        assert_eq!(count, super::LISTS.len());
    }
}
