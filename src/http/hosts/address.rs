//! Kinds of addresses.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What kind of place an address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressClass {
    /// Any other address, private networks included.
    Ordinary,
    /// This machine.
    Loopback,
    /// This network segment, where clouds keep their metadata services.
    LinkLocal,
    /// A metadata service outside the link-local range.
    Metadata,
    /// No address at all, which systems take for this machine.
    Unspecified,
    /// Many receivers.
    Multicast,
}

/// Metadata services that are not link-local: Alibaba Cloud, Oracle Cloud, Azure's host, AWS over IPv6 (instances, and
/// pods), Google Cloud over IPv6.
const METADATA: [IpAddr; 6] = [
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
];

/// The well-known prefix `64:ff9b::/96`, behind which a gateway reaches every IPv4 address.
const NAT64: u128 = 0x0064_ff9b << 64;

impl AddressClass {
    /// The class of an address.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        let address = unwrapped(address);
        if METADATA.contains(&address) {
            return Self::Metadata;
        }
        let (link_local, unspecified) = match address {
            IpAddr::V4(v4) => (v4.is_link_local(), v4.octets()[0] == 0 || v4.is_broadcast()),
            IpAddr::V6(v6) => (v6.is_unicast_link_local(), v6.is_unspecified()),
        };
        if address.is_loopback() {
            Self::Loopback
        } else if link_local {
            Self::LinkLocal
        } else if unspecified {
            Self::Unspecified
        } else if address.is_multicast() {
            Self::Multicast
        } else {
            Self::Ordinary
        }
    }
}

impl fmt::Display for AddressClass {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Ordinary => "an ordinary address",
            Self::Loopback => "a loopback address",
            Self::LinkLocal => "a link-local address",
            Self::Metadata => "the address of a metadata service",
            Self::Unspecified => "an unspecified address",
            Self::Multicast => "a multicast address",
        })
    }
}

/// The IPv4 address that an IPv6 address leads to: mapped, or through the well-known NAT64 prefix.
pub(super) fn unwrapped(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else {
        return address;
    };
    let (prefix, embedded) = (v6.to_bits() >> 32, v6.to_bits() & u128::from(u32::MAX));
    match u32::try_from(embedded) {
        Ok(embedded) if prefix == NAT64 => Ipv4Addr::from_bits(embedded).into(),
        _ => v6.to_ipv4_mapped().map_or(address, IpAddr::V4),
    }
}
