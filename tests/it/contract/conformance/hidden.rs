//! What differs from server to server and from day to day, and is not compared.

use regex::{Captures, Regex};

/// Numbers ids in the order of their appearance.
pub(super) struct Ids {
    id: Regex,
    server: Regex,
    volatile: [(Regex, &'static str); 4],
    seen: Vec<String>,
}

impl Default for Ids {
    fn default() -> Self {
        let pattern = |text| Regex::new(text).unwrap();
        Self {
            // A UUID, or what there was before 10.0: it begins with the time, as of these years.
            id: pattern(
                "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|A[Zab][A-Za-z0-9_-]{18}",
            ),
            server: pattern("[0-9A-F]{8}-A[A-Za-z0-9_-]{19}"),
            volatile: [
                (
                    pattern(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4}"),
                    "<time>",
                ),
                (pattern(r#""updatedAt":\d+"#), "\"updatedAt\":<time>"),
                (pattern("[0-9a-f]{40}"), "<token>"),
                (
                    pattern(r"expirationDate is \d{4}-\d\d-\d\d"),
                    "expirationDate is <tomorrow>",
                ),
            ],
            seen: Vec::new(),
        }
    }
}

impl Ids {
    pub(super) fn hide(&mut self, line: &str) -> String {
        let seen = &mut self.seen;
        let line = self.server.replace_all(line, "<server id>");
        let line = self.id.replace_all(&line, |found: &Captures| {
            let known = seen.iter().position(|id| *id == found[0]);
            let number = known.unwrap_or_else(|| {
                seen.push(found[0].to_owned());
                seen.len() - 1
            });
            format!("<id {}>", number + 1)
        });
        let hidden = self.volatile.iter();
        hidden.fold(line.into_owned(), |line, (pattern, name)| {
            pattern.replace_all(&line, *name).into_owned()
        })
    }
}
