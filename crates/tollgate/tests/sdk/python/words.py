"""What is asked, and what the built-in model must answer to it."""

import json
import os

URL = os.environ["TOLLGATE_URL"]
KEY = os.environ["TOLLGATE_KEY"]
LIMITED_URL = os.environ["TOLLGATE_LIMITED_URL"]
LIMITED_KEY = os.environ["TOLLGATE_LIMITED_KEY"]

SYSTEM = "Answer in one sentence."
HELLO = "Hello from Tollgate. You said: hi"
# The model's first twenty words of reasoning.
THOUGHT = (
    "the gateway stands between those who ask and those who answer and keeps count of what passes the gateway stands"
)
SIGNATURE = "mock-signature-20"
# A picture counts for as many tokens.
IMAGE_TOKENS = 85
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

WEATHER = {
    "type": "object",
    "properties": {
        "city": {"type": "string"},
        "days": {"type": "integer", "minimum": 3},
        "unit": {"type": "string", "enum": ["celsius", "kelvin"]},
    },
    "required": ["city", "days", "unit"],
    "additionalProperties": False,
}
TIME = {"type": "object", "properties": {"zone": {"type": "string"}}, "required": ["zone"]}
# The name, the description, the schema, and the arguments that the model makes of the schema.
TOOLS = [
    ("get_weather", "The weather in a city.", WEATHER, {"city": "example", "days": 3, "unit": "celsius"}),
    ("get_time", "The time in a zone.", TIME, {"zone": "example"}),
]


def compact(value) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def tokens(text: str) -> int:
    """The model's own measure: words with the space before them."""
    return 1 + text[1:].count(" ") if text else 0


def tool_tokens() -> int:
    """What the definitions of both tools count for."""
    return sum((len(name) + len(about) + len(compact(schema))) // 4 + 1 for name, about, schema, _ in TOOLS)


def call_tokens(arguments: dict) -> int:
    return 1 + len(compact(arguments)) // 4


def seen(text: str) -> dict:
    """What a mirror received: path, headers and body."""
    return json.loads(text)
