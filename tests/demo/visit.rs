//! What a visitor can try while the lab stays up.

use anyhow::{Context, Result};
use freehold_lab::{Controller, Site};

/// Makes a client for the visitor and says how to use everything.
pub(crate) fn invite(site: &Site, controller: &Controller) -> Result<()> {
    let guest = site.munich.client(&site.lab, "guest", [2, 0, 0, 0, 0x20, 1])?;
    let program = std::env::current_exe().context("where am I?")?.with_file_name("freehold");
    let freehold = format!(
        "ip netns exec {} {} --endpoint {} --identity {}",
        controller.host().namespace(),
        program.display(),
        controller.endpoint(),
        controller.identity().display(),
    );
    let (guest, munich) = (guest.host.namespace(), site.munich.host.namespace());
    let logs = site.lab.folder().display();
    println!(
        "
It stays up until Ctrl-C. In another terminal, as root:

  {freehold} server list

Shorter, and what else there is:

  freehold() {{ {freehold} \"$@\"; }}
  freehold scope show berlin-office
  freehold scope update munich-office --ntp 10.2.0.4 --wait
  freehold lease list --limit 10
  freehold event list --limit 10
  freehold watch --from 0

A client in Munich asks for an address; then look for its lease:

  ip netns exec {guest} udhcpc -f -q -n -i lan0 -s /bin/true
  freehold lease list --scope munich-office

Munich's wide area network goes down, and comes back:

  ip -n {munich} link set wan0 down
  ip -n {munich} link set wan0 up

Logs and Kea's configuration lie in {logs}."
    );
    Ok(())
}
