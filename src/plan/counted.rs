//! Counts in messages.

use std::fmt::Display;

/// So many of something: `1 project`, `2 projects`.
pub(crate) fn counted<N>(count: N, one: &str, many: &str) -> String
where
    N: Copy + Display + From<u8> + PartialEq,
{
    let noun = if count == N::from(1) { one } else { many };
    format!("{count} {noun}")
}

#[cfg(test)]
mod tests {
    use super::counted;

    #[test]
    fn one_is_no_plural() {
        let said = [0_u64, 1, 2].map(|count| counted(count, "repository", "repositories"));
        assert_eq!(said, ["0 repositories", "1 repository", "2 repositories"]);
    }
}
