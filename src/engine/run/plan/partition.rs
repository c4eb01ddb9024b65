//! Cuts a library into shards: whole blocks, in row order, of about equal
//! estimated cost. No result depends on where the cuts are.

use std::ops::Range;

/// Blocks of a shard where the caller does not say how many there shall be:
/// enough to keep many threads busy, few enough that a lost shard costs little.
const BLOCKS_PER_SHARD: usize = 4;

/// Most shards where the caller does not say: the usual limit of a job array.
const MAX_DEFAULT_SHARDS: usize = 1_000;

/// Most shards of a plan: their names have five digits.
pub const MAX_SHARDS: u32 = 100_000;

/// Atoms beyond which the estimate stops growing, so that sums stay in range.
const MAX_ATOMS: u64 = 10_000;

/// Cost of an atom's chemistry in units of the cube: the eigenvalues of 140
/// atoms (140² ≈ 20,000) take about as long as all the rest.
const ATOM_COST: u64 = 20_000;

/// Whether an atom begins with this letter.
const BEGINS_ATOM: [bool; 256] = {
    let (mut table, letters) = ([false; 256], b"BCNOPSFIbcnops*");
    let mut i = 0;
    while i < letters.len() {
        table[letters[i] as usize] = true;
        i += 1;
    }
    table
};

/// Number of shards for this many blocks.
pub(crate) fn shard_count(blocks: usize, asked: Option<u32>) -> usize {
    let wanted = match asked {
        Some(shards) => shards as usize,
        None => blocks.div_ceil(BLOCKS_PER_SHARD).min(MAX_DEFAULT_SHARDS),
    };
    wanted.clamp(1, blocks.max(1))
}

/// What a molecule may cost to compute, in no particular unit: chemistry grows
/// with the atoms, eigenvalues with their cube. Atoms are guessed from the
/// letters of the SMILES.
pub(crate) fn estimated_cost(smiles: &[u8]) -> u64 {
    let atoms = smiles.iter().filter(|byte| BEGINS_ATOM[**byte as usize]).count() as u64;
    let atoms = atoms.clamp(1, MAX_ATOMS);
    atoms * ATOM_COST + atoms.pow(3)
}

/// Cuts blocks with these costs into [`shard_count`] runs of blocks.
pub(crate) fn cut(costs: &[u64], shards: usize) -> Vec<Range<usize>> {
    let total: u128 = costs.iter().map(|&cost| u128::from(cost)).sum();
    let mut cuts: Vec<Range<usize>> = Vec::with_capacity(shards);
    let (mut start, mut sum) = (0, 0_u128);
    for (block, &cost) in costs.iter().enumerate() {
        sum += u128::from(cost);
        let (after, shards_after) = (costs.len() - block - 1, shards - cuts.len() - 1);
        let share_is_full = sum * shards as u128 >= total * (cuts.len() as u128 + 1);
        // Every shard gets a block, and the last one all that is left.
        if after == 0 || (shards_after > 0 && (share_is_full || after == shards_after)) {
            cuts.push(start..block + 1);
            start = block + 1;
        }
    }
    cuts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_cover_all_blocks_in_order_and_none_is_empty() {
        for blocks in 1..60_usize {
            for asked in 1..70_u32 {
                let costs: Vec<u64> = (0..blocks as u64).map(|i| 1 + i * i % 17).collect();
                let shards = shard_count(blocks, Some(asked));
                let cuts = cut(&costs, shards);
                assert_eq!(cuts.len(), shards, "{blocks} blocks, {asked} shards");
                assert_eq!(cuts[0].start, 0);
                assert_eq!(cuts[shards - 1].end, blocks);
                assert!(cuts.windows(2).all(|w| w[0].end == w[1].start));
                assert!(cuts.iter().all(|cut| !cut.is_empty()));
            }
        }
    }

    #[test]
    fn costs_are_balanced() {
        // A library sorted by size: equal rows would make the last shard the slowest.
        let costs: Vec<u64> = (1..=400).collect();
        let sums: Vec<u64> =
            cut(&costs, 8).into_iter().map(|cut| costs[cut].iter().sum::<u64>()).collect();
        let (least, most) = (sums.iter().min().unwrap(), sums.iter().max().unwrap());
        assert!(most - least <= 800, "{sums:?}");
        assert_eq!(cut(&[5; 8], 2), [0..4, 4..8]);
    }

    #[test]
    fn one_costly_block_stands_alone() {
        assert_eq!(cut(&[1, 1, 1_000, 1, 1], 3), [0..3, 3..4, 4..5]);
        assert!(cut(&[], 1).is_empty());
    }

    #[test]
    fn cost_grows_with_atoms_and_is_bounded() {
        assert!(estimated_cost(b"CCO") < estimated_cost(b"c1ccccc1CC(=O)N"));
        assert_eq!(estimated_cost(b""), estimated_cost(b"C"));
        assert_eq!(estimated_cost(b"[nH]1cc(Br)c(C#N)c1-*"), estimated_cost(b"CCCCCCCCC"));
        assert!(u64::MAX / estimated_cost(&[b'C'; 1 << 20]) > 4_096 * 1_000);
    }

    #[test]
    fn the_default_is_four_blocks_a_shard_within_the_limit_of_arrays() {
        assert_eq!(shard_count(0, None), 1);
        assert_eq!(shard_count(9, None), 3);
        assert_eq!(shard_count(1_000_000, None), 1_000);
        assert_eq!(shard_count(2, Some(50)), 2);
    }
}
