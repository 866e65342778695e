//! Random streams that belong to one actor and nobody else.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// Who draws.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Actor {
    /// When events happen.
    Frequency,
    /// What each costs.
    Severity,
    /// Which of them a mitigation prevents.
    Mitigation,
    /// How often they happen, where that is a belief.
    Belief,
}

/// The stream of one actor of one risk for one block of years.
pub(super) fn stream(seed: u64, risk: &str, actor: Actor, block: u64) -> ChaCha8Rng {
    let mut hasher = blake3::Hasher::new_derive_key("tenant-chaos annual loss 1");
    hasher.update(&seed.to_le_bytes()).update(&block.to_le_bytes()).update(&[actor as u8]).update(risk.as_bytes());
    ChaCha8Rng::from_seed(*hasher.finalize().as_bytes())
}
