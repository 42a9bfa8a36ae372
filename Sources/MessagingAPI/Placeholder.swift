enum MessagingAPIPlaceholder {}
