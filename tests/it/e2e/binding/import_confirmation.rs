//! Between an import and the status that says so: in any case nothing is made twice, and all of it is ours.

use std::time::Duration;

use bindery::crd::{BitbucketConnection, ProjectBinding};
use kube::ResourceExt as _;
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};
use simulators::bitbucket::Fault;

use crate::e2e::binding::bulk_import::{are_ready, bind, listed, listed_with};
use crate::e2e::environment::TestEnvironment;
use crate::e2e::environment::waiting::{condition, says};
use crate::support::server::{Server, simulated};

simulated!(
    a_binding_that_is_imported_says_so_and_keeps_its_intent,
    an_import_that_the_next_listing_lacks_is_corrected,
    a_restarted_operator_finds_unstored_imports,
    unreadable_branches_leave_the_imported_project,
    a_binding_deleted_during_its_import_takes_its_project_along,
    a_binding_edited_during_its_import_has_both,
    a_binding_suspended_during_its_import_remembers_its_project,
    a_connection_deleted_during_an_import_waits_for_its_project,
);

/// What is read of a new project: the last call of its import.
const BRANCHES: &str = "GET /api/project_branches/list";

const DELETING: [&str; 3] = ["--minimum-interval", "10s", "--allow-project-deletion"];

/// Many are bound while it takes so long to read what branches a new project has.
async fn slow_branches(server: Server, delay: Duration) -> (TestEnvironment, Vec<String>) {
    let (env, slugs) = listed_with(server, 30, &DELETING).await;
    let slow = Fault::at(BRANCHES).delay(delay).times(1);
    env.sonarqube.simulated().fault(slow);
    bind(&env, &slugs);
    (env, slugs)
}

/// The binding that was imported, and whose branches are being read: the first that asked for them.
async fn one_that_waits(env: &TestEnvironment) -> ProjectBinding {
    let path = BRANCHES.split(' ').nth(1).unwrap();
    let asked = || {
        let calls = env.sonarqube.simulated().calls();
        let call = calls.iter().find(|call| call.target.starts_with(path))?;
        let (_, slug) = call.target.split_once("=PAY%3A")?;
        Some(slug.to_owned())
    };
    env.eventually("branches are asked for", || asked().is_some())
        .await;
    let slug = asked().unwrap();
    let api = env.api::<ProjectBinding>("payments");
    api.get(&slug).await.unwrap()
}

async fn change(env: &TestEnvironment, name: &str, spec: Value) {
    let api = env.api::<ProjectBinding>("payments");
    let patch = Patch::Merge(json!({"spec": spec}));
    let parameters = PatchParams::default();
    api.patch(name, &parameters, &patch).await.unwrap();
}

/// Whether the status says that Bindery created the project for this object.
fn is_ours(binding: &ProjectBinding) -> bool {
    let status = binding.status.as_ref();
    status.is_some_and(|status| {
        status.sonarqube_project.is_some() && status.record.created_by == binding.metadata.uid
    })
}

/// Promise: an import costs no status of its own. Until its branches are read the object is Reconciling, and its intent
/// shows an operator that starts now what to read.
async fn a_binding_that_is_imported_says_so_and_keeps_its_intent(server: Server) {
    let (env, slugs) = slow_branches(server, Duration::from_secs(3)).await;
    let waits = one_that_waits(&env).await;
    assert!(says(&waits, ("Reconciling", "True")), "{waits:?}");
    let ready = condition(&waits, "Ready").unwrap();
    let message = ready["message"].as_str().unwrap();
    let expected = format!(
        "SonarQube project PAY:{} is being imported",
        waits.name_any()
    );
    assert!(message.starts_with(&expected), "{message}");
    assert_eq!(waits.status.unwrap().sonarqube_project, None);
    for binding in are_ready(&env, &slugs).await {
        assert!(is_ours(&binding), "{binding:?}");
        let note = env.reported_once(&binding, "Imported");
        assert!(note.ends_with("; everything is as declared"), "{note}");
        assert_eq!(env.reasons(&binding), ["Imported"]);
    }
}

/// Promise: an import is taken at its word, and what the next listing does not show of it is drift.
async fn an_import_that_the_next_listing_lacks_is_corrected(server: Server) {
    let (env, slugs) = slow_branches(server, Duration::from_secs(3)).await;
    let slug = one_that_waits(&env).await.name_any();
    let (key, setting) = (format!("PAY:{slug}"), env.setting_id());
    env.sonarqube.re_point(&key, &setting, "PAY/ledger");
    let ready = are_ready(&env, &slugs).await;
    env.reconcile_now("after the imports").await;
    let binding = ready.iter().find(|it| it.name_any() == slug).unwrap();
    let is_reported = || env.reasons(binding) == ["Imported", "DriftCorrected"];
    env.eventually("the drift is reported", is_reported).await;
    let bound = env.sonarqube.bound_to(&key);
    assert_eq!(bound, Some(format!("PAY/{slug}")));
}

