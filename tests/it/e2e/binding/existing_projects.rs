//! What happens to an existing project, row by row.

use serde_json::{Value, json};

use crate::e2e::environment::TestEnvironment;
use crate::support::server::{Server, everywhere, on, simulated};

everywhere!(a_project_bound_by_hand_is_adopted_as_it_is);
on!([simulated_26_9, real_26_9] => a_project_made_by_hand_is_bound_where_its_key_is_written);
simulated!(
    an_existing_project_is_refused_with_a_remedy_and_not_changed,
    the_remedy_that_a_refusal_names_works,
);

/// An environment whose connection is ready, so that people can bind by hand as well.
async fn connected(server: Server) -> TestEnvironment {
    let env = TestEnvironment::set(server).await;
    env.connection(json!({}));
    env.connection_is("bitbucket", ("Ready", "True")).await;
    env
}

fn key(key: &str) -> Value {
    json!({"sonarqubeProject": {"key": key}})
}

/// Promise: a project that was made by hand is bound when its key is written, and stays the maker's.
async fn a_project_made_by_hand_is_bound_where_its_key_is_written(server: Server) {
    let env = connected(server).await;
    let sonarqube = &env.sonarqube;
    sonarqube.create_project("legacy-checkout", "Made by hand");
    let wanted = json!({"mode": "Bind", "sonarqubeProject": {"key": "legacy-checkout", "name": "Another name"}});
    env.binding("platform", "checkout", "PAY/checkout", wanted);
    let binding = env
        .binding_is("platform", "checkout", ("Ready", "True"))
        .await;
    let record = binding.status.unwrap().record;
    assert_eq!(record.created_by, None);
    assert_eq!(record.bound_by, binding.metadata.uid);
    assert_eq!(
        sonarqube.bound_to("legacy-checkout").as_deref(),
        Some("PAY/checkout")
    );
    let found = sonarqube.project("legacy-checkout").unwrap();
    assert_eq!(found["name"], "Made by hand");
    assert_eq!(sonarqube.project_keys(), ["legacy-checkout"]);
}

/// Promise: what is bound to the repository already is adopted as it is, in every mode: under another key where
/// none is written, under the default one, and under a written one.
async fn a_project_bound_by_hand_is_adopted_as_it_is(server: Server) {
    let env = connected(server).await;
    let sonarqube = &env.sonarqube;
    let setting = env.setting_id();
    let rows = [
        ("legacy-checkout", "checkout", json!({})),
        ("PAY:ledger", "ledger", json!({"mode": "Import"})),
        (
            "legacy-api",
            "payments-api",
            json!({"mode": "Bind", "sonarqubeProject": {"key": "legacy-api"}}),
        ),
    ];
    for (key, slug, _) in &rows {
        sonarqube.bind(key, "Made by hand", &setting, &format!("PAY/{slug}"));
        assert_eq!(sonarqube.bound_to(key), Some(format!("PAY/{slug}")));
    }
    let before = sonarqube.everything();
    for (key, slug, wanted) in rows {
        env.binding("platform", slug, &format!("PAY/{slug}"), wanted);
        let binding = env.binding_is("platform", slug, ("Ready", "True")).await;
        let status = binding.status.unwrap();
        assert_eq!(status.sonarqube_project.unwrap().key, key);
        let record = status.record;
        assert_eq!((record.created_by, record.bound_by), (None, None));
    }
    assert_eq!(sonarqube.everything(), before);
}

