"""Who is tested on whom, what came of it, and how sure one can be."""
