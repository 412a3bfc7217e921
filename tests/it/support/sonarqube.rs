//! SonarQube as a person at its API: what a test does behind the operator's back, and what it believes.

use std::process::Command;

use serde_json::Value;
use simulators::sonarqube::SonarQube as Simulated;

use super::server::{Kind, Server};
use super::servers::StartedSonarQube;

/// A SonarQube server, used as its administrator.
pub(crate) struct SonarQube {
    pub(crate) url: String,
    /// Of `bindery`, who has Administer System and Create Projects, nothing else.
    pub(crate) token: String,
    /// Of `admin`.
    admin_token: String,
    server: Server,
    machine: Machine,
}

/// What answers.
enum Machine {
    Real(StartedSonarQube),
    Simulated(Box<Simulated>),
}

impl SonarQube {
    /// The real server of this kind, or a new simulated one.
    pub(crate) async fn at(server: Server) -> Self {
        match server.kind {
            Kind::Real(_) => {
                let part = StartedSonarQube::of_version(server.version);
                Self {
                    url: part.url.clone(),
                    token: part.token.clone(),
                    admin_token: part.admin_token.clone(),
                    server,
                    machine: Machine::Real(part),
                }
            }
            Kind::Simulated(profile) => {
                let simulated = Simulated::start(profile).await.unwrap();
                let (admin_token, token) = ("squ_simulated-admin", "squ_simulated-bindery");
                simulated.world(|world| world.set_up(admin_token, token));
                Self {
                    url: simulated.url().as_str().trim_end_matches('/').to_owned(),
                    token: token.to_owned(),
                    admin_token: admin_token.to_owned(),
                    server,
                    machine: Machine::Simulated(Box::new(simulated)),
                }
            }
        }
    }

    /// A token of `admin`.
    pub(crate) fn admin_token(&self) -> &str {
        &self.admin_token
    }

    pub(crate) fn is_real(&self) -> bool {
        self.server.is_real()
    }

    /// The simulated server, for what no real one can be made to do.
    pub(crate) fn simulated(&self) -> &Simulated {
        match &self.machine {
            Machine::Real(_) => panic!("a real server cannot be made to do this"),
            Machine::Simulated(simulated) => simulated,
        }
    }

    /// All requests that the server says it has seen, as text.
    pub(crate) fn requests(&self) -> String {
        match &self.machine {
            Machine::Real(part) => {
                String::from_utf8_lossy(&std::fs::read(&part.access_log).unwrap()).into_owned()
            }
            Machine::Simulated(simulated) => format!("{:?}", simulated.calls()),
        }
    }

    /// Removes every configuration and every project, and unsets the base URL.
    pub(crate) fn clear(&self) {
        let listed = self.get("api/alm_settings/list", &[]);
        for setting in listed["almSettings"].as_array().into_iter().flatten() {
            self.post(
                "api/alm_settings/delete",
                &[("key", &text(&setting["key"]))],
            );
        }
        for key in self.project_keys() {
            self.post("api/projects/delete", &[("project", &key)]);
        }
        self.post(
            "api/settings/reset",
            &[("keys", "sonar.core.serverBaseURL")],
        );
    }

    /// The address in links that SonarQube gives to others.
    pub(crate) fn set_server_base_url(&self, url: &str) {
        let setting = [("key", "sonar.core.serverBaseURL"), ("value", url)];
        self.post("api/settings/set", &setting);
    }

    /// All DevOps platform configurations, `url` and, from 10.5 on, `id` included.
    pub(crate) fn settings(&self) -> Vec<Value> {
        let answer = self.get("api/v2/dop-translation/dop-settings", &[]);
        if let Some(settings) = answer["dopSettings"].as_array() {
            return settings.clone();
        }
        let answer = self.get("api/alm_settings/list_definitions", &[]);
        answer["bitbucket"].as_array().unwrap().clone()
    }

    /// Imports a repository as the operator's user does on SonarQube's import page, and returns the key that it got.
    pub(crate) fn import_by_hand(&self, setting: &str, repository: &str) -> String {
        let (project, slug) = repository.split_once('/').unwrap();
        let parameters = [
            ("almSetting", setting),
            ("projectKey", project),
            ("repositorySlug", slug),
        ];
        let path = "api/alm_integrations/import_bitbucketserver_project";
        let made = self.form_of(&self.token, path, "POST", &parameters);
        let key = made["project"]["key"].as_str();
        let key = key
            .unwrap_or_else(|| panic!("not imported: {made}"))
            .to_owned();
        self.let_operator_administer(&key);
        key
    }

