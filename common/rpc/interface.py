"""Declaring what a daemon can be asked over RabbitMQ, once.

    class Agent(Interface):
        topic = "compute-agent"

        @cast
        def reconcile(self, ctxt, server_ids: list[str]) -> None:
            "Look again at these servers."

        @call(timeout_s=30)
        def console_output(self, ctxt, server_id: str, lines: int | None) -> str:
            "The last lines of a server's console."

`client(Agent, transport)` has the same methods and sends messages; `server(Agent, impl, …)`
calls the methods of `impl`. An argument is a JSON value. A declared method has no body: its docstring is the contract.
"""

import copy
import functools
import inspect
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from typing import cast as type_cast

from oslo_context import context as oslo_context

from common import errors
from common.context import RequestContext
from common.rpc import transport as rpc_transport

LOG = logging.getLogger(__name__)
T = TypeVar("T", bound="Interface")
# a cast comes after its sender's commit: with the broker away it must not hold the request; whoever it was for looks anyway
_CAST_TRIES_MAX = 2


@dataclass(frozen=True)
class Method:
    """How a declared method travels: `kind` is call, cast or fanout; `timeout_s` holds for calls."""

    kind: str
    timeout_s: float = 60.0


class Interface:
    """Base of a declaration; `topic` names the queue, `version` the contract (major.minor)."""

    topic = ""
    version = "1.0"


def cast(function: Callable[..., Any]) -> Any:
    """Declare a method that pokes one receiver and waits for nothing."""
    function.__rpc__ = Method("cast")  # type: ignore[attr-defined]
    return function


def fanout(function: Callable[..., Any]) -> Any:
    """Declare a method that pokes every receiver of the topic."""
    function.__rpc__ = Method("fanout")  # type: ignore[attr-defined]
    return function


def call(timeout_s: float = 60.0) -> Callable[[Callable[..., Any]], Any]:
    """Declare a method that waits for an answer, at most `timeout_s`."""

    def mark(function: Callable[..., Any]) -> Any:
        function.__rpc__ = Method("call", timeout_s)  # type: ignore[attr-defined]
        return function

    return mark


def methods(interface: type[Interface]) -> dict[str, Method]:
    """The declared methods of an interface by name."""
    return {name: f.__rpc__ for name, f in inspect.getmembers(interface, inspect.isfunction) if hasattr(f, "__rpc__")}


@dataclass(frozen=True)
class _Parameters:
    """What a declared method takes after the context."""

    signature: inspect.Signature
    names: tuple[str, ...]
    needed: frozenset[str]

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """Arguments by name; TypeError when they are not those declared."""
        values = dict(zip(self.names, args, strict=False)) | kwargs
        if len(values) != len(args) + len(kwargs) or not self.needed <= values.keys() or not values.keys() <= set(self.names):
            self.signature.bind(None, None, *args, **kwargs)
        return values


def _parameters(function: Callable[..., Any]) -> _Parameters:
    signature = inspect.signature(function)
    given = list(signature.parameters.values())[2:]
    return _Parameters(signature, tuple(p.name for p in given), frozenset(p.name for p in given if p.default is p.empty))


class Client(Generic[T]):
    """Sends the messages of one interface. `to(host)` addresses one receiver; without it any takes the message."""

    def __init__(self, interface: type[T], transport: Any, server: str | None = None, timeout_s: float | None = None) -> None:
        import oslo_messaging

        self.interface, self.transport, self.server, self.timeout_s = interface, transport, server, timeout_s
        target = oslo_messaging.Target(topic=interface.topic, version=interface.version, server=server)
        self._client = oslo_messaging.get_rpc_client(transport, target, serializer=_serializer())
        self._methods = methods(interface)
        self._signatures = {n: _parameters(getattr(interface, n)) for n in self._methods}
        self._prepared: dict[str, Any] = {}
        self._addressed: dict[str, Client[T]] = {}

    def to(self, server: str) -> T:
        """The same interface, addressed to the receiver on host `server`."""
        known = self._addressed.get(server)
        if known is None:
            known = self._addressed[server] = self._like(server, self.timeout_s)
        return type_cast(T, known)

    def within(self, timeout_s: float) -> T:
        """The same interface, with another patience: a call made before the receiver is there is lost, so ask briefly
        and again."""
        return type_cast(T, self._like(self.server, timeout_s))

    def _like(self, server: str | None, timeout_s: float | None) -> "Client[T]":
        made = copy.copy(self)
        made.server, made.timeout_s, made._prepared, made._addressed = server, timeout_s, {}, {}
        return made

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in self._methods:
            raise AttributeError(name)
        return functools.partial(self._send, name, self._methods[name])

    def _prepare(self, method: Method) -> Any:
        to = {} if self.server is None else {"server": self.server}
        if method.kind == "call":
            patience_s = self.timeout_s or method.timeout_s
            return self._client.prepare(**to, timeout=patience_s, retry=_tries(patience_s))
        return self._client.prepare(**to, fanout=method.kind == "fanout", retry=_CAST_TRIES_MAX)

    def _send(self, name: str, method: Method, ctxt: RequestContext, *args: Any, **kwargs: Any) -> Any:
        import oslo_messaging

        values = self._signatures[name].bind(args, kwargs)
        prepared = self._prepared.get(name)
        if prepared is None:
            prepared = self._prepared[name] = self._prepare(method)
        try:
            if method.kind == "call":
                return prepared.call(ctxt, name, **values)
            prepared.cast(ctxt, name, **values)
            return None
        except oslo_messaging.RemoteError as e:
            raise _remote(e) from e
        except RuntimeError as e:
            raise RuntimeError(str(e).partition("\n")[0]) from e  # without the receiver's traceback, which is in its log
        except oslo_messaging.MessagingTimeout as e:
            raise errors.Transient(f"{self.interface.topic}.{name}: no answer") from e
        except oslo_messaging.MessageDeliveryFailure as e:
            raise errors.Transient(f"{self.interface.topic}.{name}: not sent: {_without_number(str(e))}") from e


