//! Bodies and headers, as real servers were recorded to send them.

use serde_json::{Value, json};

use super::{
    super::Profile,
    client::{READ, WRITE, read, send, start},
};

const REPOSITORY: &str = "/rest/api/1.0/projects/PAY/repos/checkout";

/// The fields that `expected` has and `found` lacks, or has with another JSON type.
fn lacking(expected: &Value, found: &Value, path: &str) -> Vec<String> {
    match (expected, found) {
        (Value::Object(expected), Value::Object(found)) => expected
            .iter()
            .flat_map(|(key, value)| {
                lacking(
                    value,
                    found.get(key).unwrap_or(&Value::Null),
                    &format!("{path}/{key}"),
                )
            })
            .collect(),
        (Value::Array(expected), Value::Array(found)) => expected
            .iter()
            .zip(found.iter().chain(std::iter::repeat(&Value::Null)))
            .flat_map(|(expected, found)| lacking(expected, found, &format!("{path}/*")))
            .collect(),
        (expected, found) if std::mem::discriminant(expected) == std::mem::discriminant(found) => {
            Vec::new()
        }
        _ => vec![path.to_owned()],
    }
}

#[tokio::test]
async fn a_repository_has_every_field_that_was_recorded() {
    let recorded = json!({
        "slug": "s", "id": 1, "name": "n", "scmId": "git", "state": "AVAILABLE",
        "statusMessage": "Available", "forkable": true, "public": false,
        "project": {
            "key": "K", "id": 2, "name": "n", "public": false, "type": "NORMAL",
            "links": { "self": [{ "href": "h" }] },
        },
        "links": {
            "clone": [{ "href": "h", "name": "http" }, { "href": "h", "name": "ssh" }],
            "self": [{ "href": "h" }],
        },
    });
    for profile in Profile::ALL {
        let bitbucket = start(profile).await;
        let found = read(&bitbucket, READ, REPOSITORY).await.json();
        assert_eq!(
            lacking(&recorded, &found, ""),
            Vec::<String>::new(),
            "{profile:?}"
        );
        assert_eq!(
            found["archived"].is_boolean(),
            profile >= Profile::V8_9,
            "{profile:?}"
        );
    }
}

#[tokio::test]
async fn users_and_pages_have_every_field_that_was_recorded() {
    let recorded = json!({
        "size": 1, "limit": 25, "isLastPage": true, "start": 0,
        "values": [{
            "name": "n", "emailAddress": "e", "id": 1, "displayName": "d", "active": true,
            "slug": "s", "type": "NORMAL", "links": { "self": [{ "href": "h" }] },
        }],
    });
    let bitbucket = start(Profile::V9_4).await;
    let found = read(&bitbucket, READ, "/rest/api/1.0/users").await.json();
    assert_eq!(lacking(&recorded, &found, ""), Vec::<String>::new());
}

#[tokio::test]
async fn a_missing_project_has_null_keys_before_nine_and_none_since() {
    let message = "Project NOPE does not exist.";
    let exception = "com.atlassian.bitbucket.project.NoSuchProjectException";
    for profile in Profile::ALL {
        let bitbucket = start(profile).await;
        let answer = read(&bitbucket, READ, "/rest/api/1.0/projects/NOPE").await;
        let expected = if profile >= Profile::V9_4 {
            json!({ "errors": [{ "message": message, "exceptionName": exception }] })
        } else {
            json!({ "errors": [
                { "context": null, "message": message, "exceptionName": exception },
            ] })
        };
        assert_eq!(
            (answer.status, answer.json()),
            (404, expected),
            "{profile:?}"
        );
    }
}

#[tokio::test]
async fn a_missing_repository_is_named_by_key_and_slug() {
    let bitbucket = start(Profile::V9_4).await;
    let answer = read(&bitbucket, READ, "/rest/api/latest/projects/PAY/repos/nope").await;
    let error = &answer.json()["errors"][0];
    assert_eq!(error["message"], "Repository PAY/nope does not exist.");
    let exception = "com.atlassian.bitbucket.repository.NoSuchRepositoryException";
    assert_eq!(error["exceptionName"], exception);
}

