"""Ways out of supervision, each one really tried from a supervised process."""
