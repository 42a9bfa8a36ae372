import Foundation
import GRPC

#if canImport(Glibc)
  import Glibc
#endif

/// What the kernel and the log know of this process, under the names Prometheus' clients use.
enum ProcessFigures {
  static func samples() -> [MetricSample] {
    var samples = [
      gauge("process_start_time_seconds", "When the process started (Unix time).", start),
      MetricSample(
        name: "process_cpu_seconds_total", help: "CPU time of user and system.", kind: .counter,
        value: cpuSeconds()),
      MetricSample(
        name: "clientele_log_lines_dropped_total",
        help: "Log lines that were not written: too many, or nobody took them.", kind: .counter,
        value: Double(LineLog.dropped)),
    ]
    if let pages = statm(1) {
      samples.append(
        gauge(
          "process_resident_memory_bytes", "Memory in use.",
          Double(pages) * Double(sysconf(Int32(_SC_PAGESIZE)))))
    }
    if let open = try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count {
      samples.append(gauge("process_open_fds", "Open file descriptors.", Double(open)))
    }
    var limit = rlimit()
    if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
      samples.append(
        gauge("process_max_fds", "File descriptors that may be open.", Double(limit.rlim_cur)))
    }
    if let threads = try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/task").count {
      samples.append(gauge("process_threads", "Threads.", Double(threads)))
    }
    return samples
  }

  private static let start = Date().timeIntervalSince1970

  private static func gauge(_ name: String, _ help: String, _ value: Double) -> MetricSample {
    MetricSample(name: name, help: help, kind: .gauge, value: value)
  }

  private static func cpuSeconds() -> Double {
    var usage = rusage()
    guard getrusage(RUSAGE_SELF.rawValue, &usage) == 0 else { return 0 }
    func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
    return seconds(usage.ru_utime) + seconds(usage.ru_stime)
  }

  /// A field of `/proc/self/statm`, in pages.
  private static func statm(_ index: Int) -> Int? {
    guard let text = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8) else {
      return nil
    }
    let fields = text.split(separator: " ")
    return fields.indices.contains(index) ? Int(fields[index]) : nil
  }
}
