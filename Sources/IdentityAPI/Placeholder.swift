enum IdentityAPIPlaceholder {}
