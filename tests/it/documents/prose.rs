//! What of a document or of a source file is prose.

/// A line of prose, without code, link targets and comments.
pub(super) struct Line {
    /// From 1.
    pub(super) number: usize,
    /// As readers see it.
    pub(super) text: String,
    /// The row of a table. It cannot be broken.
    pub(super) is_row: bool,
}

/// Lines outside of code blocks, with their numbers from 1.
pub(super) fn lines_outside_of_fences(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut is_code = false;
    (1..).zip(text.lines()).filter(move |(_, line)| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    })
}

/// A line without its code spans.
pub(super) fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect::<Vec<_>>().join("`")
}

/// A line without the targets of its links: `[text](target)`, `<https://…>` and bare URLs.
fn without_targets(line: &str) -> String {
    let mut parts = line.split("](");
    let first = parts.next().unwrap_or_default().to_owned();
    let line = parts.fold(first, |line, part| {
        line + "]" + part.split_once(')').map_or("", |(_, rest)| rest)
    });
    let words = line.split(' ').filter(|word| !word.contains("://"));
    words.collect::<Vec<_>>().join(" ")
}

/// The prose of a document. What `make generate` writes comes from the code, and is held there.
pub(super) fn of_document(text: &str) -> Vec<Line> {
    let mut is_generated = false;
    let lines = lines_outside_of_fences(text).filter(move |(_, line)| {
        is_generated |= line.starts_with("<!-- generated: ");
        is_generated &= *line != "<!-- end -->";
        !is_generated && !line.starts_with("<!--")
    });
    lines
        .map(|(number, line)| Line {
            number,
            text: without_targets(line),
            is_row: line.starts_with('|'),
        })
        .collect()
}

/// The comments of a source file, each in its line; other lines are empty.
pub(super) fn comments(source: &str) -> String {
    let lines = source.lines().map(|line| {
        let comment = line.trim_start().strip_prefix("//");
        comment.map_or("", |text| text.trim_start_matches(['/', '!']).trim_start())
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The words of some lines, in lower case, each with the number of its line. Code is left out, and ends a phrase.
pub(super) fn words(lines: &[Line]) -> Vec<(usize, String)> {
    let words = lines.iter().flat_map(|line| {
        let text = without_code(&line.text).to_lowercase();
        let parts = text.split(|it: char| !it.is_alphanumeric() && !"`|.'’-_".contains(it));
        let words = parts.map(|word| word.trim_end_matches(['.', '\'', '-']).to_owned());
        let words = words.filter(|word| !word.is_empty());
        words.map(|word| (line.number, word)).collect::<Vec<_>>()
    });
    words.collect()
}

#[test]
fn only_prose_is_prose() {
    let text = "One `two` [three](four.md).\n```\nfive\n```\n<!-- generated: a -->\nsix\n<!-- end -->\n| seven |\n";
    let lines = of_document(text);
    let seen: Vec<_> = words(&lines).into_iter().map(|(_, word)| word).collect();
    assert_eq!(seen, ["one", "`", "three", "|", "seven", "|"]);
    assert_eq!(lines.last().map(|line| line.number), Some(8));
    assert_eq!(
        comments("    /// One.\nlet two = 3;\n//! Four\n"),
        "One.\n\nFour"
    );
}
