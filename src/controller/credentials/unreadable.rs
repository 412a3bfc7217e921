//! Everything that a connection refers to and that cannot be used.

use crate::controller::context::Context;
use crate::controller::error::Error;
use crate::crd::{BitbucketConnection, SecretKeyReference};

use super::Reader;

/// Tries everything that a connection refers to by itself, and returns what cannot be used, with the reference if it is
/// to a token.
pub(crate) async fn unreadable(
    connection: &BitbucketConnection,
    context: &Context,
) -> Vec<(Option<SecretKeyReference>, Error)> {
    let reader = Reader::of(connection, context);
    let (bitbucket, sonarqube) = (&connection.spec.bitbucket, &connection.spec.sonarqube);
    let mut found = Vec::new();
    let tokens = [&sonarqube.token_secret_ref, &bitbucket.token_secret_ref];
    for reference in tokens.into_iter().chain(&bitbucket.import_token_secret_ref) {
        if let Err(error) = reader.token(reference).await {
            found.push((Some(reference.clone()), error));
        }
    }
    for reference in [&sonarqube.ca_bundle_ref, &bitbucket.ca_bundle_ref] {
        if let Err(error) = reader.bundle(reference.as_ref()).await {
            found.push((None, error));
        }
    }
    found
}
