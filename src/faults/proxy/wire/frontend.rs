//! The frontend's messages that the proxy reads, as views into their bytes.

use super::{int16, int32, text, value};

/// `Parse`: a statement gets a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parse<'a> {
    /// Its name; the unnamed statement has none.
    pub name: &'a [u8],
    /// Its text.
    pub query: &'a [u8],
}

impl<'a> Parse<'a> {
    /// Reads a body; of one that is cut short the text may be.
    pub fn of(body: &'a [u8]) -> Option<Self> {
        let (name, rest) = text(body)?;
        let query = text(rest).map_or(rest, |(query, _)| query);
        Some(Self { name, query })
    }
}

/// `Bind`: a statement gets its parameters and becomes a portal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bind<'a> {
    /// The portal.
    pub portal: &'a [u8],
    /// The statement.
    pub statement: &'a [u8],
    formats: &'a [u8],
    values: &'a [u8],
    count: u16,
}

impl<'a> Bind<'a> {
    /// Reads a body.
    pub fn of(body: &'a [u8]) -> Option<Self> {
        let (portal, rest) = text(body)?;
        let (statement, rest) = text(rest)?;
        let (formats, rest) = codes(rest)?;
        let (count, values) = int16(rest)?;
        Some(Self { portal, statement, formats, values, count: count as u16 })
    }

    /// Whether there is a parameter, its value, and whether that is in binary format; counted from 1 as in `$1`.
    pub fn parameter(&self, number: u16) -> Option<(Option<&'a [u8]>, bool)> {
        let place = usize::from(number.checked_sub(1).filter(|_| number <= self.count)?);
        let mut rest = self.values;
        for _ in 0..place {
            rest = value(rest)?.1;
        }
        Some((value(rest)?.0, is_binary(self.formats, place)))
    }

    /// Whether a result column is asked for in binary format, from 0.
    pub fn binary_result(&self, column: usize) -> bool {
        let mut rest = self.values;
        for _ in 0..self.count {
            let Some((_, next)) = value(rest) else { return false };
            rest = next;
        }
        codes(rest).is_some_and(|(formats, _)| is_binary(formats, column))
    }

    /// Format codes of the results, as they stand in the message.
    pub(in crate::faults::proxy) fn result_formats(&self) -> Formats {
        let mut rest = self.values;
        for _ in 0..self.count {
            let Some((_, next)) = value(rest) else { return Formats::default() };
            rest = next;
        }
        Formats(codes(rest).map(|(formats, _)| formats.into()).unwrap_or_default())
    }
}

/// Format codes: none (all text), one (for all) or one for each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::faults::proxy) struct Formats(Box<[u8]>);

impl Formats {
    pub(in crate::faults::proxy) fn is_binary(&self, column: usize) -> bool {
        is_binary(&self.0, column)
    }
}

fn codes(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (count, rest) = int16(bytes)?;
    rest.split_at_checked(usize::from(count as u16) * 2)
}

fn is_binary(codes: &[u8], place: usize) -> bool {
    let code = if codes.len() == 2 { Some(codes) } else { codes.get(place * 2..place * 2 + 2) };
    code == Some(&[0, 1])
}

/// What `Describe` and `Close` are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target<'a> {
    /// A prepared statement.
    Statement(&'a [u8]),
    /// A portal.
    Portal(&'a [u8]),
}

/// `Describe` and `Close`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Describe;

impl Describe {
    /// Reads a body.
    pub fn of(body: &[u8]) -> Option<Target<'_>> {
        let (kind, rest) = body.split_first()?;
        let (name, _) = text(rest)?;
        match kind {
            b'S' => Some(Target::Statement(name)),
            b'P' => Some(Target::Portal(name)),
            _ => None,
        }
    }

    /// Reads the body of `Execute`: its portal.
    pub fn portal_of_execute(body: &[u8]) -> Option<&[u8]> {
        let (name, rest) = text(body)?;
        int32(rest).map(|_| name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parameters are found by their number with their format, whether formats are given for none, all or each.
    #[test]
    fn parameters_are_found() {
        let bind = |formats: &[u8]| {
            let values = b"\0\x03\0\0\0\x02ab\xff\xff\xff\xff\0\0\0\x01c\0\x02\0\x01\0\0";
            [b"portal\0name\0", formats, values].concat()
        };
        let none = bind(b"\0\0");
        let bound = Bind::of(&none).unwrap();
        assert_eq!((bound.portal, bound.statement), (&b"portal"[..], &b"name"[..]));
        assert_eq!(bound.parameter(1), Some((Some(&b"ab"[..]), false)));
        assert_eq!(bound.parameter(2), Some((None, false)));
        assert_eq!((bound.parameter(0), bound.parameter(4)), (None, None));
        assert_eq!([0, 1].map(|column| bound.binary_result(column)), [true, false]);
        let all = bind(b"\0\x01\0\x01");
        assert_eq!(Bind::of(&all).unwrap().parameter(3), Some((Some(&b"c"[..]), true)));
        let each = bind(b"\0\x03\0\0\0\x01\0\x01");
        assert_eq!(Bind::of(&each).unwrap().parameter(1), Some((Some(&b"ab"[..]), false)));
    }
}
