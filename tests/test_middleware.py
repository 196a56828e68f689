"""What holds for every request and every answer, whichever door it goes through."""

import gzip
import ipaddress
import json
import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from django.conf import settings as django_settings
from django.test import Client, override_settings

from registry_site.logs import strike_out

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Response
    from pytest_django.fixtures import Settings

pytestmark = pytest.mark.urls("tests.site_urls")

PATHS = ["/fine", "/nowhere", "/forbidden", "/broken", "/locked", "/api/v1/nowhere", "/static/no"]


@pytest.fixture
def visitor() -> Client:
    """A client that shows the answer to a fault instead of raising it, and checks CSRF tokens."""
    return Client(raise_request_exception=False, enforce_csrf_checks=True)


@pytest.fixture
def signed_in(visitor: Client) -> Client:
    """Carries a session cookie; whose does not matter here."""
    visitor.cookies[django_settings.SESSION_COOKIE_NAME] = "a-session"
    return visitor


class TestHeaders:
    @pytest.mark.parametrize("path", PATHS)
    def test_every_answer_has_them(self, visitor: Client, path: str) -> None:
        headers = visitor.get(path).headers

        policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
        assert policy["default-src"] == policy["script-src"] == policy["style-src"] == "'self'"
        assert policy["img-src"] == "'self' data: blob:"
        assert policy["frame-ancestors"] == policy["base-uri"] == policy["object-src"] == "'none'"
        assert policy["form-action"] == "'self'"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Referrer-Policy"] == "same-origin"
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert "camera=()" in headers["Permissions-Policy"]
        assert len(headers["X-Request-ID"]) == 32

    @pytest.mark.parametrize("name", ["Accept", "Accept-Language", "Cookie", "X-Anything"])
    def test_a_very_long_one_is_refused_at_once(self, visitor: Client, name: str) -> None:
        for path in ("/fine", "/api/v1/nowhere"):
            answer = visitor.get(path, headers={name: "a/b;q=0.1," * 5000})
            assert answer.status_code == 431
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert visitor.get("/fine", headers={"X-Anything": "x" * 8000}).status_code == 200

    @pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://testserver.evil"])
    def test_no_other_site_is_let_in(self, visitor: Client, origin: str) -> None:
        for answer in (
            visitor.get("/fine", headers={"Origin": origin}),
            visitor.options("/write", headers={"Origin": origin}),
        ):
            assert not [name for name in answer.headers if name.startswith("Access-Control")]

    def test_content_may_be_sandboxed_further(self, visitor: Client) -> None:
        assert visitor.get("/content").headers["Content-Security-Policy"] == "sandbox"

    @pytest.mark.parametrize("path", PATHS[:-1])
    def test_no_shared_cache_keeps_an_answer(self, visitor: Client, path: str) -> None:
        headers = visitor.get(path).headers
        assert headers["Cache-Control"] == "private, no-store"
        assert {"Cookie", "Authorization"} <= set(headers["Vary"].split(", "))

    def test_a_view_cannot_make_a_private_answer_public(self, visitor: Client) -> None:
        assert visitor.get("/shared").headers["Cache-Control"] == "private, no-store"
        assert visitor.get("/content").headers["Cache-Control"] == "private, no-cache"


class TestCompression:
    def test_pages_are_compressed(self, visitor: Client) -> None:
        answer = visitor.get("/fine", headers={"Accept-Encoding": "gzip"})
        assert answer.headers["Content-Encoding"] == "gzip"
        assert b"many words" in gzip.decompress(answer.content)

    def test_content_goes_out_as_stored(self, visitor: Client) -> None:
        answer = visitor.get("/content", headers={"Accept-Encoding": "gzip"})
        assert "Content-Encoding" not in answer.headers


