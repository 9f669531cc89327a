"""A VISA link: one connection to one instrument, owned by one worker thread."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, TypeVar

from aimdlab.bench._block import receive_block
from aimdlab.bench._port import SLOWEST_BYTES_PER_S, Port, PortFault
from aimdlab.bench._visa import open_port, shared_manager
from aimdlab.bench._worker import Abandoned, LinkWorker
from aimdlab.bench.clock import Clock
from aimdlab.errors import InstrumentError, LinkError

if TYPE_CHECKING:
    import pyvisa

Result = TypeVar("Result")
Trace = Callable[[str, str], None]


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
        self._connections = 0
        self._worker = LinkWorker(name, clock, self._hung)

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

    def query_block(self, command: str) -> memoryview:
        """Send one message and read a definite-length block by its own length, into memory of its own."""
        message = self._encode(command)

        def exchange(port: Port) -> memoryview:
            self._send(port, command, message)
            block = receive_block(port, lambda length: self._worker.allow(self._longest_s(length)))
            self._show("<", f"#<{len(block)} bytes>")
            return block

        return self._call(command, exchange)

    def run(self, work: Callable[[], Result]) -> Result:
        """Do ``work``, which may send and read several messages, as one job of the worker thread.

        Each message in it may take as long as it may by itself. Whoever waits for the link waits until the job is over,
        a safe state too: what goes into one job switches nothing on before something that takes long. If a person calls
        whoever waits away, the message in hand is finished and nothing more of the job is sent.
        """
        return self._in_worker(work)

    def submit(self, work: Callable[[], Result]) -> Future[Result]:
        """Run ``work`` in the worker thread; wait for it with ``clock.wait``. Inside the worker it runs at once."""
        future = self._worker.submit(work)
        if future is None:
            raise self._refusal("")
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
        if not self.is_broken and not self._worker.is_closed:
            self._in_worker(lambda: self._give_up(reason))

    def close(self) -> None:
        """Close the connection and end the worker, after the jobs submitted before.

        May be called from any thread and more than once; every later call of the link raises LinkError.
        """
        self._worker.close(self._disconnect)

    # --- in the worker ---------------------------------------------------------------------------------------------

    def _longest_s(self, size: int = 0) -> float:
        """How long a call may take, by its time-outs and the transfer of ``size`` bytes."""
        return 2 * self._timeout_s + size / SLOWEST_BYTES_PER_S

    def _connect(self) -> None:
        if self._worker.has_closed:
            raise self._refusal("")
        self._disconnect()
        port: Port | None = None
        try:
            with self._worker.may_hang("connecting", self._longest_s()):
                manager = self._manager if self._manager is not None else shared_manager(self._backend)
                port = open_port(manager, self._resource, self._timeout_s)
        except Abandoned:
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
            with self._worker.may_hang("closing the connection", self._longest_s()):
                port.close()

    def _send(self, port: Port, shown: str, message: bytes) -> None:
        self._show(">", shown)
        self._worker.allow(self._longest_s(len(message)))
        port.send(message)
        self._worker.allow(self._longest_s())

    def _show(self, direction: str, text: str) -> None:
        if self._trace is not None:
            self._trace(direction, text)

    def _exchange(self, command: str, exchange: Callable[[Port], Result]) -> Result:
        port = self._port
        if port is None:
            raise self._refusal(command)
        if self._worker.is_unwanted:
            raise LinkError("not sent: nobody waits for it any more", instrument=self._name, command=command)
        try:
            with self._worker.may_hang(f"command {command!r}", self._longest_s()):
                return exchange(port)
        except Abandoned:
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
        if self._worker.is_here:
            return work()
        if self._worker.is_closed:
            raise self._refusal(command)
        future = self.submit(work)
        try:
            return self._clock.wait(future)
        except BaseException:
            if not future.done():
                self._worker.disown(future)
            raise

    def _hung(self, call: str) -> LinkError:
        # Whatever becomes of the connection, the thread that hangs in it keeps it.
        self._port, self._broken = None, f"{call} hung"
        return LinkError(
            f"{call} hangs: the VISA library did not come back within any time-out. The connection is given up. If "
            "this happens again, switch the instrument off and on, then start the PC anew.",
            instrument=self._name,
        )

    def _refusal(self, command: str) -> LinkError:
        if self._worker.is_closed:
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
