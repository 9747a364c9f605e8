"""Events: delivered in order to each handler, without slowing the feed."""
