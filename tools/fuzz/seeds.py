"""Writes the seeds of the fuzzers: small inputs that reach deep, so that the short run begins where
the interesting parts are. Run it again after a change of an input's shape; files under Corpus/ that
begin with `found-` are what fuzzers found, and are kept as they are.

usage: seeds.py
"""

import gzip
import os
import struct

from google.protobuf import descriptor_pb2

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "Corpus")
REQUEST = b"/bench.v1.Echo/Unary"


def frame(kind, flags, stream, payload=b""):
    return (struct.pack(">I", len(payload))[1:] + bytes([kind, flags])
            + struct.pack(">I", stream) + payload)


def literal(name, value):
    return b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value


def request(path=REQUEST, *more):
    fields = [(b":path", path), (b":authority", b"x"), (b"content-type", b"application/grpc"), *more]
    return b"\x83\x86" + b"".join(literal(*field) for field in fields)


def message(body):
    return b"\0" + struct.pack(">I", len(body)) + body


def call(stream, body, path=REQUEST):
    return frame(1, 4, stream, request(path)) + frame(0, 1, stream, message(body))


SETTINGS = frame(4, 0, 0)
WIRE = {
    "call": SETTINGS + call(1, b"\x0a\x02hi\x10\x07"),
    "calls": SETTINGS + b"".join(call(stream, b"\x10\x00") for stream in (1, 3, 5)),
    "pieces": SETTINGS + frame(1, 4, 1, request()) + frame(0, 0, 1, message(b"\x10\x04")[:3])
              + frame(0, 1, 1, message(b"\x10\x04")[3:]),
    "reset": SETTINGS + frame(1, 4, 1, request()) + frame(3, 0, 1, b"\0\0\0\x08"),
    "window": SETTINGS + call(1, b"\x10\x04") + frame(8, 0, 0, b"\0\0\xff\xff")
              + frame(8, 0, 1, b"\0\0\xff\xff"),
    "continuation": SETTINGS + frame(1, 1, 1, request()[:9]) + frame(9, 4, 1, request()[9:]),
    "ping": SETTINGS + frame(6, 0, 0, b"12345678") + frame(4, 1, 0)
            + frame(7, 0, 0, b"\0\0\0\0\0\0\0\0"),
    "padded": SETTINGS + frame(1, 4 | 8 | 32, 1, b"\x02" + b"\0\0\0\0\x10" + request() + b"\0\0")
              + frame(0, 9, 1, b"\x01" + message(b"") + b"\0"),
}
HEALTH = b"/grpc.health.v1.Health/Check"
REFLECTION = b"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
ANSWER = b"\x88" + literal(b"content-type", b"application/grpc")
ANSWERS = {
    "answer": SETTINGS + frame(1, 4, 1, ANSWER) + frame(0, 0, 1, message(b"hi"))
              + frame(1, 5, 1, literal(b"grpc-status", b"0")),
    "trailers-only": SETTINGS + frame(1, 5, 1, ANSWER + literal(b"grpc-status", b"5")),
    "reset": SETTINGS + frame(3, 0, 1, b"\0\0\0\x07") + frame(7, 0, 0, b"\0\0\0\x01\0\0\0\0"),
    "interim": SETTINGS + frame(1, 4, 1, literal(b":status", b"103")) + frame(1, 4, 1, ANSWER),
}
# Steps of the grammar: a kind in the low four bits, a stream in the high ones.
STEPS = {
    "steps-call": b"\x00\x00" + b"\x06\x00\x02\x10\x00" + b"\x0f",
    "steps-waits": b"\x00\x00" + b"\x06\x00\x02\x10\x03" + b"\x0f" + b"\x08\x08",
    "steps-large": b"\x00\x00\x06\x00\x02\x10\x04\x0f\x0b\xff\xff\x01\x0f\x10\x00\x16\x00\x02\x10\x05",
    "steps-stream": b"\x00\x05" + b"\x05\x00\x02\x3a\x00" + b"\x0f" + b"\x06\x00\x02\x3a\x00",
    "steps-health": b"\x00\x03\x06\x00\x00\x0f\x10\x04\x16\x00\x00\x0f\x20\x06\x30\x07",
    "steps-settings": b"\x09\x00\x01\x00\x00\x04\x00\x00\x02\x00\x06\x00\x02\x10\x04\x0f\x0a\x00",
}
# The same of an answer: heads 0 to 3 are headers, trailers, headers with gzip, trailers alone.
PACKED = gzip.compress(b"\x08\x01", mtime=0)
ANSWER_STEPS = {
    "steps-unary": b"\x00\x00\x05\x00\x02\x08\x01\x02\x01",
    "steps-all": b"".join(bytes([s << 4, 0, s << 4 | 5, 0, 2, 8, s, 0x0f, s << 4 | 2, 1]) for s in range(4)),
    "steps-gzip": b"\x00\x02\x05\x01" + bytes([len(PACKED)]) + PACKED + b"\x02\x01",
    "steps-leave": b"\x00\x00\x0d\x03\x00\x0f\x02\x01\x12\x05",
    "steps-wrong": b"\x00\x06\x02\x07\x10\x09\x20\x08\x30\x00\x35\x0e\xff\xff\x00",
}
FIELDS = {
    "head": b":path /bench.v1.Echo/Unary\n:method POST\ncontent-type application/grpc\n"
            b"grpc-timeout 10S\nx-a-bin AAEC,AwQ=\ngrpc-encoding identity\nte trailers\nuser-agent x",
    "timeouts": b"99999999H",
    "percent": b"%41%e2%82%ac%zz%2",
    "base64": b"AAECAwQFBgcICQ==",
}
# Everything: a varint, fixed ones, a string, packed ones, a message, a map entry.
EVERYTHING = (b"\x18\x05\x20\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01" + b"\x72\x02hi" + b"\x7a\x01\0"
              + b"\x8a\x01\x02\x08\x01" + b"\x09\0\0\0\0\0\0\xf0\x3f" + b"\x15\0\0\x80\x3f")
