"""The Streamlit app: what upsamplers do to your own photograph."""
