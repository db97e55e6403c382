"""Who may ask, and for what: no token, no permission, paths that lead out, input that is wrong, many at once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from jupyter_server.auth import Authorizer
from tornado.httpclient import HTTPClientError
from traitlets.config import Config

from jupyter_mlsc.server.contract import ROUTES, Route
from tests.conftest import Person
from tests.server.conftest import Asked

BODIES: dict[str, dict[str, Any]] = {
    "verify_by_post": {"path": "data/train.csv"},
    "sign": {"paths": ["data/train.csv"]},
    "review": {"path": "data/train.csv", "decision": "approve", "note": "x"},
    "revoke": {"path": "data/train.csv", "why": "x"},
    "override": {"path": "data/train.csv", "why": "x", "until": "2999-01-01"},
    "initialize": {"path": "sub"},
    "unlock": {"passphrase": "a guess"},
}
QUERIES: dict[str, dict[str, Any]] = {"runs": {"path": "work.ipynb"}, "verify": {"path": "data/train.csv"}}


def written(route: Route) -> str:
    """The route's path with its parameters filled in."""
    return route.path.format(digest="sha256:" + "0" * 64, index="0")


async def call(ask: Asked, route: Route, **more: Any) -> tuple[int, Any]:
    return await ask(route.method, written(route), BODIES.get(route.operation), **QUERIES.get(route.operation, {}), **more)


async def test_nobody_without_a_token_is_answered(served: Person, ask: Asked) -> None:
    before = served.project.books.ledger.size  # type: ignore[union-attr]

    for route in ROUTES:
        code, problem = await call(ask, route, headers={"Authorization": "token wrong"})

        assert (code, problem["code"]) == (403, "forbidden"), route.operation
    assert served.project.books.ledger.size == before  # type: ignore[union-attr]


async def test_the_documents_need_a_token_too(served: Person, jp_serverapp: Any, jp_fetch: Any) -> None:
    for path in ("openapi.json", "docs", "nothing-here"):
        with pytest.raises(HTTPClientError) as refused:
            await jp_fetch("mlsc", "api", path, headers={"Authorization": "token wrong"}, follow_redirects=False)

        assert refused.value.code in (302, 403), path


class Readers(Authorizer):
    """Lets everybody read, and nobody write; asked about another resource, it lets nobody do anything."""

    asked: list[tuple[str, str]] = []

    def is_authorized(self, handler: Any, user: Any, action: str, resource: str) -> bool:
        self.asked.append((action, resource))
        return resource == "mlsc" and action == "read"


class Nobody(Readers):
    """Lets nobody do anything."""

    def is_authorized(self, handler: Any, user: Any, action: str, resource: str) -> bool:
        super().is_authorized(handler, user, action, resource)
        return False


class TestAuthorization:
    @pytest.fixture(params=[Readers, Nobody])
    def authorizer(self, request: pytest.FixtureRequest) -> type[Readers]:
        chosen: type[Readers] = request.param
        chosen.asked = []
        return chosen

    @pytest.fixture
    def jp_server_config(self, authorizer: type[Readers]) -> Config:
        return Config(
            {
                "ServerApp": {
                    "jpserver_extensions": {"jupyter_mlsc": True},
                    "allow_unauthenticated_access": False,
                    "authorizer_class": authorizer,
                }
            }
        )

    async def test_each_route_asks_the_authorizer_for_its_action_on_mlsc(self, served: Person, ask: Asked, authorizer: type[Readers]) -> None:
        before = served.project.books.ledger.size  # type: ignore[union-attr]
        for route in ROUTES:
            authorizer.asked.clear()
            code, told = await call(ask, route)

            assert authorizer.asked == [(route.action, "mlsc")], route.operation
            may = authorizer is Readers and route.action == "read"
            assert (code == 403 and told["code"] == "forbidden") is not may, route.operation
        assert served.project.books.ledger.size == before  # type: ignore[union-attr]


OUTSIDE = [
    "../secret.csv",
    "data/../../secret.csv",
    "data/./train.csv",
    "/etc/passwd",
    "//etc/passwd",
    "..",
    "....//secret.csv/..",
    "data\\..\\..\\secret.csv",
    "C:/secret.csv",
    "C:secret.csv",
    "\\\\server\\share\\secret.csv",
    "data/train.csv\0",
    "data/tr\nain.csv",
    "RTC:../secret.csv",
    "RTC:/etc/passwd",
    "link-out/secret.csv",
    "link-to-secret.csv",
    ".mlsc/ledger.db",
    ".hidden/x.csv",
    "a" * 5000,
]


