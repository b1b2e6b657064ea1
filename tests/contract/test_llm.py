"""Both ways to a model against the real wire, through LiteLLM and past it: what a node gets, and what each failure
of a provider becomes.
"""

import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from app.capabilities import Completion, ModelRequest
from app.embedded.data_dir import free_port
from app.flows.node_type import ErrorKind, NodeError
from app.integrations.llm.client import LiteLlm
from app.integrations.llm.loader import litellm
from app.integrations.llm.stream import chunks_of, streamed

ROOT = Path(__file__).parents[2]
NAME = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    """The address of an OpenAI-compatible server with the scripted models."""
    port = free_port()
    argv = [sys.executable, "-m", "emulators.llm", "--port", str(port), "--test-models"]
    process = subprocess.Popen(argv, cwd=ROOT)
    url = f"http://127.0.0.1:{port}/v1"
    for _ in range(200):
        try:
            urllib.request.urlopen(f"{url}/models", timeout=1).close()
            break
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    yield url
    process.terminate()
    process.wait(10)


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_API_BASE", "OPENAI_BASE_URL", "ANTHROPIC_API_KEY"):
        monkeypatch.delenv(name, raising=False)


class Engines:
    """The engines of one test, all going one way; closed after it."""

    def __init__(self) -> None:
        self.direct, self.made = True, list[LiteLlm]()

    def __call__(self, url: str = "", idle_timeout_s: float = 20) -> LiteLlm:
        self.made.append(LiteLlm(url, idle_timeout_s, self.direct))
        return self.made[-1]


engine = Engines()


@pytest_asyncio.fixture(autouse=True, params=["direct", "litellm"])
async def _one_way(request: pytest.FixtureRequest) -> AsyncIterator[None]:
    engine.direct, engine.made = request.param == "direct", []
    yield
    for each in engine.made:
        await each.close()


def asked(model: str, text: str = "Hello there", **options: object) -> ModelRequest:
    return ModelRequest(model=model, messages=[{"role": "user", "content": text}], **options)  # type: ignore[arg-type]


async def refusal(provider: str, request: ModelRequest, idle_timeout_s: float = 20) -> NodeError:
    llm = engine(provider, idle_timeout_s).bind(lambda text: None, "run:node::1")
    with pytest.raises(NodeError) as caught:
        await llm.complete(request)
    return caught.value


async def test_streamed_text_is_the_answer(provider: str) -> None:
    pieces: list[str] = []
    answer = await engine(provider).bind(pieces.append).complete(asked("demo/echo", "one two three"))
    assert answer.text == "one two three" == "".join(pieces)
    assert len(pieces) == 3
    assert answer.model == "demo/echo"
    assert answer.prompt_tokens > 0
    assert answer.completion_tokens > 0
    assert answer.cost_usd == 0


async def test_a_stream_that_is_openais_already_is_read_directly(provider: str) -> None:
    """Three times the calls a second; see `chunks_of`."""
    response = await litellm().acompletion(
        model="openai/echo",
        api_base=provider,
        api_key="none",
        messages=[{"role": "user", "content": "one two"}],
        stream=True,
    )
    assert chunks_of(response) is not response
    assert (await streamed(chunks_of(response), lambda text: None, 5)).text == "one two"


async def test_an_unstreamed_answer_is_the_same(provider: str) -> None:
    streamed = await engine(provider).bind(lambda text: None).complete(asked("demo/bench"))
    whole = await engine(provider).bind().complete(asked("demo/bench"))
    assert streamed == whole


async def test_the_assistant_quotes_what_it_was_given(provider: str) -> None:
    messages = [
        {
            "role": "system",
            "content": "You help. Answer from the facts.\nWe open at 9:00.\nDelivery is free.",
        },
        {"role": "user", "content": "When do you open?"},
    ]
    answer = await engine(provider).bind().complete(ModelRequest("demo/assistant", messages))
    assert answer.text == "We open at 9:00."


