enum ServiceStoragePlaceholder {}
