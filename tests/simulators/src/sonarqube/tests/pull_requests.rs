//! Pull requests that were analysed, and decorated or not.

use serde_json::{Value, json};

use super::{
    super::{
        AnalysedPullRequest, AnalysisError, Decoration, Edition, Profile, SERVER_BASE_URL,
        SonarQube, Version,
    },
    ADMIN,
    editions::{bind, bitbucket, with_project},
    send, send_as, start,
};
use crate::bitbucket::{Bitbucket, Report};

const COMMIT: &str = "1111111111111111111111111111111111111111";
const LIST: &str = "GET /api/project_pull_requests/list?project=p";
const ACTIVITY: &str = "GET /api/ce/activity?component=p&type=REPORT&ps=5";

fn pull_request(key: &str, day: &str) -> AnalysedPullRequest {
    AnalysedPullRequest {
        key: key.to_owned(),
        title: format!("Change {key}"),
        branch: "topic".to_owned(),
        base: "main".to_owned(),
        commit: COMMIT.to_owned(),
        date: format!("{day}T08:00:00+0000"),
        warnings: Vec::new(),
    }
}

fn with_warning() -> AnalysedPullRequest {
    let warnings = vec!["Shallow clone".to_owned()];
    AnalysedPullRequest {
        warnings,
        ..pull_request("7", "2027-01-15")
    }
}

/// The reports on the commit of PAY/checkout, by key.
fn reports(bitbucket: &Bitbucket) -> Vec<(String, Report)> {
    bitbucket.world(|world| {
        let reports = world.repository("PAY", "checkout").reports.clone();
        let on_commit = reports.into_iter().filter(|((at, _), _)| at == COMMIT);
        on_commit.map(|((_, key), report)| (key, report)).collect()
    })
}

async fn analyse(sonarqube: &SonarQube, project: &str) -> Decoration {
    let analysed = sonarqube.analyse_pull_request(project, pull_request("7", "2027-01-15"));
    analysed.await.unwrap()
}

