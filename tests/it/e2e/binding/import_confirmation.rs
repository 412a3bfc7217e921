//! Between an import and the listing that confirms it: in any case nothing is made twice, and all of it is ours.

use std::time::Duration;

use bindery::crd::{BitbucketConnection, ProjectBinding};
use kube::ResourceExt as _;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use serde_json::{Value, json};
use simulators::bitbucket::Fault;

use crate::e2e::binding::bulk_import::{are_ready, bind, listed, listed_with};
use crate::e2e::environment::Stage;
use crate::e2e::environment::waiting::{condition, says};
use crate::support::server::{Server, simulated};

simulated!(
    a_binding_that_waits_for_the_listing_says_so_and_keeps_its_intent,
    what_the_listing_does_not_show_is_looked_up,
    a_killed_operator_finds_what_was_not_read_back,
    a_listing_that_fails_leaves_what_was_imported,
    a_binding_deleted_before_the_listing_takes_its_project_along,
    a_binding_edited_before_the_listing_has_both,
    a_binding_suspended_before_the_listing_remembers_its_project,
    a_connection_deleted_before_the_listing_waits_for_what_was_imported,
);

/// The first call of a sweep.
const SWEEP: &str = "GET /api/alm_settings/count_binding";

const DELETING: [&str; 3] = ["--minimum-interval", "10s", "--allow-project-deletion"];

/// Many are bound while the next listing takes so long.
async fn slow_listing(server: Server, delay: Duration) -> (Stage, Vec<String>) {
    let (stage, slugs) = listed_with(server, 30, &DELETING).await;
    let slow = Fault::at(SWEEP).delay(delay).times(1);
    stage.sonarqube.simulated().fault(slow);
    bind(&stage, &slugs);
    (stage, slugs)
}

/// A binding that was written, and waits for the listing.
async fn one_that_waits(stage: &Stage) -> ProjectBinding {
    let api = stage.api::<ProjectBinding>("payments");
    for _ in 0..500 {
        let all = api.list(&ListParams::default()).await.unwrap();
        let waits = |binding: &&ProjectBinding| {
            let status = binding.status.as_ref();
            let key = format!("PAY:{}", binding.name_any());
            status.is_some_and(|status| status.record.intent.is_some())
                && stage.sonarqube.bound_to(&key).is_some()
        };
        if let Some(found) = all.iter().find(waits) {
            return found.clone();
        }
    }
    panic!("no binding waits for the listing");
}

