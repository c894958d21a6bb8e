"""From a plan to text.  Renderers are pure functions: nothing is decided here."""
