//! What an account may do, as the API server says.

use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec, SubjectAccessReview,
    SubjectAccessReviewSpec,
};
use kube::api::PostParams;
use kube::{Api, Client};

use super::error::Error;

/// One right.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Right {
    pub(crate) verb: String,
    pub(crate) group: String,
    /// With its subresource, as in `projectbindings/status`.
    pub(crate) resource: String,
    /// None: in all namespaces.
    pub(crate) namespace: Option<String>,
    /// None: objects of all names.
    pub(crate) name: Option<String>,
}

impl Right {
    fn attributes(&self) -> ResourceAttributes {
        let (resource, subresource) = match self.resource.split_once('/') {
            Some((resource, subresource)) => (resource, Some(subresource.to_owned())),
            None => (&*self.resource, None),
        };
        ResourceAttributes {
            verb: Some(self.verb.clone()),
            group: Some(self.group.clone()),
            resource: Some(resource.to_owned()),
            subresource,
            namespace: self.namespace.clone(),
            name: self.name.clone(),
            ..ResourceAttributes::default()
        }
    }
}

/// Whether a service account, as `(namespace, name)`, has a right.
pub(crate) async fn has(
    client: &Client,
    (namespace, name): &(String, String),
    right: &Right,
) -> Result<bool, Error> {
    let review = SubjectAccessReview {
        spec: SubjectAccessReviewSpec {
            user: Some(format!("system:serviceaccount:{namespace}:{name}")),
            groups: Some(vec![
                "system:serviceaccounts".to_owned(),
                format!("system:serviceaccounts:{namespace}"),
                "system:authenticated".to_owned(),
            ]),
            resource_attributes: Some(right.attributes()),
            ..SubjectAccessReviewSpec::default()
        },
        ..SubjectAccessReview::default()
    };
    let api: Api<SubjectAccessReview> = Api::all(client.clone());
    let asked = api.create(&PostParams::default(), &review).await;
    let asked = asked.map_err(Error::when("ask what the operator may do"))?;
    Ok(asked.status.is_some_and(|status| status.allowed))
}

/// Whether the user of this client has a right.
pub(crate) async fn have_i(client: &Client, right: &Right) -> Result<bool, Error> {
    let review = SelfSubjectAccessReview {
        spec: SelfSubjectAccessReviewSpec {
            resource_attributes: Some(right.attributes()),
            ..SelfSubjectAccessReviewSpec::default()
        },
        ..SelfSubjectAccessReview::default()
    };
    let api: Api<SelfSubjectAccessReview> = Api::all(client.clone());
    let asked = api.create(&PostParams::default(), &review).await;
    let asked = asked.map_err(Error::when("ask what you may do"))?;
    Ok(asked.status.is_some_and(|status| status.allowed))
}
