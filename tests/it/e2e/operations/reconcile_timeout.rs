//! A reconcile that takes too long, or has a defect, ends, says so in its status, and keeps what it learned.

use std::time::Duration;

use serde_json::json;
use simulators::bitbucket::Fault;

use crate::e2e::environment::TestEnvironment;
use crate::support::server::{Server, simulated};

simulated!(an_import_that_outlasts_the_deadline_is_said_and_not_repeated);
simulated!(listings_that_outlast_the_deadline_are_said_by_the_connection);

/// The shortest deadline that the operator takes.
const SHORT: [&str; 4] = ["--minimum-interval", "10s", "--reconcile-timeout", "10s"];

/// Longer than that, and shorter than any call may take.
const HANGING: Duration = Duration::from_secs(25);

async fn an_import_that_outlasts_the_deadline_is_said_and_not_repeated(server: Server) {
    let mut env = TestEnvironment::set_with(server, &SHORT).await;
    env.connection(json!({}));
    env.connection_is("bitbucket", ("Ready", "True")).await;
    let import = Fault::at("PUT /api/v2/dop-translation/bound-projects");
    let slow = import.with("projectIdentifier", "PAY").times(1);
    env.sonarqube.simulated().fault(slow.answer_delay(HANGING));
    env.binding("payments", "checkout", "PAY/checkout", json!({}));
    env.patience = Duration::from_secs(40);
    let said = env.binding_reason("payments", "checkout", "Timeout").await;
    assert!(
        said.starts_with("the import into SonarQube did not end within the 10 s"),
        "{said}"
    );
    let binding = env
        .binding_is("payments", "checkout", ("Ready", "True"))
        .await;
    let status = binding.status.unwrap();
    assert_eq!(status.sonarqube_project.unwrap().key, "PAY:checkout");
    let record = status.record;
    assert!(
        record.created_by.is_some(),
        "its intent was kept: {record:?}"
    );
}

async fn listings_that_outlast_the_deadline_are_said_by_the_connection(server: Server) {
    let mut env = TestEnvironment::set_with(server, &SHORT).await;
    let listing = Fault::at("GET /api/projects/search");
    env.sonarqube.simulated().fault(listing.delay(HANGING));
    env.connection(json!({}));
    env.patience = Duration::from_secs(40);
    let said = env.connection_reason("bitbucket", "Timeout").await;
    assert!(
        said.starts_with(
            "reading the lists of projects, bindings and repositories did not end within the 10 s"
        ),
        "{said}"
    );
    env.sonarqube.simulated().clear_faults();
    env.connection_is("bitbucket", ("Ready", "True")).await;
    env.binding("payments", "checkout", "PAY/checkout", json!({}));
    env.binding_is("payments", "checkout", ("Ready", "True"))
        .await;
}
