//! One question in any language, and the path that it is asked at.

use dialects::{Conversational, Route, Streams};
use testkit::Received;
use types::Operation;
use types::conversation::{
    Content, Conversation, Delivery, Extras, Message, OutputFormat, Role, Sampling, Target,
};

/// The path at which this model is asked in this language.
pub(crate) fn path(caller: &dyn Conversational, model: &str, is_streamed: bool) -> String {
    let fits = |route: &&Route| match route.streams {
        Streams::Always => is_streamed,
        Streams::AsAsked => true,
        Streams::Never => !is_streamed,
    };
    let mut routes = caller.routes().iter().filter(|route| route.operation == Operation::Chat);
    let path = routes.find(fits).unwrap().path;
    if !path.contains("{model}") {
        return path.to_owned();
    }
    // Where the path says the model, the query says the form of a stream.
    let name = model.replace('%', "%25").replace('?', "%3F");
    format!("{}?alt=sse", path.replace("{model}", &name))
}

/// A short question.
pub(crate) fn body(caller: &dyn Conversational, model: &str, is_streamed: bool) -> String {
    let message = Message { role: Role::User, content: vec![Content::text("hi")], name: None };
    let conversation = Conversation {
        model: model.into(),
        messages: vec![message],
        prompt_is_apart: false,
        tools: Vec::new(),
        tool_choice: None,
        parallel_tool_calls: None,
        sampling: Sampling { max_tokens: Some(64), ..Sampling::default() },
        reasoning: None,
        format: OutputFormat::Text,
        delivery: if is_streamed { Delivery::Stream { include_usage: true } } else { Delivery::Whole },
        user: None,
        extras: Extras { dialect: Some(caller.id()), fields: Vec::new() },
    };
    let target = Target { model: model.into(), max_output_tokens: None, quirks: [].into(), strict: false };
    let encoded = caller.encode_request(&conversation, &target).unwrap();
    String::from_utf8(encoded.body.concat()).unwrap()
}

/// The model that a provider was asked for, wherever the request names it.
pub(crate) fn model(request: &Received) -> String {
    if let Some(model) = request.json()["model"].as_str() {
        return model.to_owned();
    }
    let named = [("/models/", ':'), ("/model/", '/')].into_iter().find_map(|(before, after)| {
        let (_, rest) = request.path.split_once(before)?;
        rest.rsplit_once(after)
    });
    named.map_or_else(String::new, |(model, _)| model.replace("%2F", "/").replace("%2f", "/"))
}
