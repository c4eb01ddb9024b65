//! Jobs: what is asked to be computed, how far it is, and how it ends exactly
//! once. It must not know HTTP, nor how anything is computed: workers do.

pub mod catalogue;
pub mod kind;
pub mod pool;
pub mod protocol;
pub mod spec;
pub mod state;

pub use kind::JobKind;
pub use spec::{InputRole, JobInput, JobSpec, Limits, OptionValue, Source};
pub use state::{JobState, Phase};
