//! Imports that take their time.

use std::time::Duration;

use simulators::bitbucket::{Caller, Fault};
use simulators::sonarqube::Outcome;

use super::TestEnvironment;

/// Lets every import wait for Bitbucket.
pub(crate) fn slow_imports(env: &TestEnvironment, delay: Duration) {
    let slow = Fault::at("repository").caller(Caller::SonarQube);
    env.bitbucket.fault(slow.delay(delay));
}

/// Imports that SonarQube has not answered yet.
pub(crate) fn imports_in_progress(env: &TestEnvironment) -> usize {
    let imports = [
        "/api/v2/dop-translation/bound-projects",
        "/api/alm_integrations/import_bitbucketserver_project",
    ];
    let calls = env.sonarqube.simulated().calls().into_iter();
    calls
        .filter(|call| call.outcome == Outcome::Pending && imports.contains(&call.operation))
        .count()
}
