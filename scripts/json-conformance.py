#!/usr/bin/env python3
"""PyPI protobuf as the judge of our wire coding and proto3 JSON (Tests/ProtobufTests).

  json-conformance.py make DESCRIPTORS SEED COUNT   one JSON line a case: {"wire": base64, "json": text}
  json-conformance.py judge DESCRIPTORS CASES RESULTS
      RESULTS has a line a case: {"wire": [base64…], "json": [text…]}, everything that our codecs
      made of it; each must read back as the case's message. Prints what does not; exits 1 then.
  json-conformance.py accept DESCRIPTORS            reads JSON texts, one a line; prints for each the
      message's bytes in base64, or "refused"
"""

import base64
import json
import math
import random
import struct
import sys

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from google.protobuf.descriptor import FieldDescriptor as Field

NAME = "test.v1.Everything"


def load(path):
    pool = descriptor_pool.DescriptorPool()
    files = descriptor_pb2.FileDescriptorSet()
    with open(path, "rb") as source:
        files.ParseFromString(source.read())
    for file in files.file:
        pool.Add(file)
    return pool


def message_class(pool, name=NAME):
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(name))


# --- Random messages -------------------------------------------------------------------------------

ALPHABET = "abcXYZ019 _-\"\\/\n\t\r\x01\x1f\x7fäßé€漢𝄞😀\u2028"


def text(rng):
    return "".join(rng.choice(ALPHABET) for _ in range(rng.choice([0, 1, 3, 20, 60])))


def integer(rng, bits, signed):
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    small = rng.randint(max(low, -300), 300)
    return rng.choice([low, high, 0, 1, small, rng.randint(low, high)])


def real(rng, bits):
    value = rng.choice([0.0, 1.0, -1.5, 1e10, 0.1, rng.uniform(-1e6, 1e6), 5e-324, 1.7e308,
                        math.inf, -math.inf, math.nan, rng.gauss(0, 1) * 10 ** rng.randint(-300, 300)])
    if bits == 32:
        try:
            value = struct.unpack("<f", struct.pack("<f", value))[0]
        except OverflowError:
            value = 3.4028234663852886e38
    # libprotobuf-c takes -0 for the default and leaves it out.
    return value or 0.0


SIGNED32 = {Field.TYPE_INT32, Field.TYPE_SINT32, Field.TYPE_SFIXED32}
SIGNED64 = {Field.TYPE_INT64, Field.TYPE_SINT64, Field.TYPE_SFIXED64}
UNSIGNED32 = {Field.TYPE_UINT32, Field.TYPE_FIXED32}
UNSIGNED64 = {Field.TYPE_UINT64, Field.TYPE_FIXED64}


def scalar(rng, field):
    kind = field.type
    if kind in SIGNED32:
        return integer(rng, 32, True)
    if kind in SIGNED64:
        return integer(rng, 64, True)
    if kind in UNSIGNED32:
        return integer(rng, 32, False)
    if kind in UNSIGNED64:
        return integer(rng, 64, False)
    if kind == Field.TYPE_BOOL:
        return rng.random() < 0.5
    if kind == Field.TYPE_STRING:
        return text(rng)
    if kind == Field.TYPE_BYTES:
        return rng.randbytes(rng.choice([0, 1, 2, 3, 40]))
    if kind == Field.TYPE_FLOAT:
        return real(rng, 32)
    if kind == Field.TYPE_DOUBLE:
        return real(rng, 64)
    # An enum, now and then with a number that is not declared.
    return rng.choice([value.number for value in field.enum_type.values] + [77, -5])


