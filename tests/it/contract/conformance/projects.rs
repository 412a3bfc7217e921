//! Projects, their branches, their new code.

use super::conversation::{Conversation, Who};

const CREATE: &str = "api/projects/create";
const SEARCH: &str = "api/projects/search";
const VISIBILITY: &str = "api/projects/update_visibility";
const KEY: &str = "api/projects/update_key";
const DELETE: &str = "api/projects/delete";

pub(super) async fn a_project_lives(talk: &mut Conversation) {
    talk.get(SEARCH, &[]).await;
    for (key, name) in [("a:1", "First"), ("a:2", "second"), ("B-3", "Third")] {
        talk.post(
            CREATE,
            &[
                ("project", key),
                ("name", name),
                ("visibility", "private"),
                ("mainBranch", "develop"),
            ],
        )
        .await;
    }
    talk.post(CREATE, &[("project", "open"), ("name", "Open")])
        .await;
    for query in [
        vec![],
        vec![("q", "a:")],
        vec![("q", "SECOND")],
        vec![("projects", "a:1,nope,B-3")],
        vec![("projects", "A:1")],
        vec![("ps", "1")],
        vec![("ps", "2"), ("p", "2")],
        vec![("ps", "500"), ("p", "9")],
        vec![("ps", "501")],
        vec![("ps", "0")],
        vec![("ps", "x")],
        vec![("p", "x")],
        vec![("p", "0")],
        vec![("visibility", "public")],
        vec![("projectKeys", "A:1,nope")],
        vec![("projectKeys", "a:1"), ("projects", "B-3")],
        vec![("projectKeys", "a:1"), ("q", "second")],
    ] {
        talk.get(SEARCH, &query).await;
    }
    for query in [
        vec![],
        vec![("ps", "1")],
        vec![("ps", "1"), ("p", "2")],
        vec![("ps", "501")],
        vec![("p", "0")],
    ] {
        talk.browsed("api/components/search_projects", &query).await;
    }
    for key in ["a:1", "open", "OPEN", "nope"] {
        talk.browsed("api/components/show", &[("component", key)])
            .await;
    }
    talk.browsed("api/components/show", &[]).await;
    for parameter in ["projects", "projectKeys"] {
        for count in [1000, 1001] {
            let keys = vec!["a:1"; count].join(",");
            talk.get(SEARCH, &[(parameter, &keys)]).await;
        }
    }
    talk.get("api/alm_settings/get_binding", &[("project", "a:1")])
        .await;
    talk.post(VISIBILITY, &[("project", "a:1"), ("visibility", "public")])
        .await;
    for permission in ["user", "admin"] {
        talk.post(
            "api/permissions/add_user",
            &[
                ("login", "bindery"),
                ("projectKey", "a:1"),
                ("permission", permission),
            ],
        )
        .await;
    }
    talk.get("api/alm_settings/get_binding", &[("project", "a:1")])
        .await;
    for visibility in ["public", "public", "private", "odd"] {
        talk.post(
            VISIBILITY,
            &[("project", "a:1"), ("visibility", visibility)],
        )
        .await;
    }
    talk.post(KEY, &[("from", "a:1"), ("to", "a:9")]).await;
    talk.post(KEY, &[("from", "a:9"), ("to", "a:9")]).await;
    talk.post(KEY, &[("from", "a:9"), ("to", "a:2")]).await;
    talk.post(KEY, &[("from", "nope"), ("to", "a:2")]).await;
    talk.post(KEY, &[("from", "a:9"), ("to", "a b")]).await;
    talk.get(SEARCH, &[("q", "a:")]).await;
    talk.post(DELETE, &[("project", "a:9")]).await;
    talk.post(DELETE, &[("project", "a:9")]).await;
    talk.get(SEARCH, &[]).await;
}

