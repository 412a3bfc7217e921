//! Tokens: the only place where a secret leaves its `SecretString`.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};

/// The longest token that SonarQube takes for another system (8.9 to 26.9).
const LONGEST: usize = 2000;

/// A base64 text at least this long that decodes to plain text was encoded once too often; a shorter
/// one may do so by chance.
const SHORTEST_ENCODED: usize = 24;

/// An access token: printable ASCII without spaces. Never printed, not even by `Debug`.
#[derive(Clone)]
pub struct Token {
    secret: SecretString,
    trimmed: bool,
}

/// Why bytes are not a token. Never repeats them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Nothing, or nothing but spaces.
    #[error("the token is empty")]
    Empty,
    /// Longer than SonarQube stores.
    #[error("the token is longer than {LONGEST} characters")]
    TooLong,
    /// A space, tab or line break between other characters.
    #[error("the token contains a space or a line break; store the token alone")]
    Whitespace,
    /// A NUL or another control character.
    #[error("the token contains a control character; store it as plain text")]
    ControlCharacter,
    /// A character that no token has.
    #[error("the token contains a character outside ASCII; store it as plain text")]
    NotAscii,
    /// The scheme of an `Authorization` header.
    #[error(
        "the token starts with the name of a scheme; store the token without \"Bearer\" or \"Basic\""
    )]
    SchemePrefix,
    /// Encoded by hand before Kubernetes encoded it.
    #[error("the token is base64 of a text; store it unencoded, or use stringData")]
    EncodedTwice,
}

impl Token {
    /// Reads a token as people store it: spaces and line breaks around it are dropped.
    ///
    /// # Errors
    /// When what remains cannot be a token.
    pub fn parse(bytes: &[u8]) -> Result<Self, TokenError> {
        let text = bytes.trim_ascii();
        let has_scheme = |scheme: &[u8]| {
            text.get(..scheme.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
        };
        if text.is_empty() {
            return Err(TokenError::Empty);
        }
        if has_scheme(b"bearer ") || has_scheme(b"basic ") {
            return Err(TokenError::SchemePrefix);
        }
        for byte in text {
            match byte {
                byte if byte.is_ascii_whitespace() => return Err(TokenError::Whitespace),
                byte if byte.is_ascii_control() => return Err(TokenError::ControlCharacter),
                byte if !byte.is_ascii() => return Err(TokenError::NotAscii),
                _ => {}
            }
        }
        if text.len() > LONGEST {
            return Err(TokenError::TooLong);
        }
        if is_encoded_text(text) {
            return Err(TokenError::EncodedTwice);
        }
        let secret: String = text.iter().copied().map(char::from).collect();
        Ok(Self {
            secret: secret.into(),
            trimmed: text.len() != bytes.len(),
        })
    }

    /// Whether something around the token was dropped, which its owner may want to know.
    #[must_use]
    pub fn was_trimmed(&self) -> bool {
        self.trimmed
    }

    pub(super) fn reveal(&self) -> &str {
        self.secret.expose_secret()
    }
}

/// Real tokens are random: one that decodes to printable text was a text before.
fn is_encoded_text(text: &[u8]) -> bool {
    let printable = |bytes: Vec<u8>| bytes.trim_ascii_end().iter().all(u8::is_ascii_graphic);
    text.len() >= SHORTEST_ENCODED && STANDARD.decode(text).is_ok_and(printable)
}

/// Compares in a time that depends on the lengths only.
impl PartialEq for Token {
    fn eq(&self, other: &Self) -> bool {
        let (left, right) = (self.reveal().as_bytes(), other.reveal().as_bytes());
        let difference = left.iter().zip(right).fold(0, |sum, (a, b)| sum | (a ^ b));
        left.len() == right.len() && difference == 0
    }
}

impl Eq for Token {}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Token(***)")
    }
}

/// How a token is shown to a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authorization {
    /// `Bearer token`.
    Bearer(Token),
    /// The token as a user name with an empty password.
    Basic(Token),
}

impl Authorization {
    /// The token itself.
    #[must_use]
    pub fn token(&self) -> &Token {
        match self {
            Self::Bearer(token) | Self::Basic(token) => token,
        }
    }

    pub(super) fn header(&self) -> Option<HeaderValue> {
        let text = match self {
            Self::Bearer(token) => format!("Bearer {}", token.reveal()),
            Self::Basic(token) => {
                format!("Basic {}", STANDARD.encode(format!("{}:", token.reveal())))
            }
        };
        // Cannot fail: a token is printable ASCII.
        let mut value = HeaderValue::from_str(&text).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn surrounding_spaces_of_a_token_are_ignored_and_reported() {
        for text in ["squ_a1b2\n", "squ_a1b2\r\n", " squ_a1b2 "] {
            let token = Token::parse(text.as_bytes()).unwrap();
            assert_eq!(token.reveal(), "squ_a1b2");
            assert!(token.was_trimmed());
        }
        assert!(!Token::parse(b"squ_a1b2").unwrap().was_trimmed());
    }

    #[test]
    fn an_invalid_token_is_refused_without_being_shown() {
        let long = "x".repeat(2001);
        let encoded = STANDARD.encode("squ_0123456789abcdef\n");
        for (text, error) in [
            ("", TokenError::Empty),
            (" \n", TokenError::Empty),
            ("canary canary", TokenError::Whitespace),
            ("canary\ncanary", TokenError::Whitespace),
            ("canary\0", TokenError::ControlCharacter),
            ("canaryé", TokenError::NotAscii),
            ("Bearer canary", TokenError::SchemePrefix),
            ("basic canary", TokenError::SchemePrefix),
            (&long, TokenError::TooLong),
            (&encoded, TokenError::EncodedTwice),
        ] {
            let refused = Token::parse(text.as_bytes()).unwrap_err();
            assert_eq!(refused, error, "{text:?}");
            assert!(!refused.to_string().contains("canary"));
        }
    }

    #[test]
    fn a_bitbucket_token_is_base64_and_yet_a_token() {
        let mut bytes = b"158910532909:".to_vec();
        bytes.extend([0x9d, 0x01, 0xfe, 0x88, 0x7f, 0x10, 0xaa, 0xc3, 0x41, 0x00]);
        let token = Token::parse(STANDARD.encode(bytes).as_bytes());
        assert!(token.is_ok());
    }

    #[test]
    fn tokens_are_equal_by_their_bytes_alone() {
        let token = |text: &str| Token::parse(text.as_bytes()).unwrap();
        assert_eq!(token("squ_a"), token("squ_a\n"));
        assert_ne!(token("squ_a"), token("squ_b"));
        assert_ne!(token("squ_a"), token("squ_aa"));
    }

    #[test]
    fn neither_debug_nor_the_header_shows_a_token() {
        let token = Token::parse(b"canary").unwrap();
        let authorization = Authorization::Basic(token.clone());
        let header = authorization.header().unwrap();
        assert_eq!(header, "Basic Y2FuYXJ5Og==");
        for shown in [
            format!("{token:?}"),
            format!("{authorization:?}"),
            format!("{header:?}"),
        ] {
            assert!(
                !shown.contains("canary") && !shown.contains("Y2Fu"),
                "{shown}"
            );
        }
    }
}
