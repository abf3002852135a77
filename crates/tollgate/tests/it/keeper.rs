//! A provider that keeps files, and batches whose requests it has answered at once: in the forms of OpenAI and, where a
//! request has its version header, of Anthropic.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use serde_json::{Value, json};
use testkit::{Received, Reply};

/// What each answer of a batch has used, as OpenAI says it.
const USED: (u64, u64) = (100, 10);

/// The same provider for all requests.
pub(crate) fn keeper() -> impl Fn(&Received) -> Reply + Send + Sync + 'static {
    let shelf = Mutex::new(Shelf::default());
    move |request| shelf.lock().unwrap_or_else(PoisonError::into_inner).answer(request)
}

#[derive(Default)]
struct Shelf {
    files: BTreeMap<String, File>,
    batches: BTreeMap<String, Value>,
    results: BTreeMap<String, String>,
}

struct File {
    name: String,
    purpose: String,
    content: Bytes,
}

impl Shelf {
    fn answer(&mut self, request: &Received) -> Reply {
        let path = request.path.split('?').next().unwrap_or_default();
        let parts: Vec<_> = path.trim_start_matches("/v1/").split('/').collect();
        let speaks_anthropic = !request.header("anthropic-version").is_empty();
        let answer = match (request.method.as_str(), parts.as_slice()) {
            ("POST", ["files"]) => self.store(request, speaks_anthropic),
            ("GET", ["files"]) => Some(self.list_of_files(speaks_anthropic)),
            ("GET", ["files", id, "content"]) => return self.content(id),
            ("GET", ["files", id]) => self.file(id, speaks_anthropic),
            ("DELETE", ["files", id]) => self.remove(id, speaks_anthropic),
            ("POST", ["batches"]) => self.begin(&request.json()),
            ("POST", ["messages", "batches"]) => self.begin_messages(&request.json()),
            ("GET", ["batches"] | ["messages", "batches"]) => Some(self.list_of_batches()),
            ("GET", ["messages", "batches", id, "results"]) => return self.result(id),
            ("GET" | "POST", ["batches", id, ..] | ["messages", "batches", id, ..]) => {
                self.batches.get(*id).cloned()
            }
            ("DELETE", ["messages", "batches", id]) => {
                self.batches.remove(*id).map(|_| json!({"id": id, "type": "message_batch_deleted"}))
            }
            _ => None,
        };
        answer.map_or_else(missing, |answer| Reply::json(200, answer.to_string()))
    }

    fn store(&mut self, request: &Received, speaks_anthropic: bool) -> Option<Value> {
        let text = String::from_utf8_lossy(&request.body);
        let name = text.split("filename=\"").nth(1)?.split('"').next()?.to_owned();
        let content =
            text.split("filename=\"").nth(1)?.split_once("\r\n\r\n")?.1.split("\r\n--").next()?.to_owned();
        let purpose = text
            .split("name=\"purpose\"\r\n\r\n")
            .nth(1)
            .map(|rest| rest.split("\r\n").next().unwrap_or_default());
        let purpose = purpose.unwrap_or_default().to_owned();
        let id = self.keep(name, purpose, content.into());
        self.file(&id, speaks_anthropic)
    }

    fn keep(&mut self, name: String, purpose: String, content: Bytes) -> String {
        let id = format!("file-{}", self.files.len() + 1);
        self.files.insert(id.clone(), File { name, purpose, content });
        id
    }

    fn file(&self, id: &str, speaks_anthropic: bool) -> Option<Value> {
        let File { name, purpose, content } = self.files.get(id)?;
        Some(if speaks_anthropic {
            json!({
                "id": id, "type": "file", "filename": name, "mime_type": "text/plain", "size_bytes": content.len(),
                "created_at": "2026-01-01T00:00:00Z", "downloadable": true,
            })
        } else {
            json!({
                "id": id, "object": "file", "bytes": content.len(), "created_at": 1_790_000_000_u64, "filename": name,
                "purpose": purpose, "status": "processed", "status_details": null, "expires_at": null,
            })
        })
    }

    fn list_of_files(&self, speaks_anthropic: bool) -> Value {
        let all: Vec<_> = self.files.keys().filter_map(|id| self.file(id, speaks_anthropic)).collect();
        let (first, last) = (self.files.keys().next(), self.files.keys().next_back());
        json!({"object": "list", "data": all, "first_id": first, "last_id": last, "has_more": false})
    }

    fn content(&self, id: &str) -> Reply {
        let found = self.files.get(id);
        found.map_or_else(missing, |file| Reply::bytes("application/octet-stream", file.content.clone()))
    }

