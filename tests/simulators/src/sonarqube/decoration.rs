//! How SonarQube decorates a pull request: after its analysis it puts a report on the commit that was analysed.

use reqwest::Method;
use serde_json::{Value, json};

use super::{
    SonarQube,
    bitbucket::Question,
    plugin::Failure,
    profile::{Edition, Profile},
    simulation::Simulation,
    world::{AnalysedPullRequest, Binding, Platform, SERVER_BASE_URL, Setting},
};

/// What becomes of a report that Bitbucket does not take, if the edition reports it. The text is made up: all that is
/// known is that there is to be a warning.
const NOT_DECORATED: &str = "Pull request decoration failed: the report was not accepted.";

/// What became of a pull request in Bitbucket when it was analysed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decoration {
    /// Its report is there.
    Done,
    /// Bitbucket did not take the report.
    Refused,
    /// Nothing was tried: the project is not bound to a Bitbucket.
    Unbound,
}

/// The server analyses no such pull request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnalysisError {
    /// The edition knows no pull requests: in these words Community refuses their reports.
    #[error("Current edition does not support branch feature")]
    Edition,
    /// There is no such project.
    #[error("project {0} does not exist")]
    NoProject(String),
}

/// What is to be sent to Bitbucket.
struct Report {
    base: String,
    token: String,
    /// The path of the report.
    path: String,
    body: Value,
}

impl SonarQube {
    /// Analyses a pull request of a project, as a scanner lets it do, and decorates it. The background task succeeds
    /// in any case.
    ///
    /// # Errors
    /// If there is no such project, or the edition knows no pull requests.
    pub async fn analyse_pull_request(
        &self,
        project: &str,
        pull_request: AnalysedPullRequest,
    ) -> Result<Decoration, AnalysisError> {
        let (profile, task, report) = {
            let mut simulation = self.shared.lock();
            let (task, report) = simulation.analyse(project, pull_request)?;
            (simulation.profile, task, report)
        };
        let Some(report) = report else {
            return Ok(Decoration::Unbound);
        };
        if self.send(profile, report).await.is_ok() {
            return Ok(Decoration::Done);
        }
        // The plugin writes it to its log only.
        if profile.edition != Edition::BranchPlugin {
            self.shared.lock().world.warn(&task, NOT_DECORATED);
        }
        Ok(Decoration::Refused)
    }

    /// Commercial editions are closed source: that they put a report is all that is simulated of them.
    async fn send(&self, profile: Profile, report: Report) -> Result<(), Failure> {
        let Report {
            base,
            token,
            path,
            body,
        } = report;
        let at = |path: &str| Question::new(&base, path, Some(&token));
        let plugin = self.shared.lock().plugin.clone();
        let by_plugin = profile.edition == Edition::BranchPlugin;
        if by_plugin {
            plugin
                .call(
                    Method::GET,
                    &at("/rest/api/1.0/application-properties"),
                    None,
                )
                .await?;
        }
        plugin.call(Method::PUT, &at(&path), Some(&body)).await?;
        if by_plugin {
            plugin
                .call(Method::DELETE, &at(&format!("{path}/annotations")), None)
                .await?;
        }
        Ok(())
    }
}

impl Simulation {
    /// Keeps the analysis, and returns its task and what is to be sent.
    fn analyse(
        &mut self,
        key: &str,
        pull_request: AnalysedPullRequest,
    ) -> Result<(String, Option<Report>), AnalysisError> {
        if !self.profile.sets_bindings() {
            return Err(AnalysisError::Edition);
        }
        let project = self.world.project(key);
        let project = project.ok_or_else(|| AnalysisError::NoProject(key.to_owned()))?;
        let id = project.id.clone();
        let bound = self.world.bound_to(project);
        let report = bound
            .filter(|(_, setting)| setting.platform == Platform::Bitbucket)
            .map(|(binding, setting)| self.report(key, binding, setting, &pull_request));
        let task = self.world.keep_analysis(&id, pull_request);
        Ok((task, report))
    }

    fn report(
        &self,
        project: &str,
        binding: &Binding,
        setting: &Setting,
        pull_request: &AnalysedPullRequest,
    ) -> Report {
        let Binding {
            repository,
            slug,
            monorepo,
            ..
        } = binding;
        let commit = &pull_request.commit;
        let report = self.profile.report_key(project, *monorepo);
        let own = self.world.properties.get(SERVER_BASE_URL);
        let own = own.map_or("http://localhost:9000", String::as_str);
        let page = format!(
            "{own}/dashboard?id={project}&pullRequest={}",
            pull_request.key
        );
        Report {
            base: setting.url.clone(),
            token: setting.token.clone(),
            path: format!(
                "/rest/insights/1.0/projects/{repository}/repos/{slug}/commits/{commit}/reports/{report}"
            ),
            body: json!({
                "title": "SonarQube", "reporter": "SonarQube", "result": "PASS",
                "details": "Quality Gate passed\n", "link": page,
                "data": [{"title": "New Issues", "type": "TEXT", "value": "0 Issues"}],
            }),
        }
    }
}
