//! What the API server says to a ProjectBinding.

use serde_json::{Value, json};

use super::cluster::Cluster;
use super::row::{accepted, check, refused, spec};

pub(super) fn binding() -> Value {
    json!({
        "apiVersion": "bindery.dev/v1alpha1",
        "kind": "ProjectBinding",
        "metadata": {"name": "checkout"},
        "spec": {
            "connectionRef": {"name": "bitbucket"},
            "repository": {"project": "PAY", "slug": "checkout"},
        },
    })
}

#[tokio::test]
async fn a_repository_is_named_as_its_url_names_it() {
    let slug = |slug: &str| spec(json!({"repository": {"slug": slug}}));
    let project = |project: &str| spec(json!({"repository": {"project": project}}));
    let rows = vec![
        accepted("any letter case", slug("Payments")),
        accepted("a personal repository", project("~jdoe")),
        refused(
            "no slug",
            json!({"spec": {"repository": {"slug": null}}}),
            "spec.repository.slug: Required value",
        ),
        refused(
            "no repository",
            json!({"spec": {"repository": null}}),
            "spec.repository: Required value",
        ),
        refused(
            "a path",
            slug("a/b"),
            "\"a/b\" is not a Bitbucket repository slug: use the name after /repos/ in the repository URL, for example payments-api",
        ),
        refused(
            "the directory above",
            slug(".."),
            "\"..\" is not a Bitbucket repository slug",
        ),
        refused(
            "this directory",
            slug("."),
            "\".\" is not a Bitbucket repository slug",
        ),
        refused(
            "a display name",
            slug("my repo"),
            "\"my repo\" is not a Bitbucket repository slug",
        ),
        refused(
            "a project above",
            project("PAY/.."),
            "\"PAY/..\" is not a Bitbucket project key: use the name after /projects/ in the repository URL, for example PAY, or ~jdoe for a personal repository",
        ),
        refused(
            "a tilde inside",
            project("j~doe"),
            "\"j~doe\" is not a Bitbucket project key",
        ),
        refused(
            "129 characters",
            slug(&"a".repeat(129)),
            "may not be more than 128",
        ),
    ];
    check(&binding(), rows).await;
}

#[tokio::test]
async fn a_project_key_follows_the_rules_of_sonarqube() {
    let key = |key: &str| spec(json!({"sonarqubeProject": {"key": key}}));
    let rule = "sonarqubeProject.key may hold letters, digits, '-', '_', '.' and ':', and needs at least one character that is not a digit";
    let rows = vec![
        accepted("the default form", key("PAY:checkout")),
        accepted("a digit first", key("1a")),
        refused("digits only", key("12345"), rule),
        refused("a space", key("my project"), rule),
        refused("empty", key(""), "should be at least 1 chars long"),
        accepted("400 characters", key(&"a".repeat(400))),
        refused(
            "401 characters",
            key(&"a".repeat(401)),
            "may not be more than 400",
        ),
    ];
    check(&binding(), rows).await;
}

#[tokio::test]
async fn modes_that_create_no_default_project_need_a_key() {
    let key = json!({"key": "checkout"});
    let bind = "sonarqubeProject.key is required when mode is Bind";
    let monorepo = "sonarqubeProject.key is required when monorepo is true";
    let rows = vec![
        refused("Bind", spec(json!({"mode": "Bind"})), bind),
        refused(
            "Bind with a name only",
            spec(json!({"mode": "Bind", "sonarqubeProject": {"name": "a"}})),
            bind,
        ),
        accepted(
            "Bind with a key",
            spec(json!({"mode": "Bind", "sonarqubeProject": key})),
        ),
        refused("monorepo", spec(json!({"monorepo": true})), monorepo),
        accepted(
            "monorepo with a key",
            spec(json!({"monorepo": true, "sonarqubeProject": key})),
        ),
        refused(
            "monorepo in words",
            spec(json!({"monorepo": "yes"})),
            "must be of type boolean: \"string\"",
        ),
    ];
    check(&binding(), rows).await;
}

