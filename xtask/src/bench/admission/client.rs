//! One connection to the webhook: TLS, HTTP/1.1, one request after the other.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

/// No answer takes that long; a webhook that hangs ends the bench.
const PATIENCE: Duration = Duration::from_secs(15);

/// Where the webhook is and whom to trust.
#[derive(Debug, Clone)]
pub(super) struct Peer {
    pub(super) address: SocketAddr,
    pub(super) tls: Arc<ClientConfig>,
    pub(super) host: &'static str,
}

/// An open connection.
#[derive(Debug)]
pub(super) struct Connection {
    stream: StreamOwned<ClientConnection, TcpStream>,
    answer: Vec<u8>,
}

impl Connection {
    /// Connects and shakes hands.
    pub(super) fn open(peer: &Peer) -> Result<Self> {
        let tcp = TcpStream::connect(peer.address)
            .with_context(|| format!("cannot connect to {}", peer.address))?;
        tcp.set_nodelay(true)?;
        tcp.set_read_timeout(Some(PATIENCE))?;
        tcp.set_write_timeout(Some(PATIENCE))?;
        let name = ServerName::try_from(peer.host)?;
        let tls = ClientConnection::new(Arc::clone(&peer.tls), name)?;
        let mut stream = StreamOwned::new(tls, tcp);
        while stream.conn.is_handshaking() {
            stream
                .conn
                .complete_io(&mut stream.sock)
                .context("no TLS handshake")?;
        }
        Ok(Self {
            stream,
            answer: Vec::with_capacity(1 << 16),
        })
    }

    /// Sends one review and waits for its answer.
    ///
    /// # Errors
    /// When the review is not allowed: what fails is not measured.
    pub(super) fn exchange(&mut self, request: &[u8]) -> Result<()> {
        self.stream.write_all(request)?;
        self.stream.flush()?;
        self.answer.clear();
        loop {
            if let Some(body) = body_of(&self.answer)? {
                const ALLOWED: &[u8] = br#""allowed":true"#;
                let head = &body[..body.len().min(1024)];
                if head.windows(ALLOWED.len()).any(|part| part == ALLOWED) {
                    return Ok(());
                }
                bail!("refused: {}", String::from_utf8_lossy(body));
            }
            let filled = self.answer.len();
            self.answer.resize(filled + 16_384, 0);
            let count = self.stream.read(&mut self.answer[filled..])?;
            self.answer.truncate(filled + count);
            if count == 0 {
                bail!("the webhook closed the connection");
            }
        }
    }
}

/// The body of an answer of known length, once all of it is there.
fn body_of(answer: &[u8]) -> Result<Option<&[u8]>> {
    let Some(head) = answer.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(None);
    };
    let text = std::str::from_utf8(&answer[..head])?;
    if !text.starts_with("HTTP/1.1 200 ") {
        bail!("answered {}", String::from_utf8_lossy(answer));
    }
    let length = text
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .context("an answer without a length")?
        .1
        .trim()
        .parse::<usize>()?;
    let body = &answer[head + 4..];
    Ok((body.len() >= length).then_some(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_is_there_with_its_last_byte() {
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
        for end in 0..answer.len() {
            assert_eq!(body_of(&answer[..end]).unwrap(), None, "{end}");
        }
        assert_eq!(body_of(answer).unwrap(), Some(b"ok".as_slice()));
        assert!(body_of(b"HTTP/1.1 504 No\r\ncontent-length: 0\r\n\r\n").is_err());
    }
}
