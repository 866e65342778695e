//! Proves on byte streams, without sockets, that nothing changes without a rule and that rules keep the protocol.

use proptest::prelude::*;

use super::wire::{Framer, HEADER, Piece};
use super::*;

const SETTING: &str = "app.tenant_id";

fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    [&[tag], &(body.len() as u32 + 4).to_be_bytes()[..], body].concat()
}

fn startup() -> Vec<u8> {
    let body = b"\0\x03\0\0user\0app\0\0";
    [&(body.len() as u32 + 4).to_be_bytes()[..], body].concat()
}

fn query(text: &str) -> Vec<u8> {
    message(b'Q', format!("{text}\0").as_bytes())
}

fn complete(tag: &str) -> Vec<u8> {
    message(b'C', format!("{tag}\0").as_bytes())
}

fn ready(status: u8) -> Vec<u8> {
    message(b'Z', &[status])
}

/// Types of the messages in a stream.
fn tags(mut bytes: &[u8]) -> String {
    let mut tags = String::new();
    while let Piece::Whole(message) = Framer::default().next(bytes, |_| true, usize::MAX) {
        tags.push(char::from(message.tag));
        bytes = &bytes[HEADER + message.body.len()..];
    }
    assert!(bytes.is_empty(), "{bytes:?} is no message");
    tags
}

/// A session that has been started, under these rules.
fn session(rules: &std::sync::Arc<Rules>) -> DryRun {
    let mut run = DryRun::new(rules.clone(), SETTING, Encryption::Refuse);
    run.client_sends(&startup());
    run.server_sends(&[message(b'R', &[0; 4]), message(b'K', &[0; 8]), ready(b'I')].concat());
    run
}

/// Messages that look like those of a real conversation: known and unknown types, bodies of text and of anything.
fn messages(tags: &'static [u8]) -> impl Strategy<Value = Vec<u8>> {
    let texts = prop::sample::select(vec![
        &b"SELECT 1\0"[..],
        b"BEGIN; SELECT set_config('app.tenant_id', 'a', true)\0",
        b"\0SELECT set_config($1, $2, true)\0\0\0",
        b"\0\0\0\0\0\x02\0\0\0\x01a\xff\xff\xff\xff\0\0",
        b"COMMIT\0",
        b"I",
        b"S\0",
        b"",
    ])
    .prop_map(<[u8]>::to_vec);
    let body = prop_oneof![4 => texts, 2 => prop::collection::vec(any::<u8>(), 0..64), 1 => prop::collection::vec(any::<u8>(), 0..40_000)];
    let tag = prop_oneof![8 => prop::sample::select(tags.to_vec()), 1 => any::<u8>()];
    let one = (tag, body).prop_map(|(tag, body)| message(tag, &body));
    prop::collection::vec(one, 0..12).prop_map(|all| all.concat())
}

fn streams(tags: &'static [u8]) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![4 => messages(tags), 1 => prop::collection::vec(any::<u8>(), 0..600)]
}

/// Feeds both streams in chunks, in turns, and returns what came out at the other ends.
fn through(mut run: DryRun, up: &[u8], down: &[u8], cuts: &[usize]) -> (Vec<u8>, Vec<u8>, usize) {
    let (mut server, mut client, mut most) = (Vec::new(), Vec::new(), 0);
    let (mut up, mut down) = (up, down);
    let mut cuts = cuts.iter().cycle();
    let mut take = |out: (Vec<u8>, Vec<u8>)| {
        server.extend(out.0);
        client.extend(out.1);
    };
    while !up.is_empty() || !down.is_empty() {
        for (rest, upwards) in [(&mut up, true), (&mut down, false)] {
            let length = (*cuts.next().unwrap()).min(rest.len());
            let (chunk, left) = rest.split_at(length);
            take(if upwards { run.client_sends(chunk) } else { run.server_sends(chunk) });
            *rest = left;
            most = most.max(run.memory());
        }
    }
    take(run.hang_up());
    (server, client, most)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever the two sides send, in whatever chunks: without a rule every byte comes out as it went in, in order,
    /// and the buffers keep their bound.
    #[test]
    fn nothing_changes_without_a_rule(
        opening in prop_oneof![3 => Just(startup()), 1 => prop::collection::vec(any::<u8>(), 0..40)],
        up in streams(b"QPBEDCSHFdcfpX"),
        down in streams(b"RKSZTDCEN123tnIsGHWdcAvV"),
        cuts in prop::collection::vec(1usize..5_000, 1..6),
    ) {
        let up = [opening, up].concat();
        let run = DryRun::new(Rules::new(0), SETTING, Encryption::PassThrough);
        let (server, client, most) = through(run, &up, &down, &cuts);
        prop_assert!(server == up, "what the server got differs from what the client sent");
        prop_assert!(client == down, "what the client got differs from what the server sent");
        prop_assert!(most <= 2 * 512 * 1024, "{most} bytes of buffers");
    }

    /// Under every verdict, no stream makes the proxy panic.
    #[test]
    fn no_stream_panics_under_rules(
        up in streams(b"QPBEDCSHFdcfpX"),
        down in streams(b"RKSZTDCEN123tnIsGHWdcAvV"),
        cuts in prop::collection::vec(1usize..500, 1..6),
        verdict in 0..7usize,
    ) {
        let verdicts = [
            OnStatement::Swallow,
            OnStatement::Fail { sqlstate: "40001".into(), message: "it's".into() },
            OnStatement::Delay { by: std::time::Duration::from_secs(1), jitter: std::time::Duration::ZERO },
            OnStatement::Duplicate,
            OnStatement::Reorder,
            OnStatement::CutBefore(Cut::Reset),
            OnStatement::CutAfterReply(Cut::Reset),
        ];
        let rules = Rules::new(0);
        let _guard = rules.install(Rule::new(verdicts[verdict].clone()));
        through(session(&rules), &up, &down, &cuts);
    }
}

