//! What holds in every world. The promises about single writes are asserted where the world is written.

mod foreseen;
mod strategies;

use proptest::prelude::*;

use super::*;
use crate::plan::binding::world::{Fault, Maker, Member, Outcome, Place, Remote, World};
use crate::plan::capability::{Capabilities, Support};
use strategies::{events, faults, worlds};

const KEYS: [&str; 5] = ["PAY:a", "PAY:b", "OPS:c", "legacy", "pay:B"];
const REPOSITORIES: [&str; 4] = ["PAY/a", "PAY/b", "OPS/c", "OPS/gone"];

/// Something that happens to a world.
#[derive(Clone, Debug)]
enum Event {
    Reconcile(usize),
    /// A user binds a project to a repository, unbinds it (3), or binds it elsewhere (4).
    Point(usize, usize, bool),
    Delete(usize),
    Create(usize, usize),
    Publish(usize, Visibility),
    Revoke(usize),
    /// The spec names another repository.
    Move(usize, usize),
    /// A repository is deleted, and another one created under its name.
    Recreate(usize),
    /// The connection of a member is deleted and created again: it must accept what the former one had accepted.
    Reconnect(usize),
}

fn link(choice: usize, monorepo: bool) -> BindingState {
    match choice {
        0..=2 => BindingState::Bound {
            repository: path(REPOSITORIES[choice]),
            monorepo: Some(monorepo),
        },
        3 => BindingState::Unbound,
        _ => BindingState::Elsewhere("another".to_owned()),
    }
}

fn by_hand(world: &mut World, name: &str, binding: BindingState) {
    if world.find(&key(name)).is_some() {
        return;
    }
    let id = world.fresh_id();
    world.projects.push(Remote {
        key: key(name),
        id,
        name: format!("Project {name}"),
        visibility: Visibility::Public,
        binding,
        granted: true,
        new_code: None,
        main: "main".to_owned(),
        maker: Maker::Hand,
        made_through: 0,
    });
}

/// Whether only its repository shows where a project comes from: imported under a key of SonarQube's choice, and
/// the answer was lost. Who re-points it then makes it a stranger.
fn is_unheard_of(world: &World, project: usize) -> bool {
    let Maker::Binding(member) = world.projects[project].maker else {
        return false;
    };
    let intent = world.members[member].record.intent.as_ref();
    world.capabilities.method == BindingMethod::ImportRepository
        && intent.is_some_and(|intent| intent.imported_as.is_none())
}

impl Event {
    fn happen(&self, world: &mut World) {
        let count = world.projects.len();
        match *self {
            Self::Reconcile(member) => {
                let member = member % world.members.len();
                world.reconcile(member);
            }
            Self::Point(project, choice, monorepo)
                if count > 0 && !is_unheard_of(world, project % count) =>
            {
                world.projects[project % count].binding = link(choice, monorepo);
            }
            Self::Delete(project) if count > 0 => {
                world.projects.remove(project % count);
            }
            // The one window that cannot be observed: a stranger creates the very key, bound to the very
            // repository, between our intent and our look.
            Self::Create(name, choice)
                if !world.members.iter().any(|one| one.awaits(&key(KEYS[name]))) =>
            {
                by_hand(world, KEYS[name], link(choice, false));
            }
            Self::Publish(project, visibility) if count > 0 => {
                world.projects[project % count].visibility = visibility;
            }
            Self::Revoke(project) if count > 0 => world.projects[project % count].granted = false,
            Self::Move(member, repository) => {
                let count = world.members.len();
                let member = &mut world.members[member % count];
                if member.record.intent.is_none() {
                    member.repository = path(REPOSITORIES[repository]);
                }
            }
            Self::Recreate(repository) => {
                let count = world.repositories.len();
                world.repositories[repository % count].id += 100;
            }
            Self::Reconnect(member) => {
                let count = world.members.len();
                world.members[member % count].connection += 1;
            }
            Self::Point(..)
            | Self::Delete(_)
            | Self::Create(..)
            | Self::Publish(..)
            | Self::Revoke(_) => {}
        }
    }
}

/// What SonarQube holds, uuids aside.
fn remote(world: &World) -> Vec<String> {
    let mut lines: Vec<_> = world
        .projects
        .iter()
        .map(|project| {
            format!(
                "{:?}",
                Remote {
                    id: ProjectId::new(""),
                    ..project.clone()
                }
            )
        })
        .collect();
    lines.sort();
    lines
}

/// Reconciles until nothing changes any more, and once again.
fn settle(world: &mut World) -> Vec<Plan> {
    for _ in 0..=2 * world.members.len() {
        world.round();
    }
    let writes = world.writes;
    let plans = world.round();
    assert_eq!(plans, world.round(), "the answers change: {world:#?}");
    assert_eq!(writes, world.writes, "it never rests: {world:#?}");
    plans
}

