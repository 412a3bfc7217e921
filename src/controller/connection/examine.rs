//! Everything that is wrong with a connection. A reconcile stops at the first thing; here each part is tried by itself.

use crate::controller::context::Context;
use crate::controller::credentials;
use crate::controller::error::Error;
use crate::crd::{BitbucketConnection, SecretKeyReference};
use crate::declared::connection as declared;
use crate::fleet::link::VerifiedServer;
use crate::kubernetes::uid;
use crate::plan::condition::ConditionType;
use crate::plan::connection::ConfigurationPolicy;
use crate::plan::decoration::Server;
use crate::plan::failure::System;
use crate::plan::trouble::Trouble;
use crate::plan::{Blocked, Reason};

use super::health::{self, Seldom, Stage};
use super::remotes;

/// Everything that is wrong with what a connection refers to.
pub(super) async fn examine(connection: &BitbucketConnection, context: &Context) -> Vec<Trouble> {
    let mut troubles = Vec::new();
    for (reference, error) in credentials::unreadable(connection, context).await {
        troubles.push(trouble(&error, reference.as_ref()));
    }
    if let Err(found) = sonarqube(connection, context).await {
        troubles.extend(found);
    }
    troubles.extend(bitbucket(connection, context).await);
    // What is read twice is reported once.
    let mut known = Vec::new();
    troubles.retain(|it: &Trouble| {
        let is_new = !known.contains(&it.why);
        known.push(it.why.clone());
        is_new
    });
    troubles
}

/// What is wrong with SonarQube. What cannot be read was reported before.
async fn sonarqube(
    connection: &BitbucketConnection,
    context: &Context,
) -> Result<(), Vec<Trouble>> {
    let reference = &connection.spec.sonarqube.token_secret_ref;
    let of = |error: Error| vec![trouble(&error, Some(reference))];
    let url = declared::sonarqube_url(connection).map_err(|why| vec![Trouble::of(why)])?;
    let Ok(own) = credentials::of_sonarqube(connection, context).await else {
        return Ok(());
    };
    let link = context.links.open(&uid(connection));
    let client = remotes::sonarqube(&url, &own, &link, context).map_err(of)?;
    let seldom = Seldom {
        request: super::request_of(connection),
        age: std::time::Duration::ZERO,
    };
    let needs = (seldom, declared::policy(connection));
    let (mut at, mut reached) = (ConditionType::SonarQubeReachable, Vec::new());
    let stage = Stage {
        at: &mut at,
        reached: &mut reached,
    };
    let verified = health::check_sonarqube(&client, needs, &link, stage).await;
    let verified = verified.map_err(of)?;
    if is_declared_elsewhere(connection, context) {
        return Ok(());
    }
    base_url(connection, &verified).map_or(Ok(()), |why| Err(vec![Trouble::of(why)]))
}

/// Whether another connection declares the base URL of the same SonarQube.
fn is_declared_elsewhere(connection: &BitbucketConnection, context: &Context) -> bool {
    let url = &connection.spec.sonarqube.url;
    let all = context.queues.connections.store.state();
    let mut readable = all.iter().filter_map(|it| it.0.as_ref().ok());
    readable.any(|it| it.spec.sonarqube.url == *url && it.spec.sonarqube.server_base_url.is_some())
}

/// A base URL that spoils the links in pull requests, where Bindery would set it.
fn base_url(connection: &BitbucketConnection, verified: &VerifiedServer) -> Option<Blocked> {
    let sonarqube = &connection.spec.sonarqube;
    let manages = declared::policy(connection) == ConfigurationPolicy::Manage;
    if sonarqube.server_base_url.is_some() || !manages {
        return None;
    }
    let (reason, what) = match verified.decoration() {
        Server::BaseUrlUnset => (Reason::ServerBaseURLUnset, "is not set"),
        Server::BaseUrlLocal => (Reason::ServerBaseURLLocal, "leads to localhost"),
        Server::Unsupported | Server::Able => return None,
    };
    Some(Blocked::new(
        reason,
        format!(
            "SonarQube's Server base URL {what}, so that links in pull requests lead to localhost: declare it in spec.sonarqube.serverBaseURL"
        ),
    ))
}

/// What is wrong with Bitbucket and its tokens.
async fn bitbucket(connection: &BitbucketConnection, context: &Context) -> Vec<Trouble> {
    let bitbucket = &connection.spec.bitbucket;
    let url = match declared::urls(connection) {
        Ok(urls) => urls.bitbucket,
        Err(why) => return vec![Trouble::of(why)],
    };
    let Ok((write, import, ca)) = credentials::of_bitbucket(connection, context).await else {
        return Vec::new();
    };
    let clients = remotes::bitbucket_alone(&url, (&write, &import, ca), context);
    let (writer, importer) = match clients {
        Ok(clients) => clients,
        Err(error) => return vec![trouble(&error, None)],
    };
    if let Err(error) = health::supported(&writer).await {
        return vec![trouble(&error, None)];
    }
    let own = &bitbucket.token_secret_ref;
    let mut tried = vec![(&writer, System::Bitbucket, "tokenSecretRef", own)];
    if let Some(reference) = &bitbucket.import_token_secret_ref {
        let system = System::BitbucketImport;
        tried.push((&importer, system, "importTokenSecretRef", reference));
    }
    let mut troubles = Vec::new();
    for (client, system, field, reference) in tried {
        if let Err(error) = health::check_token(client, (system, field)).await {
            troubles.push(trouble(&error, Some(reference)));
        }
    }
    troubles
}

/// A failure as a trouble: one that another token corrects names the Secret.
fn trouble(error: &Error, reference: Option<&SecretKeyReference>) -> Trouble {
    let why = error.refusal();
    let is_of_secret = matches!(
        why.reason,
        Reason::SecretNotFound
            | Reason::SecretKeyMissing
            | Reason::SecretEmpty
            | Reason::SecretMalformed
            | Reason::AuthenticationFailed
    );
    let secret = reference.filter(|_| is_of_secret);
    Trouble {
        secret: secret.map(|it| (it.name.clone(), it.key.clone())),
        why,
    }
}