    /// Stores the token that the operator's user imports with, as SonarQube's import page does.
    pub(crate) fn store_import_token(&self, setting: &str, token: &str) {
        let parameters = [("almSetting", setting), ("pat", token)];
        let path = "api/alm_integrations/set_pat";
        self.form_of(&self.token, path, "POST", &parameters);
    }

    /// The keys of all projects.
    pub(crate) fn project_keys(&self) -> Vec<String> {
        let rows = self.projects(&[("ps", "500")]);
        rows.iter().map(|row| text(&row["key"])).collect()
    }

    /// One project as `api/projects/search` shows it.
    pub(crate) fn project(&self, key: &str) -> Option<Value> {
        self.projects(&[("projects", key)]).first().cloned()
    }

    /// What `api/projects/search` finds. A server that refuses has not said that there is nothing.
    fn projects(&self, parameters: &[(&str, &str)]) -> Vec<Value> {
        let answer = self.get("api/projects/search", parameters);
        let found = answer["components"].as_array().cloned();
        found.unwrap_or_else(|| panic!("projects are not reported: {answer}"))
    }

    /// `PROJECT/slug` that a project is bound to; none where SonarQube says in words that it is bound to nothing, or
    /// is not there.
    pub(crate) fn bound_to(&self, key: &str) -> Option<String> {
        let answer = self.get("api/alm_settings/get_binding", &[("project", key)]);
        if let (Some(project), Some(slug)) =
            (answer["repository"].as_str(), answer["slug"].as_str())
        {
            return Some(format!("{project}/{slug}"));
        }
        let reported = answer["errors"][0]["msg"].as_str().unwrap_or_default();
        let is_unbound = reported.contains("not bound") || reported.contains("not found");
        assert!(is_unbound, "the binding of {key} is not reported: {answer}");
        None
    }

    /// Points a project at a repository behind the operator's back, creating it where it is not there (the only thing
    /// that some servers do): as the operator's user, whose import token SonarQube holds.
    pub(crate) fn bind(&self, key: &str, name: &str, setting_id: &str, repository: &str) -> Value {
        self.bind_part((key, name), setting_id, repository, false)
    }

    /// The same, where the project may be a part of a monorepo.
    pub(crate) fn bind_part(
        &self,
        (key, name): (&str, &str),
        setting_id: &str,
        repository: &str,
        monorepo: bool,
    ) -> Value {
        let (project, slug) = repository.split_once('/').unwrap();
        let body = serde_json::json!({
            "projectKey": key, "projectName": name, "devOpsPlatformSettingId": setting_id,
            "projectIdentifier": project, "repositoryIdentifier": slug, "monorepo": monorepo,
        });
        let url = format!("{}/api/v2/dop-translation/bound-projects", self.url);
        let method = if self.server.binds_existing_projects() {
            "PUT"
        } else {
            "POST"
        };
        Self::curl(
            &self.token,
            &[
                "--request",
                method,
                &url,
                "--header",
                "Content-Type: application/json",
                "--data",
                &body.to_string(),
            ],
        )
    }

    /// Makes a project by hand, which the operator's user may administer.
    pub(crate) fn create_project(&self, key: &str, name: &str) {
        self.create_foreign_project(key, name);
        self.let_operator_administer(key);
    }

    /// Makes a project by hand, on which only its maker has permissions.
    pub(crate) fn create_foreign_project(&self, key: &str, name: &str) {
        let made = self.post("api/projects/create", &[("project", key), ("name", name)]);
        assert_eq!(made["project"]["key"], key, "{made}");
    }

    /// Without this even who imported a project may not bind it anew.
    pub(crate) fn let_operator_administer(&self, key: &str) {
        for permission in ["user", "admin"] {
            let granted = [
                ("login", "bindery"),
                ("projectKey", key),
                ("permission", permission),
            ];
            self.post("api/permissions/add_user", &granted);
        }
    }

    /// Makes a configuration by hand.
    pub(crate) fn create_setting(&self, key: &str, url: &str, token: &str) {
        let parameters = [("key", key), ("url", url), ("personalAccessToken", token)];
        self.post("api/alm_settings/create_bitbucket", &parameters);
    }

