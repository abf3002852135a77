//! The load generator: asks over keep-alive connections, checks every answer, and says what it saw in one line of
//! `name=value` pairs.
//!
//! `bench-load --url 127.0.0.1:8080 [--key K] [--shape messages] [--stream EVENTS --gap MS] [--prompt BYTES]
//! [--connections N] [--rate PER_SECOND] [--seconds S | --requests N | --hold] [--watch PID]`

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use bench::arguments::Arguments;
use bench::bodies::{self, LAST_WORDS, Script, Shape};
use bench::processes;
use bench::samples::Samples;
use bench::wire::{self, BodyLength, Chunks};
use memchr::memmem;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::{JoinSet, LocalSet};
use types::conversation::Delivery;
use types::{Clock, Monotonic, SystemClock};

fn main() -> anyhow::Result<()> {
    let plan = Plan::read(&Arguments::read(std::env::args().skip(1))?)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, run(plan))
}

/// What is to be done.
struct Plan {
    address: String,
    request: Vec<u8>,
    shape: Shape,
    script: Option<Script>,
    connections: usize,
    pressure: Pressure,
    end: End,
    watched: Vec<u32>,
}

/// When the next request goes out.
#[derive(Clone, Copy)]
enum Pressure {
    /// When the answer before it is there.
    Closed,
    /// On time, this long after the one before it.
    Open(Duration),
}

/// When it is over.
#[derive(Clone, Copy)]
enum End {
    /// After this time.
    After(Duration),
    /// After this many requests.
    Count(usize),
    /// When it is killed: streams are opened once and stay open.
    Hold,
}

/// Before this time nothing is counted.
const WARM_UP: Duration = Duration::from_millis(400);

impl Plan {
    fn read(arguments: &Arguments) -> anyhow::Result<Self> {
        let address = arguments.text("url").context("--url is missing")?.to_owned();
        let shape = if arguments.text("shape") == Some("messages") { Shape::Messages } else { Shape::Chat };
        let gap = arguments.parsed_or("gap", 0)?;
        let script = arguments.parsed("stream")?.map(|events| Script { events, gap });
        let model = script.unwrap_or(Script { events: 0, gap: 0 }).model();
        let delivery = script.map_or(Delivery::Whole, |_| Delivery::Stream { include_usage: true });
        let body = bodies::request(shape, &model, arguments.parsed_or("prompt", 160)?, delivery);
        let key = arguments.text("key").unwrap_or("none");
        let request = format!(
            "POST {} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\naccept: application/json\r\nuser-agent: OpenAI/Python 2.9.0\r\n{}content-length: {}\r\n\r\n{body}",
            shape.path(),
            shape.version_header(),
            body.len()
        );
        let end = match (arguments.has("hold"), arguments.parsed("requests")?) {
            (true, _) => End::Hold,
            (false, Some(count)) => End::Count(count),
            (false, None) => End::After(Duration::from_secs_f64(arguments.parsed_or("seconds", 2.5)?)),
        };
        let rate: Option<f64> = arguments.parsed("rate")?;
        Ok(Self {
            request: request.into_bytes(),
            address,
            shape,
            script,
            connections: arguments.parsed_or("connections", 32)?,
            pressure: rate
                .map_or(Pressure::Closed, |rate| Pressure::Open(Duration::from_secs_f64(1.0 / rate))),
            end,
            watched: arguments.parsed("watch")?.map(processes::tree).unwrap_or_default(),
        })
    }
}

/// What was seen.
#[derive(Default)]
struct Seen {
    clock: SystemClock,
    is_counting: bool,
    requests: usize,
    events: usize,
    begun: usize,
    latencies: Samples,
    firsts: Samples,
    failures: Vec<String>,
}

type Shared = Rc<RefCell<Seen>>;

async fn run(plan: Plan) -> anyhow::Result<()> {
    let seen = Shared::default();
    let plan = Rc::new(plan);
    let measured = match plan.end {
        End::After(duration) => measure(&plan, &seen, duration).await?,
        End::Count(count) => count_off(&plan, &seen, count).await?,
        End::Hold => return hold(&plan, &seen).await,
    };
    report(&seen, &measured)
}

/// Processor time of who is watched, and the time it took.
struct Measured {
    cpu: Duration,
    elapsed: Duration,
}

