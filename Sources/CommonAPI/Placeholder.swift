enum CommonAPIPlaceholder {}
