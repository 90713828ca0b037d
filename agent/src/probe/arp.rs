//! Asking by ARP (RFC 826), as a host does that checks an address before it uses it (RFC 5227 §2.1.1): the sender's own
//! address is left empty, so that nobody's table is changed by it.
//!
//! Needs `CAP_NET_RAW`.

use super::links::Link;
use rustix::io::Errno;
use rustix::net::{AddressFamily, Protocol, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socket_with};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::net::Ipv4Addr;
use std::num::NonZeroU32;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::unix::AsyncFd;
use tokio::sync::watch;

/// The type of an Ethernet frame that holds ARP.
const ETHERTYPE: u16 = 0x0806;
/// The hardware type of Ethernet, as ARP and Linux (`ARPHRD_ETHER`) number it.
const ETHERNET: u16 = 1;
/// Bytes of an Ethernet header and an ARP packet for IPv4.
const FRAME: usize = 14 + 28;

/// A socket on one link, and who was heard on it; copies are the same.
///
/// To open and to close it takes the kernel some 10 ms each, as it waits for every packet that is under way: not for a thread
/// that others wait for.
#[derive(Debug, Clone)]
pub struct Ear(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    socket: AsyncFd<OwnedFd>,
    own: [u8; 6],
    /// Addresses that are asked for, and who says that it has them.
    heard: Mutex<BTreeMap<Ipv4Addr, watch::Sender<Option<[u8; 6]>>>>,
}

impl Ear {
    /// Opens a socket on the link for packets of ARP. Takes its time.
    ///
    /// # Errors
    /// Why that cannot be done, in words.
    pub fn open(link: &Link) -> Result<Self, String> {
        if !link.up {
            return Err(format!("{} is down", link.name));
        }
        let hardware = link.hardware.filter(|hardware| hardware.hatype() == ETHERNET && hardware.halen() == 6);
        let Some((hardware, own)) = hardware.and_then(|hardware| Some((hardware, hardware.addr()?))) else {
            return Err(format!("{} is no Ethernet", link.name));
        };
        let words = |failure: Errno| match failure {
            Errno::PERM | Errno::ACCESS => "the agent may not: it needs CAP_NET_RAW".to_owned(),
            Errno::AFNOSUPPORT => "the agent may not open packet sockets (AF_PACKET)".to_owned(),
            other => format!("no packet socket on {}: {other}", link.name),
        };
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let protocol = NonZeroU32::new(u32::from(ETHERTYPE.to_be())).map(Protocol::from_raw);
        let socket = socket_with(AddressFamily::PACKET, SocketType::RAW, flags, protocol).map_err(words)?;
        // The interface's own address has its number, and no protocol of its own: the socket keeps its one.
        nix::sys::socket::bind(socket.as_raw_fd(), &hardware)
            .map_err(|failure| words(Errno::from_raw_os_error(failure as i32)))?;
        let socket = watched(socket).map_err(|failure| failure.to_string())?;
        Ok(Self(Arc::new(Inner { socket, own, heard: Mutex::default() })))
    }

    /// Asks until there is an answer, anew after every `gap`; who answers. Needs [`listen`](Self::listen) beside it.
    ///
    /// # Errors
    /// Why it cannot be asked, in words.
    pub async fn ask(&self, target: Ipv4Addr, gap: Duration) -> Result<[u8; 6], String> {
        let mut heard = self.lock().entry(target).or_default().subscribe();
        let question = question(self.0.own, target);
        loop {
            send(&self.0.socket, &question, SendFlags::empty()).map_err(|failure| failure.to_string())?;
            if let Ok(answer) = tokio::time::timeout(gap, heard.wait_for(Option::is_some)).await {
                let answer = answer.map(|who| *who).ok().flatten();
                return answer.ok_or_else(|| "nobody listens to the answers".to_owned());
            }
        }
    }