#[tokio::test]
async fn new_code_has_exactly_one_definition() {
    let new_code =
        |definition: Value| spec(json!({"sonarqubeProject": {"newCodeDefinition": definition}}));
    let days = "newCodeDefinition.days goes with type NumberOfDays, and only with it";
    let branch = "newCodeDefinition.branch goes with type ReferenceBranch, and only with it";
    let rows = vec![
        accepted(
            "previous version",
            new_code(json!({"type": "PreviousVersion"})),
        ),
        accepted(
            "days",
            new_code(json!({"type": "NumberOfDays", "days": 90})),
        ),
        accepted(
            "a branch",
            new_code(json!({"type": "ReferenceBranch", "branch": "main"})),
        ),
        refused(
            "no type",
            new_code(json!({"days": 30})),
            "newCodeDefinition.type: Required value",
        ),
        refused("no days", new_code(json!({"type": "NumberOfDays"})), days),
        refused(
            "days too many",
            new_code(json!({"type": "PreviousVersion", "days": 30})),
            days,
        ),
        refused(
            "no branch",
            new_code(json!({"type": "ReferenceBranch"})),
            branch,
        ),
        refused(
            "a branch too many",
            new_code(json!({"type": "NumberOfDays", "days": 30, "branch": "main"})),
            branch,
        ),
        refused(
            "0 days",
            new_code(json!({"type": "NumberOfDays", "days": 0})),
            "should be greater than or equal to 1",
        ),
        refused(
            "91 days",
            new_code(json!({"type": "NumberOfDays", "days": 91})),
            "should be less than or equal to 90",
        ),
        refused(
            "half a day",
            new_code(json!({"type": "NumberOfDays", "days": 0.5})),
            "must be of type integer: \"number\"",
        ),
    ];
    check(&binding(), rows).await;
}

#[tokio::test]
async fn words_of_a_list_are_spelled_exactly() {
    let rows = vec![
        refused(
            "mode",
            spec(json!({"mode": "import"})),
            "supported values: \"ImportOrBind\", \"Import\", \"Bind\"",
        ),
        refused(
            "deletionPolicy",
            spec(json!({"deletionPolicy": "Delete"})),
            "supported values: \"Unbind\", \"Orphan\", \"DeleteProject\"",
        ),
        refused(
            "managementPolicy",
            spec(json!({"managementPolicy": "Read"})),
            "supported values: \"Full\", \"Observe\"",
        ),
        refused(
            "visibility",
            spec(json!({"sonarqubeProject": {"visibility": "private"}})),
            "supported values: \"Private\", \"Public\"",
        ),
        refused(
            "visibilityPolicy",
            spec(json!({"sonarqubeProject": {"visibilityPolicy": "Adopted"}})),
            "supported values: \"Created\", \"Always\"",
        ),
        refused(
            "onRepositoryMoved",
            spec(json!({"onRepositoryMoved": true})),
            "supported values: \"Report\", \"Follow\"",
        ),
        refused(
            "kind of a connection",
            spec(json!({"connectionRef": {"kind": "GitHubConnection"}})),
            "supported values: \"BitbucketConnection\"",
        ),
    ];
    check(&binding(), rows).await;
}

#[tokio::test]
async fn names_are_bounded_and_unknown_fields_named() {
    let rows = vec![
        refused(
            "a slip",
            spec(json!({"mod": "Bind"})),
            "unknown field \"spec.mod\"",
        ),
        refused(
            "no connection",
            json!({"spec": {"connectionRef": null}}),
            "spec.connectionRef: Required value",
        ),
        accepted(
            "a name of 200 characters",
            json!({"metadata": {"name": "a".repeat(200)}}),
        ),
        refused(
            "a name of 201 characters",
            json!({"metadata": {"name": "a".repeat(201)}}),
            "metadata.name must be at most 200 characters",
        ),
        refused(
            "a project name of 256 characters",
            spec(json!({"sonarqubeProject": {"name": "a".repeat(256)}})),
            "may not be more than 255",
        ),
    ];
    check(&binding(), rows).await;
}

#[tokio::test]
async fn omitted_fields_get_the_described_defaults() {
    let mut object = binding();
    object["spec"]["sonarqubeProject"] = json!({});
    let admitted = Cluster::connect().await.admit(&object).await.unwrap();
    let expected = json!({
        "connectionRef": {"kind": "BitbucketConnection", "name": "bitbucket"},
        "sonarqubeProject": {"visibilityPolicy": "Created"},
        "repository": {"project": "PAY", "slug": "checkout"},
        "mode": "ImportOrBind",
        "monorepo": false,
        "onRepositoryMoved": "Report",
        "managementPolicy": "Full",
        "suspend": false,
    });
    assert_eq!(admitted["spec"], expected);
}
