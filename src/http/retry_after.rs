//! When a server wants to be asked again.

use std::time::Duration;

use jiff::fmt::rfc2822::DateTimeParser;
use reqwest::header::{DATE, HeaderMap, HeaderName, RETRY_AFTER};

/// A server cannot silence us for longer.
const LONGEST: Duration = Duration::from_mins(15);

/// Reads `Retry-After`: seconds, or a date that is compared with the server's own `Date`, so that no
/// clock but the server's is asked.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: HeaderName| headers.get(name)?.to_str().ok();
    let wanted = text(RETRY_AFTER)?.trim();
    let wait = match wanted.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) if wanted.bytes().all(|byte| byte.is_ascii_digit()) => LONGEST,
        Err(_) => {
            let parser = DateTimeParser::new();
            let until = parser.parse_timestamp(wanted).ok()?;
            let now = parser.parse_timestamp(text(DATE)?).ok()?;
            Duration::try_from(until.duration_since(now)).unwrap_or_default()
        }
    };
    Some(wait.min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderValue;

    #[test]
    fn both_forms_are_read_and_capped() {
        for (value, seconds) in [
            ("7", Some(7)),
            ("0", Some(0)),
            ("1000000000", Some(900)),
            ("99999999999999999999999", Some(900)),
            ("Sun, 22 Nov 2026 10:00:30 GMT", Some(30)),
            ("Sun, 22 Nov 2026 09:00:00 GMT", Some(0)),
            ("Mon, 22 Nov 2027 10:00:00 GMT", Some(900)),
            ("-5", None),
            ("soon", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(
                DATE,
                HeaderValue::from_static("Sun, 22 Nov 2026 10:00:00 GMT"),
            );
            headers.insert(RETRY_AFTER, HeaderValue::from_static(value));
            let expected = seconds.map(Duration::from_secs);
            assert_eq!(retry_after(&headers), expected, "{value}");
        }
    }

    #[test]
    fn a_date_without_the_date_of_the_server_is_ignored() {
        let mut headers = HeaderMap::new();
        let date = HeaderValue::from_static("Sun, 22 Nov 2026 10:00:30 GMT");
        headers.insert(RETRY_AFTER, date);
        assert_eq!(retry_after(&headers), None);
    }
}
