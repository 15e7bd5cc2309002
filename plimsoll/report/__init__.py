"""What a run leaves behind for people: tables, pictures and one JSON file."""
