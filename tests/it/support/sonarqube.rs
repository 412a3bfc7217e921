//! SonarQube as a person at its API: what a test does behind the operator's back, and what it believes.

use std::process::Command;

use serde_json::Value;

use super::parts::SonarQubePart;

/// The real SonarQube, used as its administrator.
pub(crate) struct SonarQube {
    pub(crate) part: SonarQubePart,
}

impl SonarQube {
    pub(crate) fn from_env() -> Self {
        Self {
            part: SonarQubePart::from_env(),
        }
    }

    /// Removes every configuration and every project, and unsets the base URL.
    pub(crate) fn clear(&self) {
        for setting in self.settings() {
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

    /// All DevOps platform configurations, `id` and `url` included.
    pub(crate) fn settings(&self) -> Vec<Value> {
        let answer = self.get("api/v2/dop-translation/dop-settings", &[]);
        answer["dopSettings"]
            .as_array()
            .cloned()
            .unwrap_or_default()
    }

    /// The keys of all projects.
    pub(crate) fn project_keys(&self) -> Vec<String> {
        let answer = self.get("api/projects/search", &[("ps", "500")]);
        let rows = answer["components"].as_array().cloned().unwrap_or_default();
        rows.iter().map(|row| text(&row["key"])).collect()
    }

    /// One project as `api/projects/search` shows it.
    pub(crate) fn project(&self, key: &str) -> Option<Value> {
        let answer = self.get("api/projects/search", &[("projects", key)]);
        answer["components"].as_array()?.first().cloned()
    }

    /// `PROJECT/slug` that a project is bound to.
    pub(crate) fn bound_to(&self, key: &str) -> Option<String> {
        let answer = self.get("api/alm_settings/get_binding", &[("project", key)]);
        Some(format!(
            "{}/{}",
            answer["repository"].as_str()?,
            answer["slug"].as_str()?
        ))
    }

    /// Points a project at a repository behind the operator's back, creating it where it is not there: as the
    /// operator's user, whose import token SonarQube holds.
    pub(crate) fn bind(&self, key: &str, name: &str, setting_id: &str, repository: &str) -> Value {
        let (project, slug) = repository.split_once('/').unwrap();
        let body = serde_json::json!({
            "projectKey": key, "projectName": name, "devOpsPlatformSettingId": setting_id,
            "projectIdentifier": project, "repositoryIdentifier": slug, "monorepo": false,
        });
        let url = format!("{}/api/v2/dop-translation/bound-projects", self.part.url);
        self.curl(
            &self.part.token,
            &[
                "--request",
                "PUT",
                &url,
                "--header",
                "Content-Type: application/json",
                "--data",
                &body.to_string(),
            ],
        )
    }

    /// Points a project that is there at another repository behind the operator's back.
    pub(crate) fn re_point(&self, key: &str, setting_id: &str, repository: &str) {
        // Who creates a project does not administer it.
        for permission in ["user", "admin"] {
            let grant = [
                ("login", "bindery"),
                ("permission", permission),
                ("projectKey", key),
            ];
            self.post("api/permissions/add_user", &grant);
        }
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
        self.form_of(&self.part.token, path, "GET", parameters)
    }

    fn form(&self, path: &str, method: &str, parameters: &[(&str, &str)]) -> Value {
        self.form_of(&self.part.admin_token, path, method, parameters)
    }

    fn form_of(&self, token: &str, path: &str, method: &str, parameters: &[(&str, &str)]) -> Value {
        let url = format!("{}/{path}", self.part.url);
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
        self.curl(token, &arguments)
    }

    fn curl(&self, token: &str, arguments: &[&str]) -> Value {
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
        serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}
