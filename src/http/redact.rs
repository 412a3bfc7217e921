//! Removes tokens from texts of servers that are kept.

use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use url::form_urlencoded;

use super::auth::Token;

/// What is kept of a server's text, in characters. SonarQube's sentences differ by the words after a project key,
/// which may have 400 characters.
const LONGEST_EXCERPT: usize = 600;

/// A transport outlives few tokens; the oldest are forgotten so that it cannot grow.
const REMEMBERED: usize = 32;

/// The tokens that were sent, hence what an answer might give back.
#[derive(Debug, Default)]
pub(super) struct Redactor(Mutex<Vec<Token>>);

impl Redactor {
    pub(super) fn remember<'a>(&self, tokens: impl Iterator<Item = &'a Token>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for token in tokens {
            if !known.contains(token) {
                if known.len() == REMEMBERED {
                    known.remove(0);
                }
                known.push(token.clone());
            }
        }
    }

    /// The text without tokens and control characters, cut to what a person reads.
    pub(super) fn excerpt(&self, text: &str) -> String {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let clean = known.iter().fold(text.to_owned(), |text, token| {
            let replace = |text: String, form: String| text.replace(&form, "***");
            spellings(token).into_iter().fold(text, replace)
        });
        let printable = clean
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect::<String>();
        let mut words = printable.split_whitespace().collect::<Vec<_>>().join(" ");
        if let Some((end, _)) = words.char_indices().nth(LONGEST_EXCERPT) {
            words.truncate(end);
            words.push('…');
        }
        words
    }
}

/// A token as it may come back: plain, percent-encoded, or base64 as in a header of either scheme.
///
/// Longer forms stand first, so that none leaves a rest behind.
fn spellings(token: &Token) -> Vec<String> {
    let plain = token.reveal();
    let basic = format!("{plain}:");
    let encoded = form_urlencoded::byte_serialize(plain.as_bytes()).collect();
    let json = serde_json::Value::from(plain).to_string();
    let mut forms = vec![plain.to_owned(), encoded, json.trim_matches('"').to_owned()];
    for text in [plain, &basic] {
        for engine in [STANDARD, URL_SAFE, STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
            forms.push(engine.encode(text));
        }
    }
    forms.sort_by_key(|form| std::cmp::Reverse(form.len()));
    forms.dedup();
    forms
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redactor(token: &str) -> Redactor {
        let redactor = Redactor::default();
        redactor.remember([Token::parse(token.as_bytes()).unwrap()].iter());
        redactor
    }

    #[test]
    fn every_spelling_of_a_sent_token_is_replaced() {
        let redactor = redactor("can/ary+1?");
        for text in [
            "can/ary+1?",
            "can%2Fary%2B1%3F",
            "Basic Y2FuL2FyeSsxPzo=",
            "Y2FuL2FyeSsxPw==",
            "Y2FuL2FyeSsxPw",
            "Y2FuL2FyeSsxPzo",
        ] {
            let shown = redactor.excerpt(&format!("before {text} after"));
            assert!(
                shown.contains("***") && !shown.contains(text),
                "{text} became {shown}"
            );
            assert!(shown.starts_with("before") && shown.ends_with("after"));
        }
    }

    #[test]
    fn an_excerpt_is_one_short_line() {
        let shown = redactor("canary").excerpt(&format!("a\r\n\tb\u{1b}[31m{}", "ü".repeat(700)));
        assert!(shown.starts_with("a b [31mü"));
        assert_eq!(shown.chars().count(), LONGEST_EXCERPT + 1);
    }

    #[test]
    fn what_stands_after_the_longest_project_key_is_kept() {
        let text = format!(
            "Project '{}' is not bound to any DevOps Platform",
            "k".repeat(400)
        );
        assert_eq!(redactor("canary").excerpt(&text), text);
    }

    #[test]
    fn a_token_across_the_cut_leaves_no_half_behind() {
        let text = format!("{} canary", "x".repeat(296));
        assert!(!redactor("canary").excerpt(&text).contains("ca"));
    }

    #[test]
    fn only_so_many_tokens_are_remembered() {
        let redactor = Redactor::default();
        let tokens: Vec<_> = (0..40)
            .map(|n| Token::parse(format!("token-{n:02}").as_bytes()).unwrap())
            .collect();
        redactor.remember(tokens.iter());
        redactor.remember(tokens.iter());
        assert_eq!(redactor.excerpt("token-39"), "***");
        assert_eq!(redactor.excerpt("token-00"), "token-00");
    }
}
