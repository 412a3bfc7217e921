//! `bindery export`: what is exported can be applied, and changes nothing.

use std::collections::BTreeMap;
use std::path::Path;

use bindery::crd::{BitbucketConnection, ProjectBinding};

use crate::e2e::environment::snapshot::Snapshot;
use crate::e2e::environment::{BITBUCKET_TOKEN, TestEnvironment};
use crate::support::server::{Server, on};

on!([simulated_26_9, simulated_26_9_enterprise, real_26_9] => what_is_exported_is_applied_and_changes_nothing);

/// The files of a directory, by name.
fn files(directory: &Path) -> BTreeMap<String, String> {
    let entries = std::fs::read_dir(directory).unwrap().map(Result::unwrap);
    let read = entries.map(|entry| {
        let name = entry.file_name().into_string().unwrap();
        (name, std::fs::read_to_string(entry.path()).unwrap())
    });
    read.collect()
}

/// Exports into a new directory of this name.
fn export(env: &TestEnvironment, name: &str) -> BTreeMap<String, String> {
    let directory = env.directory.join(name);
    // Of an earlier test in this process.
    let _ = std::fs::remove_dir_all(&directory);
    let (path, bitbucket) = (directory.to_str().unwrap(), env.bitbucket.url());
    let arguments = [
        "export",
        "--sonarqube-url",
        &env.sonarqube.url,
        "--bitbucket-url",
        bitbucket.as_str(),
        "--directory",
        path,
    ];
    let tokens = [
        ("BINDERY_SONARQUBE_TOKEN", &*env.sonarqube.token),
        ("BINDERY_BITBUCKET_TOKEN", BITBUCKET_TOKEN),
    ];
    let printed = env.bindery_with(&arguments, &tokens, "");
    assert_eq!(printed.status, 0, "{printed:?}");
    let again = env.bindery_with(&arguments, &tokens, "");
    assert_eq!(again.status, 1, "a directory is not overwritten: {again:?}");
    let files = files(&directory);
    for (name, text) in &files {
        for token in [BITBUCKET_TOKEN, &env.sonarqube.token] {
            assert!(!text.contains(token), "{name} has a token");
        }
    }
    files
}

/// A configuration, and projects that are bound through it or to nothing.
fn bound_by_hand(env: &TestEnvironment) {
    let sonarqube = &env.sonarqube;
    env.bitbucket.world(|world| {
        for slug in ["ledger", "mono", "unused"] {
            world.repository("PAY", slug);
        }
    });
    let bitbucket = env.bitbucket.url();
    sonarqube.create_setting("Main_Bitbucket", bitbucket.as_str(), BITBUCKET_TOKEN);
    sonarqube.store_import_token("Main_Bitbucket", BITBUCKET_TOKEN);
    let setting = env.setting_id();
    for (key, repository) in [
        ("PAY:checkout", "PAY/checkout"),
        ("odd_key.1", "PAY/ledger"),
    ] {
        sonarqube.create_project(key, key);
        sonarqube.let_operator_administer(key);
        sonarqube.bind(key, key, &setting, repository);
    }
    sonarqube.create_project("lonely", "Bound to nothing");
    sonarqube.let_operator_administer("lonely");
}

/// Exported, applied and observed, nothing is written; neither once the operator may write to the bindings.
async fn what_is_exported_is_applied_and_changes_nothing(server: Server) {
    let env = TestEnvironment::set(server).await;
    bound_by_hand(&env);
    let first = export(&env, "export-first");
    let unbound = &first["UNBOUND.csv"];
    assert!(unbound.contains("project,lonely\n"), "{unbound}");
    assert!(unbound.contains("repository,PAY/unused\n"), "{unbound}");
    assert!(!unbound.contains("PAY/ledger"), "{unbound}");

    env.secret("main-bitbucket-bitbucket-token", BITBUCKET_TOKEN);
    let before = Snapshot::now(&env).await;
    let kustomize = env.directory.join("export-first");
    env.servers
        .kubectl(&[
            "apply",
            "--server-side",
            "--kustomize",
            kustomize.to_str().unwrap(),
        ])
        .unwrap();
    all_are_ready(&env).await;
    let done = before.since(&env).await;
    assert_eq!(done.writes(), 0, "{done:?}");

    // A connection that may write gives SonarQube its tokens: it cannot know which ones SonarQube has.
    let full = r#"--patch={"spec": {"managementPolicy": "Full"}}"#;
    let patch = |object: &str| {
        let merge = [
            "patch",
            object,
            "--namespace=platform",
            "--type=merge",
            full,
        ];
        env.servers.kubectl(&merge).unwrap();
    };
    patch("bbconn/main-bitbucket");
    all_are_ready(&env).await;
    let before = Snapshot::now(&env).await;
    patch("pbind/pay-checkout");
    patch("pbind/pay-ledger");
    all_are_ready(&env).await;
    let done = before.since(&env).await;
    assert_eq!(done.writes(), 0, "{done:?}");
    assert_eq!(export(&env, "export-second"), first);
}

async fn all_are_ready(env: &TestEnvironment) {
    env.until("platform", "main-bitbucket", |it: &BitbucketConnection| {
        crate::e2e::environment::waiting::says(it, ("Ready", "True"))
    })
    .await;
    for name in ["pay-checkout", "pay-ledger"] {
        env.until("platform", name, |it: &ProjectBinding| {
            crate::e2e::environment::waiting::says(it, ("Ready", "True"))
        })
        .await;
    }
}
