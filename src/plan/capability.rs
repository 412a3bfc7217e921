//! What a SonarQube server can do, as it was probed, and what of it each promise needs. The one place that knows:
//! the plans ask here, and the user's guide is written from here.

mod method;

use super::Reason;
pub use method::BindingMethod;

/// What a SonarQube server was found to offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Capabilities {
    /// The best method to make it bind a project.
    pub method: BindingMethod,
    /// Whether it lists bindings and gives its configurations ids (`api/v2/dop-translation`, 10.5 and later).
    pub lists_bindings: bool,
    /// Whether it takes several Bitbucket configurations.
    pub several: Support,
    /// Whether several projects may share a repository.
    pub monorepo: Support,
    /// Whether it analyses pull requests.
    pub pull_requests: bool,
}

/// Whether a server offers something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Support {
    /// It does.
    Offered,
    /// It does not.
    Missing,
    /// It cannot be asked (8.9): whether it does shows when it is tried.
    Unlisted,
}

/// Something that Bindery is asked for, and that not every server can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Promise {
    /// A repository becomes a bound project, under the key that was asked for.
    Import,
    /// An existing project is bound, and a binding that was changed is corrected.
    Bind,
    /// Projects share a repository.
    Monorepo,
    /// Several configurations on one server.
    SeveralConfigurations,
    /// A single binding is removed.
    Unbind,
    /// Pull requests are decorated.
    Decoration,
}

impl Promise {
    /// All of them, in the order of the guide.
    pub const ALL: [Self; 6] = [
        Self::Import,
        Self::Bind,
        Self::Monorepo,
        Self::SeveralConfigurations,
        Self::Unbind,
        Self::Decoration,
    ];

    /// What the guide calls it.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Import => "import",
            Self::Bind => "bind an existing project, correct a binding",
            Self::Monorepo => "monorepo",
            Self::SeveralConfigurations => "several configurations",
            Self::Unbind => "remove a single binding",
            Self::Decoration => "pull request decoration",
        }
    }
}

/// What becomes of a promise on a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outlook {
    /// It is kept.
    Kept,
    /// It is kept if the server takes it: it cannot be asked beforehand.
    Tried,
    /// It ends in a condition of this reason, which names who has it.
    Refused(Reason),
    /// The object is released, and an event says what is left.
    Reported,
}

impl Capabilities {
    /// What becomes of a promise.
    #[must_use]
    pub fn outlook(self, promise: Promise) -> Outlook {
        match promise {
            Promise::Import => Outlook::Kept,
            Promise::Bind if self.method.binds_existing() => Outlook::Kept,
            Promise::Bind => Outlook::Refused(Reason::UnsupportedVersion),
            Promise::Monorepo => self.monorepo_outlook(),
            Promise::SeveralConfigurations => self.several.outlook(Reason::ConfigurationLimit),
            Promise::Unbind if self.method.unbinds() => Outlook::Kept,
            Promise::Unbind => Outlook::Reported,
            Promise::Decoration if self.pull_requests => Outlook::Kept,
            Promise::Decoration => Outlook::Refused(Reason::UnsupportedEdition),
        }
    }

    fn monorepo_outlook(self) -> Outlook {
        match self.method {
            // The edition decides.
            BindingMethod::SetBinding => self.monorepo.outlook(Reason::UnsupportedEdition),
            // They store the flag in every edition (25.1, 26.9 Community).
            BindingMethod::PutBoundProject | BindingMethod::PostBoundProject => Outlook::Kept,
            // It always imports without the flag.
            BindingMethod::ImportRepository => Outlook::Refused(Reason::UnsupportedVersion),
        }
    }
}

impl Support {
    fn outlook(self, missing: Reason) -> Outlook {
        match self {
            Self::Offered => Outlook::Kept,
            Self::Unlisted => Outlook::Tried,
            Self::Missing => Outlook::Refused(missing),
        }
    }
}

/// An edition of SonarQube, or what was added to one. For the guide and for tests: the plans go by what was probed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edition {
    /// The Community Build, nothing added.
    Community,
    /// The Community Build with the community branch plugin (mc1arke).
    BranchPlugin,
    /// Developer Edition.
    Developer,
    /// Enterprise Edition, or Data Center Edition.
    Enterprise,
}

