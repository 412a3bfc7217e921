//! Names of bindings.

use crate::identity::RepositoryPath;

/// The longest DNS label.
const LONGEST: usize = 63;

/// The name that a template gives to the binding of a repository. One that is no DNS label becomes one, and gets a hash
/// of the path, so that two repositories do not share it.
pub(super) fn name(template: &str, path: &RepositoryPath) -> String {
    let text = template
        .replace("{project}", path.project())
        .replace("{slug}", path.slug())
        .to_lowercase();
    let label = label(&text);
    if label == text && label.len() <= LONGEST {
        label
    } else {
        with_hash(&label, path)
    }
}

/// A name followed by a hash of the path, cut so that it is a DNS label.
pub(super) fn with_hash(label: &str, path: &RepositoryPath) -> String {
    let hash = &fingerprint(&path.folded())[..8];
    let longest = LONGEST - hash.len() - 1;
    // A label is ASCII.
    let head = label.get(..longest).unwrap_or(label).trim_end_matches('-');
    if head.is_empty() {
        format!("r-{hash}")
    } else {
        format!("{head}-{hash}")
    }
}

/// A text with `-` in place of what a DNS label may not hold.
fn label(text: &str) -> String {
    let replaced = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    let text: String = text.chars().map(replaced).collect();
    text.trim_matches('-').to_owned()
}

/// A short text that differs for different texts: 16 hexadecimal digits (FNV-1a). Not for secrets.
#[must_use]
pub fn fingerprint(text: &str) -> String {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    // The upper half of a short text changes little: both halves take part in each digit.
    format!("{:016x}", hash ^ hash.rotate_left(32))
}
