//! Asks one server, and writes down what it says in a form that does not depend on when and where it said it.

use std::collections::BTreeMap;

use regex::{Captures, Regex};
use reqwest::{Method, RequestBuilder};
use serde_json::Value;
use simulators::bitbucket::{Bitbucket, BranchOrder, Call, Permission, Profile, Right, Switch};

use crate::support::server::Server;
use crate::support::sonarqube::SonarQube;

/// A token of the Bitbucket that is there.
pub(super) const BITBUCKET_TOKEN: &str = "a-token-of-bitbucket";

/// As whom a call is made.
#[derive(Clone)]
pub(super) enum Who {
    Nobody,
    /// Somebody with a token that is none.
    Stranger,
    Administrator,
    /// Administer System and Create Projects, nothing else.
    Bindery,
    /// The same with its token as a bearer, which not every version knows.
    Bearer,
    /// Somebody with a token that was told in the conversation.
    Holder(String),
}

/// What is said with one server.
pub(super) struct Conversation {
    sonarqube: SonarQube,
    pub(super) bitbucket: Bitbucket,
    client: reqwest::Client,
    who: Who,
    lines: Vec<String>,
}

impl Conversation {
    #[expect(
        clippy::disallowed_methods,
        reason = "what a server really answers is seen without the operator's transport"
    )]
    /// The server, empty, and a Bitbucket with a few repositories.
    pub(super) async fn with(server: Server) -> Self {
        let sonarqube = SonarQube::at(server).await;
        sonarqube.clear();
        // The operator's transport installs what reqwest needs; here nobody else does.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self {
            sonarqube,
            bitbucket: bitbucket().await,
            client: reqwest::Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .build()
                .unwrap(),
            who: Who::Bindery,
            lines: Vec::new(),
        }
    }

    /// Who speaks from now on.
    pub(super) fn by(&mut self, who: Who) {
        self.who = who;
    }

    /// The URL of Bitbucket.
    pub(super) fn bitbucket_url(&self) -> String {
        self.bitbucket
            .url()
            .as_str()
            .trim_end_matches('/')
            .to_owned()
    }

    /// Lets visitors without a token see what is public in Bitbucket: nothing, but that is an answer, too.
    pub(super) fn let_bitbucket_answer_everybody(&self) {
        self.bitbucket
            .world(|world| world.settings.public_access = Switch::On);
    }

    pub(super) async fn get(&mut self, path: &str, query: &[(&str, &str)]) -> Value {
        let request = self.request(Method::GET, path).query(query);
        self.ask(&format!("GET {path} {query:?}"), request).await
    }

    /// A form.
    pub(super) async fn post(&mut self, path: &str, form: &[(&str, &str)]) -> Value {
        let request = self.request(Method::POST, path).form(form);
        let long = |(name, value): &(&str, &str)| {
            let value: String = value.chars().take(80).collect();
            format!("{name}={value}")
        };
        let form: Vec<_> = form.iter().map(long).collect();
        self.ask(&format!("POST {path} {form:?}"), request).await
    }

    /// A JSON body.
    pub(super) async fn json(&mut self, method: Method, path: &str, body: Value) -> Value {
        let request = self.request(method.clone(), path).json(&body);
        self.ask(&format!("{method} {path} {body}"), request).await
    }

    /// Any body.
    pub(super) async fn raw(
        &mut self,
        method: Method,
        path: &str,
        kind: &str,
        body: &str,
    ) -> Value {
        let request = self.request(method.clone(), path);
        let request = request.header("Content-Type", kind).body(body.to_owned());
        self.ask(&format!("{method} {path} {kind} {body}"), request)
            .await
    }

    /// Only these fields of an object, where an answer tells more than anybody asks for.
    pub(super) async fn fields(&mut self, path: &str, query: &[(&str, &str)], fields: &[&str]) {
        let answer = self.get(path, query).await;
        if answer.get("errors").is_some() {
            return;
        }
        let told: BTreeMap<_, _> = fields.iter().map(|name| (*name, &answer[*name])).collect();
        let line = self.lines.pop().unwrap_or_default();
        let head = line.split(" {").next().unwrap_or_default();
        self.lines
            .push(format!("{head} {}", serde_json::to_string(&told).unwrap()));
    }

    /// A page for people, of which only the kind is compared.
    pub(super) async fn page(&mut self, path: &str) {
        self.get(path, &[]).await;
        let line = self.lines.pop().unwrap_or_default();
        let kind = line.split_inclusive("text/html").next();
        self.lines.push(kind.unwrap_or_default().to_owned());
    }

    /// What Bitbucket was asked since the last time.
    pub(super) fn bitbucket_was_asked(&mut self) {
        let calls = self.bitbucket.calls().into_iter().map(|call| {
            let Call {
                method,
                target,
                caller,
                credential,
                outcome,
                ..
            } = call;
            format!("\n  {method} {target} by {caller:?} as {credential:?}, {outcome:?}")
        });
        // One line for all of them, or one too many would make all that follows differ.
        let calls: String = calls.collect();
        self.lines.push(format!("asks Bitbucket: {calls}"));
        self.bitbucket.clear_calls();
    }

    /// The id of the only configuration; some word on servers that do not tell it.
    pub(super) async fn setting_id(&mut self) -> String {
        let settings = self.get("api/v2/dop-translation/dop-settings", &[]).await;
        let id = settings["dopSettings"][0]["id"].as_str();
        id.unwrap_or("untold").to_owned()
    }

    /// All that was said, without what differs from server to server and from day to day.
    pub(super) fn transcript(self) -> Vec<String> {
        let url = self.bitbucket_url();
        let places = [
            (self.sonarqube.url.as_str(), "<sonarqube>"),
            (&url, "<bitbucket>"),
        ];
        let mut ids = Ids::default();
        let lines = self.lines.into_iter().map(|line| {
            let line = places
                .iter()
                .fold(line, |line, (url, name)| line.replace(url, name));
            ids.hide(&line)
        });
        lines.collect()
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self
            .client
            .request(method, format!("{}/{path}", self.sonarqube.url));
        match &self.who {
            Who::Nobody => request,
            Who::Stranger => request.basic_auth("squ_nobody", Some("")),
            Who::Administrator => request.basic_auth(self.sonarqube.admin_token(), Some("")),
            Who::Bindery => request.basic_auth(&self.sonarqube.token, Some("")),
            Who::Bearer => request.bearer_auth(&self.sonarqube.token),
            Who::Holder(token) => request.basic_auth(token, Some("")),
        }
    }

    async fn ask(&mut self, question: &str, request: RequestBuilder) -> Value {
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let kind = answer.headers().get("content-type").cloned();
        let kind = kind.map(|kind| kind.to_str().unwrap().to_owned());
        let expiration = answer
            .headers()
            .get("sonarqube-authentication-token-expiration");
        let expiration = expiration.map(|day| format!(" expires {} ", day.to_str().unwrap()));
        let expiration = expiration.unwrap_or_default();
        let body = answer.text().await.unwrap();
        let (value, shown) = match serde_json::from_str::<Value>(&body) {
            Ok(mut value) => {
                sort(&mut value);
                let shown = value.to_string();
                (value, shown)
            }
            Err(_) => (Value::Null, body),
        };
        let kind = kind.unwrap_or_default();
        self.lines
            .push(format!("{question} -> {status}{expiration} {kind} {shown}"));
        value
    }
}