async fn measure(plan: &Rc<Plan>, seen: &Shared, duration: Duration) -> anyhow::Result<Measured> {
    let mut tasks = JoinSet::new();
    match plan.pressure {
        Pressure::Closed => {
            for index in 0..plan.connections {
                let (plan, seen) = (Rc::clone(plan), Rc::clone(seen));
                tasks.spawn_local(async move {
                    // Streams that all begin at once would stay in step.
                    tokio::time::sleep(stagger(&plan, index)).await;
                    let result = ask_until(&plan, &seen, usize::MAX).await;
                    note(&seen, result);
                });
            }
        }
        Pressure::Open(gap) => {
            let (plan, seen) = (Rc::clone(plan), Rc::clone(seen));
            tasks.spawn_local(ask_on_time(plan, seen, gap));
        }
    }
    tokio::time::sleep(WARM_UP).await;
    let (cpu, at) = (processes::cpu(&plan.watched), seen.borrow().clock.now());
    seen.borrow_mut().is_counting = true;
    tokio::time::sleep(duration).await;
    seen.borrow_mut().is_counting = false;
    let cpu = processes::cpu(&plan.watched).saturating_sub(cpu);
    let elapsed = seen.borrow().clock.now().since(at);
    Ok(Measured { cpu, elapsed })
}

fn stagger(plan: &Plan, index: usize) -> Duration {
    let gap = plan.script.map_or(0, |script| script.gap);
    Duration::from_millis(index as u64 * 7 % gap.max(1))
}

/// Sends exactly this many requests over each connection.
async fn count_off(plan: &Rc<Plan>, seen: &Shared, count: usize) -> anyhow::Result<Measured> {
    let (cpu, at) = (processes::cpu(&plan.watched), seen.borrow().clock.now());
    seen.borrow_mut().is_counting = true;
    let mut tasks = JoinSet::new();
    for _ in 0..plan.connections {
        let (plan, seen) = (Rc::clone(plan), Rc::clone(seen));
        tasks.spawn_local(async move {
            let result = ask_until(&plan, &seen, count).await;
            note(&seen, result);
        });
    }
    while tasks.join_next().await.is_some() {}
    let elapsed = seen.borrow().clock.now().since(at);
    Ok(Measured { cpu: processes::cpu(&plan.watched).saturating_sub(cpu), elapsed })
}

