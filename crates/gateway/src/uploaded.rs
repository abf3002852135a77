//! A file on its way to a provider. It may hold the requests of a batch, a line each, and what those name has to be their
//! caller's: they are looked through as they come. A line is held until its end, and a long one not at all.

mod lines;

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use dialects::FileNames;
use http_body::{Body, Frame};
use types::Operation;

use self::lines::Lines;
use crate::arrival::CallerBody;
use crate::destination::Destination;
use crate::receive::Request;
use crate::references::Whose;
use crate::rejection::Cause;
use crate::{Gateway, owned};

/// What the lines of a file are read with.
pub(crate) struct Reading {
    whose: Whose,
    destination: Arc<Destination>,
    names: FileNames,
    depth: usize,
    /// What stands between the parts of the form that the file is one of.
    boundary: Option<Vec<u8>>,
}

impl Reading {
    /// For what a request brings, if a batch may be made of it there.
    pub(crate) fn of(request: &Request, to: &Arc<Destination>, gateway: &Gateway) -> Option<Self> {
        to.own_endpoint(request.dialect, Operation::Batches).filter(|_| owned::may_be_batched(request))?;
        Some(Self {
            whose: request.files.whose(&gateway.marks)?,
            destination: Arc::clone(to),
            names: request.dialect.file_names(),
            depth: gateway.caps.json_depth,
            boundary: dialects::boundary(&request.headers).ok(),
        })
    }
}

/// Why a file may not be had there, once that has come to light.
#[derive(Clone, Debug, Default)]
pub(crate) struct Judged(Arc<Mutex<Option<Cause>>>);

impl Judged {
    fn set(&self, cause: Cause) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(cause);
    }

    pub(crate) fn into_cause(self) -> Option<Cause> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A caller's file, which breaks off where it may not go on.
pub(crate) struct Uploaded {
    body: CallerBody,
    lines: Lines,
    judged: Judged,
    is_over: bool,
}

/// The file may not go on.
#[derive(Debug)]
pub(crate) struct Stopped;

impl Uploaded {
    /// A body that is looked through so, and what comes to light.
    pub(crate) fn read(body: CallerBody, reading: Reading) -> (Self, Judged) {
        let judged = Judged::default();
        (Self { body, lines: Lines::new(reading), judged: judged.clone(), is_over: false }, judged)
    }

    fn stop(&mut self, cause: Cause) -> Stopped {
        self.is_over = true;
        self.judged.set(cause);
        Stopped
    }
}

impl Body for Uploaded {
    type Data = Bytes;
    type Error = Stopped;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Stopped>>> {
        let this = self.get_mut();
        if this.is_over {
            return Poll::Ready(None);
        }
        let mut out = Vec::new();
        let taken = match ready!(Pin::new(&mut this.body).poll_frame(context)) {
            Some(Ok(frame)) => frame.into_data().map_or(Ok(()), |piece| this.lines.push(&piece, &mut out)),
            Some(Err(_)) => return Poll::Ready(Some(Err(Stopped))),
            None => {
                this.is_over = true;
                this.lines.end(&mut out)
            }
        };
        Poll::Ready(Some(match taken {
            Ok(()) => Ok(Frame::data(out.into())),
            Err(cause) => Err(this.stop(cause)),
        }))
    }
}
