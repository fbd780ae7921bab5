"""Components that run in the browser, each beside its JavaScript, CSS and HTML."""
