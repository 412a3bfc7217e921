//! What a pass over a binding says in its status and its events.

use kube::{Api, ResourceExt as _};

use crate::controller::claims::uid;
use crate::controller::clock;
use crate::controller::connection::{interval, told};
use crate::controller::context::Context;
use crate::controller::error::Error;
use crate::controller::event::{self, Occurrence};
use crate::controller::pass::{self, Next};
use crate::controller::session::View;
use crate::controller::status::{self, Precondition};
use crate::crd::{
    self, BitbucketConnection, ConnectionStatus, Intent, ProjectBinding, ProjectBindingStatus,
    RECONCILE_REQUESTED_AT, RepositoryStatus, SonarQubeProjectStatus,
};
use crate::identity::{ProjectId, RepositoryPath, Uid};
use crate::plan::binding::{Accepted, Record};
use crate::plan::verdict::{Aspect, Outcome, State, Verdict, aspects, summary};
use crate::plan::{Difference, Reason, Refusal, decoration};

use super::{WITHOUT_CONNECTION, dereference, validate};

/// The own conditions of the kind, but for `DecorationReady`.
const ASPECTS: &[Aspect] = &[Aspect::Accepted, Aspect::Synced];

/// What a pass has found out so far.
pub(super) struct Report<'a> {
    binding: &'a ProjectBinding,
    pub(super) record: Record,
    pub(super) intent: Option<Intent>,
    pub(super) repository: Option<RepositoryStatus>,
    /// What is not as declared, and is not mended.
    pub(super) differences: Vec<Difference>,
    pub(super) occurrences: Vec<Occurrence>,
}

impl<'a> Report<'a> {
    /// Begins with what the status says.
    pub(super) fn of(binding: &'a ProjectBinding) -> Self {
        let status = binding.status.as_ref();
        Self {
            binding,
            record: validate::record(binding),
            intent: status.and_then(|status| status.intent.clone()),
            repository: status.and_then(|status| status.repository.clone()),
            differences: Vec::new(),
            occurrences: Vec::new(),
        }
    }

    /// Remembers where the repository is; its default branch is read during an import only.
    pub(super) fn see(&mut self, repository: Option<RepositoryStatus>) {
        let Some(mut now) = repository else { return };
        let before = self.repository.take().filter(|before| before.id == now.id);
        now.default_branch = now
            .default_branch
            .or(before.and_then(|before| before.default_branch));
        self.repository = Some(now);
    }

    /// Everything that may be written is as declared.
    pub(super) async fn settled(
        self,
        connection: &BitbucketConnection,
        view: &View,
        (api, context): (&Api<ProjectBinding>, &Context),
    ) -> Result<Next, Error> {
        let next = Next::Settled(interval(connection, context));
        let message = told(&self.differences);
        let drift = Refusal::new(Reason::DriftDetected, message.clone());
        let (outcome, failed) = if self.differences.is_empty() {
            (Outcome::Settled, None)
        } else {
            (Outcome::Differing(message), Some((Aspect::Synced, &drift)))
        };
        let mut verdicts = summary(&outcome);
        verdicts.extend(aspects(ASPECTS, ASPECTS, failed));
        verdicts.push(decoration(
            self.binding,
            self.repository.as_ref(),
            (view, context),
        ));
        let accepted_by = ConnectionStatus {
            namespace: connection.namespace().unwrap_or_default(),
            name: connection.name_any(),
            uid: uid(connection).to_string(),
        };
        let status = ProjectBindingStatus {
            connection: Some(accepted_by),
            ..self.status(&verdicts, Some(view))
        };
        self.write(status, api, context).await?;
        Ok(next)
    }

    /// Something stopped the pass.
    pub(super) async fn failed(
        self,
        error: Error,
        api: &Api<ProjectBinding>,
        context: &Context,
    ) -> Result<Next, Error> {
        let connection = dereference::reference(self.binding, context).ok();
        let interval = connection.map_or(WITHOUT_CONNECTION, |reference| {
            interval(&reference.connection, context)
        });
        if error.is_outage() && status::is_settled(self.binding) {
            self.kept(api, context).await?;
            return Ok(Next::Failed { error, interval });
        }
        let refusal = error.refusal();
        let was_accepted = self.record.accepted.is_some();
        let still_accepted = was_accepted
            && !matches!(
                refusal.reason,
                Reason::ConnectionNotFound | Reason::AccessDenied | Reason::AlreadyManaged
            );
        let at = if still_accepted {
            Aspect::Synced
        } else {
            Aspect::Accepted
        };
        let reached: &[Aspect] = if still_accepted {
            &[Aspect::Accepted]
        } else {
            &[]
        };
        let mut verdicts = summary(&pass::outcome(&error));
        verdicts.extend(aspects(ASPECTS, reached, Some((at, &refusal))));
        verdicts.push(unknown_decoration());
        let status = self.status(&verdicts, None);
        self.write(status, api, context).await?;
        Ok(Next::Failed { error, interval })
    }