/// A message that no rule needs streams through as it comes; one that a rule would look at is held, up to a limit.
#[test]
fn long_messages_are_not_gathered() {
    let rules = Rules::new(0);
    let mut run = session(&rules);
    run.client_sends(&query("SELECT long"));
    let row = message(b'D', &vec![7; 4_000_000]);
    let mut most = 0;
    for chunk in row.chunks(10_000) {
        let (_, client) = run.server_sends(chunk);
        assert_eq!(client, chunk, "it comes out as it goes in");
        most = most.max(run.memory());
    }
    assert!(most <= 64 * 1024, "{most} bytes of buffers");
    let text = query(&format!("SELECT '{}'", "x".repeat(4_000_000)));
    let mut server = Vec::new();
    for chunk in text.chunks(10_000) {
        server.extend(run.client_sends(chunk).0);
        most = most.max(run.memory());
    }
    assert!(server == text);
    assert!(most <= 600 * 1024, "{most} bytes of buffers");
}

/// One statement of a message is swallowed: the server gets the others, and the client hears of all in their order.
#[test]
fn a_swallowed_statement_is_answered_in_its_place() {
    let rules = Rules::new(0);
    let guard =
        rules.install(Rule::new(OnStatement::Swallow).when(When { kind: Some(Kind::Context), ..When::default() }));
    let mut run = session(&rules);
    let text = "BEGIN; SELECT set_config('app.tenant_id', 'a', true); SELECT 1";
    let (server, client) = run.client_sends(&query(text));
    assert_eq!((server, client), (query("BEGIN;SELECT 1"), vec![]));
    let (_, begun) = run.server_sends(&complete("BEGIN"));
    assert_eq!(tags(&begun), "CTDC");
    let rest = [message(b'T', &[0, 0]), complete("SELECT 1"), ready(b'T')].concat();
    assert_eq!(run.server_sends(&rest).1, rest);

    let (server, client) = run.client_sends(&query("SET LOCAL app.tenant_id = 'b'"));
    assert_eq!((server, client), (vec![], [complete("SET"), ready(b'T')].concat()), "the status is the server's");
    assert_eq!(guard.heal(), Effect { touched: 2, missed: 0 });
    let again = query("SET LOCAL app.tenant_id = 'b'");
    assert_eq!(run.client_sends(&again).0, again, "it is healed");
}

/// A message with more statements than are looked at passes whole: one that was written anew would lose the others.
#[test]
fn a_message_of_too_many_statements_passes_whole() {
    let rules = Rules::new(0);
    let when = When { kind: Some(Kind::Context), ..When::default() };
    let guard = rules.install(Rule::new(OnStatement::Swallow).when(when));
    let mut run = session(&rules);
    let long = |statements| format!("SET LOCAL app.tenant_id = 'a'{}", ";SELECT 1".repeat(statements));
    let rewritten = query(&vec!["SELECT 1"; 200].join(";"));
    assert_eq!(run.client_sends(&query(&long(200))).0, rewritten);
    let whole = query(&long(300));
    assert_eq!(run.client_sends(&whole), (whole.clone(), vec![]));
    assert_eq!(guard.heal(), Effect { touched: 1, missed: 1 });
}

