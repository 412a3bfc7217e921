//! What every import has in common: calls to Bitbucket, then a project with its binding.

use serde_json::Value;

use super::{
    alm_integrations::import_token,
    new_code::{self, Flaw},
    projects::check_key,
};
use crate::sonarqube::{
    bitbucket::Question,
    profile::Profile,
    refusal::Refusal,
    visit::{Answer, Visit, ask},
    world::{Binding, NewCode, Project, Setting, Visibility},
};

/// Where a repository lies, as the caller spells it.
pub(super) struct Place {
    pub(super) project: String,
    pub(super) slug: String,
}

/// A repository as Bitbucket returns it.
pub(super) struct Found {
    pub(super) project: String,
    pub(super) slug: String,
    pub(super) name: String,
    /// The default branch, if it is on the first page of branches.
    main_branch: Option<String>,
}

impl Found {
    /// The key that SonarQube chooses where it is asked for none.
    pub(super) fn made_up_key(&self, visit: &mut Visit<'_>) -> String {
        let place = format!("{}_{}", self.project, self.slug);
        if !visit.profile.randomises_keys() {
            return place;
        }
        let sane = |letter: char| {
            if letter.is_ascii_alphanumeric() || "-_.:".contains(letter) {
                letter
            } else {
                '_'
            }
        };
        let place: String = place.chars().map(sane).collect();
        format!("{place}_{}", visit.world.new_id())
    }
}

/// A new code definition as it was asked for; it is checked only after Bitbucket was asked.
#[derive(Clone, Default)]
pub(super) struct NewCodeWish(Option<(String, Option<String>)>);

impl NewCodeWish {
    pub(super) fn of(kind: Option<String>, value: Option<String>) -> Result<Self, Refusal> {
        match (kind, value) {
            (None, Some(_)) => Err(Refusal::bad(
                "New code definition type is required when new code definition value is provided",
            )),
            (kind, value) => Ok(Self(kind.map(|kind| (kind, value)))),
        }
    }

    /// A reference branch is not chosen here: it is the main one.
    pub(super) fn read(&self, profile: Profile, main: &str) -> Result<Option<NewCode>, Refusal> {
        let Some((kind, value)) = &self.0 else {
            return Ok(None);
        };
        let unexpected = || {
            Refusal::bad(format!(
                "Unexpected value for newCodeDefinitionType '{kind}'"
            ))
        };
        match (kind.as_str(), value) {
            ("PREVIOUS_VERSION" | "REFERENCE_BRANCH", Some(_)) => return Err(unexpected()),
            ("REFERENCE_BRANCH", None) => {
                return Ok(Some(NewCode::ReferenceBranch(main.to_owned())));
            }
            _ => {}
        }
        let definition = new_code::read(profile, kind, value.as_deref());
        definition.map(Some).map_err(|flaw| match flaw {
            Flaw::ValueMissing(kind) => Refusal::bad(format!(
                "New code definition type '{kind}' requires a newCodeDefinitionValue"
            )),
            Flaw::Said(text) => Refusal::bad(text),
        })
    }
}

/// A project to be made for a repository.
pub(super) struct Import {
    pub(super) setting: String,
    pub(super) key: String,
    pub(super) name: String,
    pub(super) monorepo: bool,
    pub(super) new_code: NewCodeWish,
}

impl Import {
    /// Makes the project, or nothing.
    pub(super) fn create<'a>(
        self,
        visit: &'a mut Visit<'_>,
        found: &Found,
    ) -> Result<&'a Project, Refusal> {
        check_key(visit, &self.key)?;
        let main = found
            .main_branch
            .as_deref()
            .unwrap_or(visit.profile.default_branch());
        let new_code = self.new_code.read(visit.profile, main)?;
        let binding = self.binding(visit, found);
        let project = visit
            .world
            .create_project(&self.key, &self.name, Visibility::Public, main);
        if let Some(definition) = new_code {
            project.new_code.insert(main.to_owned(), definition);
        }
        project.binding = Some(binding);
        Ok(project)
    }

    fn binding(&self, visit: &mut Visit<'_>, found: &Found) -> Binding {
        Binding {
            id: visit.world.new_id(),
            setting: self.setting.clone(),
            repository: found.project.clone(),
            slug: found.slug.clone(),
            monorepo: self.monorepo,
        }
    }
}

/// Looks a repository up in Bitbucket with the caller's token: itself, then the first page of its branches.
pub(super) fn import(
    visit: &Visit<'_>,
    setting: &Setting,
    place: &Place,
    then: impl FnOnce(&mut Visit<'_>, &Found) -> Answer + Send + 'static,
) -> Answer {
    let token = import_token(visit, setting)?;
    let path = format!(
        "/rest/api/1.0/projects/{}/repos/{}",
        place.project, place.slug
    );
    let branches = Question::new(&setting.url, format!("{path}/branches"), Some(&token));
    ask(
        Question::new(&setting.url, path, Some(&token)),
        move |_, repository| {
            ask(branches, move |visit, branches| {
                let text =
                    |value: &Value| value.as_str().map(str::to_owned).ok_or(Refusal::Internal);
                let repository = repository.ok_or(Refusal::Internal)?;
                let branches = branches.ok_or(Refusal::Internal)?;
                let rows = branches["values"].as_array().cloned();
                let main = rows.iter().flatten().find(|row| row["isDefault"] == true);
                let found = Found {
                    project: text(&repository["project"]["key"])?,
                    slug: text(&repository["slug"])?,
                    name: text(&repository["name"])?,
                    main_branch: main.map(|row| text(&row["displayId"])).transpose()?,
                };
                then(visit, &found)
            })
        },
    )
}
