enum ClientDirectoryAPIPlaceholder {}