async def test_no_path_of_a_client_leaves_the_servers_folder(served: Person, ask: Asked) -> None:
    outside = served.root.parent / "outside"
    outside.mkdir()
    for place in (served.root.parent / "secret.csv", outside / "secret.csv"):
        place.write_text("secret")
    (served.root / "link-out").symlink_to(outside)
    (served.root / "link-to-secret.csv").symlink_to(outside / "secret.csv")
    (served.root / ".hidden").mkdir()
    (served.root / ".hidden/x.csv").write_text("secret")

    for path in OUTSIDE:
        answers = [await ask("GET", route, path=path) for route in ("status", "runs", "verify", "files", "log/checkpoint", "log/proof/0")]
        answers += [
            await ask("POST", "signatures", {"paths": [path]}),
            await ask("POST", "reviews", {"path": path, "decision": "approve", "note": "x"}),
            await ask("POST", "revocations", {"path": path, "why": "x"}),
            await ask("POST", "overrides", {"path": path, "why": "x", "until": "2999-01-01"}),
            await ask("POST", "init", {"path": path}),
            await ask("POST", "verify", {"path": path}),
        ]

        assert {code for code, _ in answers} <= {400, 403, 404}, path
        assert not any("digest" in told for _, told in answers), path
        assert {told["code"] for _, told in answers} <= {"usage", "artifact-missing", "access-denied"}, path


async def test_percent_encodings_are_undone_once(served: Person, ask: Asked) -> None:
    """What a client encodes twice is a name with percent signs, which no file has."""
    (served.root.parent / "secret.csv").write_text("secret")
    served.write("data/50%2e.csv", "a\n1\n")

    for path in ("%2e%2e/secret.csv", "..%2fsecret.csv", "%2e%2e%2fsecret.csv", "data/%252e%252e/x"):
        code, _ = await ask("GET", "verify", path=path)
        assert code in (403, 404), path
    code, told = await ask("GET", "verify", path="data/50%2e.csv")

    assert (code, told["artifacts"][0]["path"]) == (200, "data/50%2e.csv")


BAD = [
    ("GET", "runs", None, {}),
    ("GET", "runs", None, {"path": "data/train.csv"}),
    ("GET", "runs", None, {"path": "missing.ipynb"}),
    ("GET", "runs", None, {"path": "broken.ipynb"}),
    ("GET", "runs", None, {"path": "work.ipynb", "run": "none"}),
    ("GET", "status", None, {"pth": "x"}),
    ("GET", "log/checkpoint", None, {"since": "-1"}),
    ("GET", "log/checkpoint", None, {"since": "many"}),
    ("GET", "log/checkpoint", None, {"since": "99999"}),
    ("GET", f"lineage/sha256:{'0' * 64}", None, {"depth": "0"}),
    ("GET", f"lineage/sha256:{'0' * 64}", None, {"depth": "1000"}),
    ("GET", "artifacts/sha256:zz", None, {}),
    ("GET", "artifacts/md5:00", None, {}),
    ("GET", "log/proof/-1", None, {}),
    ("GET", "log/proof/01", None, {}),
    ("GET", "files", None, {"path": "data/train.csv"}),
    ("POST", "signatures", "{", {}),
    ("POST", "signatures", "[]", {}),
    ("POST", "signatures", {"paths": []}, {}),
    ("POST", "signatures", {"paths": ["data/train.csv"], "kind": "spell"}, {}),
    ("POST", "signatures", {"paths": ["data/train.csv"], "extra": 1}, {}),
    ("POST", "signatures", {"paths": ["mlsc.toml"]}, {}),
    ("POST", "signatures", {"paths": [""]}, {}),
    ("POST", "reviews", {"path": "work.ipynb", "decision": "maybe", "note": "x"}, {}),
    ("POST", "overrides", {"path": "data/train.csv", "why": "x", "until": "soon"}, {}),
    ("POST", "unlock", {"passphrase": ""}, {}),
    ("POST", "unlock", {}, {}),
]


