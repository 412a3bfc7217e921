//! Analyses of pull requests: what scanners handed in.

use super::{Project, World};

/// What a scanner reports of a pull request, and what became of its background task, which always succeeds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnalysedPullRequest {
    /// Bitbucket's id of the pull request.
    pub key: String,
    /// The title shown to people.
    pub title: String,
    /// The source branch.
    pub branch: String,
    /// The target branch.
    pub base: String,
    /// The commit that was analysed: 40 digits.
    pub commit: String,
    /// When, as SonarQube writes it: `2027-01-15T08:00:00+0000`.
    pub date: String,
    /// The warnings of the background task.
    pub warnings: Vec<String>,
}

/// An analysis that was done.
#[derive(Clone, Debug)]
pub(crate) struct Analysis {
    /// The id of its background task.
    pub(crate) task: String,
    /// The id of the project.
    pub(crate) project: String,
    pub(crate) pull_request: AnalysedPullRequest,
}

impl World {
    /// Keeps an analysis, and returns the id of its background task.
    pub(crate) fn keep_analysis(
        &mut self,
        project: &str,
        pull_request: AnalysedPullRequest,
    ) -> String {
        let task = self.new_id();
        self.analyses.push(Analysis {
            task: task.clone(),
            project: project.to_owned(),
            pull_request,
        });
        task
    }

    /// Adds a warning to a background task.
    pub(crate) fn warn(&mut self, task: &str, warning: &str) {
        let analysis = self.analyses.iter_mut().find(|it| it.task == task);
        if let Some(analysis) = analysis {
            analysis.pull_request.warnings.push(warning.to_owned());
        }
    }

    /// All analyses, the newest first, each with its project; those of projects that are gone went with them.
    pub(crate) fn analyses(&self) -> impl Iterator<Item = (&Project, &Analysis)> {
        self.analyses.iter().rev().filter_map(|analysis| {
            let mut projects = self.projects.iter();
            let project = projects.find(|project| project.id == analysis.project)?;
            Some((project, analysis))
        })
    }
}
