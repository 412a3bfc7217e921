//! What is only compared.

use super::*;

#[test]
fn observe_reports_and_writes_nothing() {
    let watching = Desired {
        management: Management::Observe,
        ..keeping()
    };
    let drifted = observed(vec![setting(
        "id-1",
        "bitbucket",
        "https://evil.example.com",
    )]);
    let Plan::Differs(differences) = plan(&watching, &drifted) else {
        panic!()
    };
    assert_eq!(
        differences[0].observed,
        "bitbucket (https://evil.example.com)"
    );
    let mut rotated = observed(same());
    rotated.token = TokenState::ToPush;
    assert_eq!(plan(&watching, &rotated), Plan::Settled);
}

#[test]
fn observe_compares_with_a_namesake_as_if_it_were_kept() {
    let watching = Desired {
        management: Management::Observe,
        server_base_url: Some(url("https://sq.example.com")),
        ..desired()
    };
    let configuration = |world: &Observed| match plan(&watching, world) {
        Plan::Differs(differences) => differences[0].observed.clone(),
        other @ (Plan::Settled | Plan::Steps(_) | Plan::Refused(_)) => panic!("{other:?}"),
    };
    let fields = |world: &Observed| match plan(&watching, world) {
        Plan::Differs(differences) => differences.iter().map(|one| one.field).collect(),
        Plan::Settled => vec![],
        other @ (Plan::Steps(_) | Plan::Refused(_)) => panic!("{other:?}"),
    };
    let mut world = observed(same());
    world.server_base_url = BaseUrl::Set("https://sq.example.com".to_owned());
    assert_eq!(fields(&world), [""; 0]);
    world.server_base_url = BaseUrl::Unset;
    assert_eq!(fields(&world), ["sonarqube.serverBaseURL"]);
    world.settings[0].url = "https://other.example.com".to_owned();
    let both = ["configuration", "sonarqube.serverBaseURL"];
    assert_eq!(fields(&world), both);
    let found = "bitbucket (https://other.example.com)";
    assert_eq!(configuration(&world), found);
    world.settings[0].key = key("another");
    assert_eq!(fields(&world), both, "absent, and another one blocks it");
    assert_eq!(configuration(&world), "absent");
    world.settings.clear();
    assert_eq!(fields(&world), both, "absent");
}
