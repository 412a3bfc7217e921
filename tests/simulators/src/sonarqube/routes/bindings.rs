//! Bindings of projects that exist, which come with every edition but Community, and with the community branch plugin.
//! Recorded with the plugin (26.4); commercial editions are taken to answer alike.

use axum::http::StatusCode;
use serde_json::{Value, json};
use url::Url;

use super::Route;
use crate::sonarqube::{
    bitbucket::Question,
    plugin::Failure,
    profile::Profile,
    refusal::Refusal,
    visit::{Answer, Visit, ask_as_plugin, empty, json, no_content},
    world::{Binding, Platform, ProjectPermission},
};

pub(super) const ROUTES: &[Route] = &[
    Route::post("/api/alm_settings/set_bitbucket_binding", set).only(Profile::sets_bindings),
    Route::post("/api/alm_settings/delete_binding", delete).only(Profile::sets_bindings),
    Route::get("/api/alm_settings/validate_binding", validate).only(Profile::sets_bindings),
];

const FLAGS: [&str; 4] = ["true", "false", "yes", "no"];

/// Accepts any repository name, and does not check the platform of the setting. What is wrong with a request
/// is reported in the order of the plugin's source.
fn set(visit: &mut Visit<'_>) -> Answer {
    let project = visit.project_for("project", ProjectPermission::Administer)?;
    let (key, bound) = (project.key.clone(), project.binding.clone());
    let name = visit.required("almSetting")?;
    let flag = visit.one_of("monorepo", &FLAGS)?;
    let flag = flag.ok_or_else(|| Refusal::missing("monorepo"))?;
    let monorepo = flag == "true" || flag == "yes";
    let setting = visit.world.setting(&name);
    let setting = setting
        .ok_or_else(|| Refusal::not_found(format!("ALM setting '{name}' could not be found")))?;
    let setting = setting.id.clone();
    let (repository, slug) = (visit.required("repository")?, visit.required("slug")?);
    if monorepo && visit.profile.refuses_monorepos() {
        // That Developer Edition refuses is documented; the text is made up, for its words are not known.
        return Err(Refusal::bad("Monorepo is not supported by this edition"));
    }
    let id = bound.map_or_else(|| visit.world.new_id(), |binding| binding.id);
    if let Some(project) = visit.world.project_mut(&key) {
        project.binding = Some(Binding {
            id,
            setting,
            repository,
            slug,
            monorepo,
        });
    }
    no_content()
}

/// Also where nothing is bound.
fn delete(visit: &mut Visit<'_>) -> Answer {
    let project = visit.project_for("project", ProjectPermission::Administer)?;
    let key = project.key.clone();
    if let Some(project) = visit.world.project_mut(&key) {
        project.binding = None;
    }
    no_content()
}

/// Looks for the repository, then for Code Insights. Good where nothing is bound.
fn validate(visit: &mut Visit<'_>) -> Answer {
    let project = visit.project_for("project", ProjectPermission::Browse)?;
    let Some((binding, setting)) = visit.world.bound_to(project) else {
        return empty();
    };
    match setting.platform {
        Platform::Bitbucket => {}
        // Neither of the other two is anywhere to be found.
        Platform::GitLab => {
            let host = Url::parse(&setting.url).ok();
            let host = host.as_ref().and_then(Url::host_str).unwrap_or_default();
            return misconfigured(&format!(
                "Project could not be retrieved from Gitlab - {host}: Name or service not known"
            ));
        }
        Platform::BitbucketCloud => {
            return misconfigured(
                "Could not create Bitbucket client - bitbucket.org: Name or service not known",
            );
        }
    }
    let Binding {
        repository, slug, ..
    } = binding;
    let path = format!("/rest/api/1.0/projects/{repository}/repos/{slug}");
    let repository = Question::new(&setting.url, path, Some(&setting.token));
    let properties = "/rest/api/1.0/application-properties";
    let properties = Question::new(&setting.url, properties, Some(&setting.token));
    ask_as_plugin(repository, |found| match found {
        Ok(_) => ask_as_plugin(properties, validated),
        Err(failure) => misconfigured(&format!(
            "Could not retrieve repository details from Bitbucket - {}",
            failure.into_message()
        )),
    })
}

fn validated(properties: Result<Value, Failure>) -> Answer {
    match properties {
        Ok(properties) if has_code_insights(&properties) => empty(),
        Ok(_) | Err(Failure::Lost(_)) => {
            misconfigured("The configured Bitbucket instance does not support code insights")
        }
        Err(Failure::Refused(message)) => misconfigured(&format!(
            "Could not check Bitbucket configuration - {message}"
        )),
    }
}

/// 5.15 and later.
fn has_code_insights(properties: &Value) -> bool {
    let version = properties["version"].as_str().unwrap_or_default();
    let mut numbers = version.split('.').map(|part| part.parse().unwrap_or(0));
    (numbers.next(), numbers.next()) >= (Some(5), Some(15))
}

fn misconfigured(message: &str) -> Answer {
    json(
        StatusCode::BAD_REQUEST,
        &json!({"scope": "PROJECT", "errors": [{"msg": message}]}),
    )
}
