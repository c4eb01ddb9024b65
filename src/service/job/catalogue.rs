//! Which inputs and options each kind of job takes: the program tells the
//! server, since options are those of its commands. It must not know the
//! command line's parser.

use serde::Serialize;
use utoipa::ToSchema;

use super::{InputRole, JobKind, JobSpec};

/// An input that a kind takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct InputDescription {
    /// What it is for.
    pub role: InputRole,
    /// The program's help.
    pub help: String,
    /// A job without it is refused.
    pub is_required: bool,
    /// Several may be given.
    pub takes_several: bool,
}

/// What an option takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "type")]
pub enum ValueDescription {
    /// Nothing: it is given or not.
    Flag,
    /// A text, a number, a range: what the help says.
    Text {
        /// What the help calls it, as in `K`.
        name: String,
    },
    /// One of these.
    Choice {
        /// What can be chosen.
        values: Vec<ChoiceDescription>,
    },
}

/// One value to be chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ChoiceDescription {
    /// The value.
    pub value: String,
    /// The program's help.
    pub help: String,
}

/// An option that a kind takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct OptionDescription {
    /// Its long name without dashes.
    pub name: String,
    /// The program's help.
    pub help: String,
    /// What it takes.
    pub value: ValueDescription,
    /// What it is without being given.
    pub default: Option<String>,
    /// The program's heading that it stands under, if it stands under one.
    pub heading: Option<String>,
}

/// A kind of job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct KindDescription {
    /// Which.
    pub kind: JobKind,
    /// The program's help.
    pub about: String,
    /// Its inputs.
    pub inputs: Vec<InputDescription>,
    /// Its options.
    pub options: Vec<OptionDescription>,
}

/// An option, input or combination that the program would refuse.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct Unacceptable {
    /// `inputs`, or `options.NAME`, or `options`.
    pub field: String,
    /// Why.
    pub problem: String,
}

/// All kinds, and the program's own judgement of what is asked.
#[derive(Clone)]
pub struct Catalogue {
    /// The kinds.
    pub kinds: Vec<KindDescription>,
    /// Says what the program would refuse of a job, by parsing alone: no file is
    /// opened and nothing is computed.
    pub check: fn(&JobSpec) -> Result<(), Unacceptable>,
}

impl std::fmt::Debug for Catalogue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Catalogue").field("kinds", &self.kinds).finish_non_exhaustive()
    }
}
