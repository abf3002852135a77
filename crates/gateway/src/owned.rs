//! What callers keep at a provider: files, and batches of requests. Each belongs to the provider that made it and to the
//! caller who asked for it; its id says so, and nothing is remembered here.

use std::sync::Arc;

use auth::{Marks, Principal};
use bytes::Bytes;
use dialects::{Conduit, DecodeError, Dialect, Said, Splice, Tally, quoted};
use http::Method;
use types::{Fault, FaultKind, Frame, Operation, ProviderName, Tenant};

use crate::passing::Passing;
use crate::receive::Request;
use crate::rejection::Cause;
use crate::{Gateway, passing, paths};

/// The fields whose values are ids of what is kept, and the one with the address of a batch's results.
const NAMED: &[&str] =
    &[ID, "batch_id", "input_file_id", "output_file_id", "error_file_id", "first_id", "last_id", RESULTS];
const ID: &str = "id";
const RESULTS: &str = "results_url";
/// The field that says where a new batch belongs.
const INPUT: &str = "input_file_id";
/// Parameters of a query whose values are ids.
const CURSORS: [&str; 3] = ["after", "after_id", "before_id"];
/// How a caller names the provider where no id does.
const PROVIDER: &str = "x-tollgate-provider";
const PROVIDER_PARAMETER: &str = "provider";

/// The path of an operation in a language, below which everything of it is.
pub(crate) fn root(dialect: &dyn Dialect, operation: Operation) -> Option<&'static str> {
    let mut routes = dialect.routes().iter().filter(|route| route.operation == operation);
    routes.find(|route| !route.path.contains('{')).map(|route| route.path)
}

/// What `path` asks for of what is kept at a provider; which one is not known yet.
pub(crate) fn passing(dialect: &dyn Dialect, operation: Operation, path: &str) -> Option<Box<Passing>> {
    if !operation.is_kept() {
        return None;
    }
    let path = path.strip_prefix(root(dialect, operation)?)?;
    Some(Box::new(Passing { provider: ProviderName::from(""), path: path.into() }))
}

/// Finds out where the request belongs, and puts the provider's own ids where the caller has put its.
///
/// # Errors
/// An id that is not this caller's, or a request that does not say where it belongs.
pub(crate) fn address(request: &mut Request, principal: &Principal, gateway: &Gateway) -> Result<(), Cause> {
    // What a batch's requests name could not be read.
    if may_be_batched(request) && !passing::is_plain(&request.headers) {
        return Err(Cause::Encoding);
    }
    let Some(mut passing) = request.passing.take() else { return Ok(()) };
    let (marks, tenant) = (&*gateway.marks, &principal.tenant);
    let read = |marked: &str| {
        let (provider, id) = marks.read(marked, tenant).ok_or(Cause::NotKept)?;
        Ok((ProviderName::from(provider), id.to_owned()))
    };
    // The lines of a batch that is sent whole may name files.
    let mut owner = request.files.keeper().cloned();
    let mut path = String::new();
    for (at, segment) in passing.path.split('/').skip(1).enumerate() {
        path.push('/');
        if at == 0 {
            let (provider, id) = read(&paths::decoded(segment))?;
            path.push_str(&id);
            owner = Some(provider);
        } else {
            path.push_str(segment);
        }
    }
    if names_input(request.operation, &request.method, &passing)
        && let Some(place) = request.fields.find(&request.body, INPUT).map_err(Cause::Json)?
    {
        let marked = request.body.get(place.clone()).and_then(|id| serde_json::from_slice::<String>(id).ok());
        let (provider, id) = read(&marked.ok_or_else(|| wrong(INPUT, "must be the id of a file"))?)?;
        let mut splice = Splice::default();
        splice.replace(place, quoted(&id));
        request.body = splice.apply(&request.body).concat().into();
        owner = Some(provider);
    }
    let owner = match owner {
        Some(owner) => owner,
        None => named(request, gateway)?,
    };
    request.query = query(request.query.as_deref(), |marked| read(marked).map(|(_, id)| id))?;
    (passing.provider, passing.path) = (owner, path.into());
    request.passing = Some(passing);
    Ok(())
}

/// Whether a request's body says what is to be used of what is kept: that of a new batch names its input.
pub(crate) fn names_input(operation: Operation, method: &Method, passing: &Passing) -> bool {
    operation == Operation::Batches && *method == Method::POST && passing.path.is_empty()
}

/// Whether a request brings a file that may hold those of a batch. In some languages they come with it instead.
pub(crate) fn may_be_batched(request: &Request) -> bool {
    let is_upload = request.operation == Operation::Files && request.method == Method::POST;
    let is_new = request.passing.as_ref().is_some_and(|passing| passing.path.is_empty());
    is_upload && is_new && request.dialect.file_names().in_lines
}