impl Edition {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Community,
        Self::BranchPlugin,
        Self::Developer,
        Self::Enterprise,
    ];

    /// What the guide calls it.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Community => "Community",
            Self::BranchPlugin => "Community with the branch plugin",
            Self::Developer => "Developer",
            Self::Enterprise => "Enterprise, Data Center",
        }
    }
}

/// What a probe finds on a server of this version (`10, 7`) and edition, 8.9 or later. Probed on real Community servers
/// of 8.9, 9.9, 10.7,
/// 25.1 and 26.9 and on a real 26.4 with the branch plugin; commercial editions as their documentation says.
#[must_use]
pub fn expected(version: (u32, u32), edition: Edition) -> Capabilities {
    let lists_features = version >= (9, 6);
    let reported = |offered: bool| match (edition, offered) {
        (Edition::Community, _) => Support::Missing,
        _ if !lists_features => Support::Unlisted,
        (_, true) => Support::Offered,
        (_, false) => Support::Missing,
    };
    let more = reported(matches!(
        edition,
        Edition::BranchPlugin | Edition::Enterprise
    ));
    Capabilities {
        method: match edition {
            Edition::BranchPlugin | Edition::Developer | Edition::Enterprise => {
                BindingMethod::SetBinding
            }
            Edition::Community if version >= (25, 12) => BindingMethod::PutBoundProject,
            Edition::Community if version >= (10, 5) => BindingMethod::PostBoundProject,
            Edition::Community => BindingMethod::ImportRepository,
        },
        lists_bindings: version >= (10, 5),
        several: more,
        monorepo: more,
        pull_requests: edition != Edition::Community,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn features_of_each_version_and_edition() {
        use BindingMethod::{ImportRepository, PostBoundProject, PutBoundProject, SetBinding};
        use Edition::{BranchPlugin, Community, Developer, Enterprise};
        use Support::{Missing, Offered, Unlisted};
        for (version, edition, method, lists, several) in [
            ((8, 9), Community, ImportRepository, false, Missing),
            ((8, 9), Developer, SetBinding, false, Unlisted),
            ((9, 6), Developer, SetBinding, false, Missing),
            ((9, 6), Enterprise, SetBinding, false, Offered),
            ((10, 4), Community, ImportRepository, false, Missing),
            ((10, 5), Community, PostBoundProject, true, Missing),
            ((25, 11), Community, PostBoundProject, true, Missing),
            ((25, 12), Community, PutBoundProject, true, Missing),
            ((26, 4), BranchPlugin, SetBinding, true, Offered),
        ] {
            let found = expected(version, edition);
            let reported = (found.method, found.lists_bindings, found.several);
            assert_eq!(
                reported,
                (method, lists, several),
                "{version:?} {edition:?}"
            );
            assert_eq!(found.monorepo, several);
            assert_eq!(found.pull_requests, edition != Community);
        }
    }

    #[test]
    fn outlook_of_each_promise() {
        use Outlook::{Kept, Refused, Reported};
        let outlook = |version, edition, promise| expected(version, edition).outlook(promise);
        let old = |promise| outlook((10, 4), Edition::Community, promise);
        let new = |promise| outlook((26, 4), Edition::Enterprise, promise);
        for (promise, of_old) in [
            (Promise::Import, Kept),
            (Promise::Bind, Refused(Reason::UnsupportedVersion)),
            (Promise::Monorepo, Refused(Reason::UnsupportedVersion)),
            (
                Promise::SeveralConfigurations,
                Refused(Reason::ConfigurationLimit),
            ),
            (Promise::Unbind, Reported),
            (Promise::Decoration, Refused(Reason::UnsupportedEdition)),
        ] {
            assert_eq!((old(promise), new(promise)), (of_old, Kept), "{promise:?}");
        }
    }

    #[test]
    fn the_guide_has_a_title_of_its_own_for_each() {
        let promises: BTreeSet<_> = Promise::ALL.iter().map(|promise| promise.title()).collect();
        let editions: BTreeSet<_> = Edition::ALL.iter().map(|edition| edition.title()).collect();
        assert_eq!((promises.len(), editions.len()), (6, 4));
    }
}
