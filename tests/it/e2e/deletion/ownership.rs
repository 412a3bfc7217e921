//! Nothing is ever deleted that Bindery did not make for the very object that goes.

use bindery::crd::ProjectBinding;
use kube::ResourceExt as _;
use serde_json::json;

use crate::e2e::environment::TestEnvironment;
use crate::support::server::{Server, everywhere, on};

everywhere!(a_project_that_bindery_made_goes_only_when_both_words_say_so);
on!([simulated_26_9, real_26_9] => a_project_made_by_hand_survives_every_deletion_policy);

const DELETING: &[&str] = &["--minimum-interval", "10s", "--allow-project-deletion"];
const POLICIES: [&str; 3] = ["Orphan", "Unbind", "DeleteProject"];

/// The name under which a policy goes in this test.
fn lower(policy: &str) -> String {
    policy.to_lowercase()
}

/// Promise: `DeleteProject` is about projects that Bindery created; drift that it corrected makes none its own.
async fn a_project_made_by_hand_survives_every_deletion_policy(server: Server) {
    let env = TestEnvironment::set_with(server, DELETING).await;
    env.bitbucket.world(|world| {
        for policy in POLICIES {
            world.repository("PAY", &format!("given-{}", lower(policy)));
            world.repository("PAY", &format!("adopted-{}", lower(policy)));
        }
    });
    // So long that nothing is corrected before all is edited.
    env.connection(json!({"interval": "1h", "access": [{
        "name": "payments",
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "payments"}},
        "repositories": ["PAY/*"], "sonarqubeProjects": ["given-*", "adopted-*", "PAY:*"],
    }]}));
    env.connection_is("bitbucket", ("Ready", "True")).await;
    let setting = env.setting_id();
    let mut names = Vec::new();
    for policy in POLICIES {
        let name = format!("given-{}", lower(policy));
        env.sonarqube.create_project(&name, &name);
        let change =
            json!({"sonarqubeProject": {"key": name}, "mode": "Bind", "deletionPolicy": policy});
        env.binding("payments", &name, &format!("PAY/{name}"), change);
        names.push(name);
        let name = format!("adopted-{}", lower(policy));
        let repository = format!("PAY/{name}");
        env.sonarqube.bind(&name, &name, &setting, &repository);
        env.sonarqube.let_operator_administer(&name);
        let change = json!({"deletionPolicy": policy});
        env.binding("payments", &name, &repository, change);
        names.push(name);
    }
    for name in &names {
        let binding = env.binding_is("payments", name, ("Ready", "True")).await;
        let status = binding.status.unwrap();
        assert_eq!(&status.sonarqube_project.unwrap().key, name);
        assert_eq!(status.record.created_by, None);
    }
    assert_corrected(&env, &setting, &names).await;
    env.kubectl(&["delete", "pbind", "--all", "--namespace", "payments"]);
    let mut left = env.sonarqube.project_keys();
    left.sort();
    names.sort();
    assert_eq!(left, names);
    for name in &names {
        let own = format!("PAY/{name}");
        assert_eq!(env.sonarqube.bound_to(name), Some(own));
    }
}

/// Points these projects elsewhere, and waits until they are pointed back by bindings that made none of them.
async fn assert_corrected(env: &TestEnvironment, setting: &str, names: &[String]) {
    for name in names {
        env.sonarqube.re_point(name, setting, "PAY/checkout");
    }
    env.reconcile_now("after the drift").await;
    for name in names {
        let mended = |binding: &ProjectBinding| {
            let status = binding.status.as_ref();
            status.is_some_and(|status| status.record.bound_by == binding.uid())
        };
        let binding = env.until("payments", name, mended).await;
        let record = binding.status.unwrap().record;
        assert_eq!(record.created_by, None, "mending is not making");
        let own = format!("PAY/{name}");
        let corrected = || env.sonarqube.bound_to(name).as_ref() == Some(&own);
        env.eventually(&format!("{name} is corrected"), corrected)
            .await;
    }
}

/// Promise: a project goes only with `DeleteProject` and `--allow-project-deletion`, and only while it is the one
/// that Bindery made.
async fn a_project_that_bindery_made_goes_only_when_both_words_say_so(server: Server) {
    let mut env = TestEnvironment::set_with(server, DELETING).await;
    let slugs = ["doomed", "kept", "recreated", "observed", "unflagged"];
    env.bitbucket.world(|world| {
        for slug in slugs {
            world.repository("PAY", slug);
        }
    });
    // So long that no sweep comes between what a person does and the deletion.
    env.connection(json!({"interval": "1h"}));
    let mut bindings = std::collections::BTreeMap::new();
    for slug in slugs {
        let policy = if slug == "kept" {
            "Unbind"
        } else {
            "DeleteProject"
        };
        let change = json!({"deletionPolicy": policy});
        env.binding("payments", slug, &format!("PAY/{slug}"), change);
    }
    for slug in slugs {
        let binding = env.binding_is("payments", slug, ("Ready", "True")).await;
        let record = &binding.status.as_ref().unwrap().record;
        assert_eq!(record.created_by, binding.uid(), "{slug}");
        bindings.insert(slug, binding);
    }

    env.delete_binding("payments", "doomed").await;
    assert_eq!(env.sonarqube.project("PAY:doomed"), None);
    env.reported_once(&bindings["doomed"], "ProjectDeleted");

    env.delete_binding("payments", "kept").await;
    assert!(env.sonarqube.project("PAY:kept").is_some());

    let key = "PAY:recreated";
    let project = [("project", key)];
    env.sonarqube.post("api/projects/delete", &project);
    let setting = env.setting_id();
    env.sonarqube
        .bind(key, "recreated", &setting, "PAY/recreated");
    env.delete_binding("payments", "recreated").await;
    assert_eq!(
        env.sonarqube.bound_to(key).as_deref(),
        Some("PAY/recreated"),
        "another project of the same key is not the one that Bindery made"
    );
    env.reported_once(&bindings["recreated"], "Orphaned");

    env.restart_operator(&["--minimum-interval", "10s"]);
    env.delete_binding("payments", "unflagged").await;
    assert!(env.sonarqube.project("PAY:unflagged").is_some());
    let note = env.reported_once(&bindings["unflagged"], "Orphaned");
    assert!(note.contains("--allow-project-deletion"), "{note}");

    env.restart_operator(DELETING);
    env.connection(json!({"interval": "1h", "managementPolicy": "Observe"}));
    env.connection_is("bitbucket", ("Ready", "True")).await;
    env.delete_binding("payments", "observed").await;
    assert!(env.sonarqube.project("PAY:observed").is_some());
}
