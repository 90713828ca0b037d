//! Whether DNS servers answer: any answer will do, for one that refuses is there.
//!
//! Each is asked for the start of authority of the root (RFC 1035 §4.1), which every server of names knows or refuses, over UDP. Whom this host has
//! no way to is not told as silent: that says nothing about clients.

use futures_util::future::join_all;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::time::timeout;

/// How often a server is asked within its time: a packet may get lost.
const TRIES: u32 = 3;
/// Largest answer that is looked at, in bytes; its header is enough.
const ANSWER_BYTES: usize = 512;
/// The bit of a header's third byte that says that it is an answer.
const IS_ANSWER: u8 = 0x80;

/// Those of `servers` that do not answer within `limit`, in their order. All are asked at once.
pub async fn silent(servers: Vec<SocketAddr>, limit: Duration) -> Vec<SocketAddr> {
    let answers = join_all(servers.iter().map(|server| answers(*server, limit / TRIES))).await;
    servers.into_iter().zip(answers).filter(|(_, answers)| !answers).map(|(server, _)| server).collect()
}

/// Whether a server answers, or cannot be asked.
async fn answers(server: SocketAddr, gap: Duration) -> bool {
    let own: IpAddr = match server {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let opened = async {
        let socket = UdpSocket::bind((own, 0)).await?;
        socket.connect(server).await.map(|()| socket)
    };
    let Ok(socket) = opened.await else { return true };
    for _ in 0..TRIES {
        let query = query();
        match socket.send(&query).await {
            Ok(_) => {}
            // What came back of the packet before.
            Err(failure) if failure.kind() == io::ErrorKind::ConnectionRefused => {}
            Err(_) => return true,
        }
        if timeout(gap, answered(&socket, &query)).await.is_ok() {
            return true;
        }
    }
    false
}

/// Waits for the answer to `query`.
async fn answered(socket: &UdpSocket, query: &[u8]) {
    let mut answer = [0; ANSWER_BYTES];
    loop {
        match socket.recv(&mut answer).await {
            Ok(length) if length >= 12 && answer[..2] == query[..2] && answer[2] & IS_ANSWER != 0 => return,
            Ok(_) => {}
            // Nobody listens there; somebody may at the next try.
            Err(_) => std::future::pending().await,
        }
    }
}

/// A query with an id of its own: one question, recursion desired, for the SOA of the root in class IN.
fn query() -> [u8; 17] {
    let mut query = [0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 6, 0, 1];
    aws_lc_rs::rand::fill(&mut query[..2]).expect("the system has randomness");
    query
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_millis(600);

    async fn listener() -> (UdpSocket, SocketAddr) {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
        let address = socket.local_addr().expect("an address");
        (socket, address)
    }

    /// Answers each query with its own header, changed so.
    async fn answer(socket: UdpSocket, skip: usize, change: fn(&mut [u8])) {
        let mut query = [0; ANSWER_BYTES];
        for n in 0.. {
            let (length, from) = socket.recv_from(&mut query).await.expect("a query");
            assert_eq!(&query[2..length], [1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 6, 0, 1]);
            if n >= skip {
                change(&mut query[..length]);
                socket.send_to(&query[..length], from).await.expect("sent");
            }
        }
    }

    #[tokio::test]
    async fn whoever_answers_anything_is_not_silent() {
        let ((refuses, one), (slow, two), (mute, three)) = (listener().await, listener().await, listener().await);
        let ((echo, four), (other, five)) = (listener().await, listener().await);
        let (gone, six) = listener().await;
        drop(gone);
        let refuse = |query: &mut [u8]| (query[2], query[3]) = (0x81, 5);
        let asked = silent(vec![one, two, three, four, five, six], LIMIT);
        let silent = tokio::select! {
            silent = asked => silent,
            () = answer(refuses, 0, refuse) => unreachable!("it answers for ever"),
            // The first packet is lost.
            () = answer(slow, 1, refuse) => unreachable!("it answers for ever"),
            // No answer, but the question back; an answer to another question.
            () = answer(echo, 0, |_| {}) => unreachable!("it answers for ever"),
            () = answer(other, 0, |query| (query[0], query[2]) = (!query[0], 0x81)) => unreachable!("it answers for ever"),
        };
        assert_eq!(silent, [three, four, five, six]);
        drop(mute);
    }
}
