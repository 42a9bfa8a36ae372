/// How the report looks: on screens light or dark as the reader has it, on paper light.
enum Style {
  static let css = """
    :root {
      color-scheme: light dark;
      --page: #f7f6f3; --card: #ffffff; --ink: #1b1b1a; --soft: #5c5b57; --rule: #e5e3de;
      --base: #b9b7b0;
      --s1: #2a78d6; --s2: #1baf7a; --s3: #d98f00; --s4: #7a5cc9; --s5: #e34948; --s6: #0f7b3a;
      --p50: #7fb2ee; --p99: #1f68c1; --max: #9a9994;
      --good: #0c8a3e; --bad: #d5423f;
    }
    @media (prefers-color-scheme: dark) {
      :root {
        --page: #131312; --card: #1d1d1b; --ink: #f1f0ec; --soft: #a9a7a0; --rule: #32312e;
        --base: #5d5b56;
        --s1: #4a94ec; --s2: #1fb583; --s3: #d9a02a; --s4: #a793ee; --s5: #ee6f6d; --s6: #4fb36f;
        --p50: #9cc6f5; --p99: #4a94ec; --max: #7d7b75;
        --good: #3fbf75; --bad: #ee6f6d;
      }
    }
    * { box-sizing: border-box; }
    body {
      margin: 0; background: var(--page); color: var(--ink);
      font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif;
    }
    main { max-width: 1180px; margin: 0 auto; padding: 32px 20px 56px; }
    h1 { font-size: 28px; line-height: 1.2; margin: 0 0 6px; letter-spacing: -0.01em; }
    h2 { font-size: 16px; margin: 0 0 2px; }
    p { margin: 0; }
    .soft { color: var(--soft); }
    .about { max-width: 70ch; margin-bottom: 4px; }
    .facts { font-size: 13px; color: var(--soft); margin-bottom: 22px; }
    .verdicts { list-style: none; margin: 0 0 18px; padding: 0; display: flex; flex-wrap: wrap;
      gap: 8px; }
    .verdicts li { border: 1px solid currentColor; border-radius: 999px; padding: 3px 12px;
      font-size: 14px; font-variant-numeric: tabular-nums; }
    .met { color: var(--good); } .unmet { color: var(--bad); font-weight: 600; }
    .verdicts span { color: var(--ink); font-weight: 400; }
    .notes { border-left: 3px solid var(--s3); background: var(--card); padding: 10px 14px;
      margin-bottom: 18px; border-radius: 0 8px 8px 0; }
    .notes p + p { margin-top: 6px; }
    .tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(130px, 1fr));
      gap: 12px; margin-bottom: 18px; }
    .tile, figure, .card { background: var(--card); border: 1px solid var(--rule);
      border-radius: 10px; }
    .tile { padding: 12px 14px; }
    .tile b { display: block; font-size: 22px; font-weight: 600; line-height: 1.25;
      white-space: nowrap; }
    .tile span { font-size: 13px; color: var(--soft); }
    .tile.alarm b { color: var(--bad); }
    .plots { display: grid; gap: 18px; margin-bottom: 18px;
      grid-template-columns: repeat(auto-fit, minmax(min(100%, 480px), 1fr)); }
    figure { margin: 0; padding: 16px 16px 8px; }
    figcaption p { font-size: 13px; color: var(--soft); min-height: 1.5em; }
    svg { display: block; width: 100%; height: auto; margin-top: 8px; }
    .legend { display: flex; flex-wrap: wrap; gap: 2px 14px; font-size: 13px; margin-top: 4px; }
    .legend i { display: inline-block; width: 14px; height: 3px; border-radius: 2px;
      vertical-align: middle; margin-right: 6px; background: currentColor; }
    .legend i.box { height: 10px; width: 10px; }
    .legend i.dashed { background: repeating-linear-gradient(90deg, currentColor 0 4px,
      transparent 4px 7px); }
    .legend span span { color: var(--ink); }
    .grid { stroke: var(--rule); stroke-width: 1; }
    .base { stroke: var(--base); stroke-width: 1; }
    .tick { fill: var(--soft); font-size: 12px; font-variant-numeric: tabular-nums; }
    .end { text-anchor: end; } .middle { text-anchor: middle; }
    .line { fill: none; stroke: currentColor; stroke-width: 2; stroke-linejoin: round;
      stroke-linecap: round; }
    .thin { stroke-width: 1.25; }
    .asked { color: var(--ink); stroke-width: 1.5; stroke-dasharray: 5 4; stroke-linecap: butt; }
    .area { stroke: none; fill: currentColor; fill-opacity: .16; }
    .fill { fill: currentColor; }
    .dot { fill: currentColor; stroke: var(--card); stroke-width: 1.5; }
    .touch { fill: transparent; }
    .touch:hover { fill: var(--ink); fill-opacity: .06; }
    .s1 { color: var(--s1); } .s2 { color: var(--s2); } .s3 { color: var(--s3); }
    .s4 { color: var(--s4); } .s5 { color: var(--s5); } .s6 { color: var(--s6); }
    .all { color: var(--ink); } .p50 { color: var(--p50); } .p99 { color: var(--p99); }
    .max { color: var(--max); } .good { color: var(--s1); } .bad { color: var(--bad); }
    .card { padding: 16px; margin-bottom: 18px; }
    .wide { overflow-x: auto; }
    table { border-collapse: collapse; width: 100%; font-size: 14px;
      font-variant-numeric: tabular-nums; margin-top: 6px; }
    th { font-weight: 500; color: var(--soft); text-align: right; font-size: 13px; }
    td { text-align: right; white-space: nowrap; }
    th, td { padding: 6px 10px; border-bottom: 1px solid var(--rule); }
    tr:last-child td { border-bottom: 0; }
    th:first-child, td:first-child { text-align: left; padding-left: 0; }
    th:last-child, td:last-child { padding-right: 0; }
    td small { display: block; color: var(--soft); font-size: 12px; white-space: normal;
      min-width: 16ch; }
    tr.sum td { font-weight: 600; }
    .none { padding: 60px 0 76px; text-align: center; color: var(--soft); }
    details { margin-top: 4px; } summary { cursor: pointer; font-weight: 600; font-size: 16px; }
    pre { overflow-x: auto; font: 13px/1.45 ui-monospace, "SF Mono", Menlo, Consolas, monospace;
      margin: 12px 0 0; }
    dl { display: grid; grid-template-columns: max-content 1fr; gap: 4px 18px; margin: 8px 0 0;
      font-size: 14px; }
    dt { color: var(--soft); } dd { margin: 0; }
    @media print {
      :root { color-scheme: light; --page: #fff; --card: #fff; --ink: #000; --soft: #444;
        --rule: #ccc; --base: #888; --s1: #2a78d6; --s2: #12805a; --s3: #a86f00; --s4: #5b3fae;
        --s5: #c22f2e; --s6: #0f5d2e; --p50: #6aa0de; --p99: #1a57a3; --max: #777;
        --good: #0a6e31; --bad: #b52d2b; }
      body { font-size: 13px; }
      main { max-width: none; padding: 0; }
      .tiles { grid-template-columns: repeat(7, 1fr); gap: 8px; }
      .tile { padding: 8px 10px; } .tile b { font-size: 17px; }
      .plots { grid-template-columns: 1fr 1fr; gap: 10px; }
      figure, .tile, .card, tr { break-inside: avoid; }
      .wide { overflow: visible; }
      table { font-size: 12px; } th, td { padding: 4px 6px; }
      td small { font-size: 11px; }
      .touch { display: none; }
      @page { size: A4 landscape; margin: 11mm; }
    }
    """
}
