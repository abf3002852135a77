//! A request that is more than its provider takes at once goes out in parts, one after the other: what has been answered
//! to the earlier ones waits in the answer's way for the last.

use bytes::{Bytes, BytesMut};
use dialects::{Conduit, Delivered, ToolNames};
use types::{Fault, FaultKind, Frame, Usage};

use super::{Begun, Try, Way};
use crate::account::Account;
use crate::upstream::{BodyCut, Outbound, OutboundBody, UpstreamBody};
use crate::{deadline, heavy, relay};

/// The way of an answer, and how it took the last part's.
type Taken = (Box<dyn Conduit>, Result<(), Fault>);

/// The requests for these parts, which differ from `last` in their bodies alone.
fn like<'o>(last: &Outbound<'o>, parts: Box<[Vec<Bytes>]>) -> Vec<Outbound<'o>> {
    let part = |part| Outbound {
        destination: last.destination,
        dialect: last.dialect,
        operation: last.operation,
        method: last.method.clone(),
        path: last.path.clone(),
        headers: last.headers.clone(),
        timers: last.timers,
        body: OutboundBody::Pieces(part),
    };
    parts.into_iter().map(part).collect()
}

impl Try<'_> {
    /// Asks for the parts before the last, and then for the last.
    ///
    /// # Cancel safety
    /// As that of what it does in turn.
    pub(super) async fn send_in_parts(
        &self,
        last: Outbound<'_>,
        earlier: Box<[Vec<Bytes>]>,
        account: &mut Account,
    ) -> Result<Begun, Fault> {
        let (request, names) = (self.request, ToolNames::default());
        let way = relay::conduit(last.dialect, request, account, names, Delivered::Whole)?;
        let parts = like(&last, earlier);
        let way = self.ask_parts(parts, way, account).await?;
        self.send(last, Way::Begun(way), account).await
    }

    /// Asks for the parts before the last. What each has used is on record as soon as it has answered; the first that
    /// fails is the whole attempt's fault.
    ///
    /// # Cancel safety
    /// Dropping it cancels the part under way; what those before it have used is recorded.
    async fn ask_parts(
        &self,
        parts: Vec<Outbound<'_>>,
        mut way: Box<dyn Conduit>,
        account: &mut Account,
    ) -> Result<Box<dyn Conduit>, Fault> {
        for part in parts {
            let destination = part.destination;
            let (told, answer) = self.ask_part(part, account).await?;
            if let Some(usage) = told {
                way.hear(usage);
            }
            let (taken, outcome) = take(way, answer).await;
            way = taken;
            account.look();
            account.note(way.tally());
            outcome.map_err(|fault| destination.catalogue.classify(fault))?;
        }
        Ok(way)
    }

    /// Asks for one part and waits for all of its answer, which may tell in its head what was used.
    async fn ask_part(
        &self,
        outbound: Outbound<'_>,
        account: &mut Account,
    ) -> Result<(Option<Usage>, Bytes), Fault> {
        let (destination, dialect) = (outbound.destination, outbound.dialect);
        let out_of_time = |_| Fault::new(FaultKind::Timeout, "the request's whole time ran out");
        let limit = self.deadline.since(account.now);
        let sent = deadline::within(limit, self.gateway.upstream.send(outbound)).await;
        let response = sent.map_err(out_of_time)?.map_err(|error| error.into_fault(&destination.name))?;
        let (head, mut body) = response.into_parts();
        if !head.status.is_success() {
            return Err(self.read_fault(destination, dialect, &head, body).await.0);
        }
        account.look();
        let limit = self.deadline.since(account.now);
        let gathered = deadline::within(limit, gather(&mut body, self.gateway.caps.answer)).await;
        Ok((dialect.read_head(&head.headers), gathered.map_err(out_of_time)??))
    }
}

/// All of a body, if it is not larger than this.
async fn gather(body: &mut UpstreamBody, most: usize) -> Result<Bytes, Fault> {
    let mut gathered = BytesMut::new();
    while let Some(piece) = std::future::poll_fn(|context| body.poll_data(context)).await {
        let piece = piece.map_err(BodyCut::into_fault)?;
        if gathered.len() + piece.len() > most {
            let problem = "the provider's answer is larger than the gateway takes in";
            return Err(Fault::new(FaultKind::TooLarge, problem));
        }
        gathered.extend_from_slice(&piece);
    }
    Ok(gathered.freeze())
}

/// Takes the answer to a part in, a large one beside the worker's thread.
async fn take(mut way: Box<dyn Conduit>, answer: Bytes) -> Taken {
    let is_large = heavy::is(answer.len());
    let taking = move || {
        let outcome = way.push(Frame::Whole(answer), &mut Vec::new());
        (way, outcome)
    };
    if is_large { heavy::run(taking).await } else { taking() }
}
