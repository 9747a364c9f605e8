"""What is seen: live charts, and pictures of them for pages without a kernel."""
