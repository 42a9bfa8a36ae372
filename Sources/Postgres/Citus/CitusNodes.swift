/// Commands for the other nodes of a Citus cluster, given on its coordinator.
enum CitusNodes {
  /// A statement of a `do` block: what follows is its node's own affair.
  static let keepToItself = "set local citus.enable_ddl_propagation = off;"

  /// A `do` block of statements.
  static func block(_ statements: String) -> String {
    "do $block$\nbegin\n  \(statements)\nend $block$"
  }

  /// The command that runs one on each worker, and fails with the words of those that refuse it.
  static func onWorkers(_ command: String) -> String {
    demand("nodename || ':' || nodeport", "run_command_on_workers($node$\(command)$node$)")
  }

  /// Where Citus puts a shard's name.
  static let shard = "%1$s"

  /// The same on each node that has a shard of a table; `shard` in the command stands for it.
  static func onShards(of table: String, _ command: String) -> String {
    demand(
      "'shard ' || shardid", "run_command_on_placements('\(table)', $node$\(command)$node$)")
  }

  private static func demand(_ place: String, _ call: String) -> String {
    """
    do $demand$
    declare refusals text;
    begin
      select string_agg(\(place) || ': ' || result, e'\\n') into refusals
      from \(call) where not success;
      if refusals is not null then raise exception '%', refusals; end if;
    end $demand$
    """
  }
}
