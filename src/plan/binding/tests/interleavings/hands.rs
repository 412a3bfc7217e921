//! What a user does to the bindings, and in SonarQube.

use super::*;

const KEYS: [&str; 2] = ["PAY:a", "legacy"];
const REPOSITORIES: [&str; 2] = ["PAY/a", "PAY/b"];

/// What a user does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hand {
    /// Creates a project of this key, bound to this repository or to none.
    Creates(usize, Option<usize>),
    Deletes(usize),
    /// Binds a project to another repository, or to none.
    Points(usize, Option<usize>),
    DeletesBinding(usize),
    /// Creates a binding again, under the name that it had.
    RecreatesBinding(usize),
    /// Writes another repository into the spec.
    EditsBinding(usize, usize),
}

/// What a user may do now.
pub(super) fn all(state: &State) -> Vec<Hand> {
    let mut hands = Vec::new();
    for (name, wanted) in KEYS.into_iter().enumerate() {
        let wanted = key(wanted);
        // The one window that cannot be observed: a project of the very key that an operator is about to create.
        let is_awaited = state
            .world
            .members
            .iter()
            .any(|member| member.awaits(&wanted));
        if state.world.find(&wanted).is_none() && !is_awaited {
            hands.extend([None, Some(0), Some(1)].map(|place| Hand::Creates(name, place)));
        }
    }
    for (index, project) in state.world.projects.iter().enumerate() {
        hands.push(Hand::Deletes(index));
        if !is_unheard_of(&state.world, index) {
            let places = [None, Some(0), Some(1)].into_iter();
            let places = places.filter(|place| link(*place) != project.binding);
            hands.extend(places.map(|place| Hand::Points(index, place)));
        }
    }
    for member in 0..2 {
        match state.lives[member] {
            Life::Live => {
                hands.push(Hand::DeletesBinding(member));
                let declared = &state.world.members[member];
                let others =
                    (0..2).filter(|place| !declared.repository.same(&path(REPOSITORIES[*place])));
                // The key of what is being imported follows from the repository.
                let others = others.filter(|_| declared.record.intent.is_none());
                hands.extend(others.map(|place| Hand::EditsBinding(member, place)));
            }
            Life::Leaving => {}
            Life::Gone => hands.push(Hand::RecreatesBinding(member)),
        }
    }
    hands
}

fn link(place: Option<usize>) -> BindingState {
    place.map_or(BindingState::Unbound, |place| BindingState::Bound {
        repository: path(REPOSITORIES[place]),
        monorepo: Some(false),
    })
}

/// Whether only its repository shows where a project comes from: imported under a key of SonarQube's choice, and the
/// answer was lost. A user who binds it to another one makes it a stranger.
fn is_unheard_of(world: &World, project: usize) -> bool {
    let Maker::Binding(member) = world.projects[project].maker else {
        return false;
    };
    let intent = world.members[member].record.intent.as_ref();
    world.capabilities.method == BindingMethod::ImportRepository
        && intent.is_some_and(|intent| intent.imported_as.is_none())
}

impl Hand {
    pub(super) fn acts(self, state: &mut State) {
        match self {
            Self::Creates(name, place) => {
                let id = state.world.fresh_id();
                state.world.projects.push(Remote {
                    key: key(KEYS[name]),
                    id,
                    name: KEYS[name].to_owned(),
                    visibility: Visibility::Public,
                    binding: link(place),
                    granted: true,
                    new_code: None,
                    main: "main".to_owned(),
                    maker: Maker::Hand,
                    made_through: 0,
                });
                race(state);
            }
            Self::Deletes(project) => {
                state.world.projects.remove(project);
                race(state);
            }
            Self::Points(project, place) => {
                state.world.projects[project].binding = link(place);
                race(state);
            }
            Self::DeletesBinding(member) => {
                state.lives[member] = Life::Leaving;
                state.world.members[member].is_live = false;
                state.outdate(member, None);
                race(state);
            }
            Self::RecreatesBinding(index) => {
                let connection = state.world.members[index].connection + 1;
                let before = &state.world.members[index];
                state.world.members[index] = Member {
                    uid: Uid::new(format!("uid-{index}-{connection}")),
                    connection,
                    accepted_by: connection,
                    record: Record::default(),
                    is_live: true,
                    rightful: std::collections::BTreeSet::new(),
                    ..before.clone()
                };
                state.lives[index] = Life::Live;
                for operator in &mut state.operators {
                    operator.running[index] = None;
                }
            }
            Self::EditsBinding(member, place) => {
                state.world.members[member].repository = path(REPOSITORIES[place]);
                state.outdate(member, None);
                race(state);
            }
        }
    }
}

/// What operators have read of SonarQube is outdated, and what a call at work is about.
pub(super) fn race(state: &mut State) {
    state.late_races |= state.world.at_work.is_some();
    let running = state
        .operators
        .iter_mut()
        .flat_map(|operator| &mut operator.running);
    for running in running.flatten() {
        running.races = true;
    }
}
