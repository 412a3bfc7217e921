//! What a server answers while it restarts. A real one and its simulator cannot be compared step by step: it is not
//! known when the real one takes which. So each of its answers must be one that the simulator has in one of its phases.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::{Client, Method};
use serde_json::Value;
use simulators::sonarqube::{Phase, Profile, SonarQube as Simulated};
use tokio::task::JoinSet;

/// What is asked, as a user, with an invalid token, and without one.
const QUESTIONS: [(Method, &str); 14] = [
    (Method::GET, "api/system/status"),
    (Method::GET, "api/system/ping"),
    (Method::GET, "api/server/version"),
    (Method::GET, "api/authentication/validate"),
    (Method::GET, "api/users/current"),
    (Method::GET, "api/alm_settings/list_definitions"),
    (Method::GET, "api/alm_settings/list"),
    (Method::GET, "api/alm_settings/get_binding?project=nope"),
    (Method::GET, "api/projects/search"),
    (Method::GET, "api/features/list"),
    (Method::GET, "api/no/such"),
    (Method::GET, "api/v2/dop-translation/dop-settings"),
    (Method::GET, "api/v2/no/such"),
    (Method::PUT, "api/v2/dop-translation/bound-projects"),
];

/// Asks one server without an end.
pub(crate) struct Listening {
    heard: Arc<Mutex<BTreeSet<String>>>,
    _asking: JoinSet<()>,
}

impl Listening {
    /// Begins to ask, as the user of a token.
    pub(crate) fn to(url: &str, token: &str) -> Self {
        let heard = Arc::new(Mutex::new(BTreeSet::new()));
        let mut asking = JoinSet::new();
        // Side by side: some answers come for a moment only, which is shorter than all questions of all callers.
        for caller in callers(token) {
            let (kept, url) = (Arc::clone(&heard), url.to_owned());
            asking.spawn(async move {
                let client = client();
                loop {
                    let answers = ask(&client, &url, &caller).await;
                    kept.lock().unwrap().extend(answers);
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            });
        }
        Self {
            heard,
            _asking: asking,
        }
    }

    pub(crate) fn heard(&self) -> BTreeSet<String> {
        self.heard.lock().unwrap().clone()
    }
}

/// All that a simulated server of this kind answers while it restarts.
pub(crate) async fn answers_of_the_simulator(profile: Profile) -> BTreeSet<String> {
    let simulated = Simulated::start(profile).await.unwrap();
    let token = "squ_simulated-bindery";
    simulated.world(|world| world.set_up("squ_simulated-admin", token));
    let url = simulated.url();
    let url = url.as_str().trim_end_matches('/');
    let client = client();
    let mut known = BTreeSet::new();
    for phase in Phase::OF_A_RESTART {
        simulated.world(|world| world.hold(phase));
        for caller in callers(token) {
            known.extend(ask(&client, url, &caller).await);
        }
    }
    known
}

/// Who asks, and with which token.
type AskedBy = (&'static str, Option<String>);

fn callers(token: &str) -> [AskedBy; 3] {
    [
        ("user", Some(token.to_owned())),
        ("stranger", Some("squ_nobody".to_owned())),
        ("nobody", None),
    ]
}

#[expect(
    clippy::disallowed_methods,
    reason = "what a server really answers is seen without the operator's transport"
)]
fn client() -> Client {
    // The operator's transport installs what reqwest needs; here no other code does.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let timeout = Duration::from_secs(5);
    Client::builder().timeout(timeout).build().unwrap()
}

async fn ask(client: &Client, url: &str, (who, token): &AskedBy) -> Vec<String> {
    let mut answers = Vec::new();
    for (method, path) in &QUESTIONS {
        let mut request = client.request(method.clone(), format!("{url}/{path}"));
        if *method == Method::PUT {
            request = request.json(&serde_json::json!({}));
        }
        if let Some(token) = token {
            request = request.basic_auth(token, Some(""));
        }
        let answer = match request.send().await {
            Ok(answer) => (answer.status().as_u16(), answer.text().await.ok()),
            Err(_) => (0, None),
        };
        let reported = match answer {
            (status, Some(body)) => format!("{status} {}", shown(path, status, &body)),
            (_, None) => "nothing".to_owned(),
        };
        answers.push(format!("{who}: {method} {path} -> {reported}"));
    }
    answers
}

/// What is compared of a body: of good answers, only what a phase shows.
fn shown(path: &str, status: u16, body: &str) -> String {
    let read: Value = serde_json::from_str(body).unwrap_or_default();
    match (path, status) {
        ("api/system/status", _) => read["status"].to_string(),
        ("api/authentication/validate", _) => read.to_string(),
        (_, 200) => "…".to_owned(),
        // Several flaws of one body are reported in no certain order.
        (_, 400) if body.contains("was rejected") => "flaws".to_owned(),
        _ if read.is_object() => read.to_string(),
        _ => body.to_owned(),
    }
}
