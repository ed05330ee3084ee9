//! Benchmarks, each in MB/s or per second beside a yardstick of the same run.

mod mapping;

fn main() -> std::process::ExitCode {
    let mut arguments = std::env::args().skip(1);
    let result = match arguments.next().as_deref() {
        Some("mapping") => mapping::run(arguments),
        _ => Err("usage: gangway-bench mapping FILE".to_owned()),
    };
    match result {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            std::process::ExitCode::FAILURE
        }
    }
}
