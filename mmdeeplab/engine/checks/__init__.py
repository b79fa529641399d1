"""What a run is set to, looked at before its first step."""
