use super::*;

/// Whether a policy admits a host of the given name at an address, on port 443.
fn admits(policy: &HostPolicy, host: &str, address: &str) -> bool {
    let address = address.parse().unwrap();
    policy.check_address(host, 443, address).is_ok()
}

fn only(list: &str) -> HostPolicy {
    HostPolicy::parse(list).unwrap()
}

#[test]
fn without_a_list_every_ordinary_address_is_admitted_private_ones_included() {
    let policy = HostPolicy::default();
    for address in [
        "93.184.216.34",
        "10.1.2.3",
        "192.168.0.1",
        "2606:4700::1111",
        "fd12::1",
    ] {
        assert!(admits(&policy, "sq.example.com", address), "{address}");
    }
}

#[test]
fn without_a_list_no_disguise_of_a_local_address_is_admitted() {
    let policy = HostPolicy::default();
    for address in [
        "127.0.0.1",
        "127.8.8.8",
        "::1",
        "::ffff:127.0.0.1",
        "169.254.169.254",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "fe80::1",
        "fd00:ec2::254",
        "fd00:ec2::23",
        "fd20:ce::254",
        "168.63.129.16",
        "192.0.0.192",
        "100.100.100.200",
        "0.0.0.0",
        "0.1.2.3",
        "::",
        "255.255.255.255",
        "224.0.0.1",
        "ff02::1",
    ] {
        assert!(!admits(&policy, "sq.example.com", address), "{address}");
    }
}

/// Promise: a denied network stays denied also where something else admits it, by any name that leads there.
#[test]
fn a_denied_host_is_denied_by_name_and_by_address() {
    let denied = HostPolicy::denying("10.96.0.0/12, *.svc, kubernetes.default:443").unwrap();
    for (host, address, admitted) in [
        ("sq.example.com", "10.96.0.1", false),
        ("sq.example.com", "::ffff:10.96.0.1", false),
        ("sq.example.com", "10.1.2.3", true),
        ("sonarqube.tools.svc", "10.1.2.3", false),
        ("kubernetes.default", "10.1.2.3", false),
        // A list of denied hosts admits what it does not name, and no more than the other lists do.
        ("sq.example.com", "169.254.169.254", true),
    ] {
        assert_eq!(admits(&denied, host, address), admitted, "{host} {address}");
    }
    for other in [HostPolicy::default(), only("10.0.0.0/8")] {
        let both = HostPolicy::all([other, denied.clone()]);
        assert!(!admits(&both, "sq.example.com", "10.96.0.1"));
        assert!(!admits(&both, "sq.example.com", "169.254.169.254"));
        assert!(admits(&both, "sq.example.com", "10.1.2.3"));
    }
    let refused = denied.check_name(&ServerUrl::parse("https://kubernetes.default").unwrap());
    let words = "host kubernetes.default:443 is in the list of denied hosts";
    assert_eq!(refused.unwrap_err().to_string(), words);
}

#[test]
fn an_entry_admits_the_hosts_that_it_names() {
    for (list, host, address, admitted) in [
        ("sq.example.com", "sq.example.com", "10.0.0.1", true),
        ("SQ.example.com", "sq.example.COM.", "10.0.0.1", true),
        ("sq.example.com", "other.example.com", "10.0.0.1", false),
        ("sq.example.com:443", "sq.example.com", "10.0.0.1", true),
        ("sq.example.com:9000", "sq.example.com", "10.0.0.1", false),
        ("*.example.com", "sq.example.com", "10.0.0.1", true),
        ("*.example.com", "a.b.example.com", "10.0.0.1", true),
        ("*.example.com", "example.com", "10.0.0.1", false),
        ("*.example.com", "badexample.com", "10.0.0.1", false),
        ("10.0.0.0/8", "anything", "10.200.0.1", true),
        ("10.0.0.0/8", "anything", "11.0.0.1", false),
        ("10.0.0.1", "anything", "::ffff:10.0.0.1", true),
        ("::ffff:10.0.0.1", "anything", "10.0.0.1", true),
        ("10.0.0.1:443", "anything", "10.0.0.1", true),
        ("10.0.0.1:80", "anything", "10.0.0.1", false),
        ("[fd12::1]:443", "anything", "fd12::1", true),
        ("fd12::/16", "anything", "fd12:9::9", true),
        ("0.0.0.0/0", "anything", "fd12::1", false),
        ("a.com, *.b.com ,10.0.0.0/8", "x.b.com", "8.8.8.8", true),
    ] {
        assert_eq!(
            admits(&only(list), host, address),
            admitted,
            "{list}: {host} at {address}"
        );
    }
}

