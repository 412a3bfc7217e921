//! How SonarQube is made to bind a project.

/// How SonarQube is made to bind a project: the best of what the server was found to offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BindingMethod {
    /// `projects/create`, then `alm_settings/set_bitbucket_binding`: Developer Edition and later, or any version with
    /// the community branch plugin. Binds what exists, and is the only method that removes single bindings.
    SetBinding,
    /// `PUT /api/v2/dop-translation/bound-projects`, 25.12 and later: creates projects, and binds those that exist.
    PutBoundProject,
    /// `POST` to the same path, 10.5 to 25.11: creates projects, and nothing else.
    PostBoundProject,
    /// `alm_integrations/import_bitbucketserver_project`, 8.9 to 10.4: creates projects under keys that SonarQube
    /// chooses, which are changed afterwards.
    ImportRepository,
}

impl BindingMethod {
    /// All of them, the best first.
    pub const ALL: [Self; 4] = [
        Self::SetBinding,
        Self::PutBoundProject,
        Self::PostBoundProject,
        Self::ImportRepository,
    ];

    /// Its name in statuses and in the guide.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SetBinding => "SetBinding",
            Self::PutBoundProject => "PutBoundProject",
            Self::PostBoundProject => "PostBoundProject",
            Self::ImportRepository => "ImportRepository",
        }
    }

    /// The method of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.name() == name)
    }

    /// SonarQube's call.
    #[must_use]
    pub fn call(self) -> &'static str {
        match self {
            Self::SetBinding => "POST api/projects/create, api/alm_settings/set_bitbucket_binding",
            Self::PutBoundProject => "PUT api/v2/dop-translation/bound-projects",
            Self::PostBoundProject => "POST api/v2/dop-translation/bound-projects",
            Self::ImportRepository => "POST api/alm_integrations/import_bitbucketserver_project",
        }
    }

    /// Whether a server that has this call also lists bindings: both came with 10.5.
    #[must_use]
    pub fn comes_with_listing(self) -> bool {
        match self {
            Self::PutBoundProject | Self::PostBoundProject => true,
            Self::SetBinding | Self::ImportRepository => false,
        }
    }

    /// Whether a project that exists can be bound.
    #[must_use]
    pub fn binds_existing(self) -> bool {
        match self {
            Self::SetBinding | Self::PutBoundProject => true,
            Self::PostBoundProject | Self::ImportRepository => false,
        }
    }

    /// Whether a single binding can be removed.
    #[must_use]
    pub fn unbinds(self) -> bool {
        match self {
            Self::SetBinding => true,
            Self::PutBoundProject | Self::PostBoundProject | Self::ImportRepository => false,
        }
    }

    /// Whether a new project begins unbound, and is bound by a call of its own.
    pub(in crate::plan) fn creates_unbound(self) -> bool {
        match self {
            Self::SetBinding => true,
            Self::PutBoundProject | Self::PostBoundProject | Self::ImportRepository => false,
        }
    }

    /// Whether SonarQube chooses the key of what it imports, and a second import makes a second project (9.9).
    #[must_use]
    pub fn chooses_keys(self) -> bool {
        match self {
            Self::ImportRepository => true,
            Self::SetBinding | Self::PutBoundProject | Self::PostBoundProject => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::BindingMethod as Method;

    #[test]
    fn statuses_hold_a_name_of_its_own_for_each() {
        for method in Method::ALL {
            assert_eq!(Method::named(method.name()), Some(method));
            assert!(method.call().contains("api/"), "{}", method.call());
        }
        assert_eq!(Method::named("Telepathy"), None);
        let names: BTreeSet<_> = Method::ALL.iter().map(|method| method.name()).collect();
        let calls: BTreeSet<_> = Method::ALL.iter().map(|method| method.call()).collect();
        assert_eq!((names.len(), calls.len()), (4, 4));
    }

    #[test]
    fn abilities_of_each_method() {
        let those = |can: fn(Method) -> bool| {
            let mut all = Method::ALL.to_vec();
            all.retain(|method| can(*method));
            all
        };
        let best = Method::SetBinding;
        assert_eq!(
            those(Method::binds_existing),
            [best, Method::PutBoundProject]
        );
        assert_eq!(those(Method::unbinds), [best]);
        assert_eq!(those(Method::creates_unbound), [best]);
        assert_eq!(those(Method::chooses_keys), [Method::ImportRepository]);
    }
}
