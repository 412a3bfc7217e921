//! Plans a ProjectBinding with the clients and the core alone, as a command line does: a manifest, two servers, no
//! cluster.

use std::sync::Mutex;

use bindery::crd::{BitbucketConnection, ProjectBinding};
use bindery::http::{HostPolicy, Options, PlainHttp, Token, Transport};
use bindery::identity::{ServerUrl, SettingId, SettingKey};
use bindery::inventory::{Inventory, Sources};
use bindery::observe::{self, Circumstances, Servers};
use bindery::plan::Access;
use bindery::plan::binding::{Desired, Plan, Rights, Step, plan};
use bindery::plan::capability::{Capabilities, Edition, expected};
use bindery::{bitbucket, declared, sonarqube};
use serde_json::{Value, json};
use simulators::bitbucket as bitbucket_simulator;
use simulators::sonarqube as sonarqube_simulator;

const BITBUCKET_TOKEN: &str = "a-token-of-bitbucket";
const SONARQUBE_TOKEN: &str = "squ_simulated-bindery";

/// Two simulated servers, and a configuration for the one in the other.
struct Site {
    sonarqube: (sonarqube_simulator::SonarQube, sonarqube::Client),
    bitbucket: (bitbucket_simulator::Bitbucket, bitbucket::Client),
    setting: (SettingId, SettingKey),
    capabilities: Capabilities,
    inventory: Mutex<Inventory>,
}

impl Site {
    async fn start() -> Self {
        let bitbucket = bitbucket_simulator::Bitbucket::start(bitbucket_simulator::Profile::V9_4);
        let bitbucket = bitbucket.await.unwrap();
        bitbucket.world(|world| {
            world.user("reader");
            world.project("PAY");
            world.repository("PAY", "checkout");
            world.grant_project("reader", "PAY", bitbucket_simulator::Right::Read);
            let read = [
                bitbucket_simulator::Permission::ProjectRead,
                bitbucket_simulator::Permission::RepoRead,
            ];
            world.token(BITBUCKET_TOKEN, "reader", &read);
        });
        let profile = sonarqube_simulator::Profile::new(
            sonarqube_simulator::Version::V26_9,
            sonarqube_simulator::Edition::Community,
        );
        let sonarqube = sonarqube_simulator::SonarQube::start(profile)
            .await
            .unwrap();
        sonarqube.world(|world| world.set_up("squ_simulated-admin", SONARQUBE_TOKEN));
        let url = ServerUrl::parse(bitbucket.url().as_str()).unwrap();
        let key = SettingKey::parse("bitbucket").unwrap();
        let client = sonarqube::Client::new(
            transport(sonarqube.url().as_str()),
            Token::parse(SONARQUBE_TOKEN.as_bytes()).unwrap(),
        );
        let token = Token::parse(BITBUCKET_TOKEN.as_bytes()).unwrap();
        client.create_bitbucket(&key, &url, &token).await.unwrap();
        client.set_pat(&key, &token).await.unwrap();
        let id = client.dop_settings().await.unwrap().remove(0).id;
        Self {
            bitbucket: (
                bitbucket,
                bitbucket::Client::new(transport(url.to_string().as_str()), token),
            ),
            sonarqube: (sonarqube, client),
            setting: (id, key),
            capabilities: expected((26, 9), Edition::Community),
            inventory: Mutex::default(),
        }
    }

