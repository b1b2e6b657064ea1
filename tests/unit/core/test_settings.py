"""The environment is read once, typed, and refused with names when it cannot be used."""

import pytest

from app.core.settings import Settings, SettingsError, get_settings

KEY = "k" * 32


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    for name in (
        "DATABASE_URL",
        "REDIS_URL",
        "SECRET_KEYS",
        "PORT",
        "HOST",
        "PUBLIC_URL",
        "HTTP_ALLOWED_HOSTS",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path_factory.mktemp("nowhere"))
    get_settings.cache_clear()


def test_the_driver_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for given in ("postgres://a:b@c/d", "postgresql://a:b@c/d", "postgresql+psycopg://a:b@c/d"):
        monkeypatch.setenv("DATABASE_URL", given)
        assert Settings().database_url == "postgresql+psycopg://a:b@c/d"


def test_keys_rotate_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEYS", f"new:{KEY}, old:{KEY}")
    assert [key.kid for key in Settings().secret_keys] == ["new", "old"]


def test_nested_groups_and_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKER_POLL_MS", "20")
    monkeypatch.setenv("HTTP_ALLOWED_HOSTS", "Erp.internal, 10.0.0.5")
    settings = Settings()
    assert settings.worker.poll_ms == 20
    assert settings.http_allowed_hosts == {"erp.internal", "10.0.0.5"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "mysql://x"),
        ("DATABASE_URL", "just words"),
        ("REDIS_URL", "http://x"),
        ("SECRET_KEYS", "k1:short"),
        ("SECRET_KEYS", KEY),
        ("PORT", "70000"),
        ("WORKER_THREADS", "0"),
        ("LOG_LEVEL", "loud"),
    ],
)
def test_what_cannot_be_used_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as failure:
        get_settings()
    assert list(failure.value.context["variables"]) == [name]
    assert value not in str(failure.value.context) or value.isdigit()


def test_a_serving_process_needs_servers_and_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError) as failure:
        Settings().require()
    assert set(failure.value.context["variables"]) == {"DATABASE_URL", "REDIS_URL", "SECRET_KEYS"}
    monkeypatch.setenv("DATABASE_URL", "postgresql://a@b/c")
    monkeypatch.setenv("REDIS_URL", "redis://b")
    monkeypatch.setenv("SECRET_KEYS", f"k:{KEY}")
    Settings().require()


def test_secrets_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://a:word-one@b/c")
    monkeypatch.setenv("REDIS_URL", "redis://:word-two@b")
    monkeypatch.setenv("SECRET_KEYS", f"k:{KEY}")
    shown = repr(Settings())
    assert not any(secret in shown for secret in ("word-one", "word-two", KEY))


def test_the_address_people_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "8123")
    assert Settings().base_url == "http://127.0.0.1:8123"
    monkeypatch.setenv("PUBLIC_URL", "https://flows.example.com/")
    assert Settings().base_url == "https://flows.example.com"
