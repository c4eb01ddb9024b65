//! Which project and job a request is about, as far as its address says. It must not know whether they exist, nor who asks.

use crate::id::{Id, Kind};

/// What an address names. Only well-formed ids: a log and a trace hold no text
/// of strangers under these names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    /// The project.
    pub project: Option<Id>,
    /// The job.
    pub job: Option<Id>,
}

impl About {
    /// Of a request for `path`, which matched `route`.
    #[must_use]
    pub fn of(route: &str, path: &str) -> Self {
        let mut about = Self::default();
        for (name, value) in route.split('/').zip(path.split('/')) {
            match name {
                "{project}" => about.project = Id::parse(Kind::Project, value),
                "{job}" => about.job = Id::parse(Kind::Job, value),
                _ => {}
            }
        }
        about
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_what_it_is_about() {
        let (org, project) = (Id::fresh(Kind::Org), Id::fresh(Kind::Project));
        let job = Id::fresh(Kind::Job);
        let route = "/v1/orgs/{org}/projects/{project}/jobs/{job}/cancel";
        let path = format!("/v1/orgs/{org}/projects/{project}/jobs/{job}/cancel");
        let about = About::of(route, &path);
        assert_eq!((about.project, about.job), (Some(project), Some(job)));
        let path = "/v1/orgs/o/projects/%0a/jobs/../x";
        assert_eq!(About::of(route, path), About::default());
        assert_eq!(About::of("none", "/x"), About::default());
    }
}
