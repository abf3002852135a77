"""Prints the prices of the package genai-prices as JSON, by the names and units of LiteLLM's table.

The package keeps its data as Python code; what it would need to refresh itself is not wanted here.
"""

import json
import sys
import types

sys.path.insert(0, sys.argv[1])
sys.modules["httpx2"] = types.ModuleType("httpx2")

from genai_prices.data import providers  # noqa: E402
from genai_prices.types import ModelPrice, TieredPrices, TimeOfDateConstraint  # noqa: E402

# What both count, in its name there and its name in LiteLLM's table, and for how many of it the price is.
NAMES = {
    "input_mtok": ("input_cost_per_token", 1_000_000),
    "output_mtok": ("output_cost_per_token", 1_000_000),
    "cache_read_mtok": ("cache_read_input_token_cost", 1_000_000),
    "cache_write_mtok": ("cache_creation_input_token_cost", 1_000_000),
    "cache_write_5m_mtok": ("cache_creation_input_token_cost", 1_000_000),
    "cache_write_1h_mtok": ("cache_creation_input_token_cost_above_1hr", 1_000_000),
    "input_audio_mtok": ("input_cost_per_audio_token", 1_000_000),
    "output_audio_mtok": ("output_cost_per_audio_token", 1_000_000),
    "cache_audio_read_mtok": ("cache_read_input_audio_token_cost", 1_000_000),
    "input_image_mtok": ("input_cost_per_image_token", 1_000_000),
    "output_image_mtok": ("output_cost_per_image_token", 1_000_000),
    "requests_kcount": ("input_cost_per_request", 1_000),
}


def usual(model):
    """The prices that hold now, at the dearer time of the day."""
    if isinstance(model.prices, ModelPrice):
        return model.prices
    lasting = [p for p in model.prices if not isinstance(p.constraint, TimeOfDateConstraint)]
    return (lasting or model.prices)[-1].prices


def entry(model):
    found = {"mode": "chat"}
    if model.context_window:
        found["max_input_tokens"] = model.context_window
    for name, value in usual(model).__dict__.items():
        if value is None or name not in NAMES:
            continue
        key, count = NAMES[name]
        if isinstance(value, TieredPrices):
            for tier in value.tiers:
                found[f"{key}_above_{tier.start // 1000}k_tokens"] = float(tier.price) / count
            value = value.base
        found[key] = float(value) / count
    return found


table = {provider.id: {model.id: entry(model) for model in provider.models} for provider in providers}
json.dump(table, sys.stdout, sort_keys=True)
