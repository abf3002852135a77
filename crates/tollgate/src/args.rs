//! What can be typed.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// An LLM API gateway: one program between applications and language-model providers.
#[derive(Debug, Parser)]
#[command(name = "tollgate", version, about, max_term_width = 80)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the gateway.
    #[command(after_help = "Examples:\n  tollgate serve\n  tollgate serve --config tollgate.yaml")]
    Serve(FileArguments),
    /// Check a configuration file and report every problem.
    #[command(after_help = "Examples:\n  tollgate check\n  tollgate check tollgate.yaml")]
    Check(CheckArguments),
    /// Print the JSON Schema of the configuration.
    Schema,
    /// Look at the configuration.
    Config(ConfigArguments),
    /// Make, list and revoke API keys.
    Keys(KeysArguments),
    /// Print what was used and what it cost, by key and model.
    #[command(after_help = "Examples:\n  tollgate usage\n  tollgate usage --since 24h --output json")]
    Usage(UsageArguments),
    /// Say where a request would go and why, without sending it.
    #[command(
        after_help = "Examples:\n  echo '{\"model\":\"smart\"}' | tollgate explain-route -\n  tollgate explain-route request.json"
    )]
    ExplainRoute(ExplainArguments),
    /// Ask a running gateway whether it is ready; the exit code says it.
    Healthcheck(FileArguments),
}

#[derive(Args, Clone, Debug)]
pub(crate) struct FileArguments {
    /// The configuration file [default: tollgate.yaml, if it exists].
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct CheckArguments {
    /// The file [default: tollgate.yaml].
    pub(crate) file: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct ConfigArguments {
    #[command(subcommand)]
    pub(crate) command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print the configuration in its long form, every default filled in, secrets as their sources.
    Show(FileArguments),
}

#[derive(Args, Debug)]
pub(crate) struct KeysArguments {
    #[command(subcommand)]
    pub(crate) command: KeysCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Make a key and print it once.
    #[command(
        after_help = "Examples:\n  tollgate keys create alice\n  tollgate keys create ci --models smart,cheap --expires 30d"
    )]
    Create {
        /// What people call it.
        #[arg(default_value = "default")]
        name: String,
        /// The models it may use, by their public names [default: all].
        #[arg(long, value_delimiter = ',', value_name = "MODEL")]
        models: Vec<String>,
        /// After what time it ends by itself, e.g. 12h or 30d.
        #[arg(long, value_parser = lifetime)]
        expires: Option<Duration>,
        #[command(flatten)]
        file: FileArguments,
    },
    /// List the keys, revoked ones included.
    List {
        #[command(flatten)]
        file: FileArguments,
    },
    /// Revoke a key, and with it every token it was exchanged for. A running gateway notices at once.
    Revoke {
        /// Its id or name.
        key: String,
        #[command(flatten)]
        file: FileArguments,
    },
}

#[derive(Args, Debug)]
pub(crate) struct UsageArguments {
    /// Only what is younger than this, e.g. 24h or 30d.
    #[arg(long, value_parser = duration)]
    pub(crate) since: Option<Duration>,
    /// As a table or as JSON.
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    pub(crate) output: Output,
    #[command(flatten)]
    pub(crate) file: FileArguments,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Output {
    Json,
    Table,
}

#[derive(Args, Debug)]
pub(crate) struct ExplainArguments {
    /// A file with the request's JSON body, or - for standard input.
    pub(crate) request: PathBuf,
    #[command(flatten)]
    pub(crate) file: FileArguments,
}

/// How long a key may live. A longer one is a slip, and would end beyond what a clock can say.
const MAX_LIFETIME: Duration = Duration::from_hours(24 * 36_525);

/// A duration that a key can have left.
fn lifetime(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("a key with no time left cannot be used; the least is 1s".to_owned()),
        lifetime if lifetime > MAX_LIFETIME => {
            Err("at most 100 years (36525d); without --expires a key does not end".to_owned())
        }
        lifetime => Ok(lifetime),
    }
}

/// `90s`, `15m`, `12h` or `30d`.
fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = text.split_at(text.trim_end_matches(|c: char| c.is_ascii_alphabetic()).len());
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err("a number and s, m, h or d, such as 12h".to_owned()),
    };
    let number: u64 = number.parse().map_err(|_| "a number and s, m, h or d, such as 12h".to_owned())?;
    number.checked_mul(seconds).map(Duration::from_secs).ok_or_else(|| "too long".to_owned())
}
