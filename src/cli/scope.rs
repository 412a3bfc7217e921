//! The namespaces that an operator works in.

use clap::Args;

use crate::kubernetes::Namespaces;

/// Which namespaces.
#[derive(Args, Clone, Debug)]
pub(super) struct ScopeArguments {
    /// Namespaces whose connections and bindings are reconciled: a comma list. The operator needs rights in these alone, and
    /// a connection outside of them is not found. Default: all namespaces.
    #[arg(
        long,
        env = "BINDERY_NAMESPACES",
        value_name = "LIST",
        value_delimiter = ',',
        value_parser = namespace
    )]
    namespaces: Vec<String>,
}

impl ScopeArguments {
    pub(super) fn namespaces(&self) -> Namespaces {
        if self.namespaces.is_empty() {
            Namespaces::All
        } else {
            Namespaces::Only(self.namespaces.iter().cloned().collect())
        }
    }
}

/// Reads the name of a namespace.
fn namespace(name: &str) -> Result<String, String> {
    let is_inner = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '-';
    let is_name = (1..=63).contains(&name.len())
        && name.chars().all(is_inner)
        && !name.starts_with('-')
        && !name.ends_with('-');
    let refused = "not the name of a namespace: lower-case letters, digits and hyphens, at most 63";
    is_name
        .then(|| name.to_owned())
        .ok_or_else(|| refused.to_owned())
}
