//! What came with which version, after 8.9.

use axum::http::Method;

use super::Profile;

impl Profile {
    /// Tokens serve as bearers since 10.0.
    pub(crate) const fn knows_bearers(self) -> bool {
        self.is_at_least((10, 0))
    }

    /// Tokens have a type, shown by their first letters, and may expire since 9.6.
    pub(crate) const fn types_tokens(self) -> bool {
        self.is_at_least((9, 6))
    }

    /// Whether calls that read insist on `GET`: not 8.9.
    pub(crate) const fn insists_on_get(self) -> bool {
        self.is_at_least((9, 0))
    }

    /// Whether any call has this method: without v2, `PATCH` and `OPTIONS` lead nowhere.
    pub(crate) fn takes_method(self, method: &Method) -> bool {
        self.has_v2() || ![Method::PATCH, Method::OPTIONS].contains(method)
    }

    /// Pull requests are listed where they are analysed, and by 8.9 everywhere.
    pub(crate) const fn lists_pull_requests(self) -> bool {
        self.sets_bindings() || !self.is_at_least((9, 0))
    }

    /// `project_branches/set_main` came with 10.2.
    pub(crate) const fn sets_main_branch(self) -> bool {
        self.is_at_least((10, 2))
    }

    /// Whether there is anything about Bitbucket Cloud: not on 8.9.0.
    pub(crate) const fn knows_bitbucket_cloud(self) -> bool {
        self.is_at_least((9, 0))
    }

    /// What a platform is called in messages.
    pub(crate) const fn platform_word(self) -> &'static str {
        if self.is_at_least((9, 0)) {
            "DevOps Platform"
        } else {
            "ALM"
        }
    }

    /// A new URL of a setting takes its token, too: not on 8.9.
    pub(crate) const fn protects_url(self) -> bool {
        self.is_at_least((9, 0))
    }

    /// The setting may be left out of what writes with it since 10.3.
    pub(crate) const fn guesses_setting(self) -> bool {
        self.is_at_least((10, 3))
    }

    /// Who may browse a project may see what it is bound to, and its new code, since 10.1.
    pub(crate) const fn shows_bindings_to_browsers(self) -> bool {
        self.is_at_least((10, 1))
    }

    /// New code definitions have limits, and are taken by imports, since 10.1.
    pub(crate) const fn limits_new_code(self) -> bool {
        self.is_at_least((10, 1))
    }

    /// Keys that differ only in their letters' case are refused since 9.0.
    pub(crate) const fn compares_keys_loosely(self) -> bool {
        self.is_at_least((9, 0))
    }

    /// Imports end the key that they make up with something random since 9.0.
    pub(crate) const fn randomises_keys(self) -> bool {
        self.is_at_least((9, 0))
    }

    /// The main branch of a project may be named as it is made since 9.8.
    pub(crate) const fn names_main_branches(self) -> bool {
        self.is_at_least((9, 8))
    }

    /// The main branch if none is named.
    pub(crate) const fn default_branch(self) -> &'static str {
        if self.is_at_least((9, 0)) {
            "main"
        } else {
            "master"
        }
    }

    /// Ids are UUIDs since 10.0; before, they are twenty letters.
    pub(crate) const fn has_uuids(self) -> bool {
        self.is_at_least((10, 0))
    }

    /// Main branches have an id of their own since 10.0; before, it is that of their project.
    pub(crate) const fn distinguishes_branches_from_projects(self) -> bool {
        self.is_at_least((10, 0))
    }

    /// Ids of branches, and whether another system manages a project or user, are returned since 10.0.
    pub(crate) const fn reports_more_of_projects(self) -> bool {
        self.is_at_least((10, 0))
    }

    /// `projects/search` knows `projectKeys` since 26.3.
    pub(crate) const fn knows_project_keys(self) -> bool {
        self.is_at_least((26, 3))
    }

    /// How too many values of a parameter are reported.
    pub(crate) const fn can_contain(self) -> &'static str {
        if self.is_at_least((25, 1)) {
            "can contain"
        } else {
            "can contains"
        }
    }

    /// No user removes Administer from himself: since 9.9, or at some time after 8.9.
    pub(crate) const fn keeps_own_administer(self) -> bool {
        self.is_at_least((9, 9))
    }

    /// Background tasks are of more kinds, and listed by pages, since 9.9, or at some time after 8.9.
    pub(crate) const fn pages_tasks(self) -> bool {
        self.is_at_least((9, 9))
    }

    /// History is purged in a background task of its own since 26.1, or at some time after 25.1.
    pub(crate) const fn purges_history(self) -> bool {
        self.is_at_least((26, 1))
    }

    /// `project-bindings` may be asked for by `repositoryUrl` since 25.9.
    pub(crate) const fn knows_repository_urls(self) -> bool {
        self.is_at_least((25, 9))
    }

    /// The import of a Bitbucket repository imports from any platform of the setting since 10.7, or at some time
    /// after 9.9.
    pub(crate) const fn imports_by_platform(self) -> bool {
        self.is_at_least((10, 7))
    }

    /// Unknown projects are `entities` since 10.0.
    pub(crate) const fn speaks_of_entities(self) -> bool {
        self.is_at_least((10, 0))
    }

    /// Settings that are secret are named since 9.9.
    pub(crate) const fn names_secured_settings(self) -> bool {
        self.is_at_least((9, 9))
    }

    /// What kind of answer is wanted of Bitbucket is said since 9.9, or at some time after 8.9.
    pub(crate) const fn asks_for_json(self) -> bool {
        self.is_at_least((9, 9))
    }

    /// Redirects of Bitbucket are followed up to 8.9.
    pub(crate) const fn follows_redirects(self) -> bool {
        !self.is_at_least((9, 0))
    }

    /// Whether Bitbucket's 404 and its pages for users are reported as such: not by 8.9.0.
    pub(crate) const fn distinguishes_odd_answers(self) -> bool {
        self.is_at_least((9, 0))
    }

    /// The version as pages for people show it.
    pub(crate) fn displayed_version(self) -> String {
        let full = self.version();
        match full.rsplit_once('.') {
            Some((version, build)) if !self.is_at_least((25, 1)) => {
                let version = version.strip_suffix(".0").unwrap_or(version);
                format!("{version} (build {build})")
            }
            Some(_) | None => full.to_owned(),
        }
    }

    /// Whether there is `api/v2` at all: since 10.7, of those that are simulated.
    pub(crate) const fn has_v2(self) -> bool {
        self.is_at_least((10, 7))
    }

    /// Up to 10.7 v2 has no words of its own for paths, methods and bodies that it does not know.
    pub(crate) const fn shows_v2_errors_of_its_container(self) -> bool {
        !self.is_at_least((25, 1))
    }

    /// An unknown setting is reported in the words of v2 since 25.2; before, in other ones.
    pub(crate) const fn names_setting_field(self) -> bool {
        self.is_at_least((25, 2))
    }

    /// What is listed of Bitbucket is listed by pages since 25.1; before, there is only the first one.
    pub(crate) const fn pages_listings(self) -> bool {
        self.is_at_least((25, 1))
    }

    /// Names that are searched for go to Bitbucket as they are up to 25.1.
    pub(crate) const fn escapes_names(self) -> bool {
        self.is_at_least((25, 2))
    }

    /// Validating a setting begins with `/status` since 25.1; before, with the repositories, without a token.
    pub(crate) const fn asks_status_first(self) -> bool {
        self.is_at_least((25, 1))
    }
}