/// Whether a request asks for everything that a provider keeps for the gateway's account, whosever it is.
pub(crate) fn asks_for_all(request: &Request, passing: &Passing) -> bool {
    passing.path.is_empty() && request.method != Method::POST
}

/// Whether the answer describes what is kept; what callers have put there is theirs as it is.
pub(crate) fn is_described(passing: &Passing) -> bool {
    !passing.path.ends_with("/content") && !passing.path.ends_with("/results")
}

fn wrong(field: &str, problem: &str) -> Cause {
    Cause::Decode(DecodeError::Field { field: field.to_owned(), problem: problem.to_owned() })
}

/// The provider that the caller names, or the only one that keeps such things.
fn named(request: &Request, gateway: &Gateway) -> Result<ProviderName, Cause> {
    let offers = |provider: &ProviderName| {
        let destination = gateway.directory.find(provider);
        destination
            .is_some_and(|destination| destination.own_endpoint(request.dialect, request.operation).is_some())
    };
    let in_query = request.head().parameter(PROVIDER_PARAMETER).map(paths::decoded);
    let in_header = request.headers.get(PROVIDER).and_then(|value| value.to_str().ok());
    let mut all: Vec<_> =
        gateway.directory.iter().map(|found| &found.name).filter(|name| offers(name)).collect();
    all.sort_unstable();
    if let Some(name) = in_header.map(str::to_owned).or(in_query) {
        let known = all.into_iter().find(|known| known.as_str() == name);
        return known.cloned().ok_or(Cause::NotOffered(request.operation));
    }
    match all.as_slice() {
        [only] => Ok((*only).clone()),
        [] => Err(Cause::NotOffered(request.operation)),
        several => {
            let several: Vec<_> = several.iter().map(|name| name.as_str()).collect();
            let problem = format!("must name one of {}", several.join(", "));
            Err(Cause::Decode(DecodeError::Header { header: PROVIDER, problem }))
        }
    }
}

/// The query with the provider's own ids, and without the provider's name.
fn query(
    query: Option<&str>,
    read: impl Fn(&str) -> Result<String, Cause>,
) -> Result<Option<Box<str>>, Cause> {
    let Some(query) = query else { return Ok(None) };
    let mut pieces = Vec::new();
    for piece in query.split('&') {
        let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
        let name = paths::decoded(name).to_ascii_lowercase();
        if CURSORS.contains(&&*name) {
            pieces.push(format!("{name}={}", paths::encoded(&read(&paths::decoded(value))?)));
        } else if name != PROVIDER_PARAMETER {
            pieces.push(piece.to_owned());
        }
    }
    Ok(Some(pieces.join("&").into()))
}

/// The way of an answer whose ids become the caller's.
pub(crate) struct Renamed {
    pub(crate) marks: Arc<Marks>,
    pub(crate) provider: ProviderName,
    pub(crate) tenant: Tenant,
    /// The path of the operation, below which results are.
    pub(crate) root: &'static str,
    pub(crate) tally: Tally,
}

impl Renamed {
    /// The new words for what is said of one thing.
    fn rename(&self, thing: Vec<Said>, splice: &mut Splice) {
        let mark = |id: &str| self.marks.mark(&self.provider, id, &self.tenant);
        // The provider's own address would be asked with the key for here.
        let id = thing.iter().find(|said| said.name == ID).map(|said| mark(&said.text)).unwrap_or_default();
        let here = format!("{}/{id}/results", self.root);
        for Said { name, text, span } in thing {
            splice.replace(span, quoted(if name == RESULTS { here.clone() } else { mark(&text) }.as_str()));
        }
    }
}

impl Conduit for Renamed {
    fn push(&mut self, frame: Frame, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        self.tally.has_content = true;
        let body = match frame {
            Frame::Event(event) => event.raw,
            Frame::Whole(body) => body,
        };
        let things = dialects::described(&body, NAMED).map_err(|error| {
            Fault::new(
                FaultKind::Unreadable,
                format!("the provider's answer is not as it should be: {error}"),
            )
        })?;
        let mut splice = Splice::default();
        for thing in things {
            self.rename(thing, &mut splice);
        }
        out.extend(splice.apply(&body));
        Ok(())
    }

    fn end(&mut self, _out: &mut Vec<Bytes>) -> Result<(), Fault> {
        self.tally.is_complete = true;
        Ok(())
    }

    fn tally(&self) -> &Tally {
        &self.tally
    }
}