    /// A token of a new user who has these global permissions and no others.
    pub(crate) fn user_with(&self, login: &str, permissions: &[&str]) -> String {
        let password = [
            ("login", login),
            ("name", login),
            ("password", "Aa1!Aa1!Aa1!"),
        ];
        self.post("api/users/create", &password);
        for permission in permissions {
            let granted = [("login", login), ("permission", *permission)];
            self.post("api/permissions/add_user", &granted);
        }
        let named = [("login", login), ("name", "test")];
        self.post("api/user_tokens/revoke", &named);
        text(&self.post("api/user_tokens/generate", &named)["token"])
    }

    /// The main branch of a project.
    pub(crate) fn main_branch(&self, key: &str) -> String {
        let answer = self.get("api/project_branches/list", &[("project", key)]);
        let branches = answer["branches"].as_array().unwrap();
        let main = branches.iter().find(|branch| branch["isMain"] == true);
        text(&main.unwrap()["name"])
    }

    /// What the server says of itself, such as `UP` or `STARTING`; `None` while it does not answer.
    pub(crate) fn phase(&self) -> Option<String> {
        let url = format!("{}/api/system/status", self.url);
        let output = Command::new("curl").args(["--silent", &url]).output();
        let answer: Value = serde_json::from_slice(&output.unwrap().stdout).ok()?;
        Some(text(&answer["status"]))
    }

    /// All that people may care for: configurations, projects, and what each project is bound to.
    pub(crate) fn everything(&self) -> Value {
        let projects = self.project_keys().into_iter().map(|key| {
            let binding = self.get("api/alm_settings/get_binding", &[("project", &key)]);
            serde_json::json!({"project": self.project(&key), "binding": binding})
        });
        serde_json::json!({"settings": self.settings(), "projects": projects.collect::<Vec<_>>()})
    }

    /// Points an existing project at another repository behind the operator's back.
    pub(crate) fn re_point(&self, key: &str, setting_id: &str, repository: &str) {
        self.let_operator_administer(key);
        let name = text(&self.project(key).unwrap()["name"]);
        let answer = self.bind(key, &name, setting_id, repository);
        assert_eq!(self.bound_to(key).as_deref(), Some(repository), "{answer}");
    }

    /// A call with form parameters, as `admin`.
    pub(crate) fn post(&self, path: &str, parameters: &[(&str, &str)]) -> Value {
        self.form(path, "POST", parameters)
    }

    /// A call with query parameters, as `admin`. The answer of an error is returned as well.
    pub(crate) fn get(&self, path: &str, parameters: &[(&str, &str)]) -> Value {
        self.form(path, "GET", parameters)
    }

    /// The same as the operator's user, for whom SonarQube keeps an import token.
    pub(crate) fn get_as_operator(&self, path: &str, parameters: &[(&str, &str)]) -> Value {
        self.form_of(&self.token, path, "GET", parameters)
    }

    /// A call with form parameters, as `bindery`. The answer of an error is returned as well.
    pub(crate) fn post_as_operator(&self, path: &str, parameters: &[(&str, &str)]) -> Value {
        self.form_of(&self.token, path, "POST", parameters)
    }

    fn form(&self, path: &str, method: &str, parameters: &[(&str, &str)]) -> Value {
        self.form_of(&self.admin_token, path, method, parameters)
    }

    fn form_of(&self, token: &str, path: &str, method: &str, parameters: &[(&str, &str)]) -> Value {
        let url = format!("{}/{path}", self.url);
        let pairs: Vec<_> = parameters
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let mut arguments = vec!["--request", method, &url];
        if method == "GET" {
            arguments.push("--get");
        }
        for pair in &pairs {
            arguments.extend(["--data-urlencode", pair]);
        }
        Self::curl(token, &arguments)
    }

    fn curl(token: &str, arguments: &[&str]) -> Value {
        let output = Command::new("curl")
            .args(["--silent", "--show-error", "--user", &format!("{token}:")])
            .args(arguments)
            .output()
            .expect("curl is needed");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        if output.stdout.is_empty() {
            return Value::Null;
        }
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
            panic!("{error} in {:?}", String::from_utf8_lossy(&output.stdout))
        })
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}
