//! One test a row: what was found, and what is done about it.

mod chosen_keys;
mod creating_only;
mod drift;
mod importing;
mod interleavings;
mod property;
mod released;
mod remembering;
mod repository_life;
mod table;

use super::*;
use crate::identity::{KeyTemplate, ProjectId, ProjectKey, RepositoryPath, ServerId, Uid};
use crate::plan::capability::{BindingMethod, Capabilities, Support};
use crate::plan::{Access, AccessRule, AdmittedKeys, Contender, Difference, Management, Reason};

const OURS: &str = "uid-ours";

fn key(text: &str) -> ProjectKey {
    ProjectKey::parse(text).unwrap()
}

fn path(text: &str) -> RepositoryPath {
    let (project, slug) = text.split_once('/').unwrap();
    RepositoryPath::parse(project, slug).unwrap()
}

/// A full binding of PAY/checkout in the connection's own namespace, seen for the first time.
fn desired() -> Desired {
    Desired {
        uid: Uid::new(OURS),
        namespace: "platform".to_owned(),
        key: key("PAY:checkout"),
        key_given: false,
        keys: KeyTemplate::default(),
        repository: path("PAY/checkout"),
        name: None,
        visibility: None,
        visibility_policy: VisibilityPolicy::Created,
        new_code: None,
        monorepo: false,
        on_move: OnMove::Report,
        mode: Mode::ImportOrBind,
        management: Management::Full,
        access: Access::Own,
        record: Record::default(),
    }
}

/// The same, its project accepted: created by Bindery.
fn keeping() -> Desired {
    Desired {
        record: Record {
            former: None,
            accepted: Some(Accepted {
                server: ServerId::new("server"),
                key: key("PAY:checkout"),
                id: Some(ProjectId::new("uuid-1")),
                created_by: Some(Uid::new(OURS)),
                bound_by: Some(Uid::new(OURS)),
                repository: Some(path("PAY/checkout")),
                new_code: None,
            }),
            intent: None,
            repository: None,
        },
        ..desired()
    }
}

/// The same, its project accepted: it was there.
fn keeping_a_foreign_one() -> Desired {
    let mut desired = keeping();
    if let Some(accepted) = &mut desired.record.accepted {
        accepted.created_by = None;
        accepted.bound_by = None;
    }
    desired
}

/// A tenant's binding: default keys only, in PAY.
fn tenant(desired: Desired) -> Desired {
    Desired {
        access: Access::Admitted(vec![AccessRule {
            repositories: vec!["PAY/*".to_owned()],
            projects: AdmittedKeys::Default(KeyTemplate::default()),
        }]),
        ..desired
    }
}

fn bound(repository: &str) -> BindingState {
    BindingState::Bound {
        repository: path(repository),
        monorepo: Some(false),
    }
}

fn project(binding: BindingState) -> Project {
    Project {
        key: key("PAY:checkout"),
        id: Some(ProjectId::new("uuid-1")),
        name: "Checkout service".to_owned(),
        visibility: Some(Visibility::Private),
        binding,
    }
}

/// A server where the project is bound so, and the repository to the projects of these keys.
fn observed(binding: impl Into<Option<BindingState>>, keys: &[&str]) -> Observed {
    Observed {
        repository: RepositoryState::Found(Repository {
            id: 7,
            path: path("PAY/checkout"),
            name: "Checkout".to_owned(),
            project_name: "Payments".to_owned(),
        }),
        project: binding.into().map(project),
        bound_to_repository: keys.iter().map(|text| resident(text)).collect(),
        hidden_bindings: 0,
        claimed_by: None,
        rights: Rights::Assumed,
        branches: None,
        capabilities: server(BindingMethod::PutBoundProject),
        imported: None,
        import_at_work: false,
    }
}

/// A server that offers everything that its binding method supports.
fn server(method: BindingMethod) -> Capabilities {
    Capabilities {
        method,
        lists_bindings: method != BindingMethod::ImportRepository,
        several: Support::Offered,
        monorepo: Support::Offered,
        pull_requests: true,
    }
}

/// A redirect to a location that was not read.
fn moved_away(place: &str) -> RepositoryState {
    RepositoryState::Moved(Moved {
        place: place.to_owned(),
        repository: None,
    })
}

fn intent(text: &str) -> Intent {
    Intent {
        server: ServerId::new("server"),
        key: key(text),
        imported_as: None,
        attempt: Attempt::Repeated,
    }
}

/// A project that is bound to the repository, and that no other binding holds.
fn resident(text: &str) -> Bound {
    Bound {
        key: key(text),
        held_for: None,
    }
}

/// A server where everything is as declared.
fn equal() -> Observed {
    observed(bound("PAY/checkout"), &["PAY:checkout"])
}

fn steps(plan: Plan) -> Vec<Step> {
    let Plan::Steps(steps) = plan else {
        panic!("expected steps, got {plan:?}")
    };
    steps
}

/// The message of a refusal for this reason.
fn refused(plan: Plan, reason: Reason) -> String {
    let Plan::Refused { refusal, .. } = plan else {
        panic!("expected {reason:?}, got {plan:?}")
    };
    assert_eq!(refusal.reason, reason, "{}", refusal.message);
    refusal.message
}

fn differences(plan: Plan) -> Vec<Difference> {
    let Plan::Differs(differences) = plan else {
        panic!("expected differences, got {plan:?}")
    };
    differences
}

fn bind_step() -> Step {
    Step::Bind {
        key: key("PAY:checkout"),
        name: "Checkout service".to_owned(),
        repository: path("PAY/checkout"),
    }
}
