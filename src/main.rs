//! The `tenant-chaos` binary: parses the command line, calls the library, maps the outcome to an exit code.

fn main() -> std::process::ExitCode {
    tenant_chaos::cli::main()
}
