enum BenchAPIPlaceholder {}
