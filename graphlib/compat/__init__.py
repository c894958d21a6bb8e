"""Running programs that were written for other libraries."""
