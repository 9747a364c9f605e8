"""What only a notebook needs: magics, progress, and the nesting of loops on request."""