/// Opens a stream on every connection and keeps them until it is killed.
async fn hold(plan: &Rc<Plan>, seen: &Shared) -> anyhow::Result<()> {
    let mut tasks = JoinSet::new();
    for index in 0..plan.connections {
        let (plan, holder) = (Rc::clone(plan), Rc::clone(seen));
        tasks.spawn_local(async move {
            let result = ask_until(&plan, &holder, 1).await;
            note(&holder, result);
        });
        // A burst of connections would measure the listener's queue.
        if index % 50 == 49 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    while seen.borrow().begun < plan.connections {
        if let Some(failure) = seen.borrow().failures.first() {
            bail!("{failure}");
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    println!("open={}", plan.connections);
    std::future::pending().await
}

fn note(seen: &Shared, result: anyhow::Result<()>) {
    if let Err(error) = result {
        seen.borrow_mut().failures.push(format!("{error:#}"));
    }
}

async fn ask_until(plan: &Plan, seen: &Shared, count: usize) -> anyhow::Result<()> {
    let mut connection = Connection::open(plan).await?;
    for _ in 0..count {
        connection.ask(plan, seen).await?;
    }
    Ok(())
}

/// Sends at fixed times, over whichever connection is free; one is added where none is.
async fn ask_on_time(plan: Rc<Plan>, seen: Shared, gap: Duration) {
    let free = Rc::new(RefCell::new(Vec::new()));
    let mut tasks = JoinSet::new();
    let mut tick = tokio::time::interval(gap);
    loop {
        tick.tick().await;
        let (plan, seen, free) = (Rc::clone(&plan), Rc::clone(&seen), Rc::clone(&free));
        tasks.spawn_local(async move {
            let result = async {
                let idle = free.borrow_mut().pop();
                let mut connection = match idle {
                    Some(connection) => connection,
                    None => Connection::open(&plan).await?,
                };
                connection.ask(&plan, &seen).await?;
                free.borrow_mut().push(connection);
                Ok(())
            };
            let result = result.await;
            note(&seen, result);
        });
        while tasks.try_join_next().is_some() {}
    }
}

struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    body: Vec<u8>,
}

impl Connection {
    async fn open(plan: &Plan) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(&plan.address).await.context("cannot connect")?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(16 * 1024), body: Vec::new() })
    }

    /// Asks once, and checks the answer.
    async fn ask(&mut self, plan: &Plan, seen: &Shared) -> anyhow::Result<()> {
        let began = seen.borrow().clock.now();
        let was_counting = seen.borrow().is_counting;
        self.stream.write_all(&plan.request).await?;
        let length = self.read_head().await?;
        self.read_body(length, Progress { plan, seen, began: was_counting.then_some(began), events: 0 })
            .await?;
        let mut seen = seen.borrow_mut();
        if seen.is_counting {
            seen.requests += 1;
        }
        if was_counting && seen.is_counting {
            let latency = seen.clock.now().since(began);
            seen.latencies.push(latency);
        }
        Ok(())
    }

    /// Reads up to the body; leaves what there is of the body in the buffer.
    async fn read_head(&mut self) -> anyhow::Result<BodyLength> {
        self.buffer.clear();
        self.body.clear();
        loop {
            ensure!(
                self.stream.read_buf(&mut self.buffer).await? > 0,
                "the connection ended before the answer"
            );
            let Some(head) = wire::head(&self.buffer) else { continue };
            let length = head.body;
            if !head.first_line.starts_with(b"HTTP/1.1 200") {
                bail!("not 200: {}", String::from_utf8_lossy(&self.buffer));
            }
            let behind = head.length;
            self.buffer.drain(..behind);
            return Ok(length);
        }
    }

    async fn read_body(&mut self, length: BodyLength, mut progress: Progress<'_>) -> anyhow::Result<()> {
        let mut chunks = Chunks::default();
        loop {
            match length {
                BodyLength::Known(_) => self.body.append(&mut self.buffer),
                BodyLength::Chunked => chunks.push(&self.buffer, &mut self.body),
            }
            self.buffer.clear();
            progress.look(&self.body);
            let is_over = match length {
                BodyLength::Known(length) => self.body.len() >= length,
                BodyLength::Chunked => chunks == Chunks::Over,
            };
            if is_over {
                return progress.check(&self.body);
            }
            ensure!(
                self.stream.read_buf(&mut self.buffer).await? > 0,
                "the connection ended inside the answer"
            );
        }
    }
}

/// How far an answer has come.
struct Progress<'a> {
    plan: &'a Plan,
    seen: &'a Shared,
    /// When it was asked for, until its first bytes are there.
    began: Option<Monotonic>,
    events: usize,
}

impl Progress<'_> {
    fn look(&mut self, body: &[u8]) {
        if body.is_empty() || self.plan.script.is_none() {
            return;
        }
        let events = memmem::find_iter(body, self.plan.shape.event_marker()).count();
        let mut seen = self.seen.borrow_mut();
        if self.events == 0 && events > 0 {
            seen.begun += 1;
            if let Some(began) = self.began.take() {
                let first = seen.clock.now().since(began);
                seen.firsts.push(first);
            }
        }
        if seen.is_counting {
            seen.events += events - self.events;
        }
        self.events = events;
    }

    fn check(&self, body: &[u8]) -> anyhow::Result<()> {
        let contains = |text: &str| memmem::find(body, text.as_bytes()).is_some();
        let is_right = match self.plan.script {
            Some(script) => self.events == script.events && contains(self.plan.shape.end_marker()),
            None => contains(LAST_WORDS) && body.len() > 1_000,
        };
        ensure!(is_right, "a wrong answer: {}", String::from_utf8_lossy(body));
        Ok(())
    }
}

fn report(seen: &Shared, measured: &Measured) -> anyhow::Result<()> {
    let mut seen = seen.borrow_mut();
    if let Some(failure) = seen.failures.first() {
        bail!("{} failures, the first: {failure}", seen.failures.len());
    }
    let (p50, p99) = (seen.latencies.quantile(0.5), seen.latencies.quantile(0.99));
    let first = seen.firsts.quantile(0.5);
    ensure!(seen.requests + seen.events > 0, "nothing was answered in time");
    println!(
        "requests={} events={} seconds={:.4} cpu_us={:.0} p50_us={p50:.1} p99_us={p99:.1} first_us={first:.1}",
        seen.requests,
        seen.events,
        measured.elapsed.as_secs_f64(),
        measured.cpu.as_secs_f64() * 1e6,
    );
    Ok(())
}