/// Promise: an operator that is killed during imports makes nothing twice, and all is ours.
async fn a_restarted_operator_finds_unstored_imports(server: Server) {
    let (mut env, slugs) = slow_branches(server, Duration::from_secs(20)).await;
    one_that_waits(&env).await;
    env.restart_operator(&DELETING);
    for binding in are_ready(&env, &slugs).await {
        assert!(is_ours(&binding), "{binding:?}");
        assert_eq!(binding.status.unwrap().record.intent, None);
    }
    assert_eq!(env.sonarqube.project_keys().len(), slugs.len());
}

/// Promise: what was imported is not forgotten where its branches cannot be read.
async fn unreadable_branches_leave_the_imported_project(server: Server) {
    let (env, slugs) = listed(server, 30).await;
    let sonarqube = env.sonarqube.simulated();
    sonarqube.fault(Fault::at(BRANCHES).answer(500, "{}").times(1));
    bind(&env, &slugs);
    for binding in are_ready(&env, &slugs).await {
        assert!(is_ours(&binding), "{binding:?}");
        env.reported_once(&binding, "Imported");
    }
    assert_eq!(env.sonarqube.project_keys().len(), slugs.len());
}

/// Promise: a deletion undoes what was imported a moment before.
async fn a_binding_deleted_during_its_import_takes_its_project_along(server: Server) {
    let (env, _) = slow_branches(server, Duration::from_secs(3)).await;
    let waits = one_that_waits(&env).await;
    let name = waits.name_any();
    change(&env, &name, json!({"deletionPolicy": "DeleteProject"})).await;
    env.delete_binding("payments", &name).await;
    assert_eq!(env.sonarqube.project(&format!("PAY:{name}")), None);
    assert_eq!(env.reasons(&waits), ["Imported", "ProjectDeleted"]);
}

/// Promise: a change has its effect, and what was imported stays ours: only then its visibility is kept.
async fn a_binding_edited_during_its_import_has_both(server: Server) {
    let (env, _) = slow_branches(server, Duration::from_secs(3)).await;
    let name = one_that_waits(&env).await.name_any();
    let private = json!({"sonarqubeProject": {"visibility": "Private"}});
    change(&env, &name, private).await;
    let ready = env.binding_is("payments", &name, ("Ready", "True")).await;
    assert!(is_ours(&ready), "{ready:?}");
    let project = env.sonarqube.project(&format!("PAY:{name}")).unwrap();
    assert_eq!(project["visibility"], "private");
    env.reported_once(&ready, "Imported");
}

/// Promise: what was imported before an object was suspended is in its status.
async fn a_binding_suspended_during_its_import_remembers_its_project(server: Server) {
    let (env, _) = slow_branches(server, Duration::from_secs(3)).await;
    let name = one_that_waits(&env).await.name_any();
    change(&env, &name, json!({"suspend": true})).await;
    let reason = env.binding_reason("payments", &name, "Suspended");
    reason.await;
    let api = env.api::<ProjectBinding>("payments");
    let suspended = api.get(&name).await.unwrap();
    assert!(is_ours(&suspended), "{suspended:?}");
    change(&env, &name, json!({"suspend": false})).await;
    let ready = env.binding_is("payments", &name, ("Ready", "True")).await;
    assert!(is_ours(&ready), "{ready:?}");
    assert_eq!(ready.status.unwrap().record.intent, None);
}

/// Promise: a connection that is deleted stays until what was imported through it is undone.
async fn a_connection_deleted_during_an_import_waits_for_its_project(server: Server) {
    let (env, slugs) = slow_branches(server, Duration::from_secs(3)).await;
    let name = one_that_waits(&env).await.name_any();
    let connections = env.api::<BitbucketConnection>("platform");
    let parameters = DeleteParams::default();
    connections.delete("bitbucket", &parameters).await.unwrap();
    let remembers = |binding: &ProjectBinding| is_ours(binding);
    env.until("payments", &name, remembers).await;
    for slug in &slugs {
        change(&env, slug, json!({"deletionPolicy": "DeleteProject"})).await;
    }
    let bindings = env.api::<ProjectBinding>("payments");
    for slug in &slugs {
        bindings.delete(slug, &parameters).await.unwrap();
    }
    for slug in &slugs {
        env.gone::<ProjectBinding>("payments", slug).await;
    }
    env.gone::<BitbucketConnection>("platform", "bitbucket")
        .await;
    assert!(env.sonarqube.project_keys().is_empty());
}
