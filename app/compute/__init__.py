"""Everything that is computed and cached: the one place that knows Streamlit's caches."""