pub(super) async fn a_project_is_refused(talk: &mut Conversation) {
    let long = "x".repeat(401);
    let name = ("name", "Name");
    talk.post(CREATE, &[("project", "taken"), name]).await;
    for length in [500, 501] {
        let (key, name) = (format!("long-{length}"), "n".repeat(length));
        talk.post(CREATE, &[("project", &key), ("name", &name)])
            .await;
    }
    for parameters in [
        vec![],
        vec![("project", "x")],
        vec![name],
        vec![("project", "taken"), name],
        vec![("project", "TAKEN"), name],
        vec![("project", "a b"), name],
        vec![("project", "123"), name],
        vec![("project", &*long), name],
        vec![("project", "x"), name, ("visibility", "odd")],
    ] {
        talk.post(CREATE, &parameters).await;
    }
    talk.post(DELETE, &[]).await;
    let component = [("component", "nope")];
    talk.get("api/navigation/component", &component).await;
    talk.get("api/navigation/component", &[]).await;
    for path in [
        "api/alm_settings/get_binding",
        "api/project_branches/list",
        "api/project_pull_requests/list",
        "api/new_code_periods/list",
        "api/new_code_periods/show",
    ] {
        talk.get(path, &[("project", "nope")]).await;
        talk.get(path, &[]).await;
    }
    talk.post(VISIBILITY, &[("project", "nope"), ("visibility", "public")])
        .await;
    talk.post(
        "api/project_branches/rename",
        &[("project", "nope"), ("name", "x")],
    )
    .await;
    talk.post(
        "api/new_code_periods/set",
        &[("project", "nope"), ("type", "PREVIOUS_VERSION")],
    )
    .await;
    talk.post(
        "api/permissions/add_user",
        &[
            ("login", "bindery"),
            ("projectKey", "nope"),
            ("permission", "admin"),
        ],
    )
    .await;
    talk.post(
        "api/permissions/add_user",
        &[
            ("login", "nobody"),
            ("projectKey", "taken"),
            ("permission", "admin"),
        ],
    )
    .await;
    talk.post(
        "api/permissions/add_user",
        &[
            ("login", "bindery"),
            ("projectKey", "taken"),
            ("permission", "odd"),
        ],
    )
    .await;
    talk.post(
        "api/permissions/add_user",
        &[("login", "bindery"), ("projectKey", "taken")],
    )
    .await;
    talk.get(SEARCH, &[]).await;
}

pub(super) async fn branches_and_new_code(talk: &mut Conversation) {
    talk.by(Who::Administrator);
    talk.post(
        CREATE,
        &[
            ("project", "p"),
            ("name", "P"),
            ("visibility", "private"),
            ("mainBranch", "develop"),
        ],
    )
    .await;
    talk.by(Who::Bindery);
    let project = ("project", "p");
    let set = "api/new_code_periods/set";
    talk.get("api/project_branches/list", &[project]).await;
    talk.get("api/project_pull_requests/list", &[project]).await;
    talk.get("api/new_code_periods/list", &[project]).await;
    talk.post("api/project_branches/rename", &[project, ("name", "x")])
        .await;
    talk.post(set, &[project, ("type", "PREVIOUS_VERSION")])
        .await;
    for permission in ["user", "admin"] {
        talk.post(
            "api/permissions/add_user",
            &[
                ("login", "bindery"),
                ("projectKey", "p"),
                ("permission", permission),
            ],
        )
        .await;
        talk.get("api/project_branches/list", &[project]).await;
        talk.post("api/project_branches/rename", &[project, ("name", "trunk")])
            .await;
        talk.post(set, &[project, ("type", "NUMBER_OF_DAYS"), ("value", "30")])
            .await;
    }
    talk.post("api/project_branches/rename", &[project, ("name", "trunk")])
        .await;
    talk.post(
        "api/project_branches/rename",
        &[project, ("name", "with space")],
    )
    .await;
    talk.post("api/project_branches/rename", &[project]).await;
    talk.post(
        "api/project_branches/set_main",
        &[project, ("branch", "nope")],
    )
    .await;
    talk.get("api/project_branches/list", &[project]).await;
    let branch = ("branch", "with space");
    for parameters in [
        vec![project, ("type", "NUMBER_OF_DAYS"), ("value", "0")],
        vec![project, ("type", "NUMBER_OF_DAYS"), ("value", "91")],
        vec![project, ("type", "NUMBER_OF_DAYS"), ("value", "x")],
        vec![project, ("type", "NUMBER_OF_DAYS")],
        vec![project, ("type", "FOO")],
        vec![project],
        vec![project, ("type", "PREVIOUS_VERSION"), ("value", "x")],
        vec![project, ("type", "REFERENCE_BRANCH"), ("value", "main")],
        vec![project, branch, ("type", "NUMBER_OF_DAYS"), ("value", "7")],
        vec![
            project,
            ("branch", "nope"),
            ("type", "NUMBER_OF_DAYS"),
            ("value", "7"),
        ],
        vec![project, branch, ("type", "PREVIOUS_VERSION")],
    ] {
        talk.post(set, &parameters).await;
        talk.get("api/new_code_periods/list", &[project]).await;
        talk.get("api/new_code_periods/show", &[project]).await;
        talk.get("api/new_code_periods/show", &[project, branch])
            .await;
    }
    talk.post("api/new_code_periods/unset", &[project, branch])
        .await;
    talk.get("api/new_code_periods/list", &[project]).await;
}
