"""Analysis of what upsamplers do: records and arrays in, frozen results out."""
