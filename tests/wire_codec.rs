//! Differential test of the codec: for messages that both know, the proxy reads what the crate pgwire wrote, whatever
//! the chunks.

#![expect(clippy::unwrap_used, reason = "a test says what it wanted by panicking")]

use pgwire::messages::data::{DataRow, FieldDescription, RowDescription};
use pgwire::messages::extendedquery as extended;
use pgwire::messages::response::{CommandComplete, ErrorResponse, ReadyForQuery, TransactionStatus};
use pgwire::messages::simplequery::Query;
use pgwire::messages::startup::Startup;
use proptest::prelude::*;
use tenant_chaos::faults::proxy::wire::{
    Bind, Columns, Describe, Framer, HEADER, Message, Opening, Parse, Piece, Target, command_tag, data_row,
    ready_status, sqlstate_of,
};
use tokio_util::bytes::{BufMut, Bytes, BytesMut};

fn encoded(message: &impl pgwire::messages::Message) -> Vec<u8> {
    let mut bytes = BytesMut::new();
    message.encode(&mut bytes).unwrap();
    bytes.to_vec()
}

/// The only message in some bytes, found although they come in two parts.
fn framed(bytes: &[u8], cut: usize) -> Message<'_> {
    let mut framer = Framer::default();
    let part = framer.next(&bytes[..cut % bytes.len()], |_| true, usize::MAX);
    assert!(matches!(part, Piece::More(_)), "{part:?}");
    match framer.next(bytes, |_| true, usize::MAX) {
        Piece::Whole(message) if HEADER + message.body.len() == bytes.len() => message,
        other => panic!("{other:?}"),
    }
}

fn name() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9_é]{0,12}"
}

fn text() -> impl Strategy<Value = String> {
    "[^\0]{0,80}"
}

fn values() -> impl Strategy<Value = Vec<Option<Vec<u8>>>> {
    prop::collection::vec(prop::option::of(prop::collection::vec(any::<u8>(), 0..40)), 0..8)
}

fn filled(name: &str) -> Option<String> {
    (!name.is_empty()).then(|| name.to_owned())
}

proptest! {
    /// What clients send.
    #[test]
    fn requests_are_read_alike(
        portal in name(), statement in name(), query in text(), values in values(), binary in any::<bool>(),
        formats in prop::collection::vec(0i16..2, 0..4), cut in any::<usize>(),
    ) {
        let bytes = encoded(&Query::new(query.clone()));
        let body = [query.as_bytes(), b"\0"].concat();
        prop_assert_eq!(framed(&bytes, cut), Message { tag: b'Q', body: &body });

        let bytes = encoded(&extended::Parse::new(filled(&statement), query.clone(), vec![25, 2950]));
        let message = framed(&bytes, cut);
        prop_assert_eq!(message.tag, b'P');
        let wanted = Parse { name: statement.as_bytes(), query: query.as_bytes() };
        prop_assert_eq!(Parse::of(message.body), Some(wanted));

        let parameters: Vec<_> = values.iter().map(|value| value.clone().map(Bytes::from)).collect();
        let bind = extended::Bind::new(
            filled(&portal), filled(&statement), vec![i16::from(binary)], parameters, formats.clone(),
        );
        let bytes = encoded(&bind);
        let read = Bind::of(framed(&bytes, cut).body).unwrap();
        prop_assert_eq!((read.portal, read.statement), (portal.as_bytes(), statement.as_bytes()));
        for (place, value) in values.iter().enumerate() {
            prop_assert_eq!(read.parameter(place as u16 + 1), Some((value.as_deref(), binary)));
        }
        prop_assert_eq!(read.parameter(values.len() as u16 + 1), None);
        for column in 0..6 {
            let code = if formats.len() == 1 { formats.first() } else { formats.get(column) };
            prop_assert_eq!(read.binary_result(column), code == Some(&1), "{:?} {}", formats, column);
        }

        for (kind, wanted) in [(b'S', Target::Statement(statement.as_bytes())), (b'P', Target::Portal(statement.as_bytes()))] {
            let bytes = encoded(&extended::Describe::new(kind, filled(&statement)));
            prop_assert_eq!(Describe::of(framed(&bytes, cut).body), Some(wanted));
            let bytes = encoded(&extended::Close::new(kind, filled(&statement)));
            prop_assert_eq!(Describe::of(framed(&bytes, cut).body), Some(wanted));
        }
        let bytes = encoded(&extended::Execute::new(filled(&portal), 0));
        prop_assert_eq!(Describe::portal_of_execute(framed(&bytes, cut).body), Some(portal.as_bytes()));
    }

    /// What servers answer.
    #[test]
    fn replies_are_read_alike(
        columns in prop::collection::vec((name(), any::<u32>(), 0i16..2), 0..6), values in values(), tag in text(),
        cut in any::<usize>(),
    ) {
        let fields = columns.iter().map(|(name, oid, format)| {
            FieldDescription::new(name.clone(), 7, 3, *oid, -1, -1, *format)
        });
        let bytes = encoded(&RowDescription::new(fields.collect()));
        let read: Vec<_> = Columns::of(framed(&bytes, cut).body).unwrap().collect();
        prop_assert_eq!(read.len(), columns.len());
        for (column, (name, oid, format)) in read.iter().zip(&columns) {
            prop_assert_eq!((column.name, column.type_oid, column.binary), (name.as_bytes(), *oid, *format == 1));
        }

        let mut data = BytesMut::new();
        for value in &values {
            match value {
                Some(value) => { data.put_i32(value.len() as i32); data.put_slice(value); }
                None => data.put_i32(-1),
            }
        }
        let bytes = encoded(&DataRow::new(data, values.len() as i16));
        let read: Vec<_> = data_row(framed(&bytes, cut).body).map(|value| value.map(<[u8]>::to_vec)).collect();
        prop_assert_eq!(read, values);

        let bytes = encoded(&CommandComplete::new(tag.clone()));
        prop_assert_eq!(command_tag(framed(&bytes, cut).body), tag.as_bytes());
        for (status, byte) in [(TransactionStatus::Idle, b'I'), (TransactionStatus::Transaction, b'T'), (TransactionStatus::Error, b'E')] {
            let bytes = encoded(&ReadyForQuery::new(status));
            prop_assert_eq!(ready_status(framed(&bytes, cut).body), Some(byte));
        }
        let bytes = encoded(&ErrorResponse::new(vec![(b'S', "ERROR".into()), (b'M', tag), (b'C', "23505".into())]));
        prop_assert_eq!(sqlstate_of(framed(&bytes, cut).body), Some(&b"23505"[..]));
    }

    /// How a connection begins.
    #[test]
    fn startups_are_read_alike(parameters in prop::collection::btree_map("[a-z_.]{1,12}", text(), 0..6)) {
        let mut startup = Startup::new();
        startup.parameters = parameters.clone();
        let bytes = encoded(&startup);
        let Opening::Startup(length, read) = Opening::of(&bytes) else { panic!("{bytes:?}") };
        prop_assert_eq!(length, bytes.len());
        prop_assert_eq!(read.parameters, parameters.into_iter().collect::<Vec<_>>());
    }
}
