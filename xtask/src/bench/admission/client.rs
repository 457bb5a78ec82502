//! One connection to the webhook: TLS, HTTP/1.1, one request after the other.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use super::super::answer::body_of;

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
