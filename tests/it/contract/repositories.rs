//! A Bitbucket with a few repositories, for SonarQube to call.

use simulators::bitbucket::{Bitbucket, BranchOrder, Permission, Profile, Right};

/// A token that may read them all.
pub(super) const TOKEN: &str = "a-token-of-bitbucket";

/// PAY, OPS and the personal project of jdoe.
pub(super) async fn bitbucket() -> Bitbucket {
    let bitbucket = Bitbucket::start(Profile::V9_4).await.unwrap();
    bitbucket.world(|world| {
        world.user("reader");
        for (project, slugs) in [
            ("PAY", &["checkout", "ledger", "MixedCase"][..]),
            ("OPS", &["deploy", "empty", "crowded"]),
            ("~jdoe", &["tools"]),
        ] {
            world.project(project);
            for slug in slugs {
                world.repository(project, slug);
            }
            world.grant_project("reader", project, Right::Read);
        }
        let ledger = world.repository("PAY", "ledger");
        ledger.branches.push("develop".to_owned());
        "develop".clone_into(&mut ledger.default_branch);
        world.repository("OPS", "empty").branches.clear();
        // The default branch is not among the first that are listed.
        world.settings.branch_order = BranchOrder::DefaultLast;
        let crowded = world.repository("OPS", "crowded");
        let many = (0..30).map(|number| format!("a{number:02}"));
        crowded.branches = many.chain(["zzz".to_owned()]).collect();
        "zzz".clone_into(&mut crowded.default_branch);
        "Operations".clone_into(&mut world.project("OPS").name);
        let read = [Permission::ProjectRead, Permission::RepoRead];
        world.token(TOKEN, "reader", &read);
    });
    bitbucket
}
