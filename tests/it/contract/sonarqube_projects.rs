//! Projects by the SonarQube client, on real servers and on simulated ones.

use bindery::identity::ProjectKey;
use bindery::sonarqube::{Client, Error, NewCode, NewProject, Permission, Visibility};

use super::bench::{Bench, key};
use crate::support::server::{Server, everywhere_with_v2};

everywhere_with_v2!(
    a_project_is_created_changed_found_and_deleted,
    errors_of_a_project_are_in_the_words_of_sonarqube,
    main_branch_and_new_code_are_set_and_read,
    a_long_list_is_compressed,
);

/// A project for one test, nothing left of an earlier run.
async fn with_project(client: &Client, name: &str) -> ProjectKey {
    let key = key(name);
    let _ = client.delete_project(&key).await;
    let project = NewProject {
        key: &key,
        name: "Contract",
        visibility: Some(Visibility::Private),
    };
    client.create_project(&project).await.unwrap();
    key
}

async fn a_project_is_created_changed_found_and_deleted(server: Server) {
    let bench = Bench::at(server).await;
    let client = &bench.client;
    let first = with_project(client, "contract:first").await;
    let second = key("contract:second");
    let _ = client.delete_project(&second).await;

    let found = client.project(&first).await.unwrap().unwrap();
    assert_eq!(
        (found.name.as_str(), found.visibility),
        ("Contract", Visibility::Private)
    );
    assert_eq!(found.id.is_some(), server.reports_project_ids());
    assert_eq!(client.binding(&first).await.unwrap(), None);

    let login = client.current_user().await.unwrap().login;
    for permission in [Permission::Browse, Permission::Administer] {
        client
            .add_user_permission(&login, permission, &first)
            .await
            .unwrap();
    }
    client
        .update_visibility(&first, Visibility::Public)
        .await
        .unwrap();
    client.update_project_key(&first, &second).await.unwrap();
    assert_eq!(client.project(&first).await.unwrap(), None);
    let shouted = key("CONTRACT:Second");
    let moved = client.project(&shouted).await.unwrap().unwrap();
    let now = std::time::Duration::ZERO;
    let spelt = client.project_spelt(&second, now, Vec::new).await.unwrap();
    assert_eq!(spelt.as_ref(), Some(&moved));
    assert_eq!(
        client.project_spelt(&shouted, now, Vec::new).await.unwrap(),
        None
    );
    assert_eq!(
        (&moved.key, moved.visibility),
        (&second, Visibility::Public)
    );
    assert_eq!(moved.id, found.id);
    assert_eq!(moved.id.is_some(), server.reports_project_ids());
    assert!(
        client
            .projects::<Vec<_>>()
            .await
            .unwrap()
            .iter()
            .any(|it| it.key == second)
    );

    client.delete_project(&second).await.unwrap();
    assert_eq!(client.project(&second).await.unwrap(), None);
}

async fn errors_of_a_project_are_in_the_words_of_sonarqube(server: Server) {
    let bench = Bench::at(server).await;
    let client = &bench.client;
    let taken = with_project(client, "contract:taken").await;
    let similar = key("CONTRACT:taken");
    let again = NewProject {
        key: &similar,
        name: "x",
        visibility: None,
    };
    let error = client.create_project(&again).await.unwrap_err();
    assert!(error.is_similar_key(), "{error:?}");
    client.delete_project(&taken).await.unwrap();

    let error = client.delete_project(&taken).await.unwrap_err();
    assert_eq!(error.message(), Some("Project 'contract:taken' not found"));
    let error = client.binding(&taken).await.unwrap_err();
    assert_eq!(error.message(), Some("Project 'contract:taken' not found"));
    let error = client
        .update_visibility(&taken, Visibility::Public)
        .await
        .unwrap_err();
    assert!(
        matches!(error, Error::Rejected { status: 400, .. }),
        "{error:?}"
    );
}

async fn main_branch_and_new_code_are_set_and_read(server: Server) {
    let bench = Bench::at(server).await;
    let client = &bench.client;
    let project = with_project(client, "contract:branches").await;
    let login = client.current_user().await.unwrap().login;
    for permission in [Permission::Browse, Permission::Administer] {
        client
            .add_user_permission(&login, permission, &project)
            .await
            .unwrap();
    }
    client.rename_main_branch(&project, "trunk").await.unwrap();
    client.rename_main_branch(&project, "trunk").await.unwrap();
    assert_eq!(
        client.main_branch(&project).await.unwrap().as_deref(),
        Some("trunk")
    );

    client
        .set_new_code(&project, None, &NewCode::Days(30))
        .await
        .unwrap();
    client
        .set_new_code(&project, Some("trunk"), &NewCode::PreviousVersion)
        .await
        .unwrap();
    let listed = [("project", project.as_str())];
    let periods = bench
        .sonarqube
        .get_as_operator("api/new_code_periods/list", &listed);
    let period = &periods["newCodePeriods"][0];
    assert_eq!(
        (&period["branchKey"], &period["type"]),
        (&"trunk".into(), &"PREVIOUS_VERSION".into())
    );
    assert_ne!(period["inherited"], true);
    let error = client
        .set_new_code(&project, None, &NewCode::Days(0))
        .await
        .unwrap_err();
    assert!(
        matches!(error, Error::Rejected { status: 400, .. }),
        "{error:?}"
    );
    client.delete_project(&project).await.unwrap();
}

/// Source of: listings cost a tenth of their bytes.
async fn a_long_list_is_compressed(server: Server) {
    let bench = Bench::at(server).await;
    for nth in 0..24 {
        with_project(&bench.client, &format!("contract:compressed-{nth}")).await;
    }
    let url = format!("{}/api/projects/search?ps=500", bench.sonarqube.url);
    let user = format!("{}:", bench.sonarqube.admin_token());
    let output = std::process::Command::new("curl")
        .args([
            "--silent",
            "--output",
            "/dev/null",
            "--dump-header",
            "-",
            "--user",
            &user,
        ])
        .args(["--header", "Accept-Encoding: gzip", &url])
        .output()
        .unwrap();
    let head = String::from_utf8(output.stdout).unwrap().to_lowercase();
    assert!(head.contains("\ncontent-encoding: gzip"), "{head}");
}
