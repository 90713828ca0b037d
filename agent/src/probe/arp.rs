//! Asking by ARP (RFC 826), as a host does that checks an address before it uses it (RFC 5227 §2.1.1): the sender's own
//! address is left empty, so that nobody's table is changed by it.
//!
//! Needs `CAP_NET_RAW`.

use super::links::Link;
use rustix::io::Errno;
use rustix::net::{AddressFamily, Protocol, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socket_with};
use std::net::Ipv4Addr;
use std::num::NonZeroU32;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;
use tokio::io::unix::AsyncFd;

/// The type of an Ethernet frame that holds ARP.
const ETHERTYPE: u16 = 0x0806;
/// The hardware type of Ethernet, as ARP and Linux (`ARPHRD_ETHER`) number it.
const ETHERNET: u16 = 1;
/// Bytes of an Ethernet header and an ARP packet for IPv4.
const FRAME: usize = 14 + 28;

/// One address that is asked for, on its link.
#[derive(Debug)]
pub struct Arp {
    socket: AsyncFd<OwnedFd>,
    own: [u8; 6],
    target: Ipv4Addr,
}

impl Arp {
    /// Opens a socket on the link for packets of ARP.
    ///
    /// # Errors
    /// Why that cannot be done, in words.
    pub fn open(link: &Link, target: Ipv4Addr) -> Result<Self, String> {
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
        Ok(Self { socket: watched(socket).map_err(|failure| failure.to_string())?, own, target })
    }

    /// Asks until there is an answer, anew after every `gap`; who answers.
    ///
    /// # Errors
    /// Why it cannot be asked, in words.
    pub async fn ask(&self, gap: Duration) -> Result<[u8; 6], String> {
        let question = question(self.own, self.target);
        loop {
            send(&self.socket, &question, SendFlags::empty()).map_err(|failure| failure.to_string())?;
            if let Ok(answer) = tokio::time::timeout(gap, self.answer()).await {
                return answer;
            }
        }
    }

    async fn answer(&self) -> Result<[u8; 6], String> {
        let mut frame = [0; 128];
        loop {
            let mut ready = self.socket.readable().await.map_err(|failure| failure.to_string())?;
            let received = ready.try_io(|socket| Ok(recv(socket.get_ref(), &mut frame[..], RecvFlags::empty())?.1));
            match received {
                Ok(Ok(length)) => {
                    if let Some(hardware) = sender(&frame[..length.min(frame.len())], self.target)
                        && hardware != self.own
                    {
                        return Ok(hardware);
                    }
                }
                Ok(Err(failure)) => return Err(failure.to_string()),
                Err(_would_block) => {}
            }
        }
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

/// Who says with this frame that it has `target`: a reply does, and so does a request that names it as the sender's.
fn sender(frame: &[u8], target: Ipv4Addr) -> Option<[u8; 6]> {
    let packet = frame.get(14..FRAME)?;
    let is_arp = frame[12..14] == ETHERTYPE.to_be_bytes() && packet[..6] == [0, 1, 8, 0, 6, 4];
    let operation = u16::from_be_bytes([packet[6], packet[7]]);
    let says = is_arp && (1..=2).contains(&operation) && packet[14..18] == target.octets();
    says.then(|| packet[8..14].try_into().expect("six bytes"))
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
        assert_eq!(sender(&question(OWN, TARGET), TARGET), None, "who only asks does not have it");
    }

    #[test]
    fn who_has_it_is_who_says_so() {
        assert_eq!(sender(&reply(), TARGET), Some(OTHER));
        assert_eq!(sender(&reply(), Ipv4Addr::new(10, 1, 2, 4)), None);
        // Padded to the least that Ethernet sends.
        assert_eq!(sender(&[reply(), vec![0; 18]].concat(), TARGET), Some(OTHER));
        let mut announced = reply();
        announced[21] = 1;
        assert_eq!(sender(&announced, TARGET), Some(OTHER), "a request that names it as its own");
        for (at, byte) in [(12, 9), (15, 6), (16, 0x86), (18, 8), (19, 16), (21, 3), (21, 0)] {
            let mut other = reply();
            other[at] = byte;
            assert_eq!(sender(&other, TARGET), None, "byte {at} is {byte}");
        }
        for length in 0..FRAME {
            assert_eq!(sender(&reply()[..length], TARGET), None, "{length} bytes");
        }
    }
}
