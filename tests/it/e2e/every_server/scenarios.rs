//! One function a scenario. Each has objects and repositories of its own, and leaves the connection as it was.

use bindery::crd::{BitbucketConnection, ProjectBinding};
use bindery::plan::capability::{Edition, Outlook, Promise};
use kube::Api;
use kube::api::DeleteParams;
use serde_json::{Value, json};
use simulators::bitbucket::Permission;

use super::{Outcome, Scene, reason};

impl Scene<'_> {
    /// What the guide says of a promise on this server.
    fn assert_as_documented(&self, promise: Promise, outcome: &Outcome) {
        match self.server.capabilities().outlook(promise) {
            Outlook::Kept => {
                assert!(
                    matches!(outcome, Outcome::Works(_)),
                    "{promise:?}: {outcome:?}"
                );
            }
            // What the server itself says, in words of ours.
            Outlook::Tried => {
                let refused = ["UnsupportedEdition", "ConfigurationLimit"]
                    .map(|reason| Outcome::Condition(reason.to_owned()));
                let is_as_told = if self.server.edition() == Edition::Developer {
                    refused.contains(outcome)
                } else {
                    matches!(outcome, Outcome::Works(_))
                };
                assert!(is_as_told, "{promise:?}: {outcome:?}");
            }
            Outlook::Refused(reported) => {
                assert_eq!(
                    *outcome,
                    Outcome::Condition(reported.as_str().to_owned()),
                    "{promise:?}"
                );
            }
            Outlook::Reported => assert_eq!(*outcome, Outcome::Works("left, with an event")),
        }
    }

    /// A new repository in PAY.
    fn repository(&self, slug: &str) -> String {
        self.env.bitbucket.world(|world| {
            world.repository("PAY", slug);
        });
        format!("PAY/{slug}")
    }

    /// A new repository, imported by a binding of the same name.
    async fn imported(&self, slug: &str, change: serde_json::Value) -> ProjectBinding {
        let repository = self.repository(slug);
        self.binding(slug, &repository, change);
        let binding = self
            .env
            .binding_is("payments", slug, ("Ready", "True"))
            .await;
        self.assert_as_planned(&binding);
        let bound = self.env.sonarqube.bound_to(&format!("PAY:{slug}"));
        assert_eq!(bound.as_deref(), Some(&*repository));
        binding
    }

    /// The repository becomes a project of our key, ours, on Bitbucket's default branch.
    pub(super) async fn import(&self) -> Outcome {
        let binding = self.imported("imported", json!({})).await;
        let status = binding.status.unwrap();
        let (project, record) = (status.sonarqube_project.unwrap(), status.record);
        assert_eq!(project.key, "PAY:imported");
        assert_eq!(record.created_by, binding.metadata.uid);
        assert_eq!(record.bound_by, binding.metadata.uid);
        assert!(project.id.is_some(), "no uuid");
        assert_eq!(self.env.sonarqube.main_branch("PAY:imported"), "main");
        let keys = self.env.sonarqube.project_keys();
        assert_eq!(keys, ["PAY:imported"], "one project and no other");
        Outcome::Works(self.way)
    }

    pub(super) async fn bind(&self) -> Outcome {
        let repository = self.repository("legacy");
        self.env
            .sonarqube
            .create_project("legacy-key", "Made by hand");
        let wanted = json!({"mode": "Bind", "sonarqubeProject": {"key": "legacy-key"}});
        self.binding("legacy", &repository, wanted);
        let outcome = self.rests("legacy").await;
        self.assert_as_documented(Promise::Bind, &outcome);
        let bound = self.env.sonarqube.bound_to("legacy-key");
        assert_eq!(bound.is_some(), matches!(outcome, Outcome::Works(_)));
        outcome
    }

    /// What a user imported by hand is taken as it is, under its key.
    pub(super) async fn adopt(&self) -> Outcome {
        let repository = self.repository("adopted");
        let key = self.env.sonarqube.import_by_hand("bitbucket", &repository);
        self.binding("adopted", &repository, json!({}));
        let outcome = self.rests("adopted").await;
        assert_eq!(outcome, Outcome::Works(self.way));
        let binding = self
            .env
            .binding_is("payments", "adopted", ("Ready", "True"))
            .await;
        let status = binding.status.unwrap();
        let project = status.sonarqube_project.unwrap();
        assert_eq!((project.key, status.record.created_by), (key, None));
        Outcome::Works("adopted")
    }

    /// The configuration's URL, and who may see a project.
    pub(super) async fn drift(&self) -> Outcome {
        let sonarqube = &self.env.sonarqube;
        let private = json!({"sonarqubeProject": {"visibility": "Private"}});
        self.imported("drifting", private).await;
        let visibility = || sonarqube.project("PAY:drifting").unwrap()["visibility"].clone();
        assert_eq!(visibility(), "private");
        let public = [("project", "PAY:drifting"), ("visibility", "public")];
        // Not read back: a reconcile that was due may have corrected it already.
        let answer = sonarqube.post("api/projects/update_visibility", &public);
        assert_eq!(answer, Value::Null);
        let url = sonarqube.settings()[0]["url"].clone();
        let elsewhere = [
            ("key", "bitbucket"),
            ("url", "http://127.0.0.1:1"),
            ("personalAccessToken", "stolen"),
        ];
        sonarqube.post("api/alm_settings/update_bitbucket", &elsewhere);
        assert_eq!(sonarqube.settings()[0]["url"], "http://127.0.0.1:1");
        let mended = || sonarqube.settings()[0]["url"] == url && visibility() == "private";
        self.env.eventually("drift is corrected", mended).await;
        self.env.connection_is("bitbucket", ("Ready", "True")).await;
        Outcome::Works("corrected")
    }

    /// Without the flag a repository has one project.
    pub(super) async fn second(&self) -> Outcome {
        let second = json!({"sonarqubeProject": {"key": "second-key"}});
        self.binding("second", "PAY/imported", second);
        let outcome = self.rests("second").await;
        assert_eq!(
            outcome,
            Outcome::Condition("RepositoryAlreadyBound".to_owned())
        );
        self.env.delete_binding("payments", "second").await;
        outcome
    }

    pub(super) async fn monorepo(&self) -> Outcome {
        let shared = json!({"monorepo": true, "sonarqubeProject": {"key": "shared-key"}});
        self.binding("shared", "PAY/imported", shared);
        let outcome = self.rests("shared").await;
        self.assert_as_documented(Promise::Monorepo, &outcome);
        if let Outcome::Works(_) = outcome {
            let found = [("project", "shared-key")];
            let binding = self
                .env
                .sonarqube
                .get("api/alm_settings/get_binding", &found);
            assert_eq!(binding["monorepo"], true, "{binding}");
        }
        self.env.delete_binding("payments", "shared").await;
        outcome
    }

    pub(super) async fn rotate(&self) -> Outcome {
        const ROTATED: &str = "canary-rotated-token-52d1";
        self.env.bitbucket.world(|world| {
            let permissions = [Permission::ProjectRead, Permission::RepoWrite];
            world.token(ROTATED, "bindery", &permissions);
        });
        let applied = |connection: &BitbucketConnection| {
            connection.status.clone()?.record.applied_secrets?.token
        };
        let connection = self.env.connection_is("bitbucket", ("Ready", "True")).await;
        let before = applied(&connection);
        self.env.secret("bitbucket-token", ROTATED);
        self.env
            .until("platform", "bitbucket", |now: &BitbucketConnection| {
                applied(now) != before
            })
            .await;
        let old = crate::e2e::environment::BITBUCKET_TOKEN;
        self.env
            .bitbucket
            .world(|world| world.revoke_token(old))
            .unwrap();
        self.env.connection_is("bitbucket", ("Ready", "True")).await;
        // SonarQube imports with the new one.
        self.imported("after-rotation", json!({})).await;
        Outcome::Works("pushed")
    }

    pub(super) async fn rename(&self) -> Outcome {
        let sonarqube = &self.env.sonarqube;
        let named = |name: &str| json!({"configurationName": name});
        for name in ["renamed", "bitbucket"] {
            self.connection(named(name));
            let renamed = || sonarqube.settings().iter().any(|one| one["key"] == name);
            self.env
                .eventually("the configuration is renamed", renamed)
                .await;
            self.env.connection_is("bitbucket", ("Ready", "True")).await;
            assert_eq!(sonarqube.settings().len(), 1);
            let bound = sonarqube.bound_to("PAY:imported");
            assert_eq!(bound.as_deref(), Some("PAY/imported"), "bindings stay");
        }
        Outcome::Works("renamed in place")
    }

    /// A second connection: works, or names the configuration that exists and takes over when that one is gone.
    pub(super) async fn several(&self) -> Outcome {
        self.env
            .connection_named("second", json!({"deletionPolicy": "Delete"}));
        let rested = |connection: &BitbucketConnection| {
            let conditions = connection.status.as_ref().map(|status| &status.conditions);
            conditions
                .into_iter()
                .flatten()
                .any(|one| one.status == "True" && (one.type_ == "Ready" || one.type_ == "Stalled"))
        };
        let second = self.env.until("platform", "second", rested).await;
        let conditions = second.status.unwrap().conditions;
        let stalled = conditions
            .iter()
            .find(|one| one.type_ == "Stalled" && one.status == "True");
        let outcome = match stalled {
            None => {
                assert_eq!(self.env.sonarqube.settings().len(), 2);
                Outcome::Works("side by side")
            }
            Some(stalled) => {
                let message = &stalled.message;
                assert!(
                    message.contains("set spec.configurationName: bitbucket to adopt it"),
                    "{message}"
                );
                Outcome::Condition(stalled.reason.to_string())
            }
        };
        self.assert_as_documented(Promise::SeveralConfigurations, &outcome);
        let api: Api<BitbucketConnection> = self.env.api("platform");
        api.delete("second", &DeleteParams::default())
            .await
            .unwrap();
        self.env
            .gone::<BitbucketConnection>("platform", "second")
            .await;
        outcome
    }

    pub(super) async fn decoration(&self) -> Outcome {
        let reported = |binding: &ProjectBinding| reason(binding, "DecorationReady", "False");
        let binding = self
            .env
            .until("payments", "imported", |one| reported(one).is_some())
            .await;
        let found = reported(&binding).unwrap();
        if found != "ServerBaseURLUnset" {
            let outcome = Outcome::Condition(found);
            self.assert_as_documented(Promise::Decoration, &outcome);
            return outcome;
        }
        let public = json!({"sonarqube": {"serverBaseURL": "https://sonarqube.example.com"}});
        self.connection(public);
        self.env.reconcile_now("the base URL is set").await;
        let possible = |one: &ProjectBinding| reason(one, "DecorationReady", "Unknown").is_some();
        self.env.until("payments", "imported", possible).await;
        let outcome = Outcome::Works("possible");
        self.assert_as_documented(Promise::Decoration, &outcome);
        outcome
    }

    pub(super) async fn renamed_repository(&self) -> Outcome {
        self.imported("before", json!({})).await;
        self.env
            .bitbucket
            .world(|world| world.rename_repository("PAY", "before", "after"))
            .unwrap();
        self.env.reconcile_now("renamed").await;
        let message = self
            .env
            .binding_reason("payments", "before", "RepositoryMoved")
            .await;
        assert!(
            message.contains("PAY/after: write the new place"),
            "{message}"
        );
        Outcome::Condition("RepositoryMoved".to_owned())
    }

    pub(super) async fn followed_repository(&self) -> Outcome {
        self.binding(
            "before",
            "PAY/before",
            json!({"onRepositoryMoved": "Follow"}),
        );
        let outcome = self.rests("before").await;
        self.assert_as_documented(Promise::Bind, &outcome);
        let bound = self.env.sonarqube.bound_to("PAY:before");
        let followed = matches!(outcome, Outcome::Works(_));
        assert_eq!(
            bound.as_deref(),
            Some(if followed { "PAY/after" } else { "PAY/before" })
        );
        outcome
    }

    pub(super) async fn recreated_repository(&self) -> Outcome {
        self.imported("again", json!({})).await;
        self.env.bitbucket.world(|world| {
            world.delete_repository("PAY", "again").unwrap();
            world.repository("PAY", "again");
        });
        self.env.reconcile_now("recreated").await;
        self.env
            .binding_reason("payments", "again", "RepositoryRecreated")
            .await;
        let bound = self.env.sonarqube.bound_to("PAY:again");
        assert_eq!(bound.as_deref(), Some("PAY/again"), "the binding stays");
        Outcome::Condition("RepositoryRecreated".to_owned())
    }

    pub(super) async fn deleted_repository(&self) -> Outcome {
        self.imported("doomed", json!({})).await;
        self.env
            .bitbucket
            .world(|world| world.delete_repository("PAY", "doomed"))
            .unwrap();
        self.env.reconcile_now("deleted").await;
        self.env
            .binding_reason("payments", "doomed", "RepositoryNotFound")
            .await;
        assert!(
            self.env.sonarqube.project("PAY:doomed").is_some(),
            "the project is kept"
        );
        Outcome::Condition("RepositoryNotFound".to_owned())
    }

    pub(super) async fn orphan(&self) -> Outcome {
        self.imported("orphan", json!({"deletionPolicy": "Orphan"}))
            .await;
        self.env.delete_binding("payments", "orphan").await;
        let bound = self.env.sonarqube.bound_to("PAY:orphan");
        assert_eq!(bound.as_deref(), Some("PAY/orphan"));
        Outcome::Works("both stay")
    }

    pub(super) async fn unbind(&self) -> Outcome {
        let binding = self.imported("unbound", json!({})).await;
        self.env.delete_binding("payments", "unbound").await;
        assert!(self.env.sonarqube.project("PAY:unbound").is_some());
        let bound = self.env.sonarqube.bound_to("PAY:unbound");
        let outcome = if bound.is_none() {
            Outcome::Works(self.way)
        } else {
            let note = self.env.reported_once(&binding, "Orphaned");
            assert!(note.contains("cannot remove a single binding"), "{note}");
            Outcome::Works("left, with an event")
        };
        if outcome == Outcome::Works(self.way) {
            self.assert_as_documented(Promise::Unbind, &outcome);
        } else {
            assert_eq!(
                self.server.capabilities().outlook(Promise::Unbind),
                Outlook::Reported
            );
        }
        outcome
    }

    pub(super) async fn delete_project(&self) -> Outcome {
        self.imported("gone", json!({"deletionPolicy": "DeleteProject"}))
            .await;
        self.env.delete_binding("payments", "gone").await;
        assert!(
            self.env.sonarqube.project("PAY:gone").is_none(),
            "it is still there"
        );
        Outcome::Works("deleted")
    }
}
