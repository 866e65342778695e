//! Draws sequences, plays them, and shrinks what violates the model.

use std::time::Instant;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use schemars::JsonSchema;
use serde::Serialize;
use sqlx::PgConnection;

use super::operation::{Operation, sequences};
use super::player::{Player, Violation};
use crate::hunt::catalogue::{Catalogue, Relation};
use crate::hunt::error::HuntError;
use crate::hunt::probe::context::Context;
use crate::hunt::seeding::Seeded;

/// After this many violations the search ends: the schema is open.
const MOST_VIOLATIONS: usize = 8;

/// A violation is shrunk with at most this many trials.
const MOST_TRIALS: usize = 300;

/// What a search did.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Search {
    /// What the sequences were drawn from.
    pub seed: u64,
    /// Sequences that were to be played.
    pub wanted: u32,
    /// Sequences that were.
    pub played: u32,
    /// Why fewer were played, if so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cut: Option<String>,
    /// What violated the model, each shrunk.
    pub sequences: Vec<Sequence>,
}

/// A shrunk sequence that reaches another tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Sequence {
    /// The table or function of the last statement.
    pub object: String,
    /// What was done to it.
    pub verb: String,
    /// Steps of the sequence as it was drawn.
    pub drawn: usize,
    /// Steps that are left of it.
    pub length: usize,
    /// What was seen.
    pub evidence: String,
    /// Its statements.
    pub statements: Vec<String>,
}

/// What sequences are played on.
#[derive(Clone, Copy)]
pub(in crate::hunt) struct Ground<'a> {
    pub(in crate::hunt) catalogue: &'a Catalogue,
    pub(in crate::hunt) seeded: &'a Seeded,
    pub(in crate::hunt) context: &'a Context,
    pub(in crate::hunt) role: &'a str,
    pub(in crate::hunt) setup: &'a [String],
    /// Tables with rows of both tenants.
    pub(in crate::hunt) tables: &'a [(i64, &'a Relation)],
}

/// A search that is going on.
pub(in crate::hunt) struct Searcher<'a> {
    player: Player<'a>,
    runner: TestRunner,
    seed: u64,
}

impl<'a> Searcher<'a> {
    pub(in crate::hunt) fn new(ground: Ground<'a>, connections: [PgConnection; 2], seed: u64) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let random = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        let runner = TestRunner::new_with_rng(Config { failure_persistence: None, ..Config::default() }, random);
        Self { player: Player::new(ground, connections), runner, seed }
    }

    /// Plays sequences until enough were, or time is over. Each object and verb is found once.
    pub(in crate::hunt) async fn search(
        mut self,
        wanted: u32,
        deadline: Instant,
    ) -> Result<(Search, Vec<Violation>), HuntError> {
        let (strategy, mut violations) = (sequences(), Vec::new());
        let mut search = Search { seed: self.seed, wanted, played: 0, cut: None, sequences: vec![] };
        while search.played < wanted {
            if Instant::now() > deadline {
                search.cut = Some("the budget is used up".to_owned());
                break;
            }
            if violations.len() >= MOST_VIOLATIONS {
                search.cut = Some(format!("{MOST_VIOLATIONS} violations were found"));
                break;
            }
            search.played += 1;
            let mut tree = match strategy.new_tree(&mut self.runner) {
                Ok(tree) => tree,
                Err(reason) => {
                    search.cut = Some(format!("no sequence can be drawn: {reason}"));
                    break;
                }
            };
            let drawn = tree.current().len();
            let found = match self.player.play(&tree.current()).await {
                Ok(Some(first)) => self.shrink(&mut tree, first, deadline).await.map(Some),
                other => other,
            };
            let found = match found {
                Ok(found) => found,
                // What the harness itself cannot do ends the search, and not the hunt.
                Err(error) => {
                    let why = std::error::Error::source(&error).map(|why| format!(": {why}")).unwrap_or_default();
                    search.cut = Some(format!("{error}{why}"));
                    break;
                }
            };
            if let Some(shortest) = found {
                self.player.known.insert((shortest.object.clone(), shortest.verb));
                search.sequences.push(Sequence {
                    object: shortest.object.clone(),
                    verb: shortest.verb.to_owned(),
                    drawn,
                    length: shortest.steps,
                    evidence: shortest.evidence.chars().take(200).collect(),
                    statements: shortest.statements.clone(),
                });
                violations.push(shortest);
            }
        }
        Ok((search, violations))
    }

    /// The shortest sequence on the way to nothing that still reaches the same object in the same way.
    async fn shrink(
        &mut self,
        tree: &mut impl ValueTree<Value = Vec<Operation>>,
        first: Violation,
        deadline: Instant,
    ) -> Result<Violation, HuntError> {
        let mut shortest = first;
        let mut goes_on = tree.simplify();
        for _ in 0..MOST_TRIALS {
            if !goes_on || Instant::now() > deadline {
                break;
            }
            let found = self.player.play(&tree.current()).await?;
            let same = |found: &Violation| (&found.object, found.verb) == (&shortest.object, shortest.verb);
            goes_on = match found.filter(same) {
                Some(found) => {
                    if found.steps <= shortest.steps {
                        shortest = found;
                    }
                    tree.simplify()
                }
                None => tree.complicate(),
            };
        }
        Ok(shortest)
    }
}
