//! Damage that depends on a number alone; knows no format but words of it.

/// A small generator: SplitMix64.
pub struct Mutator(u64);

/// Bytes and texts at which readers go wrong.
const EDGES: &[&[u8]] = &[
    b"\0",
    b"\xff",
    b"\xff\xff\xff\xff",
    b"\x7f\xff\xff\xff",
    b"-1",
    b"0",
    b"1e999",
    b"NaN",
    b"18446744073709551616",
    b"\"",
    b"\n",
    b"\r\n",
    b",",
    b"\t",
    b"\xef\xbb\xbf",
    b"\xc3",
    b"[",
    b"{",
    b"(",
    b"null",
];

impl Mutator {
    /// The damage of the `count`-th input of a seed.
    pub fn new(seed: u64, count: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ count.wrapping_mul(0xd134_2543_de82_ef95))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n`; 0 for 0.
    fn below(&mut self, n: usize) -> usize {
        if n == 0 { 0 } else { (self.next() % n as u64) as usize }
    }

    /// One of the corpus, changed in one to eight places.
    pub fn damaged(&mut self, corpus: &[Vec<u8>], words: &[&str]) -> Vec<u8> {
        let mut bytes = corpus[self.below(corpus.len())].clone();
        for _ in 0..=self.below(8) {
            self.change(&mut bytes, corpus, words);
        }
        // What grows without bound tests the machine, not the reader.
        bytes.truncate(1 << 18);
        bytes
    }

    fn change(&mut self, bytes: &mut Vec<u8>, corpus: &[Vec<u8>], words: &[&str]) {
        let at = self.below(bytes.len() + 1);
        let to = (at + self.below(64)).min(bytes.len());
        match self.below(9) {
            0 if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
            1 if at < bytes.len() => bytes[at] = self.next() as u8,
            2 => drop(bytes.drain(at..to)),
            3 => {
                let piece = bytes[at..to].to_vec();
                let times = 1 + self.below(4);
                bytes.splice(at..at, piece.repeat(times));
            }
            4 => bytes.truncate(at),
            5 => {
                let other = &corpus[self.below(corpus.len())];
                let from = self.below(other.len() + 1);
                let end = (from + self.below(256)).min(other.len());
                bytes.splice(at..to, other[from..end].iter().copied());
            }
            6 => {
                let edge = EDGES[self.below(EDGES.len())];
                bytes.splice(at..at, edge.iter().copied());
            }
            _ if !words.is_empty() => {
                let word = words[self.below(words.len())];
                bytes.splice(at..at, word.bytes());
            }
            _ => bytes.push(self.next() as u8),
        }
    }
}
