//! Which decoys a command makes: the options that say so, and what follows
//! where they do not.

use hetero2::decoy::{DecoySet, DecoyStrategy, TanimotoRange};

use super::failure::Failure;

/// How decoys come about.
#[derive(Debug, clap::Args)]
pub struct DecoyArguments {
    /// How decoys come about: v2 without it; v1 where --decoy-strategy is given, and in
    /// bench run
    #[arg(long, value_enum)]
    decoy_set: Option<DecoySet>,
    /// Of decoy set v1: every swap in a seeded order (the default), or the published random draws
    #[arg(long, value_enum)]
    decoy_strategy: Option<DecoyStrategy>,
    /// Keep only decoys whose Tanimoto similarity lies in this range, as in 0.65..0.95
    #[arg(long, value_name = "MIN..MAX")]
    pub hard_decoys: Option<TanimotoRange>,
}

/// A decoy set, and which swaps of set v1 are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChosenDecoys {
    pub set: DecoySet,
    pub strategy: DecoyStrategy,
}

impl DecoyArguments {
    /// The decoys that these options ask for, those of `default` where they ask
    /// for none.
    pub fn chosen(&self, default: DecoySet) -> Result<ChosenDecoys, Failure> {
        let strategy = self.decoy_strategy.unwrap_or_default();
        let set = match (self.decoy_set, self.decoy_strategy) {
            (Some(DecoySet::V1), _) | (None, Some(_)) => DecoySet::V1,
            (Some(_), Some(_)) => {
                let why = "--decoy-strategy chooses swaps of decoy set v1, and --decoy-set names \
                           another: drop one of them, or say --decoy-set v1";
                return Err(Failure::usage(anyhow::Error::msg(why)));
            }
            (Some(set), None) => set,
            (None, None) => default,
        };
        Ok(ChosenDecoys { set, strategy })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(
        decoy_set: Option<DecoySet>,
        decoy_strategy: Option<DecoyStrategy>,
    ) -> Result<ChosenDecoys, Failure> {
        let arguments = DecoyArguments { decoy_set, decoy_strategy, hard_decoys: None };
        arguments.chosen(DecoySet::V2)
    }

    #[test]
    fn a_strategy_means_set_v1() {
        let (set, strategy) = (DecoySet::V1, DecoyStrategy::Published);
        let published = ChosenDecoys { set, strategy };
        assert_eq!(chosen(None, Some(strategy)).unwrap(), published);
        assert_eq!(chosen(Some(DecoySet::V1), Some(strategy)).unwrap(), published);
        assert_eq!(chosen(None, None).unwrap().set, DecoySet::V2);
        assert_eq!(chosen(Some(DecoySet::V1), None).unwrap().strategy, DecoyStrategy::Exhaustive);
        assert!(chosen(Some(DecoySet::V2), Some(strategy)).is_err());
    }
}
