//! Which decoys a command makes: the options that say so, and what follows
//! where they do not.

use std::path::PathBuf;

use hetero2::decoy::{DecoySet, DecoyStrategy, TanimotoRange};

use super::failure::Failure;

/// How decoys come about.
#[derive(Debug, clap::Args)]
pub struct DecoyArguments {
    /// How decoys come about: v2 without it; v1 where --decoy-strategy is given, and in bench run;
    /// given with --decoys-from, matched with --decoy-pool
    #[arg(long, value_enum)]
    decoy_set: Option<DecoySet>,
    /// Decoys of your own: a table with columns molecule_id and decoy_smiles (.csv, .tsv, .parquet,
    /// also .gz or .zst)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["decoy_pool", "decoy_strategy"])]
    decoys_from: Option<PathBuf>,
    /// A library of real molecules to choose decoys from: of the molecule's size, charge, log P,
    /// TPSA, donors, acceptors and rotatable bonds, and dissimilar in structure
    #[arg(long, value_name = "FILE", conflicts_with = "decoy_strategy")]
    decoy_pool: Option<PathBuf>,
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
        let refused = |why: &str| Err(Failure::usage(anyhow::anyhow!("{why}")));
        let strategy = self.decoy_strategy.unwrap_or_default();
        let implied = match (&self.decoys_from, &self.decoy_pool, self.decoy_strategy) {
            (Some(_), _, _) => Some(DecoySet::Given),
            (_, Some(_), _) => Some(DecoySet::Matched),
            (_, _, Some(_)) => Some(DecoySet::V1),
            _ => None,
        };
        let set = match (self.decoy_set, implied) {
            (Some(DecoySet::Given), None) => {
                return refused("--decoy-set given needs the decoys: add --decoys-from FILE");
            }
            (Some(DecoySet::Matched), None) => {
                return refused("--decoy-set matched needs molecules: add --decoy-pool FILE");
            }
            (Some(set), Some(implied)) if set != implied => {
                return refused(match implied {
                    DecoySet::Given => {
                        "--decoys-from is decoy set given, and --decoy-set names another: drop \
                         one of them"
                    }
                    DecoySet::Matched => {
                        "--decoy-pool is decoy set matched, and --decoy-set names another: drop \
                         one of them"
                    }
                    DecoySet::V1 | DecoySet::V2 => {
                        "--decoy-strategy chooses swaps of decoy set v1, and --decoy-set names \
                         another: drop one of them, or say --decoy-set v1"
                    }
                });
            }
            (set, implied) => set.or(implied).unwrap_or(default),
        };
        Ok(ChosenDecoys { set, strategy })
    }

    /// The file that decoys are chosen from, where there is one.
    pub fn file(&self) -> Option<PathBuf> {
        self.decoys_from.as_ref().or(self.decoy_pool.as_ref()).cloned()
    }

    /// Says no to such a file, which `command` does not read.
    pub fn refuse_file(&self, command: &str) -> Result<(), Failure> {
        match self.file() {
            None => Ok(()),
            Some(_) => Err(Failure::usage(anyhow::anyhow!(
                "{command} makes decoys of sets v1 and v2 only: drop --decoys-from and --decoy-pool"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(
        decoy_set: Option<DecoySet>,
        decoy_strategy: Option<DecoyStrategy>,
    ) -> Result<ChosenDecoys, Failure> {
        let arguments = DecoyArguments {
            decoy_set,
            decoys_from: None,
            decoy_pool: None,
            decoy_strategy,
            hard_decoys: None,
        };
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
        assert!(chosen(Some(DecoySet::Given), None).is_err());
        assert!(chosen(Some(DecoySet::Matched), None).is_err());
    }
}
