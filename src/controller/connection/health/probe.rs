//! What a SonarQube can do: probed once, and again when its id, its version or its features change, or on
//! request. Another edition or a plugin need not change the version.

use std::time::{Duration, Instant};

use crate::fleet::link::{FeatureInputs, Features, ProbeInputs, Probed, Request, SharedLink};
use crate::plan::capability::BindingMethod;
use crate::plan::capability::{Capabilities, Support};
use crate::sonarqube;

/// The names of capabilities for the status.
pub(crate) fn names(capabilities: Capabilities) -> Vec<String> {
    let offered = |support| support == Support::Offered;
    let more = [
        (capabilities.pull_requests, "PullRequestAnalysis"),
        (offered(capabilities.several), "SeveralConfigurations"),
        (offered(capabilities.monorepo), "Monorepo"),
    ];
    let more = more.iter().filter(|(held, _)| *held).map(|(_, name)| *name);
    let method = capabilities.method.name();
    [method]
        .into_iter()
        .chain(more)
        .map(str::to_owned)
        .collect()
}

/// What a server can do. What is known of it stays while it is the same server with the same features.
pub(super) async fn probe(
    sonarqube: &sonarqube::Client,
    status: &sonarqube::Status,
    Seldom { request, age }: Seldom,
    link: &SharedLink,
) -> Result<Probed, sonarqube::Error> {
    let reading = link.lock().probe.begin(Instant::now());
    let of = FeatureInputs {
        request,
        server: status.id.clone(),
        version: status.version.clone(),
    };
    let features = features(sonarqube, &of, age, link).await?;
    let inputs = ProbeInputs { of, features };
    let known = link
        .lock()
        .probe
        .good(&inputs, Duration::MAX, Instant::now())
        .cloned();
    if let Some(known) = known {
        return Ok(known);
    }
    let probed = probe_anew(sonarqube, inputs.features.as_deref()).await?;
    link.lock().probe.store(reading, probed.clone(), inputs);
    Ok(probed)
}

/// What is read seldom, and on request.
pub(crate) struct Seldom {
    pub(crate) request: Request,
    /// What is no older is not asked for again.
    pub(crate) age: Duration,
}

/// What a server lists of its features.
async fn features(
    sonarqube: &sonarqube::Client,
    inputs: &FeatureInputs,
    age: Duration,
    link: &SharedLink,
) -> Result<Features, sonarqube::Error> {
    let now = Instant::now();
    let reading = link.lock().features.begin(now);
    if let Some(known) = link.lock().features.good(inputs, age, now) {
        return Ok(known.clone());
    }
    let features = sonarqube.features().await?.map(|mut features| {
        features.sort();
        features
    });
    let mut link = link.lock();
    link.features
        .store(reading, features.clone(), inputs.clone());
    Ok(features)
}

async fn probe_anew(
    sonarqube: &sonarqube::Client,
    features: Option<&[String]>,
) -> Result<Probed, sonarqube::Error> {
    let method = method(sonarqube).await?;
    let reported = |feature: &str| match features {
        Some(features) if features.iter().any(|held| held == feature) => Support::Offered,
        // 8.9 has no list of features. A server that accepts a binding has more than plain Community.
        None if method == Some(BindingMethod::SetBinding) => Support::Unlisted,
        Some(_) | None => Support::Missing,
    };
    let capabilities = match method {
        Some(method) => Some(Capabilities {
            method,
            lists_bindings: method.comes_with_listing() || sonarqube.has_bindings_listing().await?,
            several: reported("multiple-alm"),
            monorepo: reported("monorepo"),
            // Every edition that lets a binding be set analyses pull requests.
            pull_requests: reported("branch-support") != Support::Missing,
        }),
        None => None,
    };
    Ok(Probed {
        edition: sonarqube.edition().await?,
        capabilities,
    })
}

/// The best method that the server offers.
async fn method(sonarqube: &sonarqube::Client) -> Result<Option<BindingMethod>, sonarqube::Error> {
    for method in BindingMethod::ALL {
        let offered = match method {
            BindingMethod::SetBinding => sonarqube.has_set_bitbucket_binding().await?,
            BindingMethod::PutBoundProject => sonarqube.has_put_bound_project().await?,
            BindingMethod::PostBoundProject => sonarqube.has_post_bound_project().await?,
            BindingMethod::ImportRepository => sonarqube.has_import_repository().await?,
        };
        if offered {
            return Ok(Some(method));
        }
    }
    Ok(None)
}
