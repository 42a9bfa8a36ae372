/// A result in words, for a terminal.
enum Summary {
  static func text(_ result: RunResult) -> String {
    var lines: [String] = []
    let total = result.total
    lines.append(
      "\(result.scenario.name): \(Spelling.fixed(result.load.measuredSeconds, 1)) s measured"
        + (result.endedEarly ? ", ended early" : ""))
    lines.append(
      "intended \(Spelling.short(total.intendedPerSecond))/s, good answers \(Spelling.short(total.goodPerSecond))/s, without one \(Spelling.fixed(total.errorShare * 100, 3)) %"
    )
    lines.append("")
    lines.append(table(result.calls.count > 1 ? result.calls + [total] : [total]))
    let codes = total.codes.map { "\($0.code) \($0.count)" }
    let notSent = total.notSent > 0 ? ["not sent \(total.notSent)"] : []
    lines.append("codes: " + (codes + notSent).joined(separator: ", "))
    for warning in result.warnings { lines.append("note: \(warning)") }
    for verdict in result.expectations {
      lines.append(
        "\(verdict.isMet ? "met    " : "NOT MET") \(verdict.expectation): \(verdict.found)")
    }
    return lines.joined(separator: "\n")
  }

  private static func table(_ rows: [RunResult.Figures]) -> String {
    let head = ["call", "arrivals", "good", "p50", "p90", "p99", "p99.9", "max"]
    let body = rows.map { row in
      let latency = row.latency
      let times = [latency.p50, latency.p90, latency.p99, latency.p999, latency.max].map {
        latency.count > 0 ? Spelling.time(microseconds: $0) : "–"
      }
      return [row.name, String(row.intended), String(row.good)] + times
    }
    return Columns.text([head] + body)
  }
}

/// Columns of a plain table: the first to the left, the others to the right.
enum Columns {
  static func text(_ rows: [[String]]) -> String {
    let count = rows.map(\.count).max() ?? 0
    let widths = (0..<count).map { column in
      rows.map { $0.count > column ? $0[column].count : 0 }.max() ?? 0
    }
    return rows.map { row in
      row.enumerated().map { index, cell in
        let pad = String(repeating: " ", count: widths[index] - cell.count)
        return index == 0 ? cell + pad : pad + cell
      }.joined(separator: "  ")
    }.joined(separator: "\n") + "\n"
  }
}
