//! Evidence packs: written, verified, compared, signed, published, and what
//! they are worth against known outcomes. Knows nothing of chemistry, spectra
//! or how rows are computed.

pub mod conclusion;
pub mod outcomes;
pub mod pack;
pub mod registry;
pub mod signature;