NESTED = b""
for _ in range(17):
    NESTED = b"\x0a" + bytes([len(NESTED)]) + NESTED
DECODE = {
    "everything": b"\0" + EVERYTHING, "empty": b"\0", "nested": b"\x01" + NESTED,
    "status": b"\x02\x08\x05\x12\x02no\x1a\x06\x0a\x01a\x12\x01b",
    **{f"request-{number}": bytes([number]) + b"\x0a\x02hi\x12\x02ho\x18\x01\x22\x00"
       for number in range(12, 40, 3)},
}
JSON = {
    "object": b'{"a":1,"b":[true,false,null],"c":{"d":"e\\u00e9\\ud83d\\ude00"}}',
    "numbers": b"[0,-1,1.5,1e10,-0.0,12345678901234567890]",
    "strings": b'["\\"\\\\\\/\\b\\f\\n\\r\\t","\xc3\xa9"]',
    "deep": b"[" * 32 + b"]" * 32,
}
MAPPING = {
    "everything": b'\0{"oneInt32":5,"oneInt64":"-1","oneString":"hi","oneBytes":"AAE=",'
                  b'"oneDouble":"NaN","oneBool":true,"oneColor":1,"oneInner":{}}',
    "status": b'\x02{"code":5,"message":"no","details":[{"@type":"x","value":"AA=="}]}',
    "claims": b'\x06{"issueTime":"2026-01-02T03:04:05.678Z","hat":"HAT_STAFF"}',
    "names": b'\0{"one_int32":"5","oneUint64":1e3,"oneFloat":-1.5e-3}',
}
GATEWAY = {
    "get": b"A/v1/organizations/0198f000-0000-7000-8000-000000000001/clients"
           b"\npageSize=20&order=1\nfr-CA;q=0.9, en\n",
    "post": b"B/v1/organizations/0198f000-0000-7000-8000-000000000001/clients\n\n"
            b"Bearer clientele_s_x\n" + b'{"givenName":"Ada","familyName":"L"}',
    "verb": b"B/v1/clients/a%2Fb:invite\na.b=c&a=%c3%a9+1\n__Host-clientele=clientele_s_y; a=b\n{}",
    "pattern": b"A/v1/{a.b=*}/c/{d}:e\n\n192.0.2.1, 10.0.0.0/8, ::ffff:1.2.3.4\n",
}
TEXTS = {
    "email": b"\0Ada.L+x@ex\xc3\xa4mple.org", "phone": b"\x01+32 (0) 475/12.34.56",
    "phone-00": b"\x01003247512345", "username": b"\x02H\xc3\xa9l\xc3\xa8ne_O'Brien",
    "percent": b"\x03%41+%e2%82%ac", "token": b"\x04clientele_s_" + b"A" * 49,
    "page": b"\x04WyJhIiwiYiJd", "uuid": b"\x050198f000-0000-7000-8000-00000000000a",
    "text": b"\x06 Ada\xe2\x80\xa8 ", "language": b"\x06fr-CA", "time": b"\x072026-01-02T03:04:05Z",
}