class TestMethodsAndHosts:
    @pytest.mark.parametrize("method", ["TRACE", "CONNECT", "TRACK", "FROBNICATE"])
    def test_other_methods_are_refused(self, visitor: Client, method: str) -> None:
        answer = visitor.generic(method, "/fine")
        assert answer.status_code == 405
        assert "GET" in answer.headers["Allow"]

    @pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "a b", "127.0.0.1@e"])
    @pytest.mark.parametrize("path", ["/fine", "/api/v1/fine", "/static/x.css", "/metrics"])
    def test_another_name_is_refused(self, visitor: Client, host: str, path: str) -> None:
        answer = visitor.get(path, headers={"Host": host})
        assert answer.status_code == 400
        assert host.encode() not in answer.content

    def test_it_is_refused_in_the_callers_dialect(self, visitor: Client) -> None:
        answer = visitor.get("/api/v1/fine", headers={"Host": "evil.example"})
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json()["code"] == "unknown_host"

    @pytest.mark.urls("registry_site.urls")
    @pytest.mark.parametrize("method", ["GET", "POST"])
    @pytest.mark.parametrize(
        "path",
        ["/api/2.0/mlflow/nothing", "/api/3.0/x", "/ajax-api/2.0/mlflow/x", "/get-artifact/x"],
    )
    def test_mlflow_is_told_in_its_words(self, visitor: Client, method: str, path: str) -> None:
        answer = visitor.generic(method, path)
        assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/json")
        assert answer.json()["error_code"] == "ENDPOINT_NOT_FOUND"
        assert answer.json()["message"]

    @pytest.mark.urls("registry_site.urls")
    @pytest.mark.parametrize("method", ["GET", "POST"])
    @pytest.mark.parametrize("path", ["/graphql/x", "/files/x", "/artifactsV2/a"])
    def test_wandb_is_told_in_its_words(self, visitor: Client, method: str, path: str) -> None:
        answer = visitor.generic(method, path)
        assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/json")
        (error,) = answer.json()["errors"]
        assert error["message"]

    @pytest.mark.urls("registry_site.urls")
    @pytest.mark.parametrize("path", ["/graphql-fans/x/y/z", "/artifacts-of-ours/x/y/z", "/apis/x"])
    def test_a_name_that_begins_alike_is_a_page(self, visitor: Client, path: str) -> None:
        assert visitor.get(path).headers["Content-Type"].startswith("text/html")

    @pytest.mark.urls("registry_site.urls")
    def test_liveness_answers_a_constant_to_any_name(self, visitor: Client) -> None:
        answer = visitor.get("/healthz", headers={"Host": "10.1.2.3:8000"})
        assert (answer.status_code, answer.content) == (200, b"ok\n")


