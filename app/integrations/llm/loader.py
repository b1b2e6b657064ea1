"""The one place that imports LiteLLM: it takes seconds and 170 MB, so it happens once, in a worker, on demand."""

import os
import threading
from collections.abc import Callable
from functools import lru_cache
from types import ModuleType

_lock = threading.Lock()


def litellm() -> ModuleType:
    """The imported and configured module. Blocks for seconds the first time: call `warm` at boot."""
    with _lock:
        return _load()


def loaded() -> ModuleType | None:
    """The module if it is there already; never blocks."""
    return _load() if _load.cache_info().currsize else None


@lru_cache(maxsize=1)
def _load() -> ModuleType:
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # or the import asks the network for prices
    os.environ.setdefault("LITELLM_LOG", "ERROR")
    import litellm as module

    module.telemetry = False
    module.suppress_debug_info = True
    module.drop_params = True  # a model that knows no temperature is called without one
    module.disable_streaming_logging = True  # its copy of each streamed answer costs more than the call
    loaded: ModuleType = module
    return loaded


def warm(then: Callable[[], None]) -> threading.Thread:
    """Import in the background and make one pretended call, so that the first run waits for neither."""
    thread = threading.Thread(target=_warm, args=(then,), name="warm-litellm", daemon=True)
    thread.start()
    return thread


def _warm(then: Callable[[], None]) -> None:
    hello = [{"role": "user", "content": "hello"}]
    module = litellm()
    module.completion(model="openai/warm", messages=hello, mock_response="hello", api_key="none")
    module.openai.AsyncOpenAI(api_key="none").chat.completions  # noqa: B018 - loads the SDK's resources
    then()
