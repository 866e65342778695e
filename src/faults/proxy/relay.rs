//! One connection: reads what arrives, has it decided upon, writes what is to be written. One task for both ways.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::time::Sleep;

use super::conversation::Conversation;
use super::lane::{Front, Lane};
use super::rule::Cut;
use super::rules::Active;
use super::session::Shared;
use super::shape::{Leave, Shape, Way};
use super::socket::{Socket, Upstream};

/// The server must accept a connection within this.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// After the server has ended a connection the client has this long to end it, too.
const GOODBYE_LIMIT: Duration = Duration::from_secs(2);
/// Bytes that are thrown away at a time.
const WASTE: usize = 4096;

/// Serves one connection until it ends.
pub(super) async fn serve(client: Socket, upstream: &Upstream, shared: Shared) {
    let mut version = shared.rules.subscribe();
    let mut shape = Shape::default();
    shape.refresh(&shared.rules);
    if shape.refuses(Instant::now()) {
        return client.reset();
    }
    let server = match tokio::time::timeout(CONNECT_LIMIT, upstream.connect()).await {
        Ok(Ok(server)) => server,
        Ok(Err(error)) => {
            tracing::warn!(%upstream, %error, "the server cannot be reached");
            return client.reset();
        }
        Err(_) => {
            tracing::warn!(%upstream, limit = ?CONNECT_LIMIT, "the server does not accept the connection");
            return client.reset();
        }
    };
    let mut relay = Relay {
        client: Side::new(client),
        server: Side::new(server),
        conversation: Conversation::new(shared),
        shape,
        timer: None,
    };
    let end = loop {
        tokio::select! {
            biased;
            end = poll_fn(|cx| relay.poll(cx)) => break end,
            changed = version.changed() => match changed {
                Ok(()) => relay.rules_changed(),
                // The proxy is gone.
                Err(_) => return,
            },
        }
    };
    match end {
        End::Cut(Cut::Reset, _) => {
            relay.client.socket.reset();
            relay.server.socket.reset();
        }
        End::Cut(Cut::Close, _) => {
            relay.client.hang_up().await;
            relay.server.hang_up().await;
        }
        End::Cut(Cut::Silence, rule) => {
            drop(relay.server);
            let mut healed = async || while rule.in_force() && version.changed().await.is_ok() {};
            tokio::select! {
                () = healed() => relay.client.socket.reset(),
                () = relay.client.waste() => {}
            }
        }
        End::Server => {
            relay.client.hang_up().await;
            // Closing at once would reset the connection, and take the server's last words from the client.
            let _ = tokio::time::timeout(GOODBYE_LIMIT, relay.client.waste()).await;
        }
        End::Both | End::Broken => {}
    }
}

/// How a connection ended.
enum End {
    /// By a rule.
    Cut(Cut, Arc<Active>),
    /// The server has ended it, and all that it said has been passed on.
    Server,
    /// Both have ended it.
    Both,
    /// A socket failed.
    Broken,
}

struct Side {
    socket: Socket,
    /// It has said its last word.
    finished: bool,
    /// It has been told that nothing more will come.
    told: bool,
}

impl Side {
    fn new(socket: Socket) -> Self {
        Self { socket, finished: false, told: false }
    }

    async fn hang_up(&mut self) {
        // A socket that is gone needs no goodbye.
        let _ = poll_fn(|cx| self.socket.poll_shutdown(cx)).await;
    }

    /// Reads until the end, for nobody.
    async fn waste(&mut self) {
        let mut bytes = [0; WASTE];
        while let Ok(1..) = poll_fn(|cx| self.socket.poll_read(cx, &mut bytes)).await {}
    }
}

struct Relay {
    client: Side,
    server: Side,
    conversation: Conversation,
    shape: Shape,
    timer: Option<Pin<Box<Sleep>>>,
}

/// What one direction did.
#[derive(PartialEq, Eq)]
enum Progress {
    Moved,
    None,
}

impl Relay {
    fn rules_changed(&mut self) {
        self.shape.refresh(self.conversation.session.rules());
        self.conversation.rules_changed();
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        loop {
            let now = Instant::now();
            let mut wake = None;
            if !self.shape.is_plain() {
                if let Some((cut, rule)) = self.shape.cut(now) {
                    rule.touch();
                    return Poll::Ready(End::Cut(cut, rule));
                }
                wake = self.shape.next_change(now);
            }
            let moved = match self.turn(cx, now, &mut wake) {
                Ok(moved) => moved,
                Err(_) => return Poll::Ready(End::Broken),
            };
            if let Some(end) = self.ended() {
                return Poll::Ready(end);
            }
            if moved == Progress::None && self.sleep(cx, wake).is_pending() {
                return Poll::Pending;
            }
        }
    }

