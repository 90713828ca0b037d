//! What a list may go by instead of a scan.

use crate::rows::filter;
use freehold_core::client::HardwareAddress;
use freehold_core::filter::Need;

fn needs(text: &str, field: &str) -> Option<Vec<Need>> {
    filter(text).needs(field)
}

fn within(cidrs: &[&str]) -> Option<Vec<Need>> {
    Some(cidrs.iter().map(|cidr| Need::Within(cidr.parse().expect("a CIDR"))).collect())
}

fn text(words: &[&str]) -> Option<Vec<Need>> {
    Some(words.iter().map(|word| Need::Text((*word).to_owned())).collect())
}

#[test]
fn addresses_lie_in_what_is_asked() {
    assert_eq!(needs("address = 10.1.2.3", "address"), within(&["10.1.2.3/32"]));
    assert_eq!(
        needs("address = 10.2.0.0/16 OR address : 10.1.2.3", "address"),
        within(&["10.1.2.3/32", "10.2.0.0/16"])
    );
    assert_eq!(needs("address = 10.0.0.0/8 berlin address = 10.1.0.0/16", "address"), within(&["10.1.0.0/16"]));
    assert_eq!(needs("address = 10.0.0.0/8 OR berlin", "address"), None);
    assert_eq!(needs("address != 10.0.0.0/8", "address"), None);
    assert_eq!(needs("-(address != 10.0.0.0/8 OR berlin)", "address"), within(&["10.0.0.0/8"]));
    assert_eq!(needs("NOT (NOT (address = ::1))", "address"), within(&["::1/128"]));
    assert_eq!(needs("address > 10.0.0.0", "address"), None);
    assert_eq!(needs("", "address"), None);
    assert_eq!(needs("cidr <= 10.0.0.0/8", "cidr"), within(&["10.0.0.0/8"]));
    assert_eq!(needs("cidr : 10.1.2.3", "cidr"), Some(vec![Need::Covers("10.1.2.3/32".parse().expect("a CIDR"))]));
    assert_eq!(needs("cidr = 10.0.0.0/8", "cidr"), Some(vec![Need::Cidr("10.0.0.0/8".parse().expect("a CIDR"))]));
}

#[test]
fn texts_and_hardware_addresses_are_or_begin() {
    assert_eq!(needs("title = Berlin", "title"), text(&["berlin"]));
    assert_eq!(needs("title = Ber* title = x*y", "title"), Some(vec![Need::TextBegins("ber".into())]));
    assert_eq!(needs("title : ber", "title"), None);
    assert_eq!(needs("title = *ber", "title"), None);
    assert_eq!(needs("status = active", "status"), text(&["active"]));
    assert_eq!(needs("tags.site = B OR tags.site = A", "tags.site"), text(&["a", "b"]));
    assert_eq!(needs("tags.site = B", "tags.row"), None);
    assert_eq!(needs("tags.site = B", "tags"), None);
    assert_eq!(needs("tags : Site", "tags"), text(&["Site"]));
    let exact = Need::Hardware((&"02:00:5e:10:00:01".parse::<HardwareAddress>().expect("one")).into());
    let begins = Need::HardwareBegins("02:00:5e".parse().expect("one"));
    assert_eq!(needs("hardware_address : 02:00:5e", "hardware_address"), Some(vec![begins.clone()]));
    assert_eq!(needs("hardware_address = 0200.5e*", "hardware_address"), Some(vec![begins]));
    assert_eq!(
        needs("hardware_address : 02:00:5e hardware_address = 0200.5e10.0001", "hardware_address"),
        Some(vec![exact])
    );
    assert_eq!(needs("hardware_address : *", "hardware_address"), None);
}
