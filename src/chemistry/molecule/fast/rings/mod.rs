//! The rings of a molecule on the fast path: the unique smallest set where
//! there is one, otherwise the one that RDKit finds.

mod rdkit_sssr;
mod unique;

pub(super) use self::unique::{RingFinder, Rings, is_same_ring};
