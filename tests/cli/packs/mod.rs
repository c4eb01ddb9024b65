//! What becomes of packs: signed, published, described, read by others.

mod page;
mod registry;
mod research_object;
mod schemas;
mod sign;
