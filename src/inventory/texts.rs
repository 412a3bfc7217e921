//! Many short texts in one piece of memory.

/// Texts, one after the other. Tens of thousands of small pieces would cost more than what is in them, and leave gaps
/// that the process keeps when they are freed.
#[derive(Debug, Default)]
pub(super) struct Texts(String);

/// Where one of them is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    from: u32,
    length: u32,
}

impl Span {
    /// So many bytes of it, from this one on.
    pub(super) fn part(self, from: usize, length: usize) -> Self {
        Self {
            from: self.from.saturating_add(places(from)),
            length: places(length),
        }
    }
}

/// A listing of half a million rows has a tenth of what fits.
fn places(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

impl Texts {
    pub(super) fn add(&mut self, text: &str) -> Span {
        let span = Span {
            from: places(self.0.len()),
            length: places(text.len()),
        };
        self.0.push_str(text);
        span
    }

    /// The same in lower case. What is spelt so already is there once.
    pub(super) fn add_folded(&mut self, spelt: Span) -> Span {
        let folded = self.get(spelt).to_lowercase();
        if folded == self.get(spelt) {
            spelt
        } else {
            self.add(&folded)
        }
    }

    pub(super) fn get(&self, span: Span) -> &str {
        let (from, length) = (span.from as usize, span.length as usize);
        self.0.get(from..from + length).unwrap_or_default()
    }

    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.0.capacity()
    }

    pub(super) fn without_spare_room(&mut self) {
        self.0.shrink_to_fit();
    }
}
