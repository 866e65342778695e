//! Peak memory of simulations, each in a process of its own, so that none finds what another left.

use std::process::Command;

use super::common::{Failure, check};
use super::work::{play, riskquant_portfolio};

/// Years that a process is to simulate, and nothing else.
const ASKED: &str = "PRICING_MEMORY_YEARS";

/// Whether this process was started for its memory; if so, it has simulated and said its peak.
pub(crate) fn was_asked() -> Result<bool, Failure> {
    let Ok(years) = std::env::var(ASKED) else { return Ok(false) };
    play(&riskquant_portfolio()?, years.parse()?)?;
    println!("{}", peak()?);
    Ok(true)
}

/// Peak resident bytes for each number of years; `None` where the system does not say.
pub(crate) fn peaks(years: [usize; 3]) -> Result<Option<[f64; 3]>, Failure> {
    if peak().is_err() {
        return Ok(None);
    }
    let mut peaks = [0.0; 3];
    for (peak, years) in peaks.iter_mut().zip(years) {
        let child = Command::new(std::env::current_exe()?).env(ASKED, years.to_string()).output()?;
        check(child.status.success(), || String::from_utf8_lossy(&child.stderr).into_owned())?;
        *peak = String::from_utf8(child.stdout)?.trim().parse()?;
    }
    Ok(Some(peaks))
}

/// Linux's high-water mark of this process, bytes.
fn peak() -> Result<f64, Failure> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse::<f64>()? * 1024.0)
}
