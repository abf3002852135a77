//! What stands behind the `?` in the model's name.

use std::fmt;
use std::time::Duration;

/// How the model is to behave. Parts are joined by `&`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Program {
    /// Repeat the last message and nothing else (the model `echo`).
    pub echo: Echo,
    /// `ttft=300ms`: time to the first token.
    pub first_token: Duration,
    /// `tps=60`: tokens a second; all at once if not said.
    pub tokens_per_second: Option<f64>,
    /// `tokens=200`: how many tokens to say.
    pub tokens: Option<usize>,
    /// `think=20`: how many tokens of reasoning come first.
    pub think: usize,
    /// `tool=get_weather` or `tool=a,b`: call these tools.
    pub tools: Vec<String>,
    /// `args={"path":"/tmp"}`: call them with this object and not with a sample of their schemas. JSON writes `&` as
    /// `\u0026`.
    pub arguments: Option<String>,
    /// `json`: answer with a JSON object.
    pub json: Json,
    /// `fail=429@10%`: fail this way, for this share of the requests.
    pub fail: Option<(Failure, f64)>,
    /// `cut=50%`: break off after this share of the answer.
    pub cut: Option<f64>,
}

/// Whether to repeat the last message and nothing else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Echo {
    /// Greet, and say what was heard.
    #[default]
    Greet,
    /// Repeat.
    Repeat,
}

/// Whether to answer with a JSON object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Json {
    /// If the request asks for it.
    #[default]
    AsAsked,
    /// In any case.
    Always,
}

/// How to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// `hang`: never answer.
    Hang,
    /// `reset`: close the connection before the head.
    Reset,
    /// A status from 400 to 599.
    Status(u16),
}

/// Why a program cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProgramError {
    /// A part has a value that means nothing.
    Value {
        /// Which.
        part: String,
    },
    /// There is no such part.
    Unknown {
        /// Which.
        part: String,
    },
}

impl fmt::Display for ProgramError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value { part } => write!(f, "the mock cannot read `{part}`"),
            Self::Unknown { part } => write!(
                f,
                "the mock knows ttft, tps, tokens, think, tool, args, json, fail and cut, but not `{part}`"
            ),
        }
    }
}

impl std::error::Error for ProgramError {}

impl Program {
    /// The program in a model's name.
    pub fn of_model(model: &str) -> Result<Self, ProgramError> {
        let (name, parts) = model.split_once('?').unwrap_or((model, ""));
        let echo = if name.ends_with("echo") { Echo::Repeat } else { Echo::Greet };
        let mut program = Self { echo, ..Self::default() };
        for part in parts.split('&').filter(|part| !part.is_empty()) {
            program.read(part)?;
        }
        Ok(program)
    }

    fn read(&mut self, part: &str) -> Result<(), ProgramError> {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let wrong = || ProgramError::Value { part: part.to_owned() };
        match name {
            "ttft" => self.first_token = duration(value).ok_or_else(wrong)?,
            "tps" => self.tokens_per_second = Some(positive(value).ok_or_else(wrong)?),
            "tokens" => self.tokens = Some(count(value).ok_or_else(wrong)?),
            "think" => self.think = count(value).ok_or_else(wrong)?,
            "tool" => {
                self.tools = value.split(',').filter(|tool| !tool.is_empty()).map(str::to_owned).collect();
            }
            "args" => self.arguments = Some(object(value).ok_or_else(wrong)?),
            "json" => self.json = Json::Always,
            "fail" => self.fail = Some(failure(value).ok_or_else(wrong)?),
            "cut" => self.cut = Some(share(value).ok_or_else(wrong)?),
            _ => return Err(ProgramError::Unknown { part: part.to_owned() }),
        }
        Ok(())
    }

