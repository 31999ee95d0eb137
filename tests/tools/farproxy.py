#!/usr/bin/env python3
"""farproxy.py UPSTREAM [MILLISECONDS]: a TCP proxy in front of UPSTREAM ("127.0.0.1:5000") that makes it as far away as the given
latency each way (50), connecting included. Prints its own "127.0.0.1:PORT" and works until its input ends.

A line on its input is answered by "ROUNDS REQUESTS BYTES SENT" since the last one: how many round trips followed each other, how
many requests there were, how many bytes came back, and how many went there. A number in that line is the latency from then on. A request is in a later round than every answer that has reached the other side before
it was sent; so however many go out side by side, they are one round."""
import asyncio
import os
import sys

host, port = sys.argv[1].rsplit(":", 1)
latency = float(sys.argv[2] if len(sys.argv) > 2 else 50) / 1000
count = {"rounds": 0, "requests": 0, "bytes": 0, "sent": 0}
arrived = 0  # the latest round of which an answer has reached the other side


class Line:
    """One direction of a connection: bytes come out of it a latency after they went in."""

    def __init__(self, writer, arrive=None):
        self.writer, self.arrive, self.queue = writer, arrive, asyncio.Queue()
        self.task = asyncio.create_task(self.carry())

    def put(self, data, extra=0):
        self.queue.put_nowait((asyncio.get_running_loop().time() + latency + extra, data))

    async def carry(self):
        while True:
            due, data = await self.queue.get()
            await asyncio.sleep(due - asyncio.get_running_loop().time())
            if not data:
                self.writer.close()
                return
            if self.arrive:
                self.arrive()
            self.writer.write(data)
            await self.writer.drain()


class Connection:
    def __init__(self):
        self.round, self.asking = 0, False

    def request(self):
        """The first bytes after an answer are a request of their own."""
        if not self.asking:
            self.asking, self.round = True, arrived + 1
            count["requests"] += 1
            count["rounds"] = max(count["rounds"], self.round)

    def answer(self):
        global arrived
        self.asking = False
        arrived = max(arrived, self.round)

    async def serve(self, near_reader, near_writer):
        try:
            far_reader, far_writer = await asyncio.open_connection(host, int(port))
        except OSError:
            near_writer.close()
            return
        up, down = Line(far_writer), Line(near_writer, self.answer)
        await asyncio.gather(self.pump(near_reader, up, True), self.pump(far_reader, down, False))

    async def pump(self, reader, line, is_request):
        first = True
        try:
            while data := await reader.read(65536):
                if is_request:
                    self.request()
                    count["sent"] += len(data)
                else:
                    count["bytes"] += len(data)
                line.put(data, 2 * latency if is_request and first else 0)  # what the connection itself would have taken
                first = False
        except OSError:
            pass
        line.put(b"")


async def main():
    global arrived, latency
    server = await asyncio.start_server(lambda r, w: Connection().serve(r, w), "127.0.0.1", 0)
    print("127.0.0.1:%d" % server.sockets[0].getsockname()[1], flush=True)
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        print(*count.values(), flush=True)
        count.update(rounds=0, requests=0, bytes=0, sent=0)
        arrived, latency = 0, float(line) / 1000 if line.strip() else latency
    os._exit(0)  # whatever is still open


asyncio.run(main())
