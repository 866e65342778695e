//! Framing: a type byte, a length that counts itself, a body.

/// Bytes in front of a body: the type and the length.
pub const HEADER: usize = 5;
/// The largest length that the server accepts or sends; a larger one is no message.
const LONGEST: u32 = 0x3fff_ffff;

/// A message, or as much of it as is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message<'a> {
    /// Its type.
    pub tag: u8,
    /// Its body.
    pub body: &'a [u8],
}

/// What stands at the front of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'a> {
    /// A whole message.
    Whole(Message<'a>),
    /// The front of a message that is not held back until it is whole; its rest comes as [`Piece::Body`].
    Front(Message<'a>),
    /// This many more bytes of the message in front of them.
    Body(usize),
    /// Nothing yet: the message is to be looked at when this many bytes of it are there.
    More(usize),
    /// No message can begin like this.
    Garbage,
}

impl Piece<'_> {
    /// The bytes that it takes.
    pub fn len(&self) -> usize {
        match self {
            Piece::Whole(message) | Piece::Front(message) => HEADER + message.body.len(),
            Piece::Body(length) => *length,
            Piece::More(_) | Piece::Garbage => 0,
        }
    }

    /// Whether it takes none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Finds messages in one direction of a stream, whatever the chunks in which it arrives.
#[derive(Debug, Clone, Default)]
pub struct Framer {
    /// Bytes still to come of a message that streams through.
    rest: usize,
}

impl Framer {
    /// The piece at the front of `bytes`, which the caller then consumes. A message of a type that `held` names waits
    /// until it is whole, or until `limit` bytes of it are there; any other streams through.
    ///
    /// ```
    /// use tenant_chaos::faults::proxy::wire::{Framer, Message, Piece};
    /// let mut framer = Framer::default();
    /// let sync = b"S\0\0\0\x04";
    /// assert_eq!(framer.next(&sync[..3], |_| true, 1024), Piece::More(5));
    /// assert_eq!(framer.next(sync, |_| true, 1024), Piece::Whole(Message { tag: b'S', body: b"" }));
    /// ```
    pub fn next<'a>(&mut self, bytes: &'a [u8], held: impl FnOnce(u8) -> bool, limit: usize) -> Piece<'a> {
        if self.rest > 0 {
            let length = self.rest.min(bytes.len());
            self.rest -= length;
            return if length == 0 { Piece::More(1) } else { Piece::Body(length) };
        }
        let Some((header, _)) = bytes.split_first_chunk::<HEADER>() else { return Piece::More(HEADER) };
        let [tag, length @ ..] = *header;
        let length = u32::from_be_bytes(length);
        if !(4..=LONGEST).contains(&length) {
            return Piece::Garbage;
        }
        let total = length as usize + 1;
        if let Some(whole) = bytes.get(HEADER..total) {
            return Piece::Whole(Message { tag, body: whole });
        }
        let wanted = total.min(limit);
        if held(tag) && bytes.len() < wanted {
            return Piece::More(wanted);
        }
        self.rest = total - bytes.len();
        Piece::Front(Message { tag, body: &bytes[HEADER..] })
    }

    /// Whether the stream stands between two messages.
    pub fn at_boundary(&self) -> bool {
        self.rest == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(tag: u8, body: &[u8]) -> Vec<u8> {
        let mut bytes = vec![tag];
        bytes.extend((body.len() as u32 + 4).to_be_bytes());
        bytes.extend(body);
        bytes
    }

    /// A long message that nobody needs streams through in the pieces in which it came, and one that is held but too
    /// long is shown up to the limit and streams from there on.
    #[test]
    fn long_messages_stream() {
        let long = message(b'd', &[7; 100]);
        let mut framer = Framer::default();
        assert_eq!(framer.next(&long[..20], |_| false, 50), Piece::Front(Message { tag: b'd', body: &[7; 15] }));
        assert_eq!(framer.next(&long[20..60], |_| false, 50), Piece::Body(40));
        assert!(!framer.at_boundary());
        let with_next = [&long[60..], &message(b'S', b"")].concat();
        assert_eq!(framer.next(&with_next, |_| false, 50), Piece::Body(45));
        assert_eq!(framer.next(&with_next[45..], |_| false, 50), Piece::Whole(Message { tag: b'S', body: b"" }));

        assert_eq!(framer.next(&long[..20], |_| true, 50), Piece::More(50));
        assert_eq!(framer.next(&long[..60], |_| true, 50), Piece::Front(Message { tag: b'd', body: &[7; 55] }));
        assert_eq!(framer.next(&long[60..], |_| true, 50), Piece::Body(45));
    }

    /// A length that does not count itself, or that no server sends, is no message.
    #[test]
    fn impossible_lengths_are_garbage() {
        for length in [0u32, 3, LONGEST + 1, u32::MAX] {
            let bytes = [b"Q", &length.to_be_bytes()[..]].concat();
            assert_eq!(Framer::default().next(&bytes, |_| true, 50), Piece::Garbage, "{length}");
        }
    }
}
