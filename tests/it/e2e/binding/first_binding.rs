//! The main job: a repository becomes a bound SonarQube project.

use serde_json::json;
use simulators::bitbucket::Right;

use crate::e2e::environment::TestEnvironment;
use crate::support::server::{Server, everywhere, on};

everywhere!(
    a_repository_is_imported_under_its_default_key,
    a_new_project_is_as_declared,
);
on!([simulated_26_9, simulated_25_1] => a_personal_repository_is_imported_under_an_underscore);

/// Promise: `kubectl apply` of a connection and a binding is all it takes.
async fn a_repository_is_imported_under_its_default_key(server: Server) {
    let env = TestEnvironment::set(server).await;
    env.connection(json!({}));
    env.binding("payments", "checkout", "pay/Checkout", json!({}));
    let binding = env
        .binding_is("payments", "checkout", ("Ready", "True"))
        .await;
    let status = binding.status.unwrap();
    assert_eq!(
        status.repository.unwrap().path,
        "PAY/checkout",
        "as Bitbucket spells it"
    );
    let project = status.sonarqube_project.unwrap();
    assert_eq!(project.key, "PAY:checkout");
    assert_eq!(status.record.created_by, binding.metadata.uid);
    assert_eq!(status.record.intent, None);
    assert_eq!(
        env.sonarqube.bound_to("PAY:checkout").as_deref(),
        Some("PAY/checkout")
    );
}

/// Promise: what is declared of a new project is what SonarQube says of it, and its main branch is the one that
/// Bitbucket calls the default.
async fn a_new_project_is_as_declared(server: Server) {
    let env = TestEnvironment::set(server).await;
    env.bitbucket.world(|world| {
        let ledger = world.repository("PAY", "ledger");
        ledger.branches.push("develop".to_owned());
        "develop".clone_into(&mut ledger.default_branch);
    });
    env.connection(json!({}));
    let declared = json!({"sonarqubeProject": {
        "key": "finance_ledger", "name": "The Ledger", "visibility": "Private",
        "newCodeDefinition": {"type": "NumberOfDays", "days": 21},
    }});
    env.binding("platform", "ledger", "PAY/ledger", declared);
    let binding = env
        .binding_is("platform", "ledger", ("Ready", "True"))
        .await;

    let sonarqube = &env.sonarqube;
    assert_eq!(sonarqube.project_keys(), ["finance_ledger"]);
    let project = sonarqube.project("finance_ledger").unwrap();
    assert_eq!(project["name"], "The Ledger");
    assert_eq!(project["visibility"], "private");
    assert_eq!(
        sonarqube.bound_to("finance_ledger").as_deref(),
        Some("PAY/ledger")
    );
    assert_eq!(sonarqube.main_branch("finance_ledger"), "develop");
    let branch = [("project", "finance_ledger"), ("branch", "develop")];
    let new_code = sonarqube.get("api/new_code_periods/show", &branch);
    assert_eq!(new_code["type"], "NUMBER_OF_DAYS");
    assert_eq!(new_code["value"], "21");
    let status = binding.status.unwrap();
    let repository = status.repository.unwrap();
    assert_eq!(repository.default_branch.as_deref(), Some("develop"));
}

/// Promise: a personal repository is bound like any other; SonarQube takes no `~` in a key.
async fn a_personal_repository_is_imported_under_an_underscore(server: Server) {
    let env = TestEnvironment::set(server).await;
    env.bitbucket.world(|world| {
        world.repository("~jdoe", "tools");
        world.grant_project("bindery", "~jdoe", Right::Write);
    });
    env.connection(json!({}));
    env.binding("platform", "tools", "~jdoe/tools", json!({}));
    env.binding_is("platform", "tools", ("Ready", "True")).await;
    assert_eq!(
        env.sonarqube.bound_to("_jdoe:tools").as_deref(),
        Some("~jdoe/tools")
    );
}
