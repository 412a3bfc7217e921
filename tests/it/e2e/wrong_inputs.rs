//! Wrong inputs: each is refused with words that say what to write, reported by a condition, or ends the operator at its
//! start. Corrected, it becomes Ready. `docs/reliability.md` has the same rows.

pub(crate) mod table;

use bindery::crd::{BitbucketConnection, ProjectBinding};
use kube::Api;
use kube::api::{DynamicObject, Patch, PatchParams};
use kube::core::ApiResource;
use serde_json::{Value, json};
use simulators::bitbucket::Right;

use super::environment::manifests::{grant_named, list, merge, secret};
use super::environment::waiting::{Watched, condition, says};
use super::environment::{BITBUCKET_TOKEN, PATIENT, TestEnvironment};
use crate::support::server::{Server, on};
use table::{Answer, ROWS, Row, Wrong};

on!([simulated_26_9_enterprise] => each_wrong_input_is_named_and_can_be_corrected);

/// Plain http is allowed to this name alone.
const ARGUMENTS: [&str; 3] = ["--allow-http=localhost", "--allowed-hosts", "127.0.0.0/8"];

/// How things are in this environment.
pub(crate) struct Given {
    bitbucket: String,
    sonarqube: String,
    token: &'static str,
    sonarqube_token: String,
    /// Of a user without Administer System.
    weak_token: String,
}

/// A row, with the object that is wrong in it.
struct Case {
    row: &'static Row,
    name: String,
    /// Its Secret, where that is wrong.
    wrong_secret: Option<Value>,
    right_secret: Option<Value>,
    wrong: Value,
    right: Value,
}

impl Case {
    fn of(nth: usize, row: &'static Row, given: &Given) -> Option<Self> {
        let name = format!("row-{:02}-{nth}", row.0);
        let (mut right, change) = match &row.1 {
            Wrong::Connection(change) => (connection(&name, given), change(given)),
            Wrong::Binding(change) | Wrong::ReadyBinding(change) => (binding(&name), change(given)),
            Wrong::Token(_) | Wrong::SonarQubeToken(_) => (connection(&name, given), json!({})),
            Wrong::Argument(_) | Wrong::ShownBy(_) => return None,
        };
        let (of, token, wrong_token) = match &row.1 {
            Wrong::Token(wrong) => ("bitbucket", given.token, Some(wrong(given))),
            Wrong::SonarQubeToken(wrong) => {
                ("sonarqube", &*given.sonarqube_token, Some(wrong(given)))
            }
            Wrong::Connection(_) | Wrong::Binding(_) | Wrong::ReadyBinding(_) => ("", "", None),
            Wrong::Argument(_) | Wrong::ShownBy(_) => return None,
        };
        if wrong_token.is_some() {
            right["spec"][of]["tokenSecretRef"] = json!({"name": name});
        }
        let mut wrong = right.clone();
        merge(&mut wrong, change);
        Some(Self {
            row,
            wrong_secret: wrong_token.as_ref().map(|wrong| secret(&name, wrong)),
            right_secret: wrong_token.map(|_| secret(&name, token)),
            wrong,
            right,
            name,
        })
    }

    fn is_connection(&self) -> bool {
        self.right["kind"] == "BitbucketConnection"
    }

    /// Waits until the object is Ready, or gives this reason why it is not.
    async fn ends(&self, env: &TestEnvironment, reason: Option<&str>) -> Value {
        if self.is_connection() {
            ends::<BitbucketConnection>(env, &self.name, reason).await
        } else {
            ends::<ProjectBinding>(env, &self.name, reason).await
        }
    }

    /// Has the wrong object refused.
    async fn is_refused(&self, env: &TestEnvironment, words: &str) {
        let resource = if self.is_connection() {
            ApiResource::erase::<BitbucketConnection>(&())
        } else {
            ApiResource::erase::<ProjectBinding>(&())
        };
        let api = Api::<DynamicObject>::namespaced_with(env.client.clone(), "platform", &resource);
        let name = self.wrong["metadata"]["name"].as_str().unwrap();
        let apply = PatchParams::apply("kubectl").force();
        let answer = api.patch(name, &apply, &Patch::Apply(&self.wrong)).await;
        let refusal = answer.expect_err(&self.name).to_string();
        self.has(&refusal, words);
    }

    fn has(&self, said: &str, words: &str) {
        assert!(
            said.contains(words),
            "{}: no {words:?} in {said}",
            self.name
        );
    }
}

async fn ends<K: Watched>(env: &TestEnvironment, name: &str, reason: Option<&str>) -> Value {
    let has_ended = |it: &K| match reason {
        Some(reason) => condition(it, "Ready").is_some_and(|ready| ready["reason"] == reason),
        None => says(it, ("Ready", "True")),
    };
    let ended = env.until("platform", name, has_ended).await;
    serde_json::to_value(&ended).unwrap()["status"].clone()
}

fn connection(name: &str, given: &Given) -> Value {
    json!({
        "apiVersion": "bindery.dev/v1alpha1", "kind": "BitbucketConnection",
        "metadata": {"name": name, "namespace": "platform"},
        "spec": {
            "bitbucket": {"url": given.bitbucket, "tokenSecretRef": {"name": "bitbucket-token"}},
            "sonarqube": {"url": given.sonarqube, "tokenSecretRef": {"name": "sonarqube-token"}},
        },
    })
}

