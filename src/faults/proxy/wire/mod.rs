//! Protocol 3.0 framing: where a message begins and ends, and the few messages that the proxy reads or writes itself.
//!
//! Nothing here copies or alters what passes: messages are views into the bytes that arrived, and a message whose type
//! is unknown is framed like any other. Bytes that cannot be framed are reported as such, never repaired.

mod backend;
mod encode;
mod frame;
mod frontend;
mod opening;

pub(super) use backend::backend_key;
pub use backend::{Column, Columns, command_tag, data_row, ready_status, sqlstate_of};
pub(super) use encode::{bind_to_portal, command_complete, ready_for_query, request, single_text_row, text_row_header};
pub use frame::{Framer, HEADER, Message, Piece};
pub(super) use frontend::Formats;
pub use frontend::{Bind, Describe, Parse, Target};
pub use opening::{Opening, Startup};

/// Reads a text that ends with a zero byte; the rest follows it.
fn text(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|byte| *byte == 0)?;
    Some((&bytes[..end], &bytes[end + 1..]))
}

/// Reads a 16-bit number.
fn int16(bytes: &[u8]) -> Option<(i16, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((i16::from_be_bytes(*number), rest))
}

/// Reads a 32-bit number.
fn int32(bytes: &[u8]) -> Option<(i32, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((i32::from_be_bytes(*number), rest))
}

/// Reads a value with its length in front; a length of -1 is NULL.
fn value(bytes: &[u8]) -> Option<(Option<&[u8]>, &[u8])> {
    let (length, rest) = int32(bytes)?;
    match usize::try_from(length) {
        Ok(length) => rest.split_at_checked(length).map(|(value, rest)| (Some(value), rest)),
        Err(_) => Some((None, rest)),
    }
}
