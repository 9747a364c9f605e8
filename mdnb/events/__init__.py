"""Events: what happened, told in order to each handler, never at the feed's expense."""
