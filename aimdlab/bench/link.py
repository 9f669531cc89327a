"""A VISA link: one connection to one instrument, owned by one worker thread."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import TYPE_CHECKING, TypeVar

from aimdlab.bench._visa import SLOWEST_BYTES_PER_S, Port, PortFault, open_port, shared_manager
from aimdlab.bench._watch import WATCH
from aimdlab.bench.clock import Clock
from aimdlab.errors import InstrumentError, LinkError

if TYPE_CHECKING:
    import pyvisa

Result = TypeVar("Result")
Trace = Callable[[str, str], None]
_Job = tuple["Future[object]", Callable[[], object]]

# On top of all time-outs: a busy machine may be late to say that a call is back, a hung one says it never.
_HANG_MARGIN_S = 10.0


class _Abandoned(BaseException):
    """The call came back after it was given up; whatever the thread was doing is over."""


class _Worker:
    """A thread that owns the connection, and the call that it is in.

    Attributes:
        jobs: what is to be done; handed on if the thread is abandoned.
        in_hand: the future of the job that is being done.
        call: what the call in hand does, for a technician.
        due_s: monotonic time by which it must be back; None between calls.
        is_abandoned: the call hung; set under the link's lock, and only while a call is in hand.
    """

    def __init__(self, name: str, jobs: queue.SimpleQueue[_Job | None], work: Callable[[_Worker], None]) -> None:
        self.jobs = jobs
        self.in_hand: Future[object] | None = None
        self.call = ""
        self.due_s: float | None = None
        self.is_abandoned = False
        self.thread = threading.Thread(target=work, args=(self,), name=f"link {name}", daemon=True)

    @property
    def is_me(self) -> bool:
        return threading.current_thread() is self.thread


class VisaLink:
    """Implements :class:`aimdlab.bench.driver.Link` over PyVISA.

    VISA is touched by the worker thread alone. A message that fails in the middle could be answered later, and the late
    answer be taken for that to the next question; so after any failure the connection is closed at once, and any later
    call is refused with the first reason until :meth:`reconnect`. Time-outs are real seconds, whatever the bench clock.
    A call that does not even return (a vendor's library) is given up too: its thread is left behind with its
    connection, and another one takes over.
    """

    def __init__(
        self,
        name: str,
        resource: str,
        clock: Clock,
        *,
        timeout_s: float,
        resource_manager: pyvisa.ResourceManager | None = None,
        backend: str = "@py",
        trace: Trace | None = None,
    ) -> None:
        """Start the worker without connecting; :meth:`open` does both."""
        self._name = name
        self._resource = resource
        self._clock = clock
        self._timeout_s = timeout_s
        self._manager = resource_manager
        self._backend = backend
        self._trace = trace
        self._port: Port | None = None
        self._broken = "it was never connected"
        self._lock = threading.Lock()
        self._closed = False
        self._closing: Future[None] = Future()
        self._connections = 0
        self._left_behind: set[threading.Thread] = set()
        self._worker = _Worker(name, queue.SimpleQueue(), self._work)
        self._worker.thread.start()
        WATCH.add(self)

    @classmethod
    def open(
        cls,
        name: str,
        resource: str,
        clock: Clock,
        *,
        timeout_s: float = 5.0,
        resource_manager: pyvisa.ResourceManager | None = None,
        backend: str = "@py",
        trace: Trace | None = None,
    ) -> VisaLink:
        """Connect to an instrument.

        Args:
            name: its name in the bench file.
            resource: VISA resource string.
            clock: the bench clock; a token is held while the worker has something to do.
            timeout_s: longest wait for a connection, for a reply, and without progress within a message.
            resource_manager: one to use instead of the shared one; the link never closes it.
            backend: VISA library of the shared resource manager, "@py" or "@ivi".
            trace: called in the worker with (">" or "<", text) for every message; a block is shown as its length.

        Raises:
            LinkError: nobody answers there.
        """
        link = cls(
            name,
            resource,
            clock,
            timeout_s=timeout_s,
            resource_manager=resource_manager,
            backend=backend,
            trace=trace,
        )
        try:
            link.reconnect()
        except BaseException:
            link.close()
            raise
        return link

    @property
    def name(self) -> str:
        """The instrument's name in the bench file."""
        return self._name

    @property
    def resource(self) -> str:
        """VISA resource string."""
        return self._resource

    @property
    def is_broken(self) -> bool:
        """True once a message failed, until :meth:`reconnect`."""
        return self._port is None

    @property
    def connections(self) -> int:
        """How many connections were opened so far: whoever answers a new one must be asked who he is."""
        return self._connections

    def write(self, command: str) -> None:
        """Send one message."""
        message = self._encode(command)
        self._call(command, lambda port: self._send(port, command, message))

    def write_block(self, command: str, payload: bytes) -> None:
        """Send ``command`` followed by ``payload`` as a definite-length block."""
        length = str(len(payload))
        message = b"".join((self._encode(command)[:-1], f"#{len(length)}{length}".encode("ascii"), payload, b"\n"))
        self._call(command, lambda port: self._send(port, f"{command}#<{len(payload)} bytes>", message))

    def query(self, command: str) -> str:
        """Send one message and read one line."""
        message = self._encode(command)

        def exchange(port: Port) -> str:
            self._send(port, command, message)
            line = port.receive_line()
            try:
                reply = line.decode("ascii")
            except UnicodeDecodeError:
                raise PortFault(f"the reply is not text: {line[:40]!r}") from None
            self._show("<", reply)
            return reply

        return self._call(command, exchange)

    def query_block(self, command: str) -> bytearray:
        """Send one message and read a definite-length block by its own length."""
        message = self._encode(command)

        def exchange(port: Port) -> bytearray:
            self._send(port, command, message)
            port.begin_block()
            length = _block_length(port)
            self._allow(length)
            block = port.receive_exactly(length)
            port.end_block()
            self._show("<", f"#<{len(block)} bytes>")
            return block

        return self._call(command, exchange)

    def submit(self, work: Callable[[], Result]) -> Future[Result]:
        """Run ``work`` in the worker thread; wait for it with ``clock.wait``. Inside the worker it runs at once."""
        future: Future[Result] = Future()
        if self._worker.is_me:
            _run(future, work)
            return future
        with self._lock:
            if self._closed or threading.current_thread() in self._left_behind:
                raise self._refusal("")
            self._clock.begin_work()  # given back by the worker when the job is done
            self._worker.jobs.put((future, work))  # type: ignore[arg-type]  # the queue holds futures of any result
        return future

    def reconnect(self) -> None:
        """Close what is left of the connection and open a new one.

        Raises:
            LinkError: nobody answers; the link stays refused, with this reason.
        """
        self._in_worker(self._connect)

    def give_up(self, reason: str) -> None:
        """Trust nothing more of this connection, since a reply made no sense: it is closed, until :meth:`reconnect`.

        The rest of such a reply, or the right one, may still be on its way. Does nothing on a link that is broken.
        """
        if not self.is_broken and not self._closed:
            self._in_worker(lambda: self._give_up(reason))

    def end_overdue(self, now_s: float) -> None:
        """Give the call in hand up if it hangs; called by the watch."""
        worker = self._worker
        if worker.due_s is None or now_s < worker.due_s:
            return
        with self._lock:
            if self._worker is not worker or worker.due_s is None or now_s < worker.due_s:
                return
            worker.is_abandoned = True
            self._left_behind.add(worker.thread)
            # Whatever becomes of the connection, the thread that hangs in it keeps it.
            self._port, self._broken = None, f"{worker.call} hung"
            future, call = worker.in_hand, worker.call
            self._worker = _Worker(self._name, worker.jobs, self._work)
        self._worker.thread.start()
        if future is not None:
            future.set_exception(
                LinkError(
                    f"{call} hangs: the VISA library did not come back within any time-out. The connection is given "
                    "up. If this happens again, switch the instrument off and on, then start the PC anew.",
                    instrument=self._name,
                )
            )
        self._clock.end_work()

    def close(self) -> None:
        """Close the connection and end the worker, after the jobs submitted before.

        May be called from any thread and more than once; every later call of the link raises LinkError.
        """
        inside = self._worker.is_me
        with self._lock:
            first, self._closed = not self._closed, True
            if first:
                if not inside:
                    self._clock.begin_work()
                    self._worker.jobs.put((self._closing, self._disconnect))  # type: ignore[arg-type]
                self._worker.jobs.put(None)
        if inside:
            if first:
                _run(self._closing, self._disconnect)
            return
        with contextlib.suppress(LinkError):  # a connection that hangs while it is closed is left behind
            self._clock.wait(self._closing)
        self._worker.thread.join()

    # --- in the worker ---------------------------------------------------------------------------------------------

    def _work(self, worker: _Worker) -> None:
        while (job := worker.jobs.get()) is not None:
            future, work = job
            worker.in_hand = future
            try:
                if future.set_running_or_notify_cancel():
                    _run(future, work)
            except _Abandoned:
                with self._lock:
                    self._left_behind.discard(worker.thread)
                return  # who waited was told, and the token given back, when the call was given up
            self._clock.end_work()
            worker.in_hand = None
            del job, future, work  # a capture of megabytes must not live until the next job
        WATCH.remove(self)

    @contextlib.contextmanager
    def _may_hang(self, call: str) -> Iterator[None]:
        """Around every call of VISA; what came back too late ends the thread."""
        worker = self._worker
        worker.call = call
        self._allow()
        try:
            yield
        finally:
            with self._lock:
                worker.due_s = None
            if worker.is_abandoned:
                raise _Abandoned

    def _allow(self, size: int = 0) -> None:
        """From now on the call may take as long as its time-outs, and the transfer of ``size`` bytes, allow."""
        worker = self._worker
        if worker.is_me:  # not a thread that was left behind and came back
            worker.due_s = time.monotonic() + 2 * self._timeout_s + size / SLOWEST_BYTES_PER_S + _HANG_MARGIN_S

    def _connect(self) -> None:
        if self._closing.done():
            raise self._refusal("")
        self._disconnect()
        port: Port | None = None
        try:
            with self._may_hang("connecting"):
                manager = self._manager if self._manager is not None else shared_manager(self._backend)
                port = open_port(manager, self._resource, self._timeout_s)
        except _Abandoned:
            if port is not None:
                port.close()
            raise
        except PortFault as fault:
            self._broken = str(fault)
            raise LinkError(
                f"{fault}. Is it switched on and connected, and is the resource in the bench file right?",
                instrument=self._name,
            ) from fault
        self._port = port
        self._connections += 1

    def _disconnect(self) -> None:
        port, self._port = self._port, None
        if port is not None:
            with self._may_hang("closing the connection"):
                port.close()

    def _send(self, port: Port, shown: str, message: bytes) -> None:
        self._show(">", shown)
        self._allow(len(message))
        port.send(message)
        self._allow()

    def _show(self, direction: str, text: str) -> None:
        if self._trace is not None:
            self._trace(direction, text)

    def _exchange(self, command: str, exchange: Callable[[Port], Result]) -> Result:
        port = self._port
        if port is None:
            raise self._refusal(command)
        try:
            with self._may_hang(f"command {command!r}"):
                return exchange(port)
        except _Abandoned:
            port.close()
            raise
        except PortFault as fault:
            self._give_up(f"{fault}, command {command!r}")
            raise LinkError(str(fault), instrument=self._name, command=command) from fault
        except BaseException as error:
            # Whatever it was, the reply may still be on its way.
            self._give_up(f"{type(error).__name__} in command {command!r}")
            raise

    def _give_up(self, reason: str) -> None:
        self._broken = reason
        self._disconnect()

    # --- from any thread -------------------------------------------------------------------------------------------

    def _call(self, command: str, exchange: Callable[[Port], Result]) -> Result:
        return self._in_worker(lambda: self._exchange(command, exchange), command)

    def _in_worker(self, work: Callable[[], Result], command: str = "") -> Result:
        if self._worker.is_me:
            return work()
        if self._closed:
            raise self._refusal(command)
        return self._clock.wait(self.submit(work))

    def _refusal(self, command: str) -> LinkError:
        if self._closed:
            return LinkError("the link was closed", instrument=self._name, command=command)
        return LinkError(
            f"not sent, because the connection was given up: {self._broken}. Reconnect first.",
            instrument=self._name,
            command=command,
        )

    def _encode(self, command: str) -> bytes:
        if "\n" in command or not command.isascii():
            raise InstrumentError(
                "the driver tried to send a line feed or a character that is not ASCII; nothing was sent",
                instrument=self._name,
                command=command,
            )
        return command.encode("ascii") + b"\n"


def _run(future: Future[Result], work: Callable[[], Result]) -> None:
    try:
        result = work()
    except _Abandoned:
        raise
    except BaseException as error:  # noqa: BLE001 - handed to whoever waits for the future
        future.set_exception(error)
    else:
        future.set_result(result)


def _block_length(port: Port) -> int:
    """Read the header ``#<d><length>`` of a definite-length block (IEEE 488.2, 8.7.9)."""
    start = bytes(port.receive_exactly(2))
    if start[:1] != b"#" or start[1:] not in b"123456789":
        raise PortFault(f"a block was expected, but the reply begins {start!r}")
    length = bytes(port.receive_exactly(int(start[1:])))
    if not length.isdigit():
        raise PortFault(f"a block was expected, but the reply begins {start + length!r}")
    return int(length)
