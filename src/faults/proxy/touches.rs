//! Whose statements rules have touched, for those who know their clients by name.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Clients that are remembered at a time; those beyond go unnoticed.
const MAX_CLIENTS: usize = 10_000;

/// By the client's `application_name`: the label of the first rule that touched a statement of its.
#[derive(Debug, Default)]
pub struct Touches(Mutex<HashMap<Box<str>, usize>>);

impl Touches {
    pub(super) fn note(&self, client: &str, label: usize) {
        let mut touched = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if touched.len() < MAX_CLIENTS || touched.contains_key(client) {
            touched.entry(client.into()).or_insert(label);
        }
    }

    /// The label of the first rule that has touched this client's statements since the last call. It is there before the
    /// client hears of anything that the rule did.
    pub fn take(&self, client: &str) -> Option<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(client)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first touch is kept until it is taken, each client has its own, and the table is bounded.
    #[test]
    fn touches_are_taken_once() {
        let touches = Touches::default();
        touches.note("a", 1);
        touches.note("a", 2);
        touches.note("b", 3);
        assert_eq!([touches.take("a"), touches.take("a"), touches.take("b")], [Some(1), None, Some(3)]);
        (0..2 * MAX_CLIENTS).for_each(|client| touches.note(&client.to_string(), 0));
        assert!(touches.0.lock().unwrap().len() <= MAX_CLIENTS);
    }
}
