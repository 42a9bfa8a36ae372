enum FeedPlaceholder {}