def _tries(patience_s: float) -> int:
    """How often connecting to RabbitMQ may be tried again within that time, at 1, 3, 5, 5 ... seconds."""
    return 1 + int(patience_s / 5)


def _without_number(text: str) -> str:
    """oslo.messaging's words without its connection's random id, so that the same cause reads the same."""
    return text.partition("] ")[2] if text.startswith("[") else text


def client(interface: type[T], transport: Any) -> "Client[T]":
    """A client of `interface`; see Client."""
    return Client(interface, transport)


_REMOTE_ERRORS = {name: obj for name, obj in vars(errors).items()
                  if isinstance(obj, type) and issubclass(obj, Exception)} | {"RemoteError": errors.Refused}


def _remote(error: Any) -> Exception:
    """The receiver's error as the same class of common.errors, or as a plain RuntimeError."""
    kind = _REMOTE_ERRORS.get(error.exc_type)
    text = str(error.value)
    return kind(text) if kind else RuntimeError(f"{error.exc_type}: {text}")


class _Endpoint:
    """What oslo.messaging dispatches to: only declared methods, each with the context set and unset."""

    def __init__(self, interface: type[Interface], implementation: Any) -> None:
        import oslo_messaging

        self.target = oslo_messaging.Target(version=interface.version)
        for name, method in methods(interface).items():
            setattr(self, name, self._wrap(name, method, getattr(implementation, name)))

    @staticmethod
    def _wrap(name: str, method: Method, function: Callable[..., Any]) -> Callable[..., Any]:
        import oslo_messaging

        def handle(ctxt: RequestContext, **kwargs: Any) -> Any:
            ctxt.update_store()
            try:
                return function(ctxt, **kwargs)
            except (errors.ApiError, errors.Stale, errors.Transient, errors.Refused) as e:
                if method.kind == "call":
                    raise oslo_messaging.ExpectedException() from e
                LOG.warning("%s: %s", name, e)
            except Exception as e:  # process edge: a message must not end the daemon
                LOG.exception("%s failed", name)
                if method.kind == "call":
                    # only this class crosses: the caller must not take a receiver's KeyError for one of its own
                    raise RuntimeError(f"{type(e).__name__}: {e}") from e
            finally:
                oslo_context._request_store.context = None

        return handle


def server(interface: type[Interface], implementation: Any, transport: Any, host: str, threads: int) -> Any:
    """A server (not yet started) that receives the messages of `interface` for `host`.

    `implementation` has a method (ctxt, **arguments) for every declared one. `threads` messages are
    worked on at once. The result has start(), stop() and wait().
    """
    import oslo_messaging
    from oslo_messaging.rpc import dispatcher

    rpc_transport.prepare()
    target = oslo_messaging.Target(topic=interface.topic, server=host)
    made = oslo_messaging.get_rpc_server(transport, target, [_Endpoint(interface, implementation)], executor="threading",
                                         serializer=_serializer(), access_policy=dispatcher.DefaultRPCAccessPolicy)
    # futurist's pool, oslo.messaging's own choice, wakes each of its 64 threads once a second; this one sleeps
    made._executor_cls = lambda **_: ThreadPoolExecutor(threads, thread_name_prefix="messages")
    return made


def _serializer() -> Any:
    from common.rpc.serializer import ContextSerializer

    return ContextSerializer()
