//! Sockets of either kind, and where the server is.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::str::FromStr;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

/// Where the server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Upstream {
    /// Host and port.
    Tcp(String, u16),
    /// Path of a unix socket, `.s.PGSQL.5432` included.
    Unix(PathBuf),
}

impl FromStr for Upstream {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.starts_with('/') {
            return Ok(Upstream::Unix(text.into()));
        }
        let wanted = || format!("`{text}` is no address: write host:port, or the path of a unix socket");
        let (host, port) = text.rsplit_once(':').ok_or_else(wanted)?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let port = port.parse().ok().filter(|port| *port > 0).ok_or_else(wanted)?;
        if host.is_empty() { Err(wanted()) } else { Ok(Upstream::Tcp(host.to_owned(), port)) }
    }
}

impl fmt::Display for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Upstream::Tcp(host, port) => write!(f, "{host}:{port}"),
            Upstream::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}

impl Upstream {
    pub(super) async fn connect(&self) -> io::Result<Socket> {
        match self {
            Upstream::Tcp(host, port) => TcpStream::connect((host.as_str(), *port)).await.and_then(Socket::of),
            Upstream::Unix(path) => Ok(Socket::Unix(UnixStream::connect(path).await?)),
        }
    }
}

/// A connected socket.
#[derive(Debug)]
pub(super) enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Socket {
    pub(super) fn of(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Socket::Tcp(stream))
    }

    /// Reads into `room`; 0 is the end.
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>, room: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(room);
        let read = match self {
            Socket::Tcp(stream) => Pin::new(stream).poll_read(cx, &mut buffer),
            Socket::Unix(stream) => Pin::new(stream).poll_read(cx, &mut buffer),
        };
        ready!(read)?;
        Poll::Ready(Ok(buffer.filled().len()))
    }

    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Socket::Tcp(stream) => Pin::new(stream).poll_write(cx, bytes),
            Socket::Unix(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    /// Says that nothing more will be written.
    pub(super) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Socket::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Socket::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }

    /// Ends with a reset instead of an orderly end, where there is such a thing.
    pub(super) fn reset(self) {
        if let Socket::Tcp(stream) = &self {
            // A socket that is gone already needs no reset.
            let _ = stream.set_zero_linger();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Addresses of both kinds are read, and what is none is refused.
    #[test]
    fn upstreams_are_read() {
        assert_eq!("db:5432".parse(), Ok(Upstream::Tcp("db".into(), 5432)));
        assert_eq!("[::1]:5432".parse(), Ok(Upstream::Tcp("::1".into(), 5432)));
        assert_eq!("/run/.s.PGSQL.5432".parse(), Ok(Upstream::Unix("/run/.s.PGSQL.5432".into())));
        for wrong in ["db", "db:0", "db:x", ":5432", ""] {
            assert!(wrong.parse::<Upstream>().is_err(), "{wrong}");
        }
    }
}
