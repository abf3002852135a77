//! The mock upstream: answers real bodies and costs little. `bench-mock --listen 127.0.0.1:9100`

use std::time::Duration;

use anyhow::Context;
use bench::arguments::Arguments;
use bench::bodies::{self, Events, Script, Shape};
use bench::wire::{self, BodyLength};
use bytes::Bytes;
use memchr::memmem;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::read(std::env::args().skip(1))?;
    let address = arguments.text("listen").context("--listen is missing")?.to_owned();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve(&address))
}

async fn serve(address: &str) -> anyhow::Result<()> {
    let listener = TcpListener::bind(address).await?;
    println!("{}", listener.local_addr()?);
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        connections.spawn(async move { drop(answer_all(stream).await) });
        while connections.try_join_next().is_some() {}
    }
}

/// A request as far as it matters.
struct Asked {
    shape: Shape,
    script: Script,
    is_streamed: bool,
    /// Bytes of the request.
    length: usize,
}

/// Answers every request on the connection until it ends.
async fn answer_all(mut stream: TcpStream) -> anyhow::Result<()> {
    let answers = Answers::new();
    let mut buffer = Vec::with_capacity(128 * 1024);
    loop {
        while let Some(asked) = read(&buffer)? {
            buffer.drain(..asked.length);
            if asked.is_streamed {
                answer_stream(&mut stream, asked.shape, asked.script).await?;
            } else {
                stream.write_all(answers.of(asked.shape)).await?;
            }
        }
        if stream.read_buf(&mut buffer).await? == 0 {
            return Ok(());
        }
    }
}

/// The whole answers as they go over the wire.
struct Answers {
    chat: Bytes,
    messages: Bytes,
}

impl Answers {
    fn new() -> Self {
        let wire = |shape| {
            let body = bodies::whole(shape);
            let length = body.len();
            Bytes::from(format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nx-request-id: req_0123456789abcdef\r\nopenai-processing-ms: 12\r\n\r\n{body}"
            ))
        };
        Self { chat: wire(Shape::Chat), messages: wire(Shape::Messages) }
    }

    fn of(&self, shape: Shape) -> &Bytes {
        match shape {
            Shape::Chat => &self.chat,
            Shape::Messages => &self.messages,
        }
    }
}

/// The request at the start of `buffer`, if all of it is there.
fn read(buffer: &[u8]) -> anyhow::Result<Option<Asked>> {
    let Some(head) = wire::head(buffer) else { return Ok(None) };
    let BodyLength::Known(body) = head.body else { anyhow::bail!("a request came in chunks") };
    let length = head.length + body;
    let Some(body) = buffer.get(head.length..length) else { return Ok(None) };
    let shape = match memmem::find(head.first_line, b"/messages") {
        Some(_) => Shape::Messages,
        None => Shape::Chat,
    };
    // A translated request may have them anywhere, but the prompt is all that is long.
    let is_streamed = memmem::find(body, b"\"stream\":true").is_some();
    let script = if is_streamed { script(body) } else { None };
    Ok(Some(Asked { shape, script: script.unwrap_or(Script { events: 10, gap: 0 }), is_streamed, length }))
}

fn script(body: &[u8]) -> Option<Script> {
    let start = memmem::find(body, b"\"model\":\"")? + 9;
    let name = body.get(start..)?.split(|byte| *byte == b'"').next()?;
    Script::of_model(std::str::from_utf8(name).ok()?)
}

/// Streams, one write for each event.
async fn answer_stream(stream: &mut TcpStream, shape: Shape, script: Script) -> anyhow::Result<()> {
    const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n";
    let Events { opening, content, closing } = bodies::events(shape);
    stream.write_all(HEAD).await?;
    for event in opening {
        stream.write_all(&chunk(&event)).await?;
    }
    let content = chunk(&content);
    for index in 0..script.events {
        if script.gap > 0 && index > 0 {
            tokio::time::sleep(Duration::from_millis(script.gap)).await;
        }
        stream.write_all(&content).await?;
    }
    for event in closing {
        stream.write_all(&chunk(&event)).await?;
    }
    stream.write_all(b"0\r\n\r\n").await?;
    Ok(())
}

fn chunk(event: &str) -> Vec<u8> {
    format!("{:x}\r\n{event}\r\n", event.len()).into_bytes()
}