def fill_known(rng, pool, message):
    name = message.DESCRIPTOR.full_name
    if name == "google.protobuf.Timestamp":
        message.seconds = rng.choice([0, -62135596800, 253402300799,
                                      rng.randint(-62135596800, 253402300799)])
        message.nanos = rng.choice([0, 1, 10**6, 123456000, 999999999])
    elif name == "google.protobuf.Duration":
        sign = rng.choice([1, -1])
        message.seconds = sign * rng.choice([0, 1, 315576000000, rng.randint(0, 10**6)])
        message.nanos = sign * rng.choice([0, 1, 10**6, 999999999])
        if abs(message.seconds) == 315576000000:
            message.nanos = 0
    elif name == "google.protobuf.FieldMask":
        message.paths.extend(rng.choice(["a", "given_name", "a.b_c.d", "x_y_z"])
                             for _ in range(rng.randint(0, 3)))
    elif name == "google.protobuf.Any":
        inner = message_class(pool, rng.choice(["google.protobuf.Timestamp",
                                                "google.protobuf.Duration",
                                                "google.protobuf.FieldMask"]))()
        fill_known(rng, pool, inner)
        message.type_url = "type.googleapis.com/" + inner.DESCRIPTOR.full_name
        message.value = inner.SerializeToString()
    else:
        return False
    return True


def fill(rng, pool, message, chance):
    if fill_known(rng, pool, message):
        return
    for field in message.DESCRIPTOR.fields:
        if rng.random() > chance:
            continue
        is_map = (field.message_type is not None
                  and field.message_type.GetOptions().map_entry)
        if is_map:
            key_field = field.message_type.fields_by_name["key"]
            value_field = field.message_type.fields_by_name["value"]
            for _ in range(rng.randint(0, 3)):
                key = scalar(rng, key_field)
                if value_field.message_type is not None:
                    fill(rng, pool, getattr(message, field.name)[key], chance)
                else:
                    getattr(message, field.name)[key] = scalar(rng, value_field)
        elif field.is_repeated:
            for _ in range(rng.randint(0, 4)):
                if field.message_type is not None:
                    fill(rng, pool, getattr(message, field.name).add(), chance)
                else:
                    getattr(message, field.name).append(scalar(rng, field))
        elif field.message_type is not None:
            getattr(message, field.name).SetInParent()
            fill(rng, pool, getattr(message, field.name), chance)
        else:
            setattr(message, field.name, scalar(rng, field))


# --- Commands --------------------------------------------------------------------------------------


def make(pool, seed, count):
    rng = random.Random(seed)
    for _ in range(count):
        message = message_class(pool)()
        fill(rng, pool, message, rng.choice([0.02, 0.1, 0.5, 1.0]))
        written = json_format.MessageToJson(
            message, indent=None, preserving_proto_field_name=rng.random() < 0.3,
            ensure_ascii=rng.random() < 0.5, descriptor_pool=pool)
        print(json.dumps({"wire": base64.b64encode(message.SerializeToString()).decode(),
                          "json": written}))


def canonical(message):
    return message.SerializeToString(deterministic=True)


def judge(pool, cases, results):
    wrong = 0
    checked = 0
    kind = message_class(pool)
    with open(cases) as source, open(results) as answers:
        for number, (case, answer) in enumerate(zip(source, answers, strict=True)):
            wire = base64.b64decode(json.loads(case)["wire"])
            expected = canonical(kind.FromString(wire))
            answer = json.loads(answer)
            for index, encoded in enumerate(answer["wire"]):
                checked += 1
                if canonical(kind.FromString(base64.b64decode(encoded))) != expected:
                    wrong += 1
                    print(f"case {number}: bytes {index} are another message")
            for index, written in enumerate(answer["json"]):
                checked += 1
                message = json_format.Parse(written, kind(), descriptor_pool=pool)
                if canonical(message) != expected:
                    wrong += 1
                    print(f"case {number}: JSON {index} is another message: {written[:2000]}")
    print(f"{checked} checked, {wrong} wrong")
    return 1 if wrong or not checked else 0


def accept(pool):
    for line in sys.stdin:
        try:
            message = json_format.Parse(line, message_class(pool)(), descriptor_pool=pool)
            print(base64.b64encode(canonical(message)).decode() or "empty")
        except Exception:  # whatever the reason, it was refused
            print("refused")


def main():
    command, descriptors, *rest = sys.argv[1:]
    pool = load(descriptors)
    if command == "make":
        make(pool, int(rest[0]), int(rest[1]))
    elif command == "judge":
        sys.exit(judge(pool, rest[0], rest[1]))
    elif command == "accept":
        accept(pool)
    else:
        sys.exit(__doc__)


main()
