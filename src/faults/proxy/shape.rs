//! What rules on connections do to one of them: pace, slices, limits, standstill.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::lane::Outflow;
use super::rule::{Cut, OnLink};
use super::rules::{Active, Rules};

/// Paced data moves in this many portions a second at most.
const PORTIONS_PER_S: u64 = 100;

/// Which way data moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    ToServer,
    ToClient,
    /// Read from the server, before it is passed on.
    FromServer,
}

/// How much may move now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Leave {
    /// So many bytes.
    Bytes(usize),
    /// None before this time.
    Wait(Instant),
    /// None until rules change.
    Stand,
}

/// The rules that touch one connection.
#[derive(Debug, Default)]
pub(super) struct Shape {
    /// Every rule that was asked, with its state if it touches this connection.
    asked: Vec<(Arc<Active>, Option<Paces>)>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Paces {
    to_server: Option<Instant>,
    to_client: Option<Instant>,
    from_server: Option<Instant>,
    /// Bytes that went to the client.
    carried: u64,
    counted: bool,
}

impl Paces {
    fn of(&mut self, way: Way) -> &mut Option<Instant> {
        match way {
            Way::ToServer => &mut self.to_server,
            Way::ToClient => &mut self.to_client,
            Way::FromServer => &mut self.from_server,
        }
    }
}

impl Shape {
    /// Asks the rules that were not asked yet, and forgets those that were healed.
    pub(super) fn refresh(&mut self, rules: &Rules) {
        self.asked.retain(|(rule, _)| rule.in_force());
        for rule in rules.on_links() {
            if !self.asked.iter().any(|(known, _)| Arc::ptr_eq(known, &rule)) {
                let taken = rule.takes_connection().then(Paces::default);
                self.asked.push((rule, taken));
            }
        }
    }

    /// Whether there is nothing to ask.
    pub(super) fn is_plain(&self) -> bool {
        self.asked.is_empty()
    }

    fn touching(&mut self, now: Instant) -> impl Iterator<Item = (&Arc<Active>, &OnLink, &mut Paces)> {
        self.asked.iter_mut().filter_map(move |(rule, paces)| {
            let paces = paces.as_mut().filter(|_| rule.is_time(now))?;
            Some((&*rule, rule.link()?, paces))
        })
    }

    /// The next time at which a rule begins or ends to touch.
    pub(super) fn next_change(&self, now: Instant) -> Option<Instant> {
        let times = self.asked.iter().filter(|(_, paces)| paces.is_some()).flat_map(|(rule, _)| {
            let (from, until) = rule.window();
            [Some(from), until].into_iter().flatten()
        });
        times.filter(|time| *time > now).min()
    }

    /// Whether the connection is to be cut, and by which rule.
    pub(super) fn cut(&mut self, now: Instant) -> Option<(Cut, Arc<Active>)> {
        self.touching(now).find_map(|(rule, verdict, paces)| match verdict {
            OnLink::Cut(cut) => Some((*cut, rule.clone())),
            OnLink::Refuse => None,
            OnLink::Limit { bytes } => (paces.carried >= *bytes).then(|| (Cut::Reset, rule.clone())),
            _ => None,
        })
    }

    /// Whether a new connection is refused.
    pub(super) fn refuses(&mut self, now: Instant) -> bool {
        self.touching(now).any(|(rule, verdict, _)| {
            let refused = *verdict == OnLink::Refuse;
            if refused {
                rule.touch();
            }
            refused
        })
    }

    /// How much may move.
    pub(super) fn leave(&mut self, way: Way, now: Instant) -> Leave {
        let mut most = usize::MAX;
        for (rule, verdict, paces) in self.touching(now) {
            let portion = match (verdict, way) {
                (OnLink::Blackhole, _) => {
                    if !std::mem::replace(&mut paces.counted, true) {
                        rule.touch();
                    }
                    return Leave::Stand;
                }
                (OnLink::Limit { bytes }, Way::ToClient) => {
                    most = most.min((bytes - paces.carried.min(*bytes)) as usize);
                    continue;
                }
                (OnLink::Bandwidth { bytes_per_s }, Way::ToServer | Way::ToClient)
                | (OnLink::Drain { bytes_per_s }, Way::FromServer) => (bytes_per_s / PORTIONS_PER_S).max(1) as usize,
                (OnLink::Slice { bytes, .. }, Way::ToServer | Way::ToClient) => (*bytes).max(1),
                _ => continue,
            };
            if let Some(time) = paces.of(way).filter(|time| *time > now) {
                return Leave::Wait(time);
            }
            most = most.min(portion);
        }
        if most == 0 { Leave::Stand } else { Leave::Bytes(most) }
    }

    /// So many bytes moved.
    pub(super) fn moved(&mut self, way: Way, bytes: usize, now: Instant) {
        for (rule, verdict, paces) in self.touching(now) {
            let pause = match (verdict, way) {
                (OnLink::Limit { .. }, Way::ToClient) => {
                    paces.carried += bytes as u64;
                    continue;
                }
                (OnLink::Bandwidth { bytes_per_s }, Way::ToServer | Way::ToClient)
                | (OnLink::Drain { bytes_per_s }, Way::FromServer) => {
                    Duration::from_secs_f64(bytes as f64 / (*bytes_per_s).max(1) as f64)
                }
                (OnLink::Slice { gap, .. }, Way::ToServer | Way::ToClient) => *gap,
                _ => continue,
            };
            rule.touch();
            *paces.of(way) = Some(now + pause);
        }
    }

    /// A reply has arrived and is to wait.
    pub(super) fn delay(&mut self, now: Instant, down: &mut Outflow) {
        for (rule, verdict, _) in self.touching(now) {
            if let OnLink::Latency { add, jitter } = verdict {
                rule.touch();
                down.wait(now + rule.draw(*add, *jitter), rule.clone());
            }
        }
    }
}