    /// How the request with this number is to fail, if it is. Failures are spread evenly: with a tenth, every tenth
    /// request fails.
    pub fn failure_of(&self, ordinal: u64) -> Option<Failure> {
        let (failure, share) = self.fail?;
        #[expect(
            clippy::cast_precision_loss,
            reason = "a count beyond 2^53 only shifts a demonstration's failures"
        )]
        let (before, after) = (ordinal as f64 * share, (ordinal + 1) as f64 * share);
        (after.floor() > before.floor()).then_some(failure)
    }

    /// The time between two tokens.
    pub fn pace(&self) -> Duration {
        self.tokens_per_second.map_or(Duration::ZERO, |rate| Duration::from_secs_f64(1.0 / rate))
    }
}

/// As many tokens as the longest answers of real models have.
const MAX_TOKENS: usize = 200_000;
/// Nobody waits longer for a demonstration.
const MAX_WAIT: Duration = Duration::from_hours(1);

fn count(text: &str) -> Option<usize> {
    text.parse().ok().filter(|count| *count <= MAX_TOKENS)
}

fn positive(text: &str) -> Option<f64> {
    text.parse().ok().filter(|rate: &f64| (0.001..=1e9).contains(rate))
}

/// `300ms`, `1.5s` or a number of milliseconds.
fn duration(text: &str) -> Option<Duration> {
    let (number, scale) = match (text.strip_suffix("ms"), text.strip_suffix('s')) {
        (Some(number), _) => (number, 0.001),
        (None, Some(number)) => (number, 1.0),
        (None, None) => (text, 0.001),
    };
    let seconds: f64 = number.parse().ok()?;
    Duration::try_from_secs_f64(seconds * scale).ok().filter(|wait| *wait <= MAX_WAIT)
}

/// The text of a JSON object.
fn object(text: &str) -> Option<String> {
    let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(text).ok()?;
    serde_json::to_string(&object).ok()
}

/// `10%` or `0.1`.
fn share(text: &str) -> Option<f64> {
    let share = match text.strip_suffix('%') {
        Some(percent) => percent.parse::<f64>().ok()? / 100.0,
        None => text.parse().ok()?,
    };
    (0.0..=1.0).contains(&share).then_some(share)
}

/// `429`, `429@10%`, `reset@0.5`, `hang`.
fn failure(text: &str) -> Option<(Failure, f64)> {
    let (how, often) = text.split_once('@').unwrap_or((text, "100%"));
    let failure = match how {
        "hang" => Failure::Hang,
        "reset" => Failure::Reset,
        status => Failure::Status(status.parse().ok().filter(|status| (400..600).contains(status))?),
    };
    Some((failure, share(often)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_read_from_the_model_s_name() {
        let program =
            Program::of_model("mock?ttft=300ms&tps=60&tokens=200&fail=429@10%&cut=50%&tool=a,b&json")
                .unwrap();
        assert_eq!(program.first_token, Duration::from_millis(300));
        assert_eq!((program.tokens_per_second, program.tokens), (Some(60.0), Some(200)));
        assert_eq!(program.fail, Some((Failure::Status(429), 0.1)));
        assert_eq!((program.cut, program.tools.len(), program.json), (Some(0.5), 2, Json::Always));
        assert_eq!(Program::of_model("echo").unwrap().echo, Echo::Repeat);
        let program = Program::of_model(r#"mock?tool=a&args={"text": "x=1 \u0026 y"}"#).unwrap();
        assert_eq!(program.arguments.as_deref(), Some(r#"{"text":"x=1 & y"}"#));
    }

    #[test]
    fn what_means_nothing_is_refused() {
        for model in [
            "mock?ttft=soon",
            "mock?tps=0",
            "mock?fail=200",
            "mock?cut=150%",
            "mock?tool=a&args=[1]",
            "mock?speed=1",
        ] {
            assert!(Program::of_model(model).is_err(), "{model}");
        }
    }

    #[test]
    fn failures_are_spread_evenly() {
        let program = Program::of_model("mock?fail=500@25%").unwrap();
        let failed: Vec<_> = (0..8).map(|ordinal| program.failure_of(ordinal).is_some()).collect();
        assert_eq!(failed, [false, false, false, true, false, false, false, true]);
    }
}