/// In a pipelined batch the answer to a swallowed execution waits for its turn, and an error before it takes it away.
#[test]
fn a_swallowed_execution_keeps_its_place_in_the_batch() {
    let batch = |run: &mut DryRun| {
        let parse = message(b'P', b"\0SELECT set_config('app.tenant_id', $1, true)\0\0\0");
        let bind = message(b'B', b"\0\0\0\0\0\x01\0\0\0\x01a\0\0");
        let execute = message(b'E', b"\0\0\0\0\0");
        run.client_sends(&[parse, bind, execute, message(b'S', b"")].concat())
    };
    let rules = Rules::new(0);
    let _guard = rules.install(Rule::new(OnStatement::Swallow));
    let mut run = session(&rules);
    let (server, client) = batch(&mut run);
    assert_eq!((tags(&server).as_str(), client.len()), ("PBS", 0));
    let (_, client) = run.server_sends(&[message(b'1', b""), message(b'2', b"")].concat());
    assert_eq!(tags(&client), "12DC");
    assert!(client.ends_with(&complete("SELECT 1")));
    assert_eq!(run.server_sends(&ready(b'I')).1, ready(b'I'));

    batch(&mut run);
    let failed = [message(b'E', b"SERROR\0C42601\0\0"), ready(b'I')].concat();
    assert_eq!(run.server_sends(&failed).1, failed);
}

/// A duplicated statement is done twice, and the client hears of once, errors of the second included.
#[test]
fn a_duplicate_is_not_heard_of() {
    let rules = Rules::new(0);
    let guard =
        rules.install(Rule::new(OnStatement::Duplicate).when(When { kind: Some(Kind::Insert), ..When::default() }));
    let mut run = session(&rules);
    let insert = query("INSERT INTO a VALUES (1)");
    assert_eq!(run.client_sends(&insert).0, [insert.clone(), insert].concat());
    let first = [complete("INSERT 0 1"), ready(b'I')].concat();
    assert_eq!(run.server_sends(&first).1, first);
    let second = [message(b'E', b"SERROR\0C23505\0\0"), ready(b'I')].concat();
    assert_eq!(run.server_sends(&second).1, b"");

    run.client_sends(&message(b'P', b"s\0INSERT INTO a VALUES ($1)\0\0\0"));
    run.server_sends(&message(b'1', b""));
    let bind = message(b'B', b"\0s\0\0\0\0\x01\0\0\0\x01a\0\0");
    let batch = [bind, message(b'E', b"\0\0\0\0\0"), message(b'S', b"")].concat();
    let (server, _) = run.client_sends(&batch);
    assert_eq!(tags(&server), "BESCBECS");
    let replies = [message(b'2', b""), complete("INSERT 0 1"), ready(b'I')].concat();
    assert_eq!(run.server_sends(&replies).1, replies);
    let hidden = [message(b'3', b""), message(b'2', b""), complete("INSERT 0 1"), message(b'3', b""), ready(b'I')];
    assert_eq!(run.server_sends(&hidden.concat()).1, b"");
    assert_eq!(guard.effect().touched, 2);
}

/// A statement changes places with the next one; if the rule is healed before that comes, it is done then.
#[test]
fn a_statement_changes_places_with_the_next() {
    let rules = Rules::new(0);
    let first = || When { kind: Some(Kind::Insert), ..When::default() };
    let guard = rules.install(Rule::new(OnStatement::Reorder).when(first()));
    let mut run = session(&rules);
    let insert = query("INSERT INTO a VALUES (1)");
    let (server, client) = run.client_sends(&insert);
    assert_eq!((server, client), (vec![], [complete("INSERT 0 1"), ready(b'I')].concat()));
    let update = query("UPDATE a SET b = 1");
    assert_eq!(run.client_sends(&update).0, [update.clone(), insert].concat());
    let shown = [complete("UPDATE 0"), ready(b'I')].concat();
    assert_eq!(run.server_sends(&[shown.clone(), complete("INSERT 0 1"), ready(b'I')].concat()).1, shown);
    assert_eq!(guard.heal().touched, 1);
}

