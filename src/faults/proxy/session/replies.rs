//! The server's side: which replies the client hears, and what they say about the session.

use super::super::judge::Judged;
use super::super::lane::{Fate, Outflow};
use super::super::rule::Kind;
use super::super::wire::{HEADER, Message, backend_key, command_tag, ready_for_query, ready_status};
use super::owed::{Answer, Owed, Step};
use super::{Session, Stage};

impl Session {
    /// The server's answer to an encryption request.
    pub(in crate::faults::proxy) fn encryption_answer(&mut self, byte: u8, down: &mut Outflow) {
        down.pass(1);
        self.stage = match byte {
            b'N' => Stage::Opening,
            _ => Stage::Opaque,
        };
    }

    /// Decides about a reply, or about the front of one that is too long to be whole.
    pub(in crate::faults::proxy) fn reply(&mut self, message: Message<'_>, whole: bool, down: &mut Outflow) -> Fate {
        let length = HEADER + message.body.len();
        let hidden = self.muted || self.owed.front().is_some_and(|owed| owed.hidden);
        let fate = match message.tag {
            // These come at any time and answer nothing.
            b'N' | b'A' | b'S' if !self.muted => Fate::Pass,
            b'E' => self.error(hidden),
            b'Z' => self.ready(message.body, hidden),
            _ => {
                let fate = if hidden { Fate::Drop } else { Fate::Pass };
                self.answer(message, whole, fate)
            }
        };
        down.take(length, fate);
        fate
    }

    /// Gives the answers of the proxy's own that are due. The server's stream stands between two messages.
    pub(in crate::faults::proxy) fn settle(&mut self, down: &mut Outflow) {
        loop {
            match self.owed.front_mut() {
                Some(Owed { answer: Answer::Query(batch), hidden }) => {
                    let due = batch.inserts.first().is_some_and(|(after, _)| *after == batch.done);
                    if !due {
                        return;
                    }
                    let (hidden, (_, synthetic)) = (*hidden, batch.inserts.remove(0));
                    if !hidden && !self.muted && !self.failed {
                        down.insert(synthetic.bytes);
                        if let Some(change) = synthetic.change {
                            self.asked.apply(&change);
                        }
                    }
                }
                Some(Owed { answer: Answer::Synthetic(_) | Answer::CopyEnd, .. }) => {
                    let Some(Owed { answer: Answer::Synthetic(synthetic), .. }) = self.owed.pop_front() else {
                        continue;
                    };
                    if self.muted {
                        continue;
                    }
                    down.insert(synthetic.bytes);
                    if let Some(change) = synthetic.change {
                        self.asked.apply(&change);
                    }
                    if synthetic.ready {
                        if self.status == b'I' {
                            self.asked.commit();
                        }
                        down.insert(ready_for_query(self.status));
                    }
                }
                _ => return,
            }
        }
    }

    fn answer(&mut self, message: Message<'_>, whole: bool, fate: Fate) -> Fate {
        use Answer::{Bind, Close, Describe, Execute, Parse, Query};
        let fits = match (message.tag, self.owed.front_mut().map(|owed| &mut owed.answer)) {
            (b'1', Some(Parse(_))) | (b'2', Some(Bind)) | (b'3', Some(Close)) | (b'n', Some(Describe(_))) => {
                self.owed.pop_front();
                true
            }
            (b'T', Some(Describe(prepared))) => {
                if let (Some(judge), Some(prepared)) = (&self.shared.judge, prepared) {
                    prepared.columns.get_or_init(|| judge.column_of(message.body));
                }
                self.owed.pop_front();
                true
            }
            (b'T', Some(Query(batch))) => {
                let table = batch.steps.get(batch.done).and_then(|step| step.table.clone());
                let column = self.shared.judge.as_ref().map(|judge| judge.column_of(message.body));
                self.judged = column.map(|column| Judged { column, binary: None, table });
                true
            }
            (b'D', Some(Execute(..) | Query(_))) => {
                self.look_ahead();
                self.row(message.body, whole);
                true
            }
            (b'C', Some(Execute(..) | Query(_))) => return self.completed(command_tag(message.body), fate),
            (b'I' | b's', Some(Execute(..))) => {
                self.owed.pop_front();
                true
            }
            (b'G', Some(Execute(..) | Query(_))) => {
                self.copy_in();
                true
            }
            (b't', Some(Describe(_))) | (b'H' | b'W' | b'd' | b'c' | b'I', Some(Execute(..) | Query(_))) => true,
            (b'V', Some(Answer::Function)) => true,
            (b'K', None) => {
                self.backend_pid = backend_key(message.body).map(|(pid, _)| pid);
                true
            }
            // Authentication and what else comes before the first ReadyForQuery.
            (b'R' | b'v', None) => true,
            // Of a type that we do not know.
            (tag, _) => !matches!(
                tag,
                b'1' | b'2' | b'3' | b'n' | b'T' | b'D' | b'C' | b'I' | b's' | b'G' | b'H' | b'W' | b't' | b'V'
            ),
        };
        if !fits {
            self.let_go();
        }
        fate
    }

    /// The rows of a prepared statement are judged by what is known of its columns.
    fn look_ahead(&mut self) {
        if self.shared.judge.is_none() {
            return;
        }
        if let Some(Owed { answer: Answer::Execute(run, _), .. }) = self.owed.front()
            && self.judged.is_none()
        {
            let column = run.prepared.columns.get().cloned().flatten();
            let binary = column.as_ref().map(|column| run.formats.is_binary(column.place));
            self.judged = Some(Judged { column, binary, table: run.step.table.clone() });
        }
    }