/// The owner of a name's DNS could point it at the cluster node itself.
#[test]
fn a_name_never_vouches_for_a_local_address_but_localhost_does_for_loopback() {
    for (list, host, address, admitted) in [
        ("sq.example.com", "sq.example.com", "127.0.0.1", false),
        ("*.example.com", "sq.example.com", "169.254.169.254", false),
        ("localhost", "localhost", "127.0.0.1", true),
        ("localhost", "localhost", "::1", true),
        ("localhost", "localhost", "169.254.169.254", false),
        ("localhost", "other", "127.0.0.1", false),
        ("127.0.0.0/8", "sq.example.com", "127.0.0.1", true),
        ("169.254.169.254", "sq.example.com", "169.254.169.254", true),
        ("0.0.0.0/0", "sq.example.com", "127.0.0.1", true),
    ] {
        assert_eq!(
            admits(&only(list), host, address),
            admitted,
            "{list}: {host} at {address}"
        );
    }
}

#[test]
fn several_policies_admit_only_hosts_that_all_admit() {
    let both = HostPolicy::all([only("*.example.com"), only("sq.example.com,10.0.0.0/8")]);
    assert!(admits(&both, "sq.example.com", "8.8.8.8"));
    assert!(admits(&both, "bb.example.com", "10.0.0.1"));
    assert!(!admits(&both, "bb.example.com", "8.8.8.8"));
    assert!(!admits(&both, "sq.other.com", "10.0.0.1"));

    let with_default = HostPolicy::all([HostPolicy::default(), only("127.0.0.1")]);
    assert!(!admits(&with_default, "localhost", "127.0.0.1"));
    assert_eq!(HostPolicy::all([]), HostPolicy::default());
}

#[test]
fn an_entry_that_is_none_is_named() {
    for entry in [
        "",
        "https://sq.example.com",
        "sq.example.com/path",
        "sq example",
        "*",
        "*.",
        "*example.com",
        "a.*.com",
        "sq:0",
        "sq:99999",
        "sq:",
        "10.0.0.0/33",
        "10.0.0.0/",
        "10.0.0/8",
        "[::1",
        "[::1]x",
        "a..b",
        ":443",
    ] {
        let list = format!("good.example.com, {entry}");
        let error = HostPolicy::parse(&list).unwrap_err();
        assert_eq!(error.entry, entry.trim());
    }
}

#[test]
fn an_address_in_a_url_is_checked_without_dns() {
    let url = |text: &str| ServerUrl::parse(text).unwrap();
    let default = HostPolicy::default();
    for text in [
        "https://127.0.0.1",
        "https://[::1]:9000",
        "https://[::ffff:127.0.0.1]",
        "https://169.254.169.254",
        "https://2130706433",
        "https://0x7f.1",
        "https://0177.0.0.1",
    ] {
        assert!(default.check_name(&url(text)).is_err(), "{text}");
    }
    assert!(default.check_name(&url("https://localhost")).is_ok());

    let list = only("sq.example.com:443");
    assert!(list.check_name(&url("https://sq.example.com")).is_ok());
    assert!(
        list.check_name(&url("https://sq.example.com:9000"))
            .is_err()
    );
    assert!(list.check_name(&url("https://bb.example.com")).is_err());
    assert!(
        only("10.0.0.0/8")
            .check_name(&url("https://bb.example.com"))
            .is_ok()
    );
}

#[test]
fn a_refusal_names_the_policy_that_refuses() {
    let refusal = |policy: &HostPolicy, host: &str, address: &str| {
        let address = address.parse().unwrap();
        policy
            .check_address(host, 443, address)
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        refusal(&HostPolicy::default(), "sq.example.com", "127.0.0.1"),
        "host sq.example.com:443 resolves to 127.0.0.1, a loopback address, which is in a blocked range"
    );
    assert_eq!(
        refusal(&only("a.example.com"), "sq.example.com", "8.8.8.8"),
        "host sq.example.com:443 resolves to 8.8.8.8, which is not in the list of allowed hosts"
    );
}

#[tokio::test]
async fn a_name_is_judged_by_every_address_that_it_resolves_to() {
    let refused = HostPolicy::default().resolve("localhost", 9000).await;
    assert!(
        matches!(refused, Err(HostCheckError::Refused(_))),
        "{refused:?}"
    );
    let port_9000 = only("localhost:9000");
    assert!(port_9000.resolve("localhost", 9000).await.is_ok());
    assert!(port_9000.resolve("localhost", 9001).await.is_err());
}