def descriptors():
    files = descriptor_pb2.FileDescriptorSet()
    file = files.file.add(name="a.proto", package="a.b", syntax="proto3")
    shape = file.message_type.add(name="M")
    for number, kind in enumerate((1, 3, 5, 8, 9, 11, 12, 14, 17), 1):
        field = shape.field.add(name=f"f_{number}", number=number, type=kind, label=1)
        if kind == 11:
            field.type_name, field.label = ".a.b.M", 3
        if kind == 14:
            field.type_name = ".a.b.E"
    entry = shape.nested_type.add(name="XEntry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, type=9, label=1)
    entry.field.add(name="value", number=2, type=5, label=1)
    shape.field.add(name="x", number=20, type=11, label=3, type_name=".a.b.M.XEntry")
    file.enum_type.add(name="E").value.add(name="ZERO", number=0)
    file.service.add(name="S").method.add(name="Do", input_type=".a.b.M", output_type=".a.b.M")
    body = b"\x08\x01\x32\x02\x08\x02\xa2\x01\x04\x0a\x01k\x10\x05\x2a\x01s"
    return bytes([len(body)]) + body + files.SerializeToString()


SEEDS = {
    "session-server": {**{name: b"\0\x05\x02\x03\x04\x06\x0c" + wire for name, wire in WIRE.items()},
                       **{name: b"\x02\x02\x02\x00" + steps for name, steps in STEPS.items()}},
    "session-client": {name: b"\0\x03\x06\x0c\x00" + wire for name, wire in ANSWERS.items()},
    "headers": {"plain": b"\x01\x05\0\x01a\x01b", "cut": b"\x31\x05\0\x01a\x01b",
                "bomb": b"\x03\x0f\xff\x40\x01x\x7f\x81\x0e" + b"v" * 1920 + b"\xbe" * 2000,
                "heavy": b"\x03\x03\xff\x40\x01x\x7f\xc9\x01" + b"v" * 328 + b"\xbe" * 20,
                "table": b"\x01\x10\x3f\xe1\x1f\x40\x01x\x01y\xbe\xbe\xbe\xbe\xbe\xbe\xbe",
                "huffman": b"\x01\x08\x40\x01x\x84\xf1\xe3\xc2\xe5"},
    "server": {**{name: b"\0" + wire for name, wire in WIRE.items()},
               "health": b"\0" + SETTINGS + call(1, b"", HEALTH),
               "reflection": b"\0" + SETTINGS + call(1, b"\x3a\x00", REFLECTION),
               **{name: b"\x01" + steps for name, steps in STEPS.items()}},
    "client": {**{name: b"\0" + wire for name, wire in ANSWERS.items()},
               **{name: b"\x01" + steps for name, steps in ANSWER_STEPS.items()},
               "health": b"\x29" + ANSWER_STEPS["steps-all"],
               "retries": b"\x41\x22\x03\x32\x03\x0f\x0f\x40\x00\x45\x00\x02\x08\x01\x42\x01\x58\x07"},
    "framing": {"one": b"\0\x03" + message(b"hello"), "two": b"\x01\0" + message(b"") + message(b"a"),
                "large": b"\0\xff" + message(b"x" * 65), "compressed": b"\0\0\x01\0\0\0\x01x",
                "packed": b"\x03\x05\x01" + message(gzip.compress(b"hello" * 20, mtime=0))[1:]
                          + message(b"plain")},
    "gzip": {"one": gzip.compress(b"hello" * 50, mtime=0), "empty": gzip.compress(b"", mtime=0),
             "two": gzip.compress(b"a", mtime=0) + gzip.compress(b"b" * 400, mtime=0),
             "bomb": gzip.compress(b"\0" * 500_000, mtime=0)},
    "fields": FIELDS, "decode": DECODE, "mapping": MAPPING, "json": JSON,
    "descriptors": {"small": descriptors()}, "gateway": GATEWAY, "texts": TEXTS,
}

for target, seeds in SEEDS.items():
    folder = os.path.join(HERE, target)
    os.makedirs(folder, exist_ok=True)
    for name in os.listdir(folder):
        if not name.startswith("found-"):
            os.remove(os.path.join(folder, name))
    for name, content in seeds.items():
        with open(os.path.join(folder, name), "wb") as file:
            file.write(content)
