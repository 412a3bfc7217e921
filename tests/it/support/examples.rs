//! Commands and their outputs in documents, and the YAML examples of all pages. Tests run the commands and compare the
//! outputs.

use serde_json::Value;

use super::tree;

/// The first page of the guide.
pub(crate) const START: &str = "docs/guide/start.md";

/// A command in a document, and the output that the document shows.
pub(crate) struct Shown {
    /// All of its lines.
    pub(crate) command: String,
    pub(crate) output: String,
}

impl Shown {
    /// The arguments after the program.
    pub(crate) fn arguments(&self) -> Vec<&str> {
        self.command.split_whitespace().skip(1).collect()
    }
}

/// The commands of a document: each line in a `console` block that begins with a prompt, with the lines that continue it.
pub(crate) fn commands(document: &str) -> Vec<Shown> {
    let text = std::fs::read_to_string(tree::top().join(document)).unwrap();
    let blocks = text.split("```console\n").skip(1);
    let blocks = blocks.filter_map(|block| block.split("```").next());
    let mut commands: Vec<Shown> = Vec::new();
    for line in blocks.flat_map(str::lines) {
        let continued = commands
            .last_mut()
            .filter(|last| last.command.ends_with(['\\', '|']));
        if let Some(last) = continued {
            last.command += "\n";
            last.command += line;
        } else if let Some(command) = line.strip_prefix("$ ") {
            commands.push(Shown {
                command: command.to_owned(),
                output: String::new(),
            });
        } else {
            let last = commands.last_mut();
            let last =
                last.unwrap_or_else(|| panic!("{document} shows an output before a command"));
            last.output += line;
            last.output += "\n";
        }
    }
    commands
}

/// The only command on the first page of the guide that begins so.
pub(crate) fn shown(beginning: &str) -> Shown {
    let found = commands(START).into_iter();
    let mut found = found.filter(|shown| shown.command.starts_with(beginning));
    let (first, second) = (found.next(), found.next());
    assert!(
        second.is_none(),
        "{START} shows several `{beginning}`: make one of them longer"
    );
    first.unwrap_or_else(|| panic!("{START} shows no `{beginning}`"))
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
