//! What values change that protect: metrics with authentication, and the admission policies.

use super::options::{DEPLOYMENT, MONITOR, Object, shows};

/// A value, the object that it shows in, where, and as what.
const IN_OBJECTS: [(&str, Object, &str, &str); 5] = [
    (
        r#"podMonitor={"enabled":true,"caSecret":"ca","tokenSecret":"scrape"},operator={"metricsListen":"0.0.0.0:8443","metricsTlsSecret":"tls"}"#,
        MONITOR,
        "/spec/podMetricsEndpoints",
        r#"[{"port":"metrics","path":"/metrics","scheme":"https","tlsConfig":{"ca":{"secret":{"name":"ca","key":"ca.crt"}},"serverName":"bindery.bindery-system.svc"},"authorization":{"credentials":{"name":"scrape","key":"token"}}}]"#,
    ),
    (
        r#"operator={"metricsListen":"0.0.0.0:8443","metricsTlsSecret":"tls"}"#,
        DEPLOYMENT,
        "/spec/template/spec/volumes",
        r#"[{"name":"metrics-tls","secret":{"secretName":"tls"}}]"#,
    ),
    (
        "operator.metricsAuthentication=true",
        ("ClusterRoleBinding", "bindery-metrics-authentication"),
        "/subjects",
        r#"[{"kind":"ServiceAccount","name":"bindery","namespace":"bindery-system"}]"#,
    ),
    (
        r#"admissionPolicies.hosts=["bitbucket.example.com","*.tools.example.com"]"#,
        ("ValidatingAdmissionPolicy", "bindery-hosts"),
        "/spec/variables/0",
        r#"{"name":"allowed","expression":"[\"bitbucket.example.com\",\"*.tools.example.com\"]"}"#,
    ),
    (
        "admissionPolicies.secrets=true",
        ("ValidatingAdmissionPolicyBinding", "bindery-secrets"),
        "/spec",
        r#"{"policyName":"bindery-secrets","validationActions":["Deny"]}"#,
    ),
];

#[test]
fn values_that_protect_are_in_their_objects() {
    for (values, object, place, shown) in IN_OBJECTS {
        shows(values, object, place, shown);
    }
}
