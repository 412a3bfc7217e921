//! The decisions about all repositories and bindings of a set.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::model::{Absence, Decision, Desired, Left, Member, Observed, OnGone, Other, Repository};
use super::name::{name, with_hash};
use super::select::Selected;

/// What is done, in the order of the paths of the repositories; then what becomes of bindings without a selected one.
#[must_use]
pub fn decide(desired: &Desired, observed: &Observed) -> Vec<Decision> {
    let mut rows: Vec<_> = observed.repositories.iter().collect();
    rows.sort_by_key(|row| row.path.folded());
    let names = Names::of(desired, observed, &rows);
    let mut making = Making {
        desired,
        members: Index::of(&observed.members, |it| (it.repository.folded(), it.id)),
        others: Index::of(&observed.others, |it| (it.repository.folded(), it.id)),
        names,
        left: desired.left,
        held: BTreeSet::new(),
    };
    let mut decisions: Vec<_> = rows.iter().filter_map(|row| making.about(row)).collect();
    for member in &observed.members {
        if !making.held.contains(&member.name) {
            decisions.push(making.without(member));
        }
    }
    decisions
}

/// Bindings by the path and by the id of their repository.
struct Index<'a, T> {
    paths: HashMap<String, &'a T>,
    ids: HashMap<i64, &'a T>,
}

impl<'a, T> Index<'a, T> {
    fn of(bindings: &'a [T], key: impl Fn(&T) -> (String, Option<i64>)) -> Self {
        let (mut paths, mut ids) = (HashMap::new(), HashMap::new());
        for binding in bindings {
            let (path, id) = key(binding);
            paths.entry(path).or_insert(binding);
            if let Some(id) = id {
                ids.entry(id).or_insert(binding);
            }
        }
        Self { paths, ids }
    }

    /// The binding of a repository. One that was bound to it at another place has it before one that names its place.
    fn find(&self, row: &Repository) -> Option<&'a T> {
        let found = self.ids.get(&row.id);
        found
            .or_else(|| self.paths.get(&row.path.folded()))
            .copied()
    }
}

/// The decisions as they are made, repository by repository.
struct Making<'a> {
    desired: &'a Desired,
    members: Index<'a, Member>,
    others: Index<'a, Other>,
    names: Names<'a>,
    left: Left,
    /// The bindings of the set that have a selected repository.
    held: BTreeSet<String>,
}

impl Making<'_> {
    fn about(&mut self, row: &Repository) -> Option<Decision> {
        let mut entries = self.desired.select.iter();
        let selected = entries.find_map(|entry| entry.says(row));
        let repository = row.path.clone();
        if let Some(member) = self.members.find(row) {
            // A member stays one: neither `skip` nor `access` takes a binding away.
            selected?;
            self.held.insert(member.name.clone());
            return Some(self.about_member(member, row));
        }
        match selected? {
            Selected::Not(why) => Some(Decision::Skipped { repository, why }),
            Selected::UnlessEmpty | Selected::Yes if self.others.find(row).is_some() => {
                let with = self.others.find(row)?.name.clone();
                Some(Decision::Conflicting { repository, with })
            }
            Selected::UnlessEmpty => Some(if take(&mut self.left.empty_asked) {
                let id = row.id;
                Decision::AskEmpty { repository, id }
            } else {
                Decision::Wait { repository }
            }),
            Selected::Yes => Some(match self.names.give(row) {
                Err(with) => Decision::Conflicting { repository, with },
                Ok(name) if take(&mut self.left.new) => Decision::Create { name, repository },
                Ok(_) => Decision::Wait { repository },
            }),
        }
    }

    fn about_member(&self, member: &Member, row: &Repository) -> Decision {
        let name = member.name.clone();
        if member.leaving {
            let repository = row.path.clone();
            Decision::Wait { repository }
        } else if member.template == self.desired.template {
            Decision::Keep { name }
        } else {
            // Where its repository was moved is for the binding to follow or to report.
            let repository = member.repository.clone();
            Decision::Update { name, repository }
        }
    }

    /// A binding whose repository is not selected, or not there.
    fn without(&mut self, member: &Member) -> Decision {
        let (name, repository) = (member.name.clone(), member.repository.clone());
        let may_go = self.desired.on_gone == OnGone::Delete && !member.leaving;
        match member.absence {
            Absence::Confirmed if may_go && take(&mut self.left.deleted) => {
                Decision::Delete { name, repository }
            }
            Absence::Twice if may_go && take(&mut self.left.gone_asked) => {
                Decision::AskGone { name, repository }
            }
            Absence::None | Absence::Once | Absence::Twice | Absence::Confirmed => {
                Decision::Stray { name }
            }
        }
    }
}

/// Takes one of what is left.
fn take(left: &mut usize) -> bool {
    let next = left.checked_sub(1);
    *left = next.unwrap_or_default();
    next.is_some()
}

/// The names of new bindings.
struct Names<'a> {
    template: &'a str,
    /// How many repositories of the listing would have a name.
    wanted: BTreeMap<String, usize>,
    /// Names of bindings that exist, or were given.
    taken: BTreeSet<String>,
}

impl<'a> Names<'a> {
    fn of(desired: &'a Desired, observed: &Observed, rows: &[&Repository]) -> Self {
        let template = &desired.name_template;
        let mut wanted = BTreeMap::new();
        let is_selected = |row: &&&Repository| {
            let mut entries = desired.select.iter();
            entries.any(|entry| entry.says(row).is_some())
        };
        for row in rows.iter().filter(is_selected) {
            *wanted.entry(name(template, &row.path)).or_default() += 1;
        }
        let members = observed.members.iter().map(|member| member.name.clone());
        let taken = members.chain(observed.taken.iter().cloned()).collect();
        Self {
            template,
            wanted,
            taken,
        }
    }

    /// The name for the binding of a repository. One that another repository of the listing would have as well, or that
    /// is taken, gets a hash: which of them is listed first makes no difference.
    fn give(&mut self, row: &Repository) -> Result<String, String> {
        let plain = name(self.template, &row.path);
        let is_shared = self.wanted.get(&plain).is_some_and(|number| *number > 1);
        let name = if is_shared || self.taken.contains(&plain) {
            with_hash(&plain, &row.path)
        } else {
            plain
        };
        if self.taken.insert(name.clone()) {
            Ok(name)
        } else {
            Err(name)
        }
    }
}