/// Promise: no project is adopted by accident. Every refusal says why and what to do, and SonarQube stays as it was.
async fn an_existing_project_is_refused_with_a_remedy_and_not_changed(server: Server) {
    let env = connected(server).await;
    let sonarqube = &env.sonarqube;
    let setting = env.setting_id();
    env.bitbucket.world(|world| {
        world.repository("OPS", "metrics");
        world.repository("PAY", "tools");
    });
    for (key, repository) in [
        ("legacy-checkout", Some("PAY/checkout")),
        ("ledger-one", Some("PAY/ledger")),
        ("ledger-two", Some("PAY/ledger")),
        ("PAY:payments-api", None),
        ("OPS:deploy", Some("PAY/tools")),
        ("spare", None),
        ("unused", None),
    ] {
        sonarqube.create_project(key, "Made by hand");
        if let Some(repository) = repository {
            sonarqube.bind(key, "Made by hand", &setting, repository);
            assert_eq!(sonarqube.bound_to(key).as_deref(), Some(repository));
        }
    }
    sonarqube.create_foreign_project("foreign", "Of somebody else");
    let before = sonarqube.everything();

    let import_unused = json!({"mode": "Import", "sonarqubeProject": {"key": "unused"}});
    let bind_missing = json!({"mode": "Bind", "sonarqubeProject": {"key": "missing"}});
    #[rustfmt::skip] // a table
    let rows = [
        // The repository is bound, and not under the written key.
        ("other-key", "PAY/checkout", key("mine"), "RepositoryAlreadyBound", &["legacy-checkout", "write that key into sonarqubeProject.key"][..]),
        ("other-spare", "PAY/checkout", key("spare"), "RepositoryAlreadyBound", &["legacy-checkout", "unbind it there"]),
        ("several", "PAY/ledger", json!({}), "AmbiguousProject", &["ledger-one", "ledger-two", "into sonarqubeProject.key"]),
        ("several-mine", "PAY/ledger", key("my-ledger"), "AmbiguousProject", &["ledger-one", "ledger-two", "into sonarqubeProject.key"]),
        // The key is there and bound to nothing.
        ("unasked", "PAY/payments-api", json!({}), "ProjectExists", &["write sonarqubeProject.key: PAY:payments-api"]),
        ("import", "OPS/metrics", import_unused, "ProjectExists", &["unused", "mode other than Import"]),
        // The key is there and bound elsewhere.
        ("elsewhere", "OPS/deploy", json!({}), "ProjectAlreadyBound", &["PAY/tools", "another sonarqubeProject.key"]),
        ("elsewhere-mine", "OPS/metrics", key("legacy-checkout"), "ProjectAlreadyBound", &["PAY/checkout", "another sonarqubeProject.key"]),
        // The key is absent, and may not be created.
        ("bind", "OPS/metrics", bind_missing, "ProjectNotFound", &["missing", "ImportOrBind"]),
        // The key exists, and belongs to another user.
        ("foreign", "OPS/metrics", key("foreign"), "PermissionMissing", &["foreign", "Browse and Administer"]),
    ];
    for (name, repository, wanted, _, _) in &rows {
        env.binding("platform", name, repository, wanted.clone());
    }
    for (name, _, _, reason, words) in &rows {
        let message = env.binding_reason("platform", name, reason).await;
        for word in *words {
            assert!(message.contains(word), "{name}: no {word:?} in {message:?}");
        }
        let binding = env.binding_is("platform", name, ("Stalled", "True")).await;
        assert_eq!(binding.status.unwrap().sonarqube_project, None, "{name}");
    }
    assert_eq!(sonarqube.everything(), before);
}

/// Promise: a refusal says truly what to do: the binding works once that is done.
async fn the_remedy_that_a_refusal_names_works(server: Server) {
    let env = connected(server).await;
    let sonarqube = &env.sonarqube;
    let setting = env.setting_id();
    for (key, repository) in [
        ("legacy-checkout", "PAY/checkout"),
        ("ledger-one", "PAY/ledger"),
        ("ledger-two", "PAY/ledger"),
    ] {
        sonarqube.create_project(key, "Made by hand");
        sonarqube.bind(key, "Made by hand", &setting, repository);
    }
    sonarqube.create_project("PAY:payments-api", "Made by hand");
    #[rustfmt::skip] // a table
    let rows = [
        ("given", "PAY/checkout", key("mine"), "RepositoryAlreadyBound", "legacy-checkout"),
        ("several", "PAY/ledger", json!({}), "AmbiguousProject", "ledger-two"),
        ("unasked", "PAY/payments-api", json!({}), "ProjectExists", "PAY:payments-api"),
    ];
    for (name, repository, wrong, reason, right) in rows {
        env.binding("platform", name, repository, wrong);
        let message = env.binding_reason("platform", name, reason).await;
        assert!(message.contains(right), "{message}");
        env.binding("platform", name, repository, key(right));
        env.binding_is("platform", name, ("Ready", "True")).await;
        assert_eq!(sonarqube.bound_to(right).as_deref(), Some(repository));
    }

    sonarqube.create_foreign_project("foreign", "Of somebody else");
    env.binding("platform", "foreign", "OPS/deploy", key("foreign"));
    env.binding_reason("platform", "foreign", "PermissionMissing")
        .await;
    sonarqube.let_operator_administer("foreign");
    env.requested_reconcile("platform", "foreign", "granted")
        .await;
    env.binding_is("platform", "foreign", ("Ready", "True"))
        .await;
    assert_eq!(sonarqube.bound_to("foreign").as_deref(), Some("OPS/deploy"));
}