fn binding(name: &str) -> Value {
    TestEnvironment::binding_manifest("platform", name, &format!("PAY/{name}"), json!({}))
}

/// Promise: what is wrong is answered with words that say what to write, and once that is written, it works.
async fn each_wrong_input_is_named_and_can_be_corrected(server: Server) {
    let (env, given) = set(server).await;
    let cases = ROWS.iter().enumerate();
    let cases = cases.filter_map(|(nth, row)| Case::of(nth, row, &given));
    let cases: Vec<_> = cases.collect();
    env.bitbucket.world(|world| {
        for case in &cases {
            world.repository("PAY", &case.name);
        }
    });
    assert_ends_with_status_2(&env);
    for case in &cases {
        if let (Answer::Refused(words), Wrong::Connection(_) | Wrong::Binding(_)) =
            (&case.row.2, &case.row.1)
        {
            case.is_refused(&env, words).await;
        }
    }
    apply_wrong(&env, &cases);
    for case in &cases {
        match case.row.2 {
            Answer::Reported(reason, words) => {
                let status = case.ends(&env, Some(reason)).await;
                let mut conditions = status["conditions"].as_array().unwrap().iter();
                let ready = conditions.find(|it| it["type"] == "Ready").unwrap();
                assert_eq!(ready["status"], "False", "{}", case.name);
                case.has(ready["message"].as_str().unwrap(), words);
            }
            Answer::Accepted(words) => {
                case.has(&case.ends(&env, None).await.to_string(), words);
            }
            Answer::Refused(words) if matches!(case.row.1, Wrong::ReadyBinding(_)) => {
                case.ends(&env, None).await;
                case.is_refused(&env, words).await;
            }
            Answer::Refused(_) | Answer::Status2(_) | Answer::AsShown => {}
        }
    }
    let right = cases.iter().filter(|case| !is_accepted(case));
    let right = right.flat_map(|case| case.right_secret.iter().chain([&case.right]));
    env.apply(&list(&right.cloned().collect::<Vec<_>>()));
    for case in &cases {
        case.ends(&env, None).await;
    }
}

async fn set(server: Server) -> (TestEnvironment, Given) {
    let mut env = TestEnvironment::set(server).await;
    env.restart_strict_operator(&[&ARGUMENTS[..], &PATIENT].concat());
    let bitbucket = env.bitbucket.url();
    let by_name = |url: &str| url.trim_end_matches('/').replace("127.0.0.1", "localhost");
    let given = Given {
        bitbucket: by_name(bitbucket.as_str()),
        sonarqube: by_name(&env.sonarqube.url),
        token: BITBUCKET_TOKEN,
        sonarqube_token: env.sonarqube.token.clone(),
        weak_token: env.sonarqube.user_with("weak", &["provisioning"]),
    };
    env.bitbucket.world(|world| {
        world.repository("~jdoe", "tools");
        world.grant_project("bindery", "~jdoe", Right::Write);
        world.repository("HR", "salaries");
    });
    env.apply(&connection("bitbucket", &given));
    env.connection_is("bitbucket", ("Ready", "True")).await;
    env.sonarqube
        .bind("taken", "Taken", &env.setting_id(), "PAY/ledger");
    (env, given)
}

fn apply_wrong(env: &TestEnvironment, cases: &[Case]) {
    let secrets: Vec<_> = cases
        .iter()
        .filter_map(|case| case.wrong_secret.clone())
        .collect();
    let names = secrets.iter();
    let names = names.map(|secret| secret["metadata"]["name"].as_str().unwrap());
    let names: Vec<_> = names.chain(["absent", "no-bundle"]).collect();
    let grant = grant_named("wrong-inputs", &names);
    let objects = cases.iter().filter_map(|case| match &case.row.2 {
        Answer::Refused(_) if matches!(case.row.1, Wrong::ReadyBinding(_)) => {
            Some(case.right.clone())
        }
        Answer::Reported(..) | Answer::Accepted(_) => Some(case.wrong.clone()),
        Answer::Refused(_) | Answer::Status2(_) | Answer::AsShown => None,
    });
    let no_bundle = [secret("no-bundle", "no certificate")];
    let all = grant.into_iter().chain(no_bundle);
    let all = all.chain(secrets.clone()).chain(objects);
    env.apply(&list(&all.collect::<Vec<_>>()));
}

fn is_accepted(case: &Case) -> bool {
    matches!(case.row.2, Answer::Accepted(_))
}

/// The operator of the environment has the corrected arguments, and becomes ready.
fn assert_ends_with_status_2(env: &TestEnvironment) {
    for (number, wrong, answer) in ROWS {
        if let (Wrong::Argument(argument), Answer::Status2(words)) = (wrong, answer) {
            let printed = env.bindery(&["run", argument], "");
            assert_eq!(printed.status, 2, "row {number}");
            let said = &printed.errors;
            assert!(said.contains(words), "row {number}: {said}");
        }
    }
}
