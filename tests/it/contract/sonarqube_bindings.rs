//! Bindings and imports by the SonarQube client, on real servers and on simulated ones, beside a Bitbucket that they call.

use bindery::identity::{ProjectKey, RepositoryPath, SettingId};
use bindery::sonarqube::{
    Binding, BitbucketAnswer, Client, NewBinding, Permission, ProjectBindingRow,
};

use super::bench::{Bench, Site, key};
use crate::support::server::{Kind, Server, everywhere, on};

everywhere!(
    a_new_project_is_bound_and_found_by_its_repository,
    a_server_offers_the_features_of_its_version,
    a_repository_is_imported_under_a_key_of_sonarqubes_choice,
    the_id_of_a_project_is_read_where_no_other_answer_has_it,
);
on!([simulated_26_9, real_26_9, simulated_25_12] => an_existing_project_is_bound_again);

mod simulated_versions {
    use super::*;

    on!([simulated_25_12, simulated_10_7] => a_new_project_is_bound_and_found_by_its_repository);
    on!([simulated_25_12, simulated_10_7, simulated_9_9, simulated_8_9] =>
        a_server_offers_the_features_of_its_version,
        a_repository_is_imported_under_a_key_of_sonarqubes_choice,
        the_id_of_a_project_is_read_where_no_other_answer_has_it,
    );
}

mod other_versions {
    use super::*;

    on!([real_25_12] => an_existing_project_is_bound_again);
    on!([real_25_12, real_10_7] => a_new_project_is_bound_and_found_by_its_repository);
    on!([real_25_12, real_10_7, real_9_9, real_8_9] =>
        a_server_offers_the_features_of_its_version,
        a_repository_is_imported_under_a_key_of_sonarqubes_choice,
        the_id_of_a_project_is_read_where_no_other_answer_has_it,
    );
}

fn repository(slug: &str) -> RepositoryPath {
    RepositoryPath::parse("PAY", slug).unwrap()
}

async fn may_administer(bench: &Bench, key: &ProjectKey) {
    for permission in [Permission::Browse, Permission::Administer] {
        let granted = bench.client.add_user_permission("bindery", permission, key);
        granted.await.unwrap();
    }
}

/// Promise: nothing must be created to find out.
async fn a_server_offers_the_features_of_its_version(server: Server) {
    let bench = Bench::at(server).await;
    let client = &bench.client;
    let expected = server.capabilities();
    assert!(client.has_import_repository().await.unwrap());
    assert_eq!(
        client.has_bindings_listing().await.unwrap(),
        expected.lists_bindings
    );
    // It came with the lists.
    assert_eq!(
        client.has_post_bound_project().await.unwrap(),
        expected.lists_bindings
    );
    assert_eq!(
        client.has_put_bound_project().await.unwrap(),
        server.binds_existing_projects()
    );
    if matches!(server.kind, Kind::Simulated(_)) {
        assert_eq!(bench.sonarqube.project_keys(), [] as [String; 0]);
    }
    let stranger = Client::new(
        super::bench::transport(&bench.sonarqube.url),
        super::bench::token(),
    );
    assert!(stranger.has_import_repository().await.is_err());
    if expected.lists_bindings {
        assert!(stranger.has_post_bound_project().await.is_err());
        assert!(stranger.has_put_bound_project().await.is_err());
        assert!(stranger.has_bindings_listing().await.is_err());
    }
}

async fn all_of(client: &Client, setting: &SettingId) -> Vec<ProjectBindingRow> {
    client.project_bindings(Some(setting)).await.unwrap()
}

async fn a_new_project_is_bound_and_found_by_its_repository(server: Server) {
    let site = Site::with_token(server, "contract-bound").await;
    let client = &site.bench.client;
    let id = site.setting_id().await;
    let project = key("contract:bound");
    let _ = client.delete_project(&project).await;
    let checkout = repository("checkout");
    let new = binding(&project, &id, &checkout);

    let made = client.post_bound_project(&new).await.unwrap();
    assert_eq!(
        made.created,
        server.binds_existing_projects().then_some(true)
    );
    let rows = client.project_bindings_of(&id, &checkout).await.unwrap();
    let expected = ProjectBindingRow {
        id: made.binding.clone(),
        setting: id.clone(),
        project_id: made.project.clone(),
        project_key: project.clone(),
        repository: Some(checkout.clone()),
    };
    assert_eq!(rows, [expected]);
    assert_eq!(all_of(client, &id).await, rows);
    let others = client.project_bindings_of(&id, &repository("ledger")).await;
    assert_eq!(others.unwrap(), []);
    assert_eq!(client.count_binding(&site.setting).await.unwrap(), 1);
    let found = client.project(&project).await.unwrap().unwrap();
    let reported = server.reports_project_ids().then_some(made.project);
    assert_eq!(found.id, reported);
    let bound = client.binding(&project).await.unwrap();
    assert_eq!(bound, Some(expected_binding(&site, &checkout, false)));
    assert_eq!(
        project_of(&site, "checkout").await,
        Some(Some(project.clone()))
    );

    let error = client.post_bound_project(&new).await.unwrap_err();
    assert!(error.is_similar_key(), "{error:?}");
    let gone = NewBinding {
        repository: &repository("nope"),
        ..new.clone()
    };
    let error = client.post_bound_project(&gone).await.unwrap_err();
    let answer = error.bitbucket_answer();
    assert_eq!(answer, Some(BitbucketAnswer::NotFoundOrUnreachable));
    assert!(!error.is_setting_unknown(), "{error:?}");
    let nowhere = NewBinding {
        setting: &SettingId::new("no-such-id"),
        ..new
    };
    let error = client.post_bound_project(&nowhere).await.unwrap_err();
    assert!(error.is_setting_unknown(), "{error:?}");
    client.delete_project(&project).await.unwrap();
    assert_eq!(all_of(client, &id).await, []);
    client.delete_setting(&site.setting).await.unwrap();
}

