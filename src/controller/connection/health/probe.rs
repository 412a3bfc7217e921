//! What a SonarQube can do: probed once, and again when its id, its version or its features change, or when somebody
//! asks. Another edition or a plugin need not change the version.

use crate::identity::ServerId;
use crate::plan::binding::Way;
use crate::plan::capability::{Capabilities, Support};
use crate::sonarqube::{self, Version};

/// What was probed, and where: it holds through every failure of the same server.
#[derive(Clone, Debug)]
pub(in crate::controller::connection) struct Probed {
    server: ServerId,
    version: Version,
    /// As the server lists them; none before 9.6.
    features: Option<Vec<String>>,
    pub(super) edition: Option<String>,
    /// None on servers that cannot even import: before 8.2.
    pub(super) capabilities: Option<Capabilities>,
}

impl Probed {
    /// Learns what a server that cannot be asked said when it was tried: it takes one configuration.
    pub(in crate::controller::connection) fn takes_one_configuration(&mut self) {
        if let Some(capabilities) = &mut self.capabilities {
            capabilities.several = Support::Missing;
        }
    }
}

/// The names of capabilities for the status.
pub(in crate::controller::connection) fn names(capabilities: Capabilities) -> Vec<String> {
    let offered = |support| support == Support::Offered;
    let more = [
        (capabilities.pull_requests, "PullRequestAnalysis"),
        (offered(capabilities.several), "SeveralConfigurations"),
        (offered(capabilities.monorepo), "Monorepo"),
    ];
    let more = more.iter().filter(|(held, _)| *held).map(|(_, name)| *name);
    let way = capabilities.way.name();
    [way].into_iter().chain(more).map(str::to_owned).collect()
}

/// What a server can do. What is known of it stays while it is the same server with the same features.
pub(super) async fn probe(
    sonarqube: &sonarqube::Client,
    status: &sonarqube::Status,
    known: Option<Probed>,
) -> Result<Probed, sonarqube::Error> {
    let features = sonarqube.features().await?.map(|mut features| {
        features.sort();
        features
    });
    let still_holds = |known: &Probed| {
        known.server == status.id && known.version == status.version && known.features == features
    };
    if let Some(known) = known.filter(still_holds) {
        return Ok(known);
    }
    let way = way(sonarqube).await?;
    let told = |feature: &str| match &features {
        Some(features) if features.iter().any(|held| held == feature) => Support::Offered,
        // 8.9 has no list of features. Whoever lets a binding be set has more than plain Community.
        None if way == Some(Way::SetBinding) => Support::Untold,
        Some(_) | None => Support::Missing,
    };
    let capabilities = match way {
        Some(way) => Some(Capabilities {
            way,
            lists_bindings: sonarqube.has_bindings_listing().await?,
            several: told("multiple-alm"),
            monorepo: told("monorepo"),
            // Every edition that lets a binding be set analyses pull requests.
            pull_requests: told("branch-support") != Support::Missing,
        }),
        None => None,
    };
    Ok(Probed {
        server: status.id.clone(),
        version: status.version.clone(),
        edition: sonarqube.edition().await?,
        features,
        capabilities,
    })
}

/// The best way that the server offers.
async fn way(sonarqube: &sonarqube::Client) -> Result<Option<Way>, sonarqube::Error> {
    for way in Way::ALL {
        let offered = match way {
            Way::SetBinding => sonarqube.has_set_bitbucket_binding().await?,
            Way::PutBoundProject => sonarqube.has_put_bound_project().await?,
            Way::PostBoundProject => sonarqube.has_post_bound_project().await?,
            Way::ImportRepository => sonarqube.has_import_repository().await?,
        };
        if offered {
            return Ok(Some(way));
        }
    }
    Ok(None)
}
