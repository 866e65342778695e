//! The catalogue as tests: one test per scenario file, on the local provider.

fn main() -> std::process::ExitCode {
    tenant_chaos::suite::main("scenarios")
}