fn binding<'a>(
    project: &'a ProjectKey,
    setting: &'a SettingId,
    repository: &'a RepositoryPath,
) -> NewBinding<'a> {
    NewBinding {
        project,
        name: "Contract",
        setting,
        repository,
        monorepo: false,
    }
}

fn expected_binding(site: &Site, repository: &RepositoryPath, monorepo: bool) -> Binding {
    Binding {
        platform: "bitbucket".to_owned(),
        setting: site.setting.clone(),
        repository: Some(repository.clone()),
        monorepo,
    }
}

/// Which project a repository is bound to, by the names that Bitbucket has for it.
async fn project_of(site: &Site, slug: &str) -> Option<Option<ProjectKey>> {
    let client = &site.bench.client;
    let names = ("PAY", slug);
    let found = client
        .project_of(&site.setting, &repository(slug), names)
        .await;
    found.unwrap()
}

async fn an_existing_project_is_bound_again(server: Server) {
    let site = Site::with_token(server, "contract-again").await;
    let client = &site.bench.client;
    let id = site.setting_id().await;
    let project = key("contract:again");
    let _ = client.delete_project(&project).await;
    let (checkout, ledger) = (repository("checkout"), repository("ledger"));
    let new = binding(&project, &id, &checkout);

    let made = client.put_bound_project(&new).await.unwrap();
    assert_eq!(made.created, Some(true));
    if server.version == "26.9" {
        let error = client.put_bound_project(&new).await.unwrap_err();
        assert!(error.is_no_access(), "{error:?}");
    }
    may_administer(&site.bench, &project).await;
    let again = client.put_bound_project(&new).await.unwrap();
    assert_eq!(again.created, Some(false));
    assert_eq!(
        (again.project, &again.binding),
        (made.project, &made.binding)
    );

    let other_name = NewBinding {
        name: "contract",
        ..new.clone()
    };
    let error = client.put_bound_project(&other_name).await.unwrap_err();
    assert!(error.is_name_mismatch(), "{error:?}");
    let shouted = key("CONTRACT:again");
    let similar = NewBinding {
        project: &shouted,
        ..new.clone()
    };
    let error = client.put_bound_project(&similar).await.unwrap_err();
    assert!(error.is_similar_key(), "{error:?}");

    let moved = NewBinding {
        repository: &ledger,
        monorepo: true,
        ..new
    };
    let moved = client.put_bound_project(&moved).await.unwrap();
    assert_eq!(moved.binding, made.binding);
    let bound = client.binding(&project).await.unwrap();
    assert_eq!(bound, Some(expected_binding(&site, &ledger, true)));
    assert_eq!(project_of(&site, "checkout").await, Some(None));
    assert_eq!(
        project_of(&site, "ledger").await,
        Some(Some(project.clone()))
    );
    client.delete_project(&project).await.unwrap();
    client.delete_setting(&site.setting).await.unwrap();
}

async fn a_repository_is_imported_under_a_key_of_sonarqubes_choice(server: Server) {
    let site = Site::with_token(server, "contract-import").await;
    let client = &site.bench.client;
    let checkout = repository("checkout");
    assert_eq!(project_of(&site, "checkout").await, Some(None));
    assert_eq!(project_of(&site, "nope").await, None);

    let import = || client.import_repository(&site.setting, &checkout);
    let first = import().await.unwrap();
    assert!(first.as_str().starts_with("PAY_checkout"), "{first:?}");
    may_administer(&site.bench, &first).await;
    let bound = client.binding(&first).await.unwrap();
    assert_eq!(bound, Some(expected_binding(&site, &checkout, false)));
    assert_eq!(
        project_of(&site, "checkout").await,
        Some(Some(first.clone()))
    );

    let personal = RepositoryPath::parse("~jdoe", "tools").unwrap();
    let personal = client.import_repository(&site.setting, &personal).await;
    let mut made = vec![first.clone()];
    if server.version == "8.9" {
        let error = import().await.unwrap_err();
        assert!(error.is_similar_key(), "{error:?}");
        let error = personal.unwrap_err();
        assert!(error.is_malformed_key(), "{error:?}");
    } else {
        let second = import().await.unwrap();
        assert_ne!(second, first);
        made.extend([second, personal.unwrap()]);
    }
    for project in made {
        client.delete_project(&project).await.unwrap();
    }
    client.delete_setting(&site.setting).await.unwrap();
}

async fn the_id_of_a_project_is_read_where_no_other_answer_has_it(server: Server) {
    let bench = Bench::at(server).await;
    let client = &bench.client;
    let project = key("contract:id");
    let _ = client.delete_project(&project).await;
    assert_eq!(client.project_id(&project).await.unwrap(), None);
    bench.sonarqube.create_foreign_project("contract:id", "Id");
    let id = client.project_id(&project).await.unwrap().unwrap();
    let page = bench
        .sonarqube
        .get("api/navigation/component", &[("component", "contract:id")]);
    assert_eq!(page["id"], id.as_str());
    // It stays when the key changes.
    may_administer(&bench, &project).await;
    let moved = key("contract:moved-id");
    let _ = client.delete_project(&moved).await;
    client.update_project_key(&project, &moved).await.unwrap();
    assert_eq!(client.project_id(&moved).await.unwrap(), Some(id));
    assert_eq!(client.project_id(&project).await.unwrap(), None);
    client.delete_project(&moved).await.unwrap();
}
