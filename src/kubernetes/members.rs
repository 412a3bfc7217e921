//! Writes the objects that belong to a set. They are applied under a field manager of their own and without force: a field
//! that another client has taken over stays as it is.

use kube::api::{DeleteParams, ListParams, Patch, PatchParams, Preconditions};
use kube::core::PartialObjectMeta;
use kube::{Api, ResourceExt as _};
use serde_json::{Value, json};

use crate::crd::{Kind, SET, SET_TEMPLATE};

use super::Place;
use super::error::Error;

/// The field manager of what a set applies.
const MANAGER: &str = "bindery-set";

/// How often an object is applied anew without the fields that others have taken over.
const ATTEMPTS: usize = 4;

/// What became of the creation of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Created {
    Done,
    /// An object of this name is there, and was not touched.
    Exists,
}

/// Creates an object, unless one of its name is there.
pub(crate) async fn create<K: Kind>(
    place: Place<'_>,
    namespace: &str,
    mut manifest: Value,
) -> Result<Created, Error> {
    // No object has this version: the API server answers 409 where one is there, and creates the object where none is.
    manifest["metadata"]["resourceVersion"] = "1".into();
    match apply::<K>(place, namespace, &manifest).await {
        Ok(()) => Ok(Created::Done),
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(Created::Exists),
        Err(source) => Err(Error::when("create a ProjectBinding")(source)),
    }
}

/// Applies what an object is to be made of by now. What others have taken over is left out.
pub(crate) async fn update<K: Kind>(
    place: Place<'_>,
    object: &K,
    mut manifest: Value,
) -> Result<(), Error> {
    let namespace = object.namespace().unwrap_or_default();
    // Another object of this name is not touched, and none is created.
    manifest["metadata"]["uid"] = json!(object.uid());
    let mut attempts = 1..=ATTEMPTS;
    loop {
        attempts.next();
        let refused = match apply::<K>(place, &namespace, &manifest).await {
            Ok(()) => return Ok(()),
            Err(refused) => refused,
        };
        let taken = taken_over(&refused);
        if attempts.is_empty() || taken.is_empty() {
            return Err(Error::when("apply a ProjectBinding")(refused));
        }
        leave_out(&mut manifest, &taken);
    }
}

/// Removes the marks of a set from all its objects. Returns how many it had.
pub(crate) async fn release<K: Kind>(
    place: Place<'_>,
    (namespace, set): (&str, &str),
) -> Result<usize, Error> {
    let api: Api<K> = Api::namespaced(place.client.clone(), namespace);
    let members = members(&api, set).await?;
    for member in &members {
        let patch = json!({"metadata": {
            "uid": member.uid(),
            "labels": {SET: null},
            "annotations": {SET_TEMPLATE: null},
        }});
        let parameters = PatchParams {
            field_manager: Some(MANAGER.to_owned()),
            ..PatchParams::default()
        };
        let name = member.name_any();
        let patched = api
            .patch_metadata(&name, &parameters, &Patch::Merge(&patch))
            .await;
        match patched {
            Ok(patched) => place.writes.wrote(&patched),
            Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => {}
            Err(source) => return Err(Error::when("release a ProjectBinding")(source)),
        }
    }
    Ok(members.len())
}

/// Deletes all objects of a set. Returns how many there were.
pub(crate) async fn delete_all<K: Kind>(
    place: Place<'_>,
    (namespace, set): (&str, &str),
) -> Result<usize, Error> {
    let api: Api<K> = Api::namespaced(place.client.clone(), namespace);
    let members = members(&api, set).await?;
    for member in &members {
        remove(&api, &member.name_any(), member.uid()).await?;
    }
    Ok(members.len())
}

/// Deletes an object.
pub(crate) async fn delete<K: Kind>(place: Place<'_>, object: &K) -> Result<(), Error> {
    let namespace = object.namespace().unwrap_or_default();
    let api: Api<K> = Api::namespaced(place.client.clone(), &namespace);
    remove(&api, &object.name_any(), object.uid()).await
}

/// All objects of a set, as the API server has them: the watch may not show the last ones yet.
async fn members<K: Kind>(api: &Api<K>, set: &str) -> Result<Vec<PartialObjectMeta<K>>, Error> {
    let of_the_set = ListParams::default().labels(&format!("{SET}={set}"));
    let listed = api.list_metadata(&of_the_set).await;
    Ok(listed
        .map_err(Error::when("list the ProjectBindings of a set"))?
        .items)
}

async fn remove<K: Kind>(api: &Api<K>, name: &str, uid: Option<String>) -> Result<(), Error> {
    let only_this = DeleteParams {
        preconditions: Some(Preconditions {
            uid,
            resource_version: None,
        }),
        ..DeleteParams::default()
    };
    match api.delete(name, &only_this).await {
        Ok(_) => Ok(()),
        // It is gone, or another one has its name.
        Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(()),
        Err(source) => Err(Error::when("delete a ProjectBinding")(source)),
    }
}

async fn apply<K: Kind>(
    place: Place<'_>,
    namespace: &str,
    manifest: &Value,
) -> Result<(), kube::Error> {
    let api: Api<K> = Api::namespaced(place.client.clone(), namespace);
    let name = manifest["metadata"]["name"].as_str().unwrap_or_default();
    let parameters = PatchParams::apply(MANAGER);
    let applied = api
        .patch_metadata(name, &parameters, &Patch::Apply(manifest))
        .await?;
    place.writes.wrote(&applied);
    Ok(())
}

/// The fields that other clients have taken over, as the API server names them: `.spec.deletionPolicy`.
fn taken_over(refused: &kube::Error) -> Vec<String> {
    let kube::Error::Api(status) = refused else {
        return Vec::new();
    };
    let details = status.details.as_ref();
    let causes = details.map_or(&[][..], |details| &details.causes);
    let conflicts = causes
        .iter()
        .filter(|cause| cause.reason == "FieldManagerConflict");
    conflicts.map(|cause| cause.field.clone()).collect()
}

/// Removes these fields from a manifest.
fn leave_out(manifest: &mut Value, fields: &[String]) {
    leave_out_below(manifest, "", fields);
}

fn leave_out_below(value: &mut Value, path: &str, fields: &[String]) {
    let Value::Object(object) = value else {
        return;
    };
    let at = |key: &str| format!("{path}.{key}");
    object.retain(|key, _| !fields.contains(&at(key)));
    for (key, value) in object {
        leave_out_below(value, &at(key), fields);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_left_out_as_the_api_server_names_them() {
        let mut manifest = json!({
            "metadata": {"labels": {"team": "a", "example.com/team": "b", "kept": "c"}},
            "spec": {"deletionPolicy": "Orphan", "sonarqubeProject": {"visibility": "Private"}},
        });
        let fields = [
            ".metadata.labels.team",
            ".metadata.labels.example.com/team",
            ".spec.sonarqubeProject.visibility",
        ];
        leave_out(&mut manifest, &fields.map(str::to_owned));
        let expected = json!({
            "metadata": {"labels": {"kept": "c"}},
            "spec": {"deletionPolicy": "Orphan", "sonarqubeProject": {}},
        });
        assert_eq!(manifest, expected);
    }
}
