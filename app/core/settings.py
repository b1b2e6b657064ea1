"""Every setting of every process, read once from the environment (and from `.env` beside the code).

No secret has a default: the embedded mode generates them into `DATA_DIR`, everyone else must give them.
`docs/settings.md` lists the variables; a test keeps the two lists equal.
"""

from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from app.errors import AppError

_DRIVER = "postgresql+psycopg://"


class SettingsError(AppError):
    """The environment cannot be used. `context["variables"]` maps each variable to what is wrong with it."""

    code, status = "settings.unusable", 500


class SecretKey(NamedTuple):
    """One key of the ring. The first of the ring signs and encrypts; all of them verify and decrypt."""

    kid: str
    key: str


class WorkerSettings(BaseModel):
    """How a worker process behaves: `WORKER_PROCESSES`, `WORKER_THREADS` and so on."""

    processes: Annotated[int, Field(ge=1, le=64)] = 1
    threads: Annotated[int, Field(ge=1, le=256)] = 4
    runs: Annotated[int, Field(ge=1, le=10_000, description="Runs one process drives at once.")] = 1_000
    workspace_runs: Annotated[
        int,
        Field(ge=1, le=10_000, description="Runs of one workspace driven at once, in the whole instance."),
    ] = 128
    steps_per_run: Annotated[
        int, Field(ge=1, le=1_000, description="Steps of one run performed at once.")
    ] = 16
    poll_ms: Annotated[
        int, Field(ge=1, le=10_000, description="Longest sleep of idle threads; no message waits for it.")
    ] = 500
    lease_s: Annotated[float, Field(gt=0)] = 15
    heartbeat_s: Annotated[float, Field(gt=0)] = 5
    sweep_s: Annotated[float, Field(gt=0)] = 2


class RetentionSettings(BaseModel):
    """How long runs are kept after their end: `RETENTION_DAYS`, `RETENTION_SUMMARY_DAYS`. 0 keeps them for ever."""

    days: Annotated[int, Field(ge=0, description="Journals and large values.")] = 90
    summary_days: Annotated[int, Field(ge=0, description="What is left of a run after that.")] = 365


class Settings(BaseSettings):
    """The typed environment. An empty `database_url` or `redis_url` means: not given."""

    model_config = SettingsConfigDict(
        env_file=".env",
        extra="ignore",
        frozen=True,
        env_nested_delimiter="_",
        env_nested_max_split=1,
        env_ignore_empty=True,
    )

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 8000
    public_url: str = ""
    data_dir: Path = Path(".prometey")
    database_url: Annotated[str, Field(repr=False)] = ""
    database_pool: Annotated[int, Field(ge=1, le=500, description="Connections one process keeps.")] = 10
    redis_url: Annotated[str, Field(repr=False)] = ""
    secret_keys: Annotated[tuple[SecretKey, ...], NoDecode, Field(repr=False)] = ()
    http_allowed_hosts: Annotated[frozenset[str], NoDecode] = frozenset()
    demo_llm_url: str = ""
    embedded: Annotated[
        bool, Field(description="Set by `python -m app up` when it started the database.")
    ] = False
    log_level: Annotated[str, Field(pattern="^(debug|info|warning|error)$")] = "info"
    log_json: bool = False
    worker: WorkerSettings = WorkerSettings()
    retention: RetentionSettings = RetentionSettings()

    @field_validator("database_url")
    @classmethod
    def _name_the_driver(cls, url: str) -> str:
        scheme, found, rest = url.partition("://")
        if not url:
            return url
        if not found or scheme not in {"postgres", "postgresql", "postgresql+psycopg"}:
            raise ValueError("must look like postgresql://user:password@host:5432/name")
        return _DRIVER + rest

    @field_validator("redis_url")
    @classmethod
    def _redis_scheme(cls, url: str) -> str:
        if url and not url.startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("must look like redis://:password@host:6379/0")
        return url

    @field_validator("secret_keys", mode="before")
    @classmethod
    def _split_keys(cls, value: Any) -> Any:
        """`kid:key,kid:key`; the first signs. A key has at least 32 characters."""
        if not isinstance(value, str):
            return value
        keys = []
        for part in filter(None, (piece.strip() for piece in value.split(","))):
            kid, found, key = part.partition(":")
            if not found or not kid or len(key) < 32:
                raise ValueError("must be kid:key pairs separated by commas, each key at least 32 characters")
            keys.append(SecretKey(kid, key))
        return tuple(keys)

    @field_validator("http_allowed_hosts", mode="before")
    @classmethod
    def _split_hosts(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        return frozenset(filter(None, (host.strip().lower() for host in value.split(","))))

    @property
    def base_url(self) -> str:
        """The address people reach this instance under, without a slash at the end."""
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")

    def require(self, *names: str) -> None:
        """Refuse to go on without these settings (by default all a serving process needs)."""
        wanted = names or ("database_url", "redis_url", "secret_keys")
        missing = {name.upper(): "is not set" for name in wanted if not getattr(self, name)}
        if missing:
            raise SettingsError(variables=missing)


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """The settings of this process. Raises `SettingsError` naming every unusable variable."""
    try:
        return Settings()
    except ValidationError as error:
        raise SettingsError(
            variables={
                "_".join(map(str, e["loc"])).upper(): str(e["msg"]).removeprefix("Value error, ")
                for e in error.errors()
            }
        ) from None