    /// Reads and writes once each way.
    fn turn(&mut self, cx: &mut Context<'_>, now: Instant, wake: &mut Option<Instant>) -> io::Result<Progress> {
        let (shape, conversation) = (&mut self.shape, &mut self.conversation);
        let mut moved = Progress::None;
        if read(&mut self.client, &mut conversation.up, Way::ToServer, shape, cx, now, wake)? == Progress::Moved {
            conversation.look_at_requests();
            moved = Progress::Moved;
        }
        match write(&mut self.server, &mut conversation.up, Way::ToServer, shape, cx, now, wake) {
            Ok(Progress::Moved) => moved = Progress::Moved,
            Ok(Progress::None) => {}
            // It may have said why, and that is still to be read.
            Err(_) => {
                self.client.finished = true;
                self.server.told = true;
                conversation.up.clear();
            }
        }
        let before = conversation.down.waiting();
        if read(&mut self.server, &mut conversation.down, Way::FromServer, shape, cx, now, wake)? == Progress::Moved {
            if conversation.down.waiting() > before {
                shape.delay(now, &mut conversation.down.out);
            }
            conversation.look_at_replies();
            moved = Progress::Moved;
        }
        if write(&mut self.client, &mut conversation.down, Way::ToClient, shape, cx, now, wake)? == Progress::Moved {
            moved = Progress::Moved;
        }
        say_goodbye(&self.client, &mut self.server, &conversation.up, cx)?;
        Ok(moved)
    }

    fn ended(&mut self) -> Option<End> {
        let Self { client, server, conversation, .. } = self;
        if let Some((cut, rule)) = conversation.session.ending()
            && (conversation.up.out.is_empty() || server.finished)
        {
            return Some(End::Cut(*cut, rule.clone()));
        }
        if !server.finished || !conversation.down.out.is_empty() {
            return None;
        }
        Some(if client.finished { End::Both } else { End::Server })
    }

    /// Waits for a time, if there is one to wait for.
    fn sleep(&mut self, cx: &mut Context<'_>, wake: Option<Instant>) -> Poll<()> {
        let Some(wake) = wake else { return Poll::Pending };
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(wake.into())));
        timer.as_mut().reset(wake.into());
        timer.as_mut().poll(cx)
    }
}

/// Reads once, if there is room and leave.
fn read(
    from: &mut Side,
    lane: &mut Lane,
    way: Way,
    shape: &mut Shape,
    cx: &mut Context<'_>,
    now: Instant,
    wake: &mut Option<Instant>,
) -> io::Result<Progress> {
    if from.finished {
        return Ok(Progress::None);
    }
    // What the client sends is paced where it is written; only a standstill keeps it from being read.
    let most = match if shape.is_plain() { Leave::Bytes(usize::MAX) } else { shape.leave(way, now) } {
        Leave::Bytes(most) => most,
        Leave::Wait(_) if way == Way::ToServer => usize::MAX,
        Leave::Wait(time) => {
            *wake = Some(wake.map_or(time, |wake| wake.min(time)));
            return Ok(Progress::None);
        }
        Leave::Stand => return Ok(Progress::None),
    };
    let Some(room) = lane.room() else { return Ok(Progress::None) };
    let most = if way == Way::ToServer { room.len() } else { most.min(room.len()) };
    match from.socket.poll_read(cx, &mut room[..most]) {
        Poll::Pending => Ok(Progress::None),
        // A server that is gone has ended, however it went; what it said before that is passed on.
        Poll::Ready(Err(_)) if way == Way::FromServer => {
            from.finished = true;
            lane.finish();
            Ok(Progress::Moved)
        }
        Poll::Ready(Ok(0)) => {
            from.finished = true;
            lane.finish();
            Ok(Progress::Moved)
        }
        Poll::Ready(Ok(length)) => {
            lane.filled(length);
            if !shape.is_plain() && way == Way::FromServer {
                shape.moved(way, length, now);
            }
            Ok(Progress::Moved)
        }
        Poll::Ready(Err(error)) => Err(error),
    }
}

/// Writes as much as may be written.
fn write(
    to: &mut Side,
    lane: &mut Lane,
    way: Way,
    shape: &mut Shape,
    cx: &mut Context<'_>,
    now: Instant,
    wake: &mut Option<Instant>,
) -> io::Result<Progress> {
    let mut progress = Progress::None;
    loop {
        let (bytes, wait) = match lane.front(now) {
            Front::Bytes(bytes) => (bytes, None),
            Front::Wait(time) => (&[][..], Some(time)),
            Front::Empty => return Ok(progress),
        };
        let leave = match wait {
            Some(time) => Leave::Wait(time),
            None if shape.is_plain() => Leave::Bytes(usize::MAX),
            None => shape.leave(way, now),
        };
        let most = match leave {
            Leave::Bytes(most) => most.min(bytes.len()),
            Leave::Wait(time) => {
                *wake = Some(wake.map_or(time, |wake| wake.min(time)));
                return Ok(progress);
            }
            Leave::Stand => return Ok(progress),
        };
        match to.socket.poll_write(cx, &bytes[..most]) {
            Poll::Pending => return Ok(progress),
            Poll::Ready(written) => {
                let length = written?;
                lane.sent(length);
                if !shape.is_plain() {
                    shape.moved(way, length, now);
                }
                progress = Progress::Moved;
            }
        }
    }
}

/// The client has said its last word, and the server has it: it is told so.
fn say_goodbye(client: &Side, server: &mut Side, up: &Lane, cx: &mut Context<'_>) -> io::Result<()> {
    if client.finished && !server.told && up.out.is_empty() {
        // Sockets shut down at once.
        if let Poll::Ready(done) = server.socket.poll_shutdown(cx) {
            server.told = true;
            return done;
        }
    }
    Ok(())
}
