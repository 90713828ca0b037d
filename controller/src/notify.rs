//! Tells systemd how far the controller is (`Type=notify`, sd_notify(3)); without `NOTIFY_SOCKET` there is nobody to tell.

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Sends one message, such as `READY=1`, to the socket that `NOTIFY_SOCKET` names.
///
/// # Errors
/// If there is a socket and it does not take the message.
pub fn tell(socket: Option<&OsStr>, message: &str) -> io::Result<()> {
    let Some(path) = socket.filter(|path| !path.is_empty()) else {
        return Ok(());
    };
    let address = match path.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(path)?,
    };
    UnixDatagram::unbound()?.send_to_addr(message.as_bytes(), &address).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_arrives() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("notify");
        let socket = UnixDatagram::bind(&path).expect("bound");
        tell(Some(path.as_os_str()), "READY=1").expect("told");
        let mut buffer = [0; 64];
        let length = socket.recv(&mut buffer).expect("received");
        assert_eq!(&buffer[..length], b"READY=1");
        tell(None, "READY=1").expect("nobody to tell");
    }
}
