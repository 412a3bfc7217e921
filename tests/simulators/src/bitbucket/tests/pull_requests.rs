//! Pull requests, the reports on their commits, and the repositories that may be written to.

use serde_json::{Value, json};

use super::{
    super::{Profile, PullRequestState, Right, WorldError},
    client::{READ, WRITE, read, send, start},
};

const PULL_REQUESTS: &str = "/rest/api/1.0/projects/PAY/repos/checkout/pull-requests";
const FIRST: &str = "1111111111111111111111111111111111111111";
const SECOND: &str = "2222222222222222222222222222222222222222";

fn ids(page: &Value) -> Vec<u64> {
    let rows = page["values"].as_array().unwrap();
    rows.iter().map(|row| row["id"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn a_pull_request_shows_both_its_ends_and_its_latest_commit() {
    let bitbucket = start(Profile::V9_4).await;
    let id = bitbucket.world(|world| world.open_pull_request("PAY", "checkout", "topic", FIRST));
    let path = format!("{PULL_REQUESTS}/{}", id.unwrap());
    let found = read(&bitbucket, READ, &path).await.json();
    let reported = json!([
        found["id"],
        found["title"],
        found["state"],
        found["open"],
        found["closed"],
        found["createdDate"],
        found["updatedDate"],
        found["fromRef"]["id"],
        found["fromRef"]["displayId"],
        found["fromRef"]["latestCommit"],
        found["fromRef"]["repository"]["slug"],
        found["toRef"]["displayId"],
    ]);
    let now = 1_800_000_000_000_i64;
    let expected = json!([
        1,
        "topic",
        "OPEN",
        true,
        false,
        now,
        now,
        "refs/heads/topic",
        "topic",
        FIRST,
        "checkout",
        "main",
    ]);
    assert_eq!(reported, expected);
    let own = format!(
        "{}projects/PAY/repos/checkout/pull-requests/1",
        bitbucket.url()
    );
    assert_eq!(found["links"]["self"][0]["href"], own);
}

#[tokio::test]
async fn a_push_changes_the_latest_commit_of_the_pull_request_and_of_its_branch() {
    let bitbucket = start(Profile::V9_4).await;
    bitbucket.world(|world| {
        let id = world.open_pull_request("PAY", "checkout", "topic", FIRST);
        world.set_now(1_800_000_000_500);
        world
            .push_to_pull_request("PAY", "checkout", id.unwrap(), SECOND)
            .unwrap();
    });
    let found = read(&bitbucket, READ, &format!("{PULL_REQUESTS}/1"))
        .await
        .json();
    assert_eq!(found["fromRef"]["latestCommit"], SECOND);
    assert_eq!(found["updatedDate"], 1_800_000_000_500_i64);
    let path = "/rest/api/1.0/projects/PAY/repos/checkout/branches?filterText=topic";
    let branches = read(&bitbucket, READ, path).await.json();
    assert_eq!(branches["values"][0]["latestCommit"], SECOND);
}

#[tokio::test]
async fn pull_requests_are_listed_by_state_newest_first_and_in_pages() {
    let bitbucket = start(Profile::V9_4).await;
    bitbucket.world(|world| {
        for branch in ["one", "two", "three"] {
            world
                .open_pull_request("PAY", "checkout", branch, FIRST)
                .unwrap();
        }
        world.repository("PAY", "checkout").pull_requests[1].state = PullRequestState::Merged;
    });
    for (query, expected) in [
        ("", vec![3, 1]),
        ("?state=OPEN", vec![3, 1]),
        ("?state=MERGED", vec![2]),
        ("?state=DECLINED", vec![]),
        ("?state=ALL", vec![3, 2, 1]),
        ("?state=ALL&start=1&limit=1", vec![2]),
    ] {
        let page = read(&bitbucket, READ, &format!("{PULL_REQUESTS}{query}"))
            .await
            .json();
        assert_eq!(ids(&page), expected, "{query}");
    }
    let page = read(&bitbucket, READ, &format!("{PULL_REQUESTS}?limit=1"))
        .await
        .json();
    assert_eq!(
        (&page["isLastPage"], &page["nextPageStart"]),
        (&json!(false), &json!(1))
    );
    let merged = read(&bitbucket, READ, &format!("{PULL_REQUESTS}/2"))
        .await
        .json();
    assert_eq!(
        (&merged["open"], &merged["closed"]),
        (&json!(false), &json!(true))
    );
}

#[tokio::test]
async fn a_pull_request_that_is_not_there_has_an_exception_of_its_own() {
    let bitbucket = start(Profile::V9_4).await;
    let missing = read(&bitbucket, READ, &format!("{PULL_REQUESTS}/9")).await;
    let expected = json!({ "errors": [{
        "message": "Pull request 9 does not exist in PAY/checkout.",
        "exceptionName": "com.atlassian.bitbucket.pull.NoSuchPullRequestException",
    }] });
    assert_eq!((missing.status, missing.json()), (404, expected));
    let stranger = read(&bitbucket, "no-token", PULL_REQUESTS).await;
    assert_eq!(stranger.status, 401);
    let pushed = bitbucket.world(|world| world.push_to_pull_request("PAY", "checkout", 9, SECOND));
    assert_eq!(pushed, Err(WorldError::NoPullRequest { id: 9 }));
    let opened = bitbucket.world(|world| world.open_pull_request("PAY", "nope", "topic", FIRST));
    assert!(opened.is_err());
}

#[tokio::test]
async fn reports_on_a_commit_are_listed_in_pages_and_read_by_key() {
    let bitbucket = start(Profile::V9_4).await;
    let reports = |commit: &str| {
        format!("/rest/insights/1.0/projects/PAY/repos/checkout/commits/{commit}/reports")
    };
    let headers = format!("authorization: Bearer {READ}\r\n");
    for key in ["a", "b", "c"] {
        let line = format!("PUT {}/{key}", reports(FIRST));
        let put = send(&bitbucket, &line, &headers, r#"{"title":"Quality"}"#).await;
        assert_eq!(put.status, 200);
    }
    let page = read(&bitbucket, READ, &format!("{}?limit=2", reports(FIRST)))
        .await
        .json();
    let reported = json!([
        page["size"],
        page["isLastPage"],
        page["nextPageStart"],
        page["values"][1]["key"]
    ]);
    assert_eq!(reported, json!([2, false, 2, "b"]));
    let one = read(&bitbucket, READ, &format!("{}/c", reports(FIRST))).await;
    assert_eq!((one.status, &one.json()["title"]), (200, &json!("Quality")));
    let other = read(&bitbucket, READ, &reports(SECOND)).await.json();
    assert_eq!(other["size"], 0, "reports belong to their commit");
}

#[tokio::test]
async fn repositories_that_may_be_written_to_are_listed_in_pages_archived_ones_on_demand() {
    let writable = |query: &str| format!("/rest/api/1.0/repos?permission=REPO_WRITE{query}");
    for profile in Profile::ALL {
        let bitbucket = start(profile).await;
        bitbucket.world(|world| {
            world.grant_repository("writer", ("PAY", "ledger"), Right::Write);
            world.repository("PAY", "ledger").archived = true;
        });
        let page = read(&bitbucket, WRITE, &writable("&archived=ALL&limit=1"))
            .await
            .json();
        assert_eq!(page["values"][0]["slug"], "checkout", "{profile:?}");
        let next = format!("&archived=ALL&limit=1&start={}", page["nextPageStart"]);
        let page = read(&bitbucket, WRITE, &writable(&next)).await.json();
        assert_eq!(page["values"][0]["slug"], "ledger", "{profile:?}");
        assert_eq!(page["isLastPage"], true, "{profile:?}");

        let knows_archives = profile >= Profile::V8_9;
        let reported = page["values"][0].get("archived");
        assert_eq!(
            reported,
            knows_archives.then_some(&json!(true)),
            "{profile:?}"
        );
        let active = read(&bitbucket, WRITE, &writable("")).await.json();
        assert_eq!(
            active["size"],
            if knows_archives { 1 } else { 2 },
            "{profile:?}"
        );
    }
}