    fn servers(&self) -> Servers<'_> {
        Servers {
            sonarqube: &self.sonarqube.1,
            bitbucket: &self.bitbucket.1,
            setting: &self.setting.0,
            setting_key: &self.setting.1,
            capabilities: self.capabilities,
            inventory: &self.inventory,
        }
    }

    async fn desired(&self, status: &Value) -> Desired {
        let server = self.sonarqube.1.status().await.unwrap().id;
        let through = (&connection(), &Access::Own);
        declared::desired(&binding(status), through, &server).unwrap()
    }

    async fn planned(&self, desired: &Desired) -> Plan {
        let nobody_else = Circumstances {
            held_for: &|_| None,
            claimed_by: None,
            rights: Rights::Assumed,
            import_at_work: false,
        };
        let observed = observe::live(desired, self.servers(), nobody_else).await;
        plan(desired, &observed.unwrap())
    }

    /// Performs these steps. Returns what the status of the binding remembers of it.
    async fn taken(&self, steps: &[Step]) -> Value {
        let [
            Step::RecordIntent(_),
            Step::Import {
                key,
                name,
                repository,
            },
        ] = steps
        else {
            panic!("{steps:?}");
        };
        let import = sonarqube::NewBinding {
            project: key,
            name,
            setting: &self.setting.0,
            repository,
            monorepo: false,
        };
        let (sonarqube, bitbucket) = (&self.sonarqube.1, &self.bitbucket.1);
        let bound = sonarqube.put_bound_project(&import).await.unwrap();
        let found = bitbucket.repository(repository).await.unwrap();
        let bitbucket::Lookup::Found(found) = found else {
            panic!("{found:?}");
        };
        let server = sonarqube.status().await.unwrap().id.to_string();
        json!({
            "sonarqubeProject": {
                "key": key.as_str(), "id": bound.project.to_string(), "serverId": server, "url": "",
            },
            "record": {
                "connection": {"namespace": "payments", "name": "bitbucket", "uid": "connection", "configurationId": "id"},
                "createdBy": "binding", "boundBy": "binding",
            },
            "repository": {"id": found.id, "path": "PAY/checkout", "project": "PAY", "slug": "checkout", "url": ""},
        })
    }

    /// Reads the listings.
    async fn list(&self) {
        let sources = Sources {
            sonarqube: &self.sonarqube.1,
            importer: &self.bitbucket.1,
            writer: None,
            setting: Some((&self.setting.0, &self.setting.1)),
        };
        *self.inventory.lock().unwrap() = Inventory::sweep(sources).await.unwrap();
    }

    fn calls(&self) -> usize {
        self.sonarqube.0.calls().len() + self.bitbucket.0.calls().len()
    }
}

fn transport(url: &str) -> Transport {
    let options = Options {
        hosts: HostPolicy::parse("127.0.0.0/8").unwrap(),
        plain_http: PlainHttp::Allowed,
        ..Options::default()
    };
    Transport::new(ServerUrl::parse(url).unwrap(), options).unwrap()
}

fn connection() -> BitbucketConnection {
    manifest(&json!({
        "apiVersion": "bindery.dev/v1alpha1", "kind": "BitbucketConnection",
        "metadata": {"name": "bitbucket", "namespace": "payments", "uid": "connection"},
        "spec": {
            "bitbucket": {"url": "https://bitbucket.example.com", "tokenSecretRef": {"name": "token"}},
            "sonarqube": {"url": "https://sonarqube.example.com", "tokenSecretRef": {"name": "token"}},
        },
    }))
}

fn binding(status: &Value) -> ProjectBinding {
    manifest(&json!({
        "apiVersion": "bindery.dev/v1alpha1", "kind": "ProjectBinding",
        "metadata": {"name": "checkout", "namespace": "payments", "uid": "binding"},
        "spec": {"connectionRef": {"name": "bitbucket"}, "repository": {"project": "PAY", "slug": "checkout"}},
        "status": status,
    }))
}

fn manifest<T: serde::de::DeserializeOwned>(json: &Value) -> T {
    serde_json::from_value(json.clone()).unwrap()
}

/// Promise: the plan of a command line is that of the operator.
#[tokio::test]
async fn a_new_repository_is_to_be_imported_and_a_bound_one_is_settled() {
    let site = Site::start().await;
    let new = site.desired(&Value::Null).await;

    let planned = site.planned(&new).await;
    let Plan::Steps(steps) = planned else {
        panic!("{planned:?}");
    };
    let [
        Step::RecordIntent(announced),
        Step::Import {
            key,
            name,
            repository,
        },
    ] = &steps[..]
    else {
        panic!("{steps:?}");
    };
    assert_eq!(announced, key);
    let shown = (key.as_str(), name.as_str(), repository.to_string());
    assert_eq!(
        shown,
        ("PAY:checkout", "checkout", "PAY/checkout".to_owned())
    );
    assert_eq!(site.sonarqube.0.world(|world| world.projects.len()), 0);

    let settled = site.desired(&site.taken(&steps).await).await;
    assert_eq!(site.planned(&settled).await, Plan::Settled);
}

/// Promise: what a listing shows as up to date costs no call of its own.
#[tokio::test]
async fn a_listing_is_enough_to_find_that_nothing_is_to_be_done() {
    let site = Site::start().await;
    let new = site.desired(&Value::Null).await;
    site.list().await;
    assert_eq!(observe::listed(&new, site.servers()), None, "no project");
    let Plan::Steps(steps) = site.planned(&new).await else {
        panic!("nothing is planned");
    };
    let settled = site.desired(&site.taken(&steps).await).await;
    site.list().await;
    let before = site.calls();
    let observed = observe::listed(&settled, site.servers()).unwrap();
    assert_eq!(plan(&settled, &observed), Plan::Settled);
    assert_eq!(site.calls(), before);
}