fn cases() -> ProptestConfig {
    ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(512)
    }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn the_world_comes_to_rest_and_no_promise_is_broken_in_any_history(
        mut world in worlds(), events in events(), faults in faults()
    ) {
        world.faults = faults;
        for event in &events {
            event.happen(&mut world);
        }
        world.faults.clear();
        for plan in settle(&mut world) {
            prop_assert!(!matches!(plan, Plan::Steps(_)));
        }
    }

    #[test]
    fn a_crash_at_any_point_ends_in_the_same_state_as_none(world in worlds(), faults in faults()) {
        let (mut calm, mut shaken) = (world.clone(), World { faults, ..world });
        settle(&mut calm);
        settle(&mut shaken);
        prop_assert_eq!(remote(&calm), remote(&shaken));
    }

    #[test]
    fn a_deletion_never_removes_manual_projects_or_those_of_other_bindings(
        mut world in worlds(), events in events(), faults in faults()
    ) {
        world.faults = faults;
        for event in &events {
            event.happen(&mut world);
            for index in 0..world.members.len() {
                let member = &world.members[index];
                let record = member.record.clone().on(&world.server);
                let unseen = ReleaseFacts {
                    uid: &member.uid,
                    record: &record,
                    repository: Some(&member.repository),
                    seen: Seen::NotYet,
                    claimed_by_other: false,
        marked_by: None,
                    deletion_allowed: true,
                    unbinds: true,
                    importing_by: Some(world.capabilities.method),
                };
                let policy = ReleasePolicy::DeleteProject;
                // The operator is given the key to read; what else it read proves nothing.
                let asked = match release(policy, &unseen) {
                    Release::Look(key) => key,
                    Release::Leave(_) | Release::DeleteProject(_) | Release::Unbind(..) => {
                        member.effective_key(&record)
                    }
                };
                for key in [asked, member.effective_key(&record)] {
                    let project = world.find(&key);
                    let claimed_by_other = world.claimed_by(index, &key).is_some();
                    let shown = project.map(|project| world.shown(project));
                    let seen = shown.as_ref().map_or(Seen::Gone, Seen::There);
                    let facts = ReleaseFacts { seen, claimed_by_other, ..unseen };
                    let released = release(policy, &facts);
                    if let Release::DeleteProject(_) = released {
                        prop_assert!(!claimed_by_other);
                        prop_assert_ne!(project.map(|one| one.maker), Some(Maker::Hand));
                    }
                }
            }
        }
    }
}

#[test]
fn the_worlds_are_not_idle() {
    // Import, GrantSelf, SetVisibility, SetNewCode, RenameMainBranch: nothing twice; and what a method adds.
    for (method, writes) in [
        (BindingMethod::PutBoundProject, 5),
        (BindingMethod::PostBoundProject, 5),
        (BindingMethod::SetBinding, 6),
        (BindingMethod::ImportRepository, 6),
    ] {
        is_not_idle(method, writes);
    }
}

fn is_not_idle(method: BindingMethod, writes: usize) {
    let mut world = World {
        members: Vec::new(),
        projects: Vec::new(),
        repositories: vec![Place {
            id: 1,
            path: path("PAY/a"),
            default_branch: Some("trunk".to_owned()),
        }],
        server: ServerId::new("server"),
        capabilities: server(method),
        search_tells_ids: method == BindingMethod::PutBoundProject,
        creator_is_granted: false,
        faults: [(1, Fault::AnswerLost)].into(),
        steps: 0,
        writes: 0,
        made: 0,
        at_work: None,
        races: false,
    };
    world.members.push(Member {
        uid: Uid::new("uid-0"),
        key: None,
        repository: path("pay/a"),
        mode: Mode::ImportOrBind,
        management: Management::Full,
        visibility: Some(Visibility::Public),
        visibility_policy: VisibilityPolicy::Created,
        new_code: Some(NewCode::PreviousVersion),
        monorepo: false,
        access: Access::Own,
        record: Record::default(),
        connection: 0,
        accepted_by: 0,
        is_live: true,
        rightful: std::collections::BTreeSet::new(),
    });
    assert_eq!(world.reconcile(0), Outcome::Interrupted);
    assert_eq!(settle(&mut world), [Plan::Settled]);
    let project = world.find(&key("PAY:a")).unwrap();
    assert_eq!(project.main, "trunk");
    assert_eq!(project.visibility, Visibility::Public);
    assert_eq!(project.new_code, Some(NewCode::PreviousVersion));
    assert!(project.granted);
    assert_eq!((world.projects.len(), world.writes), (1, writes));
}
