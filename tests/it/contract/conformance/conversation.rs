//! Asks one server, and writes down what it says in a form that does not depend on when and where it said it.

use std::collections::BTreeMap;

use reqwest::{Method, RequestBuilder};
use serde_json::Value;
use simulators::bitbucket::{Bitbucket, Call, Switch};

use super::hidden::Ids;
use crate::contract::repositories;
use crate::support::server::Server;
use crate::support::sonarqube::SonarQube;

/// A token of the existing Bitbucket.
pub(super) use crate::contract::repositories::TOKEN as BITBUCKET_TOKEN;

/// As whom a call is made.
#[derive(Clone)]
pub(super) enum Who {
    Nobody,
    /// A user with an invalid token.
    Stranger,
    Administrator,
    /// Administer System and Create Projects, nothing else.
    Bindery,
    /// The same with its token as a bearer, which not every version knows.
    Bearer,
    /// A user with a token that the conversation returned.
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
        // The operator's transport installs what reqwest needs; here no other code does.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self {
            sonarqube,
            bitbucket: repositories::bitbucket().await,
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
    pub(super) fn let_bitbucket_answer_all_callers(&self) {
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

    /// Only these fields of an object, if an answer contains more than needed.
    pub(super) async fn fields(&mut self, path: &str, query: &[(&str, &str)], fields: &[&str]) {
        let answer = self.get(path, query).await;
        if answer.get("errors").is_some() {
            return;
        }
        let reported: BTreeMap<_, _> = fields.iter().map(|name| (*name, &answer[*name])).collect();
        let line = self.lines.pop().unwrap_or_default();
        let head = line.split(" {").next().unwrap_or_default();
        self.lines.push(format!(
            "{head} {}",
            serde_json::to_string(&reported).unwrap()
        ));
    }

    /// Projects as users see them: of each only what Bindery reads, since versions add fields.
    pub(super) async fn browsed(&mut self, path: &str, query: &[(&str, &str)]) {
        let answer = self.get(path, query).await;
        if answer.get("errors").is_some() {
            return;
        }
        let rows = answer["components"].as_array().cloned();
        let rows = rows.unwrap_or_else(|| vec![answer["component"].clone()]);
        let rows = rows.iter().map(|row| {
            let fields = ["key", "name", "visibility"].map(|field| row[field].to_string());
            fields.join(" ")
        });
        let rows: Vec<_> = rows.collect();
        let line = self.lines.pop().unwrap_or_default();
        let head = line.split(" {").next().unwrap_or_default();
        let total = &answer["paging"]["total"];
        self.lines.push(format!("{head} {total} {rows:?}"));
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
                headers,
                outcome,
                ..
            } = call;
            format!(
                "\n  {method} {target} by {caller:?} as {credential:?} with {headers:?}, {outcome:?}"
            )
        });
        // One line for all of them, or one too many would make all that follows differ.
        let calls: String = calls.collect();
        self.lines.push(format!("asks Bitbucket: {calls}"));
        self.bitbucket.clear_calls();
    }

    /// The id of the only configuration; some word on servers that do not return it.
    pub(super) async fn setting_id(&mut self) -> String {
        let settings = self.get("api/v2/dop-translation/dop-settings", &[]).await;
        let id = settings["dopSettings"][0]["id"].as_str();
        id.unwrap_or("untold").to_owned()
    }

    /// What a simulated server was asked: methods and paths as its routes name them.
    pub(super) fn operations(&self) -> Vec<(String, &'static str)> {
        let calls = self.sonarqube.simulated().calls().into_iter();
        calls.map(|call| (call.method, call.operation)).collect()
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

/// Sorts what servers return in no order: bindings to one Bitbucket project, which SonarQube orders by their random
/// ids, and the flaws of a body.
fn sort(value: &mut Value) {
    let bindings = value.get_mut("projectBindings");
    if let Some(bindings) = bindings.and_then(Value::as_array_mut) {
        for equal in bindings.chunk_by_mut(|one, next| one["repository"] == next["repository"]) {
            equal.sort_by_key(|binding| binding["projectKey"].to_string());
        }
    }
    if let Some(message) = value.get_mut("message")
        && let Some(flaws) = message
            .as_str()
            .and_then(|text| text.strip_prefix("Value "))
    {
        let mut flaws: Vec<_> = flaws.split("Value ").collect();
        flaws.sort_unstable();
        *message = format!("Value {}", flaws.join("Value ")).into();
    }
}
