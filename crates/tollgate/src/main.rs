//! The program: reads what was typed, and does it.

mod args;
mod banner;
mod commands;
mod configuration;
mod control;
mod discovery;
mod first_key;
mod generation;
mod health;
mod ports;
mod refused_head;
mod serve;
mod wiring;
mod worker;

use std::process::ExitCode;

use args::Command;
use clap::Parser;

/// The allocator that the benchmark prefers: requests allocate on one thread and free on it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = args::Arguments::parse();
    let environment = settings::Environment::of_process();
    let done = match arguments.command {
        Command::Serve(serve) => serve::run(&serve, &environment),
        Command::Check(check) => commands::check::run(&check, &environment),
        Command::Schema => commands::schema(),
        Command::Config(config) => commands::config::run(&config, &environment),
        Command::Keys(keys) => commands::keys::run(keys, &environment),
        Command::Usage(usage) => commands::usage::run(&usage, &environment),
        Command::ExplainRoute(explain) => commands::explain_route::run(&explain, &environment),
        Command::Healthcheck(check) => commands::healthcheck::run(&check, &environment),
    };
    done.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}
