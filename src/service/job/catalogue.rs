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

/// Inputs of a job at most.
const INPUTS: usize = 1000;

/// Options of a job at most.
const OPTIONS: usize = 100;

impl Catalogue {
    /// What is wrong with `spec`, as far as that can be said without looking at
    /// its inputs.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong.
    pub fn judge(&self, spec: &JobSpec) -> Result<(), Unacceptable> {
        let wrong = |field: &str, problem: String| Unacceptable { field: field.into(), problem };
        let kind = self.kinds.iter().find(|kind| kind.kind == spec.kind);
        let Some(kind) = kind else {
            return Err(wrong("kind", "is none that this server takes".into()));
        };
        if spec.inputs.len() > INPUTS || spec.options.len() > OPTIONS {
            return Err(wrong("inputs", format!("at most {INPUTS} inputs and {OPTIONS} options")));
        }
        for input in &spec.inputs {
            if !kind.inputs.iter().any(|known| known.role == input.role) {
                let role = input.role.word();
                return Err(wrong("inputs", format!("{role} is no input of {}", spec.kind.word())));
            }
        }
        for input in &kind.inputs {
            let role = input.role.word();
            let count = spec.inputs.iter().filter(|given| given.role == input.role).count();
            if count == 0 && input.is_required {
                return Err(wrong("inputs", format!("{role} is missing")));
            }
            if count > 1 && !input.takes_several {
                return Err(wrong("inputs", format!("{role} is given {count} times")));
            }
        }
        for name in spec.options.keys() {
            if !kind.options.iter().any(|option| option.name == *name) {
                let field = format!("options.{name}");
                return Err(wrong(&field, format!("is no option of {}", spec.kind.word())));
            }
        }
        (self.check)(spec)
    }
}

impl std::fmt::Debug for Catalogue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Catalogue").field("kinds", &self.kinds).finish_non_exhaustive()
    }
}
