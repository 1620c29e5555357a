from __future__ import annotations

import anyio
import anyio.lowlevel
import pytest
from canaries import KEY

from agentkit.errors import AuthenticationError, ConfigurationError, OverloadedError
from agentkit.providers.tokens import Token, TokenSigner, token_fetcher
from agentkit.transport.protocol import HttpRequest

REQUEST = HttpRequest("POST", "https://example.com/", (("content-type", "application/json"),), b"{}")


class Source:
    """Counts; gives tokens that end after an hour of the clock's."""

    def __init__(self) -> None:
        self.now = 1_000_000.0
        self.fetched: list[str | None] = []
        self.fails = False

    async def __call__(self, old: Token | None) -> Token:
        await anyio.lowlevel.checkpoint()
        self.fetched.append(old.value if old else None)
        if self.fails:
            raise OverloadedError("no tokens now")
        return Token(f"{KEY}-{len(self.fetched)}", self.now + 3600)


async def token_of(signer: TokenSigner) -> str:
    signed = signer.sign(REQUEST)
    signed = signed if isinstance(signed, HttpRequest) else await signed
    return dict(signed.headers)["authorization"].removeprefix(f"Bearer {KEY}-")


@pytest.mark.anyio
async def test_a_token_is_fetched_once_for_all_concurrent_calls() -> None:
    source = Source()
    signer = TokenSigner(source, wall_clock=lambda: source.now)
    found: list[str] = []

    async def call() -> None:
        found.append(await token_of(signer))

    async with anyio.create_task_group() as group:
        for _ in range(100):
            group.start_soon(call)
    assert (found, source.fetched) == (["1"] * 100, [None])


@pytest.mark.anyio
async def test_a_token_is_renewed_before_it_ends() -> None:
    source = Source()
    signer = TokenSigner(source, wall_clock=lambda: source.now)
    assert await token_of(signer) == "1"
    source.now += 3600 - 226
    assert await token_of(signer) == "1"
    source.now += 2
    assert await token_of(signer) == "2"
    assert source.fetched == [None, f"{KEY}-1"]


@pytest.mark.anyio
async def test_a_token_that_holds_is_used_while_no_new_one_is_given() -> None:
    source = Source()
    signer = TokenSigner(source, wall_clock=lambda: source.now)
    await token_of(signer)
    source.now += 3500
    source.fails = True
    assert [await token_of(signer) for _ in range(3)] == ["1", "1", "1"]
    assert len(source.fetched) == 2  # asked again only after a while
    source.now += 100
    with pytest.raises(OverloadedError):
        await token_of(signer)


@pytest.mark.anyio
async def test_a_refused_token_is_renewed_once_however_many_calls_hear_of_it() -> None:
    source = Source()
    signer = TokenSigner(source, wall_clock=lambda: source.now)
    sent, refused, found = anyio.Semaphore(0), anyio.Event(), list[str]()

    async def call() -> None:
        await token_of(signer)
        sent.release()
        await refused.wait()
        await signer.renew()
        found.append(await token_of(signer))

    async with anyio.create_task_group() as group:
        for _ in range(10):
            group.start_soon(call)
        for _ in range(10):
            await sent.acquire()
        refused.set()
    assert (found, len(source.fetched)) == (["2"] * 10, 2)


@pytest.mark.anyio
async def test_a_cancelled_fetch_leaves_the_others_theirs() -> None:
    begun = anyio.Event()

    async def fetch(old: Token | None) -> Token:
        if not begun.is_set():
            begun.set()
            await anyio.sleep_forever()
        return Token(f"{KEY}-1")

    signer = TokenSigner(fetch)
    async with anyio.create_task_group() as group:
        scope = anyio.CancelScope()

        async def first() -> None:
            with scope:
                await token_of(signer)

        group.start_soon(first)
        await begun.wait()
        scope.cancel()
    assert await token_of(signer) == "1"


@pytest.mark.anyio
async def test_functions_and_objects_give_tokens() -> None:
    class Access:
        token = f" {KEY}\n"
        expires_on = 2_000_000_000

    class Credential:
        def get_token(self, *scopes: str) -> Access:
            assert scopes == ("scope",)
            return Access()

    class AsyncCredential:
        async def get_token(self, *scopes: str) -> Access:
            return Access()

    async def asked() -> str:
        return KEY

    for given in (lambda: KEY, asked, Credential(), AsyncCredential()):
        token = await token_fetcher(given, provider="azure", scope="scope")(None)
        assert token == Token(KEY, 2e9 if hasattr(given, "get_token") else None)
        assert KEY not in repr(token)


@pytest.mark.anyio
@pytest.mark.parametrize("given", [lambda: "", lambda: None, lambda: 1 / 0])
async def test_what_gives_no_token_is_an_error_of_authentication(given: object) -> None:
    with pytest.raises(AuthenticationError, match="the credentials gave no token"):
        await token_fetcher(given, provider="azure", scope="scope")(None)


@pytest.mark.anyio
async def test_what_can_give_no_token_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="credentials for azure are a int; give a token, a function"):
        token_fetcher(5, provider="azure", scope="scope")


def test_event_loops_share_a_token() -> None:
    source = Source()
    signer = TokenSigner(source, wall_clock=lambda: source.now)
    found = [anyio.run(token_of, signer, backend=backend) for backend in ("asyncio", "trio", "asyncio")]
    assert (found, source.fetched) == (["1", "1", "1"], [None])
    source.now += 3500
    assert anyio.run(token_of, signer, backend="trio") == "2"
