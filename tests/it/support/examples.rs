//! Commands and their outputs on the first page of the guide, and the YAML examples of all pages.

use serde_json::Value;

use super::tree;

const PAGE: &str = "docs/guide/start.md";

/// A command, and the output that the page shows.
pub(crate) struct Shown {
    /// The arguments after `kubectl`.
    pub(crate) arguments: Vec<String>,
    pub(crate) output: String,
}

/// The only command on the page that begins so.
pub(crate) fn shown(beginning: &str) -> Shown {
    let page = std::fs::read_to_string(tree::top().join(PAGE)).unwrap();
    let prompt = format!("$ {beginning}");
    let mut found = page.split(&prompt).skip(1);
    let (rest, second) = (found.next(), found.next());
    let rest = rest.unwrap_or_else(|| panic!("{PAGE} shows no `{beginning}`"));
    assert!(
        second.is_none(),
        "{PAGE} shows several `{beginning}`: make one of them longer"
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

/// The objects in the YAML examples of a page.
pub(crate) fn objects(page: &str) -> Vec<Value> {
    let blocks = page.split("```yaml\n").skip(1);
    let blocks = blocks.filter_map(|rest| rest.split("```").next());
    blocks
        .flat_map(|block| serde_saphyr::from_multiple::<Value>(block).unwrap())
        .collect()
}
