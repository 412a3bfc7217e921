//! Names that change, and names that were.

use super::{
    super::{Bitbucket, Profile, Right},
    client::{READ, read, send, start},
};

const OLD: &str = "/rest/api/1.0/projects/PAY/repos/checkout";

#[tokio::test]
async fn names_are_found_in_any_letter_case_and_answered_in_the_canonical_one() {
    let bitbucket = start(Profile::V9_4).await;
    let path = "/rest/api/latest/projects/pay/repos/CheckOut";
    let found = read(&bitbucket, READ, path).await.json();
    assert_eq!(
        (&found["slug"], &found["project"]["key"]),
        (&"checkout".into(), &"PAY".into())
    );
    let clone = found["links"]["clone"][0]["href"].as_str().unwrap();
    assert!(clone.ends_with("/scm/pay/checkout.git"), "{clone}");
}

#[tokio::test]
async fn a_renamed_repository_redirects_until_its_old_slug_is_taken() {
    let bitbucket = start(Profile::V9_4).await;
    let id = bitbucket.world(|world| world.repository("PAY", "checkout").id);
    bitbucket.world(|world| {
        world
            .rename_repository("PAY", "checkout", "Check Out")
            .unwrap();
    });
    let answer = read(&bitbucket, READ, &format!("{OLD}/branches?limit=3")).await;
    let new = format!(
        "{}rest/api/1.0/projects/PAY/repos/check-out/branches?limit=3",
        bitbucket.url()
    );
    assert_eq!(
        (answer.status, answer.header("location")),
        (307, Some(new.as_str()))
    );
    let moved = read(
        &bitbucket,
        READ,
        "/rest/api/1.0/projects/PAY/repos/check-out",
    )
    .await
    .json();
    assert_eq!(
        (&moved["id"], &moved["name"]),
        (&id.into(), &"Check Out".into())
    );

    bitbucket.world(|world| {
        world.repository("PAY", "checkout");
    });
    let reused = read(&bitbucket, READ, OLD).await;
    assert_eq!(reused.status, 200);
    assert_ne!(reused.json()["id"], id);
}

#[tokio::test]
async fn a_move_redirects_to_the_other_project_under_the_context_path() {
    let bitbucket = Bitbucket::start_under(Profile::V9_4, "/bitbucket")
        .await
        .unwrap();
    bitbucket.world(|world| {
        world.repository("PAY", "checkout");
        world.project("OPS");
        world.settings.redirect_status = 301;
        world.grant_project("reader", "OPS", Right::Read);
        world.token(READ, "reader", &[super::super::Permission::RepoRead]);
        world.move_repository("PAY", "checkout", "OPS").unwrap();
    });
    let answer = read(&bitbucket, READ, &format!("/bitbucket{OLD}")).await;
    let new = format!(
        "{}/rest/api/1.0/projects/OPS/repos/checkout",
        bitbucket.url()
    );
    assert_eq!(
        (answer.status, answer.header("location")),
        (301, Some(new.as_str()))
    );
    assert_eq!(
        read(&bitbucket, READ, OLD).await.status,
        404,
        "outside the context path"
    );
}

#[tokio::test]
async fn a_project_with_a_new_key_redirects_from_the_old_one() {
    let bitbucket = start(Profile::V9_4).await;
    bitbucket.world(|world| world.rekey_project("PAY", "MONEY").unwrap());
    let answer = read(&bitbucket, READ, OLD).await;
    assert!(
        answer
            .header("location")
            .unwrap()
            .ends_with("/projects/MONEY/repos/checkout")
    );
    let project = read(&bitbucket, READ, "/rest/api/1.0/projects/PAY").await;
    assert!(
        project
            .header("location")
            .unwrap()
            .ends_with("/projects/MONEY")
    );
}

#[tokio::test]
async fn a_deleted_repository_is_gone_and_its_successor_has_another_id() {
    let bitbucket = start(Profile::V9_4).await;
    let before = bitbucket.world(|world| world.repository("PAY", "checkout").id);
    bitbucket.world(|world| world.grant_project("reader", "PAY", Right::Admin));
    bitbucket.world(|world| {
        world.token("admin", "reader", &[super::super::Permission::ProjectAdmin]);
    });
    let headers = "authorization: Bearer admin\r\n";
    assert_eq!(
        send(&bitbucket, &format!("DELETE {OLD}"), headers, "")
            .await
            .status,
        202
    );
    assert_eq!(
        send(&bitbucket, &format!("DELETE {OLD}"), headers, "")
            .await
            .status,
        204
    );
    assert_eq!(read(&bitbucket, READ, OLD).await.status, 404);
    let create = "POST /rest/api/1.0/projects/PAY/repos";
    let made = send(&bitbucket, create, headers, r#"{"name":"checkout"}"#).await;
    assert_eq!(made.status, 201);
    assert_ne!(made.json()["id"], before);
    assert_eq!(
        send(&bitbucket, create, headers, r#"{"name":"checkout"}"#)
            .await
            .status,
        409
    );
    assert_eq!(
        send(&bitbucket, create, headers, r#"{"name":"-"}"#)
            .await
            .status,
        400
    );
}

#[tokio::test]
async fn a_personal_project_is_found_under_its_tilde() {
    let bitbucket = start(Profile::V9_4).await;
    bitbucket.world(|world| world.user("jdoe").display_name = "Jane Doe".to_owned());
    bitbucket.world(|world| world.grant_repository("reader", ("~jdoe", "tools"), Right::Read));
    for spelled in ["~jdoe", "%7Ejdoe"] {
        let path = format!("/rest/api/1.0/projects/{spelled}/repos/tools");
        let project = read(&bitbucket, READ, &path).await.json()["project"].clone();
        assert_eq!(
            (&project["key"], &project["type"]),
            (&"~jdoe".into(), &"PERSONAL".into())
        );
        assert_eq!(project["owner"]["displayName"], "Jane Doe");
    }
}