    fn remove(&mut self, id: &str, speaks_anthropic: bool) -> Option<Value> {
        self.files.remove(id)?;
        Some(if speaks_anthropic {
            json!({"id": id, "type": "file_deleted"})
        } else {
            json!({"id": id, "object": "file", "deleted": true})
        })
    }

    /// A batch of a file of requests, all of which have been answered.
    fn begin(&mut self, asked: &Value) -> Option<Value> {
        let input = asked["input_file_id"].as_str()?;
        let lines = String::from_utf8(self.files.get(input)?.content.to_vec()).ok()?;
        let requests = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap_or_default());
        let answers = lines_of(requests.map(|request| answered(&request)));
        let count = lines.lines().count();
        let output = self.keep("output.jsonl".to_owned(), "batch_output".to_owned(), answers.into());
        let id = format!("batch_{}", self.batches.len() + 1);
        let batch = json!({
            "id": id, "object": "batch", "endpoint": asked["endpoint"], "input_file_id": input,
            "completion_window": "24h", "status": "completed", "output_file_id": output, "error_file_id": null,
            "created_at": 1_790_000_000_u64, "completed_at": 1_790_000_060_u64, "metadata": asked["metadata"],
            "request_counts": {"total": count, "completed": count, "failed": 0},
        });
        self.batches.insert(id, batch.clone());
        Some(batch)
    }

    /// A batch of messages, all of which have been answered.
    fn begin_messages(&mut self, asked: &Value) -> Option<Value> {
        let requests = asked["requests"].as_array()?;
        let answers = lines_of(requests.iter().map(answered_message));
        let id = format!("msgbatch_{}", self.batches.len() + 1);
        let batch = json!({
            "id": id, "type": "message_batch", "processing_status": "ended", "archived_at": null,
            "request_counts": {"processing": 0, "succeeded": requests.len(), "errored": 0, "canceled": 0, "expired": 0},
            "created_at": "2026-01-01T00:00:00Z", "expires_at": "2026-01-02T00:00:00Z",
            "ended_at": "2026-01-01T00:01:00Z", "cancel_initiated_at": null,
            "results_url": format!("https://far.invalid/v1/messages/batches/{id}/results"),
        });
        self.results.insert(id.clone(), answers);
        self.batches.insert(id, batch.clone());
        Some(batch)
    }

    fn list_of_batches(&self) -> Value {
        let all: Vec<_> = self.batches.values().collect();
        let (first, last) = (self.batches.keys().next(), self.batches.keys().next_back());
        json!({"object": "list", "data": all, "first_id": first, "last_id": last, "has_more": false})
    }

    fn result(&self, id: &str) -> Reply {
        let found = self.results.get(id);
        found.map_or_else(missing, |lines| Reply::bytes("application/x-jsonl", lines.clone()))
    }
}

fn missing() -> Reply {
    let error = json!({"type": "not_found_error", "message": "no such thing is kept here"});
    Reply::json(404, json!({"type": "error", "error": error}).to_string())
}

/// Values, each in a line.
fn lines_of(values: impl Iterator<Item = Value>) -> String {
    values.fold(String::new(), |lines, value| lines + &value.to_string() + "\n")
}

/// The line of an output file.
fn answered(request: &Value) -> Value {
    let (input, output) = USED;
    let model = &request["body"]["model"];
    let said = &request["body"]["messages"][0]["content"];
    json!({
        "id": "batch_req_1", "custom_id": request["custom_id"], "error": null,
        "response": {"status_code": 200, "request_id": "req_1", "body": {
            "id": "chatcmpl-1", "object": "chat.completion", "created": 1_790_000_001_u64, "model": model,
            "choices": [{"index": 0, "message": {"role": "assistant", "content": said}, "finish_reason": "stop"}],
            "usage": {
                "prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output,
                "prompt_tokens_details": {"cached_tokens": 20},
            },
        }},
    })
}

/// The line of a file of results.
fn answered_message(request: &Value) -> Value {
    let (input, output) = USED;
    json!({
        "custom_id": request["custom_id"],
        "result": {"type": "succeeded", "message": {
            "id": "msg_1", "type": "message", "role": "assistant", "model": request["params"]["model"],
            "content": [{"type": "text", "text": request["params"]["messages"][0]["content"]}],
            "stop_reason": "end_turn", "stop_sequence": null,
            "usage": {"input_tokens": input - 20, "cache_read_input_tokens": 20, "output_tokens": output},
        }},
    })
}