async def test_what_is_wrong_is_told_in_the_one_shape(served: Person, ask: Asked) -> None:
    served.write("broken.ipynb", "{")

    for method, route, body, params in BAD:
        code, problem = await ask(method, route, body, **params)

        assert 400 <= code < 500, (route, body, params)
        assert set(problem) == {"code", "message", "next"}
        assert problem["message"]


async def test_a_body_of_another_type_or_too_long_is_refused(served: Person, ask: Asked) -> None:
    form, _ = await ask("POST", "unlock", "passphrase=x", headers={"Content-Type": "application/x-www-form-urlencoded"})
    long, _ = await ask("POST", "unlock", json.dumps({"passphrase": "x", "path": "y" * (1 << 20)}))

    assert (form, long) == (415, 413)


async def test_a_method_that_a_route_has_not_is_refused_with_those_it_has(served: Person, jp_fetch: Any, jp_serverapp: Any) -> None:
    with pytest.raises(HTTPClientError) as refused:
        await jp_fetch("mlsc", "api", "status", method="DELETE")

    assert refused.value.code == 405
    assert refused.value.response.headers["Allow"] == "GET"


async def test_a_write_with_a_cookie_needs_the_token_against_other_sites(
    served: Person, jp_serverapp: Any, jp_fetch: Any, jp_base_url: str, http_server_client: Any, jp_auth_header: dict[str, str]
) -> None:
    """A page of another site can send the person's cookie with a request and cannot read the `_xsrf` cookie."""
    import urllib.parse

    token = jp_auth_header["Authorization"].split()[1]
    login = await http_server_client.fetch(
        f"{jp_base_url}login?next=/",
        method="POST",
        body=urllib.parse.urlencode({"password": token, "_xsrf": "a"}),
        headers={"Cookie": "_xsrf=a"},
        follow_redirects=False,
        raise_error=False,
    )
    cookies = "; ".join(each.split(";")[0] for each in login.headers.get_list("Set-Cookie"))
    assert cookies, "the server gave a session"
    sent = {"Cookie": f"{cookies}; _xsrf=a", "Content-Type": "application/json"}
    body = json.dumps({"passphrase": "a guess"})

    read = await http_server_client.fetch(f"{jp_base_url}mlsc/api/status", headers={**sent, "Referer": "http://elsewhere.example/"}, raise_error=False)
    forged = await http_server_client.fetch(f"{jp_base_url}mlsc/api/unlock", method="POST", body=body, headers=sent, raise_error=False)
    own = await http_server_client.fetch(f"{jp_base_url}mlsc/api/unlock", method="POST", body=body, headers={**sent, "X-XSRFToken": "a"}, raise_error=False)

    assert (forged.code, json.loads(forged.body)["code"]) == (403, "forbidden")
    assert (own.code, json.loads(own.body)["code"]) == (423, "key-unavailable")
    assert read.code in (200, 403, 404)


async def test_two_hundred_clients_at_once_are_all_answered(served: Person, ask: Asked) -> None:
    routes: list[Callable[[], Awaitable[tuple[int, Any]]]] = [
        lambda: ask("GET", "runs", path="work.ipynb"),
        lambda: ask("GET", "status", path="work.ipynb"),
        lambda: ask("GET", "verify", path="data/train.csv"),
        lambda: ask("GET", "log/checkpoint"),
        lambda: ask("GET", "files", path="data"),
    ]

    answers = await asyncio.gather(*(routes[number % len(routes)]() for number in range(200)))

    assert {code for code, _ in answers} == {200}
    runs = [told for _, told in answers if "headline" in told]
    assert len(runs) == 40
    assert {json.dumps(told["rows"]) for told in runs} == {json.dumps(runs[0]["rows"])}


async def test_the_loop_answers_while_a_large_file_is_hashed(served: Person, ask: Asked, jp_fetch: Any) -> None:
    place = served.root / "data/large.bin"
    with place.open("wb") as file:
        file.truncate(1 << 28)  # 256 MiB, hashed for some tenths of a second
    hashing = asyncio.ensure_future(ask("GET", "verify", path="data/large.bin"))
    answered = 0
    while not hashing.done():
        await jp_fetch("api", "status")
        answered += 1

    assert (await hashing)[0] == 200
    assert answered > 3