    /// What is said of the object stays; what was done to its project before the outage is remembered, and told.
    async fn kept(self, api: &Api<ProjectBinding>, context: &Context) -> Result<(), Error> {
        let before = self.binding.status.clone().unwrap_or_default();
        let now = self.status(&[], None);
        let status = ProjectBindingStatus {
            sonarqube_project: now.sonarqube_project,
            intent: now.intent,
            ..before
        };
        self.write(status, api, context).await
    }

    /// Stays as it was for the generation it was; says so for a new one.
    pub(super) async fn suspended(
        self,
        connection: &BitbucketConnection,
        api: &Api<ProjectBinding>,
        context: &Context,
    ) -> Result<Next, Error> {
        if !status::is_settled(self.binding) {
            let mut verdicts = summary(&Outcome::Suspended);
            verdicts.extend(aspects(ASPECTS, &[], None));
            verdicts.push(unknown_decoration());
            let status = self.status(&verdicts, None);
            self.write(status, api, context).await?;
        }
        Ok(Next::Settled(interval(connection, context)))
    }

    /// Says that the object is on its way out.
    pub(super) async fn leaving(
        self,
        outcome: &Outcome,
        api: &Api<ProjectBinding>,
        context: &Context,
    ) -> Result<(), Error> {
        let status = self.status(&summary(outcome), None);
        self.write(status, api, context).await
    }

    fn status(&self, verdicts: &[Verdict], view: Option<&View>) -> ProjectBindingStatus {
        let before = self.binding.status.clone().unwrap_or_default();
        let generation = self.binding.metadata.generation;
        let project = before.sonarqube_project.as_ref();
        let kept = |accepted: &Accepted| remembered(accepted, view, project);
        ProjectBindingStatus {
            observed_generation: generation,
            conditions: status::conditions(&before.conditions, verdicts, generation, &clock::now()),
            connection: before.connection,
            sonarqube_project: self.record.accepted.as_ref().map(kept),
            repository: self.repository.clone(),
            intent: self.intent.clone().filter(|_| self.record.intent.is_some()),
            difference: self.differences.iter().map(difference).collect(),
            last_handled_reconcile_at: requested(self.binding),
        }
    }

    async fn write(
        self,
        status: ProjectBindingStatus,
        api: &Api<ProjectBinding>,
        context: &Context,
    ) -> Result<(), Error> {
        // Done is done, whether or not it can be written down.
        event::publish(self.binding, &self.occurrences, context).await;
        let before = self.binding.status.clone().unwrap_or_default();
        if status != before {
            status::write(api, self.binding, &status, Precondition::None).await?;
            context.metrics.status_written("ProjectBinding");
        }
        let transition = event::transition(&before.conditions, &status.conditions);
        event::publish(self.binding, transition.as_slice(), context).await;
        Ok(())
    }
}

fn remembered(
    accepted: &Accepted,
    view: Option<&View>,
    before: Option<&SonarQubeProjectStatus>,
) -> SonarQubeProjectStatus {
    let url = view.map(|view| {
        let mut url = view.sonarqube.url().join(["dashboard"]);
        url.query_pairs_mut()
            .append_pair("id", accepted.key.as_str());
        url.to_string()
    });
    SonarQubeProjectStatus {
        key: accepted.key.to_string(),
        id: accepted.id.as_ref().map(ProjectId::to_string),
        server_id: accepted.server.to_string(),
        url: url
            .or_else(|| before.map(|before| before.url.clone()))
            .unwrap_or_default(),
        created_by: accepted.created_by.as_ref().map(Uid::to_string),
        bound_by: accepted.bound_by.as_ref().map(Uid::to_string),
        new_code_definition: accepted.new_code.as_ref().map(validate::new_code_status),
    }
}

/// Whether pull requests of the repository are decorated, as far as the last sweep and the latest look tell.
fn decoration(
    binding: &ProjectBinding,
    repository: Option<&RepositoryStatus>,
    (view, context): (&View, &Context),
) -> Verdict {
    let path = repository.and_then(|shown| RepositoryPath::parse(&shown.project, &shown.slug).ok());
    let known = {
        let inventory = view.inventory();
        let row = path.and_then(|path| inventory.repository(&path));
        row.map(|row| decoration::Repository {
            archived: row.archived,
            writable: inventory.writable(row.id),
        })
    };
    let outcome = context.decorations.of(&uid(binding));
    decoration::verdict(view.decoration, known, outcome.as_ref())
        .or_else(|| status::decoration_told_before(binding))
        .unwrap_or_else(unknown_decoration)
}

fn unknown_decoration() -> Verdict {
    Verdict::new(
        Aspect::DecorationReady,
        State::Unknown,
        Reason::NotChecked,
        "not looked at in this pass",
    )
}

fn difference(difference: &Difference) -> crd::Difference {
    let Difference {
        field,
        desired,
        observed,
    } = difference;
    let cut = |text: &str| text.chars().take(512).collect();
    crd::Difference {
        field: (*field).to_owned(),
        desired: cut(desired),
        observed: cut(observed),
    }
}

pub(super) fn requested(binding: &ProjectBinding) -> Option<String> {
    binding
        .annotations()
        .get(RECONCILE_REQUESTED_AT)
        .map(|value| value.chars().take(256).collect())
}