    /// Takes note of who says what it has, for ever.
    ///
    /// # Errors
    /// Why nothing can be heard.
    pub async fn listen(self) -> io::Result<Infallible> {
        let mut frame = [0; 128];
        loop {
            let mut ready = self.0.socket.readable().await?;
            let received = ready.try_io(|socket| Ok(recv(socket.get_ref(), &mut frame[..], RecvFlags::empty())?.1));
            if let Ok(length) = received
                && let Some((address, hardware)) = sender(&frame[..length?.min(frame.len())])
                && hardware != self.0.own
                && let Some(asked) = self.lock().get(&address)
            {
                asked.send_replace(Some(hardware));
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Ipv4Addr, watch::Sender<Option<[u8; 6]>>>> {
        self.0.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[expect(deprecated, reason = "it is unsound for types that give another descriptor each time; an OwnedFd does not")]
fn watched(socket: OwnedFd) -> std::io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::new(socket)
}

/// Who has `target`, asked by `own` of everybody.
fn question(own: [u8; 6], target: Ipv4Addr) -> [u8; FRAME] {
    let mut frame = [0; FRAME];
    frame[..6].fill(0xff);
    frame[6..12].copy_from_slice(&own);
    frame[12..14].copy_from_slice(&ETHERTYPE.to_be_bytes());
    // Ethernet, IPv4, lengths 6 and 4, request.
    frame[14..22].copy_from_slice(&[0, 1, 8, 0, 6, 4, 0, 1]);
    frame[22..28].copy_from_slice(&own);
    frame[38..42].copy_from_slice(&target.octets());
    frame
}

/// Who says with this frame that it has which address: a reply does, and so does a request that names it as the sender's.
fn sender(frame: &[u8]) -> Option<(Ipv4Addr, [u8; 6])> {
    let packet = frame.get(14..FRAME)?;
    let is_arp = frame[12..14] == ETHERTYPE.to_be_bytes() && packet[..6] == [0, 1, 8, 0, 6, 4];
    let operation = u16::from_be_bytes([packet[6], packet[7]]);
    let address = Ipv4Addr::from(<[u8; 4]>::try_from(&packet[14..18]).expect("four bytes"));
    let says = is_arp && (1..=2).contains(&operation) && !address.is_unspecified();
    says.then(|| (address, packet[8..14].try_into().expect("six bytes")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: [u8; 6] = [2, 0, 0, 0, 0, 1];
    const OTHER: [u8; 6] = [2, 0, 0, 0, 0, 9];
    const TARGET: Ipv4Addr = Ipv4Addr::new(10, 1, 2, 3);

    /// A reply of OTHER, for TARGET, as RFC 826 has it.
    fn reply() -> Vec<u8> {
        let mut frame = [OWN.as_slice(), &OTHER, &[8, 6, 0, 1, 8, 0, 6, 4, 0, 2]].concat();
        frame.extend([OTHER.as_slice(), &[10, 1, 2, 3], &OWN, &[0, 0, 0, 0]].concat());
        frame
    }

    #[test]
    fn a_question_is_a_probe_of_rfc_5227() {
        let expected =
            [&[0xff; 6][..], &OWN, &[8, 6, 0, 1, 8, 0, 6, 4, 0, 1], &OWN, &[0, 0, 0, 0], &[0; 6], &[10, 1, 2, 3]]
                .concat();
        assert_eq!(question(OWN, TARGET).to_vec(), expected);
        assert_eq!(sender(&question(OWN, TARGET)), None, "who only asks does not have it");
    }

    #[test]
    fn who_has_it_is_who_says_so() {
        assert_eq!(sender(&reply()), Some((TARGET, OTHER)));
        // Padded to the least that Ethernet sends.
        assert_eq!(sender(&[reply(), vec![0; 18]].concat()), Some((TARGET, OTHER)));
        let mut announced = reply();
        announced[21] = 1;
        assert_eq!(sender(&announced), Some((TARGET, OTHER)), "a request that names it as its own");
        for (at, byte) in [(12, 9), (15, 6), (16, 0x86), (18, 8), (19, 16), (21, 3), (21, 0)] {
            let mut other = reply();
            other[at] = byte;
            assert_eq!(sender(&other), None, "byte {at} is {byte}");
        }
        for length in 0..FRAME {
            assert_eq!(sender(&reply()[..length]), None, "{length} bytes");
        }
    }
}
