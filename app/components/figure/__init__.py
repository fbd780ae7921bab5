"""A Plotly figure with its caption, numbers and print."""
