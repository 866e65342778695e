//! The backend's messages that the proxy reads, as views into their bytes.

use super::{int16, int32, text, value};

/// The columns of a `RowDescription`.
#[derive(Debug, Clone, Copy)]
pub struct Columns<'a> {
    rest: &'a [u8],
    left: u16,
}

/// A column: its name, the type of its values, whether they come in binary format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// Object id of its type.
    pub type_oid: u32,
    /// Whether values come in binary format.
    pub binary: bool,
}

impl<'a> Columns<'a> {
    /// Reads a body.
    pub fn of(body: &'a [u8]) -> Option<Self> {
        let (left, rest) = int16(body)?;
        Some(Self { rest, left: left as u16 })
    }
}

impl<'a> Iterator for Columns<'a> {
    type Item = Column<'a>;

    fn next(&mut self) -> Option<Column<'a>> {
        self.left = self.left.checked_sub(1)?;
        let (name, rest) = text(self.rest)?;
        // Table, attribute number, type, size, modifier, format.
        let (fixed, rest) = rest.split_first_chunk::<18>()?;
        self.rest = rest;
        let type_oid = u32::from_be_bytes([fixed[6], fixed[7], fixed[8], fixed[9]]);
        Some(Column { name, type_oid, binary: fixed[16..] == [0, 1] })
    }
}

/// The values of a `DataRow`, in order.
pub fn data_row(body: &[u8]) -> impl Iterator<Item = Option<&[u8]>> {
    let (count, mut rest) = int16(body).unwrap_or((0, &[]));
    (0..count as u16).map_while(move |_| {
        let (value, next) = value(rest)?;
        rest = next;
        Some(value)
    })
}

/// The tag of a `CommandComplete`.
pub fn command_tag(body: &[u8]) -> &[u8] {
    text(body).map_or(body, |(tag, _)| tag)
}

/// The transaction status of a `ReadyForQuery`.
pub fn ready_status(body: &[u8]) -> Option<u8> {
    body.first().copied()
}

/// Process and secret of a `BackendKeyData`.
pub(in crate::faults::proxy) fn backend_key(body: &[u8]) -> Option<(i32, &[u8])> {
    int32(body)
}

/// The SQLSTATE of an `ErrorResponse`.
pub fn sqlstate_of(mut body: &[u8]) -> Option<&[u8]> {
    loop {
        let (field, rest) = body.split_first().filter(|(field, _)| **field != 0)?;
        let (said, rest) = text(rest)?;
        if *field == b'C' {
            return Some(said);
        }
        body = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Columns and values are read up to where the bytes end, and not beyond.
    #[test]
    fn rows_are_read() {
        let mut description = vec![0, 2];
        for (name, oid, format) in [("id", 20u32, 0u8), ("tenant_id", 2950, 1)] {
            description.extend(name.as_bytes());
            description.push(0);
            description.extend([0; 6]);
            description.extend(oid.to_be_bytes());
            description.extend([0, 0, 0, 0, 0, 0, 0, format]);
        }
        let columns: Vec<_> = Columns::of(&description).unwrap().collect();
        assert_eq!(columns[1], Column { name: b"tenant_id", type_oid: 2950, binary: true });
        assert_eq!(columns[0], Column { name: b"id", type_oid: 20, binary: false });
        let short = &description[..description.len() - 1];
        assert_eq!(Columns::of(short).unwrap().count(), 1);

        let row = b"\0\x03\0\0\0\x01a\xff\xff\xff\xff\0\0\0\x02bc";
        assert_eq!(data_row(row).collect::<Vec<_>>(), [Some(&b"a"[..]), None, Some(b"bc")]);
        assert_eq!(data_row(&row[..row.len() - 1]).count(), 2);
    }

    /// The code of an error is found among its other fields.
    #[test]
    fn an_error_gives_its_code() {
        assert_eq!(sqlstate_of(b"SERROR\0VERROR\0C23505\0Mduplicate\0\0"), Some(&b"23505"[..]));
        assert_eq!(sqlstate_of(b"SERROR\0\0"), None);
    }
}