#[tokio::test]
async fn an_unknown_route_has_the_body_of_its_rest_stack() {
    for profile in Profile::ALL {
        let bitbucket = start(profile).await;
        let answer = read(&bitbucket, READ, "/rest/api/1.0/nope").await;
        let expected = if profile >= Profile::V9_4 {
            json!({ "message": "HTTP 404 Not Found", "status-code": 404, "sub-code": -1 })
        } else {
            let uri = format!("{}rest/api/1.0/nope", bitbucket.url());
            json!({ "message": format!("null for uri: {uri}"), "status-code": 404 })
        };
        assert_eq!(
            (answer.status, answer.json()),
            (404, expected),
            "{profile:?}"
        );
    }
}

#[tokio::test]
async fn the_older_rest_stack_writes_xml_unless_json_is_accepted() {
    let bitbucket = start(Profile::V7_6).await;
    let answer = send(&bitbucket, "GET /rest/api/1.0/nope", "", "").await;
    assert!(
        answer
            .header("content-type")
            .unwrap()
            .starts_with("application/xml")
    );
    assert!(
        answer.body.contains("<status-code>404</status-code>"),
        "{}",
        answer.body
    );
}

#[tokio::test]
async fn the_default_branch_route_is_there_since_seven() {
    for profile in Profile::ALL {
        let bitbucket = start(profile).await;
        bitbucket.world(|world| world.repository("PAY", "checkout").default_branch = "soon".into());
        let answer = read(&bitbucket, READ, &format!("{REPOSITORY}/default-branch")).await;
        if profile < Profile::V7_6 {
            assert_eq!(
                (answer.status, &answer.json()["errors"]),
                (404, &Value::Null)
            );
        } else {
            let expected =
                json!({ "id": "refs/heads/soon", "displayId": "soon", "type": "BRANCH" });
            assert_eq!(answer.json(), expected, "{profile:?}");
        }
    }
}

#[tokio::test]
async fn the_older_default_branch_route_distinguishes_empty_and_missing() {
    let bitbucket = start(Profile::V9_4).await;
    let path = format!("{REPOSITORY}/branches/default");
    assert_eq!(
        read(&bitbucket, READ, &path).await.json()["isDefault"],
        true
    );
    bitbucket.world(|world| world.repository("PAY", "checkout").default_branch = "soon".into());
    assert_eq!(read(&bitbucket, READ, &path).await.status, 404);
    bitbucket.world(|world| world.repository("PAY", "checkout").branches.clear());
    assert_eq!(read(&bitbucket, READ, &path).await.status, 204);
}

#[tokio::test]
async fn only_json_is_offered() {
    let bitbucket = start(Profile::V9_4).await;
    let headers = format!("authorization: Bearer {READ}\r\naccept: text/csv\r\n");
    let answer = send(&bitbucket, "GET /rest/api/1.0/repos", &headers, "").await;
    assert_eq!((answer.status, answer.body.as_str()), (406, ""));
}

#[tokio::test]
async fn code_insights_takes_a_report_and_refuses_the_thousand_and_first_annotation() {
    let bitbucket = start(Profile::V9_4).await;
    let commit = "0123456789".repeat(4);
    let path = format!(
        "/rest/insights/1.0/projects/PAY/repos/checkout/commits/{commit}/reports/sonarqube"
    );
    let headers = format!("authorization: Bearer {READ}\r\n");
    let missing = read(&bitbucket, READ, &path).await;
    let expected = json!({ "errors": [
        { "context": "reportKey", "message": "No report found with key: sonarqube" },
    ] });
    assert_eq!((missing.status, missing.json()), (404, expected));

    let body = json!({ "title": "Quality", "result": "PASS" }).to_string();
    let put = send(&bitbucket, &format!("PUT {path}"), &headers, &body).await;
    assert_eq!((put.status, &put.json()["key"]), (200, &json!("sonarqube")));

    let annotation = json!({ "message": "m", "severity": "LOW" });
    for (count, status, stored) in [(1000, 204, 1000), (1, 400, 1000)] {
        let body = json!({ "annotations": vec![&annotation; count] }).to_string();
        let line = format!("POST {path}/annotations");
        assert_eq!(
            send(&bitbucket, &line, &headers, &body).await.status,
            status
        );
        let found = read(&bitbucket, READ, &format!("{path}/annotations"))
            .await
            .json();
        assert_eq!(found["totalCount"], stored);
    }
    let stranger = format!("authorization: Bearer {WRITE}\r\n");
    assert_eq!(
        send(&bitbucket, &format!("DELETE {path}"), &stranger, "")
            .await
            .status,
        401
    );
}