class TestCrossSiteWrites:
    @pytest.mark.parametrize(
        "headers",
        [
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
            {"Sec-Fetch-Site": ""},
            {"Origin": "https://evil.example"},
            {"Origin": "null"},
            {"Origin": "http://testserver.evil.example"},
            {"Origin": "https://testserver"},
            {"Origin": "http://testserver", "Sec-Fetch-Site": "cross-site"},
        ],
    )
    @pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
    def test_are_refused(self, signed_in: Client, method: str, headers: dict[str, str]) -> None:
        answer = getattr(signed_in, method)("/write", headers=headers)
        assert answer.status_code == 403

    @pytest.mark.parametrize(
        "headers",
        [
            {},
            {"Origin": "http://testserver"},
            {"Origin": "http://testserver", "Sec-Fetch-Site": "same-origin"},
            {"Sec-Fetch-Site": "none"},
        ],
    )
    def test_our_own_pages_may_write(self, signed_in: Client, headers: dict[str, str]) -> None:
        assert signed_in.post("/write", headers=headers).status_code == 200

    def test_a_client_with_a_key_and_no_cookie_is_not_concerned(self, visitor: Client) -> None:
        answer = visitor.post("/write", headers={"Origin": "https://tool.example"})
        assert answer.status_code == 200

    @pytest.mark.django_db  # the page says who is signed in
    def test_djangos_token_is_asked_for_as_well(self, signed_in: Client) -> None:
        answer = signed_in.post("/guarded", headers={"Origin": "http://testserver"})
        assert answer.status_code == 403
        assert "form has expired" in answer.content.decode()

    def test_reading_is_free(self, signed_in: Client) -> None:
        assert signed_in.get("/fine", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200


class TestProxies:
    FORWARDED = {
        "X-Forwarded-For": "203.0.113.9, 198.51.100.7",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "evil.example",
    }

    def test_a_stranger_is_not_believed(self, visitor: Client) -> None:
        answer = visitor.post("/write", headers=self.FORWARDED)
        assert answer.json() == {"address": "127.0.0.1", "secure": False}

    def test_a_listed_proxy_is(self, visitor: Client, settings: "Settings") -> None:
        settings.TRUSTED_PROXIES = (ipaddress.ip_network("127.0.0.0/8"),)
        answer = visitor.post("/write", headers=self.FORWARDED)
        # Only the proxy's own entry, the last one, is more than hearsay.
        assert answer.json() == {"address": "198.51.100.7", "secure": True}

    def test_a_chain_of_listed_proxies_is_followed(
        self, visitor: Client, settings: "Settings"
    ) -> None:
        settings.TRUSTED_PROXIES = (
            ipaddress.ip_network("127.0.0.0/8"),
            ipaddress.ip_network("198.51.100.0/24"),
        )
        assert visitor.post("/write", headers=self.FORWARDED).json()["address"] == "203.0.113.9"

    def test_nonsense_in_the_chain_is_ignored(self, visitor: Client, settings: "Settings") -> None:
        settings.TRUSTED_PROXIES = (ipaddress.ip_network("127.0.0.0/8"),)
        answer = visitor.post("/write", headers={"X-Forwarded-For": "'; DROP TABLE x"})
        assert answer.json()["address"] == "127.0.0.1"


class TestFaults:
    @pytest.mark.parametrize("path", ["/locked", "/no_connection"])
    def test_a_busy_database_asks_to_come_back(self, visitor: Client, path: str) -> None:
        page, api = visitor.get(path), visitor.get(f"/api/v1{path}")

        assert (page.status_code, api.status_code) == (503, 503)
        assert page.headers["Retry-After"] == api.headers["Retry-After"] == "2"
        assert page.headers["Content-Type"].startswith("text/html")
        assert api.headers["Content-Type"] == "application/problem+json"
        assert api.json()["code"] == "busy"
        assert api.json()["request_id"] == api.headers["X-Request-ID"]

    def test_a_full_disk_is_said(self, visitor: Client) -> None:
        assert visitor.get("/disk_full").status_code == 507
        assert visitor.get("/api/v1/disk_full").json()["code"] == "storage_full"

    @pytest.mark.parametrize("path", ["/broken", "/missing_table"])
    def test_a_fault_of_ours_tells_nothing_but_its_id(self, visitor: Client, path: str) -> None:
        for answer in (visitor.get(path), visitor.get(f"/api/v1{path}")):
            text = answer.content.decode()
            assert answer.status_code == 500
            assert answer.headers["X-Request-ID"] in text
            for leak in ("Traceback", "SELECT", "/srv", "nowhere", ".py"):
                assert leak not in text

    def test_a_fault_is_logged_with_its_id_and_trace(
        self, visitor: Client, caplog: pytest.LogCaptureFixture
    ) -> None:
        answer = visitor.get("/broken")

        (record,) = [record for record in caplog.records if record.name == "fault"]
        assert record.__dict__["request_id"] == answer.headers["X-Request-ID"]
        assert record.exc_info
        assert record.exc_info[0] is RuntimeError

    def test_a_form_with_too_many_fields_is_refused_and_leaves_no_trace(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        visitor = Client(enforce_csrf_checks=True)
        visitor.cookies[django_settings.CSRF_COOKIE_NAME] = "a" * 32
        with override_settings(DATA_UPLOAD_MAX_NUMBER_FIELDS=10):
            answer = visitor.post("/guarded", {f"f{n}": "" for n in range(11)})
        assert answer.status_code == 400
        assert "too many fields" in answer.content.decode()
        assert [record for record in caplog.records if record.exc_info] == []

    def test_a_refusal_that_no_door_translated_keeps_its_kind(self, visitor: Client) -> None:
        page, api = visitor.get("/not_found"), visitor.get("/api/v1/not_found")
        assert (page.status_code, api.status_code) == (404, 404)
        assert "There is no such model." in page.content.decode()
        assert api.json()["detail"] == "There is no such model."
        assert visitor.get("/too_many").headers["Retry-After"] == "7"

    @pytest.mark.parametrize(
        ("path", "code", "status"), [("nowhere", "not_found", 404), ("forbidden", "forbidden", 403)]
    )
    def test_the_api_answers_in_json(
        self, visitor: Client, path: str, code: str, status: int
    ) -> None:
        answer = visitor.get(f"/api/v1/{path}")
        assert (answer.status_code, answer.json()["code"]) == (status, code)


class TestLog:
    @pytest.fixture
    def lines(self, caplog: pytest.LogCaptureFixture) -> Iterator[list[dict[str, object]]]:
        """What the access log writes, formatted as it is in production."""
        found: list[dict[str, object]] = []
        formatter = logging.getLogger().handlers[0].formatter or logging.Formatter()

        class Collector(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                text = formatter.format(record)
                assert "\n" not in text
                found.append(json.loads(text))

        handler = Collector()
        logger = logging.getLogger("access")
        logger.addHandler(handler)
        yield found
        logger.removeHandler(handler)

    def test_one_line_for_each_request(
        self, visitor: Client, lines: list[dict[str, object]]
    ) -> None:
        answer = visitor.get("/fine?page=2")

        (line,) = lines
        assert line["request_id"] == answer.headers["X-Request-ID"]
        assert (line["method"], line["path"], line["status"]) == ("GET", "/fine?page=2", 200)
        assert line["address"] == "127.0.0.1"

    def test_control_characters_stay_one_line(
        self, visitor: Client, lines: list[dict[str, object]]
    ) -> None:
        visitor.get("/x%0d%0aforged%1b[31m", headers={"User-Agent": "a\x1b[31mb"})
        assert len(lines) == 1

    def test_a_request_id_may_come_from_a_proxy_but_not_text(
        self, visitor: Client, lines: list[dict[str, object]]
    ) -> None:
        visitor.get("/fine", headers={"X-Request-ID": "abcdef12-3456"})
        visitor.get("/fine", headers={"X-Request-ID": 'a"b<script>'})
        assert lines[0]["request_id"] == "abcdef12-3456"
        assert "script" not in str(lines[1]["request_id"])

    @pytest.mark.parametrize(
        "text",
        [
            "/fine?api_key=hunter2secret&x=1",
            "/fine?access_token=hunter2secret",
            "/fine?X-Amz-Signature=hunter2secret",
            "/sign-in/hunter2secret",
            "Authorization: Bearer hunter2secret",
            f"key ms-{'hunter2secret' + 'A' * 27} was refused",
        ],
    )
    def test_secrets_are_struck_out(self, text: str) -> None:
        assert "hunter2secret" not in strike_out(text)

    def test_digests_and_names_stay(self) -> None:
        text = f"/team/project/artifacts/model/mnist/v3?sort=key&digest={'ab' * 32}"
        assert strike_out(text) == text


@pytest.mark.urls("registry_site.urls")
class TestProbes:
    @pytest.mark.django_db
    def test_ready_when_the_tables_are_there(self, visitor: Client) -> None:
        assert visitor.get("/readyz").content == b"ready\n"

    @pytest.mark.django_db
    def test_not_ready_while_the_content_store_is_away(
        self, visitor: Client, settings: "Settings", s3_endpoint: str
    ) -> None:
        settings.CONTENT, settings.S3_ENDPOINT = "s3://no-such-bucket", s3_endpoint
        assert visitor.get("/readyz").status_code == 200
        settings.S3_ENDPOINT = "http://127.0.0.1:1"
        answer = visitor.get("/readyz")
        assert (answer.status_code, answer.content) == (503, b"not ready\n")

    def test_figures_do_not_exist_without_a_token(self, visitor: Client) -> None:
        assert visitor.get("/metrics").status_code == 404

    def test_figures_are_for_the_token(self, visitor: Client, settings: "Settings") -> None:
        settings.METRICS_TOKEN = "collector"

        def get(given: str) -> "Response":
            return visitor.get("/metrics", headers={"Authorization": given})

        assert get("").status_code == get("Bearer collectoR").status_code == 401
        assert get("Bearer ключ").status_code == 401
        assert b"model_status_request_seconds_bucket" in get("Bearer collector").content
