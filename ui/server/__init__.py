"""What a request may be and cost, and what visitors leave behind."""