/// Puts bindings in the order of their projects: SonarQube orders them by ids, which are random.
fn sort(value: &mut Value) {
    let bindings = value.get_mut("projectBindings");
    if let Some(bindings) = bindings.and_then(Value::as_array_mut) {
        bindings.sort_by_key(|binding| binding["projectKey"].to_string());
    }
}

/// Numbers ids in the order of their appearance.
struct Ids {
    id: Regex,
    server: Regex,
    volatile: [(Regex, &'static str); 3],
    seen: Vec<String>,
}

impl Default for Ids {
    fn default() -> Self {
        let pattern = |text| Regex::new(text).unwrap();
        Self {
            // A UUID, or what there was before 10.0: it begins with the time, as of these years.
            id: pattern(
                "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|A[Zab][A-Za-z0-9_-]{18}",
            ),
            server: pattern("[0-9A-F]{8}-A[A-Za-z0-9_-]{19}"),
            volatile: [
                (
                    pattern(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4}"),
                    "<time>",
                ),
                (pattern(r#""updatedAt":\d+"#), "\"updatedAt\":<time>"),
                (pattern("[0-9a-f]{40}"), "<token>"),
            ],
            seen: Vec::new(),
        }
    }
}

impl Ids {
    fn hide(&mut self, line: &str) -> String {
        let seen = &mut self.seen;
        let line = self.server.replace_all(line, "<server id>");
        let line = self.id.replace_all(&line, |found: &Captures| {
            let known = seen.iter().position(|id| *id == found[0]);
            let number = known.unwrap_or_else(|| {
                seen.push(found[0].to_owned());
                seen.len() - 1
            });
            format!("<id {}>", number + 1)
        });
        let hidden = self.volatile.iter();
        hidden.fold(line.into_owned(), |line, (pattern, name)| {
            pattern.replace_all(&line, *name).into_owned()
        })
    }
}

async fn bitbucket() -> Bitbucket {
    let bitbucket = Bitbucket::start(Profile::V9_4).await.unwrap();
    bitbucket.world(|world| {
        world.user("reader");
        for (project, slugs) in [
            ("PAY", &["checkout", "ledger", "MixedCase"][..]),
            ("OPS", &["deploy", "empty", "crowded"]),
            ("~jdoe", &["tools"]),
        ] {
            world.project(project);
            for slug in slugs {
                world.repository(project, slug);
            }
            world.grant_project("reader", project, Right::Read);
        }
        let ledger = world.repository("PAY", "ledger");
        ledger.branches.push("develop".to_owned());
        "develop".clone_into(&mut ledger.default_branch);
        world.repository("OPS", "empty").branches.clear();
        // The default branch is not among the first that are listed.
        world.settings.branch_order = BranchOrder::DefaultLast;
        let crowded = world.repository("OPS", "crowded");
        let many = (0..30).map(|number| format!("a{number:02}"));
        crowded.branches = many.chain(["zzz".to_owned()]).collect();
        "zzz".clone_into(&mut crowded.default_branch);
        "Operations".clone_into(&mut world.project("OPS").name);
        let read = [Permission::ProjectRead, Permission::RepoRead];
        world.token(BITBUCKET_TOKEN, "reader", &read);
    });
    bitbucket
}
