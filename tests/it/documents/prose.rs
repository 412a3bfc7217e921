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

/// The prose of a Rust file: its comments, and the messages in its strings if `has_messages`.
pub(super) fn of_source(source: &str, has_messages: bool) -> Vec<Line> {
    let mut lines = of_document(&comments(source));
    if has_messages {
        let messages = messages(source);
        lines.extend((1..).zip(messages.lines()).map(|(number, text)| Line {
            number,
            text: text.to_owned(),
            is_row: true,
        }));
    }
    lines
}

/// The comments of a source file, each in its line; other lines are empty.
pub(super) fn comments(source: &str) -> String {
    let lines = source.lines().map(|line| {
        let comment = line.trim_start().strip_prefix("//");
        comment.map_or("", |text| text.trim_start_matches(['/', '!']).trim_start())
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The strings of a source file that have a space, each in its lines between bars, which end a phrase.
fn messages(source: &str) -> String {
    let mut messages = String::new();
    let mut rest = source;
    while !rest.is_empty() {
        let token = token(rest);
        let (text, after) = rest.split_at(token.length);
        rest = after;
        if matches!(token.kind, Kind::String) && text.contains(' ') {
            let text = without_placeholders(text.trim_start_matches('r'));
            messages.push_str(&["| ", &text, " |"].concat());
        } else {
            messages.push_str(&"\n".repeat(text.matches('\n').count()));
        }
    }
    messages
}

enum Kind {
    Comment,
    String,
    Code,
}

/// The beginning of a source file that belongs together.
struct Token {
    kind: Kind,
    /// In bytes.
    length: usize,
}

/// What a source file begins with: a comment up to the end of its line, a string, or one character of code.
fn token(source: &str) -> Token {
    let of = |kind, length| Token { kind, length };
    if source.starts_with("//") {
        return of(Kind::Comment, source.find('\n').unwrap_or(source.len()));
    }
    if let Some(raw) = source.strip_prefix('r') {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        if let Some(text) = raw[hashes..].strip_prefix('"') {
            let end = format!("\"{}", "#".repeat(hashes));
            let length = text.find(&end).expect("the end of a raw string");
            return of(Kind::String, 1 + 2 * hashes + 2 + length);
        }
    }
    if let Some(text) = source.strip_prefix('"') {
        let mut is_escaped = false;
        let end = text.find(|it| {
            let is_end = it == '"' && !is_escaped;
            is_escaped = it == '\\' && !is_escaped;
            is_end
        });
        return of(Kind::String, end.expect("the end of a string") + 2);
    }
    let character = ["'\"'", "'\\\"'", "'/'"]
        .into_iter()
        .find(|it| source.starts_with(it));
    let length =
        character.map_or_else(|| source.chars().next().map_or(0, char::len_utf8), str::len);
    of(Kind::Code, length)
}

/// A message without what is filled in, which ends a phrase, and without escapes.
fn without_placeholders(message: &str) -> String {
    let mut text = String::new();
    let mut depth = 0_usize;
    for character in message.replace("\\n", " ").replace('\\', "").chars() {
        match character {
            '{' => depth += 1,
            '}' => {
                depth = depth.saturating_sub(1);
                text.push('_');
            }
            _ if depth == 0 => text.push(character),
            _ => {}
        }
    }
    text
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
}

#[test]
fn comments_and_messages_of_a_source_are_prose() {
    let source = "    /// One.\nlet two = \"three {four} \\\"five\\\" \\\n  six\";\n// Seven\n\"eight\" r#\"ni ne\"# '\"'\n";
    let seen = |has_messages| {
        let lines = of_source(source, has_messages);
        let words = words(&lines).into_iter();
        words
            .map(|(number, word)| format!("{number} {word}"))
            .collect::<Vec<_>>()
    };
    let comments = ["1 one", "4 seven"];
    assert_eq!(seen(false), comments);
    let messages = [
        "2 |", "2 three", "2 _", "2 five", "3 six", "3 |", "5 |", "5 ni", "5 ne", "5 |",
    ];
    assert_eq!(seen(true), [&comments[..], &messages[..]].concat());
}
