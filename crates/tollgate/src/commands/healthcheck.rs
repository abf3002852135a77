//! `tollgate healthcheck`: asks a running gateway whether it is ready, for images without a shell.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use settings::Environment;

use crate::args::FileArguments;
use crate::configuration;

/// A gateway that has not answered by then is not healthy.
const PATIENCE: Duration = Duration::from_secs(2);
/// The status line is all that is read.
const ENOUGH: u64 = 64;

/// Asks; the exit code is the answer. A listener with TLS is only asked whether it takes connections: the check
/// knows no authority to trust it by.
pub(crate) fn run(arguments: &FileArguments, environment: &Environment) -> anyhow::Result<ExitCode> {
    let settings = configuration::load(arguments, environment)?.settings;
    let mut address = settings.server.admin.unwrap_or(settings.server.listen);
    if address.ip().is_unspecified() {
        address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)
        .with_context(|| format!("{address} does not answer"))?;
    if settings.security.encryption.is_some() {
        return super::print("ok: the listener takes connections");
    }
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "GET /readyz HTTP/1.0\r\nhost: {address}\r\n\r\n")?;
    let mut answer = String::new();
    stream.take(ENOUGH).read_to_string(&mut answer).context("the answer cannot be read")?;
    match answer.split(' ').nth(1) {
        Some("200") => super::print("ok"),
        Some(status) => bail!("not ready: {status}"),
        None => bail!("the answer is not HTTP"),
    }
}
