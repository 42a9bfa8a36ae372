"""The messages and methods of grpc.testing, read from a descriptor set at run time: generated Python
would be called `grpc.testing`, as a part of the grpc package itself."""

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory


class Protos:
    """What a file of `protoc --descriptor_set_out --include_imports` holds."""

    def __init__(self, path):
        self.pool = descriptor_pool.DescriptorPool()
        files = descriptor_pb2.FileDescriptorSet()
        with open(path, "rb") as file:
            files.ParseFromString(file.read())
        for one in files.file:
            self.pool.Add(one)

    def message(self, name):
        """The class of a message of grpc.testing."""
        return message_factory.GetMessageClass(
            self.pool.FindMessageTypeByName(f"grpc.testing.{name}")
        )

    def methods(self, service):
        """Each method of a service of grpc.testing: path, streams, classes of its messages."""
        found = self.pool.FindServiceByName(f"grpc.testing.{service}")
        for method in found.methods:
            yield Method(method)


class Method:
    def __init__(self, descriptor):
        self.name = descriptor.name
        self.path = f"/{descriptor.containing_service.full_name}/{descriptor.name}"
        self.kind = "_".join(
            "stream" if streams else "unary"
            for streams in (descriptor.client_streaming, descriptor.server_streaming)
        )
        self.request = message_factory.GetMessageClass(descriptor.input_type)
        self.response = message_factory.GetMessageClass(descriptor.output_type)

    def on(self, channel):
        """A function that calls the method."""
        return getattr(channel, self.kind)(
            self.path,
            request_serializer=self.request.SerializeToString,
            response_deserializer=self.response.FromString,
        )


def stub(protos, service, channel):
    """Every method of the service by its name."""
    return {method.name: method.on(channel) for method in protos.methods(service)}
