"""The list of models: prices are known, filters filter, LiteLLM stays out of the web process."""

import subprocess
import sys

import pytest

from app.integrations.llm import prices
from app.services import models
from app.services.models import ModelFilter, editor_models, list_models


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    models._priced.cache_clear()


def test_the_demo_model_comes_first_and_says_what_it_is() -> None:
    first = list_models(ModelFilter()).models[0]
    assert (first.id, first.demo, first.available, first.input_cost) == ("demo/assistant", True, True, 0)


def test_prices_are_per_million_tokens() -> None:
    found = list_models(ModelFilter(search="gpt-4o-mini", provider="openai")).models
    mini = next(model for model in found if model.id == "gpt-4o-mini")
    assert (mini.input_cost, mini.output_cost, mini.context) == (0.15, 0.6, 128_000)
    assert mini.available


def test_filters_narrow_the_list() -> None:
    everything = list_models(ModelFilter(), limit=1)
    cheap = list_models(ModelFilter(max_input_cost=0.2, min_context=100_000, tools=True), limit=1000)
    assert 0 < cheap.total < everything.total
    assert all((model.input_cost or 0) <= 0.2 and (model.context or 0) >= 100_000 for model in cheap.models)


def test_available_means_that_the_key_is_there() -> None:
    mine = list_models(ModelFilter(available=True), limit=1000)
    assert {"demo", "openai"} <= set(mine.providers)
    assert "anthropic" not in mine.providers


def test_pages_follow_each_other() -> None:
    both = list_models(ModelFilter(), limit=4).models
    assert list_models(ModelFilter(), limit=2, offset=2).models == both[2:]


def test_the_editor_offers_what_can_be_called_and_what_could_be() -> None:
    ids = [model.id for model in editor_models()]
    assert ids[0] == "demo/assistant"
    assert {"gpt-4o-mini", "claude-haiku-4-5"} <= set(ids)


def test_no_price_list_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prices.importlib.util, "find_spec", lambda name: None)
    prices.price_list.cache_clear()
    assert prices.price_list() == {}
    monkeypatch.undo()
    prices.price_list.cache_clear()


def test_listing_models_does_not_import_litellm() -> None:
    code = (
        "import sys; from app.services.models import editor_models; editor_models();"
        "sys.exit('litellm' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