    fn row(&mut self, body: &[u8], whole: bool) {
        let (Some(judge), Some(judged)) = (&self.shared.judge, &self.judged) else { return };
        if self.owed.front().is_some_and(|owed| owed.hidden) || self.muted {
            return;
        }
        let asked = self.asked.current().map(|value| &**value);
        let bound = self.bound.current().map(|value| &**value);
        judge.row(body, whole, judged, super::super::judge::Seen { asked, bound, backend_pid: self.backend_pid });
    }

    /// A statement has been completed.
    fn completed(&mut self, tag: &[u8], fate: Fate) -> Fate {
        self.judged = None;
        let Some(Owed { answer, hidden }) = self.owed.front_mut() else { return fate };
        let hidden = *hidden;
        let (step, cut): (Option<Step>, _) = match answer {
            Answer::Query(batch) => {
                let step = batch.steps.get(batch.done).cloned();
                let cut = batch.cut.take_if(|(place, ..)| *place == batch.done).map(|(_, cut, rule)| (cut, rule));
                batch.done += 1;
                (step, cut)
            }
            Answer::Execute(run, cut) => {
                let (step, cut) = (run.step.clone(), cut.take());
                self.owed.pop_front();
                (Some(step), cut)
            }
            _ => (None, None),
        };
        if let Some(step) = step {
            self.apply(&step, tag, hidden);
            // A COMMIT of a failed transaction says ROLLBACK: nothing was done that the client might not hear of.
            let done = step.kind != Kind::Commit || tag == b"COMMIT";
            if let Some(cut) = cut.filter(|_| done) {
                self.ending_when_ready = Some(cut);
                self.muted = true;
                return Fate::Drop;
            }
        }
        fate
    }

    fn apply(&mut self, step: &Step, tag: &[u8], hidden: bool) {
        let contexts = [Some(&mut self.bound), (!hidden).then_some(&mut self.asked)];
        for context in contexts.into_iter().flatten() {
            match (tag, step.kind) {
                (b"COMMIT", Kind::Commit) => context.commit(),
                (b"ROLLBACK", Kind::Commit | Kind::Rollback) => context.roll_back(),
                _ => {
                    if let Some(change) = &step.change {
                        context.apply(change);
                    }
                }
            }
        }
        if tag == b"DISCARD ALL" || tag == b"DEALLOCATE ALL" {
            self.statements.clear();
        }
    }

    /// The server reads `CopyData` now. It ignores every `Sync` that it reads before the end of the data.
    fn copy_in(&mut self) {
        let end = self.owed.iter().position(|owed| matches!(owed.answer, Answer::CopyEnd));
        self.copying_in = end.is_none();
        let until = end.map_or(self.owed.len(), |end| end + 1);
        let mut place = 0;
        self.owed.retain(|owed| {
            place += 1;
            place > until || !matches!(owed.answer, Answer::Sync | Answer::CopyEnd)
        });
    }

    /// An error: in the extended protocol the server skips what it has not done, up to the next `Sync`.
    fn error(&mut self, hidden: bool) -> Fate {
        self.failed = true;
        self.copying_in = false;
        self.judged = None;
        let shown = if self.muted { Fate::Drop } else { Fate::Pass };
        match self.owed.front().map(|owed| &owed.answer) {
            // The connection's own end, or a refused login.
            None => return shown,
            Some(answer) if answer.ends_with_ready() => return if hidden { Fate::Drop } else { shown },
            Some(_) => {}
        }
        loop {
            match self.owed.front() {
                None => {
                    self.skipping = true;
                    return shown;
                }
                Some(Owed { answer: Answer::Sync, hidden }) => return if *hidden { Fate::Drop } else { shown },
                Some(_) => {}
            }
            if let Some(Owed { answer: Answer::Parse(Some(name)), .. }) = self.owed.pop_front() {
                self.statements.remove(&name);
            }
        }
    }

    fn ready(&mut self, body: &[u8], hidden: bool) -> Fate {
        if let Some(status) = ready_status(body) {
            self.status = status;
        }
        // The first one answers the startup message.
        match self.owed.front().map(|owed| owed.answer.ends_with_ready()) {
            Some(true) => {
                if let Some(Owed { answer: Answer::Query(batch), .. }) = self.owed.pop_front()
                    && let Some(cut) = batch.cut_at_end
                {
                    self.ending_when_ready = Some(cut);
                }
            }
            Some(false) => self.let_go(),
            None => {}
        }
        if self.status == b'I' {
            let failed = self.failed;
            for context in [&mut self.bound, &mut self.asked] {
                if failed { context.roll_back() } else { context.commit() }
            }
            self.portals.end_transaction();
        }
        self.failed = false;
        self.copying_in = false;
        self.judged = None;
        if self.owed.is_empty() && self.intended != self.asked {
            self.intended = self.asked.clone();
        }
        if let Some((cut, rule)) = self.ending_when_ready.take() {
            self.touch(&rule);
            self.muted = true;
            self.ending = Some((cut, rule));
            return Fate::Drop;
        }
        if hidden { Fate::Drop } else { Fate::Pass }
    }
}
