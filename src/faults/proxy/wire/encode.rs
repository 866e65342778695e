//! The messages that the proxy writes itself: requests of its own, and replies in the server's place.

use super::text;

/// Object id of the type `text`.
const TEXT: u32 = 25;

fn message(tag: u8, body: &[&[u8]]) -> Vec<u8> {
    let length = 4 + body.iter().map(|part| part.len()).sum::<usize>();
    let mut bytes = Vec::with_capacity(length + 1);
    bytes.push(tag);
    bytes.extend((length as u32).to_be_bytes());
    for part in body {
        bytes.extend_from_slice(part);
    }
    bytes
}

/// `ReadyForQuery`.
pub(in crate::faults::proxy) fn ready_for_query(status: u8) -> Vec<u8> {
    message(b'Z', &[&[status]])
}

/// `CommandComplete`.
pub(in crate::faults::proxy) fn command_complete(tag: &str) -> Vec<u8> {
    message(b'C', &[tag.as_bytes(), b"\0"])
}

/// `RowDescription` of one column of type text, in text format.
pub(in crate::faults::proxy) fn text_row_header(column: &str) -> Vec<u8> {
    let fixed = [&[0; 6][..], &TEXT.to_be_bytes(), &[0xff, 0xff], &[0xff; 4], &[0, 0]].concat();
    message(b'T', &[&[0, 1], column.as_bytes(), b"\0", &fixed])
}

/// `DataRow` of one text, which is the same in both formats.
pub(in crate::faults::proxy) fn single_text_row(value: &str) -> Vec<u8> {
    message(b'D', &[&[0, 1], &(value.len() as u32).to_be_bytes(), value.as_bytes()])
}

/// `Bind`, from the body of another, to another portal.
pub(in crate::faults::proxy) fn bind_to_portal(body: &[u8], portal: &str) -> Option<Vec<u8>> {
    let (_, rest) = text(body)?;
    Some(message(b'B', &[portal.as_bytes(), b"\0", rest]))
}

/// Requests of the frontend.
pub(in crate::faults::proxy) mod request {
    use super::message;

    pub(in crate::faults::proxy) fn query(text: &[u8]) -> Vec<u8> {
        message(b'Q', &[text, b"\0"])
    }

    pub(in crate::faults::proxy) fn parse(name: &str, query: &str) -> Vec<u8> {
        message(b'P', &[name.as_bytes(), b"\0", query.as_bytes(), b"\0", &[0, 0]])
    }

    pub(in crate::faults::proxy) fn bind(portal: &str, statement: &str) -> Vec<u8> {
        message(b'B', &[portal.as_bytes(), b"\0", statement.as_bytes(), b"\0", &[0; 6]])
    }

    pub(in crate::faults::proxy) fn execute(portal: &str) -> Vec<u8> {
        message(b'E', &[portal.as_bytes(), b"\0", &[0; 4]])
    }

    pub(in crate::faults::proxy) fn close_statement(name: &str) -> Vec<u8> {
        message(b'C', &[b"S", name.as_bytes(), b"\0"])
    }

    pub(in crate::faults::proxy) fn close_portal(name: &str) -> Vec<u8> {
        message(b'C', &[b"P", name.as_bytes(), b"\0"])
    }

    pub(in crate::faults::proxy) fn sync() -> Vec<u8> {
        message(b'S', &[])
    }
}
