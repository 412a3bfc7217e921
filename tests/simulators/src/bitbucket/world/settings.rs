//! The switches of an instance, most of them for what is known to vary or not known for sure.

use serde::{Deserialize, Serialize};

/// How the instance behaves, apart from its version.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Settings {
    /// What `/status` returns; anything but `Running` answers 503 everywhere.
    pub server_state: ServerState,
    /// Whether anonymous visitors see public projects and repositories.
    pub public_access: Switch,
    /// The order of branches when the request names none.
    pub branch_order: BranchOrder,
    /// How `/repos` and `/projects` compare names.
    pub name_filter: NameFilter,
    /// Rows that no user may see before each row of a page, so that `nextPageStart` jumps. 0 by default.
    pub hidden_rows: usize,
    /// The most items in a page, echoed as `limit`. 1000 by default.
    pub page_cap: usize,
    /// At most this many items in a page, while `limit` is echoed as asked for. No such bound by default.
    pub short_pages: Option<usize>,
    /// Whether the last page carries `"nextPageStart": null`. Left out by default.
    pub null_next_page_start: Switch,
    /// The status that sends a caller from a repository's old path to its new one. 307 by default.
    pub redirect_status: u16,
    /// How many failed Basic logins bring up the CAPTCHA. 5 by default.
    pub captcha_after: u32,
    /// Whether the tokens of projects and repositories may list users.
    pub service_tokens_list_users: Switch,
    /// Rate limiting, off by default.
    pub rate_limit: Option<RateLimit>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            server_state: ServerState::Running,
            public_access: Switch::Off,
            branch_order: BranchOrder::DefaultFirst,
            name_filter: NameFilter::Part,
            hidden_rows: 0,
            page_cap: 1000,
            short_pages: None,
            null_next_page_start: Switch::Off,
            redirect_status: 307,
            captcha_after: 5,
            service_tokens_list_users: Switch::On,
            rate_limit: None,
        }
    }
}

/// On or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Switch {
    /// Yes.
    On,
    /// No.
    Off,
}

/// What `/status` returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ServerState {
    /// Serving.
    Running,
    /// Not yet serving.
    Starting,
    /// Locked for maintenance.
    Maintenance,
    /// Broken.
    Error,
    /// Waiting for its set-up.
    FirstRun,
    /// Going down.
    Stopping,
}

/// The order of branches when the request names none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BranchOrder {
    /// The default branch leads.
    DefaultFirst,
    /// The default branch is at the end: with more than 25 branches `SonarQube` misses it.
    DefaultLast,
}

/// How names are compared; letter case and outer spaces never count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NameFilter {
    /// The whole name.
    Whole,
    /// Any part of it.
    Part,
}

/// A bucket of requests for each user, refilled steadily by the world's clock.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct RateLimit {
    /// Requests that a full bucket holds. 60 by default.
    pub capacity: u32,
    /// Requests added a second. 5 by default.
    pub fill_rate: u32,
    /// The `Retry-After` of a refusal, in seconds. None by default.
    pub retry_after_seconds: Option<u32>,
    /// The body of a refusal.
    pub body: RateLimitBody,
}

impl Default for RateLimit {
    fn default() -> Self {
        Self {
            capacity: 60,
            fill_rate: 5,
            retry_after_seconds: None,
            body: RateLimitBody::Message,
        }
    }
}

/// The body of a 429; which one a server sends is not documented.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RateLimitBody {
    /// `{"errors":[…]}`.
    Errors,
    /// `{"message":…}`, on which `SonarQube` trips.
    Message,
    /// A page.
    Html,
    /// Nothing.
    Empty,
}
