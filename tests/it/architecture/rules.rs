//! What each module of `src/` may use.

use super::references::Names;

/// What one module of `src/` may use.
pub(super) struct Rule {
    module: &'static str,
    pub(super) crates: Names,
    pub(super) modules: Names,
}

const KUBERNETES: Names = Names::AllBut(&["kube", "k8s_openapi"]);
pub(super) const PURE: Names = Names::Only(&["thiserror", "url"]);

const RULES: [Rule; 14] = [
    Rule {
        module: "fence",
        crates: PURE,
        modules: Names::Only(&["fence"]),
    },
    Rule {
        module: "lease",
        crates: Names::Only(&["thiserror", "tokio", "tokio_util", "tracing"]),
        modules: Names::Only(&["lease", "fence", "kubernetes", "metrics", "explore"]),
    },
    Rule {
        module: "explore",
        crates: PURE,
        modules: Names::Only(&["explore"]),
    },
    Rule {
        module: "identity",
        crates: PURE,
        modules: Names::Only(&["identity"]),
    },
    Rule {
        module: "plan",
        crates: PURE,
        // Its tests explore small worlds.
        modules: Names::Only(&["plan", "identity", "explore"]),
    },
    Rule {
        module: "http",
        crates: KUBERNETES,
        modules: Names::Only(&["http", "identity", "fence"]),
    },
    Rule {
        module: "sonarqube",
        crates: KUBERNETES,
        modules: Names::Only(&["sonarqube", "http", "identity"]),
    },
    Rule {
        module: "bitbucket",
        crates: KUBERNETES,
        modules: Names::Only(&["bitbucket", "http", "identity"]),
    },
    Rule {
        module: "inventory",
        crates: KUBERNETES,
        modules: Names::Only(&["inventory", "sonarqube", "bitbucket", "identity"]),
    },
    Rule {
        module: "crd",
        crates: Names::Only(&["kube", "k8s_openapi", "schemars", "serde", "serde_json"]),
        modules: Names::Only(&["crd"]),
    },
    // What a command line plans by as well: it has no cluster.
    Rule {
        module: "declared",
        // Its tests read manifests.
        crates: Names::Only(&["serde_json"]),
        modules: Names::Only(&["declared", "crd", "plan", "identity"]),
    },
    Rule {
        module: "observe",
        crates: Names::Only(&["thiserror", "tokio"]),
        modules: Names::Only(&[
            "observe",
            "plan",
            "identity",
            "inventory",
            "sonarqube",
            "bitbucket",
        ]),
    },
    Rule {
        module: "kubernetes",
        crates: Names::AllBut(&["reqwest", "clap"]),
        modules: Names::Only(&["kubernetes", "crd", "plan", "identity", "metrics", "fence"]),
    },
    // Plain data behind short locks: what it waits for, others wait for it.
    Rule {
        module: "fleet",
        crates: Names::Only(&["thiserror", "tokio", "tracing"]),
        modules: Names::Only(&[
            "fleet",
            "plan",
            "identity",
            "inventory",
            "sonarqube",
            "bitbucket",
            "http",
        ]),
    },
];

/// Any other module: only the entry points reach the imperative shell, and what writes its words down.
pub(super) fn rule_of(module: &str) -> &'static Rule {
    const SHELL: Rule = Rule {
        module: "",
        crates: Names::AllBut(&[]),
        modules: Names::AllBut(&[]),
    };
    const OTHER: Rule = Rule {
        module: "",
        crates: Names::AllBut(&[]),
        modules: Names::AllBut(&["controller"]),
    };
    match module {
        "controller" | "cli" | "main" | "lib" => &SHELL,
        _ => RULES
            .iter()
            .find(|rule| rule.module == module)
            .unwrap_or(&OTHER),
    }
}
