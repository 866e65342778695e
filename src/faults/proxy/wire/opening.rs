//! What a client says first: it has no type byte.

use super::{int32, text};

/// The longest opening packet that the server reads.
const LONGEST: usize = 10_000;
const CANCEL: i32 = 80_877_102;
const SSL: i32 = 80_877_103;
const GSSENC: i32 = 80_877_104;
/// The major version of the protocol.
const MAJOR: i32 = 3;

/// The first packet of a connection, or the next one after a refused encryption request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opening {
    /// Not all there yet; this many bytes are needed to look again.
    More(usize),
    /// `SSLRequest`, 8 bytes.
    Ssl,
    /// `GSSENCRequest`, 8 bytes.
    Gssenc,
    /// `CancelRequest`, of this many bytes: the whole connection consists of it.
    Cancel(usize),
    /// `StartupMessage`, of this many bytes.
    Startup(usize, Startup),
    /// Something else: TLS without asking first, another protocol.
    Unknown,
}

/// The parameters of a startup message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Startup {
    /// Names and values, in their order.
    pub parameters: Vec<(String, String)>,
}

impl Startup {
    /// The value of one parameter.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

impl Opening {
    /// What stands at the front of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        let Some((length, rest)) = int32(bytes) else { return Opening::More(4) };
        let Some(length) = usize::try_from(length).ok().filter(|length| (8..=LONGEST).contains(length)) else {
            return Opening::Unknown;
        };
        let Some((code, _)) = int32(rest) else { return Opening::More(8) };
        // Whether the code is one that we know can be said before the packet is whole.
        if !matches!(code, CANCEL | SSL | GSSENC) && code >> 16 != MAJOR {
            return Opening::Unknown;
        }
        let Some(packet) = bytes.get(8..length) else { return Opening::More(length) };
        match code {
            CANCEL => Opening::Cancel(length),
            SSL if packet.is_empty() => Opening::Ssl,
            GSSENC if packet.is_empty() => Opening::Gssenc,
            SSL | GSSENC => Opening::Unknown,
            _ => startup(packet).map_or(Opening::Unknown, |startup| Opening::Startup(length, startup)),
        }
    }
}

fn startup(mut packet: &[u8]) -> Option<Startup> {
    let mut parameters = Vec::new();
    loop {
        let (name, rest) = text(packet)?;
        if name.is_empty() {
            return Some(Startup { parameters });
        }
        let (value, rest) = text(rest)?;
        parameters.push((String::from_utf8_lossy(name).into_owned(), String::from_utf8_lossy(value).into_owned()));
        packet = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(code: i32, body: &[u8]) -> Vec<u8> {
        [&(body.len() as i32 + 8).to_be_bytes(), &code.to_be_bytes(), body].concat()
    }

    /// Each opening is known by its code, and a startup message gives its parameters.
    #[test]
    fn openings_are_known() {
        assert_eq!(Opening::of(&packet(SSL, b"")), Opening::Ssl);
        assert_eq!(Opening::of(&packet(GSSENC, b"")), Opening::Gssenc);
        assert_eq!(Opening::of(&packet(CANCEL, &[0; 8])), Opening::Cancel(16));
        let bytes = packet(3 << 16, b"user\0app\0database\0shop\0\0");
        let Opening::Startup(length, startup) = Opening::of(&bytes) else { panic!() };
        assert_eq!((length, startup.get("user"), startup.get("database")), (bytes.len(), Some("app"), Some("shop")));
        assert_eq!(Opening::of(&bytes[..10]), Opening::More(bytes.len()));
        assert_eq!(Opening::of(b"\0"), Opening::More(4));
    }

    /// A TLS hello without an SSLRequest, an old protocol and a text protocol are none of ours.
    #[test]
    fn other_protocols_are_unknown() {
        assert_eq!(Opening::of(&[0x16, 0x03, 0x01, 0x02, 0x00, 0x01]), Opening::Unknown);
        assert_eq!(Opening::of(&packet(2 << 16, &[0; 288])), Opening::Unknown);
        assert_eq!(Opening::of(b"GET / HTTP/1.1\r\n"), Opening::Unknown);
        assert_eq!(Opening::of(&packet(3 << 16, b"user")), Opening::Unknown);
    }
}
