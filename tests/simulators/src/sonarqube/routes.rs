//! All calls that are known, one file an API domain.

mod alm_integrations;
mod alm_settings;
mod bindings;
mod branches;
mod components;
mod compute_engine;
mod dop_translation;
mod flaws;
mod import;
mod new_code;
mod permissions;
mod plugins;
mod projects;
mod pull_requests;
mod settings;
mod system;
mod users;

use super::{
    profile::Profile,
    visit::{Answer, Visit},
};

/// Who may come in without saying who he is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    /// All callers.
    Open,
    /// Users only.
    Users,
}

/// One call.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) method: &'static str,
    /// With `{}` for one segment at its end.
    pub(crate) path: &'static str,
    pub(crate) door: Door,
    /// The servers that have it.
    offered: fn(Profile) -> bool,
    pub(crate) answer: fn(&mut Visit<'_>) -> Answer,
}

impl Route {
    const fn new(
        method: &'static str,
        path: &'static str,
        answer: fn(&mut Visit<'_>) -> Answer,
    ) -> Self {
        Self {
            method,
            path,
            door: Door::Users,
            offered: |_| true,
            answer,
        }
    }

    const fn get(path: &'static str, answer: fn(&mut Visit<'_>) -> Answer) -> Self {
        Self::new("GET", path, answer)
    }

    const fn post(path: &'static str, answer: fn(&mut Visit<'_>) -> Answer) -> Self {
        Self::new("POST", path, answer)
    }

    const fn put(path: &'static str, answer: fn(&mut Visit<'_>) -> Answer) -> Self {
        Self::new("PUT", path, answer)
    }

    const fn open(self) -> Self {
        Self {
            door: Door::Open,
            ..self
        }
    }

    const fn only(self, offered: fn(Profile) -> bool) -> Self {
        Self { offered, ..self }
    }

    /// What stands for `{}`; empty for a path without it.
    fn tail<'a>(&self, path: &'a str) -> Option<&'a str> {
        match self.path.strip_suffix("{}") {
            Some(head) => path
                .strip_prefix(head)
                .filter(|tail| !tail.is_empty() && !tail.contains('/')),
            None => (self.path == path).then_some(""),
        }
    }
}

const ROUTES: &[&[Route]] = &[
    system::ROUTES,
    plugins::ROUTES,
    users::ROUTES,
    permissions::ROUTES,
    settings::ROUTES,
    components::ROUTES,
    projects::ROUTES,
    branches::ROUTES,
    new_code::ROUTES,
    alm_settings::ROUTES,
    bindings::ROUTES,
    pull_requests::ROUTES,
    compute_engine::ROUTES,
    alm_integrations::ROUTES,
    dop_translation::ROUTES,
];

/// The calls that a server has, by method and path; a path may end in `{}` for one segment.
#[must_use]
pub fn operations(profile: Profile) -> Vec<(&'static str, &'static str)> {
    offered(profile)
        .map(|route| (route.method, route.path))
        .collect()
}

fn offered(profile: Profile) -> impl Iterator<Item = &'static Route> {
    let all = ROUTES.iter().copied().flatten();
    let there = move |path: &str| profile.has_v2() || !path.starts_with("/api/v2/");
    all.filter(move |route| (route.offered)(profile) && there(route.path))
}

/// Where a request leads.
#[derive(Debug)]
pub(crate) enum Destination<'a> {
    Route(&'static Route, &'a str),
    /// Another method leads somewhere, which v1 names.
    OtherMethod(Option<&'static str>),
    Nowhere,
}

pub(crate) fn find<'a>(profile: Profile, method: &str, path: &'a str) -> Destination<'a> {
    let mut here = offered(profile).filter_map(|route| route.tail(path).map(|tail| (route, tail)));
    let Some(first) = here.next() else {
        return Destination::Nowhere;
    };
    let wanted = [first].into_iter().chain(here).find(|(route, _)| {
        route.method == method || (method == "POST" && !profile.insists_on_get())
    });
    match wanted {
        Some((route, tail)) => Destination::Route(route, tail),
        None if path.starts_with("/api/v2/") => Destination::OtherMethod(None),
        None => Destination::OtherMethod(Some(first.0.method)),
    }
}
