"""A TCP relay that makes a good wire a bad one."""

from __future__ import annotations

import asyncio

_READ_BYTES = 65536
_KEPT_BYTES = 1 << 20


class Relay:
    """Passes bytes between clients and one port of the simulator.

    The attributes may be set at any time and hold for what comes then.

    Attributes
    ----------
    port : int
        Where it listens.
    delay : float
        Seconds that bytes take in each direction.
    chunk : int
        Pass at most so many bytes at a time; 0: what there is.
    pause : float
        Seconds between two chunks.
    blocked : bool
        Take bytes and pass none, as a dead wire does.
    connections : int
        Connections that were taken so far.
    """

    def __init__(self, host: str, target: tuple[str, int]) -> None:
        self.port = 0
        self.delay = 0.0
        self.chunk = 0
        self.pause = 0.0
        self.blocked = False
        self.connections = 0
        self._host = host
        self._target = target
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen on a free port."""
        self._server = await asyncio.start_server(
            self._serve, self._host, 0, limit=_KEPT_BYTES
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and cut what is open."""
        if self._server is not None:
            self._server.close()
        self.cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        """Cut all connections by a reset."""
        for writer in tuple(self._writers):
            writer.transport.abort()

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.connections += 1
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
        self._writers.add(writer)
        far_writer: asyncio.StreamWriter | None = None
        try:
            far_reader, far_writer = await asyncio.open_connection(*self._target)
            self._writers.add(far_writer)
            await asyncio.gather(
                self._pump(reader, far_writer), self._pump(far_reader, writer)
            )
        except (OSError, asyncio.CancelledError):
            pass  # by `stop`: the streams of 3.11 would log a cancelled task
        finally:
            for end in (writer, far_writer):
                if end is not None:
                    self._writers.discard(end)
                    end.transport.abort()
            if task is not None:
                self._tasks.discard(task)

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while data := await reader.read(_READ_BYTES):
            if self.delay:
                await asyncio.sleep(self.delay)
            size = self.chunk or len(data)
            for at in range(0, len(data), size):
                while self.blocked:  # noqa: ASYNC110 (set from any thread)
                    await asyncio.sleep(0.01)
                writer.write(data[at : at + size])
                await writer.drain()
                if self.pause or self.chunk:
                    await asyncio.sleep(self.pause)
        if writer.can_write_eof():
            writer.write_eof()
