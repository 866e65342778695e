//! One direction of a connection: bytes that arrived, what was decided about them, and what is put among them.
//!
//! Bytes are read into one buffer and written from it; what passes is never copied. The buffer is small, and grows up to
//! [`HOLD_LIMIT`] only while a message must be whole to be looked at or while replies are delayed.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use super::rules::Active;
use super::wire::Framer;

/// Size of a lane's buffer as long as nothing is held back.
pub(super) const READ_BUFFER: usize = 16 * 1024;
/// Size up to which it grows; a message that is longer is looked at by its front and streams through.
pub(super) const HOLD_LIMIT: usize = 256 * 1024;
/// Bytes of the proxy's own that may wait to be written before it stops reading.
const INSERT_LIMIT: usize = 1024 * 1024;

/// One direction.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) input: Input,
    pub(super) out: Outflow,
    pub(super) framer: Framer,
    /// What becomes of the rest of a message that streams through.
    pub(super) fate: Fate,
}

/// What becomes of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Pass,
    Drop,
}

/// Bytes that arrived: up to `decided` their fate is in the outflow, beyond it they wait for more.
#[derive(Debug)]
pub(super) struct Input {
    buffer: Vec<u8>,
    start: usize,
    decided: usize,
    end: usize,
    /// The message at the front can be looked at when this many bytes of it are there.
    pub(super) wanted: usize,
}

impl Input {
    pub(super) fn undecided(&self) -> &[u8] {
        &self.buffer[self.decided..self.end]
    }

    /// The fate of so many more bytes is in the outflow.
    pub(super) fn decide(&mut self, length: usize) {
        self.decided += length;
        self.wanted = 0;
    }
}

/// What is to be written, in order.
#[derive(Debug, Default)]
pub(super) struct Outflow {
    queue: VecDeque<Part>,
    inserted: usize,
}

#[derive(Debug)]
enum Part {
    /// So many bytes of the input.
    Pass(usize),
    /// So many bytes of the input are left out.
    Drop(usize),
    /// Bytes of our own, from an offset on.
    Insert(Vec<u8>, usize),
    /// Not before this time, unless the rule is healed.
    Wait(Instant, Arc<Active>),
}

impl Outflow {
    pub(super) fn pass(&mut self, length: usize) {
        match self.queue.back_mut() {
            Some(Part::Pass(more)) => *more += length,
            _ => self.queue.push_back(Part::Pass(length)),
        }
    }

    pub(super) fn drop(&mut self, length: usize) {
        self.queue.push_back(Part::Drop(length));
    }

    pub(super) fn take(&mut self, length: usize, fate: Fate) {
        match fate {
            Fate::Pass => self.pass(length),
            Fate::Drop => self.drop(length),
        }
    }

    pub(super) fn insert(&mut self, bytes: Vec<u8>) {
        self.inserted += bytes.len();
        self.queue.push_back(Part::Insert(bytes, 0));
    }

    pub(super) fn wait(&mut self, until: Instant, rule: Arc<Active>) {
        self.queue.push_back(Part::Wait(until, rule));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }
}

/// What stands at the front of a lane.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Front<'a> {
    /// These are to be written.
    Bytes(&'a [u8]),
    /// Nothing before this time.
    Wait(Instant),
    /// Nothing.
    Empty,
}

impl Lane {
    pub(super) fn new() -> Self {
        Self {
            input: Input { buffer: vec![0; READ_BUFFER], start: 0, decided: 0, end: 0, wanted: 0 },
            out: Outflow::default(),
            framer: Framer::default(),
            fate: Fate::Pass,
        }
    }

    /// Where to read into; nothing if the lane is full.
    pub(super) fn room(&mut self) -> Option<&mut [u8]> {
        if self.out.inserted > INSERT_LIMIT {
            return None;
        }
        let delays = self.out.queue.iter().any(|part| matches!(part, Part::Wait(..)));
        let input = &mut self.input;
        if input.start == input.end {
            (input.start, input.decided, input.end) = (0, 0, 0);
            if input.buffer.len() > READ_BUFFER && input.wanted <= READ_BUFFER && !delays {
                input.buffer.truncate(READ_BUFFER);
                input.buffer.shrink_to_fit();
            }
        }
        if input.end == input.buffer.len() && input.start > 0 {
            input.buffer.copy_within(input.start..input.end, 0);
            (input.decided, input.end) = (input.decided - input.start, input.end - input.start);
            input.start = 0;
        }
        if input.end == input.buffer.len() && input.end < HOLD_LIMIT && (delays || input.wanted > 0) {
            let size = (2 * input.end).max(input.wanted).min(HOLD_LIMIT);
            input.buffer.resize(size, 0);
        }
        let room = &mut input.buffer[input.end..];
        (!room.is_empty()).then_some(room)
    }

    /// So many bytes were read into the room.
    pub(super) fn filled(&mut self, length: usize) {
        self.input.end += length;
    }

    /// What is to be done next.
    pub(super) fn front(&mut self, now: Instant) -> Front<'_> {
        loop {
            match self.out.queue.front() {
                None => return Front::Empty,
                Some(Part::Drop(length)) => self.input.start += *length,
                Some(Part::Wait(until, rule)) if *until > now && rule.in_force() => return Front::Wait(*until),
                Some(Part::Wait(..)) => {}
                Some(Part::Pass(_) | Part::Insert(..)) => break,
            }
            self.out.queue.pop_front();
        }
        match self.out.queue.front() {
            Some(Part::Pass(length)) => Front::Bytes(&self.input.buffer[self.input.start..self.input.start + length]),
            Some(Part::Insert(bytes, from)) => Front::Bytes(&bytes[*from..]),
            _ => Front::Empty,
        }
    }

    /// So many bytes of the front were written.
    pub(super) fn sent(&mut self, length: usize) {
        match self.out.queue.front_mut() {
            Some(Part::Pass(left)) => {
                *left -= length;
                self.input.start += length;
                if *left == 0 {
                    self.out.queue.pop_front();
                }
            }
            Some(Part::Insert(bytes, from)) => {
                *from += length;
                self.out.inserted -= length;
                if *from == bytes.len() {
                    self.out.queue.pop_front();
                }
            }
            _ => {}
        }
    }

    /// Nothing of it can be written any more.
    pub(super) fn clear(&mut self) {
        self.out = Outflow::default();
        self.input.start = self.input.end;
        self.input.decided = self.input.end;
    }

    /// Bytes that are not decided upon.
    pub(super) fn waiting(&self) -> usize {
        self.input.end - self.input.decided
    }

    /// Bytes that the buffer takes.
    pub(super) fn capacity(&self) -> usize {
        self.input.buffer.capacity()
    }

    /// No more bytes will come: those that wait for more pass as they are.
    pub(super) fn finish(&mut self) {
        let left = self.input.end - self.input.decided;
        if left > 0 {
            self.out.take(left, self.fate);
            self.input.decide(left);
        }
    }
}
