//! The operations of the crash sweep: what must be so before each, how a user asks for it, and when it is done.

use bindery::crd::{BitbucketConnection, ProjectBinding};
use bindery::plan::capability::BindingMethod;
use kube::api::DeleteParams;
use serde_json::{Value, json};
use simulators::bitbucket::Permission;

use super::Sweep;
use crate::support::server::Server;

/// What a user asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    CreateConnection,
    Rename,
    Rotate,
    DeleteConnection,
    Import,
    Bind,
    Unbind,
    DeleteProject,
}

impl Operation {
    /// All that a server can do. Those of the connection come first: it cannot be deleted once it has bindings.
    pub(super) fn of(server: Server) -> Vec<Self> {
        let method = server.capabilities().method;
        let mut all = vec![
            Self::CreateConnection,
            Self::Rename,
            Self::Rotate,
            Self::DeleteConnection,
            Self::Import,
        ];
        if method.binds_existing() {
            all.push(Self::Bind);
        }
        if method.unbinds() {
            all.push(Self::Unbind);
        }
        all.push(Self::DeleteProject);
        all
    }

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::CreateConnection => "a connection is created",
            Self::Rename => "its configuration is renamed",
            Self::Rotate => "its token is rotated",
            Self::DeleteConnection => "it is deleted with its configuration",
            Self::Import => "a repository is imported",
            Self::Bind => "an existing project is bound",
            Self::Unbind => "a binding is deleted: Unbind",
            Self::DeleteProject => "a binding is deleted: DeleteProject",
        }
    }

    pub(super) fn short(self) -> &'static str {
        match self {
            Self::CreateConnection => "create",
            Self::Rename => "rename",
            Self::Rotate => "rotate",
            Self::DeleteConnection => "remove",
            Self::Import => "import",
            Self::Bind => "bind",
            Self::Unbind => "unbind",
            Self::DeleteProject => "delete",
        }
    }

    /// What a crash behind a write can cost: Bindery finds what it did, and takes it for what was there before. It then
    /// deletes and unbinds nothing that may be another's.
    pub(super) fn not_remembered(self, method: BindingMethod) -> Option<&'static str> {
        match (self, method) {
            (Self::Bind, _) => Some("boundBy"),
            // The id of a configuration is made of its name there.
            (Self::Rename, BindingMethod::ImportRepository) => Some("createdBy"),
            _ => None,
        }
    }

    /// Whether it is about the connection.
    pub(super) fn is_of_connection(self) -> bool {
        match self {
            Self::CreateConnection | Self::Rename | Self::Rotate | Self::DeleteConnection => true,
            Self::Import | Self::Bind | Self::Unbind | Self::DeleteProject => false,
        }
    }

    /// Writes that belong to something else: a connection counts its bindings late.
    pub(super) fn others(self) -> &'static str {
        if self.is_of_connection() {
            ""
        } else {
            "/bitbucketconnections/"
        }
    }

    /// Makes what must be there before.
    pub(super) async fn prepare(self, sweep: &Sweep, name: &str) {
        let env = &sweep.env;
        match self {
            Self::CreateConnection => delete_connection(sweep).await,
            Self::Rename | Self::DeleteConnection => connection(sweep, json!({})).await,
            Self::Rotate => {
                connection(sweep, json!({})).await;
                let permissions = [Permission::ProjectRead, Permission::RepoWrite];
                env.bitbucket.world(|world| {
                    world.token(name, "bindery", &permissions);
                });
            }
            Self::Import | Self::Bind | Self::Unbind | Self::DeleteProject => {
                connection(sweep, json!({})).await;
                env.bitbucket.world(|world| {
                    world.repository("PAY", name);
                });
            }
        }
        match self {
            Self::Bind => env.sonarqube.create_project(&key(name), "Made by hand"),
            Self::Unbind => bound(sweep, name, "Unbind").await,
            Self::DeleteProject => bound(sweep, name, "DeleteProject").await,
            Self::CreateConnection
            | Self::Rename
            | Self::Rotate
            | Self::DeleteConnection
            | Self::Import => {}
        }
    }

    /// Asks for it.
    pub(super) async fn perform(self, sweep: &Sweep, name: &str) {
        let env = &sweep.env;
        let bind = json!({"mode": "Bind", "sonarqubeProject": {"key": key(name)}});
        let import = json!({"sonarqubeProject": {
            "visibility": "Private", "newCodeDefinition": {"type": "NumberOfDays", "days": 21},
        }});
        let repository = format!("PAY/{name}");
        match self {
            Self::CreateConnection => apply_connection(sweep, json!({})),
            Self::Rename => apply_connection(sweep, json!({"configurationName": name})),
            Self::Rotate => env.secret("bitbucket-token", name),
            Self::DeleteConnection => {
                let api = env.api::<BitbucketConnection>("platform");
                api.delete("bitbucket", &DeleteParams::default())
                    .await
                    .unwrap();
            }
            Self::Import => env.binding("payments", name, &repository, import),
            Self::Bind => env.binding("payments", name, &repository, bind),
            Self::Unbind | Self::DeleteProject => {
                let api = env.api::<ProjectBinding>("payments");
                api.delete(name, &DeleteParams::default()).await.unwrap();
            }
        }
    }

    /// Waits until it is done.
    pub(super) async fn ends(self, sweep: &Sweep, name: &str) {
        let env = &sweep.env;
        let is_ready = ("Ready", "True");
        match self {
            Self::CreateConnection => drop(env.connection_is("bitbucket", is_ready).await),
            Self::Rename => {
                let is_named = |it: &BitbucketConnection| {
                    let status = serde_json::to_value(&it.status).unwrap();
                    status.to_string().contains(&format!("\"{name}\""))
                };
                env.until("platform", "bitbucket", is_named).await;
                env.connection_is("bitbucket", is_ready).await;
            }
            Self::Rotate => {
                let is_given = || super::state::holds_token(env, name);
                env.eventually("the token is given to SonarQube", is_given)
                    .await;
                env.connection_is("bitbucket", is_ready).await;
            }
            Self::DeleteConnection => {
                env.gone::<BitbucketConnection>("platform", "bitbucket")
                    .await;
            }
            Self::Import | Self::Bind => drop(env.binding_is("payments", name, is_ready).await),
            Self::Unbind | Self::DeleteProject => {
                env.gone::<ProjectBinding>("payments", name).await;
            }
        }
    }
}

