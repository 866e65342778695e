//! No bytes make the proxy panic, and without a rule every byte comes out as it went in, at any chunking.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tenant_chaos::faults::proxy::{Cut, DryRun, Encryption, OnStatement, Rule, Rules};

fuzz_target!(|input: (u8, bool, Vec<(bool, Vec<u8>)>)| {
    let (verdict, started, chunks) = input;
    let rules = Rules::new(0);
    let verdicts = [
        OnStatement::Swallow,
        OnStatement::Duplicate,
        OnStatement::Reorder,
        OnStatement::CutBefore(Cut::Reset),
        OnStatement::CutAfterReply(Cut::Reset),
        OnStatement::Fail { sqlstate: "40001".into(), message: "planted".into() },
    ];
    let guard = verdicts.get(usize::from(verdict)).map(|verdict| rules.install(Rule::new(verdict.clone())));
    let mut run = DryRun::new(rules, "app.tenant_id", Encryption::PassThrough);
    let (mut sent, mut said, mut server, mut client) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut step = |run: &mut DryRun, upwards: bool, bytes: &[u8]| {
        let (up, down) = if upwards { run.client_sends(bytes) } else { run.server_sends(bytes) };
        if upwards { &mut sent } else { &mut said }.extend_from_slice(bytes);
        server.extend(up);
        client.extend(down);
    };
    if started {
        step(&mut run, true, b"\0\0\0\x12\0\x03\0\0user\0app\0\0");
        step(&mut run, false, b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I");
    }
    for (upwards, bytes) in &chunks {
        step(&mut run, *upwards, bytes);
        assert!(run.memory() <= 1024 * 1024);
    }
    if guard.is_none() {
        let (up, down) = run.hang_up();
        server.extend(up);
        client.extend(down);
        assert!(server == sent && client == said, "bytes changed without a rule");
    }
});
