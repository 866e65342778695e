//! What the proxy knows of one session, and what it decides about each message. No I/O: bytes in, decisions out.
//!
//! The heart is a queue of what the server owes ([`Owed`]): each request that will be answered puts one entry in, each
//! answer takes one out. Replies that the proxy gives in the server's place stand in that queue like any other, so that
//! they reach the client in order even when it pipelines; replies to requests of the proxy's own are known there and
//! kept from the client. If a stream stops making sense the session lets go: from there on everything passes as it is.

mod owed;
mod prepared;
mod replies;
mod requests;
mod verdicts;

use std::collections::VecDeque;
use std::sync::Arc;

use owed::Owed;
use prepared::{Portals, Statements};
pub(super) use requests::Opened;

use super::context::TenantContext;
use super::judge::{Judge, Judged};
use super::lane::Outflow;
use super::rule::{Cut, Kind};
use super::rules::{Active, Rules};
use super::wire::Startup;

/// Answers that the server may owe one session; with more outstanding the session lets go.
const MAX_OWED: usize = 65_536;

/// How a session treats requests for encryption.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Encryption {
    /// The client is told that there is none; most clients go on without.
    #[default]
    Refuse,
    /// The server decides. Once it agrees nothing can be seen any more, and only rules on connections apply.
    PassThrough,
}

/// What all sessions of a proxy share.
#[derive(Debug, Clone)]
pub(super) struct Shared {
    pub(super) rules: Arc<Rules>,
    /// The setting that holds the tenant context.
    pub(super) setting: Arc<str>,
    pub(super) encryption: Encryption,
    pub(super) judge: Option<Arc<Judge>>,
}

/// How far a session has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// The client has not yet said what it wants.
    Opening,
    /// The server is to answer an encryption request with one byte.
    EncryptionAnswer,
    /// Messages.
    Messages,
    /// Bytes that we do not understand or that are none of our business.
    Opaque,
}

/// One session.
#[derive(Debug)]
pub(super) struct Session {
    shared: Shared,
    pub(super) stage: Stage,
    startup: Startup,
    backend_pid: Option<i32>,
    /// Transaction status as of the last `ReadyForQuery`.
    status: u8,
    statements: Statements,
    portals: Portals,
    owed: VecDeque<Owed>,
    /// The context that the server has.
    bound: TenantContext,
    /// The context that the client asked for, whether or not it reached the server.
    asked: TenantContext,
    /// Like `asked`, once everything that is under way has been done.
    intended: TenantContext,
    /// An error has been seen since the last `ReadyForQuery`.
    failed: bool,
    /// The server skips requests up to the next `Sync`, which has not been sent yet.
    skipping: bool,
    /// The server reads `CopyData` and ignores `Sync`.
    copying_in: bool,
    /// Kind of the statement that the client sent last.
    previous: Option<Kind>,
    /// Nothing the server says reaches the client any more.
    muted: bool,
    /// To be done once the batch under way has ended.
    after_sync: Vec<Later>,
    /// To be done once the next statement has been sent.
    held: Option<Later>,
    /// The connection is to end.
    ending: Option<(Cut, Arc<Active>)>,
    /// The connection is to end at the next `ReadyForQuery`.
    ending_when_ready: Option<(Cut, Arc<Active>)>,
    judged: Option<Judged>,
}

/// Requests of the proxy's own.
#[derive(Debug)]
struct Later {
    bytes: Vec<u8>,
    owed: Vec<Owed>,
    rule: Option<Arc<Active>>,
}

impl Session {
    pub(super) fn new(shared: Shared) -> Self {
        Self {
            shared,
            stage: Stage::Opening,
            startup: Startup::default(),
            backend_pid: None,
            status: b'I',
            statements: Statements::default(),
            portals: Portals::default(),
            owed: VecDeque::new(),
            bound: TenantContext::default(),
            asked: TenantContext::default(),
            intended: TenantContext::default(),
            failed: false,
            skipping: false,
            copying_in: false,
            previous: None,
            muted: false,
            after_sync: Vec::new(),
            held: None,
            ending: None,
            ending_when_ready: None,
            judged: None,
        }
    }

    pub(super) fn rules(&self) -> &Arc<Rules> {
        &self.shared.rules
    }

    /// How the connection is to end, once everything towards the server has been written.
    pub(super) fn ending(&self) -> Option<&(Cut, Arc<Active>)> {
        self.ending.as_ref()
    }

    /// Whether a message of the client is looked at as a whole.
    pub(super) fn holds_request(tag: u8) -> bool {
        matches!(tag, b'Q' | b'P' | b'B' | b'E' | b'D' | b'C' | b'S')
    }

    /// Whether a message of the server is looked at as a whole.
    pub(super) fn holds_reply(&self, tag: u8) -> bool {
        match tag {
            b'D' => self.shared.judge.is_some(),
            b'd' | b'N' | b'A' => false,
            _ => true,
        }
    }

    /// The stream does not make sense to us: from here on everything passes as it is.
    pub(super) fn let_go(&mut self) {
        if self.stage != Stage::Opaque {
            tracing::debug!(backend = self.backend_pid, "the session is not understood any more; it passes unseen");
        }
        self.stage = Stage::Opaque;
        self.owed.clear();
        self.after_sync.clear();
        self.held = None;
    }

    fn owe(&mut self, owed: Owed) {
        if self.owed.len() >= MAX_OWED {
            self.let_go();
        } else if !self.skipping {
            self.owed.push_back(owed);
        }
    }

    /// Sends requests of the proxy's own.
    fn send(&mut self, later: Later, up: &mut Outflow) {
        up.insert(later.bytes);
        self.owed.extend(later.owed);
        if let Some(rule) = later.rule {
            self.touch(&rule);
        }
    }

    /// A rule has its effect on a statement of this session.
    fn touch(&self, rule: &Active) {
        rule.touch();
        if let Some((label, client)) = rule.label().zip(self.startup.get("application_name")) {
            self.shared.rules.touches().note(client, label);
        }
    }

    /// Sends what was to follow the statement that has just been sent.
    fn follow_up(&mut self, up: &mut Outflow) {
        for later in std::mem::take(&mut self.after_sync).into_iter().chain(self.held.take()) {
            self.send(later, up);
        }
    }

    /// Rules have changed. A statement that is still held back by one that was healed is done now.
    pub(super) fn rules_changed(&mut self, up: &mut Outflow) {
        let healed = |later: &mut Later| later.rule.as_ref().is_some_and(|rule| !rule.in_force());
        // Within a batch it waits for the batch's end.
        if self.owed.is_empty()
            && let Some(later) = self.held.take_if(healed)
        {
            self.send(later, up);
        }
    }
}