/// The key that bindings of the sweep bind an existing project of.
pub(super) fn key(name: &str) -> String {
    format!("PAY:{name}")
}

fn apply_connection(sweep: &Sweep, mut change: Value) {
    change["sonarqube"] = json!({"url": sweep.sonarqube.url});
    change["interval"] = "1h".into();
    change["deletionPolicy"] = "Delete".into();
    change["access"] = json!([{
        "name": "payments", "namespaceSelector": {},
        "repositories": ["PAY/*"], "sonarqubeProjects": ["*"],
    }]);
    sweep.env.connection(change);
}

/// A connection that is up to date.
async fn connection(sweep: &Sweep, change: Value) {
    apply_connection(sweep, change);
    sweep
        .env
        .connection_is("bitbucket", ("Ready", "True"))
        .await;
}

async fn delete_connection(sweep: &Sweep) {
    let api = sweep.env.api::<BitbucketConnection>("platform");
    // There is none at first.
    if api
        .delete("bitbucket", &DeleteParams::default())
        .await
        .is_ok()
    {
        sweep
            .env
            .gone::<BitbucketConnection>("platform", "bitbucket")
            .await;
    }
}

/// A binding that is up to date.
async fn bound(sweep: &Sweep, name: &str, policy: &str) {
    let change = json!({"deletionPolicy": policy});
    sweep
        .env
        .binding("payments", name, &format!("PAY/{name}"), change);
    sweep
        .env
        .binding_is("payments", name, ("Ready", "True"))
        .await;
}