async def test_a_model_of_the_price_list_costs_the_same_either_way(
    provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    price = {"input_cost_per_token": 0.01, "output_cost_per_token": 0.1, "litellm_provider": "openai"}
    monkeypatch.setitem(litellm().model_cost, "openai/bench", {**price, "mode": "chat"})
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    monkeypatch.setenv("OPENAI_API_BASE", provider)
    for emit in (None, lambda text: None):
        answer = await engine().bind(emit).complete(asked("openai/bench", "what does it cost"))
        expected = answer.prompt_tokens * 0.01 + answer.completion_tokens * 0.1
        assert answer.cost_usd == pytest.approx(expected)


async def test_environment_variables_of_a_provider_are_honoured(
    provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    monkeypatch.setenv("OPENAI_API_BASE", provider)
    answer = await engine().bind().complete(asked("openai/echo", "by the environment"))
    assert answer.text == "by the environment"
    assert answer.cost_usd is None


@pytest.mark.parametrize("model", ["gpt-4o-mini", "claude-haiku-4-5", "gemini/gemini-2.5-flash"])
async def test_other_providers_stream_through_litellm_and_have_a_price(
    model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY"):
        monkeypatch.setenv(name, "sk-test")
    pieces: list[str] = []
    request = asked(model, extra={"mock_response": "A canned answer, in pieces"})
    answer = await engine().bind(pieces.append).complete(request)
    assert answer.text == "A canned answer, in pieces" == "".join(pieces)
    assert answer.prompt_tokens > 0
    assert (answer.cost_usd or 0) > 0


async def test_an_answer_has_the_shape_of_the_schema(provider: str) -> None:
    request = asked("demo/assistant", "Hi, my name is Ann Lee.", output_schema=NAME)
    answer = await engine(provider).bind(lambda text: None).complete(request)
    assert answer.json == {"name": "Ann Lee"}


async def test_an_answer_that_is_no_json_is_refused_after_a_repair(provider: str) -> None:
    error = await refusal(provider, asked("demo/not-json", output_schema=NAME))
    assert (error.kind, error.code) == (ErrorKind.UPSTREAM, "model.bad_answer")
    assert "not JSON" in error.context["reason"]


async def test_a_bad_answer_is_repaired_once_and_both_calls_are_paid(provider: str) -> None:
    asked_once = (
        await engine(provider).bind().complete(asked("demo/echo", '{"name": "Ann"}', output_schema=NAME))
    )
    repaired = await engine(provider).bind().complete(asked("demo/repairs", output_schema=NAME))
    assert repaired.json == asked_once.json == {"name": "Ann"}
    assert repaired.completion_tokens > asked_once.completion_tokens


async def test_tool_calls_are_put_together_from_a_stream(provider: str) -> None:
    tool = {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "Weather in a city",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
        },
    }
    request = asked("demo/assistant", "What is the weather in Paris?", extra={"tools": [tool]})
    answer: Completion = await engine(provider).bind(lambda text: None).complete(request)
    assert answer.tool_calls[0]["function"] == {"name": "get_weather", "arguments": '{"city": "Paris"}'}
    assert answer.finish_reason == "tool_calls"


@pytest.mark.parametrize(
    ("model", "kind", "code"),
    [
        ("demo/error-401", ErrorKind.AUTH, "model.key_rejected"),
        ("demo/error-404", ErrorKind.INVALID_INPUT, "model.unknown_model"),
        ("demo/nobody-knows", ErrorKind.INVALID_INPUT, "model.unknown_model"),
        ("demo/error-400", ErrorKind.INVALID_INPUT, "model.bad_request"),
        ("demo/error-429", ErrorKind.RATE_LIMITED, "model.rate_limited"),
        ("demo/error-500", ErrorKind.UPSTREAM, "model.unavailable"),
        ("demo/error-503", ErrorKind.UPSTREAM, "model.unavailable"),
        ("demo/error-context", ErrorKind.INVALID_INPUT, "model.context_too_long"),
        ("demo/refuse", ErrorKind.POLICY, "model.refused"),
        ("demo/empty", ErrorKind.UPSTREAM, "model.bad_answer"),
        ("demo/break-mid-stream", ErrorKind.UPSTREAM, "model.unavailable"),
    ],
)
async def test_each_failure_has_its_code(provider: str, model: str, kind: ErrorKind, code: str) -> None:
    error = await refusal(provider, asked(model))
    assert (error.kind, error.code) == (kind, code)
    assert error.context["model"] == model


async def test_a_rate_limit_says_when_to_come_back(provider: str) -> None:
    assert (await refusal(provider, asked("demo/error-429"))).retry_after_s == 7


@pytest.mark.parametrize("model", ["demo/hang", "demo/hang-mid-stream"])
async def test_a_hung_provider_times_out(provider: str, model: str) -> None:
    started = time.monotonic()
    error = await refusal(provider, asked(model), idle_timeout_s=0.5)
    assert (error.kind, error.code) == (ErrorKind.TIMEOUT, "model.timeout")
    assert time.monotonic() - started < 5


async def test_a_missing_key_names_the_variable(provider: str) -> None:
    for model, variable in (("gpt-4o-mini", "OPENAI_API_KEY"), ("claude-haiku-4-5", "ANTHROPIC_API_KEY")):
        error = await refusal(provider, asked(model))
        assert (error.kind, error.code, error.param) == (ErrorKind.AUTH, "model.missing_key", "model")
        assert error.context["env"] == variable


async def test_an_unknown_name_suggests_a_known_one(provider: str) -> None:
    error = await refusal(provider, asked("gtp-4o-mini"))
    assert error.code == "model.unknown_model"
    assert error.context["suggestion"] == "gpt-4o-mini"


async def test_the_demo_model_that_is_not_served_says_so() -> None:
    assert (await refusal("", asked("demo/assistant"))).code == "model.demo_off"


async def test_a_server_that_is_down_is_unavailable() -> None:
    error = await refusal(f"http://127.0.0.1:{free_port()}/v1", asked("demo/echo"))
    assert (error.kind, error.code) == (ErrorKind.UPSTREAM, "model.unavailable")


@pytest.mark.parametrize(
    "model", ["demo/error-429", "demo/error-401", "demo/break-mid-stream", "gpt-4o-mini"]
)
async def test_a_fallback_answers(provider: str, model: str) -> None:
    request = asked(model, "still here", fallbacks=("demo/error-500", "demo/echo"))
    answer = await engine(provider).bind(lambda text: None).complete(request)
    assert (answer.text, answer.model) == ("still here", "demo/echo")


async def test_when_all_fail_the_first_failure_is_told(provider: str) -> None:
    error = await refusal(provider, asked("demo/error-429", fallbacks=("demo/error-500",)))
    assert error.code == "model.rate_limited"
    assert error.context["fallbacks"] == "demo/error-500"