async fn change(stage: &Stage, name: &str, spec: Value) {
    let api = stage.api::<ProjectBinding>("payments");
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

/// Promise: an import costs no status of its own. Until a listing shows it the object is Reconciling, and its intent
/// shows an operator that starts now what to read.
async fn a_binding_that_waits_for_the_listing_says_so_and_keeps_its_intent(server: Server) {
    let (stage, slugs) = slow_listing(server, Duration::from_secs(3)).await;
    let waits = one_that_waits(&stage).await;
    assert!(says(&waits, ("Reconciling", "True")), "{waits:?}");
    let ready = condition(&waits, "Ready").unwrap();
    let message = ready["message"].as_str().unwrap();
    let expected = format!(
        "SonarQube project PAY:{} is being imported",
        waits.name_any()
    );
    assert!(message.starts_with(&expected), "{message}");
    assert_eq!(waits.status.unwrap().sonarqube_project, None);
    for binding in are_ready(&stage, &slugs).await {
        assert!(is_ours(&binding), "{binding:?}");
        let note = stage.told_once(&binding, "Imported");
        assert!(note.ends_with("; everything is as declared"), "{note}");
        assert_eq!(stage.reasons(&binding), ["Imported"]);
    }
}

/// Promise: Ready means that a server has shown what was declared.
async fn what_the_listing_does_not_show_is_looked_up(server: Server) {
    let (stage, slugs) = slow_listing(server, Duration::from_secs(3)).await;
    let slug = one_that_waits(&stage).await.name_any();
    let (key, setting) = (format!("PAY:{slug}"), stage.setting_id());
    stage.sonarqube.re_point(&key, &setting, "PAY/ledger");
    are_ready(&stage, &slugs).await;
    let bound = stage.sonarqube.bound_to(&key);
    assert_eq!(bound, Some(format!("PAY/{slug}")));
}

/// Promise: an operator that is killed while bindings wait for the listing makes nothing twice, and all is ours.
async fn a_killed_operator_finds_what_was_not_read_back(server: Server) {
    let (mut stage, slugs) = slow_listing(server, Duration::from_secs(20)).await;
    one_that_waits(&stage).await;
    stage.restart_operator(&DELETING);
    for binding in are_ready(&stage, &slugs).await {
        assert!(is_ours(&binding), "{binding:?}");
        assert_eq!(binding.status.unwrap().record.intent, None);
    }
    assert_eq!(stage.sonarqube.project_keys().len(), slugs.len());
}

/// Promise: who waited for a listing that failed asks the servers, and what it did is not forgotten.
async fn a_listing_that_fails_leaves_what_was_imported(server: Server) {
    let (stage, slugs) = listed(server, 30).await;
    let sonarqube = stage.sonarqube.simulated();
    let failing = Fault::at(SWEEP).answer(500, "{}").times(1);
    sonarqube.fault(failing.delay(Duration::from_secs(1)));
    bind(&stage, &slugs);
    one_that_waits(&stage).await;
    for binding in are_ready(&stage, &slugs).await {
        assert!(is_ours(&binding), "{binding:?}");
        stage.told_once(&binding, "Imported");
    }
    assert_eq!(stage.sonarqube.project_keys().len(), slugs.len());
}

/// Promise: a deletion does not wait for the listing, and undoes what was imported.
async fn a_binding_deleted_before_the_listing_takes_its_project_along(server: Server) {
    let (stage, _) = slow_listing(server, Duration::from_secs(20)).await;
    let waits = one_that_waits(&stage).await;
    let name = waits.name_any();
    change(&stage, &name, json!({"deletionPolicy": "DeleteProject"})).await;
    stage.delete_binding("payments", &name).await;
    assert_eq!(stage.sonarqube.project(&format!("PAY:{name}")), None);
    assert_eq!(stage.reasons(&waits), ["Imported", "ProjectDeleted"]);
}

/// Promise: a change does not wait for the listing, and what was imported stays ours: only then its visibility is kept.
async fn a_binding_edited_before_the_listing_has_both(server: Server) {
    let (stage, _) = slow_listing(server, Duration::from_secs(20)).await;
    let name = one_that_waits(&stage).await.name_any();
    let private = json!({"sonarqubeProject": {"visibility": "Private"}});
    change(&stage, &name, private).await;
    let ready = stage.binding_is("payments", &name, ("Ready", "True")).await;
    assert!(is_ours(&ready), "{ready:?}");
    let project = stage.sonarqube.project(&format!("PAY:{name}")).unwrap();
    assert_eq!(project["visibility"], "private");
    stage.told_once(&ready, "Imported");
}

/// Promise: what was imported before an object was suspended is in its status.
async fn a_binding_suspended_before_the_listing_remembers_its_project(server: Server) {
    let (stage, _) = slow_listing(server, Duration::from_secs(20)).await;
    let name = one_that_waits(&stage).await.name_any();
    change(&stage, &name, json!({"suspend": true})).await;
    let reason = stage.binding_reason("payments", &name, "Suspended");
    reason.await;
    let api = stage.api::<ProjectBinding>("payments");
    let suspended = api.get(&name).await.unwrap();
    assert!(is_ours(&suspended), "{suspended:?}");
    change(&stage, &name, json!({"suspend": false})).await;
    let ready = stage.binding_is("payments", &name, ("Ready", "True")).await;
    assert!(is_ours(&ready), "{ready:?}");
    assert_eq!(ready.status.unwrap().record.intent, None);
}

/// Promise: a connection that is deleted stays until what was imported through it is undone.
async fn a_connection_deleted_before_the_listing_waits_for_what_was_imported(server: Server) {
    let (stage, slugs) = slow_listing(server, Duration::from_secs(20)).await;
    let name = one_that_waits(&stage).await.name_any();
    let connections = stage.api::<BitbucketConnection>("platform");
    let parameters = DeleteParams::default();
    connections.delete("bitbucket", &parameters).await.unwrap();
    let remembers = |binding: &ProjectBinding| is_ours(binding);
    stage.until("payments", &name, remembers).await;
    for slug in &slugs {
        change(&stage, slug, json!({"deletionPolicy": "DeleteProject"})).await;
    }
    let bindings = stage.api::<ProjectBinding>("payments");
    for slug in &slugs {
        bindings.delete(slug, &parameters).await.unwrap();
    }
    for slug in &slugs {
        stage.gone::<ProjectBinding>("payments", slug).await;
    }
    stage
        .gone::<BitbucketConnection>("platform", "bitbucket")
        .await;
    assert!(stage.sonarqube.project_keys().is_empty());
}
