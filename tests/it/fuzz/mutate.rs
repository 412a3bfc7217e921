//! Inputs that are near to samples.

/// Bytes at which parsers decide.
const TELLING: &[u8] = b"\0\n\r\t \"'%&*+,-./0159:;<=>?@AZ[\\]_az{|}~\x7f\x80\xc3\xff";

pub(super) struct Mutator {
    state: u64,
    samples: Vec<Vec<u8>>,
}

impl Mutator {
    pub(super) fn new(seed: u64, samples: &str) -> Self {
        let samples: Vec<_> = samples
            .lines()
            .map(|line| line.as_bytes().to_vec())
            .collect();
        assert!(!samples.is_empty(), "there is no sample");
        Self {
            state: seed,
            samples,
        }
    }

    /// A sample, changed in up to eight places.
    pub(super) fn input(&mut self) -> Vec<u8> {
        let chosen = self.below(self.samples.len());
        let mut input = self.samples[chosen].clone();
        for _ in 0..self.below(9) {
            self.change(&mut input);
        }
        input
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        let at = self.below(input.len() + 1);
        let until = at + self.below(input.len() - at + 1);
        let byte = TELLING[self.below(TELLING.len())];
        match self.below(7) {
            0 => input.insert(at, byte),
            1 => input.truncate(at),
            2 => drop(input.drain(at..until)),
            3 => {
                let copy = input[at..until].to_vec();
                input.splice(at..at, copy);
            }
            4 => {
                let other = self.below(self.samples.len());
                let from = self.below(self.samples[other].len() + 1);
                let piece = self.samples[other][from..].to_vec();
                input.splice(at..until, piece);
            }
            5 => {
                let times = self.below(300);
                input.splice(at..at, std::iter::repeat_n(byte, times));
            }
            _ => {
                if let Some(found) = input.get_mut(at) {
                    *found = byte;
                }
            }
        }
    }

    fn below(&mut self, bound: usize) -> usize {
        // splitmix64
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        let bound = u64::try_from(bound.max(1)).unwrap();
        usize::try_from(mixed % bound).unwrap()
    }
}
