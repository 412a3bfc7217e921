//! What the README shows of commands: a test that runs them keeps it true.

use super::tree;

/// A command, and what is shown to come of it.
pub(crate) struct Shown {
    /// What follows `kubectl`.
    pub(crate) arguments: Vec<String>,
    pub(crate) output: String,
}

/// The only command in the README that begins so.
pub(crate) fn shown(beginning: &str) -> Shown {
    let readme = std::fs::read_to_string(tree::top().join("README.md")).unwrap();
    let prompt = format!("$ {beginning}");
    let mut found = readme.split(&prompt).skip(1);
    let (rest, second) = (found.next(), found.next());
    let rest = rest.unwrap_or_else(|| panic!("the README shows no `{beginning}`"));
    assert!(
        second.is_none(),
        "the README shows several `{beginning}`: which one is meant?"
    );
    let block = rest.split("```").next().unwrap_or_default();
    let (end, shown) = block.split_once('\n').unwrap();
    let command = format!("{beginning}{end}");
    let output = shown.split("$ ").next().unwrap_or_default();
    Shown {
        arguments: command
            .split_whitespace()
            .skip(1)
            .map(str::to_owned)
            .collect(),
        output: output.to_owned(),
    }
}

/// The lines of an output, without spaces at their ends.
pub(crate) fn lines(output: &str) -> Vec<&str> {
    output.trim().lines().map(str::trim_end).collect()
}
