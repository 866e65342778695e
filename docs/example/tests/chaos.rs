//! Every scenario below `scenarios/` as a test of its own, for `cargo test` and `cargo nextest`.

fn main() -> std::process::ExitCode {
    tenant_chaos::suite::main("scenarios")
}
