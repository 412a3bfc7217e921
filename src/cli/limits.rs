//! How much the operator asks a server.

use clap::Args;

use crate::http::Limits;

/// How much each server is asked in the name of one token.
#[derive(Args, Debug)]
pub(super) struct LimitArguments {
    /// Maximum number of concurrent calls to a SonarQube server with one token, for all connections together. SonarQube's
    /// web server has 50 threads (`sonar.web.http.maxThreads`).
    #[arg(
        long,
        env = "BINDERY_SONARQUBE_CONCURRENCY",
        value_name = "N",
        default_value_t = 16,
        value_parser = clap::value_parser!(u16).range(1..)
    )]
    sonarqube_concurrency: u16,

    /// Calls to a SonarQube server with one token per second. SonarQube has no limit of its own.
    #[arg(
        long,
        env = "BINDERY_SONARQUBE_RATE",
        value_name = "N",
        default_value_t = 500,
        value_parser = clap::value_parser!(u32).range(1..=100_000)
    )]
    sonarqube_rate: u32,

    /// Calls that may start at once after a time without calls, before the rate applies.
    #[arg(
        long,
        env = "BINDERY_SONARQUBE_BURST",
        value_name = "N",
        default_value_t = 500,
        value_parser = clap::value_parser!(u32).range(1..=100_000)
    )]
    sonarqube_burst: u32,

    /// Maximum number of concurrent calls to a Bitbucket server with one token, for all connections together. Bitbucket's
    /// web server has 200 threads (`server.tomcat.max-threads`).
    #[arg(
        long,
        env = "BINDERY_BITBUCKET_CONCURRENCY",
        value_name = "N",
        default_value_t = 16,
        value_parser = clap::value_parser!(u16).range(1..)
    )]
    bitbucket_concurrency: u16,

    /// Calls to a Bitbucket server with one token per second. If an administrator has turned on Bitbucket's rate limiting
    /// (by default 5 per second, and 60 at once), stay below it: SonarQube calls with the same token.
    #[arg(
        long,
        env = "BINDERY_BITBUCKET_RATE",
        value_name = "N",
        default_value_t = 500,
        value_parser = clap::value_parser!(u32).range(1..=100_000)
    )]
    bitbucket_rate: u32,

    /// Calls that may start at once after a time without calls, before the rate applies.
    #[arg(
        long,
        env = "BINDERY_BITBUCKET_BURST",
        value_name = "N",
        default_value_t = 500,
        value_parser = clap::value_parser!(u32).range(1..=100_000)
    )]
    bitbucket_burst: u32,
}

impl LimitArguments {
    pub(super) fn of_sonarqube(&self) -> Limits {
        Limits {
            concurrency: self.sonarqube_concurrency.into(),
            rate: self.sonarqube_rate,
            burst: self.sonarqube_burst,
        }
    }

    pub(super) fn of_bitbucket(&self) -> Limits {
        Limits {
            concurrency: self.bitbucket_concurrency.into(),
            rate: self.bitbucket_rate,
            burst: self.bitbucket_burst,
        }
    }
}
