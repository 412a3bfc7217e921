//! `bindery export`: what is exported can be applied, and changes nothing.

use std::collections::BTreeMap;
use std::path::Path;

use bindery::crd::{BitbucketConnection, ProjectBinding};
use kube::ResourceExt;
use kube::api::{ListParams, Patch, PatchParams};
use serde_json::json;
use simulators::bitbucket::{Caller, Outcome, World};

use crate::e2e::environment::snapshot::Snapshot;
use crate::e2e::environment::{BITBUCKET_TOKEN, TestEnvironment};
use crate::support::server::{Server, on};

on!([
        simulated_26_9, simulated_26_9_branch_plugin, simulated_26_9_developer, simulated_26_9_enterprise, real_26_9
    ] => what_is_exported_is_applied_and_changes_nothing);

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

/// So many projects a real server has, and a simulated one.
const PROJECTS: [usize; 2] = [100, 30];

/// Keys of all kinds that SonarQube takes, the longest too.
fn odd_key(number: usize) -> String {
    match number % 6 {
        0 => format!("PAY:service-{number}"),
        1 => format!("legacy_key.{number}"),
        2 => format!("{number}:"),
        3 => format!("UPPER.Case_{number}"),
        4 => format!("-.{number}"),
        _ => format!("{number:_>400}"),
    }
}

/// An estate that people made: a configuration, and projects. Of ten, five are bound to repositories of their own, two
/// to one that they share, and three to nothing. Returns how many are bound.
fn bound_by_hand(env: &TestEnvironment, projects: usize) -> usize {
    let sonarqube = &env.sonarqube;
    let url = env.bitbucket.url();
    sonarqube.create_setting("Main_Bitbucket", url.as_str(), BITBUCKET_TOKEN);
    sonarqube.store_import_token("Main_Bitbucket", BITBUCKET_TOKEN);
    let setting = env.setting_id();
    let repository = |name: &str| {
        let slug = |world: &mut World| world.repository("PAY", name).slug.clone();
        format!("PAY/{}", env.bitbucket.world(slug))
    };
    repository("unused");
    let mut bound = 0;
    for number in 0..projects {
        let (key, name) = (odd_key(number), format!("Project {number}"));
        sonarqube.create_project(&key, &name);
        let (repository, monorepo) = match number % 10 {
            0..5 => (repository(&format!("service_{number}.x")), false),
            5 | 6 => (repository(&format!("mono {}", number / 10)), true),
            _ => continue,
        };
        let made = sonarqube.bind_part((&key, &name), &setting, &repository, monorepo);
        assert!(made["bindingId"].is_string(), "{made}");
        bound += 1;
    }
    bound
}

/// The writes to SonarQube by anything of Bindery, as the server says that it has seen them. What it refused is none:
/// so the operator finds out what a server can do.
fn seen_writes(env: &TestEnvironment) -> Vec<String> {
    if env.sonarqube.is_real() {
        let seen = env.sonarqube.requests();
        let ours = seen.lines().filter(|line| line.contains("\"bindery/"));
        let writes = ours.filter(|line| !line.contains("\"GET ") && !line.contains("HTTP/1.1\" 4"));
        return writes.map(str::to_owned).collect();
    }
    let seen = env.sonarqube.simulated().calls().into_iter();
    let ours = seen.filter(|call| call.caller == Caller::Bindery && call.method != "GET");
    let writes = ours.filter(|call| !matches!(call.outcome, Outcome::Status(400..500)));
    writes
        .map(|call| format!("{} {}", call.method, call.target))
        .collect()
}

/// Exported, applied and observed, nothing is written; neither once the operator may write to the bindings.
async fn what_is_exported_is_applied_and_changes_nothing(server: Server) {
    let mut env = TestEnvironment::set(server).await;
    env.patience *= 2;
    let projects = PROJECTS[usize::from(!server.is_real())];
    let bound = bound_by_hand(&env, projects);
    let first = export(&env, "export-first");
    let unbound = &first["UNBOUND.csv"];
    let lines = unbound.lines();
    let lonely = lines.filter(|line| line.starts_with("project,")).count();
    assert_eq!(lonely, projects - bound, "{unbound}");
    assert!(unbound.contains("repository,PAY/unused\n"), "{unbound}");
    assert!(!unbound.contains("PAY/service"), "{unbound}");

    env.secret("main-bitbucket-bitbucket-token", BITBUCKET_TOKEN);
    let (before, seen) = (Snapshot::now(&env).await, seen_writes(&env));
    let kustomize = env.directory.join("export-first");
    let apply = ["apply", "--server-side", "--kustomize"];
    let directory = [kustomize.to_str().unwrap()];
    env.servers
        .kubectl(&[&apply[..], &directory].concat())
        .unwrap();
    assert_eq!(all_are_ready(&env).await.len(), bound);
    let done = before.since(&env).await;
    assert_eq!(done.writes(), 0, "{done:?}");
    assert_eq!(seen_writes(&env), seen);

    // A connection that may write gives SonarQube its tokens: it cannot know which ones SonarQube has.
    let full = Patch::Merge(json!({"spec": {"managementPolicy": "Full"}}));
    let by_hand = PatchParams::default();
    let connections = env.api::<BitbucketConnection>("platform");
    connections
        .patch("main-bitbucket", &by_hand, &full)
        .await
        .unwrap();
    let names = all_are_ready(&env).await;
    let (before, seen) = (Snapshot::now(&env).await, seen_writes(&env));
    let bindings = env.api::<ProjectBinding>("platform");
    for name in names {
        bindings.patch(&name, &by_hand, &full).await.unwrap();
    }
    all_are_ready(&env).await;
    let done = before.since(&env).await;
    assert_eq!(done.writes(), 0, "{done:?}");
    assert_eq!(seen_writes(&env), seen);
    assert_eq!(export(&env, "export-second"), first);
}

/// Waits for the connection and all bindings, and returns the names of these.
async fn all_are_ready(env: &TestEnvironment) -> Vec<String> {
    env.connection_is("main-bitbucket", ("Ready", "True")).await;
    let api = env.api::<ProjectBinding>("platform");
    let listed = api.list(&ListParams::default()).await.unwrap().items;
    let names: Vec<_> = listed.iter().map(ResourceExt::name_any).collect();
    for name in &names {
        env.binding_is("platform", name, ("Ready", "True")).await;
    }
    names
}
