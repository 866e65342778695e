//! Both directions of one connection together, without I/O: what arrives goes in, what is to be written comes out.

use std::time::Instant;

use super::lane::{Fate, Front, HOLD_LIMIT, Lane};
use super::session::{Opened, Session, Shared, Stage};
use super::wire::Piece;

/// One connection as the proxy sees it.
#[derive(Debug)]
pub(super) struct Conversation {
    /// From the client to the server.
    pub(super) up: Lane,
    /// From the server to the client.
    pub(super) down: Lane,
    pub(super) session: Session,
}

impl Conversation {
    pub(super) fn new(shared: Shared) -> Self {
        Self { up: Lane::new(), down: Lane::new(), session: Session::new(shared) }
    }

    /// Decides about what the client has sent.
    pub(super) fn look_at_requests(&mut self) {
        let Self { up, down, session } = self;
        // A client that is about to be cut off says nothing more.
        while session.ending().is_none() {
            let bytes = up.input.undecided();
            if bytes.is_empty() {
                break;
            }
            let length = match session.stage {
                Stage::Opening => match session.open(bytes, &mut up.out, &mut down.out) {
                    Opened::Took(length) => length,
                    Opened::Wait(wanted) => {
                        up.input.wanted = wanted;
                        break;
                    }
                },
                // The client waits for the answer; what it sends before that is none of our business.
                Stage::EncryptionAnswer | Stage::Opaque => {
                    let length = bytes.len();
                    up.out.take(length, if up.framer.at_boundary() { Fate::Pass } else { up.fate });
                    length
                }
                Stage::Messages => {
                    let piece = up.framer.next(bytes, Session::holds_request, HOLD_LIMIT);
                    match piece {
                        Piece::Whole(message) => drop(session.request(message, true, &mut up.out)),
                        Piece::Front(message) => up.fate = session.request(message, false, &mut up.out),
                        Piece::Body(length) => up.out.take(length, up.fate),
                        Piece::More(wanted) => {
                            up.input.wanted = wanted;
                            break;
                        }
                        Piece::Garbage => {
                            session.let_go();
                            continue;
                        }
                    }
                    piece.len()
                }
            };
            up.input.decide(length);
        }
        self.settle();
    }

    /// Decides about what the server has sent.
    pub(super) fn look_at_replies(&mut self) {
        let Self { down, session, .. } = self;
        loop {
            let bytes = down.input.undecided();
            let Some(first) = bytes.first() else { break };
            let length = match session.stage {
                Stage::EncryptionAnswer => {
                    session.encryption_answer(*first, &mut down.out);
                    1
                }
                Stage::Opaque if down.framer.at_boundary() => {
                    down.out.pass(bytes.len());
                    bytes.len()
                }
                Stage::Opening | Stage::Messages | Stage::Opaque => {
                    let piece = down.framer.next(bytes, |tag| session.holds_reply(tag), HOLD_LIMIT);
                    match piece {
                        Piece::Whole(message) => drop(session.reply(message, true, &mut down.out)),
                        Piece::Front(message) => down.fate = session.reply(message, false, &mut down.out),
                        Piece::Body(length) => down.out.take(length, down.fate),
                        Piece::More(wanted) => {
                            down.input.wanted = wanted;
                            break;
                        }
                        Piece::Garbage => {
                            session.let_go();
                            continue;
                        }
                    }
                    let length = piece.len();
                    down.input.decide(length);
                    if down.framer.at_boundary() {
                        session.settle(&mut down.out);
                    }
                    continue;
                }
            };
            down.input.decide(length);
        }
        // An answered encryption request may have let the client's next packet in.
        if !self.up.input.undecided().is_empty() && self.session.stage != Stage::Opaque {
            self.look_at_requests();
        }
    }

    fn settle(&mut self) {
        if self.down.framer.at_boundary() {
            self.session.settle(&mut self.down.out);
        }
    }

    /// Rules have changed.
    pub(super) fn rules_changed(&mut self) {
        if self.up.framer.at_boundary() && self.session.stage == Stage::Messages {
            self.session.rules_changed(&mut self.up.out);
        }
    }
}

/// A conversation without sockets, for tests, fuzzing and whoever wants to see what a rule makes of a byte stream.
#[derive(Debug)]
pub struct DryRun(Conversation);

impl DryRun {
    /// A connection on which these rules are in force.
    pub fn new(rules: std::sync::Arc<super::Rules>, setting: &str, encryption: super::Encryption) -> Self {
        let shared = Shared { rules, setting: setting.into(), encryption, judge: None };
        Self(Conversation::new(shared))
    }

    /// The client sends; returns what the server and the client get.
    pub fn client_sends(&mut self, mut bytes: &[u8]) -> (Vec<u8>, Vec<u8>) {
        let (mut server, mut client) = (Vec::new(), Vec::new());
        while !bytes.is_empty() {
            bytes = fill(&mut self.0.up, bytes);
            self.0.look_at_requests();
            self.collect(&mut server, &mut client);
        }
        (server, client)
    }

    /// The server sends; returns what the server and the client get.
    pub fn server_sends(&mut self, mut bytes: &[u8]) -> (Vec<u8>, Vec<u8>) {
        let (mut server, mut client) = (Vec::new(), Vec::new());
        while !bytes.is_empty() {
            bytes = fill(&mut self.0.down, bytes);
            self.0.look_at_replies();
            self.collect(&mut server, &mut client);
        }
        (server, client)
    }

    /// Both hang up; returns what was still held back.
    pub fn hang_up(&mut self) -> (Vec<u8>, Vec<u8>) {
        let (mut server, mut client) = (Vec::new(), Vec::new());
        self.0.up.finish();
        self.0.down.finish();
        self.collect(&mut server, &mut client);
        (server, client)
    }

    /// Whether the connection is to be cut.
    pub fn is_cut(&self) -> bool {
        self.0.session.ending().is_some()
    }

    /// Bytes that its buffers take.
    pub fn memory(&self) -> usize {
        self.0.up.capacity() + self.0.down.capacity()
    }

    fn collect(&mut self, server: &mut Vec<u8>, client: &mut Vec<u8>) {
        let later = Instant::now() + std::time::Duration::from_secs(86_400);
        for (lane, sink) in [(&mut self.0.up, server), (&mut self.0.down, client)] {
            while let Front::Bytes(bytes) = lane.front(later) {
                sink.extend_from_slice(bytes);
                let length = bytes.len();
                lane.sent(length);
            }
        }
    }
}

/// Puts as much into a lane as it has room for; returns the rest.
fn fill<'a>(lane: &mut Lane, bytes: &'a [u8]) -> &'a [u8] {
    let Some(room) = lane.room() else { return &[] };
    let length = room.len().min(bytes.len());
    room[..length].copy_from_slice(&bytes[..length]);
    lane.filled(length);
    &bytes[length..]
}
