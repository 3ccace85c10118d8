"""A small WonderQ client, written from docs/protocol.md alone.

It blocks: one request at a time, no threads. So it asks not to be pinged, has no session, and takes
detached leases, which end by their receipt or their time. Needs the package msgpack (Debian:
python3-msgpack).

    python3 wonderq_client.py 127.0.0.1:7070
"""

import os
import socket
import struct
import sys
from collections import namedtuple

import msgpack

VERSION = 1
HELLO, BYE, PONG, PRODUCE, RECEIVE, ACK, NACK, ADMINISTER = 1, 3, 6, 10, 11, 12, 13, 20
OK, ERROR, PRODUCED, SETTLED, DELIVERIES, PING = 64, 65, 66, 67, 68, 70
# How many fields follow the request's ID in an answer.
FIELDS = {OK: 1, PRODUCED: 2, SETTLED: 2, DELIVERIES: 4}
FRAME_BYTES_MAX = 8 * 1024 * 1024

Delivery = namedtuple(
    "Delivery",
    "id token queue body content_type headers delivery_count failure_count produced_ms priority",
)


class WonderqError(Exception):
    """What the broker refused. Programs branch on the code, never on the text."""

    def __init__(self, code, message, field=None, retry_after_ms=None):
        super().__init__(f"{code}: {message}")
        self.code = code
        self.field = field
        self.retry_after_ms = retry_after_ms


class Client:
    """One connection. After an OSError nobody knows whether the request was done."""

    def __init__(self, host="127.0.0.1", port=7070, name="python", token=None, timeout=30.0):
        self._timeout = timeout
        self._socket = socket.create_connection((host, port), timeout)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._next_id = 1
        self.greeting = self._ask(OK, HELLO, VERSION, name, None, token, False)[0]

    def produce(self, queue, bodies, content_type=None, headers=None, delay_ms=0, priority=0):
        """Produces a list of bodies (bytes) as one batch; returns their message IDs."""
        messages = [[body, content_type, headers] for body in bodies]
        _, runs = self._ask(PRODUCED, PRODUCE, None, queue, 0, delay_ms, priority, messages)
        ids = []
        for first, count in zip(runs[0::2], runs[1::2]):
            ids.extend(range(first, first + count))
        return ids

    def receive(self, queues, count=1, wait_ms=0, visibility_ms=None):
        """Returns up to `count` deliveries of one of the queues (a name, or a list of names)."""
        self._socket.settimeout(self._timeout + wait_ms / 1000)
        queue, _, deliveries, _ = self._ask(
            DELIVERIES, RECEIVE, None, queues, count, 0, wait_ms, visibility_ms, True, None
        )
        self._socket.settimeout(self._timeout)
        return [_delivery(queue, fields) for fields in deliveries]

    def ack(self, *deliveries):
        """Deletes the messages. Raises for the first one that was not valid any more."""
        self._settle(ACK, deliveries)

    def nack(self, *deliveries, delay_ms=0):
        """Gives the messages back, counted as failed."""
        self._settle(NACK, deliveries, delay_ms)

    def queues(self):
        """All queues, by name, with their figures."""
        found, arguments, more = [], {"limit": 100}, True
        while more:
            page = self._ask(OK, ADMINISTER, None, "queues", arguments)[0]
            found.extend(page["queues"])
            more = page["more"] and page["queues"]
            if more:
                arguments["after"] = found[-1]["name"]
        return found

    def close(self):
        self._ask(OK, BYE)
        self._socket.close()

    def _settle(self, operation, deliveries, *more):
        by_queue = {}
        for delivery in deliveries:
            by_queue.setdefault(delivery.queue, []).extend((delivery.id, delivery.token))
        refused = []
        for queue, receipts in by_queue.items():
            _, codes = self._ask(SETTLED, operation, None, queue, receipts, *more)
            refused.extend(code for code in codes or [] if code is not None)
        if refused:
            raise WonderqError(refused[0], "a receipt was not valid")

    def _ask(self, expected, operation, *fields):
        """Sends one request and waits for its answer; returns the answer's fields."""
        request_id = self._next_id
        self._next_id += 1
        self._send([operation, request_id, *fields])
        while True:
            kind, answered_id, *rest = self._read()
            if kind == PING:
                self._send([PONG, answered_id])
            elif kind == ERROR and answered_id in (request_id, 0):
                raise WonderqError(*rest[:4])
            elif answered_id == request_id and kind == expected:
                # Trailing fields that are nil may be left out.
                return (rest + [None] * FIELDS[kind])[: FIELDS[kind]]

    def _send(self, frame):
        payload = msgpack.packb(frame, use_bin_type=True)
        self._socket.sendall(struct.pack(">I", len(payload)) + payload)

    def _read(self):
        (length,) = struct.unpack(">I", self._read_bytes(4))
        if not 0 < length <= FRAME_BYTES_MAX:
            raise WonderqError("BAD_FRAME", f"a frame of {length} bytes")
        return msgpack.unpackb(self._read_bytes(length), raw=False)

    def _read_bytes(self, count):
        chunks = bytearray()
        while len(chunks) < count:
            chunk = self._socket.recv(min(65536, count - len(chunks)))
            if not chunk:
                raise ConnectionError("the broker closed the connection")
            chunks += chunk
        return bytes(chunks)


def _delivery(queue, fields):
    message_id, token, delivery_count, failure_count, produced_ms, priority, message = fields[:7]
    body, content_type, headers = (list(message) + [None, None])[:3]
    return Delivery(
        message_id, token, queue, body, content_type, headers or {},
        delivery_count, failure_count, produced_ms, priority,
    )


def main(address):
    """The whole cycle of a few messages; raises where the broker does something else."""
    host, _, port = address.rpartition(":")
    client = Client(host, int(port))
    print("connected to broker", client.greeting["broker"])
    queue = f"python-example-{os.getpid()}"
    ids = client.produce(queue, [b"one", b"two"], "text/plain", {"from": "python"})
    print("produced", ids)
    first, second = client.receive(queue, count=2, wait_ms=1000)
    print("received", first.body, second.body, first.headers)
    assert [first.id, second.id] == ids and first.body == b"one"
    client.ack(first)
    client.nack(second)
    print("acknowledged one, gave the other back")
    (again,) = client.receive(queue, wait_ms=1000)
    assert again.id == second.id and again.failure_count == 1
    client.ack(again)
    try:
        client.ack(again)
        raise AssertionError("a second ack must be refused")
    except WonderqError as error:
        assert error.code == "GONE", error
    figures = {info["name"]: info["ready"] for info in client.queues()}
    print("queues", figures)
    assert figures[queue] == 0
    client.close()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: wonderq_client.py HOST:PORT")
    try:
        main(sys.argv[1])
    except (AssertionError, OSError, ValueError, WonderqError) as failure:
        print("failed:", repr(failure), file=sys.stderr)
        sys.exit(1)
