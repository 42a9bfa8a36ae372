import NIOCore

#if canImport(Glibc)
  import Glibc
#endif

extension Channel {
  /// Keeps the socket from processes that this one starts: a port would stay taken, and a peer
  /// without word of the end, for as long as they live. To be called on the event loop.
  func keepFromChildren() throws {
    _ = try pipeline.syncOperations.withUnsafeTransportIfAvailable(of: NIOBSDSocket.Handle.self) {
      fcntl($0, F_SETFD, FD_CLOEXEC)
    }
  }
}
