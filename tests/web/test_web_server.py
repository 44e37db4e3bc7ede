"""The server: what each path answers, to whom, and how it starts and ends."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine
from web_state import AWAY, CANARY, fill, get, live

from syncd.health import Health
from syncd.store.database import now_ms, open_store
from syncd.store.tables import due, problem, run
from syncd.web.serve import Running, WebUnusable, start


@pytest.fixture
def engine(sqlite_url: str) -> Iterator[Engine]:
    engine = open_store(sqlite_url)
    fill(engine, now_ms())
    yield engine
    engine.dispose()


@pytest.fixture
def either(state_url: str) -> Iterator[Engine]:
    """A filled state on SQLite and on PostgreSQL, for answers that depend on what the database says."""
    engine = open_store(state_url)
    fill(engine, now_ms())
    yield engine
    engine.dispose()


@pytest.fixture
def health() -> Health:
    return live()


@pytest.fixture
def server(engine: Engine, health: Health) -> Iterator[Running]:
    running = start(engine, health, "127.0.0.1", 0)
    yield running
    running.stop()


def test_the_page_shows_trouble_refusals_problems_and_runs_in_words(server: Running) -> None:
    answer = get(server.url)
    assert (answer.status, answer.headers.get_content_type()) == (200, "text/html")
    for words in (
        "salesforce is in trouble",
        AWAY,
        "120 of 500",
        "2 missing, 1 stale",
        "the &lt;rep&gt;",
        "both changed name",
        "3 refused, 2 handed over",
        "still running",
    ):
        assert words in answer.text


def test_the_page_holds_nobodys_data_and_escapes_what_it_shows(server: Running) -> None:
    page = get(server.url).text
    assert CANARY not in page
    assert "Zuzana" not in page
    assert "&lt;and others&gt;" in page


def test_the_page_needs_no_other_host(server: Running) -> None:
    page = get(server.url).text
    assert "//" not in page.replace(server.url, "")
    for path in ("static/syncd.css", "static/fresh.js", "static/icon.svg"):
        assert path in page
        assert get(server.url, path).status == 200


def test_the_json_holds_the_pages_figures(server: Running) -> None:
    figures = json.loads(get(server.url, "status.json").text)
    assert (figures["handed_over"], figures["refused"], figures["in_review"]) == (2, 3, 2)


def test_health_does_not_depend_on_systems(server: Running) -> None:
    """A system that is away is no reason to restart the daemon."""
    answer = get(server.url, "healthz")
    assert (answer.status, json.loads(answer.text)) == (200, {"healthy": True, "reasons": []})


def test_readiness_names_the_system_that_is_away(server: Running, health: Health) -> None:
    answer = get(server.url, "readyz")
    assert (answer.status, json.loads(answer.text)) == (503, {"ready": False, "reasons": [f"salesforce: {AWAY}"]})
    health.polled("salesforce", calls=1)
    assert get(server.url, "readyz").status == 200


def test_metrics_count_what_waits_and_what_is_open(either: Engine, health: Health) -> None:
    running = start(either, health, "127.0.0.1", 0)
    try:
        lines = get(running.url, "metrics").text.splitlines()
    finally:
        running.stop()
    assert "syncd_due 2.0" in lines
    assert 'syncd_open_problems{kind="review"} 3.0' in lines
    assert 'syncd_system_up{system="salesforce"} 0.0' in lines


def test_a_store_that_fails_is_said_everywhere_and_stops_nothing(either: Engine, health: Health) -> None:
    """Health and page answer 503 with the reason; the metrics go on and show no number that is not known."""
    with either.begin() as connection:
        for table in (run, problem, due):
            table.drop(connection)
    running = start(either, health, "127.0.0.1", 0)
    try:
        answers = [get(running.url, path) for path in ("", "status.json", "healthz")]
        lines = get(running.url, "metrics").text.splitlines()
    finally:
        running.stop()
    for answer in answers:
        assert answer.status == 503
        assert "the state database cannot be read" in answer.text
        assert "SELECT" not in answer.text
    assert "syncd_due NaN" in lines
    assert not [line for line in lines if line.startswith("syncd_open_problems{")]


def test_a_state_in_trouble_by_its_own_word_is_not_healthy(server: Running, health: Health) -> None:
    health.store_trouble = "the disk is full"
    answer = get(server.url, "healthz")
    assert (answer.status, json.loads(answer.text)["reasons"]) == (503, ["the disk is full"])


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "10.0.0.7", ""])
def test_a_foreign_host_name_is_refused_everywhere(server: Running, host: str) -> None:
    """A page elsewhere that points a name of its own at us must not read us."""
    for path in ("", "metrics", "static/syncd.css"):
        answer = get(server.url, path, headers={"Host": host})
        assert answer.status == 421
        assert "syncd_due" not in answer.text


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8080", "127.0.0.1", "[::1]:8080"])
def test_the_names_of_this_machine_are_answered(server: Running, host: str) -> None:
    assert get(server.url, "healthz", headers={"Host": host}).status == 200


def test_on_every_address_any_address_is_answered_but_no_foreign_name(engine: Engine, health: Health) -> None:
    running = start(engine, health, "0.0.0.0", 0)
    try:
        own = socket.gethostname()
        statuses = [
            get(running.url, "healthz", headers={"Host": h}).status for h in ("10.0.0.7:80", own, "evil.example")
        ]
    finally:
        running.stop()
    assert statuses == [200, 200, 421]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_nothing_but_reading_is_allowed(server: Running, method: str) -> None:
    for path in ("", "status.json", "healthz", "metrics", "static/syncd.css"):
        assert get(server.url, path, method=method).status == 405


def test_every_answer_carries_the_security_headers(server: Running) -> None:
    for path, host in (
        ("", "localhost"),
        ("static/fresh.js", "localhost"),
        ("nowhere", "localhost"),
        ("", "evil.example"),
    ):
        headers = get(server.url, path, headers={"Host": host}).headers
        assert headers["Content-Security-Policy"].startswith("default-src 'self'; ")
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Server"] is None


def test_a_path_outside_the_static_folder_is_not_served(server: Running) -> None:
    assert get(server.url, "static/%2e%2e/serve.py").status == 404
    assert get(server.url, "static/../templates/status.html").status == 404


def test_many_readers_cost_one_reading(engine: Engine, server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty requests at once take the figures from one pass over the state."""
    from syncd.web import answers

    passes: list[float] = []
    true_read = answers.read_figures

    def counted(*args: object) -> object:
        passes.append(time.monotonic())
        return true_read(*args)

    monkeypatch.setattr(answers, "read_figures", counted)
    statuses: list[int] = []
    threads = [threading.Thread(target=lambda: statuses.append(get(server.url).status)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 20
    assert len(passes) == 1


def test_a_port_in_use_is_one_sentence_with_the_remedy(sqlite_url: str) -> None:
    engine = open_store(sqlite_url)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(WebUnusable) as refusal:
            start(engine, Health(), "127.0.0.1", port)
    engine.dispose()
    assert str(refusal.value) == (
        f"the status page cannot be served on 127.0.0.1:{port}: another process uses that port, perhaps a syncd that "
        "still runs; syncd did not start. Name another host:port under `web.listen` in the config, or set "
        "`web.enabled: false`"
    )


@pytest.mark.parametrize(
    ("host", "reason"),
    [("192.0.2.1", "does not have that address"), ("no-such-host.invalid", "knows no address called")],
)
def test_a_host_that_is_not_here_is_named_with_the_remedy(sqlite_url: str, host: str, reason: str) -> None:
    engine = open_store(sqlite_url)
    with pytest.raises(WebUnusable, match=reason) as refusal:
        start(engine, Health(), host, 8080)
    engine.dispose()
    assert f"{host}:8080" in str(refusal.value)
    assert "`web.listen`" in str(refusal.value)


def test_stopping_frees_the_port_and_ends_the_thread(sqlite_url: str) -> None:
    engine = open_store(sqlite_url)
    running = start(engine, Health(), "127.0.0.1", 0)
    port = int(running.url.rsplit(":", 1)[1].strip("/"))
    idle = socket.create_connection(("127.0.0.1", port))  # an open connection must not hold us up
    began = time.monotonic()
    running.stop()
    running.stop()
    idle.close()
    assert time.monotonic() - began < 15
    assert not [thread for thread in threading.enumerate() if thread.name == "web"]
    again = start(engine, Health(), "127.0.0.1", port)
    assert get(again.url, "healthz").status == 200
    again.stop()
    engine.dispose()
