//! Pages and filters.

use super::{
    super::{Bitbucket, BranchOrder, Permission, Profile, Right, Switch},
    client::{READ, WRITE, read, send, start},
};

async fn slugs(bitbucket: &Bitbucket, token: &str, query: &str) -> Vec<String> {
    let page = read(bitbucket, token, &format!("/rest/api/1.0/repos{query}"))
        .await
        .json();
    let values = page["values"].as_array().unwrap();
    values
        .iter()
        .map(|value| value["slug"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn following_next_page_start_over_hidden_rows_finds_everything_once() {
    let bitbucket = start(Profile::V9_4).await;
    bitbucket.world(|world| world.settings.hidden_rows = 3);
    let mut found = Vec::new();
    let mut start = 0;
    loop {
        let path = format!("/rest/api/1.0/repos?start={start}&limit=1");
        let page = read(&bitbucket, READ, &path).await.json();
        assert_eq!((&page["size"], &page["limit"]), (&1.into(), &1.into()));
        found.push(page["values"][0]["slug"].as_str().unwrap().to_owned());
        if page["isLastPage"] == true {
            assert_eq!(page.get("nextPageStart"), None);
            break;
        }
        let next = page["nextPageStart"].as_u64().unwrap();
        assert_eq!(
            next,
            start + 4,
            "the next page does not start at start + limit"
        );
        start = next;
    }
    assert_eq!(found, ["checkout", "ledger", "payments-api"]);
}

#[tokio::test]
async fn repositories_that_the_caller_may_not_see_leave_gaps() {
    let bitbucket = start(Profile::V9_4).await;
    bitbucket.world(|world| {
        world.repository("SECRET", "hidden");
        world.repository("PAY", "late");
    });
    let page = read(&bitbucket, READ, "/rest/api/1.0/repos?start=2&limit=1")
        .await
        .json();
    assert_eq!(
        (&page["nextPageStart"], &page["isLastPage"]),
        (&3.into(), &false.into())
    );
    let page = read(&bitbucket, READ, "/rest/api/1.0/repos?start=3&limit=1")
        .await
        .json();
    assert_eq!(page["values"][0]["slug"], "late");
}

#[tokio::test]
async fn the_limit_is_capped_and_echoed() {
    let bitbucket = start(Profile::V9_4).await;
    for (query, limit) in [
        ("", 25),
        ("?start=&limit=", 25),
        ("?limit=7", 7),
        ("?limit=5000", 1000),
    ] {
        let page = read(&bitbucket, READ, &format!("/rest/api/1.0/projects{query}"))
            .await
            .json();
        assert_eq!(
            (&page["limit"], &page["start"]),
            (&limit.into(), &0.into()),
            "{query}"
        );
    }
    assert_eq!(
        read(&bitbucket, READ, "/rest/api/1.0/projects?limit=many")
            .await
            .status,
        400
    );
}

#[tokio::test]
async fn a_page_may_be_short_without_being_the_last_and_the_last_may_say_null() {
    let bitbucket = start(Profile::V9_4).await;
    bitbucket.world(|world| {
        world.settings.short_pages = Some(2);
        world.settings.null_next_page_start = Switch::On;
    });
    let page = read(&bitbucket, READ, "/rest/api/1.0/repos").await.json();
    assert_eq!(
        (&page["size"], &page["isLastPage"]),
        (&2.into(), &false.into())
    );
    let page = read(&bitbucket, READ, "/rest/api/1.0/repos?start=2")
        .await
        .json();
    assert_eq!(page.get("nextPageStart"), Some(&serde_json::Value::Null));
}

#[tokio::test]
async fn the_write_filter_lists_repositories_that_token_and_user_may_write() {
    let bitbucket = start(Profile::V9_4).await;
    let write = "?permission=REPO_WRITE";
    assert_eq!(slugs(&bitbucket, WRITE, write).await, ["checkout"]);
    assert!(slugs(&bitbucket, READ, write).await.is_empty());

    bitbucket.world(|world| {
        world.token("weak", "writer", &[Permission::RepoRead]);
        world.grant_project("reader", "PAY", Right::Admin);
    });
    assert!(
        slugs(&bitbucket, "weak", write).await.is_empty(),
        "the token caps the user"
    );
    assert!(
        slugs(&bitbucket, READ, write).await.is_empty(),
        "the token caps the user"
    );
    assert_eq!(slugs(&bitbucket, "weak", "").await.len(), 3);
}

#[tokio::test]
async fn archived_repositories_are_listed_on_demand_only() {
    let bitbucket = start(Profile::V9_4).await;
    bitbucket.world(|world| world.repository("PAY", "ledger").archived = true);
    assert_eq!(
        slugs(&bitbucket, READ, "").await,
        ["checkout", "payments-api"]
    );
    assert_eq!(
        slugs(&bitbucket, READ, "?archived=ARCHIVED").await,
        ["ledger"]
    );
    assert_eq!(slugs(&bitbucket, READ, "?archived=ALL").await.len(), 3);
    let one = read(&bitbucket, READ, "/rest/api/1.0/projects/PAY/repos/ledger")
        .await
        .json();
    assert_eq!(one["archived"], true);

    bitbucket.world(|world| world.grant_project("root", "PAY", Right::Admin));
    bitbucket.world(|world| {
        world.token(
            "root",
            "root",
            &[Permission::ProjectAdmin, Permission::RepoAdmin],
        );
    });
    let (line, headers) = (
        "PUT /rest/api/1.0/projects/PAY/repos/ledger",
        "authorization: Bearer root\r\n",
    );
    assert_eq!(
        send(&bitbucket, line, headers, r#"{"name":"other"}"#)
            .await
            .status,
        409
    );
    assert_eq!(
        send(&bitbucket, line, headers, r#"{"archived":false}"#)
            .await
            .status,
        201
    );
    assert_eq!(slugs(&bitbucket, READ, "").await.len(), 3);
}

#[tokio::test]
async fn before_eight_the_archive_and_the_project_key_filter_are_unknown() {
    let bitbucket = start(Profile::V7_21).await;
    bitbucket.world(|world| world.repository("PAY", "ledger").archived = true);
    assert_eq!(slugs(&bitbucket, READ, "?projectkey=NOPE").await.len(), 3);
    let bitbucket = start(Profile::V8_9).await;
    assert!(slugs(&bitbucket, READ, "?projectkey=NOPE").await.is_empty());
    assert_eq!(
        slugs(&bitbucket, READ, "?projectkey=pay&name=%20LEDGER%20").await,
        ["ledger"]
    );
}

#[tokio::test]
async fn the_default_branch_can_lie_beyond_the_first_page() {
    let bitbucket = start(Profile::V9_4).await;
    bitbucket.world(|world| {
        world.settings.branch_order = BranchOrder::DefaultLast;
        let branches = (0..30).map(|number| format!("topic/{number}"));
        world.repository("PAY", "checkout").branches =
            ["main".to_owned()].into_iter().chain(branches).collect();
    });
    let path = "/rest/api/1.0/projects/PAY/repos/checkout/branches";
    let first = read(&bitbucket, READ, path).await.json();
    let values = first["values"].as_array().unwrap();
    assert!(values.len() == 25 && values.iter().all(|branch| branch["isDefault"] == false));
    let second = read(&bitbucket, READ, &format!("{path}?start=25"))
        .await
        .json();
    assert_eq!(second["values"][5]["displayId"], "main");
}
