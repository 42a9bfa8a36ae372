enum OrganizationAPIPlaceholder {}
