//! `bindery export`: what is exported can be applied, and changes nothing.

use std::collections::BTreeMap;
use std::path::Path;

use bindery::crd::{BitbucketConnection, ProjectBinding};
use bindery::plan::capability::{BindingMethod, Edition};
use kube::ResourceExt;
use kube::api::{ListParams, Patch, PatchParams};
use serde_json::json;
use simulators::bitbucket::{Caller, Outcome, World};

use crate::e2e::environment::snapshot::Snapshot;
use crate::e2e::environment::{BITBUCKET_TOKEN, TestEnvironment};
use crate::support::examples::commands;
use crate::support::server::{Server, on};

on!([
        simulated_26_9, simulated_26_9_branch_plugin, simulated_26_9_developer, simulated_26_9_enterprise, real_26_9,
        simulated_25_1, real_25_1, simulated_9_9, simulated_9_9_branch_plugin, simulated_9_9_developer,
        simulated_9_9_enterprise, simulated_8_9, simulated_8_9_enterprise
    ] => what_is_exported_is_applied_and_changes_nothing);
on!([simulated_26_9, real_26_9, simulated_25_1, simulated_9_9_enterprise] => a_project_that_may_not_be_read_is_named);

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
    export_ending(env, name, 0).1
}

/// The same, with another exit status. Returns what is printed, too.
fn export_ending(
    env: &TestEnvironment,
    name: &str,
    status: i32,
) -> (String, BTreeMap<String, String>) {
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
    assert_eq!(printed.status, status, "{printed:?}");
    let again = env.bindery_with(&arguments, &tokens, "");
    assert_eq!(again.status, 1, "a directory is not overwritten: {again:?}");
    let files = files(&directory);
    for (name, text) in &files {
        for token in [BITBUCKET_TOKEN, &env.sonarqube.token] {
            assert!(!text.contains(token), "{name} has a token");
        }
    }
    (printed.text, files)
}

/// So many projects a server has: the newest real one more than the others.
fn projects_of(server: Server) -> usize {
    if server.is_real() && server.binds_existing_projects() {
        100
    } else {
        30
    }
}

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
/// to one that they share if the server lets them, and three to nothing. Returns how many are bound.
fn bound_by_hand(env: &TestEnvironment, server: Server) -> usize {
    let sonarqube = &env.sonarqube;
    let url = env.bitbucket.url();
    sonarqube.create_setting(CONFIGURATION, url.as_str(), BITBUCKET_TOKEN);
    sonarqube.store_import_token(CONFIGURATION, BITBUCKET_TOKEN);
    let repository = |name: &str| {
        let slug = |world: &mut World| world.repository("PAY", name).slug.clone();
        format!("PAY/{}", env.bitbucket.world(slug))
    };
    repository("unused");
    let mut bound = 0;
    for number in 0..projects_of(server) {
        let (key, name) = (odd_key(number), format!("Project {number}"));
        let bind = |repository: &str, monorepo: bool| {
            bind(env, server, (&key, &name), repository, monorepo)
        };
        let is_bound = match number % 10 {
            0..5 => bind(&repository(&format!("service_{number}.x")), false),
            5 | 6 => bind(&repository(&format!("mono {}", number / 10)), true),
            _ => {
                sonarqube.create_project(&key, &name);
                false
            }
        };
        bound += usize::from(is_bound);
    }
    bound
}

/// The configuration that people made.
const CONFIGURATION: &str = "Main_Bitbucket";

