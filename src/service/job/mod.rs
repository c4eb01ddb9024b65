//! Jobs: what is asked to be computed, how far it is, and how it ends exactly
//! once. It must not know HTTP, nor how anything is computed: workers do.

pub mod artifact;
pub mod catalogue;
pub mod claim;
pub mod end;
pub mod kind;
pub mod lease;
pub mod pool;
pub mod protocol;
pub mod record;
pub mod spec;
pub mod state;
pub mod submit;

pub use kind::JobKind;
pub use record::{Job, JobEvent};
pub use spec::{InputRole, JobInput, JobSpec, Limits, OptionValue, Source};
pub use state::{JobState, Phase};
pub use submit::{JobError, NewJob};