/// A statement is failed by the server itself, in both protocols, and what the proxy sent for that stays hidden.
#[test]
fn a_failure_comes_from_the_server() {
    let rules = Rules::new(0);
    let verdict = OnStatement::Fail { sqlstate: "40001".into(), message: "it's planted".into() };
    let _guard = rules.install(Rule::new(verdict).when(When { table: Some("a".into()), ..When::default() }));
    let mut run = session(&rules);
    let (server, _) = run.client_sends(&query("BEGIN; SELECT * FROM a; COMMIT"));
    let text = String::from_utf8_lossy(&server);
    assert!(
        text.contains("BEGIN;DO $raise$") && text.contains("'it''s planted'") && text.contains(";COMMIT"),
        "{text}"
    );
    run.server_sends(&[complete("BEGIN"), message(b'E', b"SERROR\0C40001\0\0"), ready(b'E')].concat());

    let parse = message(b'P', b"\0SELECT * FROM a\0\0\0");
    let batch = [parse, message(b'B', &[0; 8]), message(b'E', b"\0\0\0\0\0"), message(b'S', b"")].concat();
    let (server, _) = run.client_sends(&batch);
    assert_eq!(tags(&server), "PBCPBESCS");
    let error = message(b'E', b"SERROR\0C40001\0\0");
    let replies = ["1", "2", "3", "1", "2"].map(|tag| message(tag.as_bytes()[0], b"")).concat();
    let (_, client) = run.server_sends(&[replies, error, ready(b'E'), message(b'3', b""), ready(b'E')].concat());
    assert_eq!(tags(&client), "12EZ");
}

/// The connection is cut before a statement that stands behind others, once those are done and before the client hears
/// of them.
#[test]
fn a_cut_within_a_message_lets_the_front_be_done() {
    let rules = Rules::new(0);
    let when = When { after: Some(Kind::Begin), ..When::default() };
    let guard = rules.install(Rule::new(OnStatement::CutBefore(Cut::Reset)).when(when));
    let mut run = session(&rules);
    let (server, _) = run.client_sends(&query("BEGIN; SELECT set_config('app.tenant_id', 'a', true)"));
    assert_eq!(server, query("BEGIN"));
    assert!(!run.is_cut());
    let (_, client) = run.server_sends(&[complete("BEGIN"), ready(b'T')].concat());
    assert!(client.is_empty() && run.is_cut());
    assert_eq!(guard.effect().touched, 1);
}

/// The connection is cut when COMMIT has been done, and not when it was a rollback in truth.
#[test]
fn only_a_true_commit_is_cut_off() {
    for (tag, cut) in [("COMMIT", true), ("ROLLBACK", false)] {
        let rules = Rules::new(0);
        let when = When { kind: Some(Kind::Commit), ..When::default() };
        let _guard = rules.install(Rule::new(OnStatement::CutAfterReply(Cut::Reset)).when(when));
        let mut run = session(&rules);
        run.client_sends(&query("COMMIT"));
        let replies = [complete(tag), ready(b'I')].concat();
        let (_, client) = run.server_sends(&replies);
        assert_eq!((run.is_cut(), client), (cut, if cut { vec![] } else { replies }), "{tag}");
    }
}

/// Encryption is refused in the server's place, or left to the server, and then nothing is looked at any more.
#[test]
fn encryption_is_refused_or_passed() {
    let request = [&8u32.to_be_bytes()[..], &80_877_103u32.to_be_bytes()].concat();
    let mut refused = DryRun::new(Rules::new(0), SETTING, Encryption::Refuse);
    assert_eq!(refused.client_sends(&request), (vec![], b"N".to_vec()));
    assert_eq!(refused.client_sends(&startup()).0, startup());
    for answer in [b"N", b"S"] {
        let rules = Rules::new(0);
        let guard = rules.install(Rule::new(OnStatement::Swallow));
        let mut passed = DryRun::new(rules, SETTING, Encryption::PassThrough);
        assert_eq!(passed.client_sends(&request).0, request);
        assert_eq!(passed.server_sends(answer).1, answer);
        assert_eq!(passed.client_sends(&startup()).0, startup());
        passed.client_sends(&query("SELECT 1"));
        assert_eq!(guard.effect().touched, u64::from(answer == b"N"));
    }
}

/// A COPY whose end the client sends blindly leaves the proxy in step with the server, which ignores the Sync before
/// that end.
#[test]
fn a_copy_keeps_the_proxy_in_step() {
    let rules = Rules::new(0);
    let mut run = session(&rules);
    let copy =
        [message(b'P', b"\0COPY a FROM STDIN\0\0\0"), message(b'B', &[0; 8]), message(b'E', b"\0\0\0\0\0")].concat();
    let sync = message(b'S', b"");
    let data = [message(b'd', b"1\n"), message(b'c', b"")].concat();
    run.client_sends(&[copy, sync.clone(), data, sync].concat());
    let begun = [message(b'1', b""), message(b'2', b""), message(b'G', &[0; 3])].concat();
    run.server_sends(&begun);
    run.server_sends(&[complete("COPY 1"), ready(b'I')].concat());
    let guard = rules.install(Rule::new(OnStatement::Swallow));
    assert_eq!(run.client_sends(&query("INSERT INTO a VALUES (1)")).1, [complete("INSERT 0 1"), ready(b'I')].concat());
    assert_eq!(guard.effect().touched, 1);
}
