"""What operators switch while the gateway runs, kept in small files that every process follows."""