/// Makes a project that is bound to a repository, by what people have for it on that server. Returns whether it is
/// bound: there may be nothing for a monorepo.
fn bind(
    env: &TestEnvironment,
    server: Server,
    (key, name): (&str, &str),
    repository: &str,
    monorepo: bool,
) -> bool {
    let sonarqube = &env.sonarqube;
    let capabilities = server.capabilities();
    if capabilities.lists_bindings {
        if server.binds_existing_projects() {
            sonarqube.create_project(key, name);
        }
        let made = sonarqube.bind_part((key, name), &env.setting_id(), repository, monorepo);
        assert!(made["bindingId"].is_string(), "{made}");
        sonarqube.let_operator_administer(key);
        return true;
    }
    let imports = capabilities.method == BindingMethod::ImportRepository;
    if imports && !monorepo {
        // Under a key that SonarQube chooses.
        sonarqube.import_by_hand(CONFIGURATION, repository);
        return true;
    }
    sonarqube.create_project(key, name);
    let is_bound = !imports && (!monorepo || server.edition() != Edition::Developer);
    if is_bound {
        let (project, slug) = repository.split_once('/').unwrap();
        sonarqube.post(
            "api/alm_settings/set_bitbucket_binding",
            &[
                ("almSetting", CONFIGURATION),
                ("project", key),
                ("repository", project),
                ("slug", slug),
                ("monorepo", if monorepo { "true" } else { "false" }),
            ],
        );
        assert_eq!(sonarqube.bound_to(key).as_deref(), Some(repository));
    }
    is_bound
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
    let bound = bound_by_hand(&env, server);
    let first = export(&env, "export-first");
    let unbound = &first["UNBOUND.csv"];
    let lines = unbound.lines();
    let lonely = lines.filter(|line| line.starts_with("project,")).count();
    assert_eq!(lonely, projects_of(server) - bound, "{unbound}");
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

/// Promise: an export is whole, or says which projects it could not read. None of them is listed as unbound. The guide
/// shows what a person sees.
async fn a_project_that_may_not_be_read_is_named(server: Server) {
    let env = TestEnvironment::set(server).await;
    let (sonarqube, url) = (&env.sonarqube, env.bitbucket.url());
    sonarqube.create_setting(CONFIGURATION, url.as_str(), BITBUCKET_TOKEN);
    sonarqube.store_import_token(CONFIGURATION, BITBUCKET_TOKEN);
    bind(&env, server, ("open", "Open"), "PAY/checkout", false);
    bind(&env, server, ("hidden", "Hidden"), "PAY/ledger", false);
    sonarqube.create_project("free", "Free");
    let project = ("projectKey", "hidden");
    let of_user = |permission| [("login", "bindery"), project, ("permission", permission)];
    let everybody = [
        ("groupName", "sonar-users"),
        project,
        ("permission", "user"),
    ];
    let private = [("project", "hidden"), ("visibility", "private")];
    sonarqube.post("api/projects/update_visibility", &private);
    sonarqube.post("api/permissions/remove_group", &everybody);
    for permission in ["user", "admin"] {
        sonarqube.post("api/permissions/remove_user", &of_user(permission));
    }

    let (partly, files) = export_ending(&env, "without-browse", 3);
    let unbound = &files["UNBOUND.csv"];
    assert!(unbound.contains("unreadable,hidden\n"), "{unbound}");
    assert!(!unbound.contains("project,hidden"), "{unbound}");
    let bindings = &files["bindings.yaml"];
    assert!(bindings.contains("key: open\n"), "{bindings}");
    assert!(!bindings.contains("hidden"), "{bindings}");

    // What is printed as the remedy.
    let lists = server.capabilities().lists_bindings;
    let permission = if lists { "user" } else { "admin" };
    sonarqube.post("api/permissions/add_user", &of_user(permission));
    let (wholly, files) = export_ending(&env, "estate", 0);
    assert!(!files["UNBOUND.csv"].contains("unreadable"), "{files:?}");
    let bindings = &files["bindings.yaml"];
    assert!(bindings.contains("key: hidden\n"), "{bindings}");

    let exports = commands("docs/guide/cli.md").into_iter();
    let exports = exports.filter(|it| it.command.starts_with("bindery export"));
    let shown: Vec<_> = exports.map(|it| it.output).collect();
    let own = format!("{}/", env.directory.display());
    let printed = [wholly, partly].map(|text| text.replace(&own, ""));
    assert_eq!(shown, printed, "{}", printed.concat());
}
