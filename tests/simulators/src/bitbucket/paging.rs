//! Pages of a listing.

use serde_json::{Value, json};

use super::{
    errors::Refusal,
    world::{Settings, Switch},
};
use crate::reply::Reply;

/// The parameters of a request, decoded, in the order they came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    pub(crate) fn parse(text: &str) -> Self {
        Self(
            url::form_urlencoded::parse(text.as_bytes())
                .into_owned()
                .collect(),
        )
    }

    /// A parameter, trimmed; none if absent or empty, as `SonarQube` sends `start=` and `name=`.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(key, _)| key == name);
        found
            .map(|(_, value)| value.trim())
            .filter(|value| !value.is_empty())
    }

    fn number(&self, name: &'static str, least: usize) -> Result<Option<usize>, Refusal> {
        let Some(text) = self.value(name) else {
            return Ok(None);
        };
        // What a real server makes of garbage is not known: refused, so that a client's mistake shows.
        let number = text.parse().ok().filter(|number| *number >= least);
        let refused =
            || Refusal::invalid(name, format!("{name} must be a number of {least} or more"));
        number.map(Some).ok_or_else(refused)
    }
}

/// The page of `rows` that `query` asks for. A `None` is a row that the caller may not see:
/// it takes up a position, so that `nextPageStart` jumps over it. Only the rows of the page are shown: there may be many.
pub(crate) fn page<T>(
    settings: &Settings,
    query: &Query,
    rows: impl IntoIterator<Item = Option<T>>,
    show: impl Fn(T) -> Value,
) -> Result<Reply, Refusal> {
    let start = query.number("start", 0)?.unwrap_or(0);
    let limit = query
        .number("limit", 1)?
        .unwrap_or(25)
        .min(settings.page_cap);
    let most = settings.short_pages.map_or(limit, |short| short.min(limit));
    let hidden = || (0..settings.hidden_rows).map(|_| None);
    let rows = rows
        .into_iter()
        .flat_map(|row| hidden().chain(std::iter::once(row)));
    let mut visible = rows
        .enumerate()
        .skip(start)
        .filter_map(|(position, row)| row.map(|row| (position, row)));

    let mut next = start;
    let values: Vec<_> = visible
        .by_ref()
        .take(most)
        .map(|(position, row)| {
            next = position + 1;
            show(row)
        })
        .collect();
    let is_last = visible.next().is_none();
    let mut page = json!({
        "size": values.len(), "limit": limit, "isLastPage": is_last, "start": start, "values": values,
    });
    if !is_last {
        page["nextPageStart"] = json!(next);
    } else if settings.null_next_page_start == Switch::On {
        page["nextPageStart"] = Value::Null;
    }
    Ok(Reply::ok(page))
}
