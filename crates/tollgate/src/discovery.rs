//! Model servers on this machine: those that answer within a moment are taken in, with the models they list.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use providers::{Catalogue, Probe};
use settings::{ProviderSetting, Settings};

use crate::configuration::bare;

/// A server on this machine that has not answered by then is not there.
const PATIENCE: Duration = Duration::from_millis(150);
/// No listing is longer.
const MAX_LISTING: u64 = 1 << 20;

/// The local model servers that answer, except those already known and ourselves.
pub(crate) fn local_servers(
    settings: &Settings,
    catalogue: &Catalogue,
    own: SocketAddr,
) -> Vec<ProviderSetting> {
    let known = |name: &str| settings.providers.iter().any(|provider| provider.name.as_str() == name);
    let probes: Vec<_> = catalogue
        .providers()
        .filter(|provider| !known(provider.name.as_str()))
        .filter_map(|provider| Some((provider.name.to_string(), provider.probe.clone()?)))
        .collect();
    let (tell, hear) = sync_channel(probes.len());
    let count = probes.len();
    for (name, probe) in probes {
        let tell = tell.clone();
        // A probe that hangs ends with its own time-outs; nobody waits for the thread.
        let asked = std::thread::Builder::new().name("probe".to_owned()).spawn(move || {
            let models = ask(&probe, own).unwrap_or_default();
            drop(tell.send((name, models)));
        });
        drop(asked);
    }
    drop(tell);
    let answers: HashMap<_, _> = (0..count).map_while(|_| hear.recv_timeout(PATIENCE).ok()).collect();
    let mut found: Vec<_> = answers
        .into_iter()
        .filter(|(_, models)| !models.is_empty())
        .map(|(name, models)| ProviderSetting { models, ..bare(&name) })
        .collect();
    found.sort_by(|left, right| left.name.cmp(&right.name));
    found
}

/// The models a server lists, or nothing if it is not there, is ourselves, or does not answer in time.
fn ask(probe: &Probe, own: SocketAddr) -> Option<Vec<String>> {
    let host = probe.address.strip_prefix("http://")?;
    let address = host.to_socket_addrs().ok()?.next()?;
    if address == own {
        return None;
    }
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    stream.set_write_timeout(Some(PATIENCE)).ok()?;
    let path = &probe.models;
    write!(stream, "GET {path} HTTP/1.0\r\nhost: {host}\r\naccept: application/json\r\n\r\n").ok()?;
    let mut answer = Vec::new();
    stream.take(MAX_LISTING).read_to_end(&mut answer).ok()?;
    let answer = String::from_utf8(answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    if !head.split(' ').nth(1)?.starts_with('2') {
        return None;
    }
    let listing: serde_json::Value = serde_json::from_str(body).ok()?;
    let models = listing.get("data")?.as_array()?;
    Some(models.iter().filter_map(|model| Some(model.get("id")?.as_str()?.to_owned())).collect())
}
