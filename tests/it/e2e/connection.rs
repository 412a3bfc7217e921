//! Connections: configuration, versions, settings that are wrong, `Observe` and `suspend`.

mod bitbucket_versions;
mod change;
mod configurations;
mod misconfigured;
mod observe;
mod reference;
mod suspend;
