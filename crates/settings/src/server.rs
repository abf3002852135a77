//! `server`: where Tollgate listens, where it keeps data, how much it takes and how long it waits.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use crate::declare::section;
use crate::quantities::{ByteSize, Wait};

section! {
    /// Where Tollgate listens, where it keeps data, how much it takes and how long it waits.
    pub struct Server, example {"listen": "0.0.0.0:8443", "admin": "127.0.0.1:9443", "data": "/var/lib/tollgate", "drain": "10m"} {
        /// The address that callers connect to.
        listen: SocketAddr = SocketAddr::from(([127, 0, 0, 1], 8080)),
        /// A second address for the management paths, metrics without a key among them. Without it they are on the main one.
        admin: Option<SocketAddr> = None,
        /// The folder for keys, certificates and the ledger. Unless set: `$XDG_DATA_HOME/tollgate`, or `~/.local/share/tollgate`.
        data: PathBuf = PathBuf::from("tollgate-data"),
        /// How long running answers may take to end after a request to stop; `0s` cuts them at once.
        drain: Duration as Wait = Duration::from_mins(10),
        /// How long requests are still taken after a request to stop, while `/readyz` already says no. Unless set: 5s where other machines can reach the listener, else `0s`.
        drain_notice: Option<Duration> as Wait = None,
        /// How many threads serve requests. Unless set: one per processor.
        workers: Option<NonZeroU32> = None,
        /// A folder of further providers, laid out like the built-in catalogue.
        catalogue: Option<PathBuf> = None,
        /// The most that Tollgate takes of anything.
        caps: Caps = Caps::default(),
        /// How long Tollgate waits for anything.
        timers: Timers = Timers::default(),
    }
}

section! {
    /// The most that Tollgate takes of anything. What is larger is refused.
    pub struct Caps, example {"body": "32MiB", "json_depth": 128} {
        /// A request's headers together.
        headers: ByteSize = ByteSize::kibibytes(64),
        /// A request's body.
        body: ByteSize = ByteSize::mebibytes(32),
        /// All callers' request bodies in memory at once; those up to 64KiB do not count. Never less than one `body`.
        bodies_in_memory: ByteSize = ByteSize::mebibytes(512),
        /// One event of an upstream's stream. A picture comes in one.
        event: ByteSize = ByteSize::mebibytes(16),
        /// The body of an upstream's error.
        error_body: ByteSize = ByteSize::kibibytes(64),
        /// An upstream's whole answer.
        answer: ByteSize = ByteSize::mebibytes(64),
        /// How deep JSON may be nested.
        json_depth: NonZeroU32 = NonZeroU32::MIN.saturating_add(127),
        /// Open connections of callers.
        connections: NonZeroU32 = NonZeroU32::MIN.saturating_add(9_999),
    }
}

section! {
    /// How long Tollgate waits for anything before it gives up.
    pub struct Timers, example {"connect": "2s", "response_headers_whole": "5m", "total": "1h"} {
        /// For a caller's request headers, from the first byte.
        request_headers: Duration = Duration::from_secs(10),
        /// For the next piece of a caller's request body.
        request_body_idle: Duration = Duration::from_secs(10),
        /// For a connection to an upstream.
        connect: Duration = Duration::from_secs(2),
        /// For a TLS handshake.
        tls: Duration = Duration::from_secs(3),
        /// For an upstream's response headers when the answer is streamed.
        response_headers_stream: Duration = Duration::from_secs(30),
        /// For an upstream's response headers when the answer comes whole: they are sent when it is complete.
        response_headers_whole: Duration = Duration::from_mins(5),
        /// For the first event with content of a stream.
        first_event: Duration = Duration::from_mins(1),
        /// For the same of a model that reasons: it may think for minutes without a word.
        first_event_reasoning: Duration = Duration::from_mins(5),
        /// For the next event of a stream.
        event_gap: Duration = Duration::from_mins(1),
        /// Until a caller whose stream is silent hears that there will be more, once it has begun; `0s` for never.
        keep_alive: Duration as Wait = Duration::from_secs(15),
        /// For everything together.
        total: Duration = Duration::from_hours(1),
    }
}