fn column(rows: &Value, name: &str) -> Vec<String> {
    let rows = rows.as_array().unwrap().iter();
    rows.map(|row| row[name].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn pull_requests_are_listed_where_they_are_analysed_and_by_eight_nine() {
    let bitbucket = bitbucket().await;
    for (version, edition, status) in [
        (Version::V8_9, Edition::Community, 200),
        (Version::V9_9, Edition::Community, 404),
        (Version::V26_9, Edition::Community, 404),
        (Version::V9_9, Edition::Developer, 200),
        (Version::V26_9, Edition::BranchPlugin, 200),
        (Version::V26_9, Edition::Enterprise, 200),
    ] {
        let sonarqube = with_project(Profile::new(version, edition), &bitbucket).await;
        let answer = send(&sonarqube, LIST, "").await;
        assert_eq!(answer.status, status, "{version:?} {edition:?}");
        if status == 200 {
            assert_eq!(answer.json(), json!({"pullRequests": []}));
        }
    }
}

#[tokio::test]
async fn a_pull_request_is_analysed_in_no_community_edition_and_for_no_unknown_project() {
    let community = start(Profile::V26_9).await;
    let refused = community.analyse_pull_request("p", pull_request("7", "2027-01-15"));
    assert_eq!(refused.await, Err(AnalysisError::Edition));
    let developer = start(Profile::new(Version::V26_9, Edition::Developer)).await;
    let refused = developer.analyse_pull_request("p", pull_request("7", "2027-01-15"));
    let missing = AnalysisError::NoProject("p".to_owned());
    assert_eq!(refused.await, Err(missing));
}

#[tokio::test]
async fn the_latest_analysis_of_each_pull_request_is_listed_and_every_task() {
    let bitbucket = bitbucket().await;
    let profile = Profile::new(Version::V26_9, Edition::Developer);
    let sonarqube = with_project(profile, &bitbucket).await;
    for (key, day) in [
        ("7", "2027-01-15"),
        ("8", "2027-01-16"),
        ("7", "2027-01-17"),
    ] {
        let analysed = sonarqube.analyse_pull_request("p", pull_request(key, day));
        assert_eq!(analysed.await, Ok(Decoration::Unbound));
    }
    let listed = send(&sonarqube, LIST, "").await.json();
    let expected = json!({
        "key": "7", "title": "Change 7", "branch": "topic", "base": "main", "target": "main",
        "status": {"qualityGateStatus": "OK"}, "analysisDate": "2027-01-17T08:00:00+0000",
    });
    assert_eq!(listed["pullRequests"][0], expected);
    assert_eq!(column(&listed["pullRequests"], "key"), ["7", "8"]);

    let activity = send(&sonarqube, ACTIVITY, "").await.json();
    assert_eq!(column(&activity["tasks"], "pullRequest"), ["7", "8", "7"]);
    let paging = json!({"pageIndex": 1, "pageSize": 5, "total": 3});
    assert_eq!(activity["paging"], paging);
    let one = send(&sonarqube, "GET /api/ce/activity?component=p&ps=1", "").await;
    assert_eq!(
        column(&one.json()["tasks"], "pullRequestTitle"),
        ["Change 7"]
    );
    let task = &activity["tasks"][1];
    let reported = json!([
        task["type"],
        task["componentKey"],
        task["status"],
        task["executedAt"]
    ]);
    let expected = json!(["REPORT", "p", "SUCCESS", "2027-01-16T08:00:00+0000"]);
    assert_eq!(reported, expected);

    sonarqube.world(|world| world.projects.clear());
    let all = send(&sonarqube, "GET /api/ce/activity?type=REPORT", "").await;
    assert_eq!(
        all.json()["paging"]["total"],
        0,
        "tasks go with their project"
    );
}

#[tokio::test]
async fn a_pull_request_is_decorated_by_a_report_with_the_token_of_the_setting() {
    let by_plugin = ["application-properties", "put-report", "delete-annotations"];
    for (edition, calls) in [
        (Edition::BranchPlugin, &by_plugin[..]),
        (Edition::Developer, &by_plugin[1..2]),
        (Edition::Enterprise, &by_plugin[1..2]),
    ] {
        let bitbucket = bitbucket().await;
        let sonarqube = with_project(Profile::new(Version::V26_9, edition), &bitbucket).await;
        sonarqube.world(|world| {
            let base = "https://sonarqube.example.com".to_owned();
            world.properties.insert(SERVER_BASE_URL.to_owned(), base);
        });
        bind(&sonarqube, "checkout", "no").await;
        let decorated = analyse(&sonarqube, "p").await;
        assert_eq!(decorated, Decoration::Done, "{edition:?}");
        let (key, report) = reports(&bitbucket).remove(0);
        assert_eq!(key, "com.sonarsource.sonarqube");
        assert_eq!(report.creator, "reader", "whose token the setting has");
        let link = "https://sonarqube.example.com/dashboard?id=p&pullRequest=7";
        assert_eq!(report.body["link"], link);
        let called = bitbucket.calls();
        let called: Vec<_> = called.iter().map(|call| call.operation).collect();
        assert_eq!(called, calls, "{edition:?}");
    }
}

#[tokio::test]
async fn the_key_of_the_report_goes_by_version_edition_and_monorepo() {
    let long = "k".repeat(10) + &"l".repeat(48);
    let shortened = "t-".to_owned() + &"l".repeat(48);
    let shared = "com.sonarsource.sonarqube";
    let (plugin, commercial) = (Edition::BranchPlugin, Edition::Enterprise);
    for (version, edition, project, monorepo, expected) in [
        (Version::V26_9, plugin, "p", "no", shared),
        (Version::V26_9, plugin, "p", "yes", "p"),
        (Version::V26_9, plugin, &long, "yes", &shortened),
        (Version::V26_9, plugin, &long[8..], "yes", &long[8..]),
        (Version::V25_1, plugin, &long, "yes", &long),
        (Version::V10_7, plugin, "p", "no", shared),
        (Version::V9_9, plugin, "p", "no", "p"),
        (
            Version::V8_9,
            plugin,
            "p",
            "no",
            "com.github.mc1arke.sonarqube",
        ),
        (
            Version::V26_9,
            commercial,
            "p",
            "yes",
            "com.sonarsource.sonarqube_p",
        ),
        (Version::V8_9, commercial, "p", "no", shared),
    ] {
        let bitbucket = bitbucket().await;
        let sonarqube = with_project(Profile::new(version, edition), &bitbucket).await;
        bind(&sonarqube, "checkout", monorepo).await;
        sonarqube.world(|world| project.clone_into(&mut world.project_mut("p").unwrap().key));
        assert_eq!(analyse(&sonarqube, project).await, Decoration::Done);
        let found = reports(&bitbucket).remove(0).0;
        assert_eq!(found, expected, "{version:?} {edition:?}");
    }
}

#[tokio::test]
async fn a_report_that_is_refused_leaves_a_warning_on_commercial_editions_only() {
    for (edition, warnings) in [
        (Edition::BranchPlugin, 1),
        (Edition::Developer, 2),
        (Edition::Enterprise, 2),
    ] {
        let bitbucket = bitbucket().await;
        let sonarqube = with_project(Profile::new(Version::V26_9, edition), &bitbucket).await;
        bind(&sonarqube, "checkout", "no").await;
        sonarqube.world(|world| world.setting_mut("bb").unwrap().token = "bad".to_owned());
        let decorated = sonarqube.analyse_pull_request("p", with_warning()).await;
        assert_eq!(decorated, Ok(Decoration::Refused));
        assert!(reports(&bitbucket).is_empty());
        let task = send(&sonarqube, ACTIVITY, "").await.json()["tasks"][0].clone();
        assert_eq!(task["status"], "SUCCESS");
        assert_eq!(task["warningCount"], warnings, "{edition:?}");
        assert_eq!(task["warnings"].as_array().unwrap().len(), warnings);
        assert_eq!(task["warnings"][0], "Shallow clone");
    }
}

#[tokio::test]
async fn warnings_are_always_counted_and_listed_unasked_since_ten_one() {
    let bitbucket = bitbucket().await;
    for (version, unasked) in [(Version::V9_9, 0), (Version::V10_7, 1), (Version::V26_9, 1)] {
        let profile = Profile::new(version, Edition::Developer);
        let sonarqube = with_project(profile, &bitbucket).await;
        let analysed = sonarqube.analyse_pull_request("p", with_warning()).await;
        assert_eq!(analysed, Ok(Decoration::Unbound));
        for (more, reported) in [("", unasked), ("&additionalFields=warnings", 1)] {
            let answer = send(&sonarqube, &format!("{ACTIVITY}{more}"), "").await;
            let task = answer.json()["tasks"][0].clone();
            assert_eq!(task["warningCount"], 1);
            let found = task["warnings"].as_array().unwrap().len();
            assert_eq!(found, reported, "{version:?}{more}");
        }
    }
}

#[tokio::test]
async fn tasks_of_a_project_are_shown_to_its_administrators_and_all_tasks_to_the_systems() {
    let bitbucket = bitbucket().await;
    let profile = Profile::new(Version::V26_9, Edition::Enterprise);
    let sonarqube = with_project(profile, &bitbucket).await;
    let everything = "GET /api/ce/activity?type=REPORT";
    assert_eq!(send(&sonarqube, ACTIVITY, "").await.status, 200);
    sonarqube.world(|world| {
        world.project_mut("p").unwrap().permissions.clear();
        world.token("nobody", "t", "squ_nobody");
    });
    assert_eq!(send(&sonarqube, ACTIVITY, "").await.status, 403);
    assert_eq!(send(&sonarqube, everything, "").await.status, 200);
    assert_eq!(send_as(ADMIN, &sonarqube, ACTIVITY, "").await.status, 200);
    let nobody = send_as("squ_nobody", &sonarqube, everything, "").await;
    assert_eq!(nobody.status, 403);
    for (query, status, expected) in [
        ("component=nope", 404, "Component 'nope' does not exist"),
        ("ps=1001", 400, "'ps' value (1001) must be less than 1000"),
        ("ps=0", 400, "page size must be >= 1"),
    ] {
        let line = format!("GET /api/ce/activity?{query}");
        let answer = send(&sonarqube, &line, "").await;
        let reported = answer.json()["errors"][0]["msg"].clone();
        assert_eq!((answer.status, reported), (status, json!(expected)));
    }
}
